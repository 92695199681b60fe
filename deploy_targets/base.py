"""What every deploy target takes, gives and reports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from ..builders.base import BuildSpec, Report, ignore
from ..errors import InvalidInput

__all__ = [
    "DeployRequest",
    "DeployTarget",
    "Deployment",
    "Plan",
    "Prediction",
    "Report",
    "check_name",
    "ignore",
]

Status = Literal["healthy", "starting", "unhealthy", "stopped"]

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
    """

    name: str
    model_uri: str
    image: BuildSpec | str
    options: Mapping[str, Any] = field(default_factory=dict)
    wait: bool = True


@dataclass(frozen=True)
class Plan:
    """What a deployment would do.

    Attributes:
        action: ``create``, ``update`` when the name exists, ``none`` when it is so already.
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
        status: ``healthy`` when it answers.
        endpoint: where it answers, None while it does not run.
        model_uri: the address that was deployed.
        model_digest: which bytes, if they were vouched for.
        image: the image it runs.
        created: RFC 3339.
        details: what only this target has.
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
    a name `NotFound` when nothing of ours has it.
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
            DeployFailed: it does not answer; the message ends with the end of its log, and
                nothing is left of it.
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


def check_name(name: str) -> None:
    """Raises `InvalidInput` unless ``name`` can name a deployment on any target."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot name a deployment. Use 1 to 53 lower-case letters, digits and "
            "hyphens, no hyphen first or last."
        )
