"""``mlpack runs``: what was tracked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .lazy import Entry, LazyGroup
from .options import examples
from .output import json_option, local_time, print_fields, print_json, print_table

if TYPE_CHECKING:
    from ..tracking.entities import Run

runs = LazyGroup(
    name="runs",
    help="List runs and show what one recorded.",
    entries={
        "list": Entry("runs:list_runs", "List the runs of an experiment, newest first."),
        "show": Entry("runs:show", "Show one run: parameters, metrics, tags, files, models."),
    },
    examples=("mlpack runs list", "mlpack runs show <run_id>"),
)


@click.command(
    "list",
    epilog=examples(
        "mlpack runs list",
        "mlpack runs list -x quickstart --filter 'metrics.roc_auc > 0.8'",
        "mlpack runs list --order-by 'metrics.accuracy DESC' --max-results 5 --json",
    ),
)
@click.option(
    "-x", "--experiment-name", metavar="NAME", help="Only this experiment. Default: all of them."
)
@click.option("--filter", "filter_string", default="", metavar="EXPR", help="MLflow's grammar.")
@click.option("--order-by", multiple=True, metavar="KEY [DESC]", help="Can be given several times.")
@click.option(
    "--max-results", type=click.IntRange(1, 50000), default=100, show_default=True, metavar="N"
)
@json_option
def list_runs(
    experiment_name: str | None,
    filter_string: str,
    order_by: tuple[str, ...],
    max_results: int,
    as_json: bool,
) -> None:
    """List runs, newest first."""
    from ..errors import NotFound
    from ..tracking.client import TrackingClient

    client = TrackingClient()
    experiments = {e.experiment_id: e.name for e in client.search_experiments()}
    if experiment_name is not None:
        experiments = {i: name for i, name in experiments.items() if name == experiment_name}
        if not experiments:
            raise NotFound(
                f"There is no experiment {experiment_name!r} in {client.tracking_uri}. "
                "`mlpack runs list` shows the runs of all experiments."
            )
    found = client.search_runs(
        list(experiments), filter_string, max_results=max_results, order_by=list(order_by)
    )
    if as_json:
        print_json([_as_dict(run) for run in found])
        return
    if not found:
        click.echo("No runs.", err=True)
        return
    print_table(
        ("run id", "experiment", "name", "status", "started", "metrics"),
        (
            (
                run.info.run_id,
                experiments[run.info.experiment_id],
                run.info.run_name,
                run.info.status,
                local_time(run.info.start_time),
                "  ".join(f"{key}={value:.4g}" for key, value in sorted(run.data.metrics.items())),
            )
            for run in found
        ),
    )


@click.command(
    epilog=examples("mlpack runs show 4f6b0e7c…", "mlpack runs show 4f6b0e7c… --json | jq .metrics")
)
@click.argument("run_id")
@json_option
def show(run_id: str, as_json: bool) -> None:
    """Show what the run RUN_ID recorded."""
    from ..tracking.client import TrackingClient

    client = TrackingClient()
    run = client.get_run(run_id)
    described = _as_dict(run)
    described["artifacts"] = [file.path for file in client.list_artifacts(run_id)]
    described["models"] = [
        {"name": model.name, "model_id": model.model_id, "uri": f"runs:/{run_id}/{model.name}"}
        for model in client.search_logged_models(run_id=run_id)
    ]
    if as_json:
        print_json(described)
        return
    info = run.info
    tags = {k: v for k, v in run.data.tags.items() if not k.startswith("mlflow.")}
    source = {key.removeprefix("mlflow."): value for key, value in run.data.tags.items()}
    print_fields(
        [
            ("run", f"{info.run_name} ({info.run_id})"),
            ("experiment", client.get_experiment(info.experiment_id).name),
            ("status", info.status),
            ("started", local_time(info.start_time)),
            ("ended", local_time(info.end_time)),
            ("user", source.pop("user", None)),
            ("source", source.pop("source.name", None)),
            ("git commit", source.pop("source.git.commit", None)),
            ("params", _lines(run.data.params)),
            ("metrics", _lines({k: f"{v:.6g}" for k, v in run.data.metrics.items()})),
            ("tags", _lines(tags)),
            ("artifacts", "\n".join(described["artifacts"])),
            ("models", "\n".join(model["uri"] for model in described["models"])),
        ]
    )


def _lines(pairs: dict[str, Any]) -> str:
    return "\n".join(f"{key} = {value}" for key, value in sorted(pairs.items()))


def _as_dict(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.info.run_id,
        "experiment_id": run.info.experiment_id,
        "run_name": run.info.run_name,
        "status": run.info.status,
        "start_time": run.info.start_time,
        "end_time": run.info.end_time,
        "artifact_uri": run.info.artifact_uri,
        "params": dict(run.data.params),
        "metrics": dict(run.data.metrics),
        "tags": dict(run.data.tags),
    }
