"""Batch jobs: a model scores files of S3 once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ...builders.base import Progress, Report
from ..base import Deployment, DeployRequest, Status
from . import apply, logs, naming, shapes
from .aws import Aws
from .explain import failure
from .prepare import Prepared
from .state import tags_of
from .wanted import Wanted
from .watch import Patience, wait

LOG_GROUP = "/aws/sagemaker/TransformJobs"
_STATUS: dict[str, Status] = {"InProgress": "starting", "Completed": "stopped", "Failed": "failed"}
_STATUS |= {"Stopping": "deleting", "Stopped": "stopped"}
_LOG_LINES = 15


def body(aws: Aws, wanted: Wanted, job: str = "job") -> dict[str, Any]:
    """``CreateTransformJob``, checked."""
    options = wanted.options
    made: dict[str, Any] = {
        "TransformJobName": job,
        "ModelName": wanted.model()["ModelName"],
        "BatchStrategy": options.batch_strategy,
        "MaxPayloadInMB": options.batch_payload,
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": options.batch_input}
            },
            "ContentType": options.batch_content_type,
            "SplitType": options.batch_split,
        },
        "TransformOutput": {
            "S3OutputPath": options.batch_output,
            "Accept": "application/json",
            "AssembleWith": options.batch_split,
        },
        "TransformResources": {
            "InstanceType": options.instance_type,
            "InstanceCount": options.instance_count,
        },
    }
    if options.batch_concurrency is not None:
        made["MaxConcurrentTransforms"] = options.batch_concurrency
    if options.kms_key:
        made["TransformOutput"]["KmsKeyId"] = options.kms_key
        made["TransformResources"]["VolumeKmsKeyId"] = options.kms_key
    content = naming.digest_of({**made, "TransformJobName": ""})
    about = {naming.CONTENT: content, naming.URI: wanted.model_uri}
    made["Tags"] = naming.tag_list({**wanted.tags, **about, naming.DIGEST: wanted.model_digest})
    model = aws.client("sagemaker").meta.service_model
    shapes.check(model, "CreateTransformJob", made)
    return made


def run(
    aws: Aws, request: DeployRequest, found: Prepared, patience: Patience, report: Report
) -> Deployment:
    """Start a job and wait for its end; one of the same content that runs already is waited for.

    Raises:
        DeployFailed: the job failed; says why.
    """
    wanted = found.wanted
    wanted_body = body(aws, wanted)
    job = _running(aws, wanted.name, naming.tag_dict(wanted_body["Tags"])[naming.CONTENT])
    if job:
        report(Progress("part", f"The job {job} does this already"))
    else:
        apply.make_parts(aws, request, found, report, purpose="batch")
        job = f"{_prefix(wanted.name)}{secrets.token_hex(6)}"
        report(Progress("part", f"Starting the batch job {job}"))
        aws.client("sagemaker").create_transform_job(**body(aws, wanted, job))
    if request.wait:
        ended = _wait(aws, job, patience, report)
        if ended["TransformJobStatus"] != "Completed":
            reason = str(ended.get("FailureReason", ended["TransformJobStatus"]))
            log = logs.last_lines(aws, LOG_GROUP, _LOG_LINES, prefix=job)
            after = "Model and image stay; `mlpack deployments delete` removes them."
            raise failure(f"The batch job {job} failed", reason, log, after)
    return describe(aws, job)


def latest(aws: Aws, name: str) -> Deployment | None:
    """The newest batch job of a deployment."""
    for job in _jobs(aws, name):
        return describe(aws, job)
    return None


def stop_all(aws: Aws, name: str, patience: Patience, report: Report) -> bool:
    """End the jobs of a deployment that still run, which is paid for; says if there were any."""
    client = aws.client("sagemaker")
    running = list(_jobs(aws, name, StatusEquals="InProgress"))
    for job in running:
        report(Progress("part", f"Stopping the batch job {job}"))
        try:
            client.stop_transform_job(TransformJobName=job)
        except ClientError:  # it may have ended in the meantime
            now = client.describe_transform_job(TransformJobName=job)["TransformJobStatus"]
            if now == "InProgress":
                raise
        _wait(aws, job, patience, report)
    return bool(running)


def describe(aws: Aws, job: str) -> Deployment:
    """A job as every target reports deployments."""
    found: Mapping[str, Any] = aws.client("sagemaker").describe_transform_job(TransformJobName=job)
    tags = tags_of(aws, found["TransformJobArn"])
    status = str(found["TransformJobStatus"])
    return Deployment(
        name=tags.get(naming.DEPLOYMENT, job),
        target="sagemaker",
        status=_STATUS.get(status, "unhealthy"),
        endpoint=None,
        model_uri=tags.get(naming.URI, ""),
        model_digest=tags.get(naming.DIGEST),
        image="",
        created=found["CreationTime"].isoformat(),
        details={
            "status": status,
            "place": aws.region,
            "job": job,
            "model": found["ModelName"],
            "input": found["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"],
            "output": found["TransformOutput"]["S3OutputPath"],
            "failure": found.get("FailureReason"),
        },
    )


def _prefix(name: str) -> str:
    return f"{name[:48]}-b-"


def _wait(aws: Aws, job: str, patience: Patience, report: Report) -> Mapping[str, Any]:
    return wait(
        lambda: aws.client("sagemaker").describe_transform_job(TransformJobName=job),
        lambda answer: str(answer["TransformJobStatus"]),
        lambda _: "",
        ("InProgress", "Stopping"),
        f"Batch job {job}",
        patience,
        report,
    )


def _jobs(aws: Aws, name: str, **only: str) -> Iterator[str]:
    """The newest first; other deployments' names may hold the same words."""
    pages = aws.client("sagemaker").get_paginator("list_transform_jobs")
    for page in pages.paginate(
        NameContains=_prefix(name), SortBy="CreationTime", SortOrder="Descending", **only
    ):
        for each in page["TransformJobSummaries"]:
            job = str(each["TransformJobName"])
            ours = job.startswith(_prefix(name))
            if ours and tags_of(aws, each["TransformJobArn"]).get(naming.DEPLOYMENT) == name:
                yield job


def _running(aws: Aws, name: str, content: str) -> str | None:
    for job in _jobs(aws, name, StatusEquals="InProgress"):
        if tags_of(aws, aws.arn("transform-job", job)).get(naming.CONTENT) == content:
            return job
    return None
