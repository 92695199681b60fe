"""What every page of a logged model shows above its tabs."""

from __future__ import annotations

from typing import Any

from ...errors import NotFound
from ...tracking.entities import LoggedModel, Run
from ..service import Service


def model_frame(service: Service, model_id: str) -> dict[str, Any]:
    """What ``model_frame.html`` needs: the model, its experiment, and its run if it is there.

    Raises:
        NotFound: there is no such model, or it is deleted.
    """
    model = service.store.get_logged_model(model_id)
    return {
        "model": model,
        "experiment": service.store.get_experiment(model.experiment_id),
        "run": _run_of(service, model),
    }


def _run_of(service: Service, model: LoggedModel) -> Run | None:
    try:
        return service.store.get_run(model.source_run_id) if model.source_run_id else None
    except NotFound:  # purged since
        return None
