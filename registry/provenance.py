"""Where a model came from, read off what a run and a model folder say. Pure: nothing is asked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..tracking.entities import Dataset, DatasetInput, Tags

_PLACES = ("uri", "url", "path", "delta_table_name", "table_name", "sql", "query")


@dataclass(frozen=True, slots=True)
class Code:
    """What made a model.

    Attributes:
        name: of the script or notebook.
        type: LOCAL, NOTEBOOK, PROJECT, JOB, …
        commit: that was checked out.
        branch: that was checked out.
        repository: its address.
        dirty: the working tree differed from the commit; None when nobody looked.
    """

    name: str | None = None
    type: str | None = None
    commit: str | None = None
    branch: str | None = None
    repository: str | None = None
    dirty: bool | None = None


@dataclass(frozen=True, slots=True)
class DatasetUse:
    """A dataset that a run read.

    Attributes:
        context: what for, such as "training".
        source_type: such as "local", "s3", "code".
        source: where it came from, as one would say it.
    """

    name: str
    digest: str
    context: str | None = None
    source_type: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """What a model needs to be installed.

    Attributes:
        python: the version that it was saved with.
        requirements: the lines of its ``requirements.txt``.
        digest: of that file (``sha256:…``): the same digest is the same environment.
    """

    python: str | None = None
    requirements: list[str] = field(default_factory=list)
    digest: str | None = None


def code_of(tags: Mapping[str, str]) -> Code:
    """What the tags of a run say about its code."""
    dirty = tags.get(Tags.GIT_DIRTY)
    return Code(
        tags.get(Tags.SOURCE_NAME),
        tags.get(Tags.SOURCE_TYPE),
        tags.get(Tags.GIT_COMMIT),
        tags.get(Tags.GIT_BRANCH),
        tags.get(Tags.GIT_REPOSITORY),
        None if dirty is None else dirty.lower() == "true",
    )


def dataset_of(read: DatasetInput) -> DatasetUse:
    """A dataset as a run read it."""
    recorded = read.dataset
    context = read.tags.get(Tags.DATASET_CONTEXT)
    return DatasetUse(
        recorded.name, recorded.digest, context, recorded.source_type, source_of(recorded)
    )


def source_of(dataset: Dataset) -> str | None:
    """Where a dataset came from: an address, a table, the script that made it."""
    try:
        fields: Any = json.loads(dataset.source)
    except (ValueError, RecursionError):
        return dataset.source or None
    if not isinstance(fields, dict):
        return dataset.source or None
    tags = fields.get("tags")
    if isinstance(tags, dict) and tags.get(Tags.SOURCE_NAME):
        return str(tags[Tags.SOURCE_NAME])
    for key in _PLACES:
        if fields.get(key):
            return str(fields[key])
    return dataset.source if fields else None


def environment_of(requirements: bytes | None, python: str | None) -> Environment | None:
    """The environment that a model folder describes; None when it describes none."""
    if requirements is None:
        return Environment(python) if python else None
    lines = [line.strip() for line in requirements.decode(errors="replace").splitlines()]
    digest = f"sha256:{hashlib.sha256(requirements).hexdigest()}"
    return Environment(python, [line for line in lines if line], digest)


def split_requirement(line: str) -> tuple[str, str]:
    """A requirement's name, in the index's own spelling, and what is said of it."""
    match = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(.*)", line)
    if match is None:  # an option such as -c constraints.txt
        return line, ""
    return re.sub(r"[-_.]+", "-", match[1]).lower(), match[2].strip()
