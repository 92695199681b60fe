"""``python -m mlpack.serve``: the entry point of a scoring image.

Serves the model in ``/opt/ml/model`` on all interfaces, port 8080; SageMaker calls it with the
argument ``serve``. Settings come from the environment (``MLPACK_*``), then from options.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ..errors import InvalidInput, MlpackError
from .settings import ServeSettings, parse_size

_MODEL = "/opt/ml/model"
_EPILOG = """\
environment:
  MLPACK_MODEL_PATH       folder of the model (/opt/ml/model)
  MLPACK_MODEL_DIGEST     refuse any model but the one with this digest, and trust that one
  MLPACK_MODEL_NAME       how the start banner calls the model
  MLPACK_TRUST_MODEL      1: construct whatever the model's files name, pickles included
  MLPACK_HOST, MLPACK_PORT, MLPACK_WORKERS, MLPACK_THREADS, MLPACK_TIMEOUT, MLPACK_MAX_BODY,
  MLPACK_GRACEFUL_TIMEOUT, MLPACK_KEEPALIVE, MLPACK_ACCESS_LOG, MLPACK_BANNER
                          as the options of the same name
  MLFLOW_MODELS_WORKERS, MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT, SAGEMAKER_BIND_TO_PORT
                          obeyed where the above are not set

example:
  python -m mlpack.serve serve --model ./model --port 8080 --workers 2
"""


def main(argv: list[str] | None = None) -> None:
    """Parse, serve, and say errors in one line; ``MLPACK_DEBUG=1`` shows the trace."""
    options = _parser().parse_args(argv)
    debug = os.environ.get("MLPACK_DEBUG", "") not in ("", "0")
    try:
        _serve(options)
    except MlpackError as error:
        if debug:
            raise
        sys.exit(f"error: {' '.join(error.message.split())}")
    except KeyboardInterrupt:
        sys.exit(130)


def _serve(options: argparse.Namespace) -> None:
    settings = ServeSettings.from_environment(host="0.0.0.0", port=8080)  # noqa: S104
    settings = settings.with_options(
        host=options.host,
        port=options.port,
        workers=options.workers,
        threads=options.threads,
        timeout=options.timeout,
        max_body=options.max_body,
        access_log=options.access_log or None,
    )
    from ..flavors.base import Trust
    from .gunicorn_app import run

    run(
        Path(options.model or os.environ.get("MLPACK_MODEL_PATH") or _MODEL),
        settings,
        trust=Trust(everything=_trusts_everything()),
        expected_digest=os.environ.get("MLPACK_MODEL_DIGEST") or None,
        public_name=os.environ.get("MLPACK_MODEL_NAME"),
    )


def _trusts_everything() -> bool:
    text = os.environ.get("MLPACK_TRUST_MODEL", "0").strip()
    if text not in ("", "0", "1"):
        raise InvalidInput(f"The environment variable MLPACK_TRUST_MODEL is {text!r}; use 1 or 0.")
    return text == "1"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mlpack.serve",
        description="Serve a model over HTTP: POST /invocations, GET /ping.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", nargs="?", choices=["serve"], default="serve")
    parser.add_argument("--model", help="folder of the model")
    parser.add_argument("--host", help="address to listen on (0.0.0.0)")
    parser.add_argument("--port", type=int, help="port to listen on (8080); 0: any free one")
    parser.add_argument("--workers", type=int, help="processes (one a CPU, at most 8)")
    parser.add_argument("--threads", type=int, help="requests that a worker takes at once (8)")
    parser.add_argument(
        "--timeout", type=float, help="seconds a request may take (60); 0: no limit"
    )
    parser.add_argument("--max-body", type=parse_size, help="largest request body (100M)")
    parser.add_argument("--access-log", action="store_true", help="one line a request, to stdout")
    return parser


if __name__ == "__main__":
    main()
