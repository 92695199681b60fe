"""Changing a workspace with azure-ai-ml, which takes seconds to import.

Its bodies come from the documents of documents.py, through its own loader and schema. Switched
off: its telemetry, its progress, the dots that its poller prints. Waiting is ours, so that people
see what Azure is doing, and a limit ends it.
"""

from __future__ import annotations

import io
import logging
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TextIO

from ...errors import DeployFailed, MissingDependency
from ..base import Report, ignore, say
from .arm import Arm
from .documents import Document
from .failures import azure_errors
from .options import BATCH

RETRIES = 6  # a lost connection is waited for 25 s
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
_TELL_EVERY = 15.0
_SECONDS = 600.0  # for what Azure usually does in one minute

Look = Callable[[], str]


class Sdk:
    """The workspace of an `Arm`, to change."""

    def __init__(self, arm: Arm) -> None:
        self._arm = arm

    @cached_property
    def client(self) -> Any:
        """An `MLClient` that says nothing and tells nobody."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                from azure.ai.ml import MLClient
        except ImportError as error:
            raise MissingDependency(
                f"The deploy target 'azureml' needs azure-ai-ml ({error}): "
                "pip install 'mlpack-toolkit[azureml]'"
            ) from None
        place, cloud = self._arm.place, self._arm.cloud
        client = MLClient(
            self._arm.credential,
            place.subscription_id,
            place.resource_group,
            place.workspace,
            retry_total=RETRIES,
            retry_backoff_factor=0.4,
            enable_telemetry=False,
            show_progress=False,
            cloud=cloud.name,
            cloud_metadata={
                "azure_portal": cloud.portal,
                "resource_manager": cloud.resource_manager,
                "active_directory": cloud.login,
                "aml_resource_id": cloud.resource,
                "storage_endpoint": cloud.storage,
                "registry_discovery_endpoint": cloud.resource_manager,
            },
        )
        for name in [*logging.root.manager.loggerDict]:  # each of its modules has its own level
            if name.partition(".")[0] == "azure":
                logging.getLogger(name).setLevel(logging.CRITICAL)
        return client

    def put_environment(self, document: Document) -> None:
        """Register an environment; what is there already stays."""
        self._put_asset("environments", "load_environment", document)

    def put_model(self, document: Document) -> None:
        """Upload and register a model; what is there already stays."""
        self._put_asset("models", "load_model", document)

    def put_endpoint(self, document: Document, kind: str, report: Report = ignore) -> None:
        """Make an endpoint, or change its settings."""
        name = document["name"]
        with _only_this_thread(), azure_errors(f"Making the endpoint {name}"):
            operations, entity = self._endpoints(kind), _load(f"load_{kind}_endpoint", document)
            self._finish(operations.begin_create_or_update(entity), f"endpoint {name}", report)

    def put_deployment(
        self,
        document: Document,
        kind: str,
        report: Report = ignore,
        *,
        wait: float | None,
        look: Look,
    ) -> None:
        """Make a deployment.

        Args:
            document: see `documents.deployment`.
            kind: ``online`` or ``batch``.
            report: called with what Azure is doing.
            wait: seconds; None starts it and does not wait.
            look: tells something that changes, such as the last line of the log.
        """
        name = document["name"]
        with _only_this_thread(), azure_errors(f"Making the deployment {name}"):
            entity = _load(f"load_{kind}_deployment", document)
            poller = self._deployments(kind).begin_create_or_update(entity)
            if wait is not None:
                self._finish(poller, f"deployment {name}", report, wait, look)

    def set_traffic(
        self,
        name: str,
        traffic: Mapping[str, int],
        mirror: Mapping[str, int],
        tags: Mapping[str, str],
        report: Report = ignore,
    ) -> None:
        """Send an online endpoint's requests elsewhere; the rest of it stays as it is."""
        with _only_this_thread(), azure_errors(f"Moving the traffic of {name}"):
            endpoint = self.client.online_endpoints.get(name)
            endpoint.traffic = dict(traffic)
            endpoint.mirror_traffic = dict(mirror)
            endpoint.tags = dict(tags)
            poller = self.client.online_endpoints.begin_create_or_update(endpoint)
            self._finish(poller, f"endpoint {name}", report)

    def set_default(
        self, name: str, deployment: str, tags: Mapping[str, str], report: Report = ignore
    ) -> None:
        """Send a batch endpoint's jobs to a deployment."""
        with _only_this_thread(), azure_errors(f"Moving the jobs of {name}"):
            endpoint = self.client.batch_endpoints.get(name)
            endpoint.defaults = {"deployment_name": deployment}
            endpoint.tags = dict(tags)
            poller = self.client.batch_endpoints.begin_create_or_update(endpoint)
            self._finish(poller, f"endpoint {name}", report)

    def delete_endpoint(self, name: str, kind: str, report: Report = ignore) -> None:
        """Remove an endpoint with all that is behind it."""
        with _only_this_thread(), azure_errors(f"Deleting the endpoint {name}"):
            self._finish(self._endpoints(kind).begin_delete(name), f"endpoint {name}", report)

    def delete_deployment(self, name: str, endpoint: str, kind: str, report: Report) -> None:
        """Remove one deployment, which must have no traffic."""
        with _only_this_thread(), azure_errors(f"Deleting the deployment {name}"):
            poller = self._deployments(kind).begin_delete(name, endpoint)
            self._finish(poller, f"deployment {name}", report)

    def archive(self, collection: str, name: str, version: str) -> None:
        """Hide an environment or model from lists; Azure lets neither be deleted for good."""
        with _only_this_thread(), azure_errors(f"Archiving {name}:{version}"):
            getattr(self.client, collection).archive(name=name, version=version)

    def _put_asset(self, collection: str, loader: str, document: Document) -> None:
        name, version = document["name"], document["version"]
        there = self._arm.get(f"/{collection}/{name}/versions/{version}")
        if there is not None:
            if (there.get("properties") or {}).get("isArchived"):  # by an earlier delete
                with _only_this_thread(), azure_errors(f"Restoring {name}:{version}"):
                    getattr(self.client, collection).restore(name=name, version=version)
            return
        with _only_this_thread(), azure_errors(f"Registering {name}:{version}"):
            getattr(self.client, collection).create_or_update(_load(loader, document))

    def _endpoints(self, kind: str) -> Any:
        return self.client.batch_endpoints if kind == BATCH else self.client.online_endpoints

    def _deployments(self, kind: str) -> Any:
        return self.client.batch_deployments if kind == BATCH else self.client.online_deployments

    def _finish(
        self,
        poller: Any,
        what: str,
        report: Report,
        limit: float = _SECONDS,
        look: Look = lambda: "",
    ) -> None:
        """Wait until Azure is done, and say every now and then what it does."""
        if not hasattr(poller, "done"):
            return  # some answers come at once
        begun = told = time.monotonic()
        pause, last = _FIRST_PAUSE, ""
        while not poller.done():
            poller.wait(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            now = time.monotonic()
            if now - begun > limit and not poller.done():
                raise DeployFailed(
                    f"Azure has not finished the {what} within {limit:g} s.",
                    advice="It may still: run it again then; -C timeout=… waits longer.",
                )
            if now - told > _TELL_EVERY and not poller.done():
                told, seen = now, look()
                news = f": {seen}" if seen and seen != last else ""
                last = seen or last
                say(report, f"Azure is working on the {what}, {now - begun:.0f} s{news}")
        poller.result()


def _load(loader: str, document: Document) -> Any:
    import yaml

    text = io.StringIO(yaml.safe_dump(document, sort_keys=False))
    with warnings.catch_warnings():  # it uses its own libraries in ways that will go
        warnings.simplefilter("ignore")
        import azure.ai.ml as ml

        return getattr(ml, loader)(source=text)


class _OnlyThisThread(io.TextIOBase):
    """A standard output for one thread: pollers run in others, and print dots."""

    def __init__(self, real: TextIO) -> None:
        self._real = real
        self._owner = threading.get_ident()

    def write(self, text: str) -> int:
        return self._real.write(text) if threading.get_ident() == self._owner else len(text)

    def flush(self) -> None:
        self._real.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@contextmanager
def _only_this_thread() -> Iterator[None]:
    real = sys.stdout
    sys.stdout = _OnlyThisThread(real)
    try:
        yield
    finally:
        sys.stdout = real
