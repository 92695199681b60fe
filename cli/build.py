"""``mlpack build-docker`` and ``mlpack generate-dockerfile``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .options import examples, key_values, model_uri_option
from .output import json_option, print_json

if TYPE_CHECKING:
    from ..builders.base import BuildSpec, BuiltImage

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = [
    click.option(
        "--base-image", metavar="IMAGE", help="Default: python:<the model's minor version>-slim."
    ),
    click.option("--platform", metavar="OS/ARCH", help="Such as linux/amd64 or linux/arm64."),
    click.option(
        "--requirements",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Install these instead of the model's own requirements.",
    ),
    click.option(
        "--build-arg",
        "build_args",
        multiple=True,
        callback=key_values,
        metavar="KEY=VALUE",
        help="A variable for the installation step (a proxy, UV_* or PIP_* settings). It does not "
        "stay in the image.",
    ),
    click.option(
        "--index-url",
        metavar="URL",
        help="Package index to install from; may hold credentials, which stay out of the image, "
        "its history and every log. Default: this machine's pip configuration.",
    ),
    click.option(
        "--extra-index-url", "extra_index_urls", multiple=True, metavar="URL", help="A further one."
    ),
    click.option(
        "--label",
        "labels",
        multiple=True,
        callback=key_values,
        metavar="KEY=VALUE",
        help="Label the image.",
    ),
    click.option("--keep-mlflow", is_flag=True, help="Install mlflow if the model asks for it."),
    click.option(
        "--trust", is_flag=True, help="I vouch for this folder: the container may load all of it."
    ),
]


def build_options(command: F) -> F:
    """The options of everything that makes an image."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def make_spec(
    model_uri: str, name: str, *, platform: str | None = None, **options: Any
) -> BuildSpec:
    """Find the model, and put the options into the builder's form."""
    from ..builders.base import BuildSpec
    from ..registry.resolve import resolve

    found = resolve(model_uri)
    return BuildSpec(
        model=found.path,
        name=name,
        platforms=tuple(platform.split(",")) if platform else (),
        expected_digest=found.digest,
        expected_files=found.files,
        registered_name=found.name,
        registered_version=found.version,
        **options,
    )


@click.command(
    "build-docker",
    epilog=examples(
        "mlpack build-docker -m runs:/<run_id>/model -n churn",
        "mlpack build-docker -m models:/churn@champion -n churn",
        "mlpack build-docker -m ./model -n registry.example/churn:2 --platform linux/amd64",
        "mlpack build-docker -m ./model -n churn --base-image python:3.11-slim-bookworm --json",
    ),
)
@click.option("-n", "--name", required=True, metavar="NAME[:TAG]", help="The image's name.")
@model_uri_option
@build_options
@click.option("--no-cache", is_flag=True, help="Build every layer anew.")
@click.option("--pull", is_flag=True, help="Ask the registry for a newer base image first.")
@json_option
def build_docker(model_uri: str, name: str, as_json: bool, **options: Any) -> None:
    """Turn a model into a Docker image that answers on port 8080.

    The image runs as a normal user, holds only what scoring needs, and obeys `serve` as
    SageMaker calls it. A new version of a model rebuilds the last layer only.
    """
    image = build(make_spec(model_uri, name, **options), quiet=as_json)
    if as_json:
        print_json(image.to_dict())
        return
    for layer in image.layers:
        note = "  cached" if layer.cached else ""
        click.echo(f"  {layer.part:13}{layer.size / 1e6:9.1f} MB{note}")
    click.echo(f"Built {image.name} ({image.size / 1e6:.0f} MB) in {image.seconds:.1f} s.")
    click.echo(f"Run it:  docker run --rm -p 8080:8080 {image.name}")


def build(spec: BuildSpec, *, quiet: bool) -> BuiltImage:
    """Build an image, with live progress on standard error unless ``quiet``."""
    from ..builders.docker import DockerBuilder
    from .progress import BuildProgress

    with BuildProgress(quiet=quiet) as progress:
        return DockerBuilder().build(spec, progress.report)


@click.command(
    "generate-dockerfile",
    epilog=examples(
        "mlpack generate-dockerfile -m runs:/<run_id>/model -d ./context",
        "docker build -t churn ./context",
    ),
)
@click.option(
    "-d",
    "--output-directory",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Must not exist, or be empty.",
)
@model_uri_option
@build_options
def generate_dockerfile(model_uri: str, folder: Path, **options: Any) -> None:
    """Write the Dockerfile and all that it needs to a folder, for a build by other means."""
    from ..builders.context import write_context

    context = write_context(make_spec(model_uri, "model", **options), folder)
    for notice in context.notices:
        click.echo(f"note: {notice}", err=True)
    click.echo(f"Wrote {folder}. Build it:  docker build -t NAME {folder}")
