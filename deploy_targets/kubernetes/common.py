"""What the manifests of both targets have in common: labels, notes, the container."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...builders.settings import PORT, USER
from ..base import DeployRequest
from .options import ClusterOptions

MANAGED = "app.kubernetes.io/managed-by"
NAME = "app.kubernetes.io/name"
COMPONENT = "app.kubernetes.io/component"
OURS = "mlpack"
# notes, beside what is deployed
URI = "mlpack.dev/model-uri"
DIGEST = "mlpack.dev/model-digest"
MODEL_ID = "mlpack.dev/model-id"
MODEL_NAME = "mlpack.dev/model-name"
MODEL_VERSION = "mlpack.dev/model-version"
IMAGE = "mlpack.dev/image"
WANTED = "mlpack.dev/wanted"
CREATED = "mlpack.dev/deployed"
PREVIOUS = "mlpack.dev/previous"
FAILED = "mlpack.dev/failed"  # what was put back from: nothing to go back to

Manifest = dict[str, Any]
_PROBE_SECONDS = 5


@dataclass(frozen=True)
class Notes:
    """What is noted of the model beside what runs it.

    Attributes:
        values: annotations; texts of any kind.
        wanted: digest of all that was asked for, by which the same again is recognised.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    wanted: str = ""

    @classmethod
    def of(cls, request: DeployRequest, image: str, wanted: str, model_id: str | None) -> Notes:
        """Of a request."""
        found = {
            URI: request.model_uri,
            DIGEST: request.model_digest,
            MODEL_ID: model_id,
            MODEL_NAME: request.registered_name,
            MODEL_VERSION: request.registered_version,
            IMAGE: image,
        }
        return cls({key: str(value) for key, value in found.items() if value}, wanted)

    def annotations(self) -> dict[str, str]:
        """As they are written."""
        return {**self.values, WANTED: self.wanted}


def labels(name: str, options: ClusterOptions) -> dict[str, str]:
    """Of everything that belongs to a deployment."""
    return {**options.labels, **selector(name), MANAGED: OURS}


def selector(name: str) -> dict[str, str]:
    """What finds the pods of a deployment."""
    return {NAME: name, COMPONENT: "model"}


def metadata(name: str, options: ClusterOptions, **more: Any) -> Manifest:
    """Of an object called ``name``."""
    space = {"namespace": options.namespace} if options.namespace else {}
    return {"name": name, **space, "labels": labels(name, options), **more}


def container(name: str, image: str, options: ClusterOptions, *, probes: bool = True) -> Manifest:
    """The container that answers: no privileges, a read-only root, probes.

    Args:
        name: of the container.
        image: reference, by digest where it is known.
        options: of the target.
        probes: with a startup probe that waits as long as the options say; KServe's serverless
            mode allows readiness probes alone.
    """
    found: Manifest = {
        "name": name,
        "image": image,
        "args": ["serve"],
        # without a name: Knative, below KServe, takes its own names alone
        "ports": [{"containerPort": PORT, "protocol": "TCP"}],
        "resources": resources(options),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
        "readinessProbe": _probe("/ping", periodSeconds=_PROBE_SECONDS, timeoutSeconds=5),
    }
    variables = dict(options.env)
    if options.workers is not None:
        variables.setdefault("MLPACK_WORKERS", str(options.workers))
    if variables:
        found["env"] = [{"name": key, "value": value} for key, value in sorted(variables.items())]
    if options.env_from:
        found["envFrom"] = [_source(each) for each in options.env_from]
    if probes:
        attempts = max(1, round(options.timeout / _PROBE_SECONDS))
        found["startupProbe"] = _probe(
            "/ping", periodSeconds=_PROBE_SECONDS, timeoutSeconds=5, failureThreshold=attempts
        )
        found["livenessProbe"] = _probe(
            "/health", periodSeconds=15, timeoutSeconds=10, failureThreshold=4
        )
    return found


def pod(options: ClusterOptions) -> Manifest:
    """What a pod has beside its container."""
    found: Manifest = {
        "automountServiceAccountToken": False,
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    if options.service_account:
        # an account is named for what it may do, so its token is wanted
        found |= {
            "serviceAccountName": options.service_account,
            "automountServiceAccountToken": True,
        }
    if options.pull_secrets:
        found["imagePullSecrets"] = [{"name": each} for each in options.pull_secrets]
    if options.node_selector:
        found["nodeSelector"] = dict(options.node_selector)
    if options.tolerations:
        found["tolerations"] = list(options.tolerations)
    if options.priority_class:
        found["priorityClassName"] = options.priority_class
    return found


def resources(options: ClusterOptions) -> Manifest:
    """Requests and limits. Memory has a limit: a leak then ends a pod, not the node."""
    limits = {"memory": options.memory_limit or twice(options.memory)}
    requests = {"cpu": options.cpu, "memory": options.memory}
    if options.cpu_limit:
        limits["cpu"] = options.cpu_limit
    if options.gpus:
        limits[options.gpu_resource] = requests[options.gpu_resource] = str(options.gpus)
    return {"requests": requests, "limits": limits}


def twice(quantity: str) -> str:
    """``512Mi`` → ``1024Mi``."""
    number = quantity.rstrip("mkKMGTPEi")
    unit = quantity[len(number) :]
    return f"{2 * float(number):g}{unit}"


def hidden(manifest: Manifest) -> Manifest:
    """As it is shown: the values of variables may be secret."""
    copied: Manifest = json.loads(json.dumps(manifest))
    _hide(copied)
    annotations = (copied.get("metadata") or {}).get("annotations") or {}
    if PREVIOUS in annotations:  # the variables of the version before are in it
        annotations[PREVIOUS] = "***"
    return copied


def _hide(value: Any) -> None:
    if isinstance(value, dict):
        for each in value.get("env") or ():
            if isinstance(each, dict) and "value" in each:
                each["value"] = "***"
        for each in value.values():
            _hide(each)
    elif isinstance(value, list):
        for each in value:
            _hide(each)


def _source(text: str) -> Manifest:
    kind, _, name = text.partition("/")
    return {"secretRef" if kind == "secret" else "configMapRef": {"name": name}}


def _probe(path: str, **more: int) -> Manifest:
    return {"httpGet": {"path": path, "port": PORT}, **more}
