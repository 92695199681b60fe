"""What a registry of models can do.

The client and everything above it know this interface only; `registry.sql` and `registry.rest`
are the two of it. Values arrive checked (see `registry.names`, `tracking.validate`). Names that
name nothing raise `NotFound`. Every change of several rows is one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ..tracking.entities import PagedList
from .entities import By, HistoryEntry, ModelVersion, RegisteredModel


class RegistryStore(Protocol):
    """Where registered models are recorded. A call that returned is durable."""

    @property
    def uri(self) -> str:
        """The address that opens this registry again."""

    # --- registered models ---
    def create_registered_model(
        self, name: str, tags: Mapping[str, str], description: str, by: By
    ) -> RegisteredModel:
        """`AlreadyExists` when the name is taken."""

    def get_registered_model(self, name: str) -> RegisteredModel:
        """With its tags, aliases and the latest versions of each stage."""

    def search_registered_models(
        self,
        filter_string: str = "",
        max_results: int = 100,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        """One page of registered models; by default in the order of their names."""

    def rename_registered_model(self, name: str, new_name: str, by: By) -> RegisteredModel:
        """`AlreadyExists` when the new name is taken. The old one then names nothing."""

    def update_registered_model(self, name: str, description: str, by: By) -> RegisteredModel:
        """Describe it anew."""

    def delete_registered_model(self, name: str, by: By) -> None:
        """With all its versions; `InvalidState` while one is in Staging or Production."""

    def set_registered_model_tag(self, name: str, key: str, value: str, by: By) -> None:
        """Set or overwrite."""

    def delete_registered_model_tag(self, name: str, key: str, by: By) -> None:
        """Nothing happens when there is no such tag (as MLflow)."""

    # --- versions ---
    def create_model_version(
        self,
        name: str,
        source: str,
        *,
        location: str | None = None,
        run_id: str | None = None,
        run_link: str | None = None,
        model_id: str | None = None,
        tags: Mapping[str, str],
        description: str,
        files: Mapping[str, str] | None = None,
        by: By,
        make_name: bool = False,
    ) -> ModelVersion:
        """The next version of a name.

        Args:
            files: `flavors.integrity.manifest` of its files; kept for good, with their digest.
            make_name: make the registered model, too, if there is none: both or neither.
        """

    def get_model_version(self, name: str, version: int) -> ModelVersion:
        """One version, with its tags and aliases."""

    def get_download_uri(self, name: str, version: int) -> str:
        """The address where a client finds the files of a version."""

    def get_files(self, name: str, version: int) -> dict[str, str]:
        """The checksum of every file at registration; empty when none were recorded."""

    def search_model_versions(
        self,
        filter_string: str = "",
        max_results: int = 10_000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        """One page of versions; by default the last changed first, then by name and version."""

    def get_latest_versions(self, name: str, stages: Sequence[str] = ()) -> list[ModelVersion]:
        """The newest version of each of these stages (default: all) that has one."""

    def get_latest_version(self, name: str) -> ModelVersion:
        """The newest version of all; `NotFound` when the name has none."""

    def update_model_version(
        self, name: str, version: int, description: str, by: By
    ) -> ModelVersion:
        """Describe it anew."""

    def transition_stage(
        self,
        name: str,
        version: int,
        stage: str,
        archive_existing: bool,
        by: By,
        expected: int | None = None,
    ) -> ModelVersion:
        """Move it to a stage; with ``archive_existing`` those that were there become Archived.

        Args:
            expected: promote only if this version is the newest in ``stage`` now (0: none is);
                None: whatever is there. Otherwise `Conflict` (409) tells which is there.
        """

    def delete_model_version(self, name: str, version: int, by: By) -> None:
        """`InvalidState` while it is in Staging or Production. Its aliases go with it."""

    def set_model_version_tag(self, name: str, version: int, key: str, value: str, by: By) -> None:
        """Set or overwrite."""

    def delete_model_version_tag(self, name: str, version: int, key: str, by: By) -> None:
        """Nothing happens when there is no such tag (as MLflow)."""

    # --- aliases ---
    def set_alias(
        self, name: str, alias: str, version: int, by: By, expected: int | None = None
    ) -> None:
        """Point an alias at a version.

        Args:
            expected: only if it points at this version now (0: at none); None: whatever it
                points at. Otherwise `Conflict` (409) tells where it points.
        """

    def delete_alias(self, name: str, alias: str, by: By) -> None:
        """Nothing happens when there is no such alias (as MLflow)."""

    def get_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """`NotFound` when the alias points at nothing."""

    # --- what happened ---
    def get_history(
        self,
        name: str,
        version: int | None = None,
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> PagedList:
        """`HistoryEntry`s of a name (or of one version of it), the newest first.

        A renamed model keeps its history. `NotFound` from a server that keeps none (MLflow's).
        """

    # --- the way back ---
    def versions_of_runs(self, run_ids: Sequence[str]) -> list[ModelVersion]:
        """Versions that these runs made, by run or by logged model."""


__all__ = ["HistoryEntry", "RegistryStore"]
