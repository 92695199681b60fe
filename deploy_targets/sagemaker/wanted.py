"""From options to the bodies of all requests. Pure: nothing is asked or sent here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import naming, shapes
from .options import LONGEST_SHIFT, SagemakerOptions, Variant

_UNSAID = "(known after the push)"


@dataclass(frozen=True)
class Wanted:
    """A deployment as it should be.

    Attributes:
        name: of the deployment.
        options: what the user said.
        role: the ARN of the role.
        image_key: what the image consists of, in hexadecimal.
        model_uri: the address that the user gave.
        model_digest: of the model, if it is known.
        data_url: where the model's data are in S3, None when they are in the image.
        environment: for the container.
        current: the production variants that stay, for the modes ``add`` and ``canary``.
        variants: the variants of this model.
        inherited: other settings of the configuration that stay, where the options say nothing.
        replaces: a SageMaker model whose place this one takes, in variants that stay.
    """

    name: str
    options: SagemakerOptions
    role: str
    image_key: str
    model_uri: str
    model_digest: str | None
    data_url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    current: tuple[Mapping[str, Any], ...] = ()
    variants: tuple[Variant, ...] = ()
    inherited: Mapping[str, Any] = field(default_factory=dict)
    replaces: str = ""

    @property
    def tags(self) -> dict[str, str | None]:
        """Of everything that is made."""
        return {**self.options.tags, naming.DEPLOYMENT: self.name}

    def model(self, image: str = _UNSAID) -> dict[str, Any]:
        """``CreateModel``; the image is told by its digest when it is in the registry."""
        options = self.options
        container: dict[str, Any] = {"Image": image, "Mode": "SingleModel"}
        if self.environment:
            container["Environment"] = dict(self.environment)
        if options.multi_model:
            container |= {"Mode": "MultiModel", "ModelDataUrl": options.multi_model}
        elif self.data_url:
            container["ModelDataUrl"] = self.data_url
        body: dict[str, Any] = {"PrimaryContainer": container, "ExecutionRoleArn": self.role}
        if options.subnets:
            body["VpcConfig"] = {
                "Subnets": list(options.subnets),
                "SecurityGroupIds": list(options.security_groups),
            }
        if options.network_isolation:
            body["EnableNetworkIsolation"] = True
        digest = naming.digest_of([self.image_key, self._unsaid(body)])
        return {
            "ModelName": naming.named(self.name, digest),
            **body,
            "Tags": naming.tag_list({**self.tags, **self._about(digest, image)}),
        }

    def config(self, image: str = _UNSAID) -> dict[str, Any]:
        """``CreateEndpointConfig``."""
        options = self.options
        model = self.model()["ModelName"]
        made = [_production_variant(each, options, each.model or model) for each in self.variants]
        body: dict[str, Any] = {**self.inherited, "ProductionVariants": [*self.current, *made]}
        if options.kms_key and not options.serverless:
            body["KmsKeyId"] = options.kms_key
        if options.capture_percentage:
            body["DataCaptureConfig"] = _capture(options)
        if options.async_output:
            body["AsyncInferenceConfig"] = _async(options)
        digest = naming.digest_of(body)
        return {
            "EndpointConfigName": naming.named(self.name, digest),
            **body,
            "Tags": naming.tag_list({**self.tags, **self._about(digest, image)}),
        }

    def endpoint(self) -> dict[str, Any]:
        """``CreateEndpoint``."""
        config = self.config()["EndpointConfigName"]
        history = naming.short(self.name, config)
        return {
            "EndpointName": self.name,
            "EndpointConfigName": config,
            "Tags": naming.tag_list({**self.tags, naming.HISTORY: history}),
        }

    def update(self) -> dict[str, Any]:
        """``UpdateEndpoint``."""
        body = {
            "EndpointName": self.name,
            "EndpointConfigName": self.config()["EndpointConfigName"],
        }
        if self.current:
            body |= {"RetainAllVariantProperties": True}
        elif self.options.max_instances is not None:
            # as many as autoscaling found right, not as few as it began with
            body |= {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [
                    {"VariantPropertyType": "DesiredWeight"},
                    {"VariantPropertyType": "DataCaptureConfig"},
                ],
            }
        if policy := deployment_config(self.options):
            body["DeploymentConfig"] = policy
        return body

    def check(self, model: Any) -> None:
        """Raises `InvalidInput` for what SageMaker would refuse in any of the requests.

        Args:
            model: botocore's, of SageMaker.
        """
        shapes.check(model, "CreateModel", self.model("x"))
        shapes.check(model, "CreateEndpointConfig", self.config("x"))
        shapes.check(model, "CreateEndpoint", self.endpoint())
        shapes.check(model, "UpdateEndpoint", self.update())

    def _about(self, digest: str, image: str) -> dict[str, str | None]:
        return {
            naming.CONTENT: digest,
            naming.URI: self.model_uri,
            naming.DIGEST: self.model_digest,
            naming.IMAGE: image if image != _UNSAID else None,
        }

    @staticmethod
    def _unsaid(body: dict[str, Any]) -> dict[str, Any]:
        """The body without the image's address, which `image_key` stands for."""
        return {**body, "PrimaryContainer": {**body["PrimaryContainer"], "Image": ""}}


