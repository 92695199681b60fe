"""Registered models: names, versions, aliases, stages, lineage, differences."""

from __future__ import annotations

from flask import Blueprint, render_template

from ..service import Service


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/registry`` and what is below it."""

    @pages.get("/registry")
    def registry() -> str:
        return render_template("soon.html", title="Models")
