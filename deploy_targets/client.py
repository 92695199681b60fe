"""``mlpack.deployments``: deployments from Python, by the names that MLflow's users type.

    from mlpack.deployments import get_deploy_client

    client = get_deploy_client("local")
    client.create_deployment("churn", "models:/churn@champion", config={"port": 8080})
    client.predict("churn", rows).get_predictions()

The argument names are those of ``mlflow.deployments.BaseDeploymentClient``. What costs money is
made without asking: calling `create_deployment` says that it shall be.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from ..errors import InvalidInput, NotFound
from . import deploying
from .base import DeployTarget, Report, ignore
from .discovery import get_target, split_uri

__all__ = [
    "DeployClient",
    "PredictionsResponse",
    "get_deploy_client",
    "get_deployments_target",
    "set_deployments_target",
]

_chosen: str | None = None


def set_deployments_target(target: str) -> None:
    """The target that `get_deploy_client` takes when none is given."""
    global _chosen
    _chosen = target


def get_deployments_target() -> str:
    """What was set, or the environment variable MLFLOW_DEPLOYMENTS_TARGET.

    Raises:
        InvalidInput: neither is.
    """
    for name in ("MLPACK_DEPLOYMENTS_TARGET", "MLFLOW_DEPLOYMENTS_TARGET"):
        if found := _chosen or os.environ.get(name):
            return found
    raise InvalidInput(
        "No target of deployments is set. Name one: get_deploy_client('local'), or set "
        "MLPACK_DEPLOYMENTS_TARGET."
    )


def get_deploy_client(target_uri: str | None = None) -> DeployClient:
    """A client of one target.

    Args:
        target_uri: a target's name (``local``), also with where it is
            (``sagemaker:/?region=eu-west-1``, ``sagemaker:/eu-west-1``).

    Raises:
        NotFound: no such target is installed; names the nearest.
        InvalidInput: none is given and none is set.
    """
    return DeployClient(target_uri or get_deployments_target())


class PredictionsResponse(dict[str, Any]):
    """A deployment's answer as it came: ``{"predictions": …}``."""

    def get_predictions(self, predictions_format: str = "dataframe", dtype: Any = None) -> Any:
        """The predictions as a DataFrame, or with ``ndarray`` as an array.

        Raises:
            InvalidInput: the format is another.
        """
        found = self["predictions"]
        if predictions_format == "ndarray":
            import numpy as np

            return np.array(found, dtype)
        if predictions_format != "dataframe":
            raise InvalidInput(f"{predictions_format!r} is neither 'dataframe' nor 'ndarray'.")
        import pandas as pd

        if isinstance(found, Mapping) and not any(isinstance(v, list) for v in found.values()):
            return pd.DataFrame(found, index=[0])
        return pd.DataFrame([found] if isinstance(found, str) else found)

    def to_json(self, path: str | None = None) -> str | None:
        """As JSON; into a file, if one is named."""
        text = json.dumps(dict(self))
        if path is None:
            return text
        from pathlib import Path

        Path(path).write_text(text, encoding="utf-8")
        return None


