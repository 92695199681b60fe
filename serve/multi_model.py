"""A server that starts without a model, and loads and unloads them while it runs.

    POST   /models                  {"model_name", "url"}: load; 409 if it is loaded, 507 if there
                                    is no memory left, so that others have to be unloaded first
    GET    /models                  which are loaded; with nextPageToken if there are more
    GET    /models/<name>           one of them
    DELETE /models/<name>           unload
    POST   /models/<name>/invoke    as /invocations of a server of one model
    GET    /ping, /health, /version, /metrics

It is what SageMaker's multi-model endpoints ask of a container:
https://docs.aws.amazon.com/sagemaker/latest/dg/mms-container-apis.html
"""

from __future__ import annotations

import gc
import os
import re
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qs

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from .. import __version__
from ..errors import InvalidInput
from . import auth, memory
from .admission import admit
from .app import http_error
from .body import receive
from .exchange import Answer, Exchange, Handler
from .failures import answer_to, as_json
from .gunicorn_app import serve_app, size_native_thread_pools
from .hot import HotRoutes, as_response
from .json_forms import loads
from .process import bind, exit_on_signal, listen, set_up_logging
from .roster import Entry, Roster
from .sagemaker import echo
from .settings import ServeSettings, parse_size
from .shelf import Shelf, Source
from .tls import certificate_from
from .watching import Watching

ROOT = Path("/opt/ml/models")  # where SageMaker puts them
_OURS = "MLPACK_MULTI_MODEL"
_MEMORY = "MLPACK_MULTI_MODEL_MEMORY"
_SHARE = 0.8  # of the memory that there is at the start
_DIGESTS = re.compile(r"MLPACK_MODEL_DIGESTS?(_\d{1,3})?")  # values of SageMaker are short
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}")
_ONE = re.compile(r"/models/([^/]+)(/invoke)?")
_LARGEST = 64 * 1024  # of what is sent to load a model
_PAGE = 100
_ROUTES = "POST /models, GET /models, DELETE /models/<name>, POST /models/<name>/invoke, GET /ping"


def is_asked_for(environ: Mapping[str, str]) -> bool:
    """Whether the environment asks for a server of this kind; SageMaker's variable counts, too."""
    text = environ.get(_OURS, "").strip() or environ.get("SAGEMAKER_MULTI_MODEL", "").strip()
    if text.lower() not in ("", "0", "1", "false", "true"):
        raise InvalidInput(f"The environment variable {_OURS} is {text[:40]!r}; use 1 or 0.")
    return text.lower() in ("1", "true")


def source_from(environ: Mapping[str, str], trust: bool) -> Source:
    """Where models may come from, and which are trusted.

    Raises:
        InvalidInput: a variable holds something that is no digest.
    """
    digests: set[str] = set()
    for variable, text in environ.items():
        if _DIGESTS.fullmatch(variable):
            for each in re.split(r"[\s,]+", text.strip()):
                digest = each.rpartition("=")[2]  # of a model with a name, in MLPACK_MODEL_DIGEST
                if digest and not _DIGEST.fullmatch(digest):
                    raise InvalidInput(
                        f"The environment variable {variable} holds {each[:80]!r}, which is no "
                        "digest: sha256:, and 64 hexadecimal digits."
                    )
                digests.add(digest)
    root = Path(environ.get("MLPACK_MULTI_MODEL_ROOT", "").strip() or ROOT)
    return Source(root, frozenset(digests - {""}), trust)


def run(settings: ServeSettings, trust: bool) -> NoReturn:
    """Serve what will be loaded until told to stop; ends the process.

    Args:
        settings: address, workers, limits.
        trust: pickles and code of every model are run, as `MLPACK_TRUST_MODEL` says.

    Raises:
        InvalidInput: settings do not fit together, or variables cannot be used.
        EngineUnavailable: the address cannot be listened on.
        SystemExit: as `gunicorn_app.run`.
    """
    signal.signal(signal.SIGTERM, exit_on_signal)
    gc.disable()
    for name in ("route", "route_by", "shadow", "capture"):
        if getattr(settings, name):
            raise InvalidInput(f"{name!r} names models, and this server starts without any.")
    source = source_from(os.environ, trust)
    certificate = certificate_from(settings.certfile, settings.keyfile)
    listener = bind(settings.host, settings.port)
    size_native_thread_pools(settings.worker_count)
    set_up_logging()
    shelf = Shelf(settings, Roster(_budget(os.environ), settings.worker_count), source)
    watching = Watching(settings, shelf)
    os.environ.pop(auth.VARIABLE, None)
    listen(listener)
    scheme = "http" if certificate is None else "https"
    welcome = _welcome(listener.getsockname(), scheme, source) if settings.banner else ""
    make_app = partial(create_app, shelf, watching)
    serve_app(shelf, watching, make_app, certificate, [listener], welcome)


