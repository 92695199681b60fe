"""A folder of captured requests: one folder a model, complete Parquet files, a bound on all.

A file is written under a hidden temporary name and renamed, so that readers see whole ones only.
Names of models are escaped; nothing but our own files is ever removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import InvalidInput

_OURS = re.compile(r"\d{8}T\d{6}-\d+-[0-9a-f]{8}\.parquet")
_OURS_UNFINISHED = re.compile(r"\.\d{8}T\d{6}-\d+-[0-9a-f]{8}\.parquet\.tmp")
_FORGOTTEN_SECONDS = 3600
_LONGEST_NAME = 150


class CaptureFolder:
    """Where captures go.

    Args:
        root: made if it is not there.
        max_bytes: most that all files together may take up.

    Raises:
        InvalidInput: no folder can be made there, or it cannot be written to, or everybody may
            write to it.
    """

    def __init__(self, root: str | Path, max_bytes: int) -> None:
        self.root = Path(root)
        self.max_bytes = max_bytes
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = self.root.stat().st_mode
        except OSError as error:
            raise InvalidInput(
                f"The folder for captures {root} cannot be made: {error.strerror}."
            ) from None
        if mode & stat.S_IWOTH:
            raise InvalidInput(
                f"Everybody may write to the folder for captures {root}: chmod 700 it."
            )
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise InvalidInput(f"The folder for captures {root} cannot be written to.")

    def write(self, model: str, table: Any) -> None:
        """Keep a table as a file of its own; the oldest files go if they are too many.

        Args:
            model: the name of the model.
            table: a ``pyarrow.Table``.

        Raises:
            OSError: it cannot be written, or is larger than all may be.
        """
        content = _parquet(table)
        if len(content) > self.max_bytes:
            raise OSError("it is larger than all captures together may be")
        self._make_room(len(content))
        folder = self.root / folder_name(model)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        if folder.is_symlink():
            raise OSError("its folder is a link")
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}-{secrets.token_hex(4)}.parquet"
        unfinished = folder / f".{name}.tmp"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(unfinished, flags, 0o600), "wb") as file:
                file.write(content)
            unfinished.rename(folder / name)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise

    def _make_room(self, needed: int) -> None:
        """Remove the oldest files until there is room for so many bytes more."""
        kept = []
        for path in self.root.glob("*/*"):
            with contextlib.suppress(OSError):
                state = path.lstat()
                if not stat.S_ISREG(state.st_mode):
                    continue
                if _OURS.fullmatch(path.name):
                    kept.append((state.st_mtime_ns, state.st_size, path))
                elif (
                    _OURS_UNFINISHED.fullmatch(path.name)
                    and time.time() - state.st_mtime > _FORGOTTEN_SECONDS
                ):
                    path.unlink()  # of a worker that was killed
        total = sum(size for _, size, _ in kept) + needed
        for _, size, path in sorted(kept):
            if total <= self.max_bytes:
                break
            with contextlib.suppress(OSError):  # another worker was faster
                path.unlink()
            total -= size


def folder_name(model: str) -> str:
    """A model's name as the name of a folder: one step, visible, and nothing else's."""
    name = quote(model, safe="", errors="replace")
    if name.startswith("."):
        name = "%2E" + name[1:]
    return name[:_LONGEST_NAME] or "%"


def _parquet(table: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression=_compression())
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _compression() -> str:
    import pyarrow as pa

    return next((name for name in ("zstd", "snappy") if pa.Codec.is_available(name)), "none")
