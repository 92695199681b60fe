"""What commands about registered models share: how a model is named, asked about, and confirmed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .terminal import clean

if TYPE_CHECKING:
    from ..registry.client import MlpackClient
    from ..registry.entities import ModelVersion
    from ..tracking.entities import PagedList

F = TypeVar("F", bound=Callable[..., Any])

_SUGGESTED = 50

note_option = click.option(
    "--note", default="", metavar="TEXT", help="Why; kept in the model's history."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
expect_option = click.option(
    "--expect",
    "expected",
    type=click.IntRange(0),
    metavar="VERSION",
    help="Only if this version is there now (0: none is); otherwise nothing is changed.",
)


def make_client() -> MlpackClient:
    """A client of the stores in use."""
    from ..registry.client import MlpackClient

    return MlpackClient()


def model_name(text: str) -> str:
    """The name in an argument that is to name a registered model.

    Raises:
        InvalidInput: it names a version.
    """
    from ..errors import InvalidInput
    from ..registry.addresses import read_name

    found = read_name(text)
    if found.version is not None or found.stage is not None or found.alias is not None:
        raise InvalidInput(f"{text!r} names a version; this is about the whole of {found.name!r}.")
    return found.name


def version_named(client: MlpackClient, text: str) -> ModelVersion:
    """The version in an argument: churn/3, churn@champion, churn/Production, models:/churn/3."""
    from ..registry.addresses import check_is_version, read_name
    from ..registry.find import find_version

    found = read_name(text)
    check_is_version(found)
    return find_version(client, found)


def name_or_version(client: MlpackClient, text: str) -> tuple[str, int | None]:
    """A name, and a version's number where the argument names one."""
    from ..registry.addresses import read_name
    from ..registry.find import find_version

    found = read_name(text)
    if found.version is None and found.stage is None and found.alias is None:
        return found.name, None
    version = find_version(client, found)
    return version.name, int(version.version)


def shown(name: str, version: int | str | None = None) -> str:
    """A model or a version as commands take it."""
    return clean(name if version is None else f"{name}/{version}")


def collect(
    page: Callable[[int, str | None], PagedList], max_results: int | None, at_once: int
) -> tuple[list[Any], bool]:
    """Results from as many pages as it takes, and whether there are more.

    Args:
        page: fetches one, given its size and the token of the page before.
        max_results: at most so many; None: all.
        at_once: the largest page.
    """
    found: list[Any] = []
    token = None
    while True:
        left = at_once if max_results is None else min(at_once, max_results - len(found))
        some = page(left, token)
        found += some
        if (token := some.token) is None:
            return found, False
        if max_results is not None and len(found) >= max_results:
            return found, True


def confirm(question: str, yes: bool) -> None:
    """Ask; whoever does not say yes changes nothing.

    Raises:
        InvalidInput: the answer is no, or there is nobody to ask.
    """
    from ..errors import InvalidInput

    if yes:
        return
    try:
        if click.confirm(question, err=True):
            return
    except click.Abort:
        click.echo(err=True)  # ends the line of the question
        raise InvalidInput("Nothing was changed. --yes answers the question.") from None
    raise InvalidInput("Nothing was changed.")


def complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """For the shell: names of registered models, and behind a slash their versions."""
    from ..errors import MlpackError
    from ..tracking.filters import quoted

    try:
        client = make_client()
        name, slash, begun = incomplete.partition("/")
        if not slash:
            like = f"name LIKE {quoted(f'{name}%')}" if name else ""
            found = client.search_registered_models(like, max_results=_SUGGESTED)
            return [model.name for model in found if model.name.startswith(name)]
        versions = client.search_model_versions(
            f"name = {quoted(name)}", max_results=_SUGGESTED, order_by=["version_number DESC"]
        )
        numbers = [str(version.version) for version in versions]
        return [f"{name}/{number}" for number in numbers if number.startswith(begun)]
    except MlpackError:
        return []


def model_argument(name: str = "model", metavar: str = "NAME/VERSION") -> Callable[[F], F]:
    """An argument that names a registered model or a version; the shell completes it."""
    return click.argument(name, metavar=metavar, shell_complete=complete_model)
