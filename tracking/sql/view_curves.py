"""Metrics thinned out for drawing, so that no peak is lost."""

from __future__ import annotations

from collections.abc import Sequence

from ..views import Curve
from .search_runs import RunSearch


class Curves(RunSearch):
    """Metrics thinned out for drawing, so that no peak is lost."""

    def curves(
        self,
        run_ids: Sequence[str],
        keys: Sequence[str],
        points: int = 1000,
        start_step: int | None = None,
        end_step: int | None = None,
    ) -> list[Curve]:
        raise NotImplementedError
