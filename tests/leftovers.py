"""What tests start ends with them, also where they are killed or fail to stop it.

    watch()  once in each process that runs tests

A process of its own waits for the end of the tests' process, whichever way it comes, and kills
what still carries its mark: an environment variable, handed down to children and theirs. On Linux
only, which shows the environments of other processes.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

_MARK = "MLPACK_TEST_PROCESS"
_ROUNDS = 50
# kept, since Python warns when it forgets a child that runs
_watchers: list[subprocess.Popen[bytes]] = []


def watch() -> None:
    """From now on, what this process starts does not outlive it."""
    if not sys.platform.startswith("linux"):
        return
    os.environ[_MARK] = uuid.uuid4().hex
    nothing = subprocess.DEVNULL
    # light: without site-packages; in a session of its own, since Ctrl-C is for the tests alone
    command = [sys.executable, "-I", "-S", __file__, str(os.getpid()), os.environ[_MARK]]
    pipes = {"stdin": nothing, "stdout": nothing, "stderr": nothing}
    _watchers.append(subprocess.Popen(command, env={}, start_new_session=True, **pipes))


def marked(mark: str) -> list[int]:
    """The processes that carry a mark."""
    entry = f"{_MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended meanwhile, or somebody else's
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def _wait_and_kill(parent: int, mark: str) -> None:
    with suppress(ProcessLookupError):
        end = os.pidfd_open(parent)
        if os.getppid() == parent:  # not another process of the same number
            select.select([end], [], [])
    for _ in range(_ROUNDS):  # what is about to start another child may do so before it is killed
        for pid in marked(mark):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not marked(mark):
            return
        time.sleep(0.1)


if __name__ == "__main__":
    _wait_and_kill(int(sys.argv[1]), sys.argv[2])
