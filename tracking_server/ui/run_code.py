"""Where a run's code came from, and what was in it that no commit has.

mlpack and MLflow note that a working tree was dirty. The changes themselves are shown where they
were logged: as a file ``git.diff`` of the run, or in a tag.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Blueprint, render_template

from ...errors import MlpackError
from ...tracking.entities import Run
from ..service import Service
from .file_parts import beginning
from .words import address

_FILES = ("git.diff", "code.diff", "diff.patch")
_TAGS = ("mlflow.source.git.diff", "mlflow.git.diff")
_LARGEST = 500_000  # bytes of a diff that are shown
_MOST_LINES = 5000
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_PATH = re.compile(r"/[\w.~-]+(/[\w.~-]+)+")
_SSH = re.compile(r"(?:ssh://)?git@([a-z0-9.-]+)[:/]([\w.~-]+(?:/[\w.~-]+)+)")
# what begins a host's name -> where it shows a commit
_COMMITS = {
    "github.": "/commit/",
    "gitlab.": "/-/commit/",
    "bitbucket.": "/commits/",
    "codeberg.": "/commit/",
    "gitea.": "/commit/",
}


@dataclass(frozen=True, slots=True)
class Changes:
    """A diff.

    Attributes:
        lines: each with its kind: "added", "removed", "file", "place" or "".
        cut: there are more.
        download: the address of the whole file; None for a tag.
    """

    lines: list[tuple[str, str]]
    cut: bool
    download: str | None

    @property
    def counts(self) -> tuple[int, int]:
        """How many lines are added and how many are removed, of those that are shown."""
        kinds = [kind for kind, _ in self.lines]
        return kinds.count("added"), kinds.count("removed")


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/ui/runs/<id>/changes``: the diff as HTML."""

    @data.get("/runs/<run_id>/changes")
    def changes(run_id: str) -> str:
        run = service.store.get_run(run_id)
        return render_template("run_changes.html", changes=changes_of(service, run))


def repository_link(repository: str | None) -> str | None:
    """The web page of a repository, where its address is one of the web or of a known host."""
    given = (repository or "").strip()
    if ssh := _SSH.fullmatch(given):
        host, path = ssh[1], f"/{ssh[2]}"
        if _commits_at(host) is None:
            return None
        given = f"https://{host}{path}"
    try:
        parts = urlsplit(given)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
            return None
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    path = parts.path.rstrip("/").removesuffix(".git")
    if parts.query or parts.fragment or not _PATH.fullmatch(path):
        return None
    return f"{parts.scheme}://{host}{port}{path}"


def commit_link(repository: str | None, commit: str | None) -> str | None:
    """The page of a commit, where the repository's host is known to have one."""
    link = repository_link(repository)
    below = _commits_at(urlsplit(link).hostname or "") if link else None
    if below is None or not commit or not _COMMIT.fullmatch(commit):
        return None
    return f"{link}{below}{commit}"


def changes_of(service: Service, run: Run) -> Changes | None:
    """The diff that was logged with a run; None when there is none."""
    for key in _TAGS:
        if text := run.data.tags.get(key):
            return _changes(text, None)
    for name in _FILES:
        with suppress(MlpackError):  # it is not there, or not for us to read
            raw = beginning(service, run.info.artifact_uri, name, _LARGEST + 1)
            query = address("/get-artifact", run_id=run.info.run_id, path=name)
            return _changes(raw.decode(errors="replace"), query)
    return None


def _commits_at(host: str) -> str | None:
    return next((path for start, path in _COMMITS.items() if host.startswith(start)), None)


def _changes(text: str, download: str | None) -> Changes:
    lines = text[:_LARGEST].splitlines()
    cut = len(text) > _LARGEST or len(lines) > _MOST_LINES
    return Changes([(_kind(line), line) for line in lines[:_MOST_LINES]], cut, download)


def _kind(line: str) -> str:
    if line.startswith(("diff ", "--- ", "+++ ", "index ")):
        return "file"
    return {"+": "added", "-": "removed", "@": "place"}.get(line[:1], "")
