"""What Azure's errors mean for people: our errors, a reason in one line, what to try.

Codes and remedies: Microsoft Learn, "Troubleshoot online endpoint deployment and scoring".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...errors import (
    Busy,
    Conflict,
    DeployFailed,
    EngineUnavailable,
    InvalidInput,
    NotFound,
    Unauthenticated,
)

_LONGEST = 600
_SECRET = re.compile(
    r"(?i)(bearer\s+|(?:access_token|refresh_token|client_secret|sig|primaryKey|secondaryKey)"
    r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+"
)

_NOT_ACCEPTED = "Azure does not accept the credentials"
_SIGN_IN = "Sign in again (az login), or renew the service principal's secret."
# the first that is found in code and message, both in lower case, tells what to try
_ADVICE = (
    (
        ("outofquota", "quota", "notenoughquota"),
        "Ask for more quota of this size (portal: Quotas, Machine learning), or take another "
        "size, region or fewer machines: -C instance_type=… -C instance_count=…",
    ),
    (
        ("outofcapacity", "notenoughcapacity", "capacity"),
        "The region has no such machine free now: try later, or another size: -C instance_type=…",
    ),
    (
        (
            "acrpull",
            "image pull",
            "imagepull",
            "failed to pull",
            "unauthorizedtopull",
            "dockerimag",
        ),
        "Let the endpoint's identity read the registry: az role assignment create --role AcrPull "
        "--assignee <principal id of the endpoint> --scope <id of the registry>",
    ),
    (
        ("liveness", "readiness", "probe", "resourcenotready", "usercontainer", "containercrash"),
        "The container did not answer in time. See its log; give it longer "
        "(-C readiness.failure_threshold=… -C readiness.initial_delay=…) or a larger machine.",
    ),
    (
        ("instancetype", "vmsku", "invalidsku", "not supported in this region", "vm size"),
        "List what there is: az ml compute list-sizes. Then -C instance_type=…",
    ),
    (
        ("notregistered", "not registered", "missingsubscriptionregistration"),
        "Register the provider once: az provider register -n Microsoft.MachineLearningServices",
    ),
    (
        ("imagebuild", "environmentbuild"),
        "Azure could not build the model's environment: see the build's log in the studio, or "
        "bring our image, which is built here: -C way=image",
    ),
    (
        ("alreadyexists", "nameinuse", "already in use", "not unique"),
        "An endpoint's name is taken in the whole region: choose another one with -n.",
    ),
    (
        ("authorizationfailed", "forbidden"),
        "The role AzureML Data Scientist on the workspace allows it (docs/deploy_azureml.md).",
    ),
)


def advice(text: str) -> str:
    """What to try after an error; empty when there is nothing known."""
    text = text.lower()
    return next((says for words, says in _ADVICE if any(word in text for word in words)), "")


def reason(error: BaseException) -> str:
    """Azure's code and message in one line, without anything secret."""
    code, message = _code_and_message(error)
    message = " ".join(message.split())
    if code and not message.startswith(code):
        message = f"{code}: {message}" if message else code
    return without_secrets(message)[:_LONGEST]


def without_secrets(text: str) -> str:
    """A text without what looks like a key or a token."""
    return _SECRET.sub(r"\1***", text)


@contextmanager
def azure_errors(doing: str) -> Iterator[None]:
    """Errors of Azure's clients as ours.

    Args:
        doing: what is being done, as in "Reading the workspace".
    """
    from azure.core import exceptions

    try:
        yield
    except exceptions.ClientAuthenticationError as error:
        raise Unauthenticated(_unauthenticated(error)) from None
    except exceptions.HttpResponseError as error:
        raise _of_status(error, doing) from error
    except (exceptions.ServiceRequestError, exceptions.ServiceResponseError) as error:
        raise EngineUnavailable(
            f"{doing} failed: the connection to Azure broke ({_short(error)}). Run it again: "
            "what is done already is kept."
        ) from error
    except exceptions.AzureError as error:
        raise DeployFailed(f"{doing} failed: {reason(error)}", advice=advice(str(error))) from error


def _of_status(error: Any, doing: str) -> Exception:
    said = reason(error)
    status = error.status_code
    if status == 401:
        return Unauthenticated(_unauthenticated(error))
    if status == 404 and "notregistered" not in said.lower():
        return NotFound(f"{doing} failed: {said}")
    what_to_try = advice(f"{said} {error}")
    if status in (409, 412) and not what_to_try:
        return Conflict(f"{doing} failed: {said}. Somebody else is changing it; try again later.")
    if status == 429:
        return Busy(f"{doing} failed: Azure takes no more requests now ({said}). Try again later.")
    if status == 400 and not what_to_try:
        return InvalidInput(f"{doing} failed: {said}")
    return DeployFailed(f"{doing} failed: {said}", advice=what_to_try)


def _unauthenticated(error: BaseException) -> str:
    refused = re.search(r"AADSTS\d+:[^\n]*", str(error))  # what Entra ID itself says
    if refused:
        said = without_secrets(refused.group())[:300]
        return f"{_NOT_ACCEPTED}: {said} {_SIGN_IN}"
    if type(error).__name__ == "CredentialUnavailableError" or "failed to retrieve" in str(error):
        return (
            "No Azure credentials: sign in (az login), or set AZURE_TENANT_ID, AZURE_CLIENT_ID and "
            "AZURE_CLIENT_SECRET, or run where there is a managed identity."
        )
    return f"{_NOT_ACCEPTED}: {reason(error)[:300]} {_SIGN_IN}"


def _code_and_message(error: BaseException) -> tuple[str, str]:
    """From an OData error, or from the first JSON in the text of one."""
    told = getattr(error, "error", None)
    if told is not None and getattr(told, "code", None):
        inner = next((each for each in told.details or [] if getattr(each, "message", None)), None)
        message = str(told.message or "")
        if inner is not None and str(inner.message) not in message:
            message = f"{message.rstrip('.')}. {inner.code}: {inner.message}"
        return str(told.code), message
    body = _body(error)
    if isinstance(body, dict):
        inside = body.get("error", body)
        if isinstance(inside, dict) and "message" in inside:
            return str(inside.get("code", "")), str(inside["message"])
    return "", str(getattr(error, "message", error)).partition("\nContent:")[0]


def _body(error: BaseException) -> Any:
    try:
        return json.loads(error.response.text())  # type: ignore[attr-defined]
    except Exception:
        return None


def _short(error: BaseException) -> str:
    return without_secrets(" ".join(str(error).split()))[:200]
