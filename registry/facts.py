"""What there is to compare of a model: sections of keys and values. Pure: nothing is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .lineage import Lineage, lineage_of
from .provenance import split_requirement

if TYPE_CHECKING:
    from ..flavors.descriptor import Model
    from .subject import Subject

Facts = dict[str, dict[str, Any]]
"""Section -> key -> value; sections in the order in which they are shown."""

_DEEP = ("code", "env", "signature")  # keys of a flavor that other sections show, or nobody


def facts(subject: Subject) -> Facts:
    """Everything of a model that a comparison shows."""
    whole = lineage_of(subject)
    return {
        "version": _version(whole),
        "origin": dict(_origin(whole)),
        "params": dict(sorted(_params(subject).items())),
        "metrics": dict(sorted(_metrics(subject).items())),
        "signature": dict(signature(subject.descriptor)),
        "requirements": dict(_requirements(whole)),
        "model": dict(_model(subject.descriptor, whole)),
        "files": dict(sorted(subject.files.items())),
    }


def signature(model: Model | None) -> Iterator[tuple[str, str]]:
    """Each input, output and parameter as ("inputs a", "double, optional")."""
    parts = model.signature.to_dict() if model and model.signature else {}
    for part, text in parts.items():
        for position, spec in enumerate(json.loads(text) if text else ()):
            name = spec.get("name")
            yield f"{part} {position if name is None else name}", _type(spec)


def _type(spec: Mapping[str, Any]) -> str:
    tensor = spec.get("tensor-spec")
    if tensor:
        return f"{tensor['dtype']}({', '.join(map(str, tensor['shape']))})"
    rest = {key: value for key, value in spec.items() if key not in _SHOWN and value is not None}
    shown = str(spec.get("type"))
    if rest:  # of arrays, objects, maps
        shown += f" {json.dumps(rest, sort_keys=True)}"
    if "default" in spec:
        shown += f" = {json.dumps(spec['default'])}"
    return shown if spec.get("required", True) else f"{shown}, optional"


_SHOWN = frozenset({"name", "type", "required", "default"})


def _version(whole: Lineage) -> dict[str, Any]:
    version = whole.version
    if version is None:
        return {}
    return {
        "version": f"{version.name}/{version.version}",
        "stage": str(version.current_stage),
        "aliases": ", ".join(sorted(version.aliases)),
        "description": version.description,
        "registered by": version.user_id,
        **{f"tag {key}": value for key, value in sorted(version.tags.items())},
    }


def _origin(whole: Lineage) -> Iterator[tuple[str, Any]]:
    yield "run", whole.run.info.run_name if whole.run else None
    yield "run id", whole.run_id
    if whole.experiment:
        yield "experiment", whole.experiment.name
    yield "source", whole.code.name
    yield "repository", whole.code.repository
    yield "git branch", whole.code.branch
    dirty = " with changes" if whole.code.dirty else ""
    yield "git commit", f"{whole.code.commit}{dirty}" if whole.code.commit else None
    for dataset in whole.datasets:
        use = f" for {dataset.context}" if dataset.context else ""
        yield f"dataset {dataset.name}{use}", f"digest {dataset.digest}"
    for model_id in whole.inputs:
        yield f"input model {model_id}", "read"


def _params(subject: Subject) -> dict[str, Any]:
    of_run = subject.run.data.params if subject.run else {}
    return {**of_run, **(subject.model.params if subject.model else {})}


def _metrics(subject: Subject) -> dict[str, Any]:
    """The run's; and where the model itself was measured, the latest of those."""
    found: dict[str, float] = dict(subject.run.data.metrics) if subject.run else {}
    own = subject.model.metrics if subject.model else []
    for metric in sorted(own, key=lambda metric: (metric.timestamp, metric.step)):
        of = f" on {metric.dataset_name}" if metric.dataset_name else ""
        found[f"{metric.key}{of}"] = metric.value
    return found


def _requirements(whole: Lineage) -> Iterator[tuple[str, str]]:
    for line in whole.environment.requirements if whole.environment else ():
        if not line.startswith("#"):
            name, version = split_requirement(line)
            yield name, version or ("yes" if name.startswith("-") else "any version")


def _model(model: Model | None, whole: Lineage) -> Iterator[tuple[str, Any]]:
    if model is None:
        return
    yield "python", whole.environment.python if whole.environment else None
    yield "bytes", model.model_size_bytes
    yield "saved with", _saved_with(model)
    for flavor, keys in sorted(model.flavors.items()):
        yield flavor, "yes"
        for key, value in sorted(keys.items()):
            if key not in _DEEP and isinstance(value, str | int | float | bool):
                yield f"{flavor}.{key}", value


def _saved_with(model: Model) -> str | None:
    if ours := model.mlpack.get("version"):
        return f"mlpack {ours}"
    return f"mlflow {model.mlflow_version}" if model.mlflow_version else None
