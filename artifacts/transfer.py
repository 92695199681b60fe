"""What every place has in common: which files a folder holds, and several of them at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, TypeVar

from ..errors import InvalidInput
from ..uris import safe_relative

T = TypeVar("T")


def in_parallel(
    work: Callable[[T], Any],
    items: Iterable[T],
    workers: int,
    stop: Callable[[], None] = lambda: None,
) -> None:
    """Call ``work`` for every item, in a few threads.

    When one call fails, those that have not begun never do; the error is raised when those that
    have begun are over.

    Args:
        work: done for each.
        items: what it is done for.
        workers: how many at a time.
        stop: called on Ctrl-C, to end the calls that have begun soon.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="mlpack-transfer") as pool:
        calls = [pool.submit(work, item) for item in items]
        try:
            wait(calls, return_when=FIRST_EXCEPTION)
        except BaseException:
            stop()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
    for call in calls:
        if not call.cancelled():
            call.result()


def prefix(folder: str) -> str:
    """What paths of files in a folder begin with: nothing for the root."""
    return f"{safe_relative(folder)}/" if folder else ""


def check_file(source: Path) -> None:
    """Refuse what is no file.

    Raises:
        InvalidInput: it is a folder, or does not exist.
    """
    if not source.is_file():
        what = "is a folder; use log_artifacts" if source.is_dir() else "does not exist"
        raise InvalidInput(f"Cannot log the file {source}: it {what}.")


def check_readable(source: Path) -> None:
    """Refuse what cannot be read, before anything is copied."""
    if not os.access(source, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        raise InvalidInput(f"Cannot read {source}: it is a broken link or its mode forbids it.")


def check_folder(source: Path) -> None:
    """Refuse what is no folder.

    Raises:
        InvalidInput: it is a file, or does not exist.
    """
    if not source.is_dir():
        what = "is a file; use log_artifact" if source.is_file() else "does not exist"
        raise InvalidInput(f"Cannot log the folder {source}: it {what}.")


def files_below(source: Path) -> list[str]:
    """Relative paths of the files of a folder, sorted.

    Links are followed, as people keep data sets and caches behind them; a loop of links is
    walked once.
    """
    found: list[str] = []
    seen: set[str] = set()
    for folder, names, files in os.walk(source, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            names.clear()
            continue
        seen.add(real)
        names.sort()
        relative = os.path.relpath(folder, source)
        below = "" if relative == "." else relative.replace(os.sep, "/") + "/"
        found += [below + name for name in files]
    return sorted(found)
