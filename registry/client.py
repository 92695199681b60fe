"""`MlpackClient`: tracking and the registry by id, without a notion of an active run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidInput
from ..tracking.client import TrackingClient
from ..tracking.entities import PagedList
from . import names
from .client_versions import VersionsClient, by, words
from .entities import RegisteredModel
from .store import RegistryStore
from .uri import open_registry, registry_uri_for

_MOST = 100  # registered models a page, as MLflow has it


class MlpackClient(VersionsClient, TrackingClient):
    """Reads and writes a tracking store and a registry.

    Args:
        tracking_uri: the store; default: the one in use (see `get_tracking_uri`).
        registry_uri: where registered models are; default: the registry in use (see
            `get_registry_uri`), which is the tracking store unless another was chosen.
    """

    def __init__(
        self, tracking_uri: str | Path | None = None, registry_uri: str | Path | None = None
    ) -> None:
        super().__init__(tracking_uri)
        self.registry_uri = registry_uri_for(registry_uri, tracking_uri)

    @property
    def registry(self) -> RegistryStore:
        """The registry itself."""
        return open_registry(self.registry_uri)

    # --- registered models ---

    def create_registered_model(
        self,
        name: str,
        tags: dict[str, Any] | None = None,
        description: str | None = None,
        *,
        note: str = "",
    ) -> RegisteredModel:
        """Make a name under which versions of a model are registered.

        Args:
            name: not taken yet; no slash, no colon.
            tags: of the registered model.
            description: Markdown.
            note: why, for the history.

        Raises:
            AlreadyExists: the name is taken.
            InvalidInput: the name, a tag or a text is not allowed.
        """
        return self.registry.create_registered_model(
            names.registered_model_name(name),
            names.tags(tags or {}),
            names.description(description),
            by(note),
        )

    def get_registered_model(self, name: str) -> RegisteredModel:
        """A registered model with its tags, aliases and the latest version of each stage.

        Raises:
            NotFound: there is none of that name.
        """
        return self.registry.get_registered_model(names.registered_model_name(name))

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int | None = _MOST,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """One page of registered models.

        Args:
            filter_string: such as ``name LIKE 'churn%' AND tags.team = 'a'``.
            max_results: 1 to 1,000.
            order_by: such as ``["last_updated_timestamp DESC"]``; default: by name.
            page_token: the ``token`` of the page before.

        Raises:
            InvalidInput: the filter or order does not parse; the message points at the word.
        """
        return self.registry.search_registered_models(
            filter_string or "", max_results or _MOST, words(order_by), page_token
        )

    def rename_registered_model(
        self, name: str, new_name: str, *, note: str = ""
    ) -> RegisteredModel:
        """Give a registered model another name; addresses with the old one then name nothing.

        Raises:
            AlreadyExists: the new name is taken.
            NotFound: there is no registered model of the old one.
        """
        return self.registry.rename_registered_model(
            names.registered_model_name(name), names.registered_model_name(new_name), by(note)
        )

    def update_registered_model(
        self, name: str, description: str | None = None, *, note: str = ""
    ) -> RegisteredModel:
        """Describe a registered model anew, in Markdown."""
        if description is None:
            raise InvalidInput("Give update_registered_model a description; '' removes it.")
        return self.registry.update_registered_model(
            names.registered_model_name(name), names.description(description), by(note)
        )

    def delete_registered_model(self, name: str, *, note: str = "") -> None:
        """Delete a registered model with all its versions; logged models and files stay.

        Raises:
            InvalidState: a version of it is in Staging or Production.
            NotFound: there is none of that name.
        """
        self.registry.delete_registered_model(names.registered_model_name(name), by(note))

    def set_registered_model_tag(self, name: str, key: str, value: Any, *, note: str = "") -> None:
        """Set or overwrite a tag of a registered model."""
        [(checked, text)] = names.tags({key: value}).items()
        checked_name = names.registered_model_name(name)
        self.registry.set_registered_model_tag(checked_name, checked, text, by(note))

    def delete_registered_model_tag(self, name: str, key: str, *, note: str = "") -> None:
        """Remove a tag of a registered model; nothing happens when there is none of that key."""
        self.registry.delete_registered_model_tag(names.registered_model_name(name), key, by(note))

    # --- aliases ---

    def set_registered_model_alias(
        self,
        name: str,
        alias: str,
        version: str | int,
        *,
        note: str = "",
        expected: str | int | None = None,
    ) -> None:
        """Point an alias at a version, so that ``models:/<name>@<alias>`` names it.

        Args:
            name: of the registered model.
            alias: such as "champion"; letters, digits, ``_`` and ``-``.
            version: its number.
            note: why, for the history.
            expected: only if the alias points at this version now (0: at none).

        Raises:
            Conflict: it points at another than ``expected``; the message says where.
            NotFound: no such registered model or version.
        """
        self.registry.set_alias(
            names.registered_model_name(name),
            names.alias(alias),
            names.version(version),
            by(note),
            names.expected(expected),
        )

    def delete_registered_model_alias(self, name: str, alias: str, *, note: str = "") -> None:
        """Remove an alias; nothing happens when there is none of that name."""
        self.registry.delete_alias(names.registered_model_name(name), names.alias(alias), by(note))

    # --- what happened ---

    def get_registry_history(
        self,
        name: str,
        version: str | int | None = None,
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> PagedList:
        """Who changed what when and why, the newest first.

        Args:
            name: of the registered model; one that was renamed keeps its history.
            version: only what happened to this version.
            max_results: `HistoryEntry`s a page.
            page_token: the ``token`` of the page before.

        Raises:
            NotFound: no such registered model or version, or a server that keeps no history.
        """
        return self.registry.get_history(
            names.registered_model_name(name),
            None if version is None else names.version(version),
            max_results,
            page_token,
        )


MlflowClient = MlpackClient
