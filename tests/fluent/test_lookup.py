"""Finding, describing and deleting runs, experiments and logged models by the familiar names."""

import pytest

import mlpack
from mlpack.errors import InvalidInput, NotFound


def test_experiments_by_filter_and_order():
    for name, team in (("wine-a", "x"), ("wine-b", "y"), ("beer", "x")):
        mlpack.create_experiment(name, tags={"team": team})
    found = mlpack.search_experiments(filter_string="name LIKE 'wine%'", order_by=["name DESC"])
    assert [e.name for e in found] == ["wine-b", "wine-a"]
    assert [e.name for e in mlpack.search_experiments(filter_string="tags.team = 'y'")] == [
        "wine-b"
    ]
    assert len(mlpack.search_experiments(max_results=2)) == 2


def test_tags_of_the_current_experiment():
    made = mlpack.set_experiment("e")
    mlpack.set_experiment_tags({"a": 1, "b": "x"})
    mlpack.set_experiment_tag("b", "y")
    mlpack.delete_experiment_tag("a")
    assert mlpack.get_experiment(made.experiment_id).tags == {"b": "y"}
    with pytest.raises(NotFound):
        mlpack.delete_experiment_tag("a")


def test_deleted_experiments_and_runs_come_back():
    made = mlpack.create_experiment("e")
    with mlpack.start_run(experiment_id=made) as run:
        pass
    mlpack.delete_experiment(made)
    assert mlpack.search_experiments(filter_string="name = 'e'") == []
    mlpack.restore_experiment(made)
    mlpack.delete_run(run.info.run_id)
    mlpack.restore_run(run.info.run_id)
    assert mlpack.get_run(run.info.run_id).info.lifecycle_stage == "active"


def test_parents_and_tags_of_runs():
    with mlpack.start_run() as parent, mlpack.start_run(nested=True) as child:
        mlpack.set_tag("a", 1)
        mlpack.delete_tag("a")
        with pytest.raises(NotFound):
            mlpack.delete_tag("a")
    assert mlpack.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id
    assert mlpack.get_parent_run(parent.info.run_id) is None


def test_logged_models():
    with mlpack.start_run() as run:
        first = mlpack.pyfunc.log_model("first", python_model=lambda model_input: 1)
        second = mlpack.pyfunc.log_model("second", python_model=lambda model_input: 2)
    mlpack.set_logged_model_tags(first.model_id, {"stage": "a"})
    assert mlpack.get_logged_model(first.model_id).tags["stage"] == "a"
    mlpack.delete_logged_model_tag(first.model_id, "stage")
    by_name = mlpack.search_logged_models(filter_string="name = 'first'", output_format="list")
    assert [model.model_id for model in by_name] == [first.model_id]
    assert mlpack.last_logged_model().model_id == second.model_id
    order = [{"field_name": "creation_timestamp", "ascending": True}]
    frame = mlpack.search_logged_models(order_by=order)
    assert frame.model_id.tolist() == [first.model_id, second.model_id]
    assert set(frame.source_run_id) == {run.info.run_id}
    assert "model_id" in mlpack.search_logged_models(filter_string="name = 'none'")
    with pytest.raises(InvalidInput, match="output_format"):
        mlpack.search_logged_models(output_format="csv")


def test_outputs():
    with mlpack.start_run() as run:
        made = mlpack.pyfunc.log_model("m", python_model=lambda model_input: 1)
        mlpack.log_outputs([mlpack.entities.ModelOutput(made.model_id, step=3)])
    outputs = mlpack.get_run(run.info.run_id).outputs.model_outputs
    assert (made.model_id, 3) in {(output.model_id, output.step) for output in outputs}
