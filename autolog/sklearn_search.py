"""What a search over params tried: the best in the run itself, the next ones as its children."""

from __future__ import annotations

from numbers import Number
from typing import TYPE_CHECKING, Any

from ..data.inputs import dataset_input
from ..tracking import validate
from ..tracking.context import describe_source
from ..tracking.entities import RunStatus, Tags

if TYPE_CHECKING:
    from .sklearn_record import Recording

AUTOLOGGING = "mlflow.autologging"


def is_search(model: Any) -> bool:
    """A GridSearchCV, RandomizedSearchCV, a halving search, or a class made from them."""
    return any(base.__name__ == "BaseSearchCV" for base in type(model).__mro__)


def best_params(search: Any) -> dict[str, Any]:
    """The params that won, their names with ``best_`` before them."""
    return {f"best_{name}": value for name, value in getattr(search, "best_params_", {}).items()}


def record(recording: Recording) -> None:
    """Best params and score, the best estimator, the table of trials, and child runs."""
    search = recording.model
    if best := best_params(search):
        with recording.apart("The best params"):
            recording.log_params(best)
    if hasattr(search, "best_score_"):
        with recording.apart("The best score"):
            recording.log_metrics({"best_cv_score": search.best_score_})
    best_id = None
    if hasattr(search, "best_estimator_"):
        best_id = recording.log_best(
            search.best_estimator_, search.best_estimator_.get_params(deep=True)
        )
    if not hasattr(search, "cv_results_"):
        return
    with recording.apart("The table of trials"):
        _log_table(recording)
    with recording.apart("The trials"):
        for at in _best_trials(search.cv_results_, recording.options.max_tuning_runs):
            _child(recording, at, best_id if at == getattr(search, "best_index_", None) else None)


def _log_table(recording: Recording) -> None:
    import pandas as pd

    run_id = recording.run.info.run_id
    with recording.run.client.artifacts(run_id).new_file("cv_results.csv") as path:
        pd.DataFrame(recording.model.cv_results_).to_csv(path, index=False)


def _best_trials(results: dict[str, Any], most: int | None) -> list[int]:
    """Positions of the trials to record, the best first."""
    count = len(results["params"])
    if most is None:
        return list(range(count))
    ranks = [key for key in results if key.startswith("rank_test_")]
    chosen = "rank_test_score" if "rank_test_score" in ranks else ranks[0]
    return sorted(range(count), key=lambda at: int(results[chosen][at]))[:most]


def _child(recording: Recording, at: int, model_id: str | None) -> None:
    run, search = recording.run, recording.model
    results, seed = search.cv_results_, search.estimator
    kind = type(seed)
    tags = describe_source() | {
        Tags.PARENT: run.info.run_id,
        AUTOLOGGING: "sklearn",
        "estimator_name": kind.__name__,
        "estimator_class": f"{kind.__module__}.{kind.__name__}",
        **recording.options.extra_tags,
    }
    client = run.client
    child = client.create_run(run.info.experiment_id, run.info.start_time, tags)
    params = seed.get_params(deep=not is_search(seed)) | results["params"][at]
    recording.log_params(params, child)
    moment = validate.now()
    numbers = {
        key: float(values[at])
        for key, values in results.items()
        # each split's own numbers are in the table
        if not key.startswith(("param", "split")) and isinstance(values[at], Number)
    }
    metrics = [recording.metric(key, value, moment, model_id) for key, value in numbers.items()]
    client.store.log_batch(child.info.run_id, metrics=metrics)
    if recording.dataset is not None and recording.options.log_datasets:
        inputs = [dataset_input(recording.dataset, "train")]
        client.store.log_inputs(child.info.run_id, inputs)
    client.set_terminated(child.info.run_id, RunStatus.FINISHED, moment)
