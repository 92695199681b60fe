"""Experiments, runs and logged models from beginning to end, over every kind of store."""

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


def new_run(store, experiment="0", name="n"):
    return store.create_run(experiment, name, "u", 1, []).info.run_id


# --- deleting and restoring ---


def test_an_experiment_takes_its_runs_with_it_and_brings_them_back(store):
    experiment = store.create_experiment("e", tags={"a": "b"})
    run = new_run(store, experiment)
    store.set_experiment_stage(experiment, "deleted")
    assert store.get_experiment(experiment).lifecycle_stage == "deleted"
    assert store.get_run(run).info.lifecycle_stage == "deleted"
    with pytest.raises(AlreadyExists, match="deleted"):
        store.create_experiment("e")
    for refused in (
        lambda: new_run(store, experiment),
        lambda: store.rename_experiment(experiment, "f"),
        lambda: store.set_experiment_tag(experiment, RunTag("a", "c")),
        lambda: store.delete_experiment_tag(experiment, "a"),
        lambda: store.create_logged_model(experiment, "m"),
    ):
        with pytest.raises(InvalidInput, match="is deleted"):
            refused()
    store.set_experiment_stage(experiment, "active")
    assert store.get_run(run).info.lifecycle_stage == "active"
    assert store.get_experiment(experiment).tags == {"a": "b"}


def test_a_run_stays_deleted_with_its_experiment(store):
    """The peer restores it, and then has an active run that no search finds."""
    experiment = store.create_experiment("e")
    run = new_run(store, experiment)
    store.set_experiment_stage(experiment, "deleted")
    with pytest.raises(InvalidInput, match=r"deleted experiment 'e'.*restore_experiment"):
        store.set_run_stage(run, "active")
    with pytest.raises(InvalidInput, match="deleted"):
        store.log_batch(run, [Metric("m", 1.0, 1)])
    assert store.get_run(run).info.lifecycle_stage == "deleted"


def test_a_deleted_run_takes_nothing(store):
    run, model = new_run(store), store.create_logged_model("0", "m").model_id
    store.log_batch(run, tags=[RunTag("t", "1")])
    store.set_run_stage(run, "deleted")
    for refused in (
        lambda: store.log_metric(run, Metric("m", 1.0, 1)),
        lambda: store.log_batch(run, params=[Param("p", "1")]),
        lambda: store.delete_tag(run, "t"),
        lambda: store.update_run(run, name="x"),
        lambda: store.log_inputs(run, models=[ModelInput(model)]),
        lambda: store.log_outputs(run, [ModelOutput(model)]),
        lambda: store.create_logged_model("0", "m", run),
    ):
        with pytest.raises(InvalidInput, match=rf"{run} is deleted.*restore_run"):
            refused()
    store.set_run_stage(run, "active")
    assert store.get_run(run).data.tags["t"] == "1"


def test_deleting_and_restoring_twice_is_harmless(store):
    experiment, run = store.create_experiment("e"), new_run(store)
    for stage in ("deleted", "deleted", "active", "active"):
        store.set_run_stage(run, stage)
        store.set_experiment_stage(experiment, stage)
        assert store.get_run(run).info.lifecycle_stage == stage
    with pytest.raises(InvalidInput, match="Default"):
        store.set_experiment_stage("0", "deleted")


# --- tags ---


def test_tags_are_set_overwritten_and_deleted(store):
    experiment, run = store.create_experiment("e"), new_run(store)
    model = store.create_logged_model("0", "m").model_id
    kinds = (
        (
            lambda tag: store.set_experiment_tag(experiment, tag),
            lambda key: store.delete_experiment_tag(experiment, key),
            lambda: store.get_experiment(experiment).tags,
        ),
        (
            lambda tag: store.log_batch(run, tags=[tag]),
            lambda key: store.delete_tag(run, key),
            lambda: store.get_run(run).data.tags,
        ),
        (
            lambda tag: store.set_logged_model_tags(model, [tag]),
            lambda key: store.delete_logged_model_tag(model, key),
            lambda: store.get_logged_model(model).tags,
        ),
    )
    for write, delete, read in kinds:
        write(RunTag("a/b c", "1"))
        write(RunTag("a/b c", "ü\n'\"\\%"))
        assert read()["a/b c"] == "ü\n'\"\\%"
        delete("a/b c")
        assert "a/b c" not in read()
        with pytest.raises(NotFound, match="no tag 'a/b c'"):
            delete("a/b c")


