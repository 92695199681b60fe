"""What is there: an endpoint, its configuration, their tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ...errors import AlreadyExists, NotFound
from ..base import Deployment, Status, check_name
from . import naming
from .aws import Aws, is_missing

_STATUS: dict[str, Status] = {
    "Creating": "starting",
    "InService": "healthy",
    "Updating": "updating",  # what ran before goes on answering
    "SystemUpdating": "updating",
    "RollingBack": "updating",
    "Deleting": "deleting",
    "Failed": "failed",
}


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as it is now."""

    name: str
    described: Mapping[str, Any]
    tags: Mapping[str, str]
    config: Mapping[str, Any] = field(default_factory=dict)
    config_tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """In AWS's words."""
        return str(self.described["EndpointStatus"])

    @property
    def config_name(self) -> str:
        """Of the configuration that answers now."""
        return str(self.described["EndpointConfigName"])

    @property
    def pending(self) -> str | None:
        """Of the configuration that an update under way leads to."""
        found = (self.described.get("PendingDeploymentSummary") or {}).get("EndpointConfigName")
        return str(found) if found else None

    @property
    def history(self) -> list[str]:
        """Digests of the configurations that ran, the current one first.

        The tag is written when an update is known to have worked; after a kill in between it
        is one behind.
        """
        known = self.tags.get(naming.HISTORY, "").split()
        current = naming.short(self.name, self.config_name)
        if current and known[:1] != [current]:
            known = [current, *(each for each in known if each != current)]
        return known


def find(aws: Aws, name: str, *, force: bool = False) -> Endpoint | None:
    """The endpoint of a deployment, None if there is none.

    Raises:
        InvalidInput: ``name`` cannot name a deployment.
        AlreadyExists: mlpack did not make it, and ``force`` is not set.
    """
    check_name(name)
    client = aws.client("sagemaker")
    try:
        described = client.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    tags = tags_of(aws, described["EndpointArn"])
    if tags.get(naming.DEPLOYMENT) != name and not force:
        raise AlreadyExists(
            f"The endpoint {name!r} in {aws.region} was not made by mlpack (it has no tag "
            f"{naming.DEPLOYMENT}). Choose another name."
        )
    config, config_tags = {}, {}
    try:
        config = client.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
        config_tags = tags_of(aws, config["EndpointConfigArn"])
    except ClientError as error:
        if not is_missing(error):
            raise
    return Endpoint(name, described, tags, config, config_tags)


def need(aws: Aws, name: str) -> Endpoint:
    """As `find`, but raises `NotFound`."""
    found = find(aws, name)
    if found is None:
        raise NotFound(
            f"There is no SageMaker deployment {name!r} in {aws.region}. "
            "`mlpack deployments list --target sagemaker` lists them; AWS_REGION and AWS_PROFILE "
            "say where it looks."
        )
    return found


def find_all(aws: Aws) -> list[Endpoint]:
    """The endpoints of all deployments, by name."""
    client = aws.client("sagemaker")
    found = []
    for page in client.get_paginator("list_endpoints").paginate(SortBy="Name"):
        for each in page["Endpoints"]:
            name = each["EndpointName"]
            if tags_of(aws, each["EndpointArn"]).get(naming.DEPLOYMENT) == name:
                found.append(find(aws, name))
    return sorted((each for each in found if each), key=lambda each: each.name)


def tags_of(aws: Aws, arn: str) -> dict[str, str]:
    """The tags of something of SageMaker's; none when it is gone."""
    tags: dict[str, str] = {}
    try:
        for page in aws.client("sagemaker").get_paginator("list_tags").paginate(ResourceArn=arn):
            tags |= naming.tag_dict(page["Tags"])
    except ClientError as error:
        if not is_missing(error):
            raise
    return tags


def describe(aws: Aws, endpoint: Endpoint) -> Deployment:
    """An endpoint as every target reports deployments."""
    running = endpoint.status not in ("Creating", "Failed", "Deleting", "OutOfService")
    base = aws.client("sagemaker-runtime").meta.endpoint_url
    return Deployment(
        name=endpoint.name,
        target="sagemaker",
        status=_STATUS.get(endpoint.status, "unhealthy"),
        endpoint=f"{base}/endpoints/{endpoint.name}/invocations" if running else None,
        model_uri=endpoint.config_tags.get(naming.URI, ""),
        model_digest=endpoint.config_tags.get(naming.DIGEST),
        image=endpoint.config_tags.get(naming.IMAGE, ""),
        created=endpoint.described["CreationTime"].isoformat(),
        details={
            "status": endpoint.status,
            "place": aws.region,
            "account": aws.account,
            "image_digest": endpoint.config_tags.get(naming.IMAGE, "").rpartition("@")[2] or None,
            "endpoint_arn": endpoint.described["EndpointArn"],
            "endpoint_config": endpoint.config_name,
            "failure": endpoint.described.get("FailureReason"),
            "variants": [
                _variant(each, endpoint.described)
                for each in endpoint.config.get("ProductionVariants", ())
            ],
            "versions": endpoint.history,
        },
    )


def weights(endpoint: Endpoint) -> dict[str, float]:
    """The weight of each variant as it is now, which need not be the configuration's."""
    found = {
        each["VariantName"]: float(each.get("InitialVariantWeight", 1.0))
        for each in endpoint.config.get("ProductionVariants", ())
    }
    for each in endpoint.described.get("ProductionVariants", ()):
        if "CurrentWeight" in each:
            found[each["VariantName"]] = float(each["CurrentWeight"])
    return found


def _variant(each: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any]:
    told = {
        "name": each["VariantName"],
        "model": each.get("ModelName"),
        "weight": each.get("InitialVariantWeight", 1.0),
        "instance_type": each.get("InstanceType", "serverless"),
    }
    for now in described.get("ProductionVariants", ()):
        if now["VariantName"] == told["name"]:
            told["weight"] = now.get("CurrentWeight", told["weight"])
            told["instances"] = now.get("CurrentInstanceCount")
    return told
