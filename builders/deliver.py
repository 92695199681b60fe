"""Takes a finished image to where it should go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import EngineUnavailable
from .base import BuildSpec, Output, Progress, Report, ignore

if TYPE_CHECKING:
    from .oci.cache import Cache
    from .oci.image import Bundle
    from .publish import Credentials

NOWHERE = (
    "Say where the image shall go: --push puts it into the registry that its name begins with, "
    "--output layout:FOLDER writes an OCI image layout, --output archive:FILE a file for "
    "`docker load`."
)


@dataclass(frozen=True)
class Delivered:
    """Where an image went.

    Attributes:
        places: in words.
        sent: bytes of each blob that a registry did not have yet, by digest; None when no
            registry was asked.
        uploaded: bytes that were sent in all.
        mounted: digests of blobs that the registry took from another of its repositories.
    """

    places: tuple[str, ...] = ()
    sent: Mapping[str, int] | None = None
    uploaded: int = 0
    mounted: frozenset[str] = frozenset()

    def of(self, digests: Iterable[str]) -> int | None:
        """Bytes of these blobs that were sent to a registry; None when none was asked."""
        if self.sent is None:
            return None
        return sum(self.sent.get(digest, 0) for digest in set(digests))


@dataclass
class Delivery:
    """An engine if one is needed, connected before the work begins rather than after it.

    Attributes:
        outputs: where the image goes.
        credentials: of the registry.
        client: of the engine.
    """

    outputs: Sequence[Output]
    credentials: Credentials | None = None
    client: Any = field(default=None, repr=False)

    def __enter__(self) -> Delivery:
        return self

    def __exit__(self, *_: object) -> None:
        if self.client is not None:
            self.client.close()

    def send(
        self, bundle: Bundle, report: Report = ignore, cache: Cache | None = None
    ) -> Delivered:
        """Take an image to all its places.

        Args:
            bundle: the image.
            report: told how far it is.
            cache: remembers what an engine or a registry has now.

        Raises:
            StorageFailed: a folder or file cannot be written.
            InvalidInput: a folder or file holds something else.
            RegistryFailed: the registry refused.
            EngineUnavailable: the engine does not answer any more.
        """
        places: list[str] = []
        sent: dict[str, int] | None = None
        uploaded = 0
        mounted: frozenset[str] = frozenset()
        for output in self.outputs:
            if output.kind == "registry":
                from .remote.push import push

                report(Progress("part", f"Pushing to {bundle.name}"))
                pushed = push(
                    bundle,
                    bundle.name,
                    credentials=self.credentials,
                    report=report,
                    cache=cache,
                )
                sent = {blob.digest: blob.sent for blob in pushed.blobs}
                mounted = frozenset(b.digest for b in pushed.blobs if b.how == "mounted")
                uploaded = pushed.uploaded
                places.append(bundle.name)
            else:
                places.append(self._here(bundle, output, report, cache))
        return Delivered(tuple(places), sent, uploaded, mounted)

    def _here(self, bundle: Bundle, output: Output, report: Report, cache: Cache | None) -> str:
        if output.kind == "engine":
            from .oci.cache import Cache
            from .oci.engine import load

            # remembered, so that `mlpack verify` need not get it from the engine
            load(bundle, self.client, report, cache=Cache.of_user())
            return "docker engine"
        assert output.path is not None
        if output.kind == "layout":
            from .oci.layout import write_layout

            write_layout(bundle, output.path, report)
        else:
            from .oci.archive import write_archive

            write_archive(bundle, output.path, report)
        return str(output.path)


def prepare_delivery(spec: BuildSpec, credentials: Credentials | None = None) -> Delivery:
    """See to it that an image can go where it should, before it is made.

    Raises:
        EngineUnavailable: it should go to an engine, and none answers; without any place named,
            the message tells the other ones.
        RegistryFailed: it should go to a registry, which does not answer or let us in.
    """
    outputs = tuple(spec.outputs) or (Output("engine"),)
    if any(output.kind == "registry" for output in outputs):
        from .remote.push import check_access

        check_access(spec.name, credentials)
    if not any(output.kind == "engine" for output in outputs):
        return Delivery(outputs, credentials)
    from .engine import connect

    try:
        return Delivery(outputs, credentials, connect())
    except EngineUnavailable as error:
        if spec.outputs:
            raise
        raise EngineUnavailable(f"{error.message} {NOWHERE}") from None
