"""A policy of IAM, evaluated by action and resource: what the docs recommend is what is enough."""

from __future__ import annotations

import json
import re
import urllib.parse
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from .cloud import ACCOUNT, REGION

DOCS = Path(__file__).parents[3] / "docs" / "deploy_sagemaker.md"
_SAGEMAKER = {  # members of a body that name something, and the word for it in ARNs
    "ModelName": "model",
    "EndpointConfigName": "endpoint-config",
    "EndpointName": "endpoint",
    "TransformJobName": "transform-job",
}


def documented(bucket: str) -> list[dict[str, Any]]:
    """The policy in the docs, with a bucket and role of the tests."""
    (block,) = re.findall(r"<!-- policy -->\n```json\n(.*?)```", DOCS.read_text(), re.DOTALL)
    told = block.replace("my-bucket", bucket).replace("role/sagemaker-role", "role/sagemaker")
    statements: list[dict[str, Any]] = json.loads(told)["Statement"]
    return statements


def allowed(policy: list[dict[str, Any]], action: str, resource: str) -> bool:
    """Does any statement allow it? There are no denials and no conditions in it."""
    for statement in policy:
        resources = statement["Resource"]
        resources = resources if isinstance(resources, list) else [resources]
        if action in statement["Action"] and any(fnmatchcase(resource, r) for r in resources):
            return True
    return False


def needed(action: str, path: str, body: bytes) -> list[tuple[str, str]]:
    """Actions and resources that a call needs, as AWS's reference of authorisation has them."""
    service, _, operation = action.partition(":")
    if service == "sts":
        return []
    if service == "sagemaker":
        return _sagemaker(action, operation, path, body)
    if service == "iam":
        role = urllib.parse.parse_qs(body.decode())["RoleName"][0]
        return [(action, f"arn:aws:iam::{ACCOUNT}:role/{role}")]
    if service == "s3":
        return [(action, f"arn:aws:s3:::{urllib.parse.unquote(path.strip('/'))}")]
    asked = json.loads(body)
    if service == "logs":
        group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{asked['logGroupName']}"
        return [(action, f"{group}:log-stream:{asked.get('logStreamName', '')}")]
    if service == "ecr" and operation != "GetAuthorizationToken":
        names = asked.get("repositoryNames") or [asked.get("repositoryName")]
        arns = [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{each}" for each in names]
        arns = [asked["resourceArn"]] if "resourceArn" in asked else arns
        also = [("ecr:TagResource", arns[0])] if operation == "CreateRepository" else []
        return [*((action, arn) for arn in arns), *also]
    return [(action, "*")]


def _sagemaker(action: str, operation: str, path: str, body: bytes) -> list[tuple[str, str]]:
    base = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    if operation.startswith("Invoke"):
        return [(action, f"{base}:endpoint/{path.split('/')[2]}")]
    asked = json.loads(body)
    if "ResourceArn" in asked:
        return [(action, asked["ResourceArn"])]
    if operation.startswith("List"):
        return [(action, "*")]
    found = [(action, f"{base}:{word}/{asked[key]}") for key, word in _SAGEMAKER.items()
             if key in asked]  # fmt: skip
    if asked.get("Tags"):
        found.append(("sagemaker:AddTags", found[-1][1]))
    if operation == "CreateModel":
        found.append(("iam:PassRole", asked["ExecutionRoleArn"]))
    return found
