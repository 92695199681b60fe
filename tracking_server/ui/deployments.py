"""What was deployed where, of which version."""

from __future__ import annotations

from flask import Blueprint, render_template

from ...registry.uses import DEPLOYMENT
from ..service import Service
from .deployed import deployed
from .model_commands import server_address
from .part import asked, asked_number
from .shell import with_server

_PAGE = 50
_MOST = 5000  # notes that are read


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/deployments``"""

    @pages.get("/deployments")
    def deployments() -> str:
        target, words, everything = asked("target"), asked("words"), asked("all") == "1"
        page = asked_number("page", 1, 1, 10_000)
        server = server_address(service)
        known = deployed(service.registry.list_notes(DEPLOYMENT, _MOST))
        found = [
            one
            for one in known
            if (everything or one.runs) and target in ("", one.target) and one.holds(words)
        ]
        return render_template(
            "deployments.html",
            room="deployments",
            known=len(known),
            over=sum(not one.runs for one in known),
            found=found[(page - 1) * _PAGE : page * _PAGE],
            many=len(found),
            targets=sorted({one.target for one in known}),
            asked={"target": target, "words": words, "all": "1" if everything else ""},
            page=page,
            last=max(1, -(-len(found) // _PAGE)),
            server=server,
            deploy=with_server(
                server,
                *("mlpack", "deploy", "-m", "models:/NAME/1", "--target", "local", "-n", "NAME"),
            ),
        )
