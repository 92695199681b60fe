"""What SageMaker adds to requests: attributes that come back, and the model of several.

``X-Amzn-SageMaker-Custom-Attributes`` is passed through, as clients put trace ids there.
``X-Amzn-SageMaker-Target-Model`` names the model on an endpoint of several, whose requests come
to ``/models/<name>/invoke``.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..errors import NotFound
from .exchange import Answer, Exchange

if TYPE_CHECKING:
    from .hot import HotRoutes
    from .service import Service

_ATTRIBUTES, _ATTRIBUTES_NAME = (
    "HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES",
    "X-Amzn-SageMaker-Custom-Attributes",
)
_TARGET = "HTTP_X_AMZN_SAGEMAKER_TARGET_MODEL"
_LONGEST = 1024  # what SageMaker itself lets through
_ARCHIVE = ".tar.gz"


def add_sagemaker(hot: HotRoutes, service: Service) -> None:
    """Answer ``/invocations`` with SageMaker's headers obeyed."""

    def invoke(exchange: Exchange) -> Answer:
        echo(exchange)
        target = exchange.environ.get(_TARGET)
        if target is None:
            return service.invoke(exchange)
        name = target.strip().removeprefix("/").removesuffix(_ARCHIVE)
        if name not in service.scorers:
            known = ", ".join(list(service.scorers)[:20])
            raise NotFound(f"There is no model {name[:80]!r} on this server; there are {known}.")
        return service.invoke_by(service.scorers[name], exchange)

    def invoke_one(name: str, exchange: Exchange) -> Answer:
        echo(exchange)
        return service.invoke_by(service.scorers[name], exchange)

    hot.add("POST", "/invocations", invoke)
    for name in service.scorers:
        path = f"/models/{name}/invoke"
        hot.add("POST", path, partial(invoke_one, name), "/models/{name}/invoke")


def echo(exchange: Exchange) -> None:
    """Let SageMaker's custom attributes go back with the answer."""
    value = exchange.environ.get(_ATTRIBUTES)
    if value and len(value) <= _LONGEST and value.isascii() and value.isprintable():
        exchange.headers.append((_ATTRIBUTES_NAME, value))
