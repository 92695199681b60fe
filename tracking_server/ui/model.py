"""One logged model: what it takes and returns, what it is made of, how it is used."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from ...errors import MlpackError, NotFound
from ...registry.entities import ModelVersion
from ...registry.uses import DEPLOYMENT, IMAGE, Model, Note
from ...tracking.entities import LoggedModel, Metric, Tags
from ...tracking.filters import quoted
from ..service import Service
from .deployed import Deployed, deployed, images
from .json_text import sound
from .model_commands import ENDPOINT, commands_of, server_address
from .model_folder import Folder, folder_of
from .model_frame import model_frame
from .scoring_rule import may_reach_local

_MOST_VERSIONS = 50
_MOST_METRICS = 200


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/models/<id>``"""

    @pages.get("/models/<model_id>")
    def model(model_id: str) -> str | tuple[str, int]:
        try:
            frame = model_frame(service, model_id)
        except NotFound as error:
            return _gone(service, model_id, error), 404
        return sound(render_template("model.html", **frame, **_overview(service, **frame)))


def _overview(service: Service, model: LoggedModel, run: Any, **_: Any) -> dict[str, Any]:
    versions = _versions(service, model.model_id)
    folder = folder_of(service, model, versions)
    notes = _notes(model, versions)
    uses = deployed(note for note in notes if note.key.startswith(DEPLOYMENT))
    uses.sort(key=lambda one: not one.runs)
    server = server_address(service)
    registered = versions[0].name if versions else ""
    metrics = _latest(model.metrics)
    return {
        "tab": "Overview",
        "folder": folder,
        "told": _told(folder),
        "versions": versions,
        "deployments": uses,
        "images": images(note for note in notes if note.key.startswith(IMAGE)),
        "metrics": metrics[:_MOST_METRICS],
        "metrics_left": max(0, len(metrics) - _MOST_METRICS),
        "tags": _own_tags(model.tags),
        "by": run.data.tags.get(Tags.USER) if run else None,
        "commands": commands_of(model, folder.example, server, registered),
        "server": server,
        "scoring": _scoring(service, uses),
    }


def _told(folder: Folder) -> Any:
    """The descriptor in rows of tables."""
    from .previews.mlmodel import tell

    return tell(folder.descriptor, folder.requirements) if folder.descriptor else None


def _versions(service: Service, model_id: str) -> list[ModelVersion]:
    """The versions that a model is registered as, the newest first."""
    try:
        found = service.registry.search_model_versions(
            f"model_id = {quoted(model_id)}", _MOST_VERSIONS, ["creation_timestamp DESC"]
        )
    except MlpackError:  # an id with both kinds of quotes, which a filter cannot hold
        return []
    return list(found)


def _notes(model: LoggedModel, versions: list[ModelVersion]) -> list[Note]:
    """What became of the model, as it is noted beside it and beside its versions."""
    found = [Note(key, value, Model(model.model_id)) for key, value in model.tags.items()]
    for version in versions:
        of = Model(None, version.name, version.version)
        found += [Note(key, value, of) for key, value in version.tags.items()]
    return found


def _own_tags(tags: dict[str, str]) -> dict[str, str]:
    """Without those that the page tells in words."""
    return {k: v for k, v in sorted(tags.items()) if not k.startswith((DEPLOYMENT, IMAGE))}


def _latest(metrics: list[Metric]) -> list[Metric]:
    """The last value of each metric on each dataset."""
    found: dict[tuple[str, str, str], Metric] = {}
    for metric in sorted(metrics, key=lambda metric: (metric.timestamp, metric.step)):
        found[metric.key, metric.dataset_name or "", metric.dataset_digest or ""] = metric
    return [found[key] for key in sorted(found)]


def _scoring(service: Service, uses: list[Deployed]) -> dict[str, Any]:
    """What the form offers to ask."""
    running = [one for one in uses if one.runs and one.link]
    return {
        "default": ENDPOINT,
        "endpoint": running[0].endpoint if running else ENDPOINT,
        "endpoints": running,
        "listed": service.settings.scoring_endpoints,
        "local": may_reach_local(service.settings),
    }


def _gone(service: Service, model_id: str, error: NotFound) -> str:
    """A model that is deleted or never was; versions of it may still be there."""
    return render_template(
        "model_gone.html", model_id=model_id, error=error, versions=_versions(service, model_id)
    )
