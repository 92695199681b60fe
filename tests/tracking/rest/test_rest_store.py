"""Every call of the store over HTTP, against our server and against MLflow's own."""

import math

import pytest

from mlpack.errors import AlreadyExists, InvalidInput, NotFound
from mlpack.tracking.entities import (
    Dataset,
    DatasetInput,
    Metric,
    ModelInput,
    ModelOutput,
    Param,
    RunTag,
    ViewType,
)


def _run(store, experiment, name="run", **tags):
    given = [RunTag(key, value) for key, value in tags.items()]
    return store.create_run(experiment, name, "someone", 1234, given).info.run_id


def test_experiments(store, experiment):
    name = store.get_experiment(experiment).name
    found = store.get_experiment_by_name(name)
    assert found.experiment_id == experiment
    assert found.artifact_location == f"mlflow-artifacts:/{experiment}"
    assert store.get_experiment_by_name("no such name") is None
    with pytest.raises(AlreadyExists):
        store.create_experiment(name)
    store.rename_experiment(experiment, f"{name}-renamed")
    store.set_experiment_tag(experiment, RunTag("team", "a"))
    changed = store.get_experiment(experiment)
    assert (changed.name, changed.tags["team"]) == (f"{name}-renamed", "a")
    store.delete_experiment_tag(experiment, "team")
    with pytest.raises(NotFound):
        store.delete_experiment_tag(experiment, "team")
    with pytest.raises(NotFound):
        store.get_experiment("987654321")


def test_an_experiment_made_with_everything(store, experiment):
    name = store.get_experiment(experiment).name + "-more"
    made = store.create_experiment(name, "s3://bucket/here", {"a": "b", "empty": ""})
    found = store.get_experiment(made)
    assert found.artifact_location == "s3://bucket/here"
    assert found.tags == {"a": "b", "empty": ""}


def test_experiments_page_by_page(store, experiment):
    prefix = store.get_experiment(experiment).name
    names = {f"{prefix}-{i}" for i in range(5)}
    for name in names:
        store.create_experiment(name)
    query = {"filter_string": f"name LIKE '{prefix}-%'", "max_results": 2, "order_by": ["name"]}
    found, token = [], None
    for size in (2, 2, 1):
        page = store.search_experiments(**query, page_token=token)
        assert len(page) == size
        found += [each.name for each in page]
        token = page.token
    assert token is None
    assert found == sorted(names)


def test_a_deleted_experiment_takes_nothing_until_restored(store, experiment):
    store.set_experiment_stage(experiment, "deleted")
    with pytest.raises(InvalidInput):
        _run(store, experiment)
    deleted = store.search_experiments(ViewType.DELETED_ONLY)
    assert experiment in [each.experiment_id for each in deleted]
    store.set_experiment_stage(experiment, "active")
    _run(store, experiment)


def test_a_run_from_start_to_end(store, experiment):
    made = store.create_run(experiment, "first", "someone", 1234, [RunTag("a", "b")])
    info = made.info
    assert (info.run_name, info.user_id, info.start_time) == ("first", "someone", 1234)
    assert (info.status, info.end_time, info.lifecycle_stage) == ("RUNNING", None, "active")
    assert info.artifact_uri == f"mlflow-artifacts:/{experiment}/{info.run_id}/artifacts"
    assert made.data.tags == {"a": "b", "mlflow.runName": "first"}
    store.update_run(info.run_id, "FINISHED", 5678, "renamed")
    ended = store.get_run(info.run_id).info
    assert (ended.status, ended.end_time, ended.run_name) == ("FINISHED", 5678, "renamed")
    with pytest.raises(NotFound):
        store.get_run("0" * 32)


def test_a_deleted_run_takes_nothing_until_restored(store, experiment):
    run_id = _run(store, experiment)
    store.set_run_stage(run_id, "deleted")
    with pytest.raises(InvalidInput):
        store.log_metric(run_id, Metric("m", 1, 1))
    assert [run.info.run_id for run in store.search_runs([experiment])] == []
    [found] = store.search_runs([experiment], view=ViewType.DELETED_ONLY)
    assert found.info.lifecycle_stage == "deleted"
    store.set_run_stage(run_id, "active")
    store.log_metric(run_id, Metric("m", 1, 1))


