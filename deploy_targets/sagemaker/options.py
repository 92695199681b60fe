"""What ``-C`` takes, and which settings fit together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...errors import InvalidInput
from ..options import option, read_options

_INSTANCE = r"ml\.[a-z0-9-]+\.[a-z0-9-]+"
_S3 = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\x00-\x1f\x7f\\]*)?"
_REGION = r"[a-z]{2}(-[a-z]+)+-\d{1,2}"
_ROLE = r"(arn:aws[a-z-]*:iam::\d{12}:role/)?[\w+=,.@/-]+"
_SNS = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+(\.fifo)?"
_REPOSITORY = r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*"
_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
LONGEST_SHIFT = 28800  # seconds that AWS lets an update take
_RESERVED = ("aws:", "mlpack:")
_TOPIC = "arn:aws:sns:eu-central-1:123456789012:topic"


def _s3(help: str, group: str) -> Any:
    return option(None, help, group=group, pattern=_S3, like="s3://bucket/prefix")


@dataclass(frozen=True)
class Variant:
    """One of several variants."""

    name: str = option("main", "the variant's name", pattern=_NAME, like="main")
    weight: float = option(1.0, "its share, relative to the others", minimum=0)
    instance_type: str | None = option(
        None, "default: of the options", pattern=_INSTANCE, like="ml.m5.large"
    )
    instance_count: int | None = option(None, "default: of the options", minimum=1)
    model: str | None = option(None, "a SageMaker model; default: this one", pattern=_NAME)


@dataclass(frozen=True)
class SagemakerOptions:
    """What ``-C`` takes."""

    role: str | None = option(
        None,
        "role that SageMaker takes on, ARN or name; always needed",
        pattern=_ROLE,
        like="arn:aws:iam::123456789012:role/name, or its name",
    )
    region: str | None = option(
        None,
        "AWS region; default: of the AWS configuration",
        place=True,
        pattern=_REGION,
        like="eu-central-1",
    )
    profile: str | None = option(None, "AWS profile; default: AWS_PROFILE", place=True)
    account: str | None = option(
        None,
        "refuse unless the credentials are of this account",
        pattern=r"\d{12}",
        like="123456789012",
    )
    instance_type: str = option(
        "ml.m5.large", "instance type", pattern=_INSTANCE, like="ml.m5.xlarge"
    )
    instance_count: int = option(1, "how many instances", minimum=1)
    env: dict[str, str] = option({}, "variables of the container", secret=True)
    tags: dict[str, str] = option({}, "on all that is made")
    timeout: float = option(3600.0, "seconds to wait for the cloud", minimum=1, maximum=86400)
    keep: int = option(3, "former versions to keep for rollback", minimum=1, maximum=20)

    repository: str | None = option(
        None,
        "of ECR, made if missing; default: mlpack/<deployment>",
        group="Image and model",
        pattern=_REPOSITORY,
        like="team/churn",
    )
    model_data: str | None = _s3(
        "where model.tar.gz goes, for one image of many versions; default: model in the image",
        "Image and model",
    )
    multi_model: str | None = _s3(
        "prefix of many models, which SageMaker loads when they are asked for; with mode=add one "
        "more for the endpoint",
        "Image and model",
    )
    target_model: str | None = option(
        None,
        "what it is asked for as, of many models; default: the deployment's name",
        group="Image and model",
        pattern=r"[A-Za-z0-9][A-Za-z0-9_.-]{0,200}",
        like="churn-3",
    )
    startup_timeout: int | None = option(
        None, "seconds to answer /ping, 60 to 3600; AWS: 60", group="Image and model"
    )
    download_timeout: int | None = option(
        None, "seconds to fetch model data, 60 to 3600; AWS: 60", group="Image and model"
    )
    volume: int | None = option(None, "GB of storage an instance", group="Image and model")

    mode: Literal["replace", "add", "canary"] = option(
        "replace",
        "replace what runs, add a variant to it, or give a canary variant a share",
        group="Variants",
    )
    variant: str = option(
        "main", "name of the variant", group="Variants", pattern=_NAME, like="main"
    )
    weight: float = option(1.0, "of the variant among others", group="Variants", minimum=0)
    share: float = option(
        0.1, "of the requests for the canary variant", group="Variants", above=0, maximum=0.99
    )
    variants: tuple[Variant, ...] = option((), "several variants at once", group="Variants")

    traffic: Literal["all-at-once", "canary", "linear"] = option(
        "all-at-once", "how an update moves requests to the new instances", group="Updates"
    )
    step: int = option(
        10, "percent of the canary, or of each linear step", group="Updates", minimum=1, maximum=50
    )
    step_wait: int = option(
        300, "seconds after the canary or a step", group="Updates", minimum=0, maximum=3600
    )
    termination_wait: int = option(
        0, "seconds to keep the old instances", group="Updates", minimum=0, maximum=3600
    )
    rollback_alarms: tuple[str, ...] = option(
        (), "CloudWatch alarms that undo an update", group="Updates", split=","
    )

    max_instances: int | None = option(
        None, "not more; switches it on", group="Autoscaling", minimum=1
    )
    min_instances: int = option(1, "not fewer", group="Autoscaling", minimum=0)
    target_invocations: float = option(
        1000.0,
        "requests a minute and instance to aim at (async: waiting requests; serverless: % used)",
        group="Autoscaling",
        above=0,
    )
    scale_in_cooldown: int = option(300, "seconds between removals", group="Autoscaling", minimum=0)
    scale_out_cooldown: int = option(
        60, "seconds between additions", group="Autoscaling", minimum=0
    )

    serverless: bool = option(False, "paid per use, no instances", group="Serverless")
    serverless_memory: int = option(2048, "MB: 1024, 2048, … 6144", group="Serverless")
    serverless_concurrency: int = option(20, "requests at once at most", group="Serverless")
    serverless_provisioned: int | None = option(
        None, "kept warm, paid while it exists", group="Serverless", minimum=1
    )

    async_output: str | None = _s3("where answers go; makes the endpoint so", "Asynchronous")
    async_failures: str | None = _s3("where errors go", "Asynchronous")
    async_success_topic: str | None = option(
        None, "SNS topic for answers", group="Asynchronous", pattern=_SNS, like=_TOPIC
    )
    async_error_topic: str | None = option(
        None, "SNS topic for errors", group="Asynchronous", pattern=_SNS, like=_TOPIC
    )
    async_concurrency: int | None = option(
        None, "requests at once an instance; default: AWS chooses", group="Asynchronous"
    )

    capture_percentage: int = option(
        0, "of requests to keep in S3", group="Data capture", minimum=0, maximum=100
    )
    capture_uri: str | None = _s3("where they go", "Data capture")

    subnets: tuple[str, ...] = option((), "of the VPC", group="Network and keys", split=",")
    security_groups: tuple[str, ...] = option((), "of the VPC", group="Network and keys", split=",")
    network_isolation: bool = option(
        False, "the container reaches no network", group="Network and keys"
    )
    kms_key: str | None = option(
        None, "of volumes and of what is written to S3 and ECR", group="Network and keys"
    )

    batch_input: str | None = _s3("to score once; a batch job, no endpoint", "Batch transform")
    batch_output: str | None = _s3("where its answers go", "Batch transform")
    batch_content_type: str = option("text/csv", "of the input", group="Batch transform")
    batch_split: Literal["None", "Line"] = option(
        "None", "how files are split; not a CSV with a header", group="Batch transform"
    )
    batch_strategy: Literal["MultiRecord", "SingleRecord"] = option(
        "MultiRecord", "records a request, when split", group="Batch transform"
    )
    batch_payload: int = option(
        6, "MB a request; 0 for no limit", group="Batch transform", minimum=0, maximum=100
    )
    batch_concurrency: int | None = option(
        None, "requests at once; default: AWS chooses", group="Batch transform", minimum=1
    )

    @property
    def image_platform(self) -> str:
        """Graviton's instances have a g after the generation: ml.c7g.large, ml.m6gd.large."""
        family = self.instance_type.split(".")[1]
        arm = not self.serverless and re.fullmatch(r"[a-z]+\d+g[a-z]*", family)
        return "linux/arm64" if arm else "linux/amd64"

    @property
    def shift_seconds(self) -> int:
        """How long an update that shifts requests waits on purpose."""
        if self.traffic == "all-at-once" and not (self.termination_wait or self.rollback_alarms):
            return 0
        steps = {"all-at-once": 1, "canary": 2, "linear": -(-100 // self.step)}[self.traffic]
        return steps * self.step_wait + self.termination_wait

    @property
    def all_variants(self) -> tuple[Variant, ...]:
        """The variants to make, one when none are listed; with instance types and counts."""
        own = Variant(self.variant, self.weight)
        return tuple(
            Variant(
                each.name,
                each.weight,
                each.instance_type or self.instance_type,
                each.instance_count or self.instance_count,
                each.model,
            )
            for each in self.variants or (own,)
        )


def read(given: Mapping[str, Any]) -> SagemakerOptions:
    """The options, checked as far as no account is needed.

    Raises:
        InvalidInput: a key is unknown, a value is of the wrong form, or two don't fit together.
    """
    options = read_options(SagemakerOptions, given, "sagemaker")
    for key in options.tags:
        if key.lower().startswith(_RESERVED):
            raise InvalidInput(f"The tag {key!r} is reserved; choose another name.")
    names = [each.name for each in options.all_variants]
    if len(set(names)) < len(names):
        raise InvalidInput("Two of the option 'variants' have the same name.")
    _check_serverless(options)
    _check_traffic(options)
    _check_scaling(options)
    _check_needs(options)
    return options


def _check_serverless(options: SagemakerOptions) -> None:
    if not options.serverless:
        return
    for name, given in (
        ("async_output", options.async_output),
        ("subnets", options.subnets),
        ("network_isolation", options.network_isolation),
        ("multi_model", options.multi_model),
        ("variants", options.variants),
        ("capture_percentage", options.capture_percentage),
        ("mode", options.mode != "replace"),
        ("batch_input", options.batch_input),
    ):
        if given:
            raise InvalidInput(f"SageMaker has no {name!r} for serverless endpoints.")
    if options.serverless_memory not in range(1024, 6145, 1024):
        raise InvalidInput(
            f"The option 'serverless_memory' is {options.serverless_memory}; "
            "it is 1024, 2048, 3072, 4096, 5120 or 6144."
        )
    if (options.serverless_provisioned or 0) > options.serverless_concurrency:
        raise InvalidInput("'serverless_provisioned' is larger than 'serverless_concurrency'.")


def _check_traffic(options: SagemakerOptions) -> None:
    """AWS's guide: Deployment guardrails, their exclusions, and API_BlueGreenUpdatePolicy."""
    shifting = options.traffic != "all-at-once"
    guarded = shifting or options.termination_wait or options.rollback_alarms
    if guarded and options.serverless:
        raise InvalidInput(
            "Serverless endpoints change over all at once: drop 'traffic', 'termination_wait' and "
            "'rollback_alarms'."
        )
    if guarded and options.mode != "replace":
        raise InvalidInput(
            f"-C mode={options.mode} makes a variant beside the others, and 'traffic', "
            "'termination_wait' and 'rollback_alarms' need the same variants before and after. "
            "Drop them."
        )
    if len(options.rollback_alarms) > 10:
        raise InvalidInput("The option 'rollback_alarms' holds more than 10.")
    if options.shift_seconds >= LONGEST_SHIFT:
        raise InvalidInput(
            f"'step_wait' after each step and 'termination_wait' are {options.shift_seconds} s in "
            f"all; AWS ends an update after {LONGEST_SHIFT}."
        )
    if shifting and options.instance_count < 2:
        raise InvalidInput(
            f"-C traffic={options.traffic} moves a part of the capacity at a time; it needs "
            "-C instance_count=2 or more."
        )
    if options.traffic == "linear" and options.step < 10:
        raise InvalidInput("The option 'step' is 10 to 50 for linear traffic.")
    if options.mode != "replace" and options.variants:
        raise InvalidInput("'variants' lists all of them; it goes with mode=replace only.")


def _check_scaling(options: SagemakerOptions) -> None:
    if options.max_instances is None:
        return
    if options.serverless and not options.serverless_provisioned:
        raise InvalidInput(
            "A serverless endpoint scales by itself; autoscaling is for its "
            "'serverless_provisioned' capacity."
        )
    if options.min_instances > options.max_instances:
        raise InvalidInput("'min_instances' is larger than 'max_instances'.")
    if options.min_instances == 0 and not options.async_output:
        raise InvalidInput("Only asynchronous endpoints scale to 0 instances.")


def _check_needs(options: SagemakerOptions) -> None:
    if bool(options.subnets) != bool(options.security_groups):
        raise InvalidInput("A VPC needs both options 'subnets' and 'security_groups'.")
    if options.capture_percentage and not options.capture_uri:
        raise InvalidInput("Data capture needs -C capture_uri=s3://bucket/prefix")
    if options.multi_model and options.model_data:
        raise InvalidInput("'multi_model' and 'model_data' exclude each other.")
    if options.multi_model and options.batch_input:
        raise InvalidInput("A batch job has one model; drop 'multi_model'.")
    if options.target_model and not options.multi_model:
        raise InvalidInput("'target_model' names one of many models; it needs 'multi_model'.")
    if bool(options.batch_input) != bool(options.batch_output):
        raise InvalidInput("A batch job needs both options 'batch_input' and 'batch_output'.")
    if options.batch_input and (options.mode != "replace" or options.async_output):
        raise InvalidInput("A batch job takes no options of endpoints: neither mode nor async.")
