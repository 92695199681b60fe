"""Requests to an endpoint, and the logs of what answers them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from ...errors import (
    Busy,
    DeadlineExceeded,
    DeployFailed,
    InvalidInput,
    InvalidState,
    MlpackError,
    ModelFailed,
    Unauthenticated,
)
from ..base import Prediction
from .arm import Arm, send
from .documents import WAY_TAG
from .failures import without_secrets
from .options import BATCH
from .source import for_azure_server
from .state import Endpoint, Slot

_TRIES = 6
_ON_ITS_WAY = (404, 429, 502, 503, 504)  # what routes answer that are not ready yet
_MOST_LINES = 10_000
_FOLLOW_SECONDS = 5.0


def predict(arm: Arm, endpoint: Endpoint, body: bytes, content_type: str) -> Prediction:
    """Ask what the traffic leads to.

    Raises:
        InvalidInput: it says that the request is wrong.
        InvalidState: it cannot be asked.
        ModelFailed: the model raised.
        DeployFailed: it does not answer.
    """
    if endpoint.kind == BATCH:
        raise InvalidInput(
            f"{endpoint.name!r} is a batch endpoint: it scores files that Azure can read. "
            f"az ml batch-endpoint invoke -n {endpoint.name} --input <folder or URI>"
        )
    slot = endpoint.current
    if slot is None:
        raise InvalidState(
            f"No deployment of {endpoint.name!r} gets requests yet. Deploy it again to finish it."
        )
    if slot.tags.get(WAY_TAG) == "mlflow_model":
        body = for_azure_server(body, content_type)
    answer = _ask(arm, endpoint, body, content_type, secret(arm, endpoint))
    if answer.status_code == 200:
        return Prediction(answer.content, answer.headers.get("Content-Type", ""))
    raise _refusal(endpoint, answer)


def try_out(arm: Arm, endpoint: Endpoint, slot_name: str, example: bytes) -> None:
    """Ask one deployment, whatever the traffic is.

    Raises:
        DeployFailed: it does not answer as it should.
    """
    key, pause = secret(arm, endpoint), 0.5
    for tries_left in reversed(range(_TRIES)):
        answer = _ask(arm, endpoint, example, "application/json", key, slot_name)
        if answer.status_code == 200:
            return
        if answer.status_code not in _ON_ITS_WAY or not tries_left:
            why = _refusal(endpoint, answer).message
            raise DeployFailed(
                f"The new deployment {slot_name} does not answer to the model's input example: "
                f"{why}"
            )
        time.sleep(pause)
        pause *= 2


def secret(arm: Arm, endpoint: Endpoint) -> str:
    """What clients authenticate with; never shown.

    Raises:
        DeployFailed: these credentials may not read it.
    """
    if endpoint.auth_mode == "aadtoken":
        return arm.token(f"{arm.cloud.resource}/.default")
    path = f"/onlineEndpoints/{endpoint.name}"
    if endpoint.auth_mode == "key":
        return str(arm.post(f"{path}/listKeys")["primaryKey"])
    return str(arm.post(f"{path}/token")["accessToken"])


def log_lines(arm: Arm, endpoint: Endpoint, tail: int | None, follow: bool) -> Iterator[str]:
    """The log of what requests go to; with ``follow`` until the caller stops.

    Raises:
        InvalidState: there is no deployment, or it has no log.
    """
    if endpoint.kind == BATCH:
        raise InvalidState(
            "Batch endpoints log by job: az ml job list, then az ml job stream -n <job>"
        )
    slot = endpoint.current or next(iter(endpoint.slots.values()), None)
    if slot is None:
        raise InvalidState(f"{endpoint.name!r} has no deployment yet, so no log either.")
    seen = read_log(arm, endpoint.name, slot.name, tail)
    yield from seen
    while follow:
        time.sleep(_FOLLOW_SECONDS)
        now = read_log(arm, endpoint.name, slot.name, None)
        yield from _after(seen, now)
        seen = now


def read_log(arm: Arm, endpoint: str, slot: str, tail: int | None) -> list[str]:
    """The last lines of a deployment's container."""
    if tail == 0:
        return []
    body = {"containerType": "InferenceServer", "tail": min(tail or _MOST_LINES, _MOST_LINES)}
    told = arm.post(f"/onlineEndpoints/{endpoint}/deployments/{slot}/getLogs", body)
    lines = [line for line in str(told.get("content") or "").splitlines() if line.strip()]
    return lines[-tail:] if tail else lines


def end_of_log(arm: Arm, endpoint: str, slot: str, lines: int) -> list[str]:
    """As `read_log`, but empty when there is none, or none that can be had."""
    try:
        return [without_secrets(line) for line in read_log(arm, endpoint, slot, lines)]
    except MlpackError:
        return []


def _after(seen: list[str], now: list[str]) -> list[str]:
    """The lines of ``now`` that follow the end of ``seen``."""
    for at in range(len(now), 0, -1):
        if now[max(0, at - 3) : at] == seen[-min(3, at) :]:
            return now[at:]
    return now


def _ask(
    arm: Arm, endpoint: Endpoint, body: bytes, content_type: str, key: str, slot: str | None = None
) -> Any:
    if not endpoint.uri:
        raise InvalidState(f"{endpoint.name!r} has no address yet: it is {endpoint.state}.")
    headers = {"Content-Type": content_type, "Authorization": f"Bearer {key}"}
    if slot:
        headers["azureml-model-deployment"] = slot
    return send("POST", endpoint.uri, body, headers)


def _refusal(endpoint: Endpoint, answer: Any) -> MlpackError:
    """424 is Azure's word for whatever the container answered; a header has its status."""
    status = answer.status_code
    if status == 424:
        try:
            status = int(answer.headers.get("ms-azureml-model-error-statuscode", 500))
        except ValueError:
            status = 500
    try:
        said = json.loads(answer.content)
        message = str(said.get("message") or said["error"]["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        message = f"{endpoint.uri} answered {status}."
    message = without_secrets(message)
    if answer.status_code in (401, 403):
        return Unauthenticated(f"{endpoint.name!r} does not accept its own key: {message}")
    if status == 429:
        return Busy(message)
    if status in (408, 504):
        return DeadlineExceeded(message)
    if answer.status_code in (404, 502, 503):
        return DeployFailed(f"{endpoint.name!r} does not answer: {message}")
    return InvalidInput(message) if 400 <= status < 500 else ModelFailed(message)


def answering(endpoint: Endpoint, name: str) -> Slot | None:
    """A deployment that Azure says is up."""
    slot = endpoint.slots.get(name)
    return slot if slot and slot.state == "succeeded" else None
