"""Whether the working tree differed from its commit, told by git itself, while the run goes on.

The answer costs a process, so nobody waits for it: a thread asks and sets the tag a moment after
the run started. Runs that start within seconds of each other share one answer. Untracked files do
not count: outputs of training lie beside the code everywhere.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_FRESH = 5.0  # seconds that an answer is good for
_LIMIT = 20.0  # seconds that git may take
_COMMAND = ("git", "-c", "core.fsmonitor=false", "status", "--porcelain", "--untracked-files=no")

# no programs of the user's configuration are run, and no colours
_DIFF = ("git", "-c", "core.fsmonitor=false", "diff", "HEAD", "--no-ext-diff", "--no-textconv")
_LARGEST = 2_000_000  # bytes of a diff that are kept

_lock = threading.Lock()
_answers: dict[Path, tuple[float, bool | None]] = {}
_waiting: dict[Path, list[Callable[[bool], None]]] = {}
_threads: dict[Path, threading.Thread] = {}


def find_out(folder: Path, then: Callable[[bool], None]) -> None:
    """Ask git in the background.

    Args:
        folder: in the working tree.
        then: gets the answer, at once or in another thread; never called where git gives none.
    """
    with _lock:
        at, answer = _answers.get(folder, (-_FRESH, None))
        fresh = time.monotonic() - at < _FRESH
    if fresh:
        if answer is not None:
            then(answer)
        return
    with _lock:
        _waiting.setdefault(folder, []).append(then)
        running = _threads.get(folder)
        if running is None or not running.is_alive():  # a fork leaves threads behind
            thread = threading.Thread(target=_ask, args=(folder,), name="mlpack-git", daemon=True)
            _threads[folder] = thread
            thread.start()


def wait(seconds: float) -> None:
    """Give answers that are on their way so much time to arrive."""
    end = time.monotonic() + seconds
    for thread in list(_threads.values()):
        thread.join(max(0.0, end - time.monotonic()))


def diff(folder: Path) -> str | None:
    """What differs from the commit, as ``git diff`` tells it; None where git does not.

    Args:
        folder: in the working tree.

    Returns:
        At most the first 2 MB of it, with a last line that says so.
    """
    with suppress(OSError, subprocess.SubprocessError):
        process = subprocess.Popen(
            (*_DIFF, "--no-color"),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
        end = threading.Timer(_LIMIT, process.kill)
        end.start()
        try:
            with process:
                assert process.stdout
                told = process.stdout.read(_LARGEST + 1)
                process.kill()  # it has ended, or says more than is kept
        finally:
            end.cancel()
        text = told[:_LARGEST].decode("utf-8", "replace")
        return f"{text}\n… the rest is left out\n" if len(told) > _LARGEST else text or None
    return None


def _ask(folder: Path) -> None:
    time.sleep(0.01)  # making a process holds up every thread: not while the run is starting
    answer = _is_dirty(folder)
    while True:
        with _lock:
            _answers[folder] = (time.monotonic(), answer)
            waiting = _waiting.pop(folder, [])
            if not waiting:
                _threads.pop(folder, None)
                return
        for then in waiting:
            if answer is not None:
                with suppress(Exception):  # the run or its store may be gone
                    then(answer)


def _is_dirty(folder: Path) -> bool | None:
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            _COMMAND,
            cwd=folder,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_LIMIT,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
        if done.returncode == 0:
            return bool(done.stdout.strip())
    return None
