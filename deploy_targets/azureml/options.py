"""What ``-C`` takes, and what Azure's published rules say of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ...errors import InvalidInput
from ..options import option
from .place import GROUP, SUBSCRIPTION, WORKSPACE

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{1,30}[a-zA-Z0-9]")
_SIZE = r"Standard_[A-Za-z0-9]+(-[0-9]+)?[a-z]*(_[A-Za-z0-9]+)*"
_IDENTITY = r"/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/Microsoft\.ManagedIdentity/.+"
_ROUTE = r"/[A-Za-z0-9_./~-]*"
_TAGS = 50 - 10  # Azure's limit, less our own
ONLINE, BATCH, IMAGE, MLFLOW = "online", "batch", "image", "mlflow_model"


@dataclass(frozen=True)
class Probe:
    """When a container counts as alive or ready; seconds."""

    initial_delay: int = option(10, "seconds before the first", minimum=1)
    period: int = option(10, "seconds between two", minimum=1)
    timeout: int = option(2, "seconds to answer", minimum=1)
    success_threshold: int = option(1, "good answers that make it well", minimum=1)
    failure_threshold: int = option(30, "bad answers that make it ill", minimum=1)


@dataclass(frozen=True)
class AzureMLOptions:
    """What ``-C`` takes."""

    subscription_id: str | None = option(
        None,
        "default: AZURE_SUBSCRIPTION_ID, config.json, the Azure CLI's",
        place=True,
        pattern=SUBSCRIPTION,
        like="12345678-1234-1234-1234-123456789abc",
    )
    resource_group: str | None = option(
        None,
        "default: AZURE_RESOURCE_GROUP, config.json, the Azure CLI's default",
        place=True,
        pattern=GROUP,
        like="my-group",
    )
    workspace: str | None = option(
        None,
        "default: AZUREML_WORKSPACE_NAME, config.json, the Azure CLI's default",
        place=True,
        pattern=WORKSPACE,
        like="my-workspace",
    )
    config_file: Path | None = option(
        None, "a config.json as the studio offers for download", place=True
    )
    cloud: str | None = option(
        None,
        "AzureCloud, AzureChinaCloud, AzureUSGovernment, or one that ARM_CLOUD_METADATA_URL knows",
        place=True,
    )

    kind: str = option(ONLINE, "online answers requests, batch scores files", (ONLINE, BATCH))
    way: str | None = option(
        None, "our image, or Azure's for MLflow models; default: image, batch: mlflow_model",
        (IMAGE, MLFLOW),
    )  # fmt: skip
    timeout: float = option(1800.0, "seconds that Azure may take for one deployment", above=0)
    tags: dict[str, str] = option({}, "of the endpoint and its deployments")

    compute_kind: str = option(
        "managed", "where it runs", ("managed", "kubernetes"), group="Machines"
    )
    compute: str | None = option(
        None, "attached Kubernetes cluster, or compute cluster for batch", group="Machines"
    )
    instance_type: str = option(
        "Standard_DS3_v2", "size of the machines; on Kubernetes an instance type", group="Machines"
    )
    instance_count: int = option(1, "how many", minimum=1, maximum=500, group="Machines")
    max_instances: int | None = option(
        None, "scale up to; Kubernetes only", minimum=1, group="Machines"
    )
    target_utilization: int = option(
        70, "percent at which it scales; Kubernetes only", minimum=1, maximum=100, group="Machines"
    )
    cpu: str | None = option(None, "requested; Kubernetes only", group="Machines")
    memory: str | None = option(None, "requested; Kubernetes only", group="Machines")
    gpu: str | None = option(None, "requested; Kubernetes only", group="Machines")

    auth_mode: str = option(
        "key", "how clients show who they are", ("key", "aml_token", "aad_token"), group="Access"
    )
    identity: str | None = option(
        None,
        "resource id of a user-assigned identity; default: one of the endpoint's own",
        pattern=_IDENTITY,
        like="/subscriptions/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/…",
        group="Access",
    )
    public_network_access: str = option(
        "enabled", "requests from outside the network", ("enabled", "disabled"), group="Access"
    )
    egress_public_network_access: str | None = option(
        None, "requests of the container to outside", ("enabled", "disabled"), group="Access"
    )

    mirror_percentage: int | None = option(
        None, "copies of requests that the new one gets first", minimum=1, maximum=50,
        group="Changing over",
    )  # fmt: skip
    traffic_steps: tuple[int, ...] = option(
        (), "percentages on the way to 100", split=",", minimum=1, maximum=99,
        group="Changing over",
    )  # fmt: skip
    step_seconds: float = option(
        60.0, "how long each of these lasts", minimum=0, group="Changing over"
    )
    canary_percentage: int | None = option(
        None, "stay at this share; the next deploy without it moves all", minimum=1, maximum=99,
        group="Changing over",
    )  # fmt: skip
    keep_previous: bool = option(
        True, "keep the old one, which costs, for a rollback at once", group="Changing over"
    )

    env: dict[str, str] = option(
        {}, "variables of the container; shown nowhere", secret=True, group="Container"
    )
    port: int = option(8080, "that it listens on", minimum=1, maximum=65535, group="Container")
    scoring_route: str = option(
        "/invocations",
        "path that takes requests",
        pattern=_ROUTE,
        like="/invocations",
        group="Container",
    )
    liveness_route: str = option(
        "/ping", "path that says it is alive", pattern=_ROUTE, like="/ping", group="Container"
    )
    readiness_route: str = option(
        "/ping", "path that says it takes requests", pattern=_ROUTE, like="/ping", group="Container"
    )
    liveness: Probe = option(Probe(), "when it is started again", group="Container")
    readiness: Probe = option(Probe(), "when it gets requests", group="Container")
    request_timeout_ms: int = option(
        60_000, "limit of a request", minimum=1, maximum=180_000, group="Container"
    )
    max_concurrent_requests: int = option(
        16, "at a time and machine", minimum=1, maximum=1000, group="Container"
    )
    max_queue_wait_ms: int | None = option(
        None, "how long a request may wait", minimum=0, maximum=180_000, group="Container"
    )
    app_insights: bool = option(False, "log into Application Insights", group="Container")

    acr: str | None = option(
        None,
        "login server of the registry to push to; default: the workspace's",
        pattern=r"[A-Za-z0-9][A-Za-z0-9.-]*(:\d+)?",
        like="myregistry.azurecr.io",
        group="Image",
    )
    repository: str | None = option(
        None,
        "in it; default: mlpack/<name>",
        pattern=r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*",
        like="team/churn",
        group="Image",
    )

    mini_batch_size: int = option(10, "files in one call", minimum=1, group="Batch")
    max_concurrency: int = option(1, "calls at a time and machine", minimum=1, group="Batch")
    error_threshold: int = option(-1, "failed files to bear; -1: all", minimum=-1, group="Batch")
    output_action: str = option(
        "append_row", "one file of all answers, or none", ("append_row", "summary_only"),
        group="Batch",
    )  # fmt: skip
    output_file: str = option(
        "predictions.csv", "name of that file", pattern=r"[\w.-]+", like="out.csv", group="Batch"
    )
    batch_retries: int = option(3, "of one call", minimum=0, group="Batch")
    batch_timeout: int = option(30, "seconds of one call", minimum=1, group="Batch")

    @property
    def source(self) -> str:
        """`IMAGE` or `MLFLOW`."""
        return self.way or (MLFLOW if self.kind == BATCH else IMAGE)

    @property
    def kubernetes(self) -> bool:
        """It runs on a Kubernetes cluster that is attached to the workspace."""
        return self.compute_kind == "kubernetes"


def check(name: str, options: AzureMLOptions) -> None:
    """Raises `InvalidInput` for what Azure would refuse later, in words that are less clear."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot name an Azure ML endpoint. Use 3 to 32 letters, digits and hyphens, "
            "a letter first and no hyphen last."
        )
    if options.kubernetes and options.kind == ONLINE:
        _check_kubernetes(options)
    elif options.kind == ONLINE:
        _check_managed(options)
    else:
        _check_batch(options)
    steps = options.traffic_steps
    if list(steps) != sorted(set(steps)):
        raise InvalidInput("The option 'traffic_steps' must go up, such as 10,50.")
    if options.canary_percentage and any(each >= options.canary_percentage for each in steps):
        raise InvalidInput("The option 'traffic_steps' must stay below 'canary_percentage'.")
    _check_tags(options)
    for key in options.env:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", key):
            raise InvalidInput(f"{key!r} in the option 'env' cannot name a variable.")


