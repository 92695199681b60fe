"""Why a deployment failed, and what to try."""

from __future__ import annotations

import re

from ...errors import DeployFailed

_HINTS = (
    (
        r"ping health check|did not respond|startup health check",
        "The container did not answer /ping in time. Usual causes: the model takes longer to load "
        "(-C startup_timeout=600), a package is missing or the container ends (its log says so), "
        "too little memory (a larger -C instance_type), a variable in -C env that the server "
        "refuses. Try the image here first: --target local.",
    ),
    (
        r"make sure all images|requested image|image .*(not found|not exist|pull)|\becr\b",
        "SageMaker could not fetch the image. The role needs ecr:GetAuthorizationToken, "
        "ecr:BatchGetImage and ecr:GetDownloadUrlForLayer; a repository of another account needs "
        "a policy that admits it; in a VPC without internet ECR and S3 need endpoints.",
    ),
    (
        r"model data|model artifact|s3://",
        "SageMaker could not fetch the model's data. The role needs s3:GetObject (and "
        "s3:ListBucket) there, kms:Decrypt for its key, and the bucket is best in the same region.",
    ),
    (
        r"assume role|assumerole|trust relationship",
        "The role must trust the service sagemaker.amazonaws.com (sts:AssumeRole).",
    ),
    (
        r"insufficientinstancecapacity|insufficient capacity|unable to provision",
        "AWS has no such instances free now. Try again later, another -C instance_type, or "
        "subnets in other availability zones.",
    ),
    (
        r"out of memory|oom|memory",
        "The container needs more memory: a larger -C instance_type or -C serverless_memory, or "
        "fewer processes (-C env=MLPACK_WORKERS=1).",
    ),
    (
        r"alarm",
        "One of the -C rollback_alarms went off, so the update was undone. See the alarm's "
        "history in CloudWatch.",
    ),
)
_QUOTA = re.compile(r"service limit '([^']+)' is (\d+)|quota '([^']+)'", re.IGNORECASE)


def hint_for(reason: str) -> str:
    """What to try, '' when nothing is known about the reason."""
    quota = _QUOTA.search(reason)
    if quota or "ResourceLimitExceeded" in reason:
        which = f"{(quota[1] or quota[3])!r}" if quota else "named above"
        return (
            f"The account's quota {which} is used up. Ask for more in the console (Service "
            "Quotas, Amazon SageMaker), or take another -C instance_type or fewer instances."
        )
    for pattern, hint in _HINTS:
        if re.search(pattern, reason, re.IGNORECASE):
            return hint
    return ""


def failure(what: str, reason: str, log: list[str], after: str) -> DeployFailed:
    """A failure: the reason, the log's end, what to try, what is there now."""
    said = " ".join(reason.split()) or "AWS gives no reason."
    return DeployFailed(f"{what}: {said}", log, f"{hint_for(reason)} {after}".strip())
