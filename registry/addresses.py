"""What people type for a model, more generous than the grammar of `uris`.

churn/3, churn@champion, churn/Production, churn/latest     a registered version
models:/churn/3, models:/m-<id>, runs:/…, s3://…            as in `uris`
m-<id>                                                      a logged model
./churn, churn (a folder with MLmodel in it)                a folder
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ..errors import InvalidInput, NotFound
from ..flavors.descriptor import MLMODEL
from ..uris import LoggedModelUri, RegisteredModelUri, Uri, parse
from .entities import ModelVersion, Stage

if TYPE_CHECKING:
    from .client import MlpackClient

LATEST = "latest"
_STAGES = {stage.lower(): stage.value for stage in Stage} | {LATEST: LATEST}
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def forgiving(text: str | Path) -> Uri:
    """The address that a text means.

    Args:
        text: as in this module's docstring. A folder that is there comes before a registered
            model of that name; ``models:/…`` always means the registry.

    Raises:
        InvalidInput: it is no address of a model.
    """
    if isinstance(text, Path):
        return parse(text)
    stripped = text.strip()
    if _MODEL_ID.fullmatch(stripped):
        return LoggedModelUri(stripped)
    if not stripped or stripped.startswith(("/", ".", "~")) or Path(stripped, MLMODEL).is_file():
        return parse(text)
    if _SCHEME.match(stripped) and not stripped.startswith("models:/"):
        return parse(text)
    if _MODEL_ID.fullmatch(stripped.removeprefix("models:/").partition("/")[0]):
        return parse(stripped)
    found = read_name(stripped)
    if found.version is None and found.stage is None and found.alias is None:
        raise InvalidInput(
            f"{text!r} is neither a model folder nor a version of a registered model. Write "
            f"{found.name}/<version>, {found.name}@<alias>, {found.name}/{LATEST}, or the path "
            "of a folder."
        )
    return found


def read_name(text: str) -> RegisteredModelUri:
    """A registered model or a version of it; all of version, stage and alias None for the first.

    Raises:
        InvalidInput: there is no name in it.
    """
    body, written = text.strip(), str
    if body.startswith("models:/"):
        body, written = body[len("models:/") :], unquote
    head, slash, tail = body.rpartition("/")
    name, at, alias = body.rpartition("@")
    if at and name and alias and "/" not in alias:
        return RegisteredModelUri(written(name), alias=alias)
    if slash and head and tail.isdecimal():
        return RegisteredModelUri(written(head), version=int(tail))
    if slash and head and tail.lower() in _STAGES:
        return RegisteredModelUri(written(head), stage=_STAGES[tail.lower()])
    if not body or at or (slash == "/" and not (head and tail)):
        raise InvalidInput(
            f"{text!r} names no registered model. Write churn, churn/3, churn@champion or "
            "churn/Production."
        )
    return RegisteredModelUri(written(body))


def find_version(client: MlpackClient, which: RegisteredModelUri) -> ModelVersion:
    """The version that an address names.

    Raises:
        NotFound: there is none; the message says what there is.
    """
    name = which.name
    if which.version is not None:
        return client.get_model_version(name, str(which.version))
    if which.alias is not None:
        return client.get_model_version_by_alias(name, which.alias)
    if which.stage in (None, LATEST):
        return client.registry.get_latest_version(name)
    found = client.get_latest_versions(name, [which.stage])
    if not found:
        raise NotFound(f"The registered model {name!r} has no version in {which.stage}.")
    return found[0]
