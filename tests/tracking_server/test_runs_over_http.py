"""The API as clients see it: what goes in comes out, in the protocol's words."""

import json
import math

import pytest

BAD = "INVALID_PARAMETER_VALUE"
GONE = "RESOURCE_DOES_NOT_EXIST"


def test_the_life_of_an_experiment(api):
    tags = [{"key": "team", "value": "a"}]
    number = api.post("experiments/create", name="one", tags=tags)["experiment_id"]
    found = api.get("experiments/get", experiment_id=number)["experiment"]
    assert found["name"] == "one" and found["tags"] == tags
    assert found["lifecycle_stage"] == "active" and found["creation_time"] > 0
    assert found == api.get("experiments/get-by-name", experiment_name="one")["experiment"]

    api.post("experiments/set-experiment-tag", experiment_id=number, key="team", value="b")
    api.post("experiments/set-experiment-tag", experiment_id=number, key="more", value="")
    api.post("experiments/delete-experiment-tag", experiment_id=number, key="more")
    api.post("experiments/update", experiment_id=number, new_name="two")
    found = api.get("experiments/get", experiment_id=number)["experiment"]
    assert found["name"] == "two" and found["tags"] == [{"key": "team", "value": "b"}]

    api.post("experiments/delete", experiment_id=number)
    assert api.get("experiments/get", experiment_id=number)["experiment"]["lifecycle_stage"] == (
        "deleted"
    )
    names = [e["name"] for e in api.post("experiments/search")["experiments"]]
    assert names == ["Default"]
    names = [e["name"] for e in api.post("experiments/search", view_type="ALL")["experiments"]]
    assert sorted(names) == ["Default", "two"]
    found = api.get("experiments/search", view_type="DELETED_ONLY", max_results="5")
    assert [e["name"] for e in found["experiments"]] == ["two"]
    api.post("experiments/restore", experiment_id=number)
    api.refused("post", "experiments/create", 400, "RESOURCE_ALREADY_EXISTS", name="two")


def test_pages_of_experiments(api):
    for name in "abc":
        api.post("experiments/create", name=name)
    order = {"order_by": ["name DESC"], "max_results": 3}
    first = api.post("experiments/search", **order)
    assert [e["name"] for e in first["experiments"]] == ["c", "b", "a"]
    rest = api.post("experiments/search", **order, page_token=first["next_page_token"])
    assert [e["name"] for e in rest["experiments"]] == ["Default"]
    assert "next_page_token" not in rest


def test_the_life_of_a_run(api):
    tags = [{"key": "mlflow.user", "value": "ann"}, {"key": "mlflow.runName", "value": "named"}]
    run = api.post("runs/create", experiment_id="0", start_time=5, user_id="ann", tags=tags)["run"]
    info = run["info"]
    assert info["run_name"] == "named" and info["status"] == "RUNNING" and info["start_time"] == 5
    assert info["run_id"] == info["run_uuid"] and info["user_id"] == "ann"
    assert info["artifact_uri"] == f"mlflow-artifacts:/0/{info['run_id']}/artifacts"

    run_id = info["run_id"]
    ended = api.post("runs/update", run_id=run_id, status="FINISHED", end_time="9", run_name="x")
    assert ended["run_info"]["status"] == "FINISHED" and ended["run_info"]["end_time"] == 9
    assert api.post("runs/update", run_id=run_id, status=4)["run_info"]["status"] == "FAILED"
    assert api.get("runs/get", run_uuid=run_id)["run"]["info"]["run_name"] == "x"
    api.post("runs/delete", run_id=run_id)
    assert api.post("runs/search", experiment_ids=["0"])["runs"] == []
    deleted = api.post("runs/search", experiment_ids=["0"], run_view_type="DELETED_ONLY")["runs"]
    assert [r["info"]["lifecycle_stage"] for r in deleted] == ["deleted"]
    api.refused("post", "runs/set-tag", 400, BAD, run_id=run_id, key="a", value="b")
    api.post("runs/restore", run_id=run_id)
    assert len(api.post("runs/search", experiment_ids=["0"])["runs"]) == 1


def test_a_run_without_a_name_gets_one(api):
    run = api.get("runs/get", run_id=api.run())["run"]
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    assert run["info"]["run_name"] == tags["mlflow.runName"] != ""


