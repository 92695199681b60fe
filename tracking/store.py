"""What a store of experiments, runs and logged models can do.

The client and everything above it know this interface only. Values arrive checked (see
`validate`); ids that name nothing raise `NotFound`, writes to something deleted `InvalidInput`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from .entities import (
    DatasetInput,
    Experiment,
    LoggedModel,
    Metric,
    ModelInput,
    ModelOutput,
    PagedList,
    Param,
    Run,
    RunTag,
    ViewType,
)


class TrackingStore(Protocol):
    """Where runs are recorded. A call that returned is durable."""

    @property
    def uri(self) -> str:
        """The address that opens this store again."""

    @property
    def artifact_root(self) -> str:
        """The folder or address below which files of experiments lie by default."""

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
        self,
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        """One page of experiments; without an order the newest first."""

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        """`AlreadyExists` when the name is taken."""

    def set_experiment_stage(self, experiment_id: str, stage: str) -> None:
        """Delete (its runs too) or restore."""

    def set_experiment_tag(self, experiment_id: str, tag: RunTag) -> None:
        """Set or overwrite."""

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """`NotFound` when the experiment has no such tag."""

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

    def search_run_ids(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 50_000,
        page_token: str | None = None,
    ) -> PagedList:
        """As `search_runs`, and only the ids; a page may hold fewer than asked for."""

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

    def get_metric_history(
        self,
        run_id: str,
        key: str,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """Values of a metric in the order of time: one page, or all of them for None."""

    def sample_metric_history(
        self,
        run_ids: Sequence[str],
        key: str,
        max_points: int,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> dict[str, list[Metric]]:
        """For charts: at most about so many points of each run, spread evenly over its steps.

        The first and the last point are always among them. Runs without the metric are left out.
        """

    # --- what runs read and made ---
    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[DatasetInput] = (),
        models: Sequence[ModelInput] = (),
    ) -> None:
        """All or nothing; the same input again changes nothing but its tags."""

    def log_outputs(self, run_id: str, models: Sequence[ModelOutput]) -> None:
        """All or nothing."""

    # --- logged models ---
    def create_logged_model(
        self,
        experiment_id: str,
        name: str,
        source_run_id: str | None = None,
        model_type: str | None = None,
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> LoggedModel:
        """Make the record of a model whose files are still to come (PENDING)."""

    def finalize_logged_model(
        self, model_id: str, status: str, digest: str | None = None
    ) -> LoggedModel:
        """Say how it ended, and record the digest of the folder; the digest never changes after."""

    def get_logged_model(self, model_id: str) -> LoggedModel:
        """By id; deleted ones are `NotFound`."""

    def search_logged_models(
        self,
        experiment_ids: Sequence[str] = (),
        filter_string: str = "",
        max_results: int = 1000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        """One page of models (of all experiments for none given); by default the newest first."""

    def log_logged_model_params(self, model_id: str, params: Sequence[Param]) -> None:
        """Params of a model never change, as those of a run."""

    def set_logged_model_tags(self, model_id: str, tags: Sequence[RunTag]) -> None:
        """Set or overwrite."""

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        """`NotFound` when the model has no such tag."""

    def delete_logged_model(self, model_id: str) -> None:
        """Hide it; its files stay until `gc`."""
