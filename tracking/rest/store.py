"""Runs recorded by a tracking server: ours, or any that speaks MLflow's REST API 2.0."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ...errors import InvalidInput, NotFound
from ...http_client import client_for
from ..entities import (
    DatasetInput,
    Experiment,
    LifecycleStage,
    Metric,
    ModelInput,
    ModelOutput,
    PagedList,
    Param,
    Run,
    RunTag,
    ViewType,
)
from . import wire
from .batches import batches
from .logged_models import RestLoggedModels

_HISTORY_PAGE = 25_000
_WHOLE_RUNS = 1000  # a page, where only their ids are wanted
_SAMPLED_RUNS = 100  # runs a request
_SAMPLED_POINTS = 2500
_LAST_STEP = 2**63 - 1


class RestStore(RestLoggedModels):
    """A `TrackingStore` behind a server.

    Calls that say the same again when repeated are repeated when the connection breaks: the same
    value of a metric at the same time and step is no new point, the same param and the same tag
    change nothing. Calls that make something are repeated only if they cannot have arrived.

    Args:
        uri: ``http(s)://host[:port][/prefix]``.
    """

    def __init__(self, uri: str) -> None:
        super().__init__(client_for(uri))
        self._uri = uri

    @property
    def uri(self) -> str:
        return self._uri

    @property
    def artifact_root(self) -> str:
        return "mlflow-artifacts:/"

    # --- experiments ---

    def create_experiment(
        self, name: str, artifact_location: str | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        body: wire.Json = {"name": name, "tags": wire.pairs_to_json(tags or {})}
        if artifact_location is not None:
            body["artifact_location"] = artifact_location
        return str(self._post("experiments/create", body, repeat=False)["experiment_id"])

    def get_experiment(self, experiment_id: str) -> Experiment:
        found = self._get("experiments/get", {"experiment_id": experiment_id})
        return wire.experiment_from_json(found["experiment"])

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        try:
            found = self._get("experiments/get-by-name", {"experiment_name": name})
        except NotFound:
            return None
        return wire.experiment_from_json(found["experiment"])

    def search_experiments(
        self,
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        body = {
            "view_type": ViewType(view).name,
            "max_results": max_results,
            "filter": filter_string,
            "order_by": list(order_by),
            "page_token": page_token,
        }
        answer = self._post("experiments/search", body)
        return _page(answer, "experiments", wire.experiment_from_json)

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        body = {"experiment_id": experiment_id, "new_name": name}
        self._post("experiments/update", body, repeat=False)

    def set_experiment_stage(self, experiment_id: str, stage: str) -> None:
        action = "delete" if stage == LifecycleStage.DELETED else "restore"
        self._post(f"experiments/{action}", {"experiment_id": experiment_id}, repeat=False)

    def set_experiment_tag(self, experiment_id: str, tag: RunTag) -> None:
        body = {"experiment_id": experiment_id, **wire.tag_to_json(tag)}
        self._post("experiments/set-experiment-tag", body)

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        body = {"experiment_id": experiment_id, "key": key}
        self._post("experiments/delete-experiment-tag", body, repeat=False)

    # --- runs ---

    def create_run(
        self,
        experiment_id: str,
        run_name: str,
        user_id: str,
        start_time: int,
        tags: Sequence[RunTag],
    ) -> Run:
        body = {
            "experiment_id": experiment_id,
            "run_name": run_name,
            "user_id": user_id,
            "start_time": start_time,
            "tags": [wire.tag_to_json(tag) for tag in tags],
        }
        return wire.run_from_json(self._post("runs/create", body, repeat=False)["run"])

    def get_run(self, run_id: str) -> Run:
        return wire.run_from_json(self._get("runs/get", {"run_id": run_id})["run"])

    def update_run(
        self,
        run_id: str,
        status: str | None = None,
        end_time: int | None = None,
        name: str | None = None,
    ) -> None:
        body = {"run_id": run_id, "status": status, "end_time": end_time, "run_name": name}
        self._post("runs/update", body)

    def set_run_stage(self, run_id: str, stage: str) -> None:
        action = "delete" if stage == LifecycleStage.DELETED else "restore"
        self._post(f"runs/{action}", {"run_id": run_id}, repeat=False)

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        body = {
            "experiment_ids": list(experiment_ids),
            "filter": filter_string,
            "run_view_type": ViewType(view).name,
            "max_results": max_results,
            "order_by": list(order_by),
            "page_token": page_token,
        }
        return _page(self._post("runs/search", body), "runs", wire.run_from_json)

    def search_run_ids(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 50_000,
        page_token: str | None = None,
    ) -> PagedList:
        """Servers have no shorter answer than whole runs, so that a page is a small one."""
        few = min(max_results, _WHOLE_RUNS)
        found = self.search_runs(experiment_ids, filter_string, view, few, (), page_token)
        return PagedList([run.info.run_id for run in found], found.token)

    # --- what runs log ---

    def log_metric(self, run_id: str, metric: Metric) -> None:
        self._post("runs/log-metric", {**wire.metric_to_json(metric), "run_id": run_id})

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """All or nothing, unless it takes several requests: more than servers take in one."""
        for batch in batches(metrics, params, tags):
            body = {
                "run_id": run_id,
                "metrics": [wire.metric_to_json(metric) for metric in batch.metrics],
                "params": [wire.param_to_json(param) for param in batch.params],
                "tags": [wire.tag_to_json(tag) for tag in batch.tags],
            }
            self._post("runs/log-batch", body)

    def delete_tag(self, run_id: str, key: str) -> None:
        self._post("runs/delete-tag", {"run_id": run_id, "key": key}, repeat=False)

    def get_metric_history(
        self,
        run_id: str,
        key: str,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        query = {
            "run_id": run_id,
            "metric_key": key,
            "max_results": _HISTORY_PAGE if max_results is None else max_results,
            "page_token": page_token,
        }
        found = _page(self._get("metrics/get-history", query), "metrics", wire.metric_from_json)
        while max_results is None and found.token is not None:
            query["page_token"] = found.token
            more = _page(self._get("metrics/get-history", query), "metrics", wire.metric_from_json)
            found += more
            found.token = more.token
        return found

    def sample_metric_history(
        self,
        run_ids: Sequence[str],
        key: str,
        max_points: int,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> dict[str, list[Metric]]:
        query: dict[str, Any] = {"metric_key": key, "max_results": min(max_points, _SAMPLED_POINTS)}
        if start_step is not None or end_step is not None:
            # servers want both or neither
            query["start_step"] = -_LAST_STEP if start_step is None else start_step
            query["end_step"] = _LAST_STEP if end_step is None else end_step
        found: dict[str, list[Metric]] = {}
        for some in _slices(list(dict.fromkeys(run_ids)), _SAMPLED_RUNS):
            answer = self._get("metrics/get-history-bulk-interval", {**query, "run_ids": some})
            for data in answer.get("metrics", ()):
                metric = wire.metric_from_json(data)
                if metric.run_id is None:
                    raise InvalidInput(f"The server does not say whose value of {key!r} it sends.")
                found.setdefault(metric.run_id, []).append(metric._replace(run_id=None))
        return found

    # --- what runs read and made ---

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] = (),
        models: Sequence[ModelInput] = (),
    ) -> None:
        body = {
            "run_id": run_id,
            "datasets": [wire.dataset_input_to_json(dataset) for dataset in datasets],
            "models": [wire.model_input_to_json(model) for model in models],
        }
        self._post("runs/log-inputs", body)

    def log_outputs(self, run_id: str, models: Sequence[ModelOutput]) -> None:
        body = {"run_id": run_id, "models": [wire.model_output_to_json(model) for model in models]}
        self._post("runs/outputs", body, repeat=False)


def _page(answer: wire.Json, name: str, read: Callable[[wire.Json], Any]) -> PagedList:
    return PagedList(map(read, answer.get(name, ())), answer.get("next_page_token") or None)


def _slices(items: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
