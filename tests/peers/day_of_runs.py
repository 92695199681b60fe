"""A day with experiments and runs, as people and tools live it with the client of MLflow."""

import math
import time

import mlflow
from diary import GENERATION, NAME, chapter, refusal, run_fields, tell
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType

client = MlflowClient()


def in_experiment(name):
    mlflow.set_experiment(f"{NAME} {name}")
    return client.get_experiment_by_name(f"{NAME} {name}").experiment_id


@chapter()
def experiments():
    name = f"{NAME} experiments"
    made = client.create_experiment(f"{name} a", tags={"team": "blue", "empty": ""})
    placed = client.create_experiment(f"{name} b", artifact_location="mlflow-artifacts:/elsewhere")
    client.set_experiment_tag(made, "team", "green")
    client.set_experiment_tag(placed, "note", "ünï 🎉\nsecond line")
    client.rename_experiment(made, f"{name} c")
    found = client.get_experiment(made)
    times = [getattr(found, time, "none") for time in ("creation_time", "last_update_time")]
    client.delete_experiment(placed)
    deleted = client.get_experiment_by_name(f"{name} b")
    ours = f"name LIKE '{name}%'"
    views = {
        view: [
            experiment.name
            for experiment in client.search_experiments(
                getattr(ViewType, view), filter_string=ours, order_by=["name DESC"]
            )
        ]
        for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL")
    }
    refused = [
        refusal(client.create_run, placed),
        refusal(client.create_experiment, f"{name} b"),
        refusal(mlflow.set_experiment, f"{name} b"),
    ]
    client.restore_experiment(placed)
    if GENERATION > 2:
        client.set_experiment_tag(made, "brief", "x")
        client.delete_experiment_tag(made, "brief")
        refused.append(refusal(client.delete_experiment_tag, made, "brief"))
    return {
        "found": [found.name, found.tags, found.lifecycle_stage],
        "place": found.artifact_location.replace(made, "<experiment>"),
        "times": [type(moment).__name__ for moment in times],
        "deleted": [deleted.name, deleted.tags, deleted.lifecycle_stage, deleted.artifact_location],
        "restored": client.get_experiment(placed).lifecycle_stage,
        "missing": client.get_experiment_by_name(f"{name} nothing"),
        "views": views,
        "refused": refused,
        "ids": [type(made).__name__, made.isdecimal()],
        "default": client.get_experiment("0").name,
    }


@chapter()
def searching_experiments():
    name = f"{NAME} searched"
    for number in range(7):
        client.create_experiment(f"{name} {number}", tags={"odd": str(number % 2), "my.tag": "x"})
        time.sleep(0.002)  # their order is told by it

    def names(**options):
        return [experiment.name[-1] for experiment in client.search_experiments(**options)]

    ours = f"name LIKE '{name}%'"
    pages, token = [], None
    while True:
        page = client.search_experiments(
            filter_string=ours, max_results=3, order_by=["name ASC"], page_token=token
        )
        pages.append([experiment.name[-1] for experiment in page])
        token = page.token
        if not token:
            break
    return {
        "newest first": names(filter_string=ours),
        "oldest first": names(filter_string=ours, order_by=["creation_time ASC"]),
        "by id": names(filter_string=ours, order_by=["experiment_id ASC"]),
        "tag": names(filter_string=f"{ours} AND tags.odd = '1'", order_by=["name"]),
        "quoted": names(filter_string=f"{ours} AND tags.`my.tag` != 'y' AND tag.odd = '0'"),
        "ilike": names(filter_string=f"attribute.name ILIKE '{name.upper()} 3'"),
        "name": names(filter_string=f"name = '{name} 4'"),
        "not name": names(filter_string=f"{ours} AND name != '{name} 4'", order_by=["name"]),
        "times": names(filter_string=f"{ours} AND creation_time > 1", order_by=["name"]),
        "fluent": [
            e.name[-1] for e in mlflow.search_experiments(filter_string=ours, max_results=2)
        ],
        "pages": pages,
        "refused": [
            refusal(client.search_experiments, filter_string="name = 'x"),
            refusal(client.search_experiments, filter_string="colour = 'x'"),
            refusal(client.search_experiments, filter_string="name > 'x'"),
            refusal(client.search_experiments, filter_string="metrics.m = 1"),
            refusal(client.search_experiments, order_by=["colour"]),
            refusal(client.search_experiments, max_results=0),
            refusal(client.search_experiments, max_results=50_001),
            refusal(client.search_experiments, page_token="rubbish"),
        ],
    }


