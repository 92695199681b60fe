"""What a store of experiments, runs and logged models can do.

The client and everything above it know this interface only. Values arrive checked (see
`validate`); ids that name nothing raise `NotFound`, writes to something deleted `InvalidInput`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from .entities import Experiment, LoggedModel, Metric, PagedList, Param, Run, RunTag, ViewType


class TrackingStore(Protocol):
    """Where runs are recorded. A call that returned is durable."""

    @property
    def uri(self) -> str:
        """The address that opens this store again."""

    @property
    def artifact_root(self) -> Path:
        """The folder below which files of experiments lie by default."""

    # --- experiments ---
    def create_experiment(
        self, name: str, artifact_location: str | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        """Make one and return its id; `AlreadyExists` when the name is taken."""

    def get_experiment(self, experiment_id: str) -> Experiment:
        """By id, deleted ones included."""

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """By name, deleted ones included; None when there is none."""

    def search_experiments(
        self, view: ViewType = ViewType.ACTIVE_ONLY, name_like: str | None = None
    ) -> list[Experiment]:
        """The newest first."""

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        """`AlreadyExists` when the name is taken."""

    def set_experiment_stage(self, experiment_id: str, stage: str) -> None:
        """Delete (its runs too) or restore."""

    def set_experiment_tag(self, experiment_id: str, tag: RunTag) -> None:
        """Set or overwrite."""

    # --- runs ---
    def create_run(
        self,
        experiment_id: str,
        run_name: str,
        user_id: str,
        start_time: int,
        tags: Sequence[RunTag],
    ) -> Run:
        """Make a running run."""

    def get_run(self, run_id: str) -> Run:
        """By id, deleted ones included."""

    def update_run(
        self,
        run_id: str,
        status: str | None = None,
        end_time: int | None = None,
        name: str | None = None,
    ) -> None:
        """Change what is given; a status that is not final clears the end time."""

    def set_run_stage(self, run_id: str, stage: str) -> None:
        """Delete or restore."""

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        """One page of runs; without an order the newest first."""

    # --- what runs log ---
    def log_metric(self, run_id: str, metric: Metric) -> None:
        """One value: the call that training loops repeat."""

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> None:
        """All or nothing; `InvalidInput` when a param would change."""

    def delete_tag(self, run_id: str, key: str) -> None:
        """`NotFound` when the run has no such tag."""

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Every value in the order of time."""

    # --- logged models ---
    def create_logged_model(self, model: LoggedModel) -> None:
        """Record a model whose files are in place."""

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """By id."""

    def search_logged_models(
        self,
        experiment_ids: Sequence[str] = (),
        run_id: str | None = None,
        name: str | None = None,
    ) -> list[LoggedModel]:
        """Those that fit everything given, the newest first."""

    def set_logged_model_tags(self, model_id: str, tags: Sequence[RunTag]) -> None:
        """Set or overwrite."""
