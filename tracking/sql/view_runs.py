"""What a table of runs reads: the columns that it shows, and no more."""

from __future__ import annotations

from collections.abc import Sequence

from ..entities import PagedList, ViewType
from ..views import Keys
from .search_runs import RunSearch


class RunTable(RunSearch):
    """What a table of runs reads: the columns that it shows, and no more."""

    def run_table(
        self,
        experiment_ids: Sequence[str],
        columns: Keys,
        filter_string: str = "",
        view: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 100,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        raise NotImplementedError

    def keys_of_runs(self, run_ids: Sequence[str], limit: int = 1000) -> Keys:
        raise NotImplementedError

    def count_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        view: ViewType = ViewType.ACTIVE_ONLY,
        most: int = 10_000,
    ) -> int:
        raise NotImplementedError

    def count_children(self, run_ids: Sequence[str]) -> dict[str, int]:
        raise NotImplementedError
