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
from urllib.parse import urlsplit, urlunsplit

from .entities import Tags

_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_MAX_FILE = 16 * 1024 * 1024  # a packed-refs file over this is not read


def describe_source() -> dict[str, str]:
    """The tags that say where a run comes from; what cannot be told is left out."""
    name, kind = _source()
    start = source_folder()
    commit, branch = git_head(start)
    tags = {
        Tags.USER: user(),
        Tags.SOURCE_NAME: name,
        Tags.SOURCE_TYPE: kind,
        Tags.GIT_COMMIT: commit,
        Tags.GIT_BRANCH: branch,
        Tags.GIT_REPOSITORY: git_remote(start) if commit else None,
    }
    return {key: value for key, value in tags.items() if value}


def source_folder() -> Path:
    """The folder of the script; of a notebook or console, the working folder."""
    name, kind = _source()
    return Path(name).parent if kind == "LOCAL" and os.sep in name else Path.cwd()


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


def git_remote(start: Path) -> str | None:
    """The address of the first remote of the repository around a folder, without a password."""
    try:
        git = _git_folder(start)
        if git is None:
            return None
        text = (_shared(git) / "config").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    in_remote = False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            in_remote = line.startswith("[remote ")
        elif in_remote and (found := re.fullmatch(r"url\s*=\s*(.+)", line)):
            return _without_password(found[1].strip('"'))
    return None


def _without_password(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if not parts.scheme or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


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


def _shared(git: Path) -> Path:
    """Where a worktree keeps what it shares with the main repository."""
    pointer = git / "commondir"
    if pointer.is_file():
        return (git / pointer.read_text(encoding="utf-8").strip()).resolve()
    return git


def _commit_of(git: Path, ref: str) -> str | None:
    shared = _shared(git)
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
