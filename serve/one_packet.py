"""An answer's head and body in one packet, where gunicorn sends two."""

from __future__ import annotations

from typing import Any

from gunicorn.http import wsgi

_SMALL = 64 * 1024  # beyond, a second packet costs less than joining


class Response(wsgi.Response):  # type: ignore[misc]
    """gunicorn's, but for its first write."""

    sock: Any

    def write(self, arg: bytes) -> None:
        """A piece of the body; the first one goes out behind the head."""
        if self.headers_sent or not arg or len(arg) > _SMALL:
            super().write(arg)
            return
        sock, gathering = self.sock, _Gathering()
        self.sock = gathering
        try:
            super().write(arg)
        finally:
            self.sock = sock
        sock.sendall(b"".join(gathering.pieces))


class _Gathering:
    """Stands in for a socket."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def sendall(self, piece: Any) -> None:
        self.pieces.append(piece)
