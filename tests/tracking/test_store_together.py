"""Processes that want the same thing at the same moment: one gets it, the others are told why."""

from __future__ import annotations

import pytest

from mlpack.tests.stores import COUNT, together
from mlpack.tracking.entities import Dataset, DatasetInput, Metric, ModelInput, Param, RunTag


def new_run(store):
    return store.create_run("0", "name", "someone", 1, []).info.run_id


@pytest.fixture(params=["run", "model"])
def params(request, store):
    """How to log params, and how to read them: of a run, and of a logged model."""
    if request.param == "run":
        run = new_run(store)
        return (
            lambda params: store.log_batch(run, params=params),
            lambda: store.get_run(run).data.params,
        )
    model = store.create_logged_model("0", "m").model_id
    return (
        lambda params: store.log_logged_model_params(model, params),
        lambda: store.get_logged_model(model).params,
    )


def test_params_that_differ(params):
    log, read = params
    for key in ("a", "b", "c"):
        done, failed = together(
            lambda i, key=key: log([Param(key, f"{i}"), Param(f"{key}{i}", "x")])
        )
        assert len(done) == 1
        assert len(failed) == COUNT - 1
        won = read()[key]
        for message in failed:
            assert message.startswith("InvalidInput: ")
            assert f"is already '{won}' and cannot become" in message
        assert sum(k.startswith(key) for k in read()) == 2  # all of the winner's, and only these


def test_params_that_are_the_same(params):
    log, read = params
    given = [Param(f"p{i}", str(i)) for i in range(20)]
    for turn in range(3):
        some = given[turn::3]
        assert together(lambda i, some=some: log(some if i % 2 else some[::-1])) == (
            [None] * COUNT,
            [],
        )
    assert read() == {param.key: param.value for param in given}


def test_tags(store):
    run, model = new_run(store), store.create_logged_model("0", "m").model_id
    experiment = store.create_experiment("tagged")
    keys = [f"t{i}" for i in range(10)]

    def write(number):
        tags = [RunTag(key, str(number)) for key in (keys if number % 2 else keys[::-1])]
        store.log_batch(run, tags=tags)
        store.set_logged_model_tags(model, tags)
        for tag in tags[:3]:
            store.set_experiment_tag(experiment, tag)

    assert together(write) == ([None] * COUNT, [])
    for found in (store.get_run(run).data.tags, store.get_logged_model(model).tags):
        assert len({found[key] for key in keys}) == 1  # those of one call


def test_experiments_of_one_name(store):
    for name in ("first", "second"):
        done, failed = together(lambda _, name=name: store.create_experiment(name))
        assert done == [store.get_experiment_by_name(name).experiment_id]
        assert len(failed) == COUNT - 1
        assert all(m.startswith(f"AlreadyExists: An experiment named '{name}'") for m in failed)


def test_experiments_that_are_given_one_name(store):
    made = [store.create_experiment(f"e{i}") for i in range(COUNT)]
    done, failed = together(lambda i: store.rename_experiment(made[i], "wanted"))
    assert len(done) == 1
    assert all(message.startswith("AlreadyExists: ") for message in failed)
    assert len(failed) == COUNT - 1


def test_datasets_of_one_digest(store):
    runs = [new_run(store) for _ in range(COUNT)]
    datasets = [
        DatasetInput(Dataset(f"d{i}", "1", "local", "{}"), {"context": "train"}) for i in range(5)
    ]

    def write(number):
        mine = datasets if number % 2 else datasets[::-1]
        for run in (runs[number], runs[0]):
            store.log_inputs(run, mine, [ModelInput("m-1")])

    assert together(write) == ([None] * COUNT, [])
    for run in runs:
        inputs = store.get_run(run).inputs
        assert sorted(one.dataset.name for one in inputs.dataset_inputs) == [
            one.dataset.name for one in datasets
        ]
        assert all(one.tags == {"context": "train"} for one in inputs.dataset_inputs)
        assert inputs.model_inputs == [ModelInput("m-1")]


def test_metrics_of_one_run(store):
    run, model = new_run(store), store.create_logged_model("0", "m").model_id

    def write(number):
        for step in range(10):
            store.log_metric(run, Metric("m", number, 1, step))
            store.log_batch(run, [Metric("n", number, 1, step, model)])

    assert together(write) == ([None] * COUNT, [])
    for key in "mn":
        points = store.get_metric_history(run, key)
        assert sorted((p.value, p.step) for p in points) == [
            (n, step) for n in range(COUNT) for step in range(10)
        ]


def test_a_digest_is_recorded_once(store):
    model = store.create_logged_model("0", "m").model_id
    done, failed = together(lambda i: store.finalize_logged_model(model, "READY", f"sha256:{i}"))
    assert len(done) == 1
    assert store.get_logged_model(model).digest == done[0].digest
    assert len(failed) == COUNT - 1
    assert all("never changes" in message for message in failed)


def test_an_experiment_is_deleted_while_runs_are_made(store):
    experiment = store.create_experiment("short-lived")

    def work(number):
        if number == 0:
            return store.set_experiment_stage(experiment, "deleted")
        for _ in range(10):
            store.create_run(experiment, "n", "u", 1, [])
        return None

    together(work)
    assert list(store.search_runs([experiment])) == []
