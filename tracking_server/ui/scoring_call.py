"""One bounded request to an address that was checked: no look-up, no redirect, no proxy, no retry.

The standard library's client does just that when it is given the socket.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any

from .json_text import readable
from .scoring_rule import Endpoint

CONNECT = 5.0  # seconds
WHOLE = 60.0  # from the first byte sent to the last received
LARGEST = 2 << 20  # bytes of an answer
_LONGEST_ERROR = 300


class Failure(Exception):
    """The endpoint did not answer as one should; the message is for people."""


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: of HTTP.
        reason: its words.
        milliseconds: from connecting to the last byte.
        content: the JSON, in lines for people; '' if it was none.
        note: why there is no content, or what is odd about the answer.
    """

    status: int
    reason: str
    milliseconds: float
    content: str = ""
    note: str = ""


def post(
    endpoint: Endpoint,
    addresses: list[str],
    body: bytes,
    headers: dict[str, str],
    whole: float = WHOLE,
) -> Answer:
    """Send JSON and take JSON.

    Args:
        endpoint: whose name and path the request has.
        addresses: in digits, to connect to, one after the other; they were held against the rule.
        body: the request's.
        headers: all that are sent beside Host and Content-Length.
        whole: seconds that all of it may take.

    Raises:
        Failure: it cannot be reached, or does not answer in time or in HTTP.
    """
    started = time.monotonic()
    try:
        connection = _connect(endpoint, addresses)
        plain = connection.sock
        cut = threading.Timer(whole, _shut, [plain])  # also if it sends a byte now and then
        cut.daemon = True
        cut.start()
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                # what refuses a body may answer before it has read it
                connection.request("POST", endpoint.path, body, headers)
            response = connection.getresponse()
            content = response.read(LARGEST + 1)
            if time.monotonic() - started >= whole:  # what was cut off may look complete
                raise TimeoutError
        finally:
            cut.cancel()
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        took = time.monotonic() - started
        raise Failure(_why(endpoint, error, took, whole)) from None
    milliseconds = (time.monotonic() - started) * 1000
    return _read(response, content, milliseconds)


def _connect(endpoint: Endpoint, addresses: list[str]) -> Any:
    sock = _socket(endpoint.port, addresses)
    sock.settimeout(WHOLE)
    if endpoint.scheme == "http":
        kind: Any = http.client.HTTPConnection
    else:
        kind = http.client.HTTPSConnection
        sock = ssl.create_default_context().wrap_socket(sock, server_hostname=endpoint.host)
    connection = kind(endpoint.host, endpoint.port)
    connection.sock = sock
    connection.auto_open = 0  # a new connection would look the name up again
    return connection


def _socket(port: int, addresses: list[str]) -> socket.socket:
    *others, last = addresses
    for address in others:
        with contextlib.suppress(OSError):
            return socket.create_connection((address, port), CONNECT)
    return socket.create_connection((last, port), CONNECT)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _read(response: http.client.HTTPResponse, content: bytes, milliseconds: float) -> Answer:
    reason = response.reason[:_LONGEST_ERROR] if response.reason else ""
    answer = (response.status, reason, milliseconds)
    if 300 <= response.status < 400:
        return Answer(*answer, note="It sends to another address, which is not followed.")
    if len(content) > LARGEST:
        return Answer(*answer, note=f"The answer is larger than {LARGEST >> 20} MB.")
    kind = response.headers.get_content_type()
    if kind != "application/json" and not kind.endswith("+json"):
        # not shown: it may be a page that was not meant for whoever is looking
        return Answer(*answer, note=f"The answer is {kind[:100]}, not JSON, and is not shown.")
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return Answer(*answer, note="The answer says that it is JSON, and is not.")
    return Answer(*answer, content=readable(told))


def _why(endpoint: Endpoint, error: Exception, took: float, whole: float) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"Nothing answers at {endpoint}. Is the model served there?"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of {endpoint} is not trusted: {error.verify_message}."
    if isinstance(error, ssl.SSLError):
        return f"{endpoint} does not speak TLS, or not a version that is spoken here."
    if isinstance(error, TimeoutError) and took < whole:
        return f"{endpoint} could not be reached within {CONNECT:.0f} s."
    if took >= whole or isinstance(error, TimeoutError):
        return f"{endpoint} did not answer within {whole:.0f} s."
    if isinstance(error, http.client.HTTPException):
        return f"{endpoint} broke the connection off, or does not speak HTTP."
    return f"{endpoint} cannot be reached: {getattr(error, 'strerror', None) or error}."
