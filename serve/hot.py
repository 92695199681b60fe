"""The way past Flask: requests whose address is known exactly go straight to their handler.

Routing, request and response objects of a framework cost more than a small model does. Here an
address is looked up in a dict; whatever is not in it (pages, errors of HTTP, HEAD) is Flask's, in
front of which this stands as its ``wsgi_app``. Guards and observers see both kinds.
"""

from __future__ import annotations

import http
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Flask, Response, request

from .exchange import Answer, Exchange, Guard, Handler, Observer
from .failures import answer_to

log = logging.getLogger("mlpack.serve")

_STATUS = {status.value: f"{status.value} {status.phrase}" for status in http.HTTPStatus}
StartResponse = Callable[..., Any]
# method and path -> the handler, and the pattern that observers see
Finder = Callable[[str, str], tuple[Handler, str] | None]


class HotRoutes:
    """A WSGI application in front of a Flask app.

    Args:
        app: answers all that has no route here; gets this as its ``wsgi_app``.

    Attributes:
        guards: run before each handler, in order.
        observers: told of each finished exchange; of a stream when it has ended.
        find: asked about addresses that have no route here, before Flask is: for those that come
            and go while the server runs.
    """

    def __init__(self, app: Flask) -> None:
        self.guards: list[Guard] = []
        self.observers: list[Observer] = []
        self.find: Finder = _nothing_else
        self._routes: dict[tuple[str, str], tuple[Handler, str]] = {}
        self._app = app
        self._flask = app.wsgi_app
        app.wsgi_app = self  # type: ignore[method-assign]

    def add(self, method: str, path: str, handler: Handler, route: str | None = None) -> None:
        """Answer requests of one method at one address.

        Args:
            method: GET or POST; HEAD comes with GET, and other methods are refused with 405.
            path: exactly as it comes, with the names of models in their places.
            handler: makes the answer.
            route: the pattern that observers see; the path by default.
        """
        self._routes[method, path] = handler, path if route is None else route

        def through_flask() -> Response:  # for HEAD; and its rule makes the 405 of other methods
            exchange = Exchange(request.environ)
            exchange.route = path if route is None else route
            return as_response(self._answer(handler, exchange))

        # colons and angle brackets are syntax in Flask's rules; names of models have none
        self._app.add_url_rule(path, f"{method} {path}", through_flask, methods=[method])

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, as WSGI has it."""
        exchange = Exchange(environ)
        found = self._routes.get((environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")))
        if found is None:
            found = self.find(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""))
            if found is None:
                return self._leave_to_flask(exchange, start_response)
        handler, exchange.route = found
        answer = self._guard(exchange) or self._answer(handler, exchange)
        return self._send(exchange, answer, start_response)

    def _guard(self, exchange: Exchange) -> Answer | None:
        try:
            for guard in self.guards:
                if (answer := guard(exchange)) is not None:
                    return answer
        except Exception as error:
            exchange.error = error
            return answer_to(error, exchange.header("PATH_INFO"))
        return None

    def _answer(self, handler: Handler, exchange: Exchange) -> Answer:
        try:
            return handler(exchange)
        except Exception as error:
            exchange.error = error
            return answer_to(error, exchange.header("PATH_INFO"))

    def _send(
        self, exchange: Exchange, answer: Answer, start_response: StartResponse
    ) -> Iterable[bytes]:
        body = answer.body
        headers = [("Content-Type", answer.content_type), *answer.headers, *exchange.headers]
        status = _STATUS.get(answer.status) or f"{answer.status} Unknown"
        if isinstance(body, bytes):
            headers.append(("Content-Length", str(len(body))))
            start_response(status, headers)
            self.tell(exchange, answer)
            return (body,)
        start_response(status, headers)
        return _Stream(self, exchange, answer)

    def _leave_to_flask(self, exchange: Exchange, start_response: StartResponse) -> Iterable[bytes]:
        if (refusal := self._guard(exchange)) is not None:
            return self._send(exchange, refusal, start_response)
        told = Answer(b"", "")

        def watched(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            told.status, told.headers = int(status[:3]), [*headers, *exchange.headers]
            return start_response(status, told.headers, *rest)

        pieces = self._flask(exchange.environ, watched)
        self.tell(exchange, told)
        return pieces

    def tell(self, exchange: Exchange, answer: Answer) -> None:
        """Let the observers know of a finished exchange."""
        for observer in self.observers:
            try:
                observer(exchange, answer)
            except Exception:  # what is only watched must not suffer from the watching
                log.exception("An observer failed")
        # its frames hold the exchange, which holds it: left so, the body would stay until the
        # collector comes by
        error: BaseException | None = exchange.error
        while error is not None:
            error.__traceback__ = None
            error = error.__context__


class _Stream:
    """An answer that comes in pieces; the exchange is finished when they end, or are given up."""

    def __init__(self, hot: HotRoutes, exchange: Exchange, answer: Answer) -> None:
        self._hot, self._exchange, self._answer = hot, exchange, answer
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        sending = self._exchange.environ.get("mlpack.sending", _nobody_waits)
        try:
            for piece in self._answer.body:
                sending()  # each piece has the time limit anew
                yield piece  # type: ignore[misc]  # no bytes, as those are no stream
        except Exception as error:
            self._exchange.error = error
            raise

    def close(self) -> None:
        if self._open:
            self._open = False
            if (close := getattr(self._answer.body, "close", None)) is not None:
                close()
            self._hot.tell(self._exchange, self._answer)


def _nobody_waits() -> None:
    """Stands in where the server does not watch how far a request is."""


def _nothing_else(method: str, path: str) -> None:
    """Stands in where all addresses are known when the server starts."""


def as_response(answer: Answer) -> Response:
    """An answer where Flask wants a response."""
    response = Response(answer.body, answer.status, mimetype=None)
    response.headers["Content-Type"] = answer.content_type
    for name, value in answer.headers:
        response.headers.add(name, value)
    return response
