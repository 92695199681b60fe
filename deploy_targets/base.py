"""What every deploy target takes, gives and reports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from ..builders.base import BuildSpec, Progress, Report, ignore
from ..errors import InvalidInput

__all__ = [
    "DeployRequest",
    "DeployTarget",
    "Deployment",
    "PlacedTarget",
    "Plan",
    "Prediction",
    "Progress",
    "Report",
    "check_name",
    "ignore",
    "say",
]

Status = Literal[
    "healthy", "starting", "updating", "unhealthy", "failed", "stopped", "deleting", "unknown"
]

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?")


@dataclass(frozen=True)
class DeployRequest:
    """What somebody wants to have running.

    Attributes:
        name: the deployment's name.
        model_uri: the address that the user gave, kept for the record.
        image: the image to build, or the name of one that is there already.
        options: settings of the target, as strings or as read from YAML.
        wait: return only when it answers.
        builder: what builds the image: ``auto``, ``docker`` or ``oci``; see `builders.choose`.
        model: the folder of the model, for targets that need no image; None where only an image
            is known.
        model_digest: of its files, as the user's own store has it on record.
        registered_name: of the registered model that it is a version of.
        registered_version: its number.
    """

    name: str
    model_uri: str
    image: BuildSpec | str
    options: Mapping[str, Any] = field(default_factory=dict)
    wait: bool = True
    builder: str = "auto"
    model: Path | None = None
    model_digest: str | None = None
    registered_name: str | None = None
    registered_version: int | None = None


@dataclass(frozen=True)
class Plan:
    """What a deployment would do.

    Attributes:
        action: ``create``, ``update`` when the name exists, ``none`` when it is so already
            (neither `DeployTarget.create` nor ``update`` is called then).
        steps: one line each, in order.
        details: exactly what would be sent, JSON-like; no secrets.
        paid: what costs money while it runs, one line each: ``2 × ml.m5.large, until deleted``.
            What is listed here is made only after the user agreed.
    """

    action: Literal["create", "update", "none"]
    steps: Sequence[str]
    details: Mapping[str, Any]
    paid: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "action": self.action,
            "steps": list(self.steps),
            "details": dict(self.details),
            "paid": list(self.paid),
        }


@dataclass(frozen=True)
class Deployment:
    """Something that was deployed.

    Attributes:
        name: its name.
        target: the target's name.
        status: ``healthy`` when it answers; ``starting`` and ``updating`` while the place is at
            work, ``failed`` when it gave up, ``unhealthy`` when what runs does not answer.
        endpoint: where it answers, None while it does not run.
        model_uri: the address that was deployed.
        model_digest: which bytes, if they were vouched for.
        image: the image it runs.
        created: RFC 3339.
        details: what only this target has; ``image_digest`` and ``place`` (a region, a workspace,
            a namespace) are recorded in tracking when they are there. ``model_id``,
            ``model_name`` and ``model_version`` (from the image's or the place's labels) say
            beside which model a change is recorded. ``files`` says that they were written, for
            others to deploy, and that nothing runs yet.
    """

    name: str
    target: str
    status: Status
    endpoint: str | None
    model_uri: str
    model_digest: str | None
    image: str
    created: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


@dataclass(frozen=True)
class Prediction:
    """A deployment's answer, as it came."""

    body: bytes
    content_type: str


class DeployTarget(Protocol):
    """A place where models run.

    Every method raises `EngineUnavailable` when the place cannot be reached, and those that take
    a name `NotFound` when nothing of ours has it. Importing the module of a target, and reading
    its ``options``, imports no client of the place: the help does that.

    Those that take a name alone look for it in the place that the user's ordinary configuration
    names (a profile, a context). A target of which that is not all is a `PlacedTarget`.
    """

    name: str
    options: type  # a frozen dataclass; see `options`

    def plan(self, request: DeployRequest) -> Plan:
        """What `create` or `update` would do; changes nothing.

        Raises:
            InvalidInput: the name or an option cannot be used.
            AlreadyExists: the name is taken by something that mlpack did not make.
        """

    def create(self, request: DeployRequest, report: Report = ...) -> Deployment:
        """Make a new deployment and wait until it answers.

        Raises:
            AlreadyExists: the name is taken.
            DeployFailed: it does not answer; says why in one line, with the end of its log and
                what to try. Nothing is left of it, or what a next try completes.
        """

    def update(self, request: DeployRequest, report: Report = ...) -> Deployment:
        """Replace a deployment, which goes on answering until the new one is known to.

        Raises:
            DeployFailed: the new one does not answer; the old one still does.
        """

    def rollback(self, name: str, report: Report = ...) -> Deployment:
        """Put back what ran before the last update.

        Raises:
            InvalidState: there is nothing before it.
            DeployFailed: it does not answer; what ran goes on.
        """

    def delete(self, name: str, report: Report = ..., *, force: bool = False) -> None:
        """Remove a deployment, and all that mlpack made for it.

        Args:
            name: the deployment's name.
            report: called with what happens.
            force: remove it although its tags do not say that mlpack made it.
        """

    def list(self) -> Sequence[Deployment]:
        """Everything that mlpack deployed there, by name."""

    def get(self, name: str) -> Deployment:
        """One deployment."""

    def predict(self, name: str, body: bytes, content_type: str) -> Prediction:
        """Ask a deployment.

        Raises:
            InvalidInput: it says that the request is wrong.
            ModelFailed: the model raised.
            DeployFailed: it does not answer.
        """

    def logs(self, name: str, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """Its log, line by line."""


class PlacedTarget(DeployTarget, Protocol):
    """A target with more than one place to look in: regions, workspaces, namespaces.

    ``mlpack deployments get --target sagemaker -n churn -C region=eu-west-1`` becomes
    ``get_target("sagemaker", {"region": "eu-west-1"}).get("churn")``. What may be given so are
    the options that are declared with ``place=True``.
    """

    def at(self, place: Mapping[str, Any]) -> DeployTarget:
        """The same target in another place.

        Args:
            place: the options with ``place=True`` that were given, of the declared types.
        """


def check_name(name: str) -> None:
    """Raises `InvalidInput` unless ``name`` can name a deployment on any target."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot name a deployment. Use 1 to 53 lower-case letters, digits and "
            "hyphens, no hyphen first or last."
        )


def say(report: Report, message: str) -> None:
    """Tell what is being done now, in one line."""
    report(Progress("part", message))
