"""``mlpack build-docker`` and ``mlpack generate-dockerfile``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .options import examples, key_values, model_uri_option
from .output import json_option, print_json

if TYPE_CHECKING:
    from ..builders.base import BuildSpec, BuiltImage, Output

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_CONTENT = [
    click.option(
        "--base-image",
        metavar="IMAGE",
        help="A name, layout:DIR or archive:FILE; {arch} in it becomes amd64, arm64. Default: "
        "python:<the model's minor version>-slim.",
    ),
    click.option(
        "--platform",
        metavar="OS/ARCH[,…]",
        help="Such as linux/amd64; several, with commas between, make one image for all of them.",
    ),
    click.option(
        "--requirements",
        type=_FILE,
        help="Install these instead of the model's own requirements.",
    ),
    click.option(
        "--system-package",
        "system_packages",
        multiple=True,
        metavar="NAME",
        help="A Debian package that the model needs, such as libgomp1; repeatable.",
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

_WAYS = [
    click.option(
        "--lock",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Install exactly what this lock file names; it is written if it is missing (with "
        "several platforms, one file each). Default: the model's requirements.lock, else one that "
        "is made and kept on this machine.",
    ),
    click.option(
        "--locked", is_flag=True, help="Refuse to build if the lock is missing or out of date."
    ),
    click.option(
        "--relock", is_flag=True, help="Choose versions anew, and replace the lock that is kept."
    ),
    click.option(
        "--compression",
        type=click.Choice(["gzip", "zstd", "none"]),
        default="gzip",
        show_default=True,
        help="Of layers that are made without an engine. zstd is smaller and faster; engines "
        "before Docker 23 do not read it.",
    ),
    click.option("--no-cache", is_flag=True, help="Build every layer anew."),
    click.option("--pull", is_flag=True, help="Ask the registry for a newer base image first."),
]

builder_option = click.option(
    "--builder",
    type=click.Choice(["auto", "docker", "oci"]),
    default="auto",
    show_default=True,
    help="docker: through a Docker engine. oci: without one, without root, to the byte the same "
    "every time. auto: docker when its engine answers and can do what is asked for.",
)


def build_options(command: F) -> F:
    """The options of everything that makes an image; read them with `make_spec`."""
    return _add(_add(command, _WAYS), _CONTENT)


def _add(command: F, options: Iterable[Callable[[F], F]]) -> F:
    for option in reversed([*options]):
        command = option(command)
    return command


def make_spec(
    model_uri: str, name: str, *, platform: str | None = None, **options: Any
) -> BuildSpec:
    """Find the model, and put the options into the builder's form."""
    from ..builders.base import BuildSpec
    from ..registry.resolve import resolve
    from ..registry.uses import commit_of

    found = resolve(model_uri)
    return BuildSpec(
        model=found.path,
        name=name,
        platforms=tuple(each.strip() for each in platform.split(",")) if platform else (),
        expected_digest=found.digest,
        expected_files=found.files,
        registered_name=found.name,
        registered_version=found.version,
        model_id=found.model_id,
        revision=commit_of(found.run_id),
        **options,
    )


def parse_output(text: str) -> Output:
    """``engine``, ``layout:DIR``, ``archive:FILE``, or a path: ``*.tar`` is an archive."""
    from ..builders.base import Output

    kind, colon, path = text.partition(":")
    if text == "engine":
        return Output("engine")
    if colon and kind in ("layout", "archive") and path:
        return Output("layout" if kind == "layout" else "archive", Path(path))
    told = ""
    meant = text.partition("=")[0]  # layout=DIR; or type=oci,dest=FILE, as Docker writes it
    if not text or {kind, meant} & {"layout", "archive", "engine", "type", "oci", "docker"}:
        told = f"{text!r} is not engine, layout:DIR, archive:FILE or a path."
    elif "registry" in (kind, meant):
        told = "--push puts it into the registry that its name begins with."
    elif text.endswith((".tar.gz", ".tgz", ".tar.zst")):
        told = f"{text!r} is no *.tar; layers in an archive are compressed already."
    if told:
        raise click.BadParameter(told, param_hint="'--output'")
    return Output("archive" if text.endswith(".tar") else "layout", Path(text))


