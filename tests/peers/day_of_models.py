"""A day with files, models and datasets, as people live it with the client of MLflow."""

import json
import os
from pathlib import Path

import mlflow
import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
from click.testing import CliRunner
from diary import GENERATION, NAME, chapter, refusal, tell
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

client = MlflowClient()
features, labels = load_iris(return_X_y=True, as_frame=True)


def in_experiment(name):
    mlflow.set_experiment(f"{NAME} {name}")
    return client.get_experiment_by_name(f"{NAME} {name}").experiment_id


def listing(run_id, path=None):
    return [
        [file.path, file.is_dir, file.file_size] for file in client.list_artifacts(run_id, path)
    ]


ODD_NAMES = ["a b.txt", "ünï.txt", "100%.txt", "%41.txt", "a+b&c=d.txt", "semi;colon.txt", "q'.txt"]


@chapter()
def files():
    in_experiment("files")
    Path("tree/deep/deeper").mkdir(parents=True, exist_ok=True)
    Path("tree/top.txt").write_text("top")
    Path("tree/empty.bin").write_bytes(b"")
    Path("tree/deep/deeper/low.json").write_text('{"a": 1}')
    Path("big.bin").write_bytes(os.urandom(1 << 20) * 12)
    for name in ODD_NAMES:
        Path(name).write_text(name)
    with mlflow.start_run() as run:
        run_id = run.info.run_id
        seen = {"nothing yet": listing(run_id)}
        mlflow.log_artifact("tree/top.txt")
        mlflow.log_artifact("tree/top.txt", "some/folder")
        mlflow.log_artifacts("tree")
        mlflow.log_artifacts("tree", artifact_path="copy")
        mlflow.log_artifact("big.bin")
        mlflow.log_text("ünï\ntext", "notes/text.txt")
        mlflow.log_dict({"k": [1, 2]}, "notes/dict.json")
        mlflow.log_dict({"k": [1, 2]}, "notes/dict.yaml")
        mlflow.log_text("first", "again.txt")
        mlflow.log_text("second", "again.txt")
        if GENERATION > 1:
            import matplotlib

            matplotlib.use("Agg")
            from matplotlib import pyplot

            figure, axes = pyplot.subplots(figsize=(1, 1))
            axes.plot([1, 2])
            mlflow.log_figure(figure, "plots/figure.png")
            mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), "plots/image.png")
            seen["plots"] = [path for path, _, _ in listing(run_id, "plots")]
        for name in ODD_NAMES:
            mlflow.log_artifact(name, "odd names/ü")
        seen["refused"] = [
            refusal(client.log_text, run_id, "x", "../../up.txt"),
            refusal(client.list_artifacts, run_id, "../.."),
            refusal(client.list_artifacts, run_id, "/etc"),
        ]
        seen["place"] = mlflow.get_artifact_uri("notes").replace(
            run.info.experiment_id, "<experiment>", 1
        )
    seen["lists"] = {
        path: listing(run_id, path)
        for path in (None, "copy", "copy/deep", "notes", "odd names/ü", "nowhere", "again.txt")
    }
    whole = Path(mlflow.artifacts.download_artifacts(run_id=run_id, dst_path=f"{run_id}/whole"))
    seen["whole"] = sorted(
        [str(path.relative_to(whole)), path.stat().st_size]
        for path in whole.rglob("*")
        if path.is_file() and path.parent.name != "plots"
    )
    seen["same bytes"] = (whole / "big.bin").read_bytes() == Path("big.bin").read_bytes()
    for name in ODD_NAMES:
        got = mlflow.artifacts.download_artifacts(f"runs:/{run_id}/odd names/ü/{name}")
        seen[name] = Path(got).read_text()
    part = Path(client.download_artifacts(run_id, "copy/deep"))
    seen["part"] = sorted(str(path.relative_to(part)) for path in part.rglob("*"))
    seen["text"] = mlflow.artifacts.load_text(run.info.artifact_uri + "/notes/text.txt")
    seen["dict"] = mlflow.artifacts.load_dict(run.info.artifact_uri + "/notes/dict.json")
    seen["again"] = mlflow.artifacts.load_text(f"runs:/{run_id}/again.txt")
    if GENERATION > 1:
        listed = mlflow.artifacts.list_artifacts(run_id=run_id, artifact_path="copy")
        seen["listed"] = [file.path for file in listed]
    try:
        mlflow.artifacts.download_artifacts(f"runs:/{run_id}/not/there.txt")
        seen["missing"] = "found"
    except Exception as error:  # its class differs between generations
        seen["missing"] = type(error).__name__
    return seen


