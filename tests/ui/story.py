"""A team's work as the real client writes it: ``python story.py FOLDER`` fills ``FOLDER/mlruns``.

What is where is in ``FOLDER/story.json``. Everything that a page shows is in it at least once:
finished, failed and running runs, parents and children, curves, files of every kind that has a
preview, datasets, models with signatures and examples, versions with aliases and stages, an image,
deployments, notes, and a second experiment whose every name is an attack.
"""

from __future__ import annotations

import json
import math
import random
import struct
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import mlpack
from mlpack.registry.client import MlpackClient
from mlpack.registry.uses import Model, record_deployment, record_image

ATTACK = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'`{{7*7}}"
NOTE = """# Baseline

A **logistic regression** on iris, see [the paper](https://example.org/paper) and the table.

| C | accuracy |
|---|----------|
| 1 | 0.97     |

- [ ] try a forest
- `max_iter` is 500
"""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    mlpack.set_tracking_uri(str(folder / "mlruns"))
    story = {**iris(folder), **attacks(folder)}
    (folder / "story.json").write_text(json.dumps(story))


def iris(folder: Path) -> dict[str, object]:
    """An experiment of 24 runs: 3 sweeps with 7 children each; one failed, one still running."""
    experiment = mlpack.set_experiment("iris/classifiers")
    experiment_id = experiment.experiment_id
    features, labels = load_iris(return_X_y=True, as_frame=True)
    rng = random.Random(7)
    runs, parents = [], []
    for sweep in range(3):
        with mlpack.start_run(run_name=f"sweep-{sweep}") as parent:
            parents.append(parent.info.run_id)
            mlpack.log_param("sweep", sweep)
            for child in range(7):
                try:
                    with mlpack.start_run(run_name=f"trial-{sweep}-{child}", nested=True) as run:
                        runs.append(run.info.run_id)
                        strength = 10 ** rng.uniform(-3, 1)
                        depth = rng.choice([2, 4, 8, 16])
                        mlpack.log_params(
                            {
                                "C": f"{strength:.5f}",
                                "depth": depth,
                                "solver": rng.choice(["lbfgs", "saga"]),
                                "note": "x" * (300 if child == 3 else 3),
                            }
                        )
                        mlpack.set_tag("team", rng.choice(["blue", "green"]))
                        points(rng, strength)
                        if (sweep, child) == (1, 5):
                            raise KeyError("out of memory")
                except KeyError:
                    pass
    best = runs[0]
    with mlpack.start_run(run_id=best):
        mlpack.set_tag("mlflow.note.content", NOTE)
        mlpack.log_input(
            mlpack.data.from_pandas(features.assign(label=labels), source="iris.csv", name="iris"),
            context="training",
        )
        files(folder)
        model = LogisticRegression(max_iter=500).fit(features, labels)
        logged = mlpack.sklearn.log_model(
            model, name="model", input_example=features[:3], registered_model_name="iris"
        )
    with mlpack.start_run(run_id=runs[1]):
        second = LogisticRegression(max_iter=200, C=0.1).fit(features, labels)
        mlpack.sklearn.log_model(
            second, name="model", input_example=features[:2], registered_model_name="iris"
        )
    client = MlpackClient()
    client.update_registered_model("iris", "Classifies **irises**.", note="first words")
    client.set_registered_model_alias("iris", "champion", 1, note="the first that works")
    client.transition_model_version_stage("iris", 1, "Staging", note="tried by hand")
    version = client.get_model_version("iris", 1)
    described = Model(version.model_id, "iris", 1)
    record_image(described, "registry.example/iris:1", digest="sha256:" + "a" * 64, builder="oci")
    record_deployment(
        described,
        "local",
        "iris-prod",
        {
            "endpoint": "http://127.0.0.1:9",
            "state": "deployed",
            "status": "healthy",
            "model_uri": "models:/iris/1",
            "image": "registry.example/iris:1",
        },
    )
    record_deployment(
        described, "kubernetes", "iris-old", {"state": "deleted", "status": "deleted"}
    )
    running = client.create_run(experiment_id, run_name="still-running").info.run_id
    for step in range(30):
        client.log_metric(running, "loss", 2 / (step + 1), step=step)
    runs.append(running)
    return {
        "experiment": experiment_id,
        "runs": runs,
        "parents": parents,
        "best": best,
        "running": running,
        "model": logged.model_id,
        "second_model": client.get_model_version("iris", 2).model_id,
    }


def points(rng: random.Random, strength: float) -> None:
    """Curves: loss and accuracy over 200 steps, with a NaN; system metrics; one value of f1."""
    now = int(time.time() * 1000)
    for step in range(200):
        loss = math.exp(-step / 40) * (1 + strength / 10) + rng.random() / 20
        values = {"loss": loss if step != 50 else math.nan, "accuracy": 1 - loss / 3}
        if step % 20 == 0:
            values |= {
                "system/cpu_utilization_percentage": rng.uniform(20, 90),
                "system/system_memory_usage_megabytes": 800 + step,
            }
        mlpack.log_metrics(values, step=step, timestamp=now + step * 1000)
    mlpack.log_metric("f1", 0.8 + rng.random() / 5)


