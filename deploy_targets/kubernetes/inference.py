"""The manifest of the target ``kserve``: one InferenceService.

Format: https://kserve.github.io/website/docs/reference/crd-api (serving.kserve.io/v1beta1).
"""

from __future__ import annotations

from .common import Manifest, Notes, container, metadata, pod, resources
from .options import KServeOptions


def inference_service(
    name: str, image: str, options: KServeOptions, notes: Notes, previous: str | None = None
) -> Manifest:
    """What a deployment consists of; KServe makes the rest.

    Args:
        name: of the deployment.
        image: reference, by digest where it is known; '' when KServe's own server runs.
        options: of the target.
        notes: to keep beside it.
        previous: what is put back by a rollback, as JSON.
    """
    from .common import PREVIOUS

    annotations = {**options.annotations, **notes.annotations()}
    if previous is not None:
        annotations[PREVIOUS] = previous
    if options.deployment_mode:
        annotations["serving.kserve.io/deploymentMode"] = options.deployment_mode
    predictor: Manifest = {"minReplicas": options.min_replicas, "timeout": 60}
    for key, value in (
        ("maxReplicas", options.max_replicas),
        ("scaleMetric", options.scale_metric),
        ("scaleTarget", options.scale_target),
        ("canaryTrafficPercent", options.canary_percent),
    ):
        if value is not None:
            predictor[key] = value
    if options.way == "mlflow":
        predictor |= _placed(options) | {"model": _model(options)}
    else:
        # KServe takes the container called so for the one that answers
        predictor |= pod(options)
        predictor["containers"] = [container("kserve-container", image, options, probes=False)]
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": metadata(name, options, annotations=annotations),
        "spec": {"predictor": predictor},
    }


def _model(options: KServeOptions) -> Manifest:
    found: Manifest = {
        "modelFormat": {"name": "mlflow"},
        "protocolVersion": "v2",
        "storageUri": options.storage_uri,
        "resources": resources(options),
    }
    if options.runtime:
        found["runtime"] = options.runtime
    if options.env:
        found["env"] = [{"name": key, "value": value} for key, value in sorted(options.env.items())]
    return found


def _placed(options: KServeOptions) -> Manifest:
    """Where it runs; what KServe's own image needs of the pod is KServe's affair."""
    found = pod(options)
    del found["volumes"]
    if not options.service_account:
        del found["automountServiceAccountToken"]  # its storage initializer may need it
    return found
