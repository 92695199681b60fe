"""The `DeployTarget` ``sagemaker``: its face. botocore is imported when it is first used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..base import Deployment, DeployRequest, Plan, Prediction, Report, ignore
from .options import SagemakerOptions

if TYPE_CHECKING:
    from .actions import Actions
    from .watch import Patience


class SagemakerTarget:
    """Models on Amazon SageMaker; the package's docstring says which file does what.

    Args:
        region: for the methods that take no options; default: of the AWS configuration.
        profile: likewise.
        patience: how often the cloud is asked while something is made.
    """

    name = "sagemaker"
    options = SagemakerOptions

    def __init__(
        self,
        region: str | None = None,
        profile: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._region, self._profile, self._patience = region, profile, patience

    def at(self, place: Mapping[str, Any]) -> SagemakerTarget:
        """The same in another region, or with another profile."""
        if not any(place.values()):
            return self  # with the clients that it has already
        region, profile = place.get("region"), place.get("profile")
        return SagemakerTarget(region or self._region, profile or self._profile, self._patience)

    def plan(self, request: DeployRequest) -> Plan:
        """See `DeployTarget.plan`."""
        return self._actions.plan(request)

    def create(self, request: DeployRequest, report: Report = ignore) -> Deployment:
        """See `DeployTarget.create`.

        What an earlier run that was broken off made is used, not made again.
        """
        return self._actions.create(request, report)

    def update(self, request: DeployRequest, report: Report = ignore) -> Deployment:
        """See `DeployTarget.update`. SageMaker itself changes over without losing a request."""
        return self._actions.update(request, report)

    def rollback(self, name: str, report: Report = ignore) -> Deployment:
        """See `DeployTarget.rollback`."""
        return self._actions.rollback(name, report)

    def delete(self, name: str, report: Report = ignore, *, force: bool = False) -> None:
        """See `DeployTarget.delete`.

        Endpoint, scaling, configurations, models, their data in S3 and the repository that was
        made for it. What a broken delete left is removed by the next.
        """
        self._actions.delete(name, report, force=force)

    def list(self) -> Sequence[Deployment]:
        """See `DeployTarget.list`."""
        return self._actions.list()

    def get(self, name: str) -> Deployment:
        """See `DeployTarget.get`. Of a deployment without endpoint, its newest batch job."""
        return self._actions.get(name)

    def predict(
        self,
        name: str,
        body: bytes,
        content_type: str,
        *,
        target_model: str | None = None,
        target_variant: str | None = None,
    ) -> Prediction:
        """See `DeployTarget.predict`.

        Args:
            name: the deployment's name.
            body: of ``/invocations``.
            content_type: of the body.
            target_model: of a multi-model endpoint.
            target_variant: to ask in place of one by weight.
        """
        return self._actions.predict(name, body, content_type, target_model, target_variant)

    def logs(self, name: str, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """See `DeployTarget.logs`."""
        return self._actions.logs(name, tail, follow)

    @cached_property
    def _actions(self) -> Actions:
        try:
            from .actions import Actions
        except ImportError as error:
            from ...errors import MissingDependency

            raise MissingDependency(
                "The target 'sagemaker' needs boto3: pip install 'mlpack-toolkit[sagemaker]'"
            ) from error
        return Actions(self._region, self._profile, self._patience)
