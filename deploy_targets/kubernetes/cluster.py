"""A cluster through the official client: objects as plain dicts, its errors as ours."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import (
    AlreadyExists,
    Conflict,
    EngineUnavailable,
    InvalidInput,
    InvalidState,
    MissingDependency,
    MlpackError,
    NotFound,
    RegistryFailed,
    Unauthenticated,
)
from .common import MANAGED, OURS, Manifest
from .configuration import configure, why
from .options import ClusterOptions
from .owned import MANAGER

_TIMEOUT = 30
_SCORING_TIMEOUT = 70
_GONE_SECONDS = 120
# kind: (group and version, plural); discovery would be half a dozen requests more each time
_KINDS = {
    "Deployment": ("apps/v1", "deployments"),
    "ReplicaSet": ("apps/v1", "replicasets"),
    "Service": ("v1", "services"),
    "Pod": ("v1", "pods"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "horizontalpodautoscalers"),
    "PodDisruptionBudget": ("policy/v1", "poddisruptionbudgets"),
    "Ingress": ("networking.k8s.io/v1", "ingresses"),
    "InferenceService": ("serving.kserve.io/v1beta1", "inferenceservices"),
}


class Cluster:
    """One namespace of one cluster.

    Args:
        kubeconfig: a file; default: KUBECONFIG, ~/.kube/config, or the pod that we run in.
        context: of it; default: the current one.
        namespace: default: the context's own.

    Raises:
        MissingDependency: the client is not installed.
        InvalidInput: the kubeconfig cannot be used, or has no such context.
    """

    def __init__(self, kubeconfig: Path | None, context: str | None, namespace: str | None) -> None:
        try:
            from kubernetes import client
            from kubernetes.dynamic import DynamicClient
        except ImportError:
            raise MissingDependency(
                "Kubernetes is reached through its Python client, which is not installed: "
                "pip install 'mlpack-toolkit[kubernetes]'"
            ) from None
        configuration = client.Configuration()
        self.context, its_namespace = configure(configuration, kubeconfig, context)
        self.namespace = namespace or its_namespace or "default"
        configuration.retries = False
        self.host = str(configuration.host)
        self._api: Any = client.ApiClient(configuration)
        dynamic: Any = DynamicClient
        # our kinds are known, so nothing needs to be discovered
        self._dynamic = dynamic(self._api, discoverer=lambda *_: None)

    @classmethod
    def of(cls, options: ClusterOptions) -> Cluster:
        """The one that options name."""
        return cls(options.kubeconfig, options.context, options.namespace)

    @property
    def place(self) -> str:
        """The same for all who mean this namespace, whatever they call the context."""
        return f"{self.host}/{self.namespace}"

    def close(self) -> None:
        """Let go of the connections."""
        self._api.rest_client.pool_manager.clear()

    def apply(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Server-side apply: make the object so, whatever of it is there.

        Fields that others manage stay theirs, unless the manifest names them.

        Raises:
            InvalidInput: the cluster finds fault with it.
            NotFound: no such namespace, or the cluster does not know the kind.
        """
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        with _errors(kind, name, self.namespace):
            found = self._dynamic.server_side_apply(
                self._resource(kind),
                body=manifest,
                name=name,
                namespace=self.namespace,
                field_manager=MANAGER,
                force_conflicts=True,
                serialize=False,
                _request_timeout=_TIMEOUT,
                **({"dry_run": "All"} if dry_run else {}),
            )
            return _object(found)

    def find(self, kind: str, name: str) -> Manifest | None:
        """One object, None if there is none."""
        try:
            with _errors(kind, name, self.namespace):
                found = self._dynamic.get(
                    self._resource(kind),
                    name=name,
                    namespace=self.namespace,
                    serialize=False,
                    _request_timeout=_TIMEOUT,
                )
                return _object(found)
        except NotFound:
            return None

    def all_of(self, kind: str, labels: Mapping[str, str]) -> list[Manifest]:
        """The objects that have these labels."""
        chosen = ",".join(f"{key}={value}" for key, value in labels.items())
        with _errors(kind, "", self.namespace):
            found = self._dynamic.get(
                self._resource(kind),
                namespace=self.namespace,
                label_selector=chosen,
                serialize=False,
                _request_timeout=_TIMEOUT,
            )
            return list(_object(found).get("items") or [])

    def delete(self, kind: str, name: str) -> None:
        """Remove an object, and wait until it is gone; gone already is well.

        What it owns, its pods, ends afterwards and in its own time, as with kubectl.

        Raises:
            InvalidState: something holds it back (a finalizer whose controller does not answer).
        """
        found = self.find(kind, name)
        if found is None:
            return
        uid = found["metadata"].get("uid")
        try:
            with _errors(kind, name, self.namespace):
                self._dynamic.delete(
                    self._resource(kind),
                    name=name,
                    namespace=self.namespace,
                    body={"propagationPolicy": "Background", "preconditions": {"uid": uid}},
                    serialize=False,
                    _request_timeout=_TIMEOUT,
                )
        except NotFound:
            return
        deadline, pause = time.monotonic() + _GONE_SECONDS, 0.05
        while (left := self.find(kind, name)) and left["metadata"].get("uid") == uid:
            if time.monotonic() > deadline:
                holding = ", ".join(left["metadata"].get("finalizers") or ["nothing that it says"])
                raise InvalidState(
                    f"The {kind} {name} is still being deleted; what holds it back: {holding}."
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 2.0)

    def log(self, pod: str, container: str, tail: int | None, follow: bool) -> Iterator[str]:
        """A container's log, line by line."""
        query = {"container": container, "follow": str(follow).lower()}
        if tail is not None:
            query["tailLines"] = str(tail)
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/log"
        with _errors("Pod", pod, self.namespace):
            timeout = None if follow else _TIMEOUT
            response = self._raw("GET", path, fields=query, timeout=timeout, preload=False)
            rest = b""
            for piece in response.stream(1 << 14):
                *lines, rest = (rest + piece).split(b"\n")
                yield from (line.decode("utf-8", "replace") for line in lines)
            if rest:
                yield rest.decode("utf-8", "replace")

    def ask(self, service: str, port: int, path: str, body: bytes, content_type: str) -> Any:
        """POST to a Service through the cluster's own proxy: no Ingress is needed.

        Returns:
            The response, whatever its status: ``status``, ``data``, ``headers``, ``reason``.
        """
        to = f"/api/v1/namespaces/{self.namespace}/services/http:{service}:{port}/proxy{path}"
        with _errors("Service", service, self.namespace):
            return self._raw(
                "POST", to, body, {"Content-Type": content_type}, timeout=_SCORING_TIMEOUT,
                any_status=True,
            )  # fmt: skip

    def _raw(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        fields: Mapping[str, str] | None = None,
        timeout: float | None = _TIMEOUT,
        preload: bool = True,
        any_status: bool = False,
    ) -> Any:
        """Bytes that are no JSON object of Kubernetes, over the client's own connections."""
        from urllib.parse import urlencode

        from kubernetes.client import ApiException

        settings = self._api.configuration.auth_settings()
        allowed = {each["key"]: each["value"] for each in settings.values() if each.get("value")}
        query = f"?{urlencode(fields)}" if fields else ""
        response = self._api.rest_client.pool_manager.request(
            method,
            self.host + path + query,
            body=body,
            headers={**allowed, **(headers or {})},
            timeout=timeout,
            preload_content=preload,
            redirect=False,
        )
        if response.status >= 400 and not any_status:
            error = ApiException(status=response.status, reason=response.reason)
            error.body = response.read() if not preload else response.data
            raise error
        return response

    def _resource(self, kind: str) -> Any:
        from kubernetes.dynamic import resource

        make: Any = resource.Resource
        group_version, plural = _KINDS[kind]
        group, _, version = group_version.rpartition("/")
        return make(
            prefix="apis" if group else "api",
            group=group,
            api_version=version,
            kind=kind,
            namespaced=True,
            name=plural,
            verbs=["get", "list", "patch", "delete"],
            client=self._dynamic,
        )


