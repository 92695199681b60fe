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
from collections.abc import Iterator
from dataclasses import dataclass

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
        with _socket(endpoint, addresses) as sock, _for_at_most(whole, sock):
            if isinstance(sock, ssl.SSLSocket):
                sock.do_handshake()
            response, content = _exchange(endpoint, sock, body, headers)
            if time.monotonic() - started >= whole:  # what was cut off may look complete
                raise TimeoutError
    except (OSError, http.client.HTTPException) as error:
        took = time.monotonic() - started
        raise Failure(_why(endpoint, error, took, whole)) from None
    milliseconds = (time.monotonic() - started) * 1000
    return _read(response, content, milliseconds)


def _exchange(
    endpoint: Endpoint, sock: socket.socket, body: bytes, headers: dict[str, str]
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port)
    if isinstance(sock, ssl.SSLSocket):
        connection = http.client.HTTPSConnection(endpoint.host, endpoint.port, context=sock.context)
    connection.sock = sock
    connection.auto_open = 0  # a new connection would look the name up again
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        # what refuses a body may answer before it has read it
        connection.request("POST", endpoint.path, body, headers)
    response = connection.getresponse()
    return response, response.read(LARGEST + 1)


def _socket(endpoint: Endpoint, addresses: list[str]) -> socket.socket:
    """Connected to the first that answers; over TLS the handshake is still to come."""
    sock = _connected(endpoint.port, addresses)
    sock.settimeout(WHOLE)
    if endpoint.scheme == "http":
        return sock
    context = ssl.create_default_context()
    return context.wrap_socket(sock, server_hostname=endpoint.host, do_handshake_on_connect=False)


def _connected(port: int, addresses: list[str]) -> socket.socket:
    *others, last = addresses
    for address in others:
        with contextlib.suppress(OSError):
            return socket.create_connection((address, port), CONNECT)
    return socket.create_connection((last, port), CONNECT)


@contextlib.contextmanager
def _for_at_most(seconds: float, sock: socket.socket) -> Iterator[None]:
    """Cut a connection off after a while, also if it sends a byte now and then."""

    def cut() -> None:
        with contextlib.suppress(OSError):
            # the plain one: that of TLS forgets in which state it is, while another thread reads
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


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
    if took >= whole:
        return f"{endpoint} did not answer within {whole:.0f} s."
    if isinstance(error, ConnectionRefusedError):
        return f"Nothing answers at {endpoint}. Is the model served there?"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of {endpoint} is not trusted: {error.verify_message}."
    if isinstance(error, ssl.SSLError):
        return f"{endpoint} does not speak TLS, or not a version that is spoken here."
    if isinstance(error, TimeoutError):
        return f"{endpoint} could not be reached within {CONNECT:.0f} s."
    if isinstance(error, http.client.HTTPException):
        return f"{endpoint} broke the connection off, or does not speak HTTP."
    return f"{endpoint} cannot be reached: {getattr(error, 'strerror', None) or error}."