def test_what_runs_log(api):
    run_id = api.run()
    for step, value in enumerate([1.5, "NaN", "Infinity", "-Infinity", math.nan, "2.5", 3]):
        api.post(
            "runs/log-metric", run_id=run_id, key="m", value=value, timestamp=10 + step, step=step
        )
    api.post("runs/log-parameter", run_uuid=run_id, key="p", value="1")
    api.post("runs/log-parameter", run_id=run_id, key="p", value="1")
    message = api.refused("post", "runs/log-parameter", 400, BAD, run_id=run_id, key="p", value="2")
    assert "'p'" in message
    api.post("runs/set-tag", run_id=run_id, key="t", value="x" * 8000)
    api.post("runs/set-tag", run_id=run_id, key="gone", value="")
    api.post("runs/delete-tag", run_id=run_id, key="gone")
    api.refused("post", "runs/delete-tag", 404, GONE, run_id=run_id, key="gone")

    data = api.get("runs/get", run_id=run_id)["run"]["data"]
    assert data["metrics"] == [{"key": "m", "value": 3.0, "timestamp": 16, "step": 6}]
    assert data["params"] == [{"key": "p", "value": "1"}]
    assert {"key": "t", "value": "x" * 8000} in data["tags"]
    history = api.get("metrics/get-history", run_id=run_id, metric_key="m")["metrics"]
    values = [1.5, "NaN", "Infinity", "-Infinity", "NaN", 2.5, 3.0]
    assert [point["value"] for point in history] == values
    assert [point["step"] for point in history] == list(range(7))


def test_histories_in_pages_and_of_several_runs(api):
    runs = [api.run(), api.run()]
    for run_id in runs:
        metrics = [{"key": "m", "value": i, "timestamp": i, "step": i} for i in range(10)]
        api.post("runs/log-batch", run_id=run_id, metrics=metrics)
    first = api.get("metrics/get-history", run_id=runs[0], metric_key="m", max_results=6)
    more = api.get(
        "metrics/get-history",
        run_id=runs[0],
        metric_key="m",
        max_results=6,
        page_token=first["next_page_token"],
    )
    assert [p["step"] for p in first["metrics"] + more["metrics"]] == list(range(10))
    assert "next_page_token" not in more
    bulk = api.get("metrics/get-history-bulk", run_id=runs, metric_key="m", max_results=15)
    assert [p["run_id"] for p in bulk["metrics"]] == [runs[0]] * 10 + [runs[1]] * 5
    sampled = api.get(
        "metrics/get-history-bulk-interval",
        run_ids=runs,
        metric_key="m",
        start_step=2,
        end_step=8,
        max_results=3,
    )["metrics"]
    of_first = [p["step"] for p in sampled if p["run_id"] == runs[0]]
    assert {2, 8} <= set(of_first) and len(of_first) <= 4
    for query in (
        {"run_ids": runs, "metric_key": "m", "start_step": 1},
        {"run_ids": runs, "metric_key": "m", "start_step": 3, "end_step": 1},
        {"run_ids": runs, "metric_key": "m", "max_results": 0},
        {"run_ids": runs, "metric_key": "m", "max_results": 2501},
        {"run_ids": ["a"] * 101, "metric_key": "m"},
        {"metric_key": "m"},
    ):
        api.refused("get", "metrics/get-history-bulk-interval", 400, BAD, **query)
    api.refused(
        "get", "metrics/get-history", 400, BAD, run_id=runs[0], metric_key="m", max_results=0
    )


def test_a_batch_is_all_or_nothing(api):
    run_id = api.run()
    api.post("runs/log-parameter", run_id=run_id, key="p", value="1")
    message = api.refused(
        "post",
        "runs/log-batch",
        400,
        BAD,
        run_id=run_id,
        metrics=[{"key": "m", "value": 1, "timestamp": 1}],
        params=[{"key": "new", "value": "1"}, {"key": "p", "value": "2"}],
        tags=[{"key": "t", "value": "1"}],
    )
    assert "'p'" in message
    data = api.get("runs/get", run_id=run_id)["run"]["data"]
    assert "metrics" not in data and [p["key"] for p in data["params"]] == ["p"]
    assert [t["key"] for t in data["tags"]] == ["mlflow.runName"]


@pytest.mark.parametrize(
    ("batch", "told"),
    [
        ({"metrics": [{"key": "m", "value": 1, "timestamp": 1}] * 1001}, "1000"),
        ({"params": [{"key": f"p{i}", "value": "1"} for i in range(101)]}, "100"),
        ({"tags": [{"key": f"t{i}", "value": "1"} for i in range(101)]}, "100"),
        (
            {
                "metrics": [{"key": "m", "value": 1, "timestamp": 1}] * 950,
                "tags": [{"key": f"t{i}", "value": "1"} for i in range(51)],
            },
            "together",
        ),
        ({"metrics": [{"value": 1, "timestamp": 1}]}, "metrics[0].key"),
        ({"metrics": [{"key": "m", "timestamp": 1}]}, "metrics[0].value"),
        ({"metrics": [{"key": "m", "value": 1}]}, "metrics[0].timestamp"),
        ({"metrics": [{"key": "m", "value": "x", "timestamp": 1}]}, "metrics[0].value"),
        ({"metrics": [{"key": "m", "value": 1, "timestamp": 1.5}]}, "metrics[0].timestamp"),
        ({"metrics": {}}, "metrics"),
        ({"params": [1]}, "params[0]"),
        ({"params": [{"key": "p", "value": "x" * 6001}]}, "6001"),
        ({"params": [{"key": "x" * 251, "value": ""}]}, "251"),
        ({"tags": [{"key": "t", "value": "x" * 8001}]}, "8001"),
        ({"tags": [{"key": "../../x", "value": ""}]}, ".."),
    ],
)
def test_the_limits_of_a_batch(api, batch, told):
    run_id = api.run()
    assert told in api.refused("post", "runs/log-batch", 400, BAD, run_id=run_id, **batch)
    assert "metrics" not in api.get("runs/get", run_id=run_id)["run"]["data"]


