"""``mlpack build-docker … --check``: is what is there what the model and its lock make?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import print_json
from .terminal import clean

if TYPE_CHECKING:
    from ..builders.base import BuildSpec
    from ..builders.check import Comparison


def check_image(spec: BuildSpec, *, as_json: bool) -> None:
    """Build an image again and tell how it differs from the one that is there.

    Exits with 1 when it does.
    """
    from ..builders.check import check
    from .progress import BuildProgress

    with BuildProgress(quiet=as_json) as progress:
        found = check(spec, progress.report)
    if as_json:
        print_json([each.to_dict() for each in found])
    else:
        for each in found:
            _tell(each)
    if not all(each.same for each in found):
        raise click.exceptions.Exit(1)


def _tell(found: Comparison) -> None:
    told = "is what was built again" if found.same else "DIFFERS from what was built again"
    told = told if found.built else "is DAMAGED"
    click.echo(clean(f"{found.where} ({found.platform}) {told}."))
    click.echo(f"  image  {found.digest}")
    if found.built:
        click.echo(f"  built  {found.built}")
    if found.note:
        click.echo(f"  {found.note}")
    for each in found.differences:
        content = f" ({each.content})" if each.content else ""
        click.echo(clean(f"  {each.part}{content}:"))
        for detail in each.details:
            click.echo(clean(f"    {detail}"))
