"""``mlpack.search_model_versions()`` and its like: the registry in use, without a client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tracking.entities import PagedList
from ..tracking.lookup import all_pages
from .client import MlpackClient
from .entities import ModelVersion, RegisteredModel

_MODELS, _VERSIONS = 1000, 10_000  # a page


def search_registered_models(
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[RegisteredModel]:
    """Registered models from as many pages as it takes.

    Args:
        max_results: at most so many; default: all.
        filter_string: such as ``name LIKE 'churn%' AND tags.team = 'a'``.
        order_by: such as ``["last_updated_timestamp DESC"]``; default: by name.

    Raises:
        InvalidInput: the filter or order does not parse; the message points at the word.
    """
    client = MlpackClient()

    def page(count: int, token: str | None) -> PagedList:
        return client.search_registered_models(filter_string, count, order_by, token)

    return all_pages(page, max_results, _MODELS)


def search_model_versions(
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[ModelVersion]:
    """Versions from as many pages as it takes.

    Args:
        max_results: at most so many; default: all.
        filter_string: such as ``name = 'churn' AND tags.checked = 'yes'``.
        order_by: such as ``["version_number DESC"]``; default: the last changed first.

    Raises:
        InvalidInput: the filter or order does not parse; the message points at the word.
    """
    client = MlpackClient()

    def page(count: int, token: str | None) -> PagedList:
        return client.search_model_versions(filter_string, count, order_by, token)

    return all_pages(page, max_results, _VERSIONS)


def set_model_version_tag(
    name: str,
    version: str | int | None = None,
    key: str | None = None,
    value: Any = None,
    *,
    note: str = "",
) -> None:
    """Set or overwrite a tag of a version."""
    MlpackClient().set_model_version_tag(name, version, key, value, note=note)