@chapter(since=2)
def tables():
    in_experiment("tables")
    with mlflow.start_run() as run:
        mlflow.log_table({"a": [1, 2], "b": ["x", "ü"]}, "tables/rows.json")
        mlflow.log_table(pd.DataFrame({"a": [3], "b": ["z"]}), "tables/rows.json")
    table = mlflow.load_table("tables/rows.json", run_ids=[run.info.run_id])
    return {
        "rows": table.to_dict("list"),
        "tag": json.loads(client.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"]),
        "with ids": mlflow.load_table("tables/rows.json", extra_columns=["run_id"])[
            "run_id"
        ].tolist(),
    }


@chapter()
def models():
    in_experiment("models")
    model = LogisticRegression(max_iter=500).fit(features, labels)
    name = "name" if GENERATION > 2 else "artifact_path"
    with mlflow.start_run() as run:
        mlflow.log_metric("accuracy", 0.9)
        logged = mlflow.sklearn.log_model(
            model,
            **{name: "classifier"},
            signature=infer_signature(features, model.predict(features)),
            input_example=features[:2],
            pip_requirements=["scikit-learn"],
        )
    run_id, address = run.info.run_id, f"runs:/{run.info.run_id}/classifier"
    expected = model.predict(features).tolist()
    native = mlflow.sklearn.load_model(address)
    pyfunc = mlflow.pyfunc.load_model(address)
    info = mlflow.models.get_model_info(address)
    history = client.get_run(run_id).data.tags.get("mlflow.log-model.history")
    return {
        "native": native.predict(features).tolist() == expected,
        "pyfunc": np.asarray(pyfunc.predict(features)).tolist() == expected,
        "run": info.run_id,
        "by its own address": mlflow.sklearn.load_model(logged.model_uri).coef_.shape,
        "signature": info.signature.to_dict(),
        "flavors": sorted(info.flavors),
        "files": sorted(path for path, _, _ in listing(run_id, "classifier")),
        "history": history and [entry["artifact_path"] for entry in json.loads(history)],
        "missing": refusal(mlflow.sklearn.load_model, f"runs:/{run_id}/other"),
        "nobody": refusal(mlflow.sklearn.load_model, f"runs:/{'0' * 32}/other"),
    }


@chapter(since=3)
def logged_models():
    experiment = in_experiment("logged models")
    model = LogisticRegression(max_iter=500).fit(features, labels)
    with mlflow.start_run() as run:
        for number in range(3):
            info = mlflow.sklearn.log_model(
                model,
                name=f"step{number}",
                step=number,
                params={"depth": number},
                tags={"stage": "try"},
                pip_requirements=["scikit-learn"],
            )
            mlflow.log_metric("score", number / 10, step=number, model_id=info.model_id)
        data = mlflow.data.from_pandas(features, name="iris")
        mlflow.log_metrics({"f1": 0.5}, step=2, model_id=info.model_id, dataset=data)
    last = info.model_id
    found = mlflow.get_logged_model(last)
    client.set_logged_model_tags(last, {"stage": "best", "gone": "x"})
    client.delete_logged_model_tag(last, "gone")
    client.log_model_params(last, {"late": "1"})
    again = client.get_logged_model(last)

    def names(filter_string=None, order_by=None):
        if order_by is None:
            order_by = [{"field_name": "name", "ascending": True}]
        page = client.search_logged_models([experiment], filter_string, order_by=order_by)
        return [entry.name for entry in page]

    external = mlflow.create_external_model(name="elsewhere", params={"url": "x"})
    begun = mlflow.initialize_logged_model(name="begun", params={"p": "1"}, tags={"t": "2"})
    status = str(begun.status)
    finished = client.finalize_logged_model(begun.model_id, "FAILED")
    pages, token = [], None
    while True:
        page = client.search_logged_models(
            [experiment], max_results=2, page_token=token, order_by=[{"field_name": "name"}]
        )
        pages.append([entry.name for entry in page])
        token = page.token
        if not token:
            break
    outputs = client.get_run(run.info.run_id).outputs
    with mlflow.start_run() as reader:
        mlflow.log_outputs([mlflow.entities.LoggedModelOutput(begun.model_id, 4)])
        client.log_inputs(reader.info.run_id, models=[mlflow.entities.LoggedModelInput(last)])
    read = client.get_run(reader.info.run_id)
    seen = {
        "found": [found.name, str(found.status), found.params, found.model_type, found.tags.keys()],
        "place": found.artifact_location.replace(experiment, "<experiment>", 1),
        "source": found.source_run_id == run.info.run_id,
        "metrics": sorted(
            [metric.key, metric.value, metric.step, metric.dataset_name] for metric in found.metrics
        ),
        "again": [again.params, again.tags["stage"], "gone" in again.tags],
        "outputs": sorted(
            [output.step, "m-" in output.model_id] for output in outputs.model_outputs
        ),
        "inputs": len(read.inputs.model_inputs),
        "outputs too": [output.step for output in read.outputs.model_outputs],
        "external": [str(external.status), external.tags, external.params],
        "begun": [status, str(finished.status), finished.params],
        "searches": {
            text: names(text)
            for text in (
                "",
                "name = 'step1'",
                "attributes.name LIKE 'step%'",
                "params.depth = '2'",
                "tags.stage = 'best'",
                "metrics.score > 0.05",
                "metrics.score > 0.05 AND params.depth = '1'",
                "name IN ('step0', 'step2')",
                "status = 'READY'",
                f"source_run_id = '{run.info.run_id}'",
                "creation_timestamp > 1",
            )
        },
        "orders": [
            names(order_by=[{"field_name": "name", "ascending": False}]),
            names("metrics.score >= 0", [{"field_name": "metrics.score", "ascending": False}]),
            names(order_by=[{"field_name": "creation_timestamp"}]),
            names(order_by=[]),
        ],
        "pages": pages,
        "table": sorted(mlflow.search_logged_models([experiment]).columns),
        "files": sorted(file.path for file in client.list_logged_model_artifacts(last)),
        "loaded": mlflow.sklearn.load_model(f"models:/{last}").coef_.shape,
        "downloaded": sorted(
            path.name
            for path in Path(mlflow.artifacts.download_artifacts(f"models:/{last}")).iterdir()
        ),
        "refused": [
            refusal(names, "name > 'x'"),
            refusal(names, order_by=[{"field_name": "colour"}]),
            refusal(client.get_logged_model, "m-" + "0" * 32),
            refusal(client.finalize_logged_model, "m-" + "0" * 32, "READY"),
            refusal(client.delete_logged_model_tag, last, "gone"),
            refusal(client.log_model_params, last, {"late": "2"}),
            refusal(mlflow.sklearn.load_model, "models:/m-" + "0" * 32),
        ],
    }
    client.delete_logged_model(last)
    seen["deleted"] = [refusal(client.get_logged_model, last), names()]
    return seen


@chapter(since=2)
def datasets():
    experiment = in_experiment("datasets")
    frame = mlflow.data.from_pandas(features.assign(y=labels), name="iris", targets="y")
    array = mlflow.data.from_numpy(features.to_numpy(), targets=labels.to_numpy(), name="array")
    with mlflow.start_run(run_name="one") as run:
        mlflow.log_input(frame, context="training", tags={"fold": "1"})
        mlflow.log_input(array, context="testing")
        mlflow.log_input(frame, context="training")
    with mlflow.start_run(run_name="two"):
        mlflow.log_input(frame, context="testing")
    inputs = client.get_run(run.info.run_id).inputs.dataset_inputs

    def names(text):
        return [run.info.run_name for run in client.search_runs([experiment], text)]

    return {
        "inputs": sorted(
            [
                [
                    entry.dataset.name,
                    entry.dataset.digest,
                    entry.dataset.source_type,
                    json.loads(entry.dataset.schema),
                    json.loads(entry.dataset.profile),
                    sorted([tag.key, tag.value] for tag in entry.tags),
                ]
                for entry in inputs
            ],
            key=str,
        ),
        "searches": {
            text: names(text)
            for text in (
                "dataset.name = 'array'",
                "datasets.name LIKE 'iri%'",
                f"dataset.digest = '{frame.digest}'",
                "dataset.context = 'testing'",
                "dataset.name = 'iris' AND dataset.context = 'training'",
                "dataset.name IN ('array', 'x')",
                "dataset.name != 'array'",
            )
        },
        "refused": [
            refusal(names, "dataset.colour = 'x'"),
            refusal(names, "dataset.name > 'x'"),
        ],
    }


@chapter(since=2)
def autolog():
    experiment = in_experiment("autolog")
    mlflow.sklearn.autolog(max_tuning_runs=2, log_models=True, silent=True)
    try:
        search = GridSearchCV(LogisticRegression(max_iter=200), {"C": [0.1, 1.0, 5.0]}, cv=2)
        with mlflow.start_run(run_name="search") as run:
            search.fit(features, labels)
    finally:
        mlflow.sklearn.autolog(disable=True)
    done = client.get_run(run.info.run_id)
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run.info.run_id}'")
    return {
        "metrics": sorted(done.data.metrics),
        "params": done.data.params,
        "tags": sorted(done.data.tags),
        "inputs": len(done.inputs.dataset_inputs),
        "children": sorted(
            [child.data.params["C"], sorted(child.data.metrics), child.info.status]
            for child in children
        ),
        "files": [path for path, _, _ in listing(run.info.run_id)],
        "best": mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/best_estimator").C,
    }


