"""Runs side by side."""

from __future__ import annotations

from flask import Blueprint, render_template

from ..service import Service


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/compare?runs=…``"""

    @pages.get("/compare")
    def compare() -> str:
        return render_template("soon.html", title="Compare")
