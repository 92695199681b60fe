"""Asking a deployment over HTTP, and what its failures mean."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ..errors import DeployFailed, InvalidInput, ModelFailed, Unauthenticated
from .base import Prediction

TOKEN = "MLPACK_DEPLOYMENT_TOKEN"  # noqa: S105 — its name
_TIMEOUT = 70  # a little more than the scoring server itself allows a request


def authorization() -> dict[str, str]:
    """The header for servers that let in who has a token, from the environment; {} without one.

    Raises:
        InvalidInput: it has characters that no token can have.
    """
    token = os.environ.get(TOKEN, "").strip()
    if not (token.isascii() and token.isprintable()):
        raise InvalidInput(f"{TOKEN} has characters that no token can have.")
    return {"Authorization": f"Bearer {token}"} if token else {}


def ask_server(url: str, body: bytes, content_type: str) -> Prediction:
    """As `ask`, with the token of the environment: of a server of ours that is reached directly."""
    try:
        return ask(url, body, content_type, authorization())
    except Unauthenticated as error:
        raise Unauthenticated(
            f"{error.message} The token is taken from the environment variable {TOKEN}."
        ) from None


def ask(
    url: str,
    body: bytes,
    content_type: str,
    headers: Mapping[str, str] | None = None,
    timeout: float = _TIMEOUT,
    ca_certs: str | None = None,
) -> Prediction:
    """POST a body to a scoring address.

    Args:
        url: such as ``http://127.0.0.1:8080/invocations``.
        body: as it is.
        content_type: of it.
        headers: further ones, such as Authorization; shown in no error.
        timeout: seconds.
        ca_certs: a file of certificates to trust instead of the system's.

    Raises:
        InvalidInput: the deployment says that the request is wrong.
        Unauthenticated: it lets nobody in with these headers.
        ModelFailed: its model raised.
        DeployFailed: it does not answer.
    """
    import urllib3

    pool = urllib3.PoolManager(ca_certs=ca_certs, retries=False)
    try:
        answer = pool.request(
            "POST",
            url,
            body=body,
            headers={"Content-Type": content_type, **(headers or {})},
            timeout=timeout,
            redirect=False,
        )
    except urllib3.exceptions.HTTPError as error:
        raise DeployFailed(f"{url} does not answer: {_why(error)}.") from None
    finally:
        pool.clear()
    return answer_of(answer, url)


def answer_of(answer: Any, where: str) -> Prediction:
    """What a response means: a prediction, or one of the errors that `ask` raises.

    Args:
        answer: has ``status``, ``reason``, ``data`` and ``headers``, as urllib3's.
        where: was asked, for messages.
    """
    if answer.status == 200:
        return Prediction(answer.data, answer.headers.get("Content-Type", ""))
    message = _message(answer.data) or f"{where} answered {answer.status} {answer.reason}."
    if answer.status in (401, 403):
        raise Unauthenticated(message)
    if 400 <= answer.status < 500:
        raise InvalidInput(message)
    if answer.status in (502, 503, 504):
        raise DeployFailed(message)
    raise ModelFailed(message)


def answers(url: str, timeout: float = 2) -> bool:
    """Whether the ``/ping`` of a scoring server says that it is ready."""
    import urllib3

    with urllib3.PoolManager(retries=False) as pool:
        try:
            return pool.request("GET", f"{url}/ping", timeout=timeout, redirect=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False


def _message(body: bytes) -> str:
    """What our scoring server says was wrong."""
    try:
        content: Any = json.loads(body)
        return str(content["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def _why(error: Exception) -> str:
    # the reason is the end of "HTTPConnection(host=…): Failed to establish …: [Errno 111] …"
    text = str(error.args[-1] if error.args else error) or type(error).__name__
    return text.rpartition(": ")[2].rstrip(".")