@chapter()
def a_run():
    experiment = in_experiment("a run")
    with mlflow.start_run(run_name="parent", tags={"kind": "outer"}, description="a note") as run:
        mlflow.log_param("depth", 3)
        mlflow.log_params({"rate": 0.1, "none": None, "text": "ünï", "nested/key": "x", "a b": ""})
        mlflow.log_metric("loss", 1.5)
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metric("loss", 9.0, step=2)  # a late value of an older step
        mlflow.log_metric("backwards", 1.0, step=-3)
        mlflow.log_metrics({"nan": math.nan, "up": math.inf, "down": -math.inf, "tiny": 5e-324})
        mlflow.log_metrics({"big": 1.7e308, "a/b c.d-e_f": -0.5}, step=2**40)
        mlflow.set_tags({"one": 1, "two": "2", "gone": "x"})
        mlflow.delete_tag("gone")
        mlflow.log_param("depth", 3)  # the same value again is no error
        refused = [
            refusal(mlflow.log_param, "depth", 4),
            refusal(mlflow.log_params, {"new": 1, "rate": 0.2}),
            refusal(mlflow.delete_tag, "gone"),
            refusal(mlflow.log_metric, "bad\nkey", 1),
            refusal(mlflow.log_param, "../up", 1),
            refusal(mlflow.set_tag, "a" * 251, 1),
        ]
        with mlflow.start_run(nested=True) as child:
            mlflow.log_metric("loss", 0.5)
            kin = client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"]
        running = client.get_run(run.info.run_id).info.status
    done = client.get_run(run.info.run_id)
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run.info.run_id}'")
    history = client.get_metric_history(run.info.run_id, "loss")
    try:
        with mlflow.start_run(run_name="fails") as failed:
            raise KeyError("the user's")
    except KeyError:
        pass
    return {
        "done": run_fields(done),
        "named child": bool(child.info.run_name),
        "kin": kin == run.info.run_id,
        "children": [found.info.run_id == child.info.run_id for found in children],
        "running": running,
        "failed": client.get_run(failed.info.run_id).info.status,
        "refused": refused,
        "history": [[metric.key, metric.value, metric.step] for metric in history],
        "special": [
            client.get_metric_history(run.info.run_id, key)[0].value
            for key in ("nan", "up", "down", "tiny", "big", "a/b c.d-e_f")
        ],
        "no history": client.get_metric_history(run.info.run_id, "never"),
        "last": mlflow.last_active_run().info.run_id == failed.info.run_id,
        "place": mlflow.get_run(run.info.run_id).info.artifact_uri.endswith("/artifacts"),
    }


@chapter()
def the_life_of_a_run():
    experiment = in_experiment("life")
    run = client.create_run(
        experiment, start_time=1_600_000_000_123, tags={"k": "v"}, run_name="by hand"
    )
    run_id = run.info.run_id
    seen = {"made": run_fields(run), "started": run.info.start_time}
    client.set_terminated(run_id, "KILLED", end_time=1_600_000_001_456)
    ended = client.get_run(run_id).info
    seen["ended"] = [ended.status, ended.end_time]
    client.update_run(run_id, name="renamed")
    seen["renamed"] = run_fields(client.get_run(run_id))
    client.set_tag(run_id, "mlflow.runName", "by tag")
    seen["by tag"] = client.get_run(run_id).info.run_name
    client.update_run(run_id, status="SCHEDULED")
    again = client.get_run(run_id).info
    seen["again"] = [again.status, again.end_time]
    with mlflow.start_run(run_id=run_id):
        seen["resumed"] = client.get_run(run_id).info.status
    client.delete_run(run_id)
    seen["deleted"] = client.get_run(run_id).info.lifecycle_stage
    seen["found"] = len(client.search_runs([experiment]))
    seen["found deleted"] = len(client.search_runs([experiment], run_view_type=ViewType.ALL))
    seen["refused"] = [
        refusal(client.log_metric, run_id, "m", 1),
        refusal(client.log_param, run_id, "p", 1),
        refusal(client.set_tag, run_id, "t", 1),
        refusal(client.log_batch, run_id, [Metric("m", 1, 1, 0)], [], []),
        refusal(client.update_run, run_id, name="x"),
        refusal(client.delete_tag, run_id, "k"),
        refusal(mlflow.start_run, run_id=run_id),
    ]
    client.restore_run(run_id)
    client.log_metric(run_id, "m", 1)
    seen["restored"] = client.get_run(run_id).info.lifecycle_stage
    client.delete_experiment(experiment)
    seen["with its experiment"] = client.get_run(run_id).info.lifecycle_stage
    client.restore_experiment(experiment)
    seen["and back"] = client.get_run(run_id).info.lifecycle_stage
    return seen


