"""Plan, agree, make, record: what the command line and Python's client call, whatever the target.

    target = get_target("local")
    request = request_for(spec, "models:/churn/3", "churn")
    done = deploy(target, request, agree=lambda plan: True)

Every change is noted in tracking beside the model that it is of (`records`). A note that cannot
be made is told, and is no failure: the deployment is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ..errors import DeployFailed, InvalidInput, MlpackError
from . import records
from .base import Deployment, DeployRequest, DeployTarget, Plan, Report, ignore
from .options import read_options, secrets_of, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..builders.base import BuildSpec

Agree = Callable[[Plan], bool]


@dataclass(frozen=True)
class Done:
    """What came of a request.

    Attributes:
        plan: what was to be done.
        deployment: what there is now.
    """

    plan: Plan
    deployment: Deployment

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"action": self.plan.action, **self.deployment.to_dict()}


def request_for(
    spec: BuildSpec,
    model_uri: str,
    name: str,
    *,
    options: Mapping[str, Any] | None = None,
    image: str | None = None,
    wait: bool = True,
    builder: str = "auto",
) -> DeployRequest:
    """What to ask a target for.

    Args:
        spec: the model, and the image to build of it.
        model_uri: as the user gave it.
        name: of the deployment.
        options: of the target.
        image: an image of the model that is there already, in place of one to build.
        wait: return only when it answers.
        builder: ``auto``, ``docker`` or ``oci``.
    """
    return DeployRequest(
        name,
        model_uri,
        image or spec,
        options or {},
        wait,
        builder,
        spec.model,
        spec.expected_digest,
        spec.registered_name,
        spec.registered_version,
    )


def plan(target: DeployTarget, request: DeployRequest) -> Plan:
    """What `deploy` would do; changes nothing.

    Raises:
        InvalidInput: the name or an option cannot be used.
        AlreadyExists: the name is taken by something that mlpack did not make.
        EngineUnavailable: the place cannot be reached.
    """
    with _hiding_secrets(target, request):
        return _there(target, request).plan(request)


def deploy(
    target: DeployTarget,
    request: DeployRequest,
    *,
    planned: Plan | None = None,
    agree: Agree | None = None,
    report: Report = ignore,
) -> Done:
    """Make a deployment what the request says, whether it is there already or not.

    Args:
        target: where.
        request: what.
        planned: the plan, if it was made already.
        agree: asked before anything that is paid for is made; None: it was agreed to.
        report: called with what happens.

    Raises:
        InvalidInput: the name or an option cannot be used, or what is to be paid for was not
            agreed to.
        DeployFailed: it does not answer; what ran before goes on.
        MlpackError: see `DeployTarget`.
    """
    with _hiding_secrets(target, request):
        target = _there(target, request)
        planned = planned or target.plan(request)
        if planned.action == "none":
            return Done(planned, target.get(request.name))
        if planned.paid and agree is not None and not agree(planned):
            raise InvalidInput("Nothing was made: what costs money was not agreed to.")
        before = _before(target, request.name) if planned.action == "update" else None
        act = target.update if planned.action == "update" else target.create
        deployment = act(request, report)
    state = "updated" if before else "deployed"
    if "files" in deployment.details:
        state = "written"  # what others may deploy: nothing of ours runs
    records.changed(before, deployment, state, records.model_of(request), report)
    return Done(planned, deployment)


def rollback(target: DeployTarget, name: str, report: Report = ignore) -> Deployment:
    """Put back what ran before the last update.

    Raises:
        NotFound: there is no such deployment.
        InvalidState: there is nothing before it.
        DeployFailed: it does not answer; what ran goes on.
    """
    before = target.get(name)
    deployment = target.rollback(name, report)
    records.changed(before, deployment, "rolled back", None, report)
    return deployment


def delete(
    target: DeployTarget, name: str, report: Report = ignore, *, force: bool = False
) -> None:
    """Remove a deployment.

    Raises:
        NotFound: there is no such deployment.
        AlreadyExists: it was not made by mlpack, and ``force`` is not set.
    """
    before = _before(target, name)
    target.delete(name, report, force=force)
    if before is not None:
        records.deleted(before, report)


def _there(target: DeployTarget, request: DeployRequest) -> DeployTarget:
    """The target in the place that the request's options name, for what takes a name alone."""
    if not hasattr(target, "at"):
        return target
    options: Any = read_options(target.options, request.options, target.name)
    named = {each.name for each in fields(options) if each.metadata.get("place")}
    found = {key: getattr(options, key) for key in sorted(named)}
    placed: DeployTarget = target.at({key: v for key, v in found.items() if v is not None})
    return placed


def _before(target: DeployTarget, name: str) -> Deployment | None:
    """What is there now, as far as the target can say: to be noted when it is replaced."""
    with suppress(MlpackError):
        return target.get(name)
    return None


@contextmanager
def _hiding_secrets(target: DeployTarget, request: DeployRequest) -> Iterator[None]:
    """What a place answers may repeat what it was sent: our errors do not."""
    secrets = secrets_of(read_options(target.options, request.options, target.name))
    try:
        yield
    except DeployFailed as error:
        if not secrets:
            raise
        raise DeployFailed(
            without_secrets(error.reason, secrets),
            [without_secrets(line, secrets) for line in error.log],
            without_secrets(error.advice, secrets),
        ) from None
    except MlpackError as error:
        hidden = without_secrets(error.message, secrets)
        if hidden == error.message:
            raise
        raise type(error)(hidden) from None
