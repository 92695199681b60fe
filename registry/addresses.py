"""What people type for a model, more generous than the grammar of `uris`.

churn/3, churn@champion, churn/Production, churn/latest     a registered version
models:/churn/3, models:/m-<id>, runs:/…, s3://…            as in `uris`
m-<id>                                                      a logged model
./churn, churn (a folder with MLmodel in it)                a folder
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import InvalidInput
from ..flavors.descriptor import MLMODEL
from ..uris import LoggedModelUri, RegisteredModelUri, Uri, parse
from .entities import Stage
from .find import LATEST

_STAGES = {stage.lower(): stage.value for stage in Stage} | {LATEST: LATEST}
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
_NUMBER = re.compile(r"[0-9]{1,18}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def forgiving(text: str | Path) -> Uri:
    """The address that a text means.

    Args:
        text: as in this module's docstring. A model folder that is there comes before a registered
            model of that name; ``models:/…`` always means the registry.

    Returns:
        The address; of a name alone one without version, stage and alias.

    Raises:
        InvalidInput: it is no address of a model.
    """
    if isinstance(text, Path):
        return parse(text)
    stripped = text.strip()
    if _MODEL_ID.fullmatch(stripped):
        return LoggedModelUri(stripped)
    if not stripped or stripped.startswith(("/", ".", "~")) or _is_model_folder(stripped):
        return parse(text)
    if _SCHEME.match(stripped) and not stripped.startswith("models:/"):
        return parse(text)
    if _MODEL_ID.fullmatch(stripped.removeprefix("models:/").partition("/")[0]):
        return parse(stripped)
    found = read_name(stripped)
    if "/" in found.name and not stripped.startswith("models:/"):
        return parse(text)
    return found


def check_is_version(found: RegisteredModelUri) -> None:
    """Raises `InvalidInput` for an address that names a registered model and no version of it."""
    if found.version is None and found.stage is None and found.alias is None:
        raise InvalidInput(
            f"{found.name!r} names a registered model and no version of it, and is no model "
            f"folder. Write {found.name}/<version>, {found.name}@<alias>, {found.name}/{LATEST}, "
            "or the path of a folder."
        )


def read_name(text: str) -> RegisteredModelUri:
    """A registered model or a version of it; all of version, stage and alias None for the first.

    Raises:
        InvalidInput: there is no name in it.
    """
    body = text.strip().removeprefix("models:/")
    head, slash, tail = body.rpartition("/")
    name, at, alias = body.rpartition("@")
    if at and name and alias and "/" not in alias:
        return RegisteredModelUri(name, alias=alias)
    if slash and head and _NUMBER.fullmatch(tail):
        return RegisteredModelUri(head, version=int(tail))
    if slash and head and tail.lower() in _STAGES:
        return RegisteredModelUri(head, stage=_STAGES[tail.lower()])
    if not body or at or (slash == "/" and not (head and tail)):
        raise InvalidInput(
            f"{text!r} names no registered model. Write churn, churn/3, churn@champion or "
            "churn/Production."
        )
    return RegisteredModelUri(body)


def _is_model_folder(path: str) -> bool:
    try:
        return Path(path, MLMODEL).is_file()
    except (OSError, ValueError):  # too long for a path
        return False
