"""Folders as a tree of which only the opened ones are read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from .owners import Owner


@dataclass
class Folder:
    """A part of a folder's entries.

    Attributes:
        path: of the folder.
        branches: the entries.
        next: where to go on, None at the end.
        rest: how many are left.
    """

    path: str
    branches: list[Branch]
    next: int | None
    rest: int


@dataclass
class Branch:
    """A file or a folder; ``inside`` is set when it is open."""

    path: str
    name: str
    is_dir: bool
    size: int | None
    is_chosen: bool = False
    inside: Folder | None = None

    @cached_property
    def id(self) -> str:
        """Of its group of branches in the page."""
        return "in-" + hashlib.sha256(self.path.encode("utf-8", "replace")).hexdigest()[:16]


def folder(owner: Owner, path: str, start: int, most: int, chosen: str = "") -> Folder:
    """Entries of a folder from one on.

    Args:
        owner: of the files.
        path: of the folder.
        start: how many to leave out.
        most: how many there may be.
        chosen: a path that is among them (or leads through one), however far behind.
    """
    found = owner.entries(path)
    shown = found[start : start + most]
    if chosen:
        wanted = [e for e in found if e.path == chosen or chosen.startswith(f"{e.path}/")]
        shown += [each for each in wanted if each not in shown]
    branches = [
        Branch(e.path, e.path.rpartition("/")[2], e.is_dir, e.size, e.path == chosen) for e in shown
    ]
    rest = max(0, len(found) - start - most)
    return Folder(path, branches, start + most if rest else None, rest)


def down_to(owner: Owner, path: str, most: int) -> Folder:
    """The tree with every folder open that leads to a path, and that folder itself."""
    top = here = folder(owner, "", 0, most, path)
    while path:
        on_the_way = (
            each
            for each in here.branches
            if each.is_dir and (each.path == path or path.startswith(f"{each.path}/"))
        )
        branch = next(on_the_way, None)
        if branch is None:
            break
        here = branch.inside = folder(owner, branch.path, 0, most, path)
    return top