def create_app(shelf: Shelf, watching: Watching | None = None) -> Flask:
    """The WSGI application in front of models that come and go.

    Args:
        shelf: the models.
        watching: access, metrics, logs; made from the settings by default.
    """
    app = Flask("mlpack.serve", static_folder=None)
    hot = HotRoutes(app)
    watching = watching or Watching(shelf.settings, shelf)
    watching.attach(hot)
    hot.guards.append(admit)

    def ping(exchange: Exchange) -> Answer:
        return Answer(b"\n", "text/plain", status=200 if shelf.ready else 503)

    hot.add("GET", "/ping", ping)
    hot.add("GET", "/health", ping)
    hot.add("GET", "/version", lambda exchange: Answer(__version__.encode(), "text/plain"))
    hot.add("GET", "/models", partial(_list, shelf))
    hot.add("POST", "/models", partial(_load, shelf))

    def find(method: str, path: str) -> tuple[Handler, str] | None:
        found = _ONE.fullmatch(path)
        handler = _BY_NAME.get((method, bool(found[2]))) if found else None
        if found is None or handler is None:
            return None
        return partial(handler, shelf, found[1]), "/models/{name}" + (found[2] or "")

    hot.find = find

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        return as_response(
            http_error(error, "GET /models lists them", _ROUTES)
            if isinstance(error, HTTPException)
            else answer_to(error, request.path)
        )

    return app


def _load(shelf: Shelf, exchange: Exchange) -> Answer:
    asked = loads(receive(exchange, _LARGEST))
    name, url = (asked.get(key) for key in ("model_name", "url")) if _is_object(asked) else ("", "")
    if not isinstance(name, str) or not isinstance(url, str) or not url:
        raise InvalidInput('Send {"model_name": "…", "url": "/opt/ml/models/…/model"}.')
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "The name of a model has letters, digits and ._- only, at most 256 of them."
        )
    shelf.load(name, url)
    return as_json(_told(name, url))


def _list(shelf: Shelf, exchange: Exchange) -> Answer:
    asked = parse_qs(exchange.header("QUERY_STRING"))
    after = asked.get("next_page_token", [""])[0]  # the last name of the page before
    loaded = {name: each for name, each in shelf.roster.entries.items() if not each.loader}
    names = sorted(name for name in loaded if name > after)
    told: dict[str, object] = {"models": [_told(n, loaded[n].url) for n in names[:_PAGE]]}
    if len(names) > _PAGE:
        told["nextPageToken"] = names[_PAGE - 1]
    return as_json(told)


def _get(shelf: Shelf, name: str, exchange: Exchange) -> Answer:
    entry: Entry = shelf.roster.find(name)
    return as_json(_told(name, entry.url))


def _unload(shelf: Shelf, name: str, exchange: Exchange) -> Answer:
    shelf.unload(name)
    return as_json({})


def _invoke(shelf: Shelf, name: str, exchange: Exchange) -> Answer:
    echo(exchange)
    return shelf.invoke_by(shelf.find(name), exchange)


# (method, whether it ends in /invoke)
_BY_NAME = {("GET", False): _get, ("DELETE", False): _unload, ("POST", True): _invoke}


def _told(name: str, url: str) -> dict[str, str]:
    return {"modelName": name, "modelUrl": url}


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _budget(environ: Mapping[str, str]) -> int | None:
    if text := environ.get(_MEMORY, "").strip():
        try:
            return parse_size(text)
        except (ValueError, OverflowError):
            raise InvalidInput(
                f"The environment variable {_MEMORY} is {text[:40]!r}; it is a size such as 2G."
            ) from None
    left = memory.available()
    return None if left is None else int(left * _SHARE)


def _welcome(address: tuple[str, int], scheme: str, source: Source) -> str:
    host, port = address[:2]
    trusted = (
        "all of them (MLPACK_TRUST_MODEL): whoever can write there runs code here"
        if source.trust
        else f"{len(source.digests)} by digest; others may hold reviewed types only"
    )
    return (
        f"\n  mlpack is serving on {scheme}://{host}:{port}\n\n"
        f"  models     none yet: POST /models loads them, from {source.root}\n"
        f"  trusted    {trusted}\n\n"
    )
