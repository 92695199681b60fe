"""Files of runs, of logged models and of registered versions: a tree, previews, downloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, render_template

from ...artifacts.base import Entry
from ...errors import InvalidInput, MlpackError, NotFound, StorageFailed
from ..files import send, show
from ..service import Service
from . import file_tree
from .file_names import python_text, visible
from .owners import Owner, of_model, of_run, of_version
from .part import asked, asked_number
from .previews import preview, text
from .previews.inline import INLINE, PICTURES

PAGE = 200  # entries of a folder that are shown at a time
_MOST = 100_000_000
_GALLERY = 60  # pictures
_LARGEST_IN_GALLERY = 5_000_000  # bytes of one
Find = Callable[..., Owner]


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``…/artifacts[/<path>]`` and, below ``/ui/artifacts/…``, what its scripts and frames get."""
    pages.add_app_template_filter(visible)
    for key, find in (
        ("runs/<run_id>", of_run),
        ("models/<model_id>", of_model),
        ("registry/<name>/<int:number>", of_version),
    ):
        _add(pages, data, service, key, find)


def _add(pages: Blueprint, data: Blueprint, service: Service, key: str, find: Find) -> None:
    def route(where: Blueprint, path: str, answer: Callable[[Owner, str], Any]) -> None:
        def view(path: str = "", **who: Any) -> Any:
            owner, path = find(service, **who), path.strip("/") or asked("path")
            try:
                return answer(owner, path)
            except OSError as error:  # a disk that fails, a folder that may not be read
                raise StorageFailed(f"The files cannot be read: {error.strerror}.") from None

        name = f"{answer.__name__.strip('_')} {path}".replace(".", "_")
        where.add_url_rule(path, name, view)

    for end in ("", "/", "/<path:path>"):
        route(pages, f"/{key}/artifacts{end}", _page)
    for name, answer in (
        ("tree", _tree),
        ("preview", _preview),
        ("lines", _lines),
        ("raw", _raw),
        ("show", _show),
    ):
        route(data, f"/artifacts/{key}/{name}", answer)


def _page(owner: Owner, path: str) -> tuple[str, int]:
    """The whole page. What cannot be shown is said in its place, and the rest stays."""
    context: dict[str, Any] = {"owner": owner, "path": path, "status": 200}
    try:
        context |= _chosen(owner, path)
    except (MlpackError, OSError) as error:
        context |= _failed(error)
    try:
        context["tree"] = file_tree.down_to(owner, path, PAGE)
    except (MlpackError, OSError):
        context["tree"] = None  # the other half says why
    page = render_template(f"artifacts_{owner.kind}.html", **owner.frame(), **context)
    return page, context["status"]


def _failed(error: MlpackError | OSError) -> dict[str, Any]:
    if isinstance(error, MlpackError):
        return {"part": "failed", "message": error.message, "status": error.http_status}
    return {"part": "failed", "message": "The files cannot be read.", "status": 500}


def _preview(owner: Owner, path: str) -> str:
    """The right half alone."""
    return render_template("artifacts_chosen.html", owner=owner, path=path, **_chosen(owner, path))


def _chosen(owner: Owner, path: str) -> dict[str, Any]:
    """A file's preview, or what is in a folder."""
    try:
        return _file(owner, path) if path else _folder(owner, path)
    except NotFound:
        found = _folder(owner, path)
        if path and not found["count"]:
            raise NotFound(f"There is no file or folder {visible(path)!r} here.") from None
        return found


def _file(owner: Owner, path: str) -> dict[str, Any]:
    file = owner.file(path)
    kind, shown = preview(file, as_text=asked("as") == "text")
    uri, folder = owner.uri_of(path), owner.uri_of(path.rpartition("/")[0])
    return {
        "part": "file",
        "file": file,
        "kind": kind,
        "shown": shown,
        "inline": file.suffix in INLINE,
        "checksum": owner.checksum(path),
        "python": kind.python.format(uri=python_text(uri), folder=python_text(folder)),
        "as_text": asked("as") == "text",
    }


def _folder(owner: Owner, path: str) -> dict[str, Any]:
    entries = owner.entries(path)
    start = asked_number("from", 0, 0, _MOST)
    shown = entries[start : start + PAGE]
    pictures = [each for each in shown if _is_small_picture(each)]
    return {
        "part": "folder",
        "entries": shown,
        "count": len(entries),
        "size": sum(each.size or 0 for each in entries),
        "start": start,
        "next": start + PAGE if start + PAGE < len(entries) else None,
        "pictures": pictures[:_GALLERY] if len(pictures) > 1 else [],
        "python": f"mlpack.artifacts.download_artifacts({python_text(owner.uri_of(path))})",
    }


def _is_small_picture(entry: Entry) -> bool:
    named = not entry.is_dir and entry.path.lower().endswith(tuple(PICTURES))
    return named and 0 < (entry.size or 0) <= _LARGEST_IN_GALLERY


def _tree(owner: Owner, path: str) -> str:
    """The next entries of a folder of the tree."""
    start = asked_number("from", 0, 0, _MOST)
    branches = file_tree.folder(owner, path, start, PAGE)
    return render_template("artifacts_branches.html", owner=owner, folder=branches)


def _lines(owner: Owner, path: str) -> str:
    """The next lines of a text."""
    start, number = asked_number("start", 0, 0, 2**60), asked_number("number", 1, 0, 2**60)
    found = text.piece(owner.file(path), start, number)
    if found is None:
        raise InvalidInput("This file is no text.")
    return render_template("preview_lines.html", shown=found)


def _raw(owner: Owner, path: str) -> Response:
    """The file as a download."""
    file = owner.file(path)
    return send(file.store, file.full)


def _show(owner: Owner, path: str) -> Response:
    """The file for a picture, a player or a frame of our pages."""
    file = owner.file(path)
    if file.suffix not in INLINE:
        raise InvalidInput("A file of this kind is not shown by itself; download it.")
    return show(file.store, file.full, *INLINE[file.suffix])
