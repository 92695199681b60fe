"""``mlpack models``: look at a model, or make one of a bare file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from .lazy import Entry, LazyGroup
from .options import examples, trust_options
from .output import json_option, print_fields, print_json

models = LazyGroup(
    name="models",
    help="Look at a model, or make one of a bare pickle. (serve, predict, build-docker and "
    "generate-dockerfile are the commands of the same name.)",
    entries={
        "show": Entry("models:show", "Show a model's flavors, signature, environment, files."),
        "example": Entry("models:example", "Write a model's input example as a request body."),
        "wrap": Entry("models:wrap", "Make a model folder of a bare .pkl, .sav, .joblib, .skops."),
        "serve": Entry("serve:serve", "Answer HTTP requests with a model."),
        "predict": Entry("predict:predict", "Score a file, without a server."),
        "build-docker": Entry("build:build_docker", "Turn a model into a Docker image."),
        "generate-dockerfile": Entry("build:generate_dockerfile", "Write a Dockerfile + context."),
    },
    examples=(
        "mlpack models show runs:/<run_id>/model",
        "mlpack models wrap old_model.sav -o ./model",
    ),
)


@click.command(
    epilog=examples(
        "mlpack models show runs:/<run_id>/model", "mlpack models show ./model --json | jq .files"
    )
)
@click.argument("uri")
@json_option
def show(uri: str, as_json: bool) -> None:
    """Show the model at URI. Nothing of it is loaded or run."""
    from ..flavors import Model
    from ..flavors.integrity import digest, manifest
    from ..registry.resolve import resolve

    found = resolve(uri)
    model = Model.read(found.path)
    files = manifest(found.path)
    described: dict[str, Any] = {
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
        "files": {
            name: {"bytes": (found.path / name).stat().st_size, "sha256": sha.partition(":")[2]}
            for name, sha in files.items()
        },
        "metadata": model.metadata,
    }
    if as_json:
        print_json(described)
        return
    record = "not recorded in a store"
    if found.digest is not None:
        same = found.digest == described["digest"]
        record = "as recorded in the store" if same else "CHANGED since it was logged"
    sizes = {name: file["bytes"] for name, file in described["files"].items()}
    print_fields(
        [
            ("model", uri),
            ("path", described["path"]),
            ("flavors", ", ".join(described["flavors"])),
            ("run", described["run_id"]),
            ("model id", described["model_id"]),
            ("created", f"{model.utc_time_created} UTC" if model.utc_time_created else None),
            ("signature", _signature(described["signature"])),
            ("requirements", "\n".join(described["requirements"])),
            ("digest", f"{described['digest']}\n{record}"),
            ("files", "\n".join(f"{size:>12,}  {name}" for name, size in sizes.items())),
        ]
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
    return file.read_text(encoding="utf-8").split("\n") if file.is_file() else []


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
