"""What the registry records, as plain immutable objects with the names people know from MLflow.

Times are milliseconds since 1970 in UTC. Versions are integers from 1 up; a number that was given
once is never given again, not even after its version was deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

DIGEST_TAG = "mlpack.digest"  # how a version's digest travels over REST; no tag of the user's


class Stage(StrEnum):
    """Where a version stands; MLflow calls stages deprecated, and people use them."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"


class VersionStatus(StrEnum):
    """Whether a version's files are there."""

    PENDING = "PENDING_REGISTRATION"
    FAILED = "FAILED_REGISTRATION"
    READY = "READY"


class _Pairs:
    """What ``dict(…)`` makes a dict of, as people print these."""

    __slots__ = ()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        for each in fields(self):  # type: ignore[arg-type]
            yield each.name, getattr(self, each.name)


@dataclass(frozen=True, slots=True)
class ModelVersion(_Pairs):
    """One version of a registered model.

    Attributes:
        source: the address of its files, as it was registered (``models:/m-…``, ``runs:/…``, an
            address in a store, a folder).
        location: where the files really lie, if the registry knows more than ``source`` says.
        run_id: the run that made it.
        model_id: the logged model that it is a version of.
        user_id: who registered it.
        digest: of its files at registration (``sha256:…``, see `flavors.integrity.digest`); None
            when the registry could not read them.
        aliases: that point at it.
    """

    name: str
    version: int
    creation_timestamp: int
    last_updated_timestamp: int
    description: str = ""
    user_id: str = ""
    current_stage: str = Stage.NONE
    source: str = ""
    location: str | None = None
    run_id: str | None = None
    run_link: str | None = None
    status: str = VersionStatus.READY
    status_message: str | None = None
    model_id: str | None = None
    digest: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    aliases: list[str] = field(default_factory=list)

    @property
    def model_uri(self) -> str:
        """The address that loads it anywhere against the same store."""
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class RegisteredModel(_Pairs):
    """A name, and what is known of its versions.

    Attributes:
        latest_versions: the newest version of each stage that has one.
        aliases: alias -> version.
    """

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str = ""
    latest_versions: list[ModelVersion] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)


class ChangeKind(StrEnum):
    """What a line of the history says."""

    CREATED = "created"  # a name or a version
    RENAMED = "renamed"
    DELETED = "deleted"
    STAGE = "stage"
    ALIAS = "alias"
    DESCRIPTION = "description"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change: who made it, when, and why.

    Attributes:
        version: of which version; None for the registered model itself.
        kind: a `ChangeKind`.
        key: the alias that moved, or of the tag; None otherwise.
        before: the value before it (a stage, a version, a text, a tag, a name), None if none.
        after: the value since.
        user_id: who.
        timestamp: when.
        note: why, in the words of who did it.
    """

    name: str
    version: int | None
    kind: str
    key: str | None
    before: str | None
    after: str | None
    user_id: str
    timestamp: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class By:
    """Who makes a change, and why; goes with each call that the history records."""

    user_id: str = ""
    note: str = ""