@chapter()
def batches():
    in_experiment("batches")
    run_id = mlflow.start_run(run_name="batched").info.run_id
    metrics = [Metric(f"m{number % 10}", number, 1_000 + number, number) for number in range(850)]
    params = [Param(f"p{number}", str(number)) for number in range(75)]
    tags = [RunTag(f"t{number}", str(number)) for number in range(75)]
    client.log_batch(run_id, metrics, params, tags)
    client.log_batch(run_id)
    refused = [
        refusal(client.log_batch, run_id, params=[Param("new", "1"), Param("p1", "changed")]),
        refusal(client.log_batch, run_id, tags=[RunTag("x" * 300, "1")]),
        refusal(client.log_batch, run_id, params=[Param("twice", "1"), Param("twice", "2")]),
    ]
    run = client.get_run(run_id)
    return {
        "metrics": run.data.metrics,
        "params": [len(run.data.params), run.data.params["p74"], "new" in run.data.params],
        "tags": run.data.tags["t74"],
        "history": [
            [metric.value, metric.timestamp, metric.step]
            for metric in client.get_metric_history(run_id, "m3")[::17]
        ],
        "refused": refused,
    }


@chapter()
def searching_runs():
    experiment = in_experiment("searching")
    other = client.create_experiment(f"{NAME} searching too")
    for number in range(8):
        tags = {"parity": "odd" if number % 2 else "even", "a.b c": f"Text {number}"}
        where = other if number == 7 else experiment
        run_id = client.create_run(
            where, start_time=1000 * number, tags=tags, run_name=f"run {number}"
        ).info.run_id
        metrics = [Metric("score", number / 10, 1, 0), Metric("a/b", number, 1, 1)]
        if number == 5:
            metrics[0] = Metric("score", math.nan, 1, 0)
        client.log_batch(run_id, [] if number == 6 else metrics, [Param("depth", str(number))])
        client.set_terminated(run_id, "FAILED" if number == 3 else "FINISHED", 2000 * number + 5)
    deleted = client.create_run(experiment, start_time=9000, run_name="run 9").info.run_id
    client.delete_run(deleted)
    by_name = ["attributes.run_name ASC"]

    def names(filter_string="", order_by=by_name, places=(experiment, other), **options):
        found = client.search_runs(list(places), filter_string, order_by=order_by, **options)
        return [run.info.run_name[-1] for run in found]

    filters = [
        "metrics.score > 0.2",
        "metrics.score <= 0.2 and params.depth != '1'",
        "metrics.score != 0.2",
        "metric.score = 0.3",
        "metrics.`a/b` >= 2",
        'metrics."a/b" < 2',
        "params.depth = '4'",
        "parameters.depth LIKE '%'",
        "params.missing = '4'",
        "params.missing != '4'",
        "tags.parity = 'odd' AND metrics.score < 0.5",
        "tags.`a.b c` LIKE 'Text%'",
        "tags.`a.b c` ILIKE 'tEXt 3'",
        "tags.parity != 'odd'",
        "status = 'FAILED'",
        "attributes.status != 'FAILED'",
        "attribute.start_time >= 4000",
        "end_time < 8000",
        "attributes.run_name LIKE '%4'",
        "run_name = 'run 2'",
        "tags.mlflow.runName = 'run 2'",
        f"run_id != '{run_id}'",
        f"attributes.run_id IN ('{run_id}', '{'0' * 32}')",
        f"attributes.run_id NOT IN ('{run_id}')",
        "artifact_uri LIKE '%artifacts'",
    ]
    if GENERATION > 1:
        filters += ["tags.nothing IS NULL AND params.depth IS NOT NULL", "tags.parity IS NULL"]
    orders = [
        ["metrics.score DESC"],
        ["metrics.score ASC"],
        ["metrics.`a/b`"],
        ["params.depth DESC"],
        ["tags.parity", "start_time DESC"],
        ["attributes.end_time DESC"],
        ["start_time"],
        ["tag.`a.b c` DESC"],
        ["status", "attributes.start_time"],
        [],
    ]
    refused = [
        "metrics.score > 'x'",
        "metrics.score LIKE 'x'",
        "params.depth > 3",
        "params.depth = 3",
        "tags.parity = odd",
        "colours.a = 'x'",
        "metrics.score > 1 OR metrics.score < 0",
        "attributes.colour = 'x'",
        "status > 'FAILED'",
        "metrics.score >",
        "run_id IN ()",
        "run_id IN 'x'",
        "params.depth IN ('1')",
        "start_time = 'x'",
        "nonsense",
        "metrics.score > 1 metrics.score < 2",
        "attributes.run_id IN (1, 2)",
    ]
    pages, token = [], None
    while True:
        page = client.search_runs(
            [experiment], max_results=3, order_by=["start_time ASC"], page_token=token
        )
        pages.append([run.info.run_name[-1] for run in page])
        token = page.token
        if not token:
            break
    return {
        "filters": {text.replace(run_id, "<run>"): names(text) for text in filters},
        "orders": {str(order): names(order_by=order) for order in orders},
        "refused": {text: refusal(names, text) for text in refused},
        "orders refused": [
            refusal(names, order_by=[order])
            for order in ("metrics", "metrics.score SIDEWAYS", "colour", "metrics.score ASC DESC")
        ],
        "pages": pages,
        "one place": names(places=[other]),
        "views": [
            names(run_view_type=view)
            for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL)
        ],
        "most": [names(max_results=2), refusal(names, max_results=50_001)],
        "bad token": refusal(names, page_token="rubbish"),
    }