def check_registry(name: str) -> None:
    """Refuse a name that no registry takes, before anything is built.

    Raises:
        InvalidInput: it has neither a registry nor, for Docker Hub, a user in it.
    """
    from ..errors import InvalidInput

    if "/" not in name:
        raise InvalidInput(
            f"{name!r} names no registry to push to. Write -n REGISTRY/{name}, such as "
            f"registry.example/{name}."
        )


@click.command(
    "build-docker",
    epilog=examples(
        "mlpack build-docker -m runs:/<run_id>/model -n churn",
        "mlpack build-docker -m models:/churn@champion -n registry.example/churn:2 --push",
        "mlpack build-docker -m ./model -n churn:2 --builder oci --output churn.tar",
        "mlpack build-docker -m ./model -n churn:2 --builder oci --output layout:./images --check",
        "mlpack build-docker -m ./model -n registry.example/churn:2 --push "
        "--platform linux/amd64,linux/arm64",
        "mlpack build-docker -m ./model -n churn --base-image registry.example/python:3.11 --json",
        "mlpack build-docker -m ./model -n churn --lock requirements.lock --locked "
        "--sbom churn.cdx.json",
    ),
)
@click.option("-n", "--name", required=True, metavar="NAME[:TAG]", help="The image's name.")
@model_uri_option
@builder_option
@click.option("--push", is_flag=True, help="Put it into the registry that its name begins with.")
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="WHERE",
    help="engine, layout:DIR (an OCI image layout), archive:FILE (for docker load), or a path, "
    "where *.tar is an archive; repeatable. Default: the engine.",
)
@build_options
@click.option(
    "--check",
    is_flag=True,
    help="Build it again, from nothing, and compare it with the image that is there (the name may "
    "hold a digest); nothing is written. Exits with 1 when they differ.",
)
@click.option(
    "--sbom",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the bill of materials (CycloneDX) there, too.",
)
@json_option
def build_docker(
    model_uri: str,
    name: str,
    builder: str,
    push: bool,
    outputs: tuple[str, ...],
    check: bool,
    sbom: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Turn a model into a Docker image that answers on port 8080.

    The image runs as a normal user, holds only what scoring needs, and obeys `serve` as
    SageMaker calls it. A new version of a model rebuilds, and pushes, the last layer only.
    With --builder oci neither a Docker engine nor root is needed.
    """
    from ..builders.base import Output
    from .build_check import check_image
    from .build_summary import summarize

    where = [parse_output(each) for each in outputs]
    if push:
        check_registry(name)
        where.append(Output("registry"))
    spec = make_spec(model_uri, name, outputs=tuple(dict.fromkeys(where)), **options)
    if check:
        check_image(spec, as_json=as_json)
        return
    image = build(spec, quiet=as_json, builder=builder)
    if sbom is not None:
        write_sboms(image, sbom)
    if as_json:
        print_json(image.to_dict())
    else:
        summarize(image, spec)


def build(spec: BuildSpec, *, quiet: bool, builder: str = "auto") -> BuiltImage:
    """Build an image, with live progress on standard error unless ``quiet``."""
    from ..builders.choose import get_builder
    from .progress import BuildProgress

    with BuildProgress(quiet=quiet) as progress:
        return get_builder(builder, spec).build(spec, progress.report)


def write_sboms(image: BuiltImage, file: Path) -> None:
    """Write the bill of materials; those of several platforms into a file each.

    ``churn.cdx.json`` becomes ``churn.linux-arm64.cdx.json`` and so on.
    """
    from ..flavors.staging import write_file

    if len(image.sboms) == 1:
        write_file(file, image.sboms[0])
        return
    stem, dot, rest = file.name.partition(".")
    for platform, content in zip(image.platforms, image.sboms, strict=True):
        write_file(file.with_name(f"{stem}.{platform.replace('/', '-')}{dot}{rest}"), content)


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
@lambda command: _add(command, _CONTENT)
def generate_dockerfile(model_uri: str, folder: Path, **options: Any) -> None:
    """Write the Dockerfile and all that it needs to a folder, for a build by other means."""
    from ..builders.context import write_context

    context = write_context(make_spec(model_uri, "model", **options), folder)
    for notice in context.notices:
        click.echo(f"note: {notice}", err=True)
    click.echo(f"Wrote {folder}. Build it:  docker build -t NAME {folder}")
