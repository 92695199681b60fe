"""``mlpack models lineage``, ``diff``: where a model came from, and how two of them differ."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from .options import examples
from .output import fit, json_option, local_time, print_json, row_lines
from .registered import print_versions
from .registry_names import complete_model, make_client
from .terminal import clean, columns, width
from .tree import Node, draw

if TYPE_CHECKING:
    from ..registry.diff import Diff, Difference
    from ..registry.lineage import Lineage

_LINES = 15  # requirements that a tree shows
_WIDEST = 140  # columns of a comparison that goes into a file or a pipe
_NARROWEST = 10  # a column of a comparison
_SHORT = 12  # characters of a checksum


@click.command(
    epilog=examples(
        "mlpack models lineage churn/3",
        "mlpack models lineage churn@champion --json",
        "mlpack models lineage --dataset customers-may",
        "mlpack models lineage --dataset customers@d264a54a --commit 9d22bc1",
    )
)
@click.argument("model", required=False, metavar="[NAME/VERSION]", shell_complete=complete_model)
@click.option("--dataset", metavar="D", help="A dataset's name, digest, or name@digest.")
@click.option("--commit", metavar="C", help="A git commit: seven or more of its characters.")
@click.option("-r", "--run", "--run-id", "run_id", metavar="ID", help="A run.")
@click.option("--source", metavar="S", help="A script or notebook, such as train.py.")
@json_option
def lineage(
    model: str | None,
    dataset: str | None,
    commit: str | None,
    run_id: str | None,
    source: str | None,
    as_json: bool,
) -> None:
    """Where a version came from, as a tree: run, experiment, data, code, environment.

    Any address of a model will do. With --dataset, --commit, --run or --source instead of a
    version, the way back: every version that came from there.
    """
    back = (dataset, commit, run_id, source)
    if (model is None) == (back == (None,) * 4):
        raise click.UsageError(
            "Give a version, or one or more of --dataset, --commit, --run and --source."
        )
    if model is None:
        _way_back(dataset, commit, run_id, source, as_json)
        return
    from ..registry.lineage import lineage as trace

    found = trace(make_client(), model)
    if as_json:
        print_json(found.to_dict())
        return
    for line in draw(tree(found), columns()):
        click.echo(line)


def _way_back(
    dataset: str | None, commit: str | None, run_id: str | None, source: str | None, as_json: bool
) -> None:
    from ..registry.origins import versions_of

    found = versions_of(make_client(), dataset=dataset, commit=commit, run=run_id, source=source)
    if as_json:
        print_json([asdict(version) for version in found])
    elif found:
        print_versions(found, with_name=True)
    else:
        click.echo("No versions came from there.", err=True)


def tree(found: Lineage) -> Node:
    """A lineage as the lines of a tree."""
    root = Node(_title(found))
    version = found.version
    if version is not None:
        by = f" by {version.user_id}" if version.user_id else ""
        _add(root, f"registered: {local_time(version.creation_timestamp)}{by}")
        _add(root, f"description: {version.description}" if version.description.strip() else None)
        _add(root, f"source: {version.source}" if version.source else None)
    _add(root, f"digest: {found.digest}" if found.digest else None)
    _add(root, f"files: {found.gone['files']}" if "files" in found.gone else None)
    _add_model(root, found)
    if found.run_id:
        _add_run(root, found)
    _add_environment(root, found)
    for image in found.images:
        _add_use(root, f"image: {image.get('reference')}", image, "digest", "platforms")
    for one in found.deployments:
        title = f"deployment: {one.get('target')}/{one.get('name')}"
        if one.get("place"):
            title += f" in {one['place']}"
        _add_use(root, title, one, "status", "endpoint")
    return root


def _title(found: Lineage) -> str:
    version = found.version
    if version is None:
        return clean(found.address)
    parts = [f"{version.name}/{version.version}"]
    parts += [f"@{alias}" for alias in sorted(version.aliases)]
    parts += [] if version.current_stage in ("None", "") else [str(version.current_stage)]
    return clean("  ".join(parts))


def _add(node: Node, text: str | None) -> Node | None:
    return None if text is None else node.add(clean(text))


def _add_use(root: Node, title: str, use: dict[str, Any], *shown: str) -> None:
    """An image or a deployment: what it is, then when and by whom."""
    told = [use[name] for name in (*shown, "when", "by") if use.get(name)]
    words = [" ".join(map(str, each)) if isinstance(each, list) else str(each) for each in told]
    _add(root, ", ".join([title, *words]))


def _add_model(root: Node, found: Lineage) -> None:
    model = found.model
    if model is not None:
        _add(root, f"logged model: {model.name} ({model.model_id}), {model.status}")
    elif found.model_id:
        _add(root, f"logged model: {found.model_id}, {found.gone.get('model', 'gone')}")


def _add_run(root: Node, found: Lineage) -> None:
    gone = f", {found.gone['run']}" if "run" in found.gone else ""
    run = found.run
    if run is None:
        _add(root, f"run: {found.run_id}{gone or ', gone'}")
        return
    info = run.info
    node = root.add(clean(f"run: {info.run_name} ({info.run_id}), {info.status}{gone}"))
    by = f" by {info.user_id}" if info.user_id else ""
    _add(node, f"started: {local_time(info.start_time)}{by}")
    if found.experiment is not None:
        deleted = f", {found.gone['experiment']}" if "experiment" in found.gone else ""
        name, number = found.experiment.name, found.experiment.experiment_id
        _add(node, f"experiment: {name} ({number}){deleted}")
    for dataset in found.datasets:
        use = f" for {dataset.context}" if dataset.context else ""
        source = f", from {dataset.source}" if dataset.source else ""
        _add(node, f"dataset: {dataset.name} (digest {dataset.digest}){use}{source}")
    for model_id in found.inputs:
        _add(node, f"input model: models:/{model_id}")
    _add_code(node, found)


def _add_code(node: Node, found: Lineage) -> None:
    code = found.code
    kind = f" ({code.type})" if code.type not in (None, "LOCAL") else ""
    _add(node, f"source: {code.name}{kind}" if code.name else None)
    if code.commit:
        branch = f" on {code.branch}" if code.branch else ""
        dirty = ", with changes that are not in it" if code.dirty else ""
        _add(node, f"git commit: {code.commit}{branch}{dirty}")
    _add(node, f"repository: {code.repository}" if code.repository else None)


def _add_environment(root: Node, found: Lineage) -> None:
    environment = found.environment
    if environment is None:
        return
    python = f"Python {environment.python}" if environment.python else None
    file = f"requirements.txt {environment.digest}" if environment.digest else None
    node = root.add(clean(f"environment: {', '.join(filter(None, (python, file)))}"))
    for line in environment.requirements[:_LINES]:
        _add(node, line)
    if (more := len(environment.requirements) - _LINES) > 0:
        _add(node, f"… and {more} more (--json)")


@click.command(
    epilog=examples(
        "mlpack models diff churn/2 churn/3",
        "mlpack models diff churn@champion churn@challenger --all",
        "mlpack models diff ./model models:/churn/3 --json | jq .sections.requirements",
    )
)
@click.argument("a", shell_complete=complete_model)
@click.argument("b", shell_complete=complete_model)
@click.option("--all", "show_all", is_flag=True, help="Also what is the same.")
@json_option
def diff(a: str, b: str, show_all: bool, as_json: bool) -> None:
    """Compare models A and B side by side: params, metrics, signature, requirements, files, …

    A and B are versions (churn/3, churn@champion) or any other addresses of models. Lines that
    differ begin with ~, what only A has with -, what only B has with +.
    """
    from ..registry.diff import diff as compare

    found = compare(make_client(), a, b)
    if as_json:
        print_json(found.to_dict())
    else:
        _print_diff(found, show_all)


_COLOURS = {"~": "yellow", "-": "red", "+": "green"}


def _print_diff(found: Diff, show_all: bool) -> None:
    rows = {
        section: [_row(one) for one in keys if show_all or one.is_changed]
        for section, keys in found.sections.items()
    }
    header = ["", "", clean(found.left), clean(found.right), "difference"]
    cells = [header, *(row for section in rows.values() for row in section)]
    natural = [max(width(row[i]) for row in cells) for i in range(5)]
    widths = fit(natural, [_NARROWEST] * 5, columns() or _WIDEST)
    if any(rows.values()):
        _echo_row(header, widths, bold=True)
    for section, lines in rows.items():
        if lines:
            click.echo(click.style(section, bold=True))
        for row in lines:
            _echo_row(row, widths, fg=_COLOURS.get(row[0]))
    same = [section for section, lines in rows.items() if not lines]
    if same:
        click.echo(f"The same: {', '.join(same)}")
    for side, parts in found.gone.items():
        address = found.left if side == "left" else found.right
        for part, reason in parts.items():
            click.echo(f"{clean(address)}: {part}: {clean(reason)}", err=True)


def _echo_row(row: list[str], widths: list[int], **style: Any) -> None:
    for line in row_lines(row, widths):
        click.echo(click.style(line.rstrip(), **style))


def _row(one: Difference) -> list[str]:
    left, right = _value(one.left), _value(one.right)
    mark = " " if not one.is_changed else "+" if not left else "-" if not right else "~"
    delta = "" if one.delta in (None, 0) else f"{one.delta:+.6g}"
    return [mark, clean(one.key), left, right, delta]


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = clean("" if value is None else value)
    algorithm, colon, checksum = text.partition(":")
    if colon and algorithm == "sha256" and len(checksum) == 64:
        return f"{algorithm}:{checksum[:_SHORT]}…"
    return text