@chapter()
def a_table_of_runs():
    experiment = in_experiment("table")
    for number in range(3):
        with mlflow.start_run(run_name=f"run {number}"):
            mlflow.log_metric("score", number)
            mlflow.log_param("depth", number)
            mlflow.set_tag("odd", number % 2)
    table = mlflow.search_runs([experiment], "metrics.score > 0", order_by=["metrics.score DESC"])
    plain = mlflow.search_runs([experiment], output_format="list", max_results=2)
    named = mlflow.search_runs(experiment_names=[f"{NAME} table"])
    nothing = mlflow.search_runs([experiment], "metrics.score > 99")
    return {
        "columns": sorted(table.columns),
        "types": [str(table[name].dtype) for name in ("metrics.score", "params.depth")],
        "scores": table["metrics.score"].tolist(),
        "times": [str(table.start_time.dt.tz), bool(table.end_time.notna().all())],
        "plain": [run.info.run_name for run in plain],
        "named": len(named),
        "nothing": len(nothing),
    }


@chapter()
def unknown_things():
    nobody = "0" * 32
    calls = {
        "get run": lambda: client.get_run(nobody),
        "get odd run": lambda: client.get_run("no such/run?&#"),
        "metric": lambda: client.log_metric(nobody, "m", 1),
        "param": lambda: client.log_param(nobody, "p", 1),
        "tag": lambda: client.set_tag(nobody, "t", 1),
        "delete tag": lambda: client.delete_tag(nobody, "t"),
        "batch": lambda: client.log_batch(nobody, [Metric("m", 1, 1, 0)]),
        "end": lambda: client.set_terminated(nobody),
        "delete": lambda: client.delete_run(nobody),
        "restore": lambda: client.restore_run(nobody),
        "history": lambda: client.get_metric_history(nobody, "m"),
        "files": lambda: client.list_artifacts(nobody),
        "get experiment": lambda: client.get_experiment("987654321"),
        "get odd experiment": lambda: client.get_experiment("none"),
        "run in it": lambda: client.create_run("987654321"),
        "delete experiment": lambda: client.delete_experiment("987654321"),
        "restore experiment": lambda: client.restore_experiment("987654321"),
        "rename experiment": lambda: client.rename_experiment("987654321", "x"),
        "tag experiment": lambda: client.set_experiment_tag("987654321", "k", "v"),
        "no name": lambda: client.create_experiment(""),
        "search there": lambda: len(client.search_runs(["987654321"])),
        "resume": lambda: mlflow.start_run(run_id=nobody),
    }
    return {name: refusal(call) for name, call in calls.items()}


@chapter(since=2)
def without_waiting():
    experiment = in_experiment("without waiting")
    with mlflow.start_run() as run:
        for step in range(100):
            mlflow.log_metric("fast", step / 2, step=step, synchronous=False)
        mlflow.log_params({f"p{number}": number for number in range(150)}, synchronous=False)
        mlflow.set_tags({"t": "x"}, synchronous=False)
        later = mlflow.log_metrics({"a": 1.0, "b": 2.0}, step=3, synchronous=False)
        later.wait()
        at_once = client.get_run(run.info.run_id).data.metrics["b"]
        mlflow.flush_async_logging()
    found = client.get_run(run.info.run_id)
    history = client.get_metric_history(run.info.run_id, "fast")
    parent = client.get_parent_run(run.info.run_id)
    return {
        "at once": at_once,
        "steps": sorted(metric.step for metric in history) == list(range(100)),
        "params": len(found.data.params),
        "tag": found.data.tags["t"],
        "parent": parent,
        "experiment": found.info.experiment_id == experiment,
    }


if __name__ == "__main__":
    tell()
