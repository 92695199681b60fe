"""The scoring form: this server passes a request on to an endpoint (see `scoring_rule`)."""

from __future__ import annotations

import json
import threading
from typing import Any

from flask import Blueprint, Response

from ...errors import Busy, InvalidInput, PayloadTooLarge
from ..service import Service
from .part import data_answer, sent, sent_text
from .scoring_call import Failure, post
from .scoring_rule import allowed_addresses, parse_endpoint

_LARGEST = 1 << 20  # bytes of a request
_LONGEST_TOKEN = 8000
_AT_A_TIME = 4  # of a worker, so that slow endpoints do not hold all of its threads


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``POST /ui/score``: {endpoint, content, token?}"""
    calls = threading.BoundedSemaphore(_AT_A_TIME)

    @data.post("/score")
    def score() -> Response:
        message = sent()
        endpoint = parse_endpoint(sent_text(message, "endpoint"))
        body = _body(sent_text(message, "content"))
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        headers |= _authorization(sent_text(message, "token", ""))
        addresses = allowed_addresses(endpoint, service.settings)
        if not calls.acquire(blocking=False):
            raise Busy("Other requests are being scored; try again in a moment.")
        try:
            return data_answer(
                {"endpoint": str(endpoint), **_call(endpoint, addresses, body, headers)}
            )
        finally:
            calls.release()


def _call(*call: Any) -> dict[str, Any]:
    try:
        answer = post(*call)
    except Failure as failure:
        return {"failure": str(failure)}
    return {
        "status": answer.status,
        "reason": answer.reason,
        "milliseconds": round(answer.milliseconds, 1),
        "content": answer.content,
        "note": answer.note,
    }


def _body(content: str) -> bytes:
    try:
        told = json.loads(content)
        body = content.encode()
    except (ValueError, RecursionError) as error:  # broken JSON, half a surrogate pair
        raise InvalidInput(f"The request is not JSON: {error}.") from None
    if not isinstance(told, dict):
        raise InvalidInput("The request must be a JSON object, such as an input example.")
    if len(body) > _LARGEST:
        raise PayloadTooLarge(f"The request is larger than {_LARGEST >> 20} MB; send it yourself.")
    return body


def _authorization(token: str) -> dict[str, str]:
    token = token.strip()
    if not token:
        return {}
    if not (token.isascii() and token.isprintable()) or " " in token or len(token) > _LONGEST_TOKEN:
        raise InvalidInput("The token has characters that no token can have, or too many.")
    return {"Authorization": f"Bearer {token}"}
