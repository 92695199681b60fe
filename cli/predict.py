"""``mlpack predict``: score a file without a server."""

from __future__ import annotations

from typing import Any

import click

from .options import (
    environment_options,
    examples,
    model_uri_option,
    parse_json_option,
    trust_from,
    trust_options,
)


@click.command(
    epilog=examples(
        "mlpack predict -m runs:/<run_id>/model -i rows.csv -o predictions.csv",
        "mlpack predict -m ./model -i rows.json",
        "cat rows.csv | mlpack predict -m ./model -i - --format csv",
        "mlpack predict -m ./model -i rows.parquet -o out.parquet --params '{\"top_k\": 3}'",
    )
)
@model_uri_option
@click.option(
    "-i",
    "--input-path",
    required=True,
    metavar="FILE",
    help="Rows to score: .csv, .json (as for /invocations), .parquet, .arrow, .npy; - for stdin.",
)
@click.option(
    "-o",
    "--output-path",
    default="-",
    metavar="FILE",
    help="Where predictions go: .csv, .json, .parquet, .arrow, .npy. Default: JSON to stdout.",
)
@click.option(
    "--format",
    "-t",
    "input_format",
    type=click.Choice(["csv", "json", "parquet", "arrow", "npy"]),
    help="Format of the input, when its name does not tell.",
)
@click.option(
    "--params",
    callback=parse_json_option,
    metavar="JSON",
    help="Inference parameters, inline or @file.",
)
@trust_options
@environment_options
def predict(
    model_uri: str,
    input_path: str,
    output_path: str,
    input_format: str | None,
    params: dict[str, Any] | None,
    trust: bool,
    trusted_types: tuple[str, ...],
) -> None:
    """Score a file of rows with a model, without a server."""
    from ..flavors import load_model
    from ..registry.resolve import resolve
    from ..serve.predict import predict_file

    found = resolve(model_uri)
    model = load_model(
        found.path,
        trust=trust_from(trust, trusted_types),
        expected_digest=found.digest,
        expected_files=found.files,
    )
    predict_file(model, input_path, output_path, content_type=input_format, params=params)
