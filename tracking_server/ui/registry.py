"""Registered models: names, versions, aliases, stages, lineage, differences.

registry_search.py    /ui/registry/filter …         what the box above the list takes
registry_model.py     /registry/<name>              one model, its versions, its history
registry_version.py   /registry/<name>/<version>    one version, its lineage
registry_compare.py   /registry/<name>/compare      two versions side by side
registry_subject.py   what is on record of a version, and what its folder says
lineage_nodes.py      what is in the graph of a lineage
lineage_graph.py      where it is drawn
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template
from markupsafe import Markup

from ...errors import InvalidInput, InvalidQuery
from ...registry.entities import RegisteredModel
from ...tracking.entities import PagedList
from ..service import Service
from . import registry_compare, registry_model, registry_search, registry_version
from .part import asked
from .registry_search import filter_of
from .words import address, highlight

_PAGE = 50
_ORDERS = {"name": "name", "changed": "last_updated_timestamp", "created": "creation_timestamp"}


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/registry`` and what is below it."""

    @pages.get("/registry")
    def registry() -> tuple[str, int]:
        words = {name: asked(name) for name in ("search", "order", "page_token")}
        found, error = _search(service, words)
        names = [model.name for model in found]
        counts = service.registry.count_versions(names) if names else {}
        page = render_template(
            "registry.html",
            room="models",
            models=[_Row(model, counts[model.name]) for model in found],
            asked=words,
            error=error,
            sorts=_sorts(words),
            first=address("/registry", **{**words, "page_token": None}),
            more=address("/registry", **{**words, "page_token": found.token})
            if found.token
            else None,
        )
        return page, 400 if error else 200

    registry_search.register(pages, data, service)
    registry_model.register(pages, data, service)
    registry_version.register(pages, data, service)
    registry_compare.register(pages, data, service)


@dataclass(frozen=True)
class _Row:
    """One registered model in the list.

    Attributes:
        counts: stage -> how many versions.
    """

    model: RegisteredModel
    counts: dict[str, int]

    @property
    def latest(self) -> int | None:
        """The number of the newest version."""
        return max((version.version for version in self.model.latest_versions), default=None)


def _search(service: Service, words: dict[str, str]) -> tuple[PagedList, str | None]:
    """One page of models; what is wrong with the search instead, if something is."""
    try:
        order = words["order"] or "-changed"
        field = _ORDERS.get(order.lstrip("-"))
        if field is None:
            raise InvalidInput(f"Models are sorted by {', '.join(_ORDERS)}, not by {order[:40]!r}.")
        direction = "DESC" if order.startswith("-") else "ASC"
        return service.registry.search_registered_models(
            filter_of(words["search"]), _PAGE, [f"{field} {direction}"], words["page_token"] or None
        ), None
    except InvalidQuery as error:
        marked = highlight(words["search"], error.start, error.stop)
        return PagedList([], None), Markup("{}: {}").format(marked, error.reason)
    except InvalidInput as error:
        return PagedList([], None), error.message


def _sorts(words: dict[str, str]) -> dict[str, Any]:
    """Of each column that can be sorted by: the address that does, and how it is sorted now."""
    now = words["order"] or "-changed"
    found = {}
    for name in _ORDERS:
        ascending = {name: "ascending", f"-{name}": "descending"}.get(now)
        default = name if name == "name" else f"-{name}"
        other = name.removeprefix("-") if now == f"-{name}" else f"-{name}"
        order = other if ascending else default
        href = address("/registry", search=words["search"], order=order)
        found[name] = {"href": href, "sorted": ascending}
    return found