def test_what_runs_log(store, experiment):
    run_id = _run(store, experiment)
    store.log_metric(run_id, Metric("m", 0.5, 10, 1))
    store.log_metric(run_id, Metric("m", 0.5, 10, 1))  # the same again is no new point
    store.log_metric(run_id, Metric("m", 0.25, 2**53 + 1, 2))
    store.log_batch(
        run_id,
        [Metric("n", math.nan, 5, -3)],
        [Param("p", "ünicode"), Param("empty", "")],
        [RunTag("t", "")],
    )
    data = store.get_run(run_id).data
    assert data.metrics["m"] == 0.25 and math.isnan(data.metrics["n"])
    assert data.moments == {"m": (2**53 + 1, 2), "n": (5, -3)}
    assert data.params == {"p": "ünicode", "empty": ""}
    assert data.tags["t"] == ""
    with pytest.raises(InvalidInput, match="p"):
        store.log_batch(run_id, params=[Param("p", "other")])
    store.delete_tag(run_id, "t")
    with pytest.raises(NotFound):
        store.delete_tag(run_id, "t")


def test_more_than_a_server_takes_at_once(store, experiment):
    run_id = _run(store, experiment)
    store.log_batch(
        run_id,
        [Metric("m", i, i, i) for i in range(2500)],
        [Param(f"p{i}", "é" * 5000) for i in range(130)],
        [RunTag(f"t{i}", "x") for i in range(130)],
    )
    data = store.get_run(run_id).data
    assert len(data.params) == 130 and data.params["p7"] == "é" * 5000
    assert sum(key.startswith("t") for key in data.tags) == 130
    assert len(store.get_metric_history(run_id, "m")) == 2500


def test_history_page_by_page_and_whole(store, experiment):
    run_id = _run(store, experiment)
    points = [Metric("m", i / 7, 1000 + i, i) for i in range(25)]
    store.log_batch(run_id, points)
    assert list(store.get_metric_history(run_id, "m")) == points
    found, token = [], None
    for size in (10, 10, 5):
        page = store.get_metric_history(run_id, "m", 10, token)
        assert len(page) == size
        found += page
        token = page.token
    assert (found, token) == (points, None)
    assert list(store.get_metric_history(run_id, "none")) == []


def test_history_that_takes_several_requests(store, experiment, monkeypatch):
    monkeypatch.setattr("mlpack.tracking.rest.store._HISTORY_PAGE", 10)
    run_id = _run(store, experiment)
    points = [Metric("m", i, 1000 + i, i) for i in range(35)]
    store.log_batch(run_id, points)
    found = store.get_metric_history(run_id, "m")
    assert (list(found), found.token) == (points, None)


def test_samples_for_a_chart(store, experiment, monkeypatch):
    monkeypatch.setattr("mlpack.tracking.rest.store._SAMPLED_RUNS", 2)
    runs = [_run(store, experiment, f"r{i}") for i in range(4)]
    for run_id in runs[:3]:
        store.log_batch(run_id, [Metric("m", i, 1000 + i, i) for i in range(500)])
    found = store.sample_metric_history([*runs, runs[0]], "m", 20)
    assert found.keys() == set(runs[:3])
    for points in found.values():
        assert 2 <= len(points) <= 60
        assert (points[0].step, points[-1].step) == (0, 499)
        assert points[0] == Metric("m", 0, 1000, 0)
    [some] = store.sample_metric_history(runs[:1], "m", 20, start_step=100).values()
    assert (some[0].step, some[-1].step) == (100, 499)


def test_search_runs(store, experiment):
    runs = [_run(store, experiment, f"r{i}", number=str(i)) for i in range(4)]
    for i, run_id in enumerate(runs):
        store.log_metric(run_id, Metric("m", i, 1))
    found = store.search_runs([experiment], "metrics.m > 0", order_by=["metrics.m DESC"])
    assert [run.info.run_id for run in found] == runs[:0:-1]
    page = store.search_runs([experiment], order_by=["metrics.m"], max_results=3)
    more = store.search_runs(
        [experiment], order_by=["metrics.m"], max_results=3, page_token=page.token
    )
    assert [run.info.run_id for run in [*page, *more]] == runs
    assert more.token is None
    with pytest.raises(InvalidInput):
        store.search_runs([experiment], "metrics.m >")


