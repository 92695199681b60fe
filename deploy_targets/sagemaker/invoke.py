"""Predictions: at once, or through S3 where the endpoint is asynchronous."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

from botocore.exceptions import ClientError

from ...errors import DeadlineExceeded, DeployFailed, InvalidInput, ModelFailed
from ..base import Prediction
from . import model_data
from .aws import Aws, code, message

_ASYNC_SECONDS = 900.0
_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


def ask(
    aws: Aws,
    name: str,
    body: bytes,
    content_type: str,
    *,
    target_model: str | None = None,
    target_variant: str | None = None,
) -> Prediction:
    """Ask an endpoint and wait for the answer.

    Raises:
        InvalidInput: the model's server says that the request is wrong.
        ModelFailed: the model raised.
        DeployFailed: it does not answer.
    """
    also = {"TargetModel": target_model, "TargetVariant": target_variant}
    try:
        answer = aws.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=name,
            Body=body,
            ContentType=content_type,
            **{key: value for key, value in also.items() if value},
        )
    except ClientError as error:
        if code(error) == "ModelError":
            raise _models_error(error) from None
        if code(error) in ("ModelNotReadyException", "ServiceUnavailable", "InternalFailure"):
            raise DeployFailed(f"The endpoint {name!r} does not answer: {message(error)}") from None
        raise
    return Prediction(answer["Body"].read(), answer.get("ContentType", ""))


def ask_async(
    aws: Aws,
    name: str,
    output: str,
    body: bytes,
    content_type: str,
    seconds: float = _ASYNC_SECONDS,
) -> Prediction:
    """Put the request into S3, ask, and wait until the answer is there.

    Args:
        output: the endpoint's ``S3OutputPath``; requests lie below it, too.
    """
    request = f"{output.rstrip('/')}/mlpack-requests/{secrets.token_hex(16)}"
    model_data.write(aws, request, body, content_type)
    answer = aws.client("sagemaker-runtime").invoke_endpoint_async(
        EndpointName=name, InputLocation=request, ContentType=content_type
    )
    failed = answer.get("FailureLocation")
    deadline, pause = time.monotonic() + seconds, _PAUSE
    while time.monotonic() < deadline:
        if (found := model_data.read(aws, answer["OutputLocation"])) is not None:
            model_data.remove(aws, [request], lambda _: None)
            return Prediction(found, "application/json")
        if failed and (found := model_data.read(aws, failed)) is not None:
            model_data.remove(aws, [request], lambda _: None)
            raise ModelFailed(_said(found.decode(errors="replace")))
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    raise DeadlineExceeded(
        f"No answer within {seconds:g} s. It will be in {answer['OutputLocation']}."
    )


def _models_error(error: Any) -> Exception:
    status = int(error.response.get("OriginalStatusCode", 500))
    said = _said(str(error.response.get("OriginalMessage") or message(error)))
    return (InvalidInput if status < 500 else ModelFailed)(said)


def _said(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:2000]
