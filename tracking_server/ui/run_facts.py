"""What a run's page says besides what was logged: its code, datasets, models, relatives."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import NotFound
from ...registry.entities import ModelVersion
from ...registry.provenance import Code, code_of, dataset_of
from ...tracking.entities import DatasetInput, LoggedModel, Run, Tags
from ..service import Service
from .json_text import parse
from .run_code import commit_link, repository_link
from .secrets_in_addresses import redacted
from .words import runs_where

_OURS = ("mlflow.", "mlpack.")  # how tags begin that programs set
_PROJECT = "mlflow.project."
_MOST_COLUMNS = 500
_MOST_MODELS = 100
_MOST_DATASETS = 50
_MOST_TAGS = 300  # that are shown; people set a handful
_OLD_MODELS = "mlflow.log-model.history"


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """Where the code came from, and links to it where they can be told."""

    code: Code
    commit: str | None
    repository: str | None
    project: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """A dataset that was read.

    Attributes:
        columns: (name, type, whether it must be there); of arrays (name, type and shape, True).
        more: how many columns are left out.
        profile: such as the number of rows.
        runs: the address of the table of runs that read the same.
    """

    name: str
    digest: str
    context: str | None
    source_type: str | None
    source: str
    columns: list[tuple[str, str, bool]]
    more: int
    profile: list[tuple[str, str]]
    runs: str | None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model that was made or read.

    Attributes:
        model: the record; None when it is deleted.
        step: of the run, at which it was made.
        versions: that it is registered as.
    """

    model_id: str
    model: LoggedModel | None
    step: int | None
    versions: list[ModelVersion]


def code_facts(run: Run) -> CodeFacts:
    """What the tags say of the code."""
    code = code_of(run.data.tags)
    project = [
        (key.removeprefix(_PROJECT), value)
        for key, value in run.data.tags.items()
        if key.startswith(_PROJECT)
    ][:_MOST_TAGS]
    return CodeFacts(
        code,
        commit_link(code.repository, code.commit),
        repository_link(code.repository),
        project,
    )


def tag_facts(run: Run) -> dict[str, Any]:
    """``own_tags``, which people set, how many ``more_tags`` are not shown, and ``program_tags``,
    without the note, which has a place of its own."""
    tags = sorted(run.data.tags.items())
    own = [(key, value) for key, value in tags if not key.startswith(_OURS)]
    programs = [(key, value) for key, value in tags if key.startswith(_OURS) and key != Tags.NOTE]
    return {
        "own_tags": dict(own[:_MOST_TAGS]),
        "more_tags": len(own) - _MOST_TAGS,
        "program_tags": dict(programs[:_MOST_TAGS]),
    }


def dataset_facts(run: Run) -> list[DatasetFacts]:
    """The datasets that a run read."""
    return [_dataset(run, read) for read in run.inputs.dataset_inputs[:_MOST_DATASETS]]


def versions_of(service: Service, run: Run) -> dict[str | None, list[ModelVersion]]:
    """What is registered of a run, by logged model; None: from the run's own files."""
    versions: dict[str | None, list[ModelVersion]] = {}
    for version in service.registry.versions_of_runs([run.info.run_id]):
        versions.setdefault(version.model_id or None, []).append(version)
    return versions


def model_facts(
    service: Service,
    wanted: Mapping[str, int | None],
    versions: Mapping[str | None, list[ModelVersion]],
) -> list[ModelFacts]:
    """Logged models.

    Args:
        service: of the server.
        wanted: their ids, and at which step each was made.
        versions: as `versions_of` says.
    """
    found = []
    for model_id, step in list(wanted.items())[:_MOST_MODELS]:
        try:
            model = service.store.get_logged_model(model_id)
        except NotFound:  # deleted since
            model = None
        found.append(ModelFacts(model_id, model, step, versions.get(model_id, [])))
    return found


def old_models(tags: Mapping[str, str]) -> list[str]:
    """The folders of models that clients before 3.0 logged among a run's files."""
    listed = parse(tags.get(_OLD_MODELS))
    models = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    paths = [model.get("artifact_path") for model in models]
    return list(dict.fromkeys(path for path in paths if isinstance(path, str)))[:_MOST_MODELS]


def _dataset(run: Run, read: DatasetInput) -> DatasetFacts:
    use = dataset_of(read)
    columns = list(_columns(parse(read.dataset.schema)))
    profile = parse(read.dataset.profile)
    told = profile.items() if isinstance(profile, dict) else [("profile", read.dataset.profile)]
    return DatasetFacts(
        use.name,
        use.digest,
        use.context,
        use.source_type,
        redacted(use.source),
        columns[:_MOST_COLUMNS],
        max(0, len(columns) - _MOST_COLUMNS),
        [(str(name).replace("_", " "), _plain(value)) for name, value in told if value is not None],
        runs_where(
            run.info.experiment_id, {"dataset.name": use.name, "dataset.digest": use.digest}
        ),
    )


def _columns(schema: Any) -> Iterable[tuple[str, str, bool]]:
    """The columns of a schema as clients write it; nothing of what is no schema."""
    if not isinstance(schema, dict):
        return
    for spec in _specs(schema.get("mlflow_colspec")):
        name = spec.get("name", "")
        name = ".".join(map(str, name)) if isinstance(name, list) else name
        yield str(name), _type(spec), spec.get("required", True) is not False
    tensors = schema.get("mlflow_tensorspec")
    for role, given in tensors.items() if isinstance(tensors, dict) else ():
        for spec in _specs(parse(given) if isinstance(given, str) else given):
            yield str(spec.get("name") or role), _type(spec), True


def _specs(given: Any) -> Iterable[dict[str, Any]]:
    return [spec for spec in given if isinstance(spec, dict)] if isinstance(given, list) else []


def _type(spec: Mapping[str, Any]) -> str:
    tensor = spec.get("tensor-spec")
    if isinstance(tensor, dict):
        return f"{tensor.get('dtype')} {_plain(tensor.get('shape'))}"
    return _plain(spec.get("type", ""))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
