"""Where a dataset came from: a file, a web address, or the code that made it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit, urlunsplit

from ..errors import InvalidInput
from ..tracking.context import describe_source
from ..tracking.entities import Dataset as Recorded
from ..tracking.entities import DatasetInput


@runtime_checkable
class DatasetSource(Protocol):
    """A word for the kind of place, and what describes the place as JSON."""

    source_type: str

    def to_dict(self) -> dict[str, Any]:
        """What `to_json` writes."""

    def to_json(self) -> str:
        """As the tracking store keeps it."""


class FileDatasetSource:
    """A file or folder on this machine or in an object store.

    Args:
        uri: a path, or an address such as ``s3://bucket/train.parquet``.
    """

    def __init__(self, uri: str | Path) -> None:
        self.uri = str(uri)
        scheme = urlsplit(self.uri).scheme if "://" in self.uri or ":/" in self.uri else ""
        # one letter is a drive of Windows
        self.source_type = scheme if len(scheme) > 1 and scheme != "file" else "local"

    def to_dict(self) -> dict[str, Any]:
        """Its address."""
        return {"uri": self.uri}

    def to_json(self) -> str:
        """Its address as JSON."""
        return json.dumps(self.to_dict())


class HTTPDatasetSource:
    """Something on the web; a user and password in the address are not kept.

    Args:
        url: ``http://…`` or ``https://…``.
    """

    source_type = "http"

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def to_dict(self) -> dict[str, Any]:
        """Its address."""
        return {"url": self.url}

    def to_json(self) -> str:
        """Its address as JSON."""
        return json.dumps(self.to_dict())


class CodeDatasetSource:
    """The script or notebook that made the data, for datasets without another source.

    Args:
        tags: that describe it; default: those that a run started now would get.
    """

    source_type = "code"

    def __init__(self, tags: Mapping[str, str] | None = None) -> None:
        self.tags = dict(tags) if tags is not None else describe_source()

    def to_dict(self) -> dict[str, Any]:
        """Its tags."""
        return {"tags": self.tags}

    def to_json(self) -> str:
        """Its tags as JSON."""
        return json.dumps(self.to_dict())


class _OtherSource:
    """A source of a kind that this version does not know, kept as it is."""

    def __init__(self, source_type: str, fields: dict[str, Any]) -> None:
        self.source_type = source_type
        self._fields = fields

    def to_dict(self) -> dict[str, Any]:
        return dict(self._fields)

    def to_json(self) -> str:
        return json.dumps(self._fields)


def source_of(given: Any) -> DatasetSource:
    """What a user gives as ``source=`` as an object.

    Args:
        given: None (the code), a path, an address, or a `DatasetSource`.

    Raises:
        InvalidInput: it is none of these.
    """
    if given is None:
        return CodeDatasetSource()
    if isinstance(given, DatasetSource):
        return given
    if isinstance(given, (str, Path)):
        if str(given).lower().startswith(("http://", "https://")):
            return HTTPDatasetSource(str(given))
        return FileDatasetSource(given)
    raise InvalidInput(
        "The source of a dataset must be a path, an address or a DatasetSource; "
        f"got {type(given).__name__}."
    )


def get_source(dataset: Any) -> DatasetSource:
    """Where a dataset came from.

    Args:
        dataset: one made by `mlpack.data`, or what a run recorded (``run.inputs``).

    Raises:
        InvalidInput: it is no dataset, or its source cannot be read.
    """
    if isinstance(dataset, DatasetInput):
        dataset = dataset.dataset
    if isinstance(dataset, Recorded):
        return _read(dataset)
    source = getattr(dataset, "source", None)
    if isinstance(source, DatasetSource):
        return source
    raise InvalidInput(f"get_source takes a dataset; got {type(dataset).__name__}.")


def _read(dataset: Recorded) -> DatasetSource:
    try:
        fields = json.loads(dataset.source)
        if dataset.source_type == "code":
            return CodeDatasetSource(fields["tags"])
        if dataset.source_type == "http":
            return HTTPDatasetSource(fields["url"])
        if set(fields) == {"uri"}:
            return FileDatasetSource(fields["uri"])
        return _OtherSource(dataset.source_type, dict(fields))
    except (ValueError, KeyError, TypeError):
        raise InvalidInput(
            f"The source of the dataset {dataset.name!r} is not as {dataset.source_type!r} sources "
            "are written."
        ) from None
