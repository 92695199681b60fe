"""The command-line reference, made from the commands themselves.

    python -m mlpack.cli.reference > docs/cli.md

A test compares the file with this output, so the reference is always true.
"""

from __future__ import annotations

from collections.abc import Iterator

import click


def walk(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command below ``command`` with its full name, parents first."""
    settings = {**command.context_settings, "terminal_width": 100}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield context.command_path, command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from walk(child, name, context)


def render() -> str:
    """The reference as Markdown."""
    from .main import cli

    parts = [
        "# The command line\n\nMade by `python -m mlpack.cli.reference`. Errors are one line on "
        "standard error with exit code 1, wrong usage is exit code 2; `MLPACK_DEBUG=1` shows the "
        "trace behind an error.\n"
    ]
    seen: dict[int, str] = {}
    for path, command, context in walk(cli, "mlpack"):
        if first := seen.get(id(command)):
            parts.append(f"## {path}\n\nThe same as [`{first}`](#{first.replace(' ', '-')}).\n")
            continue
        seen[id(command)] = path
        help_text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        parts.append(f"## {path}\n\n```text\n{help_text}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    click.echo(render(), nl=False)
