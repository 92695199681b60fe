"""``mlpack models``: the registry; look at a model at hand, or make one of a bare file."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .lazy import Entry, LazyGroup
from .options import examples, trust_options
from .output import json_option, print_fields, print_json
from .registry_names import complete_model

if TYPE_CHECKING:
    from ..uris import RegisteredModelUri

LOOK, CHANGE, HERE = "Look", "Change what is registered", "A model at hand"

models = LazyGroup(
    name="models",
    help="Register models, promote and compare them, ask where they came from; look at a model at "
    "hand, or make one of a bare pickle.\n\n"
    "A version is named churn/3, churn@champion, churn/Production, churn/latest, or by models:/ "
    "and that. (serve, predict, build-docker and generate-dockerfile are the commands of the same "
    "name.)",
    entries={
        "list": Entry("registered:list_models", "List registered models.", LOOK),
        "versions": Entry("registered:versions", "List the versions of a model.", LOOK),
        "show": Entry(
            "models:show", "Show a registered model, a version, or a model at any address.", LOOK
        ),
        "history": Entry("registered:history", "Who changed what when and why.", LOOK),
        "lineage": Entry("lineage:lineage", "Where a version came from; or the way back.", LOOK),
        "diff": Entry("lineage:diff", "Compare two models side by side.", LOOK),
        "register": Entry("register:register", "Register a model under a name.", CHANGE),
        "promote": Entry("promote:promote", "Move a version to a stage.", CHANGE),
        "alias": Entry("promote:alias", "Point an alias at a version.", CHANGE),
        "unalias": Entry("promote:unalias", "Remove an alias.", CHANGE),
        "describe": Entry("register:describe", "Describe a model or a version.", CHANGE),
        "tag": Entry("register:tag", "Set tags.", CHANGE),
        "untag": Entry("register:untag", "Remove tags.", CHANGE),
        "copy": Entry("register:copy", "Register a version under another name, too.", CHANGE),
        "rename": Entry("register:rename", "Give a registered model another name.", CHANGE),
        "delete": Entry("register:delete", "Delete a version, or a model with all.", CHANGE),
        "example": Entry(
            "models:example", "Write a model's input example as a request body.", HERE
        ),
        "wrap": Entry(
            "models:wrap", "Make a model folder of a bare .pkl, .sav, .joblib, .skops.", HERE
        ),
        "serve": Entry("serve:serve", "Answer HTTP requests with a model.", HERE),
        "predict": Entry("predict:predict", "Score a file, without a server.", HERE),
        "build-docker": Entry("build:build_docker", "Turn a model into a Docker image.", HERE),
        "generate-dockerfile": Entry(
            "build:generate_dockerfile", "Write a Dockerfile + context.", HERE
        ),
    },
    examples=(
        "mlpack models register runs:/<run_id>/model churn --alias challenger",
        "mlpack models promote churn@challenger Production --note 'won the test'",
        "mlpack models diff churn/2 churn/3",
        "mlpack models show runs:/<run_id>/model",
    ),
)


@click.command(
    epilog=examples(
        "mlpack models show churn",
        "mlpack models show churn@champion",
        "mlpack models show runs:/<run_id>/model",
        "mlpack models show ./model --json | jq .files",
    )
)
@click.argument("uri", metavar="NAME|NAME/VERSION|URI", shell_complete=complete_model)
@json_option
def show(uri: str, as_json: bool) -> None:
    """Show a registered model, a version of it, or the model at URI. Nothing is loaded or run."""
    from ..registry.addresses import forgiving
    from ..uris import RegisteredModelUri

    parsed = forgiving(uri)
    if not isinstance(parsed, RegisteredModelUri):
        _show_address(uri if "/" in uri else _address(parsed, uri), as_json)
    elif parsed.version is None and parsed.stage is None and parsed.alias is None:
        from .registered import show_model

        show_model(parsed.name, as_json)
    else:
        _show_version(parsed, as_json)


def _address(parsed: Any, text: str) -> str:
    """A logged model's bare id as an address."""
    from ..uris import LoggedModelUri

    return f"models:/{parsed.model_id}" if isinstance(parsed, LoggedModelUri) else text


def _show_version(parsed: RegisteredModelUri, as_json: bool) -> None:
    """What the registry says of a version, and what its files say if they are there."""
    from dataclasses import asdict

    from ..errors import MlpackError
    from ..registry.find import find_version
    from .registered import version_fields
    from .registry_names import make_client

    version = find_version(make_client(), parsed)
    problem = None
    described: dict[str, Any] = {"uri": version.model_uri, "digest": None, "files": {}}
    try:
        described = _describe(version.model_uri)
    except MlpackError as error:
        problem = error.message
    if as_json:
        print_json({"version": asdict(version), **described, "problem": problem})
        return
    fields = version_fields(version)
    if problem is None:
        fields += [field for field in _fields(described) if field[0] != "model"]
    else:
        fields += [("digest", version.digest), ("files", problem)]
    print_fields(fields)


def _show_address(uri: str, as_json: bool) -> None:
    described = _describe(uri)
    if as_json:
        print_json(described)
    else:
        print_fields(_fields(described))


