"""Ports for servers that have to be told theirs; all others take 0."""

from __future__ import annotations

import socket


def free_port() -> int:
    """One that nobody listens on, and that for a minute nobody else is given.

    A connection was closed on it. Until the system forgets that, the port goes only to who asks for
    this very one with SO_REUSEADDR, as all servers do: no worker's port 0, and no connection.
    """
    with socket.socket() as listener, socket.socket() as client:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        client.connect(listener.getsockname())
        listener.accept()[0].close()  # on this side first, where it is remembered
        return int(listener.getsockname()[1])
