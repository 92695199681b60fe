"""One registered model: what it is, its versions, what happened to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, render_template

from ...registry import names
from ...registry.entities import By, ModelVersion, RegisteredModel, Stage
from ..service import Service
from .editing import edited
from .model_commands import PORT, loaded, server_address
from .part import asked, sent, sent_text
from .shell import with_server
from .words import SYSTEM, address, segment

_VERSIONS = 50
_HISTORY = 50
_RECENT = 8
_LONGEST_USER = 250
_LONGEST_TAG = 5000
_METRICS = 200  # to choose from
STAGES = [stage.value for stage in Stage]


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/registry/<name>`` and its history."""

    @pages.get("/registry/<name>")
    def registered_model(name: str) -> str:
        model = service.registry.get_registered_model(name)
        stage = names.stage(asked("stage")) if asked("stage") else None
        versions = service.registry.list_versions(
            name, stage, _VERSIONS, asked("page_token") or None
        )
        here = f"/registry/{segment(name)}"
        counts = service.registry.count_versions([name])[name]
        newest = max((version.version for version in model.latest_versions), default=None)
        return render_template(
            "registry_model.html",
            room="models",
            model=model,
            here=here,
            versions=versions,
            counts={each: counts[each] for each in STAGES if counts.get(each)},
            stage=stage,
            newest=newest,
            page_token=asked("page_token"),
            runs=_runs(service, versions, asked("metric")),
            more=address(here, stage=stage, metric=asked("metric"), page_token=versions.token)
            if versions.token
            else None,
            history=service.registry.get_history(name, None, _RECENT),
            changeable=changeable(model.tags),
            use=use_of(_address(model, newest), server_address(service)),
        )

    @pages.get("/registry/<name>/history")
    def registry_history(name: str) -> str:
        version = names.version(asked("version")) if asked("version") else None
        token = asked("page_token") or None
        found = service.registry.get_history(name, version, _HISTORY, token)
        here = f"/registry/{segment(name)}"
        words = {"version": str(version) if version else None}
        return render_template(
            "registry_history.html",
            room="models",
            name=name,
            version=version,
            here=here,
            history=found,
            first=address(f"{here}/history", **words) if token else None,
            more=address(f"{here}/history", page_token=found.token, **words)
            if found.token
            else None,
        )

    @data.post("/registry/description")
    def describe() -> Response:
        """Of a model, or of a version of it; one that somebody else changed since stays."""
        message = sent()
        name, registry = sent_text(message, "name"), service.registry
        by = By(sent_text(message, "user_id", "")[:_LONGEST_USER], names.note(message.get("note")))
        if "version" in message:
            number = names.version(message["version"])
            now = registry.get_model_version(name, number).description
        else:
            number, now = None, registry.get_registered_model(name).description

        def write(text: str) -> None:
            if number is None:
                registry.update_registered_model(name, names.description(text), by)
            else:
                registry.update_model_version(name, number, names.description(text), by)

        return edited(now, write, message)


@dataclass(frozen=True)
class _Runs:
    """What the runs of some versions are called, and one metric of each.

    Attributes:
        names: run id -> name; of those that are there.
        metrics: that can be chosen.
        metric: that is.
        values: run id -> its value.
    """

    names: dict[str, str]
    metrics: list[str]
    metric: str
    values: dict[str, float]


def _runs(service: Service, versions: Iterable[ModelVersion], wanted: str) -> _Runs:
    ids = list(dict.fromkeys(version.run_id for version in versions if version.run_id))
    if not ids:
        return _Runs({}, [], "", {})
    names = {run.info.run_id: run.info.run_name for run in service.store.runs_of_ids(ids)}
    found = service.store.compared_keys(ids, "metric", limit=_METRICS)
    metrics = [each.key for each in found]
    # what most of them have tells most; what the machine did tells least
    likely = sorted(found, key=lambda each: (each.key.startswith(SYSTEM), -each.count))
    metric = wanted or (likely[0].key if likely else "")
    values = service.store.compared_values(ids, "metric", [metric]) if metric else {}
    return _Runs(names, metrics, metric, values.get(metric, {}))


def changeable(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that a page lets people change; a field is no place for longer ones."""
    return {key: value for key, value in tags.items() if len(value) <= _LONGEST_TAG}


def use_of(uri: str, server: str) -> dict[str, str]:
    """Lines to copy that use a version.

    Args:
        uri: its address; of a model without versions ``models:/<name>``.
        server: this server's address.
    """
    name = uri.removeprefix("models:/")
    return {
        "uri": uri,
        "python": loaded(server, uri),
        "serve": with_server(server, "mlpack", "serve", "-m", uri, "-p", str(PORT)),
        "register": f'mlpack.register_model("runs:/<run_id>/model", {name!r})',
    }


def _address(model: RegisteredModel, newest: int | None) -> str:
    """Of the version that programs should use: by an alias, if there is one."""
    if model.aliases:
        return f"models:/{model.name}@{min(model.aliases)}"
    return f"models:/{model.name}/{newest}" if newest else f"models:/{model.name}"
