"""Create, update, roll back: what changes an endpoint, and what becomes of it when it fails."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...builders.base import BuildSpec, Progress, Report
from ...errors import AlreadyExists, Conflict, InvalidState, NotFound
from ..base import DeployRequest
from . import image, logs, many, model_data, naming, parts, scaling, state, variants
from .aws import Aws, is_taken, message
from .explain import failure
from .prepare import Prepared
from .state import Endpoint
from .wanted import Wanted
from .watch import Patience, wait_endpoint, wait_gone

BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
_LOG_LINES = 15
# the next run of the same command goes on from here, so nothing is removed
_PASSING = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "ThrottlingException")


def create(
    aws: Aws, request: DeployRequest, found: Prepared, patience: Patience, report: Report
) -> None:
    """Make an endpoint, or go on making one that an earlier run began.

    Raises:
        AlreadyExists: there is one already.
        DeployFailed: it does not answer; endpoint, configuration and model are removed.
    """
    wanted, existing = found.wanted, found.existing
    config = wanted.config()["EndpointConfigName"]
    if existing and existing.status == "Failed":
        remove_endpoint(aws, existing.name, patience, report)
        existing = None
    if existing and (existing.status != "Creating" or existing.config_name != config):
        raise AlreadyExists(f"There is a SageMaker deployment {existing.name!r} already.")
    if not existing:
        make_parts(aws, request, found, report)
        report(Progress("part", f"Making the endpoint {wanted.name}"))
        _create_endpoint(aws, wanted, report)
    if not request.wait:
        _later(wanted, report)
        return
    described = wait_endpoint(aws, wanted.name, patience, report)
    if described["EndpointStatus"] != "InService":
        log = logs.last_lines(aws, logs.group(wanted.name), _LOG_LINES)
        remove_endpoint(aws, wanted.name, patience, report)
        parts.prune(aws, wanted.name, set(), report, images=False)
        raise failure(
            f"The endpoint {wanted.name!r} failed",
            str(described.get("FailureReason", "")),
            log,
            "Endpoint, configuration and model were removed; the image stays, so the next "
            "try is quicker.",
        )
    scaling.apply(aws, wanted.name, wanted.options, report)


def update(
    aws: Aws, request: DeployRequest, found: Prepared, patience: Patience, report: Report
) -> None:
    """Make an endpoint as it is wanted; nothing happens if it is so already.

    Raises:
        NotFound: there is none.
        InvalidState: it is being changed to something else.
        DeployFailed: the new version does not answer; the former one goes on.
    """
    wanted, existing = found.wanted, found.existing
    if existing is None:
        raise NotFound(f"There is no SageMaker deployment {wanted.name!r} in {aws.region}.")
    if existing.status == "Failed":
        create(aws, request, found, patience, report)
        return
    config = wanted.config()["EndpointConfigName"]
    underway = existing.status in BUSY
    if underway and config not in (existing.pending, existing.config_name):
        raise InvalidState(
            f"The endpoint {wanted.name!r} is {existing.status} to something else right now. "
            "Try again when it is done."
        )
    history = existing.history
    if existing.config_name != config or underway:
        if not underway:
            make_parts(aws, request, found, report)
            report(Progress("part", f"Updating the endpoint {wanted.name}"))
            _update_endpoint(aws, wanted.update())
        if not request.wait:
            _later(wanted, report)
            return
        _settle(aws, existing, config, patience, report)
    elif found.missing:
        many.upload(aws, request, wanted, report)
    _shift(aws, wanted, patience, report)
    if not wanted.replaces:
        scaling.apply(aws, wanted.name, wanted.options, report)
    current = naming.short(wanted.name, config)
    former = [each for each in history if each != current][: wanted.options.keep]
    _remember(aws, existing, [current or "", *former])
    kept = [naming.named(wanted.name, each) for each in former]
    parts.prune(aws, wanted.name, {config, *kept}, report)


def rollback(aws: Aws, existing: Endpoint, patience: Patience, report: Report) -> None:
    """Put the former configuration back; all at once, for it is wanted quickly.

    Raises:
        InvalidState: there is none.
        DeployFailed: it does not answer; what ran goes on.
    """
    if existing.status in BUSY:
        raise InvalidState(
            f"The endpoint {existing.name!r} is {existing.status}. Try again when it is done."
        )
    if len(existing.history) < 2:
        raise InvalidState(f"There is no version of {existing.name!r} before this one.")
    former = naming.named(existing.name, existing.history[1])
    report(Progress("part", f"Going back to {former}"))
    body: dict[str, Any] = {"EndpointName": existing.name, "EndpointConfigName": former}
    if scaling.is_on(aws, existing.name):
        body |= {
            "RetainAllVariantProperties": True,
            "ExcludeRetainedVariantProperties": [
                {"VariantPropertyType": "DesiredWeight"},
                {"VariantPropertyType": "DataCaptureConfig"},
            ],
        }
    _update_endpoint(aws, body)
    _settle(aws, existing, former, patience, report)
    _remember(aws, existing, existing.history[1:])


def remove_endpoint(aws: Aws, name: str, patience: Patience, report: Report) -> None:
    """Delete an endpoint and wait until it is gone."""
    report(Progress("part", f"Removing the endpoint {name}"))
    try:
        aws.client("sagemaker").delete_endpoint(EndpointName=name)
    except ClientError:
        # the answer to an earlier try may have been lost, or somebody else deletes it, too
        there = state.find(aws, name, force=True)
        if there and there.status != "Deleting":
            raise
    wait_gone(aws, name, patience, report)


def make_parts(
    aws: Aws, request: DeployRequest, found: Prepared, report: Report, *, purpose: str | None = None
) -> str:
    """Image, model data, model and (unless for another purpose) configuration; the model's name."""
    wanted = found.wanted
    pinned = image.ensure(aws, wanted, found.source, request, report)
    if many.is_ours(request, wanted.options):
        many.upload(aws, request, wanted, report)
    elif wanted.data_url and isinstance(request.image, BuildSpec):
        model, key = request.image.model, wanted.options.kms_key
        model_data.ensure(aws, model, wanted.data_url, key, report)
    body = wanted.model(pinned)
    if purpose:
        body["Tags"] += naming.tag_list({naming.PURPOSE: purpose})
    parts.ensure(aws, "model", body, report)
    if not purpose:
        parts.ensure(aws, "config", wanted.config(pinned), report)
    return str(body["ModelName"])


