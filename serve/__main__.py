"""``python -m mlpack.serve``: the entry point of a scoring image.

Serves the model in ``/opt/ml/model`` on all interfaces, port 8080; SageMaker calls it with the
argument ``serve``. Settings come from the environment (``MLPACK_*``), then from options.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import warnings
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidInput, MlpackError
from .settings import BATCHING, ServeSettings, parse_size

if TYPE_CHECKING:
    from .gunicorn_app import ModelSource

_MODEL = "/opt/ml/model"
_EPILOG = """\
environment:
  MLPACK_MODEL_PATH       folder of the model (/opt/ml/model); several as a=/models/a,b=/models/b
  MLPACK_MODEL_DIGEST     refuse any model but the one with this digest, and trust that one;
                          for several as a=sha256:...,b=sha256:...
  MLPACK_MODEL_NAME       how the start banner calls the model; models:/<name>/<version> is also
                          its name and version in addresses and headers
  MLPACK_TRUST_MODEL      1: construct whatever the model's files name, pickles included
  MLPACK_MULTI_MODEL      1: start without a model; POST /models loads them from below
                          MLPACK_MULTI_MODEL_ROOT (/opt/ml/models), into at most
                          MLPACK_MULTI_MODEL_MEMORY; SAGEMAKER_MULTI_MODEL=true says the same
  MLPACK_MODEL_DIGESTS    digests of models that it trusts, as MLPACK_MODEL_DIGEST is, and
                          MLPACK_MODEL_DIGESTS_1, …; other models may hold reviewed types only
  MLPACK_HOST, MLPACK_PORT, MLPACK_WORKERS, MLPACK_THREADS, MLPACK_BATCHING,
  MLPACK_MAX_BATCH_ROWS, MLPACK_MAX_BATCH_WAIT, MLPACK_ROUTE, MLPACK_ROUTE_BY, MLPACK_SHADOW,
  MLPACK_TIMEOUT, MLPACK_MAX_QUEUE, MLPACK_MAX_REQUESTS, MLPACK_MAX_BODY,
  MLPACK_GRACEFUL_TIMEOUT, MLPACK_KEEPALIVE, MLPACK_ACCESS_LOG, MLPACK_BANNER,
  MLPACK_AUTH_TOKENS_FILE, MLPACK_PUBLIC_METRICS, MLPACK_CERTFILE, MLPACK_KEYFILE,
  MLPACK_CORS_ORIGINS, MLPACK_OTEL, MLPACK_CAPTURE, MLPACK_CAPTURE_RATE, MLPACK_CAPTURE_MAX_MB
                          as the options of the same name
  MLPACK_AUTH_TOKENS      tokens themselves, instead of a file or beside it
  MLPACK_LISTENER         Unix socket of `python -m mlpack.serve.handover`: take connections from
                          its port, too, so that a next server can replace this one unnoticed
  OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME and others of OpenTelemetry
                          where spans go, and how they are called
  MLFLOW_MODELS_WORKERS, MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT, SAGEMAKER_BIND_TO_PORT
                          obeyed where the above are not set

examples:
  python -m mlpack.serve serve --model ./model --port 8080 --workers 2
  python -m mlpack.serve --model champion=./a --model challenger=./b \\
      --route champion=90,challenger=10
