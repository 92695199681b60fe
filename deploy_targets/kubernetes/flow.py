"""What both targets on Kubernetes do alike: plan, apply, watch, put back, delete."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar

from ...errors import AlreadyExists, Conflict, InvalidState, MlpackError, NotFound
from ..base import Deployment, DeployRequest, Plan, Report, ignore, say
from ..lock import lock
from ..options import read_options
from . import common, output, source
from .checks import check
from .cluster import Cluster, is_ours
from .common import MANAGED, Manifest, Notes, hidden
from .logs import log_lines
from .options import ClusterOptions
from .owned import owned
from .source import Source

Options = TypeVar("Options", bound=ClusterOptions)
_PLACE = ("context", "kubeconfig", "namespace")


class ClusterTarget(ABC, Generic[Options]):
    """A `PlacedTarget` whose deployments are objects of a cluster.

    Args:
        place: context, kubeconfig and namespace, for what takes a name alone.
    """

    name: str
    options: type[Options]
    kind: str  # of the object that a deployment is known by
    others: Sequence[str] = ()  # further kinds that one may consist of
    container: str  # that answers

    def __init__(self, place: Mapping[str, Any] | None = None) -> None:
        self._place = {key: value for key, value in (place or {}).items() if key in _PLACE}

    def at(self, place: Mapping[str, Any]) -> ClusterTarget[Options]:
        """See `PlacedTarget.at`."""
        return type(self)({**self._place, **place})

    def plan(self, request: DeployRequest) -> Plan:
        """See `DeployTarget.plan`.

        The cluster is asked to try the manifests without keeping anything.
        """
        options = self._read(request)
        found = self._source(request, options)
        if options.output is not None:
            return self._plan_files(request, options, found)
        with self._cluster(options) as cluster:
            there = self._there(cluster, request.name)
            current = there.get(self.kind)
            wanted = self._wanted(request, options, found)
            manifests = self._manifests(request, options, found.reference, wanted, current)
            tried = [cluster.apply(each, dry_run=True) for each in manifests]
            if current is not None and self._noted(current) == wanted:
                # of an image that is yet to be built the main object cannot be compared
                known = found.spec is None or found.is_pinned
                left_out = () if known else (self.kind,)
                # a deployment of no pods is stopped, and so it was asked for
                well = self._describe(cluster, current).status in ("healthy", "stopped")
                if well and _same(there, tried, left_out):
                    return Plan("none", [], self._details(cluster, manifests))
            steps = [
                *self._image_steps(found),
                *(f"apply the {each['kind']} {each['metadata']['name']}" for each in manifests),
                f"wait until it answers (at most {options.timeout:g} s)",
                *(["put back what ran before if it does not"] if current else []),
            ]
            details = self._details(cluster, manifests)
            return Plan("update" if current else "create", steps, details, self._paid(options))

    def create(self, request: DeployRequest, report: Report = ignore) -> Deployment:
        """See `DeployTarget.create`."""
        return self._make(request, report, must_exist=False)

    def update(self, request: DeployRequest, report: Report = ignore) -> Deployment:
        """See `DeployTarget.update`."""
        return self._make(request, report, must_exist=True)

    def rollback(self, name: str, report: Report = ignore) -> Deployment:
        """See `DeployTarget.rollback`."""
        with self._cluster() as cluster, lock(name, self.name, cluster.place):
            current = self._need(cluster, name)
            say(report, "Putting back what ran before")
            applied = self._put_back(cluster, current)
            try:
                self._wait(cluster, applied, self.options(), report)
            except Conflict:
                raise  # it is somebody else's now
            except BaseException:
                say(report, "It does not answer; what ran goes on")
                with suppress(MlpackError):
                    cluster.apply(owned(current))
                raise
            return self.get(name)

    def delete(self, name: str, report: Report = ignore, *, force: bool = False) -> None:
        """See `DeployTarget.delete`."""
        with self._cluster() as cluster, lock(name, self.name, cluster.place):
            if not force:
                self._need(cluster, name)
            elif cluster.find(self.kind, name) is None:
                raise self._missing(cluster, name)
            # what receives requests first, then what answers them
            for kind in (*reversed(self.others), self.kind):
                found = cluster.find(kind, name)
                if found is not None and (force or is_ours(found)):
                    say(report, f"Deleting the {kind} {name}")
                    cluster.delete(kind, name)

    def list(self) -> Sequence[Deployment]:
        """See `DeployTarget.list`."""
        with self._cluster() as cluster:
            found = cluster.all_of(self.kind, {MANAGED: common.OURS})
            return sorted(
                (self._describe(cluster, each) for each in found), key=lambda each: each.name
            )

    def get(self, name: str) -> Deployment:
        """See `DeployTarget.get`."""
        with self._cluster() as cluster:
            return self._describe(cluster, self._need(cluster, name))

    def logs(self, name: str, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """See `DeployTarget.logs`."""
        with self._cluster() as cluster:
            self._need(cluster, name)
            yield from log_lines(cluster, self._pod_labels(name), self.container, tail, follow)

    # --- what the targets do in their own way ---------------------------------------------------

    @abstractmethod
    def _manifests(
        self,
        request: DeployRequest,
        options: Options,
        image: str,
        wanted: str,
        current: Manifest | None,
    ) -> Sequence[Manifest]:
        """All objects, in the order to apply."""

    @abstractmethod
    def _noted(self, found: Manifest) -> str:
        """The digest of what was asked for when the object was made."""

    @abstractmethod
    def _annotations(self, found: Manifest) -> Mapping[str, str]:
        """Where the object has the notes of the model."""

    @abstractmethod
    def _wait(
        self, cluster: Cluster, applied: Manifest, options: ClusterOptions, report: Report
    ) -> None:
        """Return when it answers; raises `DeployFailed`."""

    @abstractmethod
    def _put_back(self, cluster: Cluster, current: Manifest) -> Manifest:
        """Make the object what it was before; raises `InvalidState` if it was nothing."""

    @abstractmethod
    def _status(self, cluster: Cluster, found: Manifest) -> tuple[Any, str | None, dict[str, Any]]:
        """Status, endpoint and details."""

    @abstractmethod
    def _pod_labels(self, name: str) -> Mapping[str, str]:
        """What finds its pods."""

    def _source(self, request: DeployRequest, options: Options) -> Source:
        """The image that it runs."""
        return source.find_source(request, options)

    def _paid(self, options: Options) -> Sequence[str]:
        """What costs money beyond the nodes that are there."""
        return []

    # --- and alike ------------------------------------------------------------------------------

    def _make(self, request: DeployRequest, report: Report, *, must_exist: bool) -> Deployment:
        options = self._read(request)
        found = self._source(request, options)
        if options.output is not None:
            return self._write(request, options, found, report)
        with self._cluster(options) as cluster, lock(request.name, self.name, cluster.place):
            there = self._there(cluster, request.name)
            current = there.get(self.kind)
            if current is None and must_exist:
                raise self._missing(cluster, request.name)
            if current is not None and not must_exist:
                raise AlreadyExists(f"There is a deployment {request.name!r} already.")
            image = source.publish(found, request, options, report)
            wanted = self._wanted(request, options, found)
            manifests = self._manifests(request, options, image, wanted, current)
            self._apply(cluster, request, options, manifests, wanted, there, report)
            return self._describe(cluster, self._need(cluster, request.name))

    def _apply(
        self, cluster: Cluster, request: DeployRequest, options: Options,
        manifests: Sequence[Manifest], wanted: str, before: Mapping[str, Manifest], report: Report,
    ) -> None:  # fmt: skip
        """Apply and watch; what fails is undone."""
        try:
            main: Manifest = {}
            for each in manifests:
                say(report, f"Applying the {each['kind']} {each['metadata']['name']}")
                applied = cluster.apply(each)
                main = applied if each["kind"] == self.kind else main
            if request.wait:
                self._wait(cluster, main, options, report)
        except BaseException:
            self._undo(cluster, request.name, wanted, before, report)
            raise
        for kind in set(self.others) - {each["kind"] for each in manifests}:
            left = cluster.find(kind, request.name)
            if left is not None and is_ours(left):
                say(report, f"Deleting the {kind} {request.name}, which is no longer asked for")
                cluster.delete(kind, request.name)

    def _undo(
        self, cluster: Cluster, name: str, wanted: str, before: Mapping[str, Manifest],
        report: Report,
    ) -> None:  # fmt: skip
        """Put back what was before, unless somebody else has changed it since we did."""
        former = before.get(self.kind)
        noted = self._noted(former) if former else None
        with suppress(MlpackError):  # the first error is the one to tell
            now = cluster.find(self.kind, name)
            if now is not None and self._noted(now) not in (wanted, noted):
                return
            say(report, "Putting back what ran before" if former else "Removing what was made")
            for kind in (*reversed(self.others), self.kind):
                if former is not None and kind in before:
                    manifest = owned(before[kind])
                    if kind == self.kind and noted != wanted:
                        manifest["metadata"].setdefault("annotations", {})[common.FAILED] = wanted
                    cluster.apply(manifest)
                    continue
                found = cluster.find(kind, name)
                if found is not None and is_ours(found):
                    cluster.delete(kind, name)

    def _read(self, request: DeployRequest) -> Options:
        options = read_options(self.options, {**self._place, **request.options}, self.name)
        check(request.name, options)
        return options

    @contextmanager
    def _cluster(self, options: Options | None = None) -> Iterator[Cluster]:
        place = {key: getattr(options, key, None) for key in _PLACE} if options else self._place
        cluster = Cluster(place.get("kubeconfig"), place.get("context"), place.get("namespace"))
        try:
            yield cluster
        finally:
            cluster.close()

    def _wanted(self, request: DeployRequest, options: Options, found: Source) -> str:
        manifests = self._manifests(request, options, found.key, "", None)
        return source.wanted(found, manifests)

    def _there(self, cluster: Cluster, name: str) -> dict[str, Manifest]:
        """The objects by kind as they are; none may be somebody else's, or about to go."""
        there = {}
        for kind in (self.kind, *self.others):
            found = cluster.find(kind, name)
            if found is None:
                continue
            if not is_ours(found):
                raise AlreadyExists(
                    f"The {kind} {name!r} in the namespace {cluster.namespace!r} was not made by "
                    "mlpack. Choose another name or namespace, or delete it yourself."
                )
            if found["metadata"].get("deletionTimestamp"):
                raise InvalidState(
                    f"The {kind} {name!r} is being deleted. Try again when it is gone."
                )
            there[kind] = found
        return there

    def _need(self, cluster: Cluster, name: str) -> Manifest:
        found = cluster.find(self.kind, name)
        if found is None or not is_ours(found):
            raise self._missing(cluster, name)
        return found

    def _missing(self, cluster: Cluster, name: str) -> NotFound:
        known = sorted(
            each["metadata"]["name"] for each in cluster.all_of(self.kind, {MANAGED: common.OURS})
        )
        hint = f"There are: {', '.join(known)}." if known else "There are none."
        return NotFound(f"mlpack deployed no {name!r} in {cluster.namespace!r}. {hint}")

    def _describe(self, cluster: Cluster, found: Manifest) -> Deployment:
        notes = self._annotations(found)
        status, endpoint, details = self._status(cluster, found)
        if found["metadata"].get("deletionTimestamp"):
            status = "deleting"
        image = notes.get(common.IMAGE, "")
        told = {
            "model_id": notes.get(common.MODEL_ID),
            "model_name": notes.get(common.MODEL_NAME),
            "model_version": notes.get(common.MODEL_VERSION),
            "image_digest": image.partition("@")[2] or None,
            "place": f"{cluster.context}/{cluster.namespace}",
        }
        return Deployment(
            name=found["metadata"]["name"],
            target=self.name,
            status=status,
            endpoint=endpoint,
            model_uri=notes.get(common.URI, ""),
            model_digest=notes.get(common.DIGEST),
            image=image,
            created=str(found["metadata"].get("creationTimestamp", "")),
            details={**{key: value for key, value in told.items() if value}, **details},
        )

    def _notes(self, request: DeployRequest, image: str, wanted: str) -> Notes:
        return source.notes(request, image, wanted)

    @staticmethod
    def _image_steps(found: Source) -> Sequence[str]:
        if not found.reference:
            return []  # what KServe runs itself
        if found.spec is None:
            return [f"use the image {found.reference}"]
        return [f"build the image and push it as {found.reference}"]

    @staticmethod
    def _details(cluster: Cluster, manifests: Sequence[Manifest]) -> dict[str, Any]:
        return {
            "cluster": cluster.host,
            "context": cluster.context,
            "namespace": cluster.namespace,
            "manifests": [hidden(each) for each in manifests],
        }

    def _plan_files(self, request: DeployRequest, options: Options, found: Source) -> Plan:
        manifests = self._manifests(request, options, found.reference, "", None)
        steps = [*self._image_steps(found), f"write the manifests to {options.output}"]
        return Plan("create", steps, {"manifests": [hidden(each) for each in manifests]})

    def _write(
        self, request: DeployRequest, options: Options, found: Source, report: Report
    ) -> Deployment:
        """The manifests as files; the cluster is not asked."""
        if options.output is None:
            raise InvalidState("No folder was named.")
        image = source.publish(found, request, options, report)
        wanted = self._wanted(request, options, found)
        manifests = self._manifests(request, options, image, wanted, None)
        files = output.write(manifests, options.output)
        say(report, f"Wrote {len(files)} files to {options.output}")
        return Deployment(
            name=request.name,
            target=self.name,
            status="unknown",
            endpoint=None,
            model_uri=request.model_uri,
            model_digest=request.model_digest,
            image=image,
            created="",
            details={
                "files": [str(each) for each in files],
                "label": f"{common.NAME}={request.name}",
            },
        )


def _same(
    there: Mapping[str, Manifest], tried: Sequence[Manifest], left_out: Sequence[str]
) -> bool:
    """Whether applying what was tried would change nothing."""
    if set(there) != {each["kind"] for each in tried}:
        return False
    return all(
        _told(there[each["kind"]]) == _told(each) for each in tried if each["kind"] not in left_out
    )


def _told(found: Manifest) -> Any:
    about = found["metadata"]
    annotations = dict(about.get("annotations") or {})
    annotations.pop(common.FAILED, None)
    return found.get("spec"), about.get("labels") or {}, annotations
