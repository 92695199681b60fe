"""What tracking records, as plain immutable objects with the names people know from MLflow.

Times are milliseconds since 1970 in UTC. Ids are strings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple


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
    DATASET_CONTEXT = "mlflow.data.context"  # of a dataset's use, not of a run
    GIT_REPOSITORY = "mlflow.source.git.repoURL"
    GIT_DIRTY = "mlflow.source.git.dirty"


class ModelStatus(StrEnum):
    """The states of a logged model: its files are on their way, in place, or never came."""

    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"


class Metric(NamedTuple):
    """One measured value, and which model and dataset it was measured on, if that was said.

    Attributes:
        run_id: which run logged it; told where a model's metrics are shown.
    """

    key: str
    value: float
    timestamp: int
    step: int = 0
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None
    run_id: str | None = None


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
    """What a run logged: the latest value of each metric, the params, the tags.

    Attributes:
        moments: timestamp and step of each of those values.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    moments: dict[str, tuple[int, int]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a run read. Name and digest together identify it within an experiment.

    Attributes:
        source_type: such as "local", "s3", "code".
        source: where it came from, as JSON.
        schema: its columns or arrays, as JSON.
        profile: such as its number of rows, as JSON.
    """

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """A dataset that a run read, and tags of this use such as ``mlflow.data.context``."""

    dataset: Dataset
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A logged model that a run read."""

    model_id: str


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """A logged model that a run made, and at which step."""

    model_id: str
    step: int = 0


@dataclass(frozen=True, slots=True)
class RunInputs:
    """Datasets and models that a run read."""

    dataset_inputs: list[DatasetInput] = field(default_factory=list)
    model_inputs: list[ModelInput] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RunOutputs:
    """Models that a run made."""

    model_outputs: list[ModelOutput] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """A run: ``run.info.run_id``, ``run.data.metrics["accuracy"]``, …"""

    info: RunInfo
    data: RunData
    inputs: RunInputs = field(default_factory=RunInputs)
    outputs: RunOutputs = field(default_factory=RunOutputs)

    def to_dictionary(self) -> dict[str, Any]:
        """Nested plain dicts, as for JSON."""
        plain = asdict(self)
        del plain["data"]["moments"]  # not among the names that people know
        return plain


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
    metrics: list[Metric] = field(default_factory=list)

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


def __getattr__(name: str) -> Any:
    """``mlpack.entities.ModelVersion`` and its like are of the layer above."""
    from .. import _lend

    return _lend(__name__, name)