def test_inputs_and_outputs(store, experiment):
    run_id = _run(store, experiment)
    model = store.create_logged_model(experiment, "model", run_id)
    data = Dataset("d", "dig", "local", '{"uri": "x"}', '{"c": 1}', '{"n": 2}')
    store.log_inputs(run_id, [DatasetInput(data, {"mlflow.data.context": "training"})])
    store.log_inputs(run_id, models=[ModelInput(model.model_id)])
    store.log_outputs(run_id, [ModelOutput(model.model_id, 3)])
    run = store.get_run(run_id)
    assert run.inputs.dataset_inputs == [DatasetInput(data, {"mlflow.data.context": "training"})]
    assert run.inputs.model_inputs == [ModelInput(model.model_id)]
    assert run.outputs.model_outputs == [ModelOutput(model.model_id, 3)]


def test_a_logged_model_from_start_to_end(store, experiment):
    run_id = _run(store, experiment)
    params = [Param(f"p{i}", str(i)) for i in range(130)]
    made = store.create_logged_model(
        experiment, "model", run_id, "classifier", params, [RunTag("a", "b")]
    )
    assert (made.status, made.name, made.source_run_id) == ("PENDING", "model", run_id)
    assert (made.model_type, len(made.params), made.tags) == ("classifier", 130, {"a": "b"})
    assert made.artifact_location == (
        f"mlflow-artifacts:/{experiment}/models/{made.model_id}/artifacts"
    )
    ready = store.finalize_logged_model(made.model_id, "READY", "sha256:abc")
    assert (ready.status, ready.digest, ready.tags) == ("READY", "sha256:abc", {"a": "b"})
    assert store.get_logged_model(made.model_id) == ready
    store.log_metric(run_id, Metric("acc", 0.9, 5, 0, made.model_id, "d", "dig"))
    [metric] = store.get_logged_model(made.model_id).metrics
    assert metric == Metric("acc", 0.9, 5, 0, made.model_id, "d", "dig", run_id)
    store.set_logged_model_tags(made.model_id, [RunTag("c", "d")])
    store.delete_logged_model_tag(made.model_id, "c")
    with pytest.raises(NotFound):
        store.delete_logged_model_tag(made.model_id, "c")
    store.log_logged_model_params(made.model_id, [Param("more", "1")])
    assert store.get_logged_model(made.model_id).params["more"] == "1"
    store.delete_logged_model(made.model_id)
    with pytest.raises(NotFound):
        store.get_logged_model(made.model_id)


@pytest.mark.parametrize("model_id", ["m-" + "0" * 32, "../runs", "a/b", "", "m-1?x=1"])
def test_models_that_are_not_there(store, model_id):
    with pytest.raises(NotFound):
        store.get_logged_model(model_id)


def test_search_logged_models(store, experiment):
    run_id = _run(store, experiment)
    models = []
    for i, name in enumerate(["a", "b", "a"]):
        models.append(store.create_logged_model(experiment, name, run_id).model_id)
        store.log_metric(run_id, Metric("acc", i, 5, 0, models[i]))
    found = store.search_logged_models(
        [experiment], f"name = 'a' AND source_run_id = '{run_id}'", order_by=["metrics.acc DESC"]
    )
    assert [model.model_id for model in found] == [models[2], models[0]]
    page = store.search_logged_models([experiment], max_results=2)
    more = store.search_logged_models([experiment], max_results=2, page_token=page.token)
    assert {model.model_id for model in [*page, *more]} == set(models)
    assert more.token is None
    everywhere = {model.model_id for model in store.search_logged_models()}
    assert set(models) <= everywhere


def test_infinities_survive(our_server):
    from mlpack.tracking.rest.store import RestStore

    store = RestStore(our_server)
    run_id = _run(store, "0")
    store.log_metric(run_id, Metric("up", math.inf, 1))
    store.log_batch(run_id, [Metric("down", -math.inf, 1)])
    assert store.get_run(run_id).data.metrics == {"up": math.inf, "down": -math.inf}
