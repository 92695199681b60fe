"""The ``mlpack`` command."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import click

from .. import __version__
from ..errors import DeployFailed, MlpackError
from .lazy import Entry, LazyGroup
from .terminal import clean

TRACK, MODEL, IMAGE = "Track", "Use a model", "Package and deploy"

cli = LazyGroup(
    name="mlpack",
    help="Track, package, serve and deploy machine-learning models.\n\n"
    "A model is named by an address: a folder, runs:/<run_id>/<name>, models:/<name>/<version>,\n"
    "models:/<name>@<alias> or models:/m-<id>.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    entries={
        "runs": Entry("runs:runs", "List runs and show what one recorded.", TRACK),
        "artifacts": Entry("artifacts:artifacts", "List, fetch and add files of runs.", TRACK),
        "server": Entry("server:server", "Record runs for clients elsewhere, over HTTP.", TRACK),
        "ui": Entry("server:ui", "Look at local runs in a browser.", TRACK),
        "db": Entry("db:db", "Bring the tracking database to this version's schema.", TRACK),
        "gc": Entry("gc:gc", "Remove for good what was deleted.", TRACK),
        "models": Entry("models:models", "Register, promote, compare and show models.", MODEL),
        "serve": Entry("serve:serve", "Answer HTTP requests with a model.", MODEL),
        "predict": Entry("predict:predict", "Score a file, without a server.", MODEL),
        "build-docker": Entry("build:build_docker", "Turn a model into a Docker image.", IMAGE),
        "generate-dockerfile": Entry(
            "build:generate_dockerfile", "Write the Dockerfile and its context to a folder.", IMAGE
        ),
        "image": Entry("image:image", "Look into images, of any maker.", IMAGE),
        "verify": Entry("image:verify", "Compare the model in an image with its record.", IMAGE),
        "cache": Entry("cache:cache", "Layers that builds keep for the next ones.", IMAGE),
        "deploy": Entry("deploy:deploy", "Run a model somewhere until it answers.", IMAGE),
        "deployments": Entry(
            "deployments:deployments", "List, query, put back and remove deployments.", IMAGE
        ),
    },
    examples=(
        "mlpack runs list",
        "mlpack serve -m runs:/<run_id>/model -p 5000",
        "mlpack predict -m runs:/<run_id>/model -i rows.csv -o predictions.csv",
        "mlpack build-docker -m runs:/<run_id>/model -n churn",
        "mlpack deploy -m runs:/<run_id>/model --target local -n churn",
    ),
)
cli = click.version_option(__version__, prog_name="mlpack")(cli)


def main() -> None:
    """Run the command line: errors are one line and exit code 1, wrong usage is 2.

    ``MLPACK_DEBUG=1`` shows the trace instead.
    """
    if os.environ.get("MLPACK_DEBUG", "") not in ("", "0"):
        cli(prog_name="mlpack")
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        cli(prog_name="mlpack")
    except DeployFailed as error:
        _fail(error.reason, error.log, error.advice)
    except MlpackError as error:
        _fail(error.message)
    except BrokenPipeError:
        # the reader of our output went away (`mlpack runs list | head`): not an error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        _fail(_describe_os_error(error))
    except Exception as error:
        _fail(
            f"unexpected {type(error).__name__}: {_first_line(error)} "
            "(this looks like a bug; MLPACK_DEBUG=1 shows the trace)"
        )


def _fail(message: str, log: Sequence[str] = (), advice: str = "") -> None:
    shown = " ".join(clean(message).split())
    click.echo(click.style("error: ", fg="red", bold=True) + shown, err=True)
    for line in log:
        click.echo(f"  | {clean(line)}", err=True)
    if advice:
        click.echo(click.style("try: ", bold=True) + " ".join(clean(advice).split()), err=True)
    sys.exit(1)


def _show_warning(message: Warning | str, *_where: Any) -> None:
    """A warning as one line; where in the code it arose helps nobody at a prompt."""
    shown = " ".join(clean(message).split())
    click.echo(click.style("warning: ", fg="yellow") + shown, err=True)


def _describe_os_error(error: OSError) -> str:
    what = error.strerror or _first_line(error)
    return f"{error.filename}: {what}" if error.filename else what


def _first_line(error: Exception) -> str:
    return (str(error).strip() or repr(error)).splitlines()[0]


if __name__ == "__main__":
    main()