def test_inputs_and_outputs(api):
    run_id = api.run()
    dataset = {"name": "d", "digest": "1a", "source_type": "local", "source": '{"uri": "x"}'}
    tags = [{"key": "mlflow.data.context", "value": "training"}]
    api.post("runs/log-inputs", run_id=run_id, datasets=[{"tags": tags, "dataset": dataset}])
    model = api.post("logged-models", experiment_id="0", name="model", source_run_id=run_id)
    model_id = model["model"]["info"]["model_id"]
    api.post("runs/outputs", run_id=run_id, models=[{"model_id": model_id, "step": 3}])
    run = api.get("runs/get", run_id=run_id)["run"]
    assert run["inputs"]["dataset_inputs"] == [{"tags": tags, "dataset": dataset}]
    assert run["outputs"]["model_outputs"] == [{"model_id": model_id, "step": 3}]
    message = api.refused(
        "post", "runs/log-inputs", 400, BAD, run_id=run_id, datasets=[{"dataset": {"name": "d"}}]
    )
    assert "datasets[0].dataset.digest" in message


def test_searching_runs(api):
    for i in range(5):
        run_id = api.run()
        api.post("runs/log-metric", run_id=run_id, key="m", value=i, timestamp=1)
    asked = {"experiment_ids": ["0"], "filter": "metrics.m > 0", "order_by": ["metrics.m DESC"]}
    first = api.post("runs/search", **asked, max_results=3)
    rest = api.post("runs/search", **asked, page_token=first["next_page_token"], max_results=3)
    values = [r["data"]["metrics"][0]["value"] for r in first["runs"] + rest["runs"]]
    assert values == [4, 3, 2, 1]
    for wrong in (
        {"filter": "metrics.m >"},
        {"order_by": ["nonsense.x"]},
        {"order_by": [1]},
        {"max_results": 50001},
        {"max_results": 0},
        {"page_token": "no token"},
        {"run_view_type": "SOME"},
    ):
        api.refused("post", "runs/search", 400, BAD, experiment_ids=["0"], **wrong)


def test_what_does_not_exist(api):
    api.refused("get", "experiments/get", 404, GONE, experiment_id="77")
    api.refused("get", "experiments/get", 404, GONE, experiment_id="../x")
    api.refused("get", "experiments/get-by-name", 404, GONE, experiment_name="no")
    api.refused("get", "runs/get", 404, GONE, run_id="no")
    api.refused("post", "runs/log-metric", 404, GONE, run_id="no", key="m", value=1, timestamp=1)
    api.refused("get", "logged-models/m-" + "0" * 32, 404, GONE)
    api.refused("get", "artifacts/list", 404, GONE, run_id="no")


def test_older_clients(api):
    """Names and addresses that versions before 1.28 use."""
    assert [e["name"] for e in api.get("experiments/list")["experiments"]] == ["Default"]
    response = api.client.post("/api/2.0/preview/mlflow/runs/create", json={"experiment_id": "0"})
    run_id = response.json["run"]["info"]["run_uuid"]
    model = {"artifact_path": "m", "flavors": {}, "utc_time_created": "", "run_id": run_id}
    for _ in range(2):
        api.post("runs/log-model", run_id=run_id, model_json=json.dumps(model))
    tags = api.get("runs/get", run_id=run_id)["run"]["data"]["tags"]
    history = next(t["value"] for t in tags if t["key"] == "mlflow.log-model.history")
    assert history.count("artifact_path") == 2
    api.refused("post", "runs/log-model", 400, BAD, run_id=run_id, model_json="{}")
    api.refused("post", "runs/log-model", 400, BAD, run_id=run_id, model_json="{")


def test_other_names_of_fields(api):
    """camelCase, as protobuf in other languages writes it; unknown fields and null are absent."""
    made = api.post("runs/create", experimentId="0", startTime="7", nonsense=1, runName=None)
    assert made["run"]["info"]["start_time"] == 7