def _create_endpoint(aws: Aws, wanted: Wanted, report: Report) -> None:
    try:
        aws.client("sagemaker").create_endpoint(**wanted.endpoint())
    except ClientError as error:
        if is_taken(error):
            other = state.find(aws, wanted.name)  # refuses what is not ours
            config = wanted.config()["EndpointConfigName"]
            if other and other.config_name == config and other.status in ("Creating", "InService"):
                return  # the answer to an earlier try was lost, or somebody else wants the same
            raise Conflict(
                f"Somebody else is deploying {wanted.name!r} right now. Try again when it is done."
            ) from None
        if error.response["Error"]["Code"] not in _PASSING:
            with suppress(ClientError, BotoCoreError):
                parts.prune(aws, wanted.name, set(), report, images=False)
        raise


def _update_endpoint(aws: Aws, body: dict[str, Any]) -> None:
    try:
        aws.client("sagemaker").update_endpoint(**body)
    except ClientError as error:
        if "in-progress" in message(error).lower() or "in progress" in message(error).lower():
            now = state.find(aws, body["EndpointName"])
            if now and now.pending == body["EndpointConfigName"]:
                return
            raise Conflict(
                f"Somebody else is updating {body['EndpointName']!r} right now. Try again when "
                "it is done."
            ) from None
        raise


def _settle(aws: Aws, before: Endpoint, config: str, patience: Patience, report: Report) -> None:
    """Wait for an update; raises `DeployFailed` unless the endpoint has the configuration then."""
    described = wait_endpoint(aws, before.name, patience, report)
    if described["EndpointStatus"] == "InService" and described["EndpointConfigName"] == config:
        return
    log = logs.last_lines(aws, logs.group(before.name), _LOG_LINES)
    kept = {naming.named(before.name, each) for each in before.history}
    with suppress(ClientError, BotoCoreError):
        parts.prune(aws, before.name, {*kept, str(described["EndpointConfigName"])}, report)
    answers = described["EndpointStatus"] == "InService"
    raise failure(
        f"The update of {before.name!r} failed",
        str(described.get("FailureReason", "")),
        log,
        "What ran before goes on answering."
        if answers
        else f"The endpoint is {described['EndpointStatus']}; see `mlpack deployments get`.",
    )


def _shift(aws: Aws, wanted: Wanted, patience: Patience, report: Report) -> None:
    """Give the canary its share."""
    now = state.find(aws, wanted.name)
    then = variants.shifted(wanted.options, now) if now else None
    if then is None:
        return
    report(Progress("part", f"Giving the canary {wanted.options.share:.1%} of the requests"))
    aws.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=wanted.name,
        DesiredWeightsAndCapacities=[
            {"VariantName": name, "DesiredWeight": weight} for name, weight in then.items()
        ],
    )
    wait_endpoint(aws, wanted.name, patience, report)


def _remember(aws: Aws, endpoint: Endpoint, history: list[str]) -> None:
    told = " ".join(history[:20])
    if endpoint.tags.get(naming.HISTORY) != told:
        aws.client("sagemaker").add_tags(
            ResourceArn=endpoint.described["EndpointArn"],
            Tags=naming.tag_list({naming.HISTORY: told}),
        )


def _later(wanted: Wanted, report: Report) -> None:
    if wanted.options.max_instances is not None or wanted.options.mode == "canary":
        told = "Autoscaling and shares are set when it answers: run the same command again then."
        report(Progress("notice", told))
