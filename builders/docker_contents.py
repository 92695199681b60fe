"""What an image that an engine built holds: what its installation noted, and the system's lists."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import BuildFailed
from .engine_files import read_files
from .inspect.contents import Base, Distribution
from .inspect.databases import read_metadata
from .inspect.inventory import Found, Inventory
from .install import NOTE_PATH, VENV

# as `inspect.inventory` looks for them
_OF_SYSTEM = (
    "etc/os-release",
    "usr/lib/os-release",
    "var/lib/dpkg/status",
    "var/lib/dpkg/status.d",
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
)


@dataclass(frozen=True)
class Contents:
    """What is in an image below the runtime.

    Attributes:
        base: what the base image brought, and system packages that were added to it.
        distributions: that were installed for the model and the runtime, the largest first.
        locked: they came from the lock.
    """

    base: Base
    distributions: tuple[Distribution, ...]
    locked: bool


def read_contents(client: Any, identity: str) -> Contents:
    """Read what an image holds; nothing of it runs.

    Args:
        client: of the engine.
        identity: of the image.

    Raises:
        BuildFailed: its installation left no note, or the engine refuses.
        EngineUnavailable: the engine broke off.
        InvalidInput: a list is larger than it ever is.
    """
    files = read_files(client, identity, (NOTE_PATH, *_OF_SYSTEM))
    note = _note(files.get(NOTE_PATH, b""))
    found = {
        path: Found("file", len(content), 0, content=content) for path, content in files.items()
    }
    system = Inventory((), found, {})
    everything = _distributions(note["distributions"])
    ours = f"{VENV.lstrip('/')}/"
    base = Base(
        system.system(),
        note["python"],
        system.packages(),
        tuple(each for each in everything if not each.place.startswith(ours)),
    )
    installed = tuple(each for each in everything if each.place.startswith(ours))
    return Contents(base, installed, note["locked"])


def _note(content: bytes) -> Mapping[str, Any]:
    """The base image's Python wrote it, and that may be anything."""
    try:
        note = json.loads(content)
        good = (
            isinstance(note["locked"], bool)
            and re.fullmatch(r"3\.\d+\.\d+\S{0,20}", note["python"])
            and all(
                isinstance(each["metadata"], str)
                and each["metadata"].encode("utf-8", "surrogateescape")
                and isinstance(each["place"], str)
                and isinstance(each["size"], int)
                for each in note["distributions"]
            )
        )
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise BuildFailed(
            f"The build left no good note of what it installed (/{NOTE_PATH} in the image). Does "
            "the base image change what python3 does? Take another one with --base-image."
        )
    return dict(note)


def _distributions(noted: Sequence[Mapping[str, Any]]) -> list[Distribution]:
    read = [
        read_metadata(
            each["metadata"].encode("utf-8", "surrogateescape"),
            size=each["size"],
            place=each["place"],
        )
        for each in noted
    ]
    return sorted(
        (each for each in read if each is not None),
        key=lambda each: (-each.size, each.key, each.place),
    )