"""
_CORS = "a site whose scripts may call; may be repeated"
_OTEL = "send spans by OpenTelemetry (if the usual variables name a collector)"
_SETTINGS = {field.name for field in fields(ServeSettings)}


def main(argv: list[str] | None = None) -> None:
    """Parse, serve, and say errors in one line; ``MLPACK_DEBUG=1`` shows the trace."""
    options = _parser().parse_args(argv)
    debug = os.environ.get("MLPACK_DEBUG", "") not in ("", "0")
    if not debug:
        warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        _serve(options)
    except MlpackError as error:
        if debug:
            raise
        sys.exit(f"error: {' '.join(error.message.split())}")
    except KeyboardInterrupt:
        sys.exit(130)


def _show_warning(message: Warning | str, *_where: object) -> None:
    """A warning as one line, without the place in our code."""
    if sys.stderr is not None:
        sys.stderr.write(f"warning: {' '.join(str(message).split())}\n")


def _serve(options: argparse.Namespace) -> None:
    settings = ServeSettings.from_environment(host="0.0.0.0", port=8080)  # noqa: S104
    given = {name: value for name, value in vars(options).items() if name in _SETTINGS}
    settings = settings.with_options(**given)
    if _is_multi_model(options.model):
        from . import multi_model

        multi_model.run(settings, _trusts_everything())
    from .gunicorn_app import run

    run(_sources(options.model), settings)


def _is_multi_model(models: list[str] | None) -> bool:
    if not {"MLPACK_MULTI_MODEL", "SAGEMAKER_MULTI_MODEL"} & os.environ.keys():
        return False
    from .multi_model import is_asked_for

    if not is_asked_for(os.environ):
        return False
    if models:
        raise InvalidInput("With MLPACK_MULTI_MODEL models come by POST /models: no --model.")
    return True


def _sources(models: list[str] | None) -> list[ModelSource]:
    from ..flavors.base import Trust
    from .gunicorn_app import ModelSource
    from .routing import name_and_uri

    named = os.environ.get("MLPACK_MODEL_NAME", "")
    registered = re.fullmatch(r"models:/([A-Za-z0-9][A-Za-z0-9._-]{0,99})/(\d+)", named)
    texts = models or (os.environ.get("MLPACK_MODEL_PATH") or _MODEL).split(",")
    if texts == [_MODEL] and not Path(_MODEL).exists():
        raise InvalidInput(f"There is no model in {_MODEL}; say where one is: --model FOLDER.")
    digests = dict(
        name_and_uri(text) for text in os.environ.get("MLPACK_MODEL_DIGEST", "").split(",") if text
    )
    sources = []
    for text in texts:
        name, path = name_and_uri(text.strip())
        single = len(texts) == 1
        if not single and digests and name not in digests:
            raise InvalidInput(f"MLPACK_MODEL_DIGEST has no digest for the model {name!r}.")
        sources.append(
            ModelSource(
                Path(path),
                name or (registered[1] if registered and single else ""),
                version=registered[2] if registered and single else "",
                uri=named if single else text,
                trust=Trust(everything=_trusts_everything()),
                expected_digest=digests.get(name) or (digests.get("") if single else None),
            )
        )
    return sources


def _trusts_everything() -> bool:
    text = os.environ.get("MLPACK_TRUST_MODEL", "0").strip()
    if text not in ("", "0", "1"):
        raise InvalidInput(f"The environment variable MLPACK_TRUST_MODEL is {text!r}; use 1 or 0.")
    return text == "1"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mlpack.serve",
        description="Serve models over HTTP: POST /invocations, GET /models, GET /ping.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", nargs="?", choices=["serve"], default="serve")
    add = parser.add_argument
    add("--model", action="append", metavar="[NAME=]FOLDER", help="several with a name each")
    add("--host", help="address to listen on (0.0.0.0)")
    add("--port", type=int, help="port to listen on (8080); 0: any free one")
    add("--workers", type=int, help="processes (one a CPU, at most 8)")
    add("--threads", type=int, help="requests that a worker takes at once (32)")
    add("--batching", choices=BATCHING, help="predict concurrent requests together (auto)")
    add("--max-batch-rows", type=int, help="most rows predicted together (512)")
    add("--max-batch-wait", type=float, help="seconds that a prediction waits for others (0)")
    add("--route", help="shares of /invocations: champion=90,challenger=10")
    add("--route-by", help="header whose value decides which model answers")
    add("--shadow", help="name of a model that gets a copy of each request")
    add("--timeout", type=float, help="seconds a request may take (60); 0: no limit")
    add("--max-queue", type=int, help="requests that may wait in a worker (500); more are 429")
    add("--max-requests", type=int, help="replace a worker after about as many (0: never)")
    add("--max-body", type=parse_size, help="largest request body (100M)")
    add("--access-log", action="store_true", default=None, help="one line a request, to stdout")
    add("--auth-tokens-file", metavar="FILE", help="let in who sends one of its tokens")
    add("--public-metrics", action="store_true", default=None, help="/metrics needs no token")
    add("--certfile", metavar="FILE", help="speak HTTPS with this certificate (PEM)")
    add("--keyfile", metavar="FILE", help="its key, if that is not in the same file")
    add("--cors-origin", action="append", dest="cors_origins", metavar="ORIGIN", help=_CORS)
    add("--otel", action=argparse.BooleanOptionalAction, default=None, help=_OTEL)
    add("--capture", metavar="DIR", help="keep inputs and predictions as Parquet")
    add("--capture-rate", type=float, metavar="SHARE", help="of the requests that are kept (1)")
    add("--capture-max-mb", type=int, metavar="MB", help="of captures; the oldest go (1024)")
    return parser


if __name__ == "__main__":
    main()