def test_tags_of_experiments_may_be_long(store):
    experiment = store.create_experiment("e", tags={"k": "y" * 20_000})
    store.set_experiment_tag(experiment, RunTag("l", "x" * 20_000))
    assert store.get_experiment(experiment).tags == {"k": "y" * 20_000, "l": "x" * 20_000}


# --- inputs and outputs ---


def test_the_same_input_again_changes_its_tags_only(store):
    run = new_run(store)
    first = Dataset("d", "1", "local", '{"uri": "a"}', '{"s": 1}', '{"rows": 3}')
    store.log_inputs(run, [DatasetInput(first, {"context": "train", "k" * 255: "1"})])
    again = Dataset("d", "1", "local", '{"uri": "elsewhere"}')
    store.log_inputs(run, [DatasetInput(again, {"context": "test", "new": "x"})])
    [found] = store.get_run(run).inputs.dataset_inputs
    assert found.dataset == first
    assert found.tags == {"context": "test", "k" * 255: "1", "new": "x"}
    other = new_run(store)
    store.log_inputs(other, [DatasetInput(again), DatasetInput(Dataset("d", "2", "code", "{}"))])
    assert store.get_run(other).inputs.dataset_inputs[0].dataset == first
    assert len(store.get_run(other).inputs.dataset_inputs) == 2
    assert len(store.get_run(run).inputs.dataset_inputs) == 1


def test_models_that_a_run_read_and_made(store):
    run = new_run(store)
    read, made = (store.create_logged_model("0", name).model_id for name in ("read", "made"))
    for _ in range(2):
        store.log_inputs(run, models=[ModelInput(read)])
        store.log_outputs(run, [ModelOutput(made, 3), ModelOutput(made, 1)])
    found = store.get_run(run)
    assert found.inputs.model_inputs == [ModelInput(read)]
    assert found.outputs.model_outputs == [ModelOutput(made, 1), ModelOutput(made, 3)]


# --- logged models ---


def test_the_life_of_a_model(store):
    run = new_run(store)
    made = store.create_logged_model(
        "0", "m", run, "classifier", [Param("p", "1")], [RunTag("t", "2")]
    )
    assert (made.status, made.digest, made.source_run_id) == ("PENDING", None, run)
    assert (made.model_type, made.params, made.tags["t"]) == ("classifier", {"p": "1"}, "2")
    ready = store.finalize_logged_model(made.model_id, "READY", "sha256:1")
    assert (ready.status, ready.digest) == ("READY", "sha256:1")
    with pytest.raises(InvalidInput, match="never changes"):
        store.finalize_logged_model(made.model_id, "READY", "sha256:2")
    assert store.finalize_logged_model(made.model_id, "READY").digest == "sha256:1"
    store.log_logged_model_params(made.model_id, [Param("p", "1"), Param("q", "3")])
    with pytest.raises(InvalidInput, match="is already '1' and cannot become '2'"):
        store.log_logged_model_params(made.model_id, [Param("z", "0"), Param("p", "2")])
    found = store.get_logged_model(made.model_id)
    assert (found.digest, found.params) == ("sha256:1", {"p": "1", "q": "3"})
    store.delete_logged_model(made.model_id)
    for gone in (
        lambda: store.get_logged_model(made.model_id),
        lambda: store.delete_logged_model(made.model_id),
        lambda: store.finalize_logged_model(made.model_id, "READY"),
        lambda: store.set_logged_model_tags(made.model_id, [RunTag("a", "b")]),
        lambda: store.log_batch(run, [Metric("x", 1.0, 1, 0, made.model_id)]),
    ):
        with pytest.raises(NotFound, match=made.model_id):
            gone()
    assert list(store.search_logged_models(["0"])) == []


