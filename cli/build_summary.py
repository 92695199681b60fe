"""What stands on the screen when an image is built."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from .output import print_fields, print_table

if TYPE_CHECKING:
    from ..builders.base import BuildSpec, BuiltImage, Layer


def summarize(image: BuiltImage, spec: BuildSpec) -> None:
    """Print the layers, the whole, and how to run it."""
    several = len(image.platforms) > 1
    print_table(
        (*(["platform"] if several else []), "part", "content", "size", "stored", "from", "sent"),
        [
            (
                *([layer.platform] if several else []),
                layer.part,
                layer.content,
                megabytes(layer.size),
                megabytes(layer.stored),
                "cached" if layer.cached else "new",
                _sent(layer),
            )
            for layer in image.layers
        ],
    )
    click.echo()
    print_fields(
        [
            ("image", image.name),
            ("size", _sizes(image)),
            ("digest", image.digest),
            ("id", image.id if image.id != image.digest else None),
            ("platforms", ", ".join(image.platforms)),
            ("base", image.base_image),
            ("model", image.model_digest),
            ("lock", None if several else image.lock),
            ("where", ", ".join(image.outputs)),
        ]
    )
    click.echo(f"\nBuilt {image.name} by {image.builder} in {image.seconds:.1f} s.")
    for line in how_to_run(image, spec):
        click.echo(line)


def how_to_run(image: BuiltImage, spec: BuildSpec) -> list[str]:
    """Commands that run the image from where it went."""
    run = "docker run --rm -p 8080:8080"
    kinds = {output.kind: output.path for output in spec.outputs}
    if not kinds or "engine" in kinds:
        return [f"Run it:  {run} {image.name}"]
    if "registry" in kinds:
        repository = image.name
        if ":" in repository.rpartition("/")[2]:
            repository = repository.rpartition(":")[0]
        return [f"Run it:  {run} {f'{repository}@{image.digest}' if image.digest else image.name}"]
    if path := kinds.get("archive"):
        return [f"Run it:  docker load -i {shlex.quote(str(path))} && {run} {image.name}"]
    folder, tag = kinds["layout"], image.name.rpartition(":")[2]
    return [
        f"Look:    mlpack image explain {shlex.quote(f'layout:{folder}:{tag}')}",
        f"Copy it: skopeo copy {shlex.quote(f'oci:{folder}:{tag}')} docker://REGISTRY/{image.name}",
    ]


def megabytes(size: int | None) -> str | None:
    """For people, who compare them: small ones in kB, all others in MB; None stays None."""
    if size is None:
        return None
    return f"{size / 1e6:.1f} MB" if size >= 50_000 else f"{size / 1e3:.1f} kB"


def _sizes(image: BuiltImage) -> str | None:
    """Of each of several platforms."""
    if len(image.platforms) < 2:
        return megabytes(image.size)
    return ", ".join(
        f"{megabytes(sum(layer.size for layer in image.layers if layer.platform == platform))} "
        f"({platform})"
        for platform in image.platforms
    )


def _sent(layer: Layer) -> str | None:
    if layer.sent is None:
        return None
    if layer.sent:
        return megabytes(layer.sent)
    return "mounted" if layer.mounted else "had it"
