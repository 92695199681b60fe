"""What pages ask of a registry beyond what programs ask.

Only a registry that a server has beside it can do this (`sql`), as with `tracking.views`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..tracking.entities import PagedList
from .uses import Note


class RegistryViews(Protocol):
    """The questions."""

    def list_versions(
        self,
        name: str,
        stage: str | None = None,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> PagedList:
        """One page of a model's versions, the newest first; all, or those in a stage.

        Takes any name, also one with both kinds of quotes, which no filter can hold.
        """

    def count_versions(self, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """Of each of these models: stage -> how many versions are in it; none for an empty one."""

    def list_notes(self, kind: str, most: int = 10_000) -> list[Note]:
        """The notes of a kind (`uses.IMAGE`, `uses.DEPLOYMENT`) beside all models, as many each of
        logged models and of versions as ``most`` says: those of the newest. Models that were
        deleted and not yet purged are among them; what was deployed of them runs on.
        """

    def model_names(self, words: str = "", limit: int = 50) -> list[str]:
        """Names of models: those that begin with ``words`` first, then those that hold it (any
        case), each sorted."""

    def model_tag_keys(self, words: str = "", limit: int = 50) -> list[str]:
        """Keys of the tags of models, in the same order."""

    def model_tag_values(self, key: str, words: str = "", limit: int = 20) -> list[str]:
        """Values of a tag of models, to complete what is typed."""
