"""``mlpack.artifacts.download_artifacts`` and its like: files of runs and models by address."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from ..errors import InvalidInput, MissingDependency, NotFound
from ..tracking.client import TrackingClient
from ..tracking.entities import FileInfo
from ..uris import RunUri, parse
from .resolve import resolve


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | Path | None = None,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
) -> str:
    """A local path of a file or folder that a run or a model has.

    Args:
        artifact_uri: ``runs:/<run_id>/<path>``, ``models:/m-<id>[/<path>]``,
            ``models:/<name>/<version>[/<path>]`` or a path; or
        run_id: whose; with
        artifact_path: relative to the run's artifacts; default: all of them.
        dst_path: a folder to copy it into; default: where it is, if it is on this machine.
        tracking_uri: the store to ask; default: the one in use.
        registry_uri: the registry to ask; default: the one in use.

    Raises:
        InvalidInput: both or neither of ``artifact_uri`` and ``run_id``; a bad address.
        NotFound: there is nothing of that name.
    """
    given = _one_of(artifact_uri, run_id, artifact_path)
    if isinstance(given, RunUri):
        client = TrackingClient(tracking_uri)
        return client.download_artifacts(given.run_id, given.path, dst_path)
    found = resolve(given, tracking_uri=tracking_uri, registry_uri=registry_uri).path
    if dst_path is None:
        return str(found)
    target = Path(dst_path) / found.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if found.is_dir():
        shutil.copytree(found, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(found, target)
    return str(target)


def list_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    tracking_uri: str | None = None,
) -> list[FileInfo]:
    """What is directly in a folder of a run's artifacts, or of a model; see `download_artifacts`.

    Raises:
        InvalidInput: both or neither of ``artifact_uri`` and ``run_id``; a bad address.
        NotFound: no such run or model.
    """
    given = _one_of(artifact_uri, run_id, artifact_path)
    if isinstance(given, RunUri):
        return TrackingClient(tracking_uri).list_artifacts(given.run_id, given.path or None)
    folder = resolve(given, tracking_uri=tracking_uri).path
    if not folder.is_dir():
        return []
    return [
        FileInfo(path.name, path.is_dir(), None if path.is_dir() else path.stat().st_size)
        for path in sorted(folder.iterdir())
    ]


def load_text(artifact_uri: str) -> str:
    """The text of a file; `InvalidInput` when it is not UTF-8."""
    path = _file(artifact_uri)
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"The artifact {artifact_uri} is no UTF-8 text: {error}.") from None


def load_dict(artifact_uri: str) -> Any:
    """What a JSON file holds; `InvalidInput` when it is not JSON."""
    text = load_text(artifact_uri)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The artifact {artifact_uri} is no JSON: {error}.") from None


def load_image(artifact_uri: str) -> Any:
    """A picture as a PIL image; `InvalidInput` when it is none."""
    try:
        from PIL import Image
    except ImportError:
        raise MissingDependency("load_image needs Pillow: pip install pillow") from None
    path = _file(artifact_uri)
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except OSError as error:
        raise InvalidInput(f"The artifact {artifact_uri} is no picture: {error}.") from None


def _one_of(artifact_uri: str | None, run_id: str | None, path: str | None) -> Any:
    """A `RunUri`, or the address as it was given."""
    if (artifact_uri is None) == (run_id is None):
        raise InvalidInput("Give artifact_uri, or run_id (with artifact_path); one of them.")
    if run_id is not None:
        return RunUri(run_id, path or "")
    if path is not None:
        raise InvalidInput("artifact_path goes with run_id; write it into artifact_uri instead.")
    assert artifact_uri is not None
    parsed = parse(artifact_uri)
    return parsed if isinstance(parsed, RunUri) else artifact_uri


def _file(artifact_uri: str) -> Path:
    path = Path(download_artifacts(artifact_uri))
    if path.is_dir():
        raise NotFound(f"The artifact {artifact_uri} is a folder; give the address of a file.")
    return path
