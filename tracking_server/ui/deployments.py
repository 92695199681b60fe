"""What was deployed where, of which version."""

from __future__ import annotations

from flask import Blueprint, render_template

from ..service import Service


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/deployments``"""

    @pages.get("/deployments")
    def deployments() -> str:
        return render_template("soon.html", title="Deployments")
