"""The role that SageMaker takes on to fetch the image and to run the model."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

from botocore.exceptions import ClientError

from ...builders.base import Progress, Report
from ...errors import InvalidInput
from .aws import Aws, is_denied, is_missing

_SERVICE = "sagemaker.amazonaws.com"
_TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": '
    f'{{"Service": "{_SERVICE}"}}, "Action": "sts:AssumeRole"}}]}}'
)


def check_role(aws: Aws, role: str | None, report: Report) -> str:
    """The role's ARN; it exists and trusts SageMaker, as far as the user may see.

    Raises:
        InvalidInput: there is none, it is another account's, or it does not trust SageMaker.
    """
    if not role:
        raise InvalidInput(
            "SageMaker needs a role that it takes on: -C role=<name or ARN>. `aws iam list-roles` "
            "lists what there is; docs/deploy_sagemaker.md says what it must allow."
        )
    if role.startswith("arn:") and role.split(":")[4] != aws.account:
        raise InvalidInput(
            f"The role is of the account {role.split(':')[4]}, the credentials are of "
            f"{aws.account}. SageMaker takes roles of its own account only."
        )
    name = role.rpartition("/")[2]
    try:
        found = aws.client("iam").get_role(RoleName=name)["Role"]
    except ClientError as error:
        if is_missing(error):
            raise InvalidInput(f"There is no role {name!r} in the account {aws.account}.") from None
        if not is_denied(error):
            raise
        report(
            Progress("notice", "The role was not checked: these credentials may not iam:GetRole.")
        )
        return (
            role
            if role.startswith("arn:")
            else f"arn:{aws.partition}:iam::{aws.account}:role/{name}"
        )
    if not trusts_sagemaker(found["AssumeRolePolicyDocument"]):
        raise InvalidInput(
            f"The role {name!r} does not trust {_SERVICE}. Its trust policy must hold: {_TRUST}"
        )
    return str(found["Arn"])


def trusts_sagemaker(document: Any) -> bool:
    """May SageMaker take on a role of this trust policy?"""
    if isinstance(document, str):
        document = json.loads(urllib.parse.unquote(document))
    statements = document.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else principal
        actions = statement.get("Action", [])
        if (
            statement.get("Effect") == "Allow"
            and _SERVICE in _many(services)
            and {"sts:AssumeRole", "sts:*", "*"} & set(_many(actions))
        ):
            return True
    return False


def _many(value: Any) -> list[str]:
    return list(value) if isinstance(value, list) else [value]
