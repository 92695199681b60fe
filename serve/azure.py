"""What Azure ML's endpoints call: ``POST /score``, and ``/`` to see that something lives.

``/score`` is ``/invocations`` by another name. Clients of a model that Azure itself deployed send
``{"input_data": …}`` and get the predictions bare; they do here, too. (``/``, ``/health`` and
``/ping`` serve its liveness and readiness routes; its headers with request ids come back.)
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput
from .body import receive
from .exchange import Answer, Exchange
from .json_forms import loads

if TYPE_CHECKING:
    from .hot import HotRoutes
    from .service import Service

_KEY = "input_data"
_START, _END = b'{"predictions":', b"}"
_ECHOED = (
    ("HTTP_X_MS_REQUEST_ID", "x-ms-request-id"),
    ("HTTP_X_MS_CLIENT_REQUEST_ID", "x-ms-client-request-id"),
)
_LONGEST_ID = 100


def add_azure(hot: HotRoutes, service: Service) -> None:
    """Answer the route that Azure's own scoring servers have."""

    def score(exchange: Exchange) -> Answer:
        exchange.headers += request_ids(exchange)
        body = receive(exchange, service.settings.max_body)
        translated = translate(body) if _is_json(exchange) else None
        _put_back(exchange, body if translated is None else translated)
        if translated is None:
            return service.invoke(exchange)
        exchange.environ["HTTP_ACCEPT"] = "application/json"
        return bare(service.invoke(exchange))

    hot.add("POST", "/score", score)


def _is_json(exchange: Exchange) -> bool:
    return exchange.header("CONTENT_TYPE").partition(";")[0].strip().lower() == "application/json"


def _put_back(exchange: Exchange, body: bytes) -> None:
    """Let the body be read once more, unpacked and perhaps translated."""
    environ = exchange.environ
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
    environ.pop("HTTP_CONTENT_ENCODING", None)


def translate(body: bytes) -> bytes | None:
    """A body with ``input_data`` as one of ours; None when it is no such body.

    A table comes as an object of columns and data, tensors as a list or an object of lists.

    Raises:
        InvalidInput: it is, and damaged.
    """
    if _KEY.encode() not in body[:200]:  # nearly always the first key; spares a second parse
        return None
    payload = loads(body)
    if not isinstance(payload, dict) or _KEY not in payload:
        return None
    data = payload.pop(_KEY)
    form = "dataframe_split" if _is_split(data) else "inputs"
    if clash := sorted(payload.keys() - {"params"}):
        raise InvalidInput(f"Beside 'input_data' only 'params' may stand, not {clash[0][:60]!r}.")
    return json.dumps({form: data, **payload}).encode("ascii")


def _is_split(data: Any) -> bool:
    return (
        isinstance(data, Mapping) and "data" in data and data.keys() <= {"columns", "index", "data"}
    )


def bare(answer: Answer) -> Answer:
    """``{"predictions": x}`` as ``x``."""
    body = answer.body
    if isinstance(body, bytes) and body.startswith(_START) and answer.status == 200:
        answer.body = body[len(_START) : -len(_END)]
    return answer


def request_ids(exchange: Exchange) -> list[tuple[str, str]]:
    """The ids that Azure's front end sent, to go back with the answer."""
    return [
        (name, value)
        for key, name in _ECHOED
        if (value := exchange.header(key))
        and value.isascii()
        and len(value) <= _LONGEST_ID
        and value.isprintable()
    ]
