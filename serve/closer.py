"""Closing connections so that the client still reads the answer.

When a connection is closed while bytes of the request are unread, the kernel resets it and may
throw the answer away. So: say that we are done, read on until the client is, then close (RFC
9112, 9.6). That can take as long as the client likes, so one thread does it for all of them.
"""

from __future__ import annotations

import contextlib
import os
import queue
import selectors
import socket
import ssl
import threading
import time

_MOST_AT_ONCE = 500


class Closer:
    """A thread that sees connections off.

    Args:
        patience: seconds that a client gets to read its answer and close.
    """

    def __init__(self, patience: float = 2.0) -> None:
        self.patience = patience
        self._new: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()
        self._leaving: dict[socket.socket, float] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        threading.Thread(target=self._run, name="closer", daemon=True).start()

    def close(self, sock: socket.socket) -> None:
        """Take over a connection whose answer was sent."""
        try:
            sock.setblocking(False)
            if isinstance(sock, ssl.SSLSocket):
                with contextlib.suppress(OSError, ValueError):
                    sock.unwrap()  # says that the end is no accident, and waits for nothing
            sock.shutdown(socket.SHUT_WR)
            if len(self._leaving) >= _MOST_AT_ONCE:
                raise OSError
        except OSError:  # gone already, or too many to be polite to
            with contextlib.suppress(OSError):
                sock.close()
            return
        self._new.put(sock)
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"\0")

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_read, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(0.5 if self._leaving else None):
                    if key.fd == self._wake_read:
                        os.read(self._wake_read, 4096)
                        self._welcome(selector)
                    elif isinstance(key.fileobj, socket.socket) and _is_done(key.fileobj):
                        self._finish(selector, key.fileobj)
                now = time.monotonic()
                for sock in [s for s, due in self._leaving.items() if due <= now]:
                    self._finish(selector, sock)

    def _welcome(self, selector: selectors.BaseSelector) -> None:
        while not self._new.empty():
            sock = self._new.get()
            self._leaving[sock] = time.monotonic() + self.patience
            selector.register(sock, selectors.EVENT_READ)

    def _finish(self, selector: selectors.BaseSelector, sock: socket.socket) -> None:
        selector.unregister(sock)
        del self._leaving[sock]
        with contextlib.suppress(OSError):
            sock.close()


def _is_done(sock: socket.socket) -> bool:
    """Throw away what the client still sends; true once it has closed."""
    try:
        return not sock.recv(1 << 16)
    except BlockingIOError:
        return False
    except OSError:
        return True
