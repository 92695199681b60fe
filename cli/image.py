"""``mlpack image`` and ``mlpack verify``: what is in an image, and is it what it should be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .build_summary import megabytes
from .lazy import Entry, LazyGroup
from .options import examples
from .output import json_option, print_fields, print_json, print_table
from .terminal import clean

if TYPE_CHECKING:
    from ..builders.base import Report
    from ..builders.inspect.explain import ExplainedDistribution, Explanation
    from ..builders.inspect.verify import Verification
    from ..builders.oci.image import Image

F = TypeVar("F", bound=Callable[..., Any])

image = LazyGroup(
    name="image",
    help="Look into images, of any maker, wherever they are.\n\n"
    "An image is the name of one on this machine's engine or in a registry, layout:DIR[:TAG],\n"
    "archive:FILE, or the path of a layout or archive. Nothing of it is run.",
    entries={
        "explain": Entry("image:explain", "What each layer holds, and why a dependency is there."),
        "sbom": Entry("image:sbom", "Print the bill of materials."),
        "verify": Entry("image:verify", "Compare the model in an image with its record."),
    },
    examples=(
        "mlpack image explain churn:2",
        "mlpack image explain churn:2 --why scipy",
        "mlpack image sbom registry.example/churn:2 > churn.cdx.json",
    ),
)

image_argument = click.argument("reference", metavar="IMAGE")
_platform = click.option(
    "--platform", metavar="OS/ARCH", help="Of an image for several. Default: this machine's."
)


@click.command(
    epilog=examples(
        "mlpack image explain churn:2",
        "mlpack image explain registry.example/churn:2 --why scipy",
        "mlpack image explain layout:./images:2 --platform linux/arm64",
        "mlpack image explain churn.tar --json",
    )
)
@image_argument
@_platform
@click.option("--why", metavar="PACKAGE", help="Only say who asked for this Python distribution.")
@json_option
def explain(reference: str, platform: str | None, why: str | None, as_json: bool) -> None:
    """Say what each layer of an image holds and weighs, and why each dependency is there.

    Read from the image itself: its layers, the packages' own metadata, its configuration. Images
    that mlpack did not make are explained as far as they tell.
    """
    from ..builders.inspect.explain import explain as explain_image

    with opened(reference, platform, quiet=as_json) as (found, report):
        told = explain_image(found, reference, report)
    if why is not None:
        one = told.find(why)
        if as_json:
            print_json({"name": one.name, "version": one.version, "why": one.why})
        else:
            _show_why(one)
    elif as_json:
        print_json(told.to_dict())
    else:
        _show(told)


@click.command(
    epilog=examples(
        "mlpack image sbom churn:2",
        "mlpack image sbom churn.tar --output-path churn.cdx.json",
    )
)
@image_argument
@_platform
@click.option("-o", "--output-path", type=click.Path(path_type=Path), help="Default: print it.")
def sbom(reference: str, platform: str | None, output_path: Path | None) -> None:
    """Print the bill of materials (CycloneDX) that is in an image.

    If its builder put none there, one is made from what the image holds.
    """
    from ..builders.inspect.image_sbom import make_sbom, read_engine_sbom, read_sbom
    from ..builders.oci.spec import Platform
    from ..flavors.staging import write_file

    content = read_engine_sbom(reference, Platform.parse(platform) if platform else None)
    if content is None:
        with opened(reference, platform) as (found, report):
            content = read_sbom(found)
            made = content is None
            if content is None:
                content = make_sbom(found, report)
        if made:
            click.echo(
                "note: There is none in the image; this one is made from its content.", err=True
            )
    if output_path is not None:
        write_file(output_path, content)
    else:
        sys.stdout.buffer.write(content)


@click.command(
    epilog=examples(
        "mlpack verify churn:2",
        "mlpack verify registry.example/churn:2 -m models:/churn@champion",
        "mlpack verify layout:./images:2 --json",
    )
)
@image_argument
@click.option(
    "-m",
    "--model-uri",
    metavar="URI",
    help="The model that it must hold: a folder, runs:/…, models:/…. Default: the version or "
    "model that the image names, if the store in use knows it.",
)
@click.option(
    "--platform", metavar="OS/ARCH", help="Of an image for several. Default: all of them."
)
@click.option(
    "--unrecorded-ok",
    is_flag=True,
    help="Accept a model that nobody vouched for, if its own descriptor's checksums fit.",
)
@json_option
def verify(
    reference: str,
    model_uri: str | None,
    platform: str | None,
    unrecorded_ok: bool,
    as_json: bool,
) -> None:
    """Compare the model in an image with its record. The exit code is 1 if anything is wrong.

    Compared are the digests of all layers, every file of the model that a container would see
    with what your store (or -m) has on record and with the image's own label, and whether a
    container would serve that model and nothing else. Without --platform, all images of an index
    for several platforms are.
    """
    from ..builders.inspect.records import records_of
    from ..builders.inspect.verify import verify_image

    results = {}
    with _opener(quiet=as_json) as (find, report):
        for found in _every_platform(find, reference, platform):
            records, notices = records_of(found.labels, model_uri)
            results[str(found.platform)] = (
                verify_image(found, reference, records, unrecorded_ok=unrecorded_ok, report=report),
                notices,
            )
    good = all(result.good for result, _ in results.values())
    if as_json:
        told = {platform: result.to_dict() for platform, (result, _) in results.items()}
        only = next(iter(told.values())) if len(told) == 1 else None
        print_json(only or {"good": good, "platforms": told})
    else:
        for number, (each, (result, notices)) in enumerate(results.items()):
            if number:
                click.echo()
            _show_verification(result, notices, each if len(results) > 1 else None)
    if not good:
        sys.exit(1)


def _every_platform(
    find: Callable[[str, str | None], Image], reference: str, platform: str | None
) -> Iterator[Image]:
    """The image of a platform; if none is asked for, all that the name leads to."""
    from ..builders.oci.select import NotForPlatform

    try:
        found = find(reference, platform)
    except NotForPlatform as error:
        if platform is not None or not error.platforms:
            raise
        platforms = error.platforms
    else:
        platforms = found.platforms if platform is None else ()
        if len(platforms) < 2:
            yield found
            return
    for each in platforms:
        yield find(reference, str(each))


@contextmanager
def opened(
    reference: str, platform: str | None = None, *, quiet: bool = False
) -> Iterator[tuple[Image, Report]]:
    """The image of a name, wherever it is, and where to report how far reading it is."""
    with _opener(quiet=quiet) as (find, report):
        yield find(reference, platform), report


@contextmanager
def _opener(*, quiet: bool) -> Iterator[tuple[Callable[[str, str | None], Image], Report]]:
    """What finds the image of a name and a platform, and where to report how far it is."""
    from ..builders.oci.cache import Cache
    from ..builders.oci.open import open_image
    from ..builders.oci.spec import Platform
    from .progress import BuildProgress

    quiet = quiet or not sys.stderr.isatty()  # a log needs no lines about what was only read
    with Cache.of_user().hold() as cache, BuildProgress(quiet=quiet) as progress:

        def find(reference: str, platform: str | None) -> Image:
            wanted = Platform.parse(platform) if platform else None
            report = progress.report
            return open_image(reference, wanted, cache, compression="none", report=report)

        yield find, progress.report


def _show(told: Explanation) -> None:
    model = told.labels.get("mlpack.model.name")
    if model and told.labels.get("mlpack.model.version"):
        model = f"models:/{model}/{told.labels['mlpack.model.version']}"
    packages = f"{told.packages} packages" if told.packages else ""
    print_fields(
        [
            ("image", told.name),
            ("digest", told.digest),
            ("platform", told.platform),
            ("size", f"{megabytes(told.size)}, {megabytes(told.stored)} as it is stored"),
            ("created", told.created),
            ("system", ", ".join(filter(None, (told.system, packages)))),
            ("python", told.python),
            ("model", model or told.labels.get("mlpack.model.id")),
            ("model digest", told.labels.get("mlpack.model.digest")),
            ("runs as", told.user or "root"),
            ("starts", " ".join(told.command)),
            ("ports", ", ".join(told.ports)),
        ]
    )
    click.echo()
    print_table(
        ("layer", "part", "content", "files", "size", "stored"),
        [
            (
                number,
                layer.part,
                layer.content if layer.part else layer.made_by[:80] or layer.content,
                layer.files,
                megabytes(layer.size),
                megabytes(layer.stored),
            )
            for number, layer in enumerate(told.layers, 1)
        ],
    )
    if told.distributions:
        click.echo()
        print_table(
            ("distribution", "version", "size", "layer", "why"),
            [
                (each.name, each.version, megabytes(each.size), each.layer, _why(each))
                for each in told.distributions
            ],
        )
    if told.labels:
        click.echo()
        print_table(("label", "value"), sorted(told.labels.items()))


def _why(each: ExplainedDistribution) -> str:
    """The shortest chain, without its own name."""
    if not each.why:
        return ""
    shortest = each.why[0][1:] if len(each.why[0]) > 1 else each.why[0]
    more = len(each.why) - 1
    return "← " + " ← ".join(shortest) + (f" (and {more} more)" if more else "")


def _show_why(each: ExplainedDistribution) -> None:
    click.echo(f"{clean(each.name)} {clean(each.version)}, {megabytes(each.size)}")
    for chain in each.why:
        click.echo("  " + clean(" ← ".join(chain)))


def _show_verification(
    result: Verification, notices: list[str], platform: str | None = None
) -> None:
    for notice in (*notices, *result.notices):
        click.echo(f"note: {clean(notice)}", err=True)
    print_fields(
        [
            ("image", result.image),
            ("platform", platform),
            ("digest", result.digest),
            ("model", result.model),
            ("files", result.files),
            ("compared with", ", ".join(result.vouched_by)),
        ]
    )
    if result.good:
        click.echo(click.style("Good: ", fg="green") + _how_good(result))
        return
    click.echo(click.style("Not good:", fg="red", bold=True))
    for problem in result.problems:
        click.echo(f"  {clean(problem)}")


def _how_good(result: Verification) -> str:
    """No more than what was compared."""
    from ..builders.inspect.verify import OWN_LABEL

    if not result.vouched_by:
        return "the image holds the model that its own descriptor lists."
    if len(result.vouched_by) == 1 and result.vouched_by[0] == OWN_LABEL:
        return "the image holds the model that its own label names."
    return "the image holds the model on record."
