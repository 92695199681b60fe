"""The part of `MlpackClient` about versions of registered models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InvalidInput, NotFound
from ..tracking.context import user
from ..tracking.entities import PagedList
from . import names
from .entities import By, ModelVersion, Stage
from .store import RegistryStore

_MOST = 10_000  # versions a page, as MLflow has it


class VersionsClient:
    """Versions: what they are, where they stand, what is said of them."""

    @property
    def registry(self) -> RegistryStore:
        """The registry itself."""
        raise NotImplementedError

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Mapping[str, Any] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        await_creation_for: int | None = None,
        model_id: str | None = None,
        *,
        note: str = "",
    ) -> ModelVersion:
        """Register a model as the next version of a name that is there.

        `register_model` makes the name, too.

        Args:
            name: of the registered model.
            source: ``runs:/<run_id>/<name>``, ``models:/m-<id>``, ``models:/<name>/<version>``,
                a folder, or an address in an object store.
            run_id: the run that made it; default: as the source says.
            tags: of the version.
            run_link: the address of a page about the run.
            description: Markdown.
            await_creation_for: accepted; the version is ready when this returns.
            model_id: the logged model that it is; default: as the source says.
            note: why, for the history.

        Raises:
            NotFound: no such registered model; the source names nothing.
            BadModel: there is no model at the source, or its files are not those on record.
        """
        from .register import register_version

        return register_version(
            self,  # type: ignore[arg-type]  # which is an MlpackClient
            source,
            name,
            run_id=run_id,
            model_id=model_id,
            tags=tags,
            run_link=run_link,
            description=description,
            note=note,
        )

    def copy_model_version(
        self, src_model_uri: str, dst_name: str, *, note: str = ""
    ) -> ModelVersion:
        """Register a version under another name, which is made if it is not there.

        Args:
            src_model_uri: ``models:/<name>/<version>`` or another address of a version.
            dst_name: of the registered model that gets the version.
            note: why, for the history.

        Returns:
            The new version, with the tags and the description of the other.

        Raises:
            InvalidInput: the address is none of a registered version.
            NotFound: it names nothing.
        """
        from .register import copy_version

        return copy_version(self, src_model_uri, dst_name, note=note)  # type: ignore[arg-type]

    def get_model_version(self, name: str, version: str | int) -> ModelVersion:
        """A version, with its tags and aliases; `NotFound` when there is none."""
        return self.registry.get_model_version(
            names.registered_model_name(name), names.version(version)
        )

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """The version that an alias points at; `NotFound` when it points at none."""
        return self.registry.get_version_by_alias(
            names.registered_model_name(name), names.alias(alias)
        )

    def get_latest_versions(
        self, name: str, stages: Sequence[str] | None = None
    ) -> list[ModelVersion]:
        """The newest version of each of these stages (default: all) that has one."""
        given = [stages] if isinstance(stages, str) else stages or ()
        return self.registry.get_latest_versions(
            names.registered_model_name(name), [names.stage(stage) for stage in given]
        )

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int | None = _MOST,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """One page of versions.

        Args:
            filter_string: such as ``name = 'churn' AND tags.checked = 'yes'``.
            max_results: 1 to 200,000.
            order_by: such as ``["version_number DESC"]``; default: the last changed first.
            page_token: the ``token`` of the page before.

        Raises:
            InvalidInput: the filter or order does not parse; the message points at the word.
        """
        return self.registry.search_model_versions(
            filter_string or "", max_results or _MOST, words(order_by), page_token
        )

    def update_model_version(
        self, name: str, version: str | int, description: str | None = None, *, note: str = ""
    ) -> ModelVersion:
        """Describe a version anew, in Markdown."""
        if description is None:
            raise InvalidInput("Give update_model_version a description; '' removes it.")
        return self.registry.update_model_version(
            names.registered_model_name(name),
            names.version(version),
            names.description(description),
            by(note),
        )

    def transition_model_version_stage(
        self,
        name: str,
        version: str | int,
        stage: str,
        archive_existing_versions: bool = False,
        *,
        note: str = "",
        expected: str | int | None = None,
    ) -> ModelVersion:
        """Move a version to a stage.

        Args:
            name: of the registered model.
            version: its number.
            stage: None, Staging, Production or Archived.
            archive_existing_versions: those that are in that stage so far (Staging or Production)
                become Archived.
            note: why, for the history.
            expected: only if this version is the newest in that stage now (0: none is).

        Raises:
            Conflict: another than ``expected`` is there; the message says which.
            NotFound: no such registered model or version.
        """
        return self.registry.transition_stage(
            names.registered_model_name(name),
            names.version(version),
            names.stage(stage),
            bool(archive_existing_versions),
            by(note),
            names.expected(expected),
        )

    def delete_model_version(self, name: str, version: str | int, *, note: str = "") -> None:
        """Delete a version; its number is not given again, its files stay.

        Raises:
            InvalidState: it is in Staging or Production.
            NotFound: there is none.
        """
        self.registry.delete_model_version(
            names.registered_model_name(name), names.version(version), by(note)
        )

    def get_model_version_download_uri(self, name: str, version: str | int) -> str:
        """The address of a version's files."""
        return self.registry.get_download_uri(
            names.registered_model_name(name), names.version(version)
        )

    def get_model_version_stages(self, name: str, version: str | int) -> list[str]:
        """All stages that a version can be in."""
        self.get_model_version(name, version)
        return [stage.value for stage in Stage]

    def get_version_files(self, name: str, version: str | int) -> dict[str, str]:
        """The checksum of every file of a version at its registration; empty when unknown."""
        return self.registry.get_files(names.registered_model_name(name), names.version(version))

    def set_model_version_tag(
        self,
        name: str,
        version: str | int | None = None,
        key: str | None = None,
        value: Any = None,
        stage: str | None = None,
        *,
        note: str = "",
    ) -> None:
        """Set or overwrite a tag of a version, or of the newest one in a stage."""
        [(checked, text)] = names.tags({key: value}).items()  # type: ignore[dict-item]
        number = self._one_version(name, version, stage)
        self.registry.set_model_version_tag(
            names.registered_model_name(name), number, checked, text, by(note)
        )

    def delete_model_version_tag(
        self,
        name: str,
        version: str | int | None = None,
        key: str | None = None,
        stage: str | None = None,
        *,
        note: str = "",
    ) -> None:
        """Remove a tag of a version, or of the newest in a stage; nothing happens without one."""
        if key is None:
            raise InvalidInput("Give delete_model_version_tag the key of a tag.")
        number = self._one_version(name, version, stage)
        checked_name = names.registered_model_name(name)
        self.registry.delete_model_version_tag(checked_name, number, key, by(note))

    def _one_version(self, name: str, version: str | int | None, stage: str | None) -> int:
        if (version is None) == (stage is None):
            raise InvalidInput("Give a version or a stage, one of them.")
        if version is not None:
            return names.version(version)
        found = self.get_latest_versions(name, [str(stage)])
        if not found:
            raise NotFound(f"The registered model {name!r} has no version in {stage}.")
        return found[0].version


def by(note: str = "") -> By:
    """Who makes a change (whoever runs this process), and why."""
    return By(user(), names.note(note))


def words(order_by: Sequence[str] | str | None) -> Sequence[str]:
    """An order, also if it is one word only."""
    return [order_by] if isinstance(order_by, str) else order_by or ()
