"""The first page: all experiments."""

from __future__ import annotations

from flask import Blueprint, render_template

from ..service import Service
from .part import asked
from .words import address

_PAGE = 100


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/``"""

    @pages.get("/")
    def experiments() -> str:
        token = asked("page_token") or None
        found = service.store.search_experiments(max_results=_PAGE, page_token=token)
        more = address("/", page_token=found.token) if found.token else None
        return render_template("experiments.html", experiments=found, more=more)
