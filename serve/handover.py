"""A listening socket that outlives the servers behind it, so that one replaces another unnoticed.

``python -m mlpack.serve.handover PATH`` listens on the port and accepts nothing. Servers with
``MLPACK_LISTENER=PATH`` ask it, over a Unix socket, for the listening socket itself (SCM_RIGHTS,
see unix(7)) and take connections from it beside those of their own port, once their workers are
warm. While two servers are there, both take from the one queue; the one that is told to stop
takes no more and answers what it has. The queue never closes, so no connection is lost, whatever
the kernel; and as what is handed over is the socket, the servers need not share a network with
the holder.

When the holder ends, its network may be gone: the kernel then tells the server to stop, with exit
code 1, so that what supervises it starts it again with the next holder.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import select
import signal
import socket
import sys
import time
from pathlib import Path

from ..errors import EngineUnavailable, MlpackError
from .process import bind, exit_on_signal, listen

VARIABLE = "MLPACK_LISTENER"
_PATIENCE = 60.0  # seconds that a server waits for its holder


def hold(path: Path, host: str, port: int) -> None:
    """Listen, and give the socket to whoever asks, until told to stop.

    Args:
        path: of the Unix socket; one that is there already is taken over.
        host: address to listen on.
        port: to listen on.

    Raises:
        EngineUnavailable: the address cannot be listened on.
    """
    listener = bind(host, port)
    listen(listener)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made = path.with_name(f"{path.name}.{os.getpid()}")
    made.unlink(missing_ok=True)
    server.bind(str(made))
    made.chmod(0o666)  # servers may run as another user; nobody else has this folder
    server.listen()
    made.replace(path)
    waiting = select.poll()
    waiting.register(server, select.POLLIN)
    served: dict[
        int, socket.socket
    ] = {}  # open while both live: how they learn of each other's end
    while True:
        for number, _ in waiting.poll():
            if number == server.fileno():
                client, _ = server.accept()
                with contextlib.suppress(OSError):
                    socket.send_fds(client, [b"+"], [listener.fileno()])
                    served[client.fileno()] = client
                    waiting.register(client, select.POLLIN)
            else:
                waiting.unregister(number)
                served.pop(number).close()


def adopt(path: Path, patience: float = _PATIENCE) -> socket.socket:
    """The listening socket of the holder at ``path``; this process ends when the holder does.

    Args:
        path: of the holder's Unix socket.
        patience: seconds to wait for a holder.

    Raises:
        EngineUnavailable: there is none.
    """
    deadline = time.monotonic() + patience
    while True:
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holder.connect(str(path))
            _, numbers, _, _ = socket.recv_fds(holder, 1, 1)
            listener = socket.socket(fileno=numbers[0])
            break
        except (OSError, IndexError) as error:
            holder.close()
            if time.monotonic() > deadline:
                raise EngineUnavailable(
                    f"Nobody hands over a listening socket at {path}: {error}."
                ) from None
            time.sleep(0.05)
    _end_with(holder)
    return listener


def _end_with(holder: socket.socket) -> None:
    """SIGTERM from the kernel when the other end closes: no thread, which forks would not keep."""
    own = os.getpid()
    number = holder.detach()  # open for as long as this process lives

    def fail_if_lost() -> None:
        if os.getpid() == own and select.select([number], [], [], 0)[0]:
            os._exit(1)

    atexit.register(fail_if_lost)
    fcntl.fcntl(number, fcntl.F_SETOWN, own)
    fcntl.fcntl(number, fcntl.F_SETSIG, signal.SIGTERM)
    fcntl.fcntl(number, fcntl.F_SETFL, fcntl.fcntl(number, fcntl.F_GETFL) | os.O_ASYNC)


def main() -> None:
    """Hold the port of the settings for the servers of one container."""
    from .settings import ServeSettings

    signal.signal(signal.SIGTERM, exit_on_signal)
    settings = ServeSettings.from_environment(host="0.0.0.0", port=8080)  # noqa: S104
    try:
        hold(Path(sys.argv[1]), settings.host, settings.port)
    except MlpackError as error:
        sys.exit(f"error: {error.message}")


if __name__ == "__main__":
    main()
