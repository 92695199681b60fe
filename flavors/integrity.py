"""Checksums of a model folder: what was saved is what is loaded.

Two questions, two answers. `verify` compares with the checksums in the folder's own descriptor:
it finds damage. `verify_digest` compares with a digest that was recorded elsewhere, when the
model was logged: it finds tampering, and so is a reason to trust the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from ..errors import BadModel, InvalidInput, ModelChanged, StorageFailed
from ..uris import safe_relative
from . import yaml_text
from .descriptor import MLMODEL, Model
from .hashing import checksum, checksums

__all__ = [
    "NOTE_OF_MLFLOW",
    "checksum",
    "digest",
    "is_only_a_note",
    "manifest",
    "verify",
    "verify_digest",
]

_SHOWN = 5
# MLflow writes this note into the folder of a registered version when it loads it; nobody reads it
NOTE_OF_MLFLOW = "registered_model_meta"
_NOTE = re.compile(rb"model_name: .+\nmodel_version: .+\n?", re.DOTALL)
_LONGEST_NOTE = 4096


def manifest(folder: Path) -> dict[str, str]:
    """Checksums of every file in a model folder, ``MLmodel`` among them.

    Returns:
        ``{relative path: "sha256:<hex>"}``, sorted by path.

    Raises:
        BadModel: the folder holds a symbolic link or a special file, or does not exist.
        StorageFailed: a file cannot be read.
    """
    try:
        names = sorted(_files(folder))
        if NOTE_OF_MLFLOW in names and is_only_a_note(lambda name: (folder / name).open("rb")):
            names.remove(NOTE_OF_MLFLOW)
        return dict(zip(names, checksums(folder / name for name in names), strict=True))
    except FileNotFoundError as error:
        raise BadModel(f"There is no model at {folder}: {error.strerror}.") from None
    except OSError as error:
        raise StorageFailed(f"Cannot read {error.filename}: {error.strerror}.") from error


def is_only_a_note(read: Callable[[str], Iterable[bytes]]) -> bool:
    """Whether a model's `NOTE_OF_MLFLOW` is that, and no part of the model that nobody would check.

    Args:
        read: gives a file of the model in pieces, by its name.
    """
    note = b""
    for piece in read(NOTE_OF_MLFLOW):
        note += piece
        if len(note) > _LONGEST_NOTE:
            return False
    try:
        described = yaml_text.load(b"".join(read(MLMODEL)), MLMODEL)
    except (BadModel, OSError):
        return False
    return bool(_NOTE.fullmatch(note)) and NOTE_OF_MLFLOW not in str(described)


def digest(files: Mapping[str, str]) -> str:
    """One checksum over a manifest; it changes when any file changes, comes or goes."""
    text = json.dumps(sorted(files.items()), ensure_ascii=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def verify(folder: Path, model: Model, files: Mapping[str, str] | None = None) -> None:
    """Compare the files with the checksums in the descriptor.

    A file that came in later does no harm and is let be (other tools leave notes in model
    folders); a model without recorded checksums passes.

    Args:
        folder: the model folder.
        model: its descriptor.
        files: its `manifest`, if that is at hand.

    Raises:
        ModelChanged: files are missing or differ; the message names them.
        BadModel: a recorded path leads out of the folder.
    """
    recorded = model.files
    if not recorded:
        return
    problems = []
    for name, expected in recorded.items():
        try:
            path = folder / safe_relative(str(name))
        except InvalidInput:
            raise BadModel(
                f"{folder / MLMODEL} lists a file outside its folder: {name!r}."
            ) from None
        actual = files.get(name) if files is not None else _checksum_if_there(path)
        if actual is None:
            problems.append(f"{name} is missing")
        elif actual != expected:
            problems.append(f"{name} differs")
    if problems:
        raise ModelChanged(
            f"The model at {folder} was changed after it was saved: {listed(problems)}. "
            "Get an intact copy of it, or save it again."
        )


def verify_digest(
    folder: Path,
    expected: str,
    files: Mapping[str, str] | None = None,
    recorded: Mapping[str, str] | None = None,
) -> None:
    """Compare the whole folder with a digest that was recorded elsewhere.

    Args:
        folder: the model folder.
        expected: what `digest` gave when the model was logged or registered.
        files: its `manifest`, if that is at hand.
        recorded: the manifest that the digest is of, if that was recorded, too; tells which
            files differ.

    Raises:
        ModelChanged: they differ; the message names the files, as far as the records tell.
    """
    files = manifest(folder) if files is None else files
    if digest(files) == expected:
        return
    if recorded and digest(recorded) == expected:
        problems = differences(files, recorded)
    else:
        problems = _differences_by_descriptor(folder, files)
    raise ModelChanged(
        f"The model at {folder} is not the one that was recorded when it was logged or registered: "
        f"{listed(problems)}. Get an intact copy of it, or log it again."
    )


def differences(files: Mapping[str, str], recorded: Mapping[str, str]) -> list[str]:
    """What a manifest has that is not in another: which files are missing, differ, were added."""
    return [
        *(f"{name} is missing" for name in sorted(set(recorded) - set(files))),
        *(
            f"{name} differs"
            for name in sorted(set(recorded) & set(files))
            if files[name] != recorded[name]
        ),
        *(f"{name} was added" for name in sorted(set(files) - set(recorded))),
    ]


def _differences_by_descriptor(folder: Path, files: Mapping[str, str]) -> list[str]:
    """What the folder's own descriptor says, which may itself be what was changed."""
    try:
        recorded = Model.read(folder).files
    except BadModel:
        recorded = {}
    found = {name: sha for name, sha in files.items() if name != MLMODEL}
    own = differences(found, recorded) if recorded else []
    return own or [f"{MLMODEL} differs"]


def _checksum_if_there(path: Path) -> str | None:
    try:
        return None if path.is_symlink() else checksum(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise StorageFailed(f"Cannot read {path}: {error.strerror}.") from error


def _files(folder: Path) -> Iterator[str]:
    folders = [""]  # not one call in the other: they may be as deep as paths are long
    while folders:
        below = folders.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                name = f"{below}{entry.name}"
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    folders.append(f"{name}/")
                elif stat.S_ISREG(mode):
                    yield _as_text(name, folder)
                else:
                    what = "symbolic link" if stat.S_ISLNK(mode) else "special file"
                    raise BadModel(f"{folder / name} is a {what}; a model's files must be its own.")


def _as_text(name: str, folder: Path) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(name).decode(errors="backslashreplace")
        raise BadModel(
            f"The name of {shown!r} in {folder} is not UTF-8. Rename the file."
        ) from None
    return name


def listed(problems: list[str]) -> str:
    """The first few of them, and how many more there are."""
    more = len(problems) - _SHOWN
    return ", ".join(problems[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
