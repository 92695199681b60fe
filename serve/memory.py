"""How much memory is left: of the container, or else of the machine."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from pathlib import Path

# (folder below the control groups, limit, use, the line of what can be taken back at once)
_GROUPS = (
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def available(
    groups: Path = Path("/sys/fs/cgroup"), machine: Path = Path("/proc/meminfo")
) -> int | None:
    """Bytes that can be had without swapping; None where the system does not say."""
    found = [_of_machine(machine)]
    for folder, limit, use, cached in _GROUPS:
        with suppress(OSError, ValueError):  # "max" is no number: no limit
            place = groups / folder
            free = int((place / limit).read_text()) - int((place / use).read_text())
            found.append(max(0, free + _line(place / "memory.stat", cached)))
    known = [each for each in found if each is not None]
    return min(known) if known else None


def give_back() -> None:
    """Return to the system what models that were let go had."""
    gc.collect()
    with suppress(OSError, AttributeError):  # of glibc, which otherwise keeps much of it
        ctypes.CDLL(None).malloc_trim(0)


def _of_machine(file: Path) -> int | None:
    with suppress(OSError, ValueError):
        return _line(file, "MemAvailable:") * 1024 or None
    return None


def _line(file: Path, name: str) -> int:
    for line in file.read_text().splitlines():
        key, *values = line.split()
        if key == name:
            return int(values[0])
    return 0