def test_a_model_that_failed(store):
    made = store.create_logged_model("0", "m")
    assert store.finalize_logged_model(made.model_id, "FAILED").status == "FAILED"
    assert store.get_logged_model(made.model_id).status == "FAILED"


def test_metrics_are_shown_on_the_model_they_were_measured_on(store):
    run, model = new_run(store), store.create_logged_model("0", "m").model_id
    given = [
        Metric("auc", 0.5, 1, 0, model, "d", "1"),
        Metric("auc", 0.75, 2, 1, model, "d", "1"),
        Metric("loss", 3.0, 2, 1, model),
        Metric("of the run", 1.0, 1),
    ]
    store.log_batch(run, given)
    store.log_metric(run, Metric("f1", 0.25, 5, 2, model, "d", "1"))
    found = store.get_logged_model(model).metrics
    assert {(m.key, m.value, m.step, m.dataset_name, m.dataset_digest) for m in found} >= {
        ("auc", 0.75, 1, "d", "1"),
        ("loss", 3.0, 1, None, None),
        ("f1", 0.25, 2, "d", "1"),
    }
    assert {(m.model_id, m.run_id) for m in found} == {(model, run)}
    assert store.get_run(run).data.metrics == {"auc": 0.75, "loss": 3, "of the run": 1, "f1": 0.25}


# --- searching experiments and models ---


def every(search, size, **asked):
    found, token = [], None
    while True:
        page = search(max_results=size, page_token=token, **asked)
        found += page
        token = page.token
        if token is None:
            return found


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("text", "order", "view", "expected"),
    [
        ("", (), ViewType.ACTIVE_ONLY, "fcba"),
        ("", ["name ASC"], ViewType.ALL, "abcdf"),
        ("", ["name DESC"], ViewType.DELETED_ONLY, "d"),
        ("name != 'a'", ["name"], ViewType.ACTIVE_ONLY, "bcf"),
        ("name LIKE 'A'", ["name"], ViewType.ACTIVE_ONLY, ""),
        ("name ILIKE 'A'", ["name"], ViewType.ACTIVE_ONLY, "a"),
        ("tags.kind = 'even' AND name != 'a'", ["creation_time"], ViewType.ACTIVE_ONLY, "c"),
        ("tags.kind IS NULL", ["name"], ViewType.ACTIVE_ONLY, "f"),
    ],
)
def test_experiments_are_found(store, size, text, order, view, expected):
    for number, name in enumerate("abcd"):
        made = store.create_experiment(name, tags={"kind": "odd" if number % 2 else "even"})
    store.set_experiment_stage(made, "deleted")
    store.create_experiment("f")
    found = every(store.search_experiments, size, view=view, filter_string=text, order_by=order)
    assert "".join(one.name for one in found if one.name != "Default") == expected


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("", (), "dcba"),
        ("", ["name ASC"], "abcd"),
        ("name != 'a'", ["name"], "bcd"),
        ("params.p = '1'", ["name"], "bd"),
        ("tags.t IN ('a', 'c')", ["name DESC"], "ca"),
        ("metrics.auc > 1", ["name"], "cd"),
        ("status = 'READY'", ["name"], "a"),
        ("", ["metrics.auc"], "bcda"),
        ("", ["metrics.auc DESC"], "dcba"),
    ],
)
def test_models_are_found(store, size, text, order, expected):
    experiment = store.create_experiment("models")
    run = new_run(store, experiment)
    for number, name in enumerate("abcd"):
        params, tags = [Param("p", str(number % 2))], [RunTag("t", name)]
        made = store.create_logged_model(experiment, name, run, None, params, tags).model_id
        if number:
            store.log_batch(run, [Metric("auc", float(number), 1, number, made)])
        else:
            store.finalize_logged_model(made, "READY", "sha256:1")
    found = every(
        store.search_logged_models,
        size,
        experiment_ids=[experiment],
        filter_string=text,
        order_by=order,
    )
    assert "".join(one.name for one in found) == expected