def _check_tags(options: AzureMLOptions) -> None:
    if len(options.tags) > _TAGS:
        raise InvalidInput(f"The option 'tags' holds {len(options.tags)}; at most {_TAGS} fit.")
    for key, value in options.tags.items():
        if not key or len(key) > 512 or set(key) & set("<>%&\\?/") or len(value) > 256:
            raise InvalidInput(
                f"The tag {key!r} cannot be used: names have at most 512 characters and none of "
                "<>%&\\?/, values at most 256."
            )
        if key.startswith("mlpack."):
            raise InvalidInput(f"The tag {key!r} belongs to mlpack; choose another name.")


def _check_managed(options: AzureMLOptions) -> None:
    if not re.fullmatch(_SIZE, options.instance_type):
        raise InvalidInput(
            f"The option 'instance_type' is {options.instance_type!r}; sizes of Azure look like "
            "Standard_DS3_v2. List them: az ml compute list-sizes"
        )
    for option_name in ("compute", "max_instances", "cpu", "memory", "gpu"):
        if getattr(options, option_name) is not None:
            hint = " Azure Monitor scales managed ones." if option_name == "max_instances" else ""
            raise InvalidInput(
                f"The option {option_name!r} is for -C compute_kind=kubernetes or "
                f"-C kind=batch.{hint}"
            )


def _check_kubernetes(options: AzureMLOptions) -> None:
    if not options.compute:
        raise InvalidInput("The target 'azureml' needs -C compute=… with compute_kind=kubernetes.")
    if options.mirror_percentage:
        raise InvalidInput("Kubernetes endpoints have no mirror traffic: drop 'mirror_percentage'.")
    if options.max_instances is not None and options.max_instances < options.instance_count:
        raise InvalidInput("The option 'max_instances' is less than 'instance_count'.")
    if options.egress_public_network_access:
        raise InvalidInput("The option 'egress_public_network_access' is for managed ones.")


def _check_batch(options: AzureMLOptions) -> None:
    if options.source != MLFLOW:
        raise InvalidInput("Batch endpoints run a scoring script, no server: -C way=mlflow_model.")
    if not options.compute:
        raise InvalidInput("The target 'azureml' needs -C compute=… with kind=batch.")
    if options.auth_mode not in ("key", "aad_token"):
        raise InvalidInput("Batch endpoints take aad_token alone: drop 'auth_mode'.")
    for option_name in ("mirror_percentage", "canary_percentage", "traffic_steps"):
        if getattr(options, option_name):
            raise InvalidInput(f"Batch endpoints have no traffic: drop {option_name!r}.")
    if options.identity:
        raise InvalidInput("azure-ai-ml sends no identity for batch endpoints: drop 'identity'.")
