"""Where a run comes from: the script, the user, the git commit. Never fails, never waits.

Git is asked through its files, not its command: a subprocess costs more than everything else
that starting a run does.
"""

from __future__ import annotations

import getpass
import os
import re
import sys
from pathlib import Path

from .entities import Tags

_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_MAX_FILE = 16 * 1024 * 1024  # a packed-refs file over this is not read


def describe_source() -> dict[str, str]:
    """The tags that say where a run comes from; what cannot be told is left out."""
    name, kind = _source()
    tags = {Tags.USER: user(), Tags.SOURCE_NAME: name, Tags.SOURCE_TYPE: kind}
    start = Path(name).parent if kind == "LOCAL" and os.sep in name else Path.cwd()
    commit, branch = git_head(start)
    if commit:
        tags[Tags.GIT_COMMIT] = commit
    if branch:
        tags[Tags.GIT_BRANCH] = branch
    return tags


def user() -> str:
    """The name of whoever runs this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container with a numeric user only
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def _source() -> tuple[str, str]:
    if "ipykernel" in sys.modules:
        return os.environ.get("JPY_SESSION_NAME") or "notebook", "NOTEBOOK"
    script = sys.argv[0] if sys.argv else ""
    if script in ("", "-c", "-m"):
        return "<console>", "LOCAL"
    return str(Path(script).absolute()), "LOCAL"


def git_head(start: Path) -> tuple[str | None, str | None]:
    """The commit and branch checked out around a folder; None where there is no repository."""
    try:
        git = _git_folder(start)
        if git is None:
            return None, None
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return (head if _SHA.fullmatch(head) else None), None
        ref = head[5:]
        branch = ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None
        return _commit_of(git, ref), branch
    except (OSError, ValueError):
        return None, None


def _git_folder(start: Path) -> Path | None:
    folder = start.absolute()
    for parent in (folder, *folder.parents):
        entry = parent / ".git"
        if entry.is_dir():
            return entry
        if entry.is_file():  # a worktree or submodule: one line says where
            text = entry.read_text(encoding="utf-8").strip()
            if text.startswith("gitdir: "):
                return (parent / text[8:]).resolve()
    return None


def _commit_of(git: Path, ref: str) -> str | None:
    shared = git
    pointer = git / "commondir"  # of a worktree: branches are in the main repository
    if pointer.is_file():
        shared = (git / pointer.read_text(encoding="utf-8").strip()).resolve()
    if ".." in ref.split("/"):
        return None
    for place in (git, shared):
        loose = place / ref
        if loose.is_file():
            text = loose.read_text(encoding="utf-8").strip()
            return text if _SHA.fullmatch(text) else None
    packed = shared / "packed-refs"
    if packed.is_file() and packed.stat().st_size <= _MAX_FILE:
        for line in packed.read_text(encoding="utf-8").splitlines():
            if line.endswith(f" {ref}"):
                text = line.split(" ", 1)[0]
                return text if _SHA.fullmatch(text) else None
    return None