class DeployClient:
    """Deployments on one target. Made by `get_deploy_client`.

    Args:
        target_uri: see `get_deploy_client`.
        report: called with what happens.
    """

    def __init__(self, target_uri: str, report: Report = ignore) -> None:
        self.target_uri = target_uri
        self.report = report
        name, self._place = split_uri(target_uri)
        self._plain = get_target(name)
        self._target: DeployTarget = get_target(target_uri) if self._place else self._plain

    def create_deployment(
        self,
        name: str,
        model_uri: str,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        """Deploy a model, and wait until it answers.

        Args:
            name: of the deployment.
            model_uri: any address of a model.
            flavor: taken and not needed: a model is served as what it is.
            config: settings of the target, as of ``-C``; and ``image``, ``wait``, ``builder``.
            endpoint: not supported: every deployment has its own.

        Raises:
            AlreadyExists: the name is taken.
            DeployFailed: it does not answer.
        """
        _no_endpoint(endpoint)
        planned, request = self._plan(name, model_uri, config)
        if planned.action == "update" or (planned.action == "none"):
            from ..errors import AlreadyExists

            raise AlreadyExists(f"There is a deployment {name!r} already: update_deployment.")
        done = deploying.deploy(self._plain, request, planned=planned, report=self.report)
        return {**done.deployment.to_dict(), "flavor": flavor}

    def update_deployment(
        self,
        name: str,
        model_uri: str | None = None,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> None:
        """Deploy another model, or other settings, under a name that exists.

        Args:
            name: of the deployment.
            model_uri: default: what is deployed.
            flavor: see `create_deployment`.
            config: see `create_deployment`.
            endpoint: see `create_deployment`.

        Raises:
            NotFound: there is no such deployment.
            DeployFailed: the new one does not answer; the old one still does.
        """
        _no_endpoint(endpoint)
        model_uri = model_uri or self._target.get(name).model_uri
        planned, request = self._plan(name, model_uri, config)
        if planned.action == "create":
            raise NotFound(f"There is no deployment {name!r} to update: create_deployment.")
        deploying.deploy(self._plain, request, planned=planned, report=self.report)

    def delete_deployment(
        self, name: str, config: Mapping[str, Any] | None = None, endpoint: str | None = None
    ) -> None:
        """Remove a deployment; nothing happens if there is none.

        Args:
            name: of the deployment.
            config: may hold ``force``.
            endpoint: see `create_deployment`.
        """
        _no_endpoint(endpoint)
        with suppress(NotFound):
            force = bool((config or {}).get("force"))
            deploying.delete(self._target, name, self.report, force=force)

    def list_deployments(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        """All that mlpack deployed there."""
        _no_endpoint(endpoint)
        return [each.to_dict() for each in self._target.list()]

    def get_deployment(self, name: str, endpoint: str | None = None) -> dict[str, Any]:
        """One deployment.

        Raises:
            NotFound: there is none of that name.
        """
        _no_endpoint(endpoint)
        return self._target.get(name).to_dict()

    def predict(
        self, deployment_name: str | None = None, inputs: Any = None, endpoint: str | None = None
    ) -> PredictionsResponse:
        """Predictions for data.

        Args:
            deployment_name: of the deployment.
            inputs: a DataFrame, an array, a dict, lists; or a request as /invocations takes it.
            endpoint: see `create_deployment`.

        Raises:
            InvalidInput: the data do not fit the model.
            ModelFailed: the model raised.
        """
        _no_endpoint(endpoint)
        if not deployment_name:
            raise InvalidInput("Which deployment? predict(deployment_name=…, inputs=…)")
        body = json.dumps(_request(inputs)).encode()
        answer = self._target.predict(deployment_name, body, "application/json")
        return PredictionsResponse(json.loads(answer.body))

    def rollback(self, name: str) -> dict[str, Any]:
        """Put back what ran before the last update."""
        return deploying.rollback(self._target, name, self.report).to_dict()

    def logs(self, name: str, tail: int | None = None, follow: bool = False) -> Iterator[str]:
        """A deployment's log, line by line."""
        return self._target.logs(name, tail, follow)

    def _plan(self, name: str, model_uri: str, config: Mapping[str, Any] | None) -> Any:
        from ..builders.base import BuildSpec
        from ..registry.resolve import resolve

        options = {**self._place, **(config or {})}
        image = options.pop("image", None)
        wait, builder = options.pop("wait", True), options.pop("builder", "auto")
        found = resolve(model_uri)
        spec = BuildSpec(
            found.path,
            f"mlpack-{name}",
            expected_digest=found.digest,
            expected_files=found.files,
            registered_name=found.name,
            registered_version=found.version,
        )
        request = deploying.request_for(
            spec, model_uri, name, options=options, image=image, wait=wait, builder=builder
        )
        return deploying.plan(self._plain, request), request


_REQUEST = {"dataframe_split", "dataframe_records", "instances", "inputs"}


def _request(inputs: Any) -> dict[str, Any]:
    from ..flavors.examples import as_request

    if isinstance(inputs, dict) and _REQUEST & set(inputs):
        return inputs
    return as_request(inputs)


def _no_endpoint(endpoint: str | None) -> None:
    if endpoint is not None:
        raise InvalidInput("Endpoints are not apart from deployments here: leave `endpoint` out.")
