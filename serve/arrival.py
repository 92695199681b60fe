"""How much of a request has to come before a thread is given to it.

Threads are few and connections are many: a client that sends its request byte by byte must not
hold a thread meanwhile, or a hundred of them shut everybody else out. What has come is looked at
where the system keeps it, and the system is asked to say when there is more (SO_RCVLOWAT), so
nothing is copied, and a request that comes in one piece costs one look.
"""

from __future__ import annotations

import fcntl
import socket
import sys
import termios
from typing import Any

# Bytes of a request that are looked at. A longer head goes on to a thread.
LOOK = 16 * 1024
# Bytes that are waited for. A longer body goes on to a thread, which reads it as it comes.
WAIT_FOR = 64 * 1024
# Seconds in which so much is to come.
PATIENCE = 20.0
_PEEK = socket.MSG_PEEK | socket.MSG_DONTWAIT


def awaited(conn: Any, largest_body: int | None = None) -> int:
    """Bytes that the socket must hold, at the least, before a thread should read a request.

    Args:
        conn: gunicorn's connection, without TLS.
        largest_body: what is larger is refused, for which it need not come.

    Returns:
        More than have come; 0: go on, as the request is here, or more would not come or not help.
    """
    held = _held(conn)
    waiting: bytes
    try:
        waiting = conn.sock.recv(LOOK, _PEEK)
        if not waiting:  # the client has finished
            return 0
    except BlockingIOError:
        waiting = b""
    except OSError:
        return 0
    seen = held + waiting
    end = seen.find(b"\r\n\r\n")
    if end < 0:
        return 0 if len(seen) >= LOOK or _is_broken(seen) else len(waiting) + 1
    head = seen[: end + 2].lower()
    body = end + 4
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        chunked = b"\r\ntransfer-encoding:" in head and b"\r\nexpect:" not in head
        more = chunked and not _is_last_chunk_here(seen, body, largest_body)
        return len(waiting) + 1 if more else 0
    size = head[at + 17 : head.find(b"\r\n", at + 17)].strip()
    if not size.isdigit() or len(size) > 15 or b"\r\nexpect:" in head:
        return 0
    if largest_body is not None and int(size) > largest_body:
        return 0
    wanted: int = min(body + int(size), max(WAIT_FOR, body))
    if len(seen) >= wanted or len(held) + available(conn.sock) >= wanted:
        return 0
    return wanted - len(held)


def only_asks(conn: Any) -> bool:
    """Whether a request that is here, in full, is a GET or HEAD."""
    try:
        return not _held(conn) and (
            conn.sock.recv(5, _PEEK) in (b"GET /", b"HEAD ") and available(conn.sock) < LOOK
        )
    except OSError:
        return False


def wake_when(sock: socket.socket, size: int) -> None:
    """Let a selector report a connection when it holds so many bytes, or has ended."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)


def wake_at_once(sock: socket.socket) -> None:
    """The usual again; a thread that reads would otherwise wait for as much, too."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


def available(sock: socket.socket) -> int:
    """Bytes that have come and that nobody has read."""
    return int.from_bytes(fcntl.ioctl(sock, termios.FIONREAD, bytes(4)), sys.byteorder)


def _held(conn: Any) -> bytes:
    """What was read behind the request before."""
    held: bytes = b"" if conn.parser is None else conn.parser.unreader.buf.getvalue()
    return held


def _is_broken(seen: bytes) -> bool:
    """Whether a first line ends as none may: that is said at once."""
    first = seen.find(b"\n")
    return first >= 0 and seen[first - 1 : first] != b"\r"


def _is_last_chunk_here(seen: bytes, body: int, largest: int | None) -> bool:
    """Whether chunks have come to an end, or are refused already.

    They are not gone through one by one: many small ones, sent byte by byte, would cost too much.
    """
    if len(seen) >= LOOK or (largest is not None and len(seen) - body > largest):
        return True
    size = seen[body : body + 20].partition(b"\r\n")[0].partition(b";")[0]
    if size.strip(b" \t0123456789abcdefABCDEF"):
        return True
    return seen.find(b"0\r\n\r\n", body) >= 0 or (seen.endswith(b"\r\n\r\n") and len(seen) > body)
