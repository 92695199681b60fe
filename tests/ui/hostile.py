"""A store in which every text is an attack or nonsense, also those that our server would refuse:
a foreign or older program may have written to the database.

`fill` makes records of every kind through the API, `poison` then overwrites their texts in the
database, and `addresses` are all pages and data of the UI that one can ask for with them.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from flask import Flask

MARKUP = (
    "<img src=x onerror=alert(1)></script><script>document.title='owned'</script>"
    "\"'`{{7*7}}${7*7}<svg onload=alert(2)>]]>--><a href=javascript:alert(3)>"
)
ODD = "\u202egnp.exe\u2066 \x1b[31m\r\nSet-Cookie: a=b\x00\x7f\ufeff\ufffe \U000e0041é́" + "\n" * 5
DEEP = "[" * 5000 + "]" * 5000
SECRET = "hunter2hunter2"
ADDRESS = f"https://user:{SECRET}@elsewhere.example/a/b.git?password={SECRET}"
# what a text that should be JSON may be instead
SHAPES = [
    "null",
    "[]",
    "{}",
    "3",
    '"x"',
    "[null, 1, [[]], {}]",
    DEEP,
    '{"a": ' * 900 + "1" + "}" * 900,
    '{"mlflow_colspec": 3, "mlflow_tensorspec": [3, {"tensor-spec": []}], "x": NaN}',
    '{"mlflow_colspec": [3, {"name": {}, "type": []}, {"name": null}], "mlflow_tensorspec": "["}',
    '{"url": {}, "uri": [], "path": 3, "endpoint": [], "when": "x", "state": {}, "place": 3}',
    '{"target": null, "name": {}, "when": 1e400, "platforms": {}, "digest": 3, "version": []}',
    '{"when": 99999999999999999999, "version": -1, "of": "//", "model_uri": "models:/../.."}',
    '{"name": "\\ud800", "endpoint": "javascript:alert(1)", "target": "\\udfff"}',
    "9" * 5000,
    "1e400",
    "{",
]
# every tag that a page reads as something
TAGS = [
    "mlflow.note.content",
    "mlflow.user",
    "mlflow.runName",
    "mlflow.source.name",
    "mlflow.source.type",
    "mlflow.source.git.commit",
    "mlflow.source.git.branch",
    "mlflow.source.git.repoURL",
    "mlflow.source.git.dirty",
    "mlflow.source.git.diff",
    "mlflow.git.diff",
    "mlflow.log-model.history",
    "mlflow.loggedArtifacts",
    "mlflow.project.entryPoint",
    "mlflow.project.env",
    "mlflow.docker.image.name",
    "mlflow.rootRunId",
    "plain",
]
FILES = {
    "MLmodel": None,
    "requirements.txt": "{text}\n",
    "conda.yaml": "{text}\n",
    "README.md": "# {text}\n\n[x](javascript:alert(1)) ![x](https://elsewhere.example/x.png)\n",
    "serving_input_example.json": '{"inputs": [{"a": "</script>"}]}',
    "page.html": "<script>parent.document.title='owned';top.location='https://elsewhere.example'"
    "</script><meta http-equiv=refresh content='0;url=https://elsewhere.example'>"
    "<a target=_top href=/>x</a><form action=/ method=post><input name=x></form>{text}",
    "drawing.svg": '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>'
    "top.document.title='owned'</script><image href='https://elsewhere.example/x.png'/></svg>",
    "x.xml": '<?xml-stylesheet href="x.xsl"?><x xmlns:h="http://www.w3.org/1999/xhtml">'
    "<h:script>alert(1)</h:script></x>",
    "worker.js": "self.addEventListener('fetch', e => e.respondWith(new Response('owned')))",
    "table.csv": '{text},b\n=1+1,"x\n',
    "book.ipynb": '{"cells": [3, {"cell_type": [], "source": {}, "outputs": 3},'
    ' {"cell_type": "code", "source": ["</script><script>alert(1)</script>"],'
    ' "outputs": [{"output_type": "display_data", "data": {"image/png": "javascript:1",'
    ' "text/html": "<script>alert(1)</script>", "image/svg+xml": ["<svg onload=alert(1)>"]}}]}'
    "]}",
    "false.png": "<script>alert(1)</script>",
    "false.pdf": "<script>alert(1)</script>",
    "false.parquet": "PAR1 no PAR1",
    "false.zip": "PK\x03\x04",
    "deep.json": DEEP,
    "<img src=x onerror=alert(1)> \"'&.txt": "{text}",
    "a\nb\r\nSet-Cookie: x=y.txt": "{text}",
}


def fill(app: Flask, folder: Path, descriptor: str) -> dict[str, Any]:
    """One record of every kind, with an ``MLmodel`` that holds ``descriptor``; their ids."""
    client = app.test_client()

    def post(path: str, method: str = "post", **body: Any) -> Any:
        answer = getattr(client, method)(f"/api/2.0/mlflow/{path}", json=body)
        assert answer.status_code == 200, (path, answer.text)
        return answer.json

    experiment = post("experiments/create", name="e", tags=[{"key": "t", "value": "v"}])
    experiment_id = experiment["experiment_id"]
    runs: list[str] = []
    for number in range(3):
        parent = [{"key": "mlflow.parentRunId", "value": runs[0]}] if runs else []
        run = post("runs/create", experiment_id=experiment_id, run_name=f"r{number}", tags=parent)
        runs.append(run["run"]["info"]["run_id"])
    for position, run_id in enumerate(runs):
        metrics = [
            {"key": key, "value": position + step, "timestamp": step, "step": step}
            for key in ("m", "system/cpu", "n")
            for step in range(3)
        ]
        params = [{"key": key, "value": str(position)} for key in ("p", "q")]
        tags = [{"key": key, "value": "v"} for key in TAGS]
        post("runs/log-batch", run_id=run_id, metrics=metrics, params=params, tags=tags)
        dataset = {"name": f"d{position}", "digest": "g", "source_type": "http", "source": "{}"}
        dataset |= {"schema": "{}", "profile": "{}"}
        inputs = [
            {"dataset": dataset, "tags": [{"key": "mlflow.data.context", "value": "training"}]}
        ]
        post("runs/log-inputs", run_id=run_id, datasets=inputs)
    model = post(
        "logged-models",
        experiment_id=experiment_id,
        name="model",
        source_run_id=runs[0],
        params=[{"key": "p", "value": "1"}],
        tags=[{"key": f"mlpack.{kind}.{'0' * 12}", "value": "{}"} for kind in USES],
    )["model"]["info"]
    model_id = model["model_id"]
    post(f"logged-models/{model_id}", "patch", status="LOGGED_MODEL_READY")
    post("runs/outputs", run_id=runs[0], models=[{"model_id": model_id, "step": 0}])
    post("registered-models/create", name="registered", tags=[{"key": "t", "value": "v"}])
    for _ in range(2):
        tags = [{"key": f"mlpack.{kind}.{'1' * 12}", "value": "{}"} for kind in USES]
        source = {"source": f"models:/{model_id}", "run_id": runs[0], "model_id": model_id}
        post("model-versions/create", name="registered", tags=tags, **source)
    post("registered-models/alias", name="registered", alias="champion", version="1")
    post("model-versions/transition-stage", name="registered", version="1", stage="Staging")
    for place in (runs[0], f"models/{model_id}"):
        below = folder / experiment_id / place / "artifacts"
        below.mkdir(parents=True)
        for name, text in FILES.items():
            content = descriptor if text is None else text.replace("{text}", MARKUP)
            (below / name).write_bytes(content.encode("utf-8"))
    return {"experiment": experiment_id, "runs": runs, "model": model_id, "name": "registered"}


USES = ("image", "deployment")


# what ties records together, or is one of a few words
_KEPT = {
    *("run_id", "model_id", "artifact_location", "location", "lifecycle_stage", "start", "special"),
    *("alias", "stage", "kind", "digest", "status", "source", "user_id"),
}
_LONGEST_NAME = 240


def poison(folder: Path, texts: list[str], known: dict[str, Any]) -> None:
    """Overwrite the texts in the store's database with these, one after the other."""
    with closing(sqlite3.connect(folder / "mlpack.db")) as database, database:
        database.execute("PRAGMA foreign_keys = OFF")
        for (table,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall():
            if table not in ("mlpack_meta", "alembic_version", "sqlite_sequence"):
                _poison(database, table, itertools.cycle(texts))
        (known["name"],) = database.execute("SELECT name FROM registered_models").fetchone()


def _poison(database: sqlite3.Connection, table: str, texts: Iterator[str]) -> None:
    columns = [
        (name, kind) for _, name, kind, *_ in database.execute(f"PRAGMA table_info({table})")
    ]
    rows = database.execute(f"SELECT * FROM {table}").fetchall()
    database.execute(f"DELETE FROM {table}")
    for position, row in enumerate(rows):
        tag = dict(zip((name for name, _ in columns), row, strict=True)).get("key")
        is_ours = str(tag).startswith(("mlflow.", "mlpack.", "system/")) or tag == "m"
        new = []
        for (name, kind), value in zip(columns, row, strict=True):
            kept = name in _KEPT or ("CHAR" not in kind and "TEXT" not in kind)
            kept = kept or (is_ours and name == "key") or tag == "mlflow.parentRunId"
            if kept or value is None:
                new.append(value)
            elif name in ("key", "name"):  # no two of a name
                new.append(f"{next(texts)[:_LONGEST_NAME]}{position or ''}".replace("/", "%2f"))
            else:
                new.append(next(texts))
        marks = ", ".join("?" * len(new))
        database.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", new)


def addresses(app: Flask, known: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every page and every ``/ui/…`` address that is asked by GET: its rule, filled in."""
    query: dict[str, Any] = {
        "runs": ",".join(known["runs"]),
        "experiments": known["experiment"],
        "keys": ["m", MARKUP[:200]],
        "key": "m",
        "kind": "metric",
        "words": "",
        "version": ["1", "2"],
        "run": known["runs"][0],
        "field": "param.p",
        "name": known["name"],
        "all": "1",
    }
    base = {
        "experiment_ids": known["experiment"],
        "run_id": known["runs"][0],
        "model_id": known["model"],
        "name": known["name"],
        "number": 1,
        "alias": "champion",
    }
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith(("pages.", "ui.")) or "GET" not in (rule.methods or ()):
            continue
        if "static" in rule.rule:
            continue
        filled = {name: base[name] for name in rule.arguments if name in base}
        # files of runs, models and versions go the same ways
        paths = list(FILES) if "run_id" in rule.arguments else ["MLmodel", "page.html"]
        if "path" in rule.arguments:
            for path in paths:
                yield rule.endpoint, {**filled, "path": path}
        elif "/artifacts/" in rule.rule and rule.rule.startswith("/ui/"):
            for path in ("", *paths):
                yield rule.endpoint, {**filled, "path": path}
        elif "view" in rule.arguments or rule.rule == "/compare":
            for view in ("table", "parallel", "scatter", "box", "importance"):
                yield rule.endpoint, {**filled, **query, "view": view}
        else:
            kinds = ("metric", "param", "tag") if "{kind}" in rule.rule else ("metric",)
            for kind in kinds:
                yield rule.endpoint, {**query, **filled, "kind": kind}


def descriptor(text: str) -> str:
    """An ``MLmodel`` whose every field is this."""
    names = ("artifact_path", "model_uuid", "utc_time_created", "run_id", "mlflow_version")
    flavors = {
        "python_function": {"loader_module": text, "python_version": text},
        text: {"a": text},
    }
    # JSON is YAML
    return json.dumps(dict.fromkeys(names, text) | {"metadata": {text: text}, "flavors": flavors})


DESCRIPTORS = [
    descriptor(MARKUP),
    "3",
    "[]",
    "flavors: 3\nsignature: []\nmetadata: 3\n",
    "flavors: {a: [], python_function: 3}\nsignature: {inputs: 3, outputs: '{', params: '[3]'}\n",
    "flavors: {python_function: {env: [1], data: {}}}\nsaved_input_example_info: [3]\nfiles: [3]\n",
    "flavors: {python_function: {}}\nsaved_input_example_info: {artifact_path: ../../x, type: 3}\n"
    "files: {a: 3, 3: []}\nmodel_size_bytes: x\nmetadata: {a: 2001-01-01, 3: [{}]}\n",
    "a: &a [x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b]\n"
    "d: &d [*c, *c, *c, *c, *c, *c, *c]\nflavors: {x: {y: *d}}\n",
    "{" * 3000,
    "\x00\x01",
    "!!python/object/apply:os.system ['true']",
]