@chapter()
def command_line():
    """Commands run in this process: each start of theirs takes seconds."""
    from mlflow.cli import cli

    experiment = in_experiment("command line")
    with mlflow.start_run(run_name="seen from the shell") as run:
        mlflow.log_metric("m", 1)
        mlflow.log_text("x", "folder/x.txt")
    run_id = run.info.run_id
    Path("from_shell.txt").write_text("from the shell")

    def say(*words):
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.output

    seen = {
        "listed": say("runs", "list", "--experiment-id", experiment).count(run_id),
        "described": json.loads(say("runs", "describe", "--run-id", run_id))["data"]["metrics"],
        "files": json.loads(say("artifacts", "list", "--run-id", run_id)),
    }
    say("artifacts", "log-artifact", "--local-file", "from_shell.txt", "--run-id", run_id)
    got = say("artifacts", "download", "--run-id", run_id, "--artifact-path", "from_shell.txt")
    seen["downloaded"] = Path(got.strip().split("\n")[-1]).name
    made = say("experiments", "create", "--experiment-name", f"{NAME} by shell").strip()
    made = made.split(" ")[-1]
    say("experiments", "rename", "--experiment-id", made, "--new-name", f"{NAME} by shell 2")
    say("experiments", "delete", "--experiment-id", made)
    seen["deleted"] = client.get_experiment(made).lifecycle_stage
    say("experiments", "restore", "--experiment-id", made)
    if GENERATION > 1:
        lines = [line for line in say("experiments", "search").split("\n") if NAME in line]
        seen["searched"] = sorted([line.split()[0] == made, "by shell 2" in line] for line in lines)
    rows = say("experiments", "csv", "--experiment-id", experiment).strip().split("\n")
    seen["csv"] = [row.count(",") for row in rows]
    say("runs", "delete", "--run-id", run_id)
    seen["gone"] = client.get_run(run_id).info.lifecycle_stage
    say("runs", "restore", "--run-id", run_id)
    return seen


if __name__ == "__main__":
    tell()