def is_ours(found: Manifest) -> bool:
    """Was it made by mlpack?"""
    return bool((found["metadata"].get("labels") or {}).get(MANAGED) == OURS)


def _object(response: Any) -> Manifest:
    found: Manifest = json.loads(response.data)
    return found


@contextmanager
def _errors(kind: str, name: str, namespace: str) -> Iterator[None]:
    """The client's errors as ours."""
    from kubernetes.client import ApiException
    from kubernetes.dynamic.exceptions import DynamicApiError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (ApiException, DynamicApiError) as error:
        raise _ours(error, kind, name, namespace) from None
    except (HTTPError, OSError) as error:
        raise EngineUnavailable(
            f"The cluster does not answer: {why(error)}. Is it running, and is this the "
            "right context (kubectl config current-context)?"
        ) from None


def _ours(error: Any, kind: str, name: str, namespace: str) -> MlpackError:
    said = _message(error)
    what = f"{kind} {name}".strip()
    status = int(error.status or 0)
    if status == 401:
        return Unauthenticated(
            "The cluster does not accept the credentials of this context; they may have expired. "
            "Log in again (with kubectl the same happens)."
        )
    if status == 403:
        return Unauthenticated(f"The cluster does not allow it: {said}")
    if status == 404:
        if kind == "InferenceService" and "could not find the requested resource" in said:
            return NotFound(
                "The cluster does not know InferenceServices: KServe is not installed there. "
                "Use --target kubernetes, or install KServe."
            )
        if "namespaces" in said and "not found" in said:
            return NotFound(
                f"There is no namespace {namespace!r}: kubectl create namespace {namespace}"
            )
        return NotFound(f"There is no {what} in the namespace {namespace!r}.")
    if status == 409:
        exists = "already exists" in said
        return (AlreadyExists if exists else Conflict)(f"{what}: {said} Try again.")
    if status in (400, 422):
        return InvalidInput(f"The cluster refuses the {what}: {said}")
    if status == 429 or status >= 500:
        return EngineUnavailable(
            f"The cluster answered {status} for the {what}: {said} Try again later."
        )
    return RegistryFailed(f"The cluster answered {status} for the {what}: {said}")


def _message(error: Any) -> str:
    """What the API server says, in its own words."""
    body = error.body or ""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    try:
        found = json.loads(text)
        said = str(found["message"])
    except (ValueError, KeyError, TypeError):
        said = (text.splitlines() or [str(error.reason)])[0]
    return said[:600].rstrip(". ") + "."