def shown(body: Mapping[str, Any]) -> dict[str, Any]:
    """A body for a plan: of the environment the names alone, for values are secret."""
    told = dict(body)
    if container := told.get("PrimaryContainer"):
        names = sorted(container.get("Environment", ()))
        told["PrimaryContainer"] = {**container, **({"Environment": names} if names else {})}
    return told


def deployment_config(options: SagemakerOptions) -> dict[str, Any] | None:
    """How an update shifts requests; None for AWS's own way, all at once."""
    plain = options.traffic == "all-at-once" and not options.termination_wait
    if plain and not options.rollback_alarms:
        return None
    routing: dict[str, Any] = {"Type": options.traffic.upper().replace("-", "_")}
    routing["WaitIntervalInSeconds"] = options.step_wait
    size = {"Type": "CAPACITY_PERCENT", "Value": options.step}
    if options.traffic == "canary":
        routing["CanarySize"] = size
    elif options.traffic == "linear":
        routing["LinearStepSize"] = size
    config: dict[str, Any] = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": options.termination_wait,
            # more than all that it waits on purpose, or AWS refuses it
            "MaximumExecutionTimeoutInSeconds": int(
                min(max(options.timeout, 600) + options.shift_seconds, LONGEST_SHIFT)
            ),
        }
    }
    if options.rollback_alarms:
        config["AutoRollbackConfiguration"] = {
            "Alarms": [{"AlarmName": each} for each in options.rollback_alarms]
        }
    return config


def paid(wanted: Wanted) -> list[str]:
    """What costs money while it runs."""
    options = wanted.options
    lines = []
    for each in wanted.variants:
        if options.serverless:
            lines.append(f"serverless, {options.serverless_memory} MB: per use")
            if count := options.serverless_provisioned:
                lines.append(f"{count} × {options.serverless_memory} MB kept warm, until deleted")
        else:
            counted = f"{each.instance_count} × {each.instance_type}"
            if options.max_instances is not None:
                counted = (
                    f"{options.min_instances} to {options.max_instances} × {each.instance_type}"
                )
            lines.append(f"{counted} (variant {each.name}), until deleted")
    if options.capture_percentage:
        lines.append(
            f"storage of {options.capture_percentage} % of the requests in {options.capture_uri}"
        )
    return [*lines, *storage(wanted)]


def storage(wanted: Wanted) -> list[str]:
    """What costs a little while it is kept."""
    where = wanted.options.repository or f"mlpack/{wanted.name}"
    lines = [f"storage of the image in ECR ({where})"]
    if wanted.data_url:
        lines.append(f"storage of {wanted.data_url}")
    return lines


def _production_variant(each: Variant, options: SagemakerOptions, model: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "VariantName": each.name,
        "ModelName": model,
        "InitialVariantWeight": each.weight,
    }
    if options.serverless:
        body["ServerlessConfig"] = {
            "MemorySizeInMB": options.serverless_memory,
            "MaxConcurrency": options.serverless_concurrency,
        }
        if options.serverless_provisioned:
            body["ServerlessConfig"]["ProvisionedConcurrency"] = options.serverless_provisioned
        return body
    body |= {"InstanceType": each.instance_type, "InitialInstanceCount": each.instance_count}
    for key, value in (
        ("VolumeSizeInGB", options.volume),
        ("ModelDataDownloadTimeoutInSeconds", options.download_timeout),
        ("ContainerStartupHealthCheckTimeoutInSeconds", options.startup_timeout),
    ):
        if value is not None:
            body[key] = value
    return body


def _capture(options: SagemakerOptions) -> dict[str, Any]:
    body: dict[str, Any] = {
        "EnableCapture": True,
        "InitialSamplingPercentage": options.capture_percentage,
        "DestinationS3Uri": options.capture_uri,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {
            "CsvContentTypes": ["text/csv"],
            "JsonContentTypes": ["application/json"],
        },
    }
    return {**body, **({"KmsKeyId": options.kms_key} if options.kms_key else {})}


def _async(options: SagemakerOptions) -> dict[str, Any]:
    output: dict[str, Any] = {"S3OutputPath": options.async_output}
    if options.async_failures:
        output["S3FailurePath"] = options.async_failures
    if options.kms_key:
        output["KmsKeyId"] = options.kms_key
    topics = {"SuccessTopic": options.async_success_topic, "ErrorTopic": options.async_error_topic}
    if any(topics.values()):
        output["NotificationConfig"] = {key: value for key, value in topics.items() if value}
    body: dict[str, Any] = {"OutputConfig": output}
    if options.async_concurrency is not None:
        body["ClientConfig"] = {"MaxConcurrentInvocationsPerInstance": options.async_concurrency}
    return body
