"""One run: what it was, what it logged, what it read and made."""

from __future__ import annotations

from flask import Blueprint, render_template

from ..service import Service
from . import run_frame


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/runs/<id>``"""
    run_frame.register(pages, data, service)

    @pages.get("/runs/<run_id>")
    def run(run_id: str) -> str:
        return render_template("run.html", **run_frame.run_frame(service, run_id))
