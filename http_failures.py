"""What it means when a server refuses, or gives no answer: one sentence each, without secrets."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import urllib3
from urllib3 import exceptions as kinds
from urllib3.exceptions import HTTPError, MaxRetryError

from .errors import (
    AlreadyExists,
    Conflict,
    DeadlineExceeded,
    InvalidInput,
    InvalidState,
    MlpackError,
    NotFound,
    PayloadTooLarge,
    StorageFailed,
    StorageUnavailable,
    UnsupportedMediaType,
)

_MAX_ERROR = 1 << 16
_NO_ROUTE = "ENDPOINT_NOT_FOUND"

_KINDS = (
    InvalidInput,
    NotFound,
    AlreadyExists,
    Conflict,
    InvalidState,
    DeadlineExceeded,
    StorageUnavailable,
)
_BY_CODE: dict[str, type[MlpackError]] = {kind.error_code: kind for kind in _KINDS}
_BY_CODE["BAD_REQUEST"] = InvalidInput
_BY_STATUS: dict[int, type[MlpackError]] = {413: PayloadTooLarge, 415: UnsupportedMediaType}
# the first that fits; the last always does
_FAILURES: list[tuple[Any, str]] = [
    (kinds.NameResolutionError, "No machine is known by the name in {where}. Check "
     "MLPACK_TRACKING_URI, or the network."),
    (kinds.ProxyError, "The proxy in the environment does not lead to {where}. Check HTTP_PROXY "
     "and HTTPS_PROXY, or name the server in NO_PROXY."),
    (kinds.SSLError, "No secure connection to {where}: {why}. Does it speak https? If so, name the "
     "certificate of its authority in MLPACK_TRACKING_SERVER_CERT_PATH."),
    (kinds.ReadTimeoutError, "{where} did not answer within {seconds:g} s. "
     "MLPACK_HTTP_REQUEST_TIMEOUT sets another limit, in seconds."),
    ((kinds.NewConnectionError, kinds.ConnectTimeoutError), "No tracking server answers at "
     "{where}: is it running? `mlpack server` starts one; MLPACK_TRACKING_URI or set_tracking_uri "
     "names it."),
    (HTTPError, "The connection to {where} broke before the answer was complete. If the call was "
     "to change something, look whether it did before you repeat it."),
]  # fmt: skip


def refusal(where: str, call: str, response: urllib3.BaseHTTPResponse) -> MlpackError:
    """The error that an answer with a status of 400 and more means.

    Args:
        where: the server's address.
        call: method and path.
        response: its body is not read yet.
    """
    status = response.status
    answer = None
    with suppress(HTTPError, ValueError, RecursionError):
        answer = json.loads(response.read(_MAX_ERROR))
    told = answer if isinstance(answer, dict) else {}
    code, message = str(told.get("error_code") or ""), str(told.get("message") or "")
    call = f"{call} ({status})"
    kind = _BY_STATUS.get(status, StorageFailed)
    if status in (401, 403):
        what = "asks who you are" if status == 401 else "does not allow you"
        kind, code = MlpackError, ("UNAUTHENTICATED" if status == 401 else "PERMISSION_DENIED")
        message = (
            f"{where} {what}: {call}. Set MLPACK_TRACKING_TOKEN, or MLPACK_TRACKING_USERNAME and "
            f"MLPACK_TRACKING_PASSWORD. {message}"
        ).strip()
    elif code and message and code != _NO_ROUTE:
        kind = _BY_STATUS.get(status) or _BY_CODE.get(code, MlpackError)
    elif status in (404, 405, 501):
        kind, code = MlpackError, _NO_ROUTE
        message = (
            f"{where} does not know {call}. Is it the address of a tracking server, and is that "
            "new enough for this?"
        )
    else:
        code = kind.error_code
        message = (
            f"{where} refuses {call} without a reason that can be read; a proxy in front of it may "
            "be what answers."
        )
    error = kind(message)
    error.error_code, error.http_status = code, status
    return error


def failure(where: str, error: BaseException, seconds: Any) -> MlpackError:
    """What a failure to get an answer means. Never the library's text: it may hold secrets.

    Args:
        where: the server's address.
        error: of the library.
        seconds: that it was waited for.
    """
    if isinstance(error, MaxRetryError) and error.reason is not None:
        error = error.reason
    kind = DeadlineExceeded if isinstance(error, kinds.ReadTimeoutError) else StorageFailed
    text = next(text for causes, text in _FAILURES if isinstance(error, causes))
    return kind(text.format(where=where, seconds=seconds, why=_tls_reason(error)))


def _tls_reason(error: BaseException) -> str:
    cause = error.args[0] if error.args else error
    return str(getattr(cause, "verify_message", "") or getattr(cause, "reason", "")) or "it failed"
