"""Exactly what is sent: documents in the YAML schema of Azure ML's own tools.

They are what ``az ml online-deployment create -f`` takes; azure-ai-ml reads them in sdk.py. Schema:
Microsoft Learn, "CLI (v2) managed online deployment YAML schema" and its neighbours.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..base import DeployRequest
from .options import BATCH, AzureMLOptions, Probe
from .source import Source

NAME_TAG = "mlpack.deployment"
URI_TAG = "mlpack.model.uri"
DIGEST_TAG = "mlpack.model.digest"
IMAGE_TAG = "mlpack.image"
WAY_TAG = "mlpack.way"
CREATED_TAG = "mlpack.created"
VERSION_TAG = "mlpack.model.version"
PREVIOUS_TAG = "mlpack.previous"
SETTINGS_TAG = "mlpack.settings"
_LONGEST_VALUE = 256

Document = dict[str, Any]


def deployment_name(source: Source, options: AzureMLOptions, endpoint: str) -> str:
    """Of the deployment that runs this source with these options: the same again has this name."""
    told = deployment(endpoint, "", "", source, options, {})
    return f"m-{_digest({'source': source.digest, 'document': told})[:10]}"


def endpoint(name: str, options: AzureMLOptions) -> Document:
    """An endpoint, before it has deployments."""
    tags = {**options.tags, NAME_TAG: name}
    if options.kind == BATCH:
        made: Document = {"name": name, "auth_mode": "aad_token", "tags": tags}
    else:
        made = {"name": name, "auth_mode": options.auth_mode, "tags": tags}
        if options.kubernetes:
            made["compute"] = f"azureml:{options.compute}"
        else:
            made["public_network_access"] = options.public_network_access
    if options.identity:
        made["identity"] = {
            "type": "user_assigned",
            "user_assigned_identities": [{"resource_id": options.identity}],
        }
    tags[SETTINGS_TAG] = _digest(made)[:12]
    return made


def asset_name(deployment: str) -> str:
    """Of the environments and models that are registered for a deployment."""
    return f"mlpack-{deployment}"


def environment(name: str, pinned: str, options: AzureMLOptions) -> Document:
    """Our image as an environment whose server is in the image."""

    def route(path: str) -> Document:
        return {"port": options.port, "path": path}

    made = {
        "name": asset_name(name),
        "image": pinned,
        "inference_config": {
            "liveness_route": route(options.liveness_route),
            "readiness_route": route(options.readiness_route),
            "scoring_route": route(options.scoring_route),
        },
    }
    return {**made, "version": _digest(made)[:12], "tags": {NAME_TAG: name}}


def model(name: str, source: Source) -> Document:
    """A model's folder as a registered model."""
    return {
        "name": asset_name(name),
        "version": source.digest[:12],
        "type": "mlflow_model",
        "path": str(source.folder),
        "tags": {NAME_TAG: name, DIGEST_TAG: source.model_digest or ""},
    }


def deployment(
    endpoint_name: str,
    name: str,
    artifact: str,
    source: Source,
    options: AzureMLOptions,
    tags: Mapping[str, str],
) -> Document:
    """One deployment behind an endpoint.

    Args:
        endpoint_name: of the endpoint.
        name: of the deployment.
        artifact: ``azureml:<name>:<version>`` of the environment or model.
        source: which of the two it is.
        options: the rest.
        tags: what is on record of it.
    """
    kind = "environment" if source.image is not None else "model"
    made: Document = {
        "name": name,
        "endpoint_name": endpoint_name,
        kind: artifact,
        "tags": {**options.tags, **tags},
    }
    if options.kind == BATCH:
        return made | _batch(options)
    made |= {
        "type": options.compute_kind,
        "instance_type": options.instance_type,
        "instance_count": options.instance_count,
        "app_insights_enabled": options.app_insights,
        "request_settings": _without_none(
            {
                "request_timeout_ms": options.request_timeout_ms,
                "max_concurrent_requests_per_instance": options.max_concurrent_requests,
                "max_queue_wait_ms": options.max_queue_wait_ms,
            }
        ),
        "liveness_probe": _probe(options.liveness),
        "readiness_probe": _probe(options.readiness),
        "environment_variables": dict(options.env),
    }
    if options.kubernetes:
        made |= _kubernetes(options)
    elif options.egress_public_network_access:
        made["egress_public_network_access"] = options.egress_public_network_access
    return made


def record(request: DeployRequest, source: Source, image: str, created: str) -> dict[str, str]:
    """The tags of a deployment: which model, from where, in which image."""
    version = [request.registered_name, request.registered_version]
    tags = {
        NAME_TAG: request.name,
        URI_TAG: request.model_uri,
        DIGEST_TAG: request.model_digest or source.model_digest,
        IMAGE_TAG: image,
        WAY_TAG: "image" if source.image is not None else "mlflow_model",
        VERSION_TAG: ":".join(map(str, version)) if all(version) else None,
        CREATED_TAG: created,
    }
    return {key: str(value)[:_LONGEST_VALUE] for key, value in tags.items() if value}


def shown(document: Document) -> Document:
    """A document for people: of variables the names alone, because values may be secret."""
    found = copy.deepcopy(document)
    if found.get("environment_variables"):
        found["environment_variables"] = dict.fromkeys(found["environment_variables"], "***")
    return found


def _probe(probe: Probe) -> Document:
    return asdict(probe)


def _kubernetes(options: AzureMLOptions) -> Document:
    made: Document = {"scale_settings": {"type": "default"}}
    if options.max_instances is not None:
        made["scale_settings"] = {
            "type": "target_utilization",
            "min_instances": options.instance_count,
            "max_instances": options.max_instances,
            "target_utilization_percentage": options.target_utilization,
        }
    requests = _without_none({"cpu": options.cpu, "memory": options.memory, "gpu": options.gpu})
    if requests:
        made["resources"] = {"requests": requests}
    return made


def _batch(options: AzureMLOptions) -> Document:
    """Flat, without ``type: model``: azure-ai-ml's public loader reads no ``settings``."""
    one_file = options.output_action == "append_row"
    return _without_none(
        {
            "compute": f"azureml:{options.compute}",
            "resources": {"instance_count": options.instance_count},
            "mini_batch_size": options.mini_batch_size,
            "max_concurrency_per_instance": options.max_concurrency,
            "output_action": options.output_action,
            "output_file_name": options.output_file if one_file else None,
            "error_threshold": options.error_threshold,
            "retry_settings": {
                "max_retries": options.batch_retries,
                "timeout": options.batch_timeout,
            },
            "environment_variables": dict(options.env),
        }
    )


def _without_none(told: Document) -> Document:
    return {key: value for key, value in told.items() if value is not None}


def _digest(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
