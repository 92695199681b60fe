"""Where a version of a model came from: run, experiment, datasets, code, environment."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from .provenance import Code, DatasetUse, Environment, code_of, dataset_of, environment_of
from .subject import Subject, look_up
from .uses import deployments_of, images_of

if TYPE_CHECKING:
    from ..tracking.entities import Experiment, LoggedModel, Run
    from .client import MlpackClient
    from .entities import ModelVersion


@dataclass(frozen=True)
class Lineage:
    """What led to a model, and what it led to.

    A part that is gone is None, and ``gone`` says what has become of it; a run or an experiment
    that can still be restored is there and in ``gone``.

    Attributes:
        address: as it was asked for.
        version: the registered version, if it is one.
        model: the logged model, if it is one.
        run: that made it.
        experiment: of the run.
        datasets: that the run read.
        inputs: ids of the logged models that the run read.
        code: that the run ran.
        environment: what the model needs to be installed.
        digest: of all its files, on record.
        images: built of it, as they were recorded (see `uses`), the newest first.
        deployments: of it, as they were recorded, the newest first.
        run_id: of the run, also when it is gone.
        model_id: of the logged model, also when it is gone.
        gone: "run", "model", "experiment" or "files" -> what has become of it.
    """

    address: str
    version: ModelVersion | None = None
    model: LoggedModel | None = None
    run: Run | None = None
    experiment: Experiment | None = None
    datasets: list[DatasetUse] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    code: Code = field(default_factory=Code)
    environment: Environment | None = None
    digest: str | None = None
    images: list[dict[str, Any]] = field(default_factory=list)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    run_id: str | None = None
    model_id: str | None = None
    gone: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON; without params, metrics and other people's tags."""
        return {
            "address": self.address,
            "version": asdict(self.version) if self.version else None,
            "logged_model": self._model(),
            "run": self._run(),
            "experiment": self._experiment(),
            "datasets": [asdict(dataset) for dataset in self.datasets],
            "input_models": self.inputs,
            "code": asdict(self.code),
            "environment": asdict(self.environment) if self.environment else None,
            "digest": self.digest,
            "images": self.images,
            "deployments": self.deployments,
            "gone": self.gone,
        }

    def _model(self) -> dict[str, Any] | None:
        if self.model is None:
            return {"model_id": self.model_id} if self.model_id else None
        names = ("model_id", "name", "status", "model_type", "creation_timestamp", "digest")
        return {name: getattr(self.model, name) for name in names}

    def _run(self) -> dict[str, Any] | None:
        if self.run is None:
            return {"run_id": self.run_id} if self.run_id else None
        return asdict(self.run.info)

    def _experiment(self) -> dict[str, Any] | None:
        if self.experiment is None:
            return None
        names = ("experiment_id", "name", "lifecycle_stage")
        return {name: getattr(self.experiment, name) for name in names}


def lineage(client: MlpackClient, given: ModelVersion | str) -> Lineage:
    """Where a model came from.

    Args:
        client: of the stores to ask.
        given: a version, or an address: ``churn/3``, ``churn@champion``, ``models:/…``,
            ``runs:/…``, a folder.

    Raises:
        InvalidInput: the address is malformed.
        NotFound: it names nothing.
    """
    return lineage_of(look_up(client, given))


def lineage_of(subject: Subject) -> Lineage:
    """The lineage of a model whose records are at hand."""
    version, model, run, described = (
        subject.version,
        subject.model,
        subject.run,
        subject.descriptor,
    )
    return Lineage(
        subject.address,
        version,
        model,
        run,
        subject.experiment,
        datasets=[dataset_of(read) for read in run.inputs.dataset_inputs] if run else [],
        inputs=[read.model_id for read in run.inputs.model_inputs] if run else [],
        code=code_of(run.data.tags if run else {}),
        environment=environment_of(
            subject.requirements, described.pyfunc.get("python_version") if described else None
        ),
        digest=(version.digest if version else None) or (model.digest if model else None),
        images=images_of(subject),
        deployments=deployments_of(subject),
        run_id=subject.run_id,
        model_id=subject.model_id,
        gone=subject.gone,
    )
