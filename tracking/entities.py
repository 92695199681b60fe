"""What tracking records, as plain immutable objects with the names people know from MLflow.

Times are milliseconds since 1970 in UTC. Ids are strings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from typing import Any


class RunStatus(StrEnum):
    """The states of a run; the last three are final."""

    RUNNING = "RUNNING"
    SCHEDULED = "SCHEDULED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


FINAL_STATUSES = frozenset({RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED})


class LifecycleStage(StrEnum):
    """Deleted runs and experiments stay restorable until they are purged."""

    ACTIVE = "active"
    DELETED = "deleted"


class ViewType(IntEnum):
    """Which lifecycle stages a search looks at."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3


class Tags:
    """The tags that mlpack sets itself; the keys are those the ecosystem's tools look for."""

    RUN_NAME = "mlflow.runName"
    NOTE = "mlflow.note.content"
    PARENT = "mlflow.parentRunId"
    USER = "mlflow.user"
    SOURCE_NAME = "mlflow.source.name"
    SOURCE_TYPE = "mlflow.source.type"
    GIT_COMMIT = "mlflow.source.git.commit"
    GIT_BRANCH = "mlflow.source.git.branch"


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured value."""

    key: str
    value: float
    timestamp: int
    step: int = 0


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter; its value never changes once logged."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class RunTag:
    """One tag of a run; may be overwritten."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Experiment:
    """A named group of runs."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    creation_time: int
    last_update_time: int
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Everything about a run except what it logged."""

    run_id: str
    experiment_id: str
    run_name: str
    user_id: str
    status: str
    start_time: int
    end_time: int | None
    lifecycle_stage: str
    artifact_uri: str


@dataclass(frozen=True, slots=True)
class RunData:
    """What a run logged: the latest value of each metric, the params, the tags."""

    metrics: dict[str, float] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A run: ``run.info.run_id``, ``run.data.metrics["accuracy"]``, …"""

    info: RunInfo
    data: RunData

    def to_dictionary(self) -> dict[str, Any]:
        """Nested plain dicts, as for JSON."""
        return {"info": asdict(self.info), "data": asdict(self.data)}


@dataclass(frozen=True, slots=True)
class LoggedModel:
    """A model folder that a run logged.

    Attributes:
        digest: of the whole folder when it was logged (``sha256:…``); kept here, outside the
            folder, because trust in the folder follows from it.
    """

    model_id: str
    experiment_id: str
    name: str
    artifact_location: str
    creation_timestamp: int
    last_updated_timestamp: int
    source_run_id: str | None
    status: str
    model_type: str | None
    digest: str | None
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def model_uri(self) -> str:
        """The address that loads it anywhere against the same store."""
        return f"models:/{self.model_id}"


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file or folder among a run's artifacts; ``path`` is relative to the run's root."""

    path: str
    is_dir: bool
    file_size: int | None


class PagedList(list[Any]):
    """One page of results; ``token`` fetches the next one, None at the end."""

    def __init__(self, items: Iterable[Any], token: str | None) -> None:
        super().__init__(items)
        self.token = token