def files(folder: Path) -> None:
    """One of every kind that has a preview."""
    work = folder / "files"
    work.mkdir(exist_ok=True)
    (work / "plot.png").write_bytes(png(64, 48))
    (work / "readme.md").write_text("# Files\n\nSome *words*.\n")
    (work / "log.txt").write_text("".join(f"line {i}\n" for i in range(500)))
    (work / "config.json").write_text(json.dumps({"a": [1, 2, {"b": None}], "c": "d"}))
    (work / "conf.yaml").write_text("a: 1\nb:\n  - c\n")
    (work / "train.py").write_text("import os\n\nprint('hello')\n")
    (work / "page.html").write_text("<h1>Report</h1><script>document.body.append('ran')</script>")
    (work / "drawing.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">'
        '<circle cx="20" cy="20" r="15" fill="teal"/><script>alert(3)</script></svg>'
    )
    frame = pd.DataFrame({"name": ["a,b", 'c"d', "é"], "value": [1.5, np.nan, 3.0]})
    frame.to_csv(work / "table.csv", index=False)
    pd.DataFrame({"n": range(5000), "x": np.linspace(0, 1, 5000)}).to_parquet(work / "t.parquet")
    (work / "binary.bin").write_bytes(bytes(range(256)) * 20)
    (work / "paper.pdf").write_bytes(PDF)
    (work / "book.ipynb").write_text(json.dumps(NOTEBOOK))
    mlpack.log_artifacts(str(work), "files")
    mlpack.log_text("deep", "files/a/b/c/deep.txt")


def png(width: int, height: int) -> bytes:
    """A small picture with a gradient."""
    rows = b"".join(
        b"\0" + bytes(v for x in range(width) for v in (x * 4 % 256, y * 5 % 256, 128))
        for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


PDF = (
    b"%PDF-1.1\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)
NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"language_info": {"name": "python"}},
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# A notebook\n", "with *words*"]},
        {
            "cell_type": "code",
            "metadata": {},
            "execution_count": 1,
            "source": "1 + 1",
            "outputs": [
                {
                    "output_type": "execute_result",
                    "execution_count": 1,
                    "metadata": {},
                    "data": {"text/plain": ["2"], "text/html": "<b onclick=alert(4)>2</b>"},
                },
                {
                    "output_type": "execute_result",
                    "execution_count": 1,
                    "metadata": {},
                    "data": {
                        "text/plain": ["   petal  class\n0   1.40 setosa"],
                        "text/html": "<table><thead><tr><th></th><th>petal</th><th>class</th></tr>"
                        "</thead><tbody><tr><th>0</th><td>1.40</td><td>setosa</td></tr><tr><th>1"
                        "</th><td>12.25</td><td>virginica</td></tr></tbody></table>",
                    },
                },
                {"output_type": "stream", "name": "stdout", "text": ["printed\n"]},
                {
                    "output_type": "error",
                    "ename": "KeyError",
                    "evalue": "'x'",
                    "traceback": ["\u001b[31mKeyError\u001b[0m: 'x'"],
                },
            ],
        },
    ],
}


def attacks(folder: Path) -> dict[str, object]:
    """An experiment in which every text that a client may write is an attack."""
    experiment_id = mlpack.create_experiment(
        f"attack {ATTACK}", tags={"mlflow.note.content": ATTACK}
    )
    client = MlpackClient()
    run = client.create_run(
        experiment_id, run_name=ATTACK, tags={"mlflow.user": ATTACK}
    ).info.run_id
    client.log_param(run, "p", ATTACK)
    client.log_metric(run, "m", 1.0)
    client.set_tag(
        run, "mlflow.note.content", ATTACK + "\n\n[x](javascript:alert(5)) <svg onload=alert(6)>"
    )
    client.set_tag(run, "mlflow.source.name", ATTACK)
    client.set_tag(run, "mlflow.source.git.commit", ATTACK)
    client.set_tag(run, "mlflow.source.git.repoURL", "javascript:alert(7)")
    client.log_text(run, "<script>alert(8)</script>", "evil.html")
    client.log_text(run, f"a,b\n{ATTACK},=cmd|' /C calc'!A0\n".replace('"', ""), "evil.csv")
    client.log_text(run, json.dumps({ATTACK: ATTACK}), "evil.json")
    client.log_text(run, f"# {ATTACK}\n\n![x](https://evil.example/x.png)", "evil.md")
    return {"attack_experiment": experiment_id, "attack_run": run, "attack": ATTACK}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
