"""What a run's models need to be installed, read from their files when somebody asks."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template

from ...errors import MlpackError, NotFound
from ...flavors import yaml_text
from ...flavors.descriptor import MLMODEL, Model
from ...registry.provenance import Environment, environment_of
from ...tracking.entities import LoggedModel
from ..service import Service
from .file_parts import beginning

_MOST = 10  # models of a run that are looked at
_LARGEST = 1_000_000  # bytes that are read of a file
_REQUIREMENTS = "requirements.txt"


@dataclass(frozen=True, slots=True)
class Needed:
    """Models that need the same.

    Attributes:
        models: their names.
        environment: Python and packages; None when ``problem`` says why it is not known.
        problem: with the files.
    """

    models: list[str]
    environment: Environment | None
    problem: str = ""


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/ui/runs/<id>/environment`` as HTML."""

    @data.get("/runs/<run_id>/environment")
    def environment(run_id: str) -> str:
        return render_template("run_environment.html", needed=_needed(service, run_id))


def _needed(service: Service, run_id: str) -> list[Needed]:
    run = service.store.get_run(run_id)
    found: list[Needed] = []
    for output in run.outputs.model_outputs[:_MOST]:
        try:
            model = service.store.get_logged_model(output.model_id)
        except NotFound:  # deleted since
            continue
        each = _of_model(service, model)
        same = next((one for one in found if _alike(one, each)), None)
        if same:
            same.models.append(model.name)
        else:
            found.append(each)
    return found


def _alike(one: Needed, other: Needed) -> bool:
    return one.environment == other.environment and one.problem == other.problem


def _of_model(service: Service, model: LoggedModel) -> Needed:
    try:
        place = model.artifact_location
        raw = beginning(service, place, MLMODEL, _LARGEST)
        python = Model.from_dict(yaml_text.load(raw, MLMODEL)).pyfunc.get("python_version")
        requirements = beginning(service, place, _REQUIREMENTS, _LARGEST)
        return Needed([model.name], environment_of(requirements, str(python) if python else None))
    except MlpackError as error:
        return Needed([model.name], None, error.message)
