"""Which keys and values there are, to complete what is typed."""

from __future__ import annotations

from collections.abc import Sequence

from .search_runs import RunSearch


class KeyNames(RunSearch):
    """Which keys and values there are, to complete what is typed."""

    def key_names(
        self,
        experiment_ids: Sequence[str],
        kind: str,
        words: str = "",
        limit: int = 50,
    ) -> list[str]:
        raise NotImplementedError

    def key_values(
        self, experiment_ids: Sequence[str], kind: str, key: str, words: str = "", limit: int = 20
    ) -> list[str]:
        raise NotImplementedError
