"""One line of the API: which address calls what, with which fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .fields import Schema

if TYPE_CHECKING:
    from .service import Service

Message = dict[str, Any]
Handler = Callable[["Service", Message], dict[str, Any]]


@dataclass(frozen=True)
class Route:
    """A call of the API.

    Attributes:
        method: of HTTP.
        path: below ``/api/2.0/mlflow``; ``<name>`` stands for a field of the schema.
        schema: the fields of the request, in its body or, with GET, its query.
        handler: takes them and returns the answer.
    """

    method: str
    path: str
    schema: Schema
    handler: Handler


def page(name: str, items: Iterable[dict[str, Any]], token: str | None) -> dict[str, Any]:
    """One page of results as the protocol writes it: no token, no field."""
    answer: dict[str, Any] = {name: list(items)}
    if token:
        answer["next_page_token"] = token
    return answer