def _describe(uri: str) -> dict[str, Any]:
    """What the files of a model say, and what images of it would hold."""
    from ..builders.lock.known import known_locks
    from ..flavors import Model
    from ..flavors.integrity import digest, manifest
    from ..registry.resolve import resolve

    found = resolve(uri)
    model = Model.read(found.path)
    files = manifest(found.path)
    return {
        "uri": uri,
        "path": str(found.path),
        "run_id": found.run_id or model.run_id,
        "model_id": found.model_id or model.model_id,
        "digest": digest(files),
        "recorded_digest": found.digest,
        "created": model.utc_time_created,
        "flavors": sorted(set(model.flavors) - {"python_function"}) or ["python_function"],
        "signature": model.signature.to_dict() if model.signature else None,
        "requirements": _requirements(found.path),
        "locks": known_locks(found.path),
        "files": {
            name: {"bytes": (found.path / name).stat().st_size, "sha256": sha.partition(":")[2]}
            for name, sha in files.items()
        },
        "metadata": model.metadata,
    }


def _fields(described: dict[str, Any]) -> list[tuple[str, Any]]:
    record = "not recorded in a store"
    if described["recorded_digest"] is not None:
        same = described["recorded_digest"] == described["digest"]
        record = "as recorded in the store" if same else "CHANGED since it was logged"
    sizes = {name: file["bytes"] for name, file in described["files"].items()}
    created = described["created"]
    return [
        ("model", described["uri"]),
        ("path", described["path"]),
        ("flavors", ", ".join(described["flavors"])),
        ("run", described["run_id"]),
        ("model id", described["model_id"]),
        ("created", f"{created} UTC" if created else None),
        ("signature", _signature(described["signature"])),
        ("requirements", "\n".join(described["requirements"])),
        ("locks", "\n".join(map(_lock, described["locks"]))),
        ("digest", f"{described['digest']}\n{record}"),
        ("files", "\n".join(f"{size:>12,}  {name}" for name, size in sizes.items())),
    ]


def _lock(lock: dict[str, Any]) -> str:
    packages = lock["packages"]
    shown = f"{lock['target']}: {len(packages)} packages, {lock['place']}\n{lock['digest']}"
    listed = ", ".join(f"{name} {version}".strip() for name, version in packages.items())
    return "\n".join(
        [shown, *textwrap.wrap(listed, 90, initial_indent="  ", subsequent_indent="  ")]
    )


def _signature(parts: dict[str, str | None] | None) -> str:
    if not parts:
        return ""
    lines = []
    for part, text in parts.items():
        for spec in json.loads(text) if text else []:
            kind = spec.get("tensor-spec") or spec.get("type")
            shown = f"{kind['dtype']}{tuple(kind['shape'])}" if isinstance(kind, dict) else kind
            optional = "" if spec.get("required", True) else " (optional)"
            default = f" = {spec['default']!r}" if "default" in spec else ""
            lines.append(f"{part[:-1]:7}{spec.get('name') or ''}: {shown}{optional}{default}")
    return "\n".join(lines)


def _requirements(folder: Path) -> list[str]:
    file = folder / "requirements.txt"
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []


@click.command(
    epilog=examples(
        "mlpack models example runs:/<run_id>/model",
        "mlpack models example ./model -o rows.json && curl host/invocations "
        "-H 'Content-Type: application/json' -d @rows.json",
    )
)
@click.argument("uri")
@click.option("-o", "--output-path", type=click.Path(path_type=Path), help="Default: print it.")
def example(uri: str, output_path: Path | None) -> None:
    """Write the input example of the model at URI as a body for /invocations."""
    from ..errors import NotFound
    from ..flavors import Model
    from ..flavors.staging import write_file
    from ..registry.resolve import resolve
    from ..uris import safe_join

    folder = resolve(uri).path
    info = Model.read(folder).saved_input_example_info or {}
    name = info.get("serving_input_path")
    if not name or not (file := safe_join(folder, name)).is_file():
        raise NotFound(
            f"{uri} has no input example. Log the model with input_example=X.head(3) to get one."
        )
    body = file.read_text(encoding="utf-8")
    if output_path:
        write_file(output_path, body.encode())
    else:
        click.echo(body)


@click.command(
    epilog=examples(
        "mlpack models wrap churn.sav -o ./churn",
        "mlpack models wrap churn.pkl -o ./churn --example rows.csv",
        "mlpack models wrap churn.joblib -o ./churn -r requirements.txt",
    )
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output-path",
    required=True,
    type=click.Path(path_type=Path),
    help="The model folder to make; it must not exist or be empty.",
)
@click.option(
    "--example",
    "example_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Some rows as .csv or .json: they become the input example and give the signature.",
)
@click.option(
    "--requirements",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take the requirements from this file instead of reading them off the model.",
)
@trust_options
def wrap(
    file: Path,
    output_path: Path,
    example_file: Path | None,
    requirements: Path | None,
    trust: bool,
    trusted_types: tuple[str, ...],
) -> None:
    """Make a model folder of a bare FILE (.pkl, .sav, .joblib or .skops).

    A pickle is a program: this loads the file, so wrap only what you trust.
    """
    from ..flavors.wrap import wrap as make_model
    from .options import trust_from

    make_model(
        file,
        output_path,
        example_file=example_file,
        pip_requirements=str(requirements) if requirements else None,
        trust=trust_from(trust, trusted_types),
    )
    click.echo(f"Made {output_path}. Serve it:  mlpack serve -m {output_path}")
