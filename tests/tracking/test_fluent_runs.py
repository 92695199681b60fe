"""The life of a run as people type it: starting, nesting, ending, failing, going on."""

import subprocess
import sys
import threading

import pytest

import mlpack
from mlpack.errors import AlreadyExists, InvalidInput, InvalidState, NotFound
from mlpack.tracking.entities import ViewType


def status(run):
    return mlpack.get_run(run.info.run_id).info.status


def test_a_run_records_who_when_and_what():
    with mlpack.start_run(run_name="first", tags={"team": "a"}, description="**why**") as run:
        assert mlpack.active_run() is run
        assert status(run) == "RUNNING"
    found = mlpack.get_run(run.info.run_id)
    assert found.info.run_name == "first"
    assert found.info.status == "FINISHED"
    assert found.info.end_time >= found.info.start_time
    assert found.info.experiment_id == "0"
    assert found.info.user_id == found.data.tags["mlflow.user"]
    assert found.data.tags["team"] == "a"
    assert found.data.tags["mlflow.note.content"] == "**why**"
    assert found.data.tags["mlflow.runName"] == "first"
    assert "mlflow.source.name" in found.data.tags
    assert mlpack.active_run() is None
    assert mlpack.last_active_run().info.run_id == run.info.run_id


def test_a_run_without_a_name_gets_one():
    with mlpack.start_run() as one:
        pass
    with mlpack.start_run() as two:
        pass
    assert one.info.run_name and two.info.run_name
    assert one.info.run_name != two.info.run_name


def test_an_exception_fails_the_run_and_goes_on():
    with pytest.raises(ValueError, match="boom"), mlpack.start_run() as run:
        raise ValueError("boom")
    assert status(run) == "FAILED"


def test_ctrl_c_kills_the_run():
    with pytest.raises(KeyboardInterrupt), mlpack.start_run() as run:
        raise KeyboardInterrupt
    assert status(run) == "KILLED"


@pytest.mark.parametrize(("code", "expected"), [(0, "FINISHED"), (None, "FINISHED"), (3, "FAILED")])
def test_sys_exit_in_a_run(code, expected):
    with pytest.raises(SystemExit), mlpack.start_run() as run:
        sys.exit(code)
    assert status(run) == expected


def test_nested_runs_carry_their_parent():
    with mlpack.start_run() as parent:
        with mlpack.start_run(nested=True) as child:
            mlpack.log_param("depth", 3)
            with mlpack.start_run(nested=True) as grandchild:
                pass
            assert mlpack.active_run() is child
        assert mlpack.active_run() is parent
    client = mlpack.MlpackClient()
    assert client.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id
    assert client.get_parent_run(grandchild.info.run_id).info.run_id == child.info.run_id
    assert client.get_parent_run(parent.info.run_id) is None
    children = mlpack.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'", output_format="list"
    )
    assert [run.info.run_id for run in children] == [child.info.run_id]


def test_a_second_run_must_say_nested():
    with mlpack.start_run() as run, pytest.raises(InvalidState, match=r"nested=True"):
        mlpack.start_run()
    assert status(run) == "FINISHED"


def test_parent_by_id():
    with mlpack.start_run() as parent:
        pass
    with (
        mlpack.start_run(parent_run_id=parent.info.run_id) as child,
        pytest.raises(InvalidInput, match="active run"),
    ):
        mlpack.start_run(nested=True, parent_run_id=parent.info.run_id)
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    mlpack.delete_run(parent.info.run_id)
    with pytest.raises(InvalidInput, match="deleted"):
        mlpack.start_run(parent_run_id=parent.info.run_id)


def test_runs_left_open_inside_a_block_end_with_it():
    with mlpack.start_run():
        inner = mlpack.start_run(nested=True)
    assert status(inner) == "FINISHED"
    assert mlpack.active_run() is None


def test_going_on_with_a_run():
    with mlpack.start_run() as run:
        mlpack.log_param("a", 1)
    with mlpack.start_run(run_id=run.info.run_id, run_name="again", tags={"x": 1}) as same:
        assert same.info.run_id == run.info.run_id
        assert same.info.status == "RUNNING"
        assert same.info.end_time is None
        mlpack.log_param("b", 2)
    found = mlpack.get_run(run.info.run_id)
    assert found.data.params == {"a": "1", "b": "2"}
    assert (found.info.run_name, found.data.tags["x"]) == ("again", "1")
    assert found.info.start_time == run.info.start_time


@pytest.mark.parametrize("variable", ["MLPACK_RUN_ID", "MLFLOW_RUN_ID"])
def test_going_on_with_the_run_of_the_environment_once(variable, monkeypatch):
    with mlpack.start_run() as run:
        pass
    monkeypatch.setenv(variable, run.info.run_id)
    with mlpack.start_run() as same:
        assert same.info.run_id == run.info.run_id
    with mlpack.start_run() as other:
        assert other.info.run_id != run.info.run_id


def test_going_on_refuses_unknown_deleted_and_foreign_runs():
    with pytest.raises(NotFound, match="No run with id 'nope'"):
        mlpack.start_run(run_id="nope")
    with mlpack.start_run() as run:
        pass
    mlpack.set_experiment("elsewhere")
    with pytest.raises(InvalidInput, match="belongs to experiment 0"):
        mlpack.start_run(run_id=run.info.run_id)
    mlpack.set_experiment(experiment_id="0")
    mlpack.delete_run(run.info.run_id)
    with pytest.raises(InvalidInput, match="deleted"):
        mlpack.start_run(run_id=run.info.run_id)
    assert mlpack.active_run() is None


def test_logging_starts_a_run_by_itself():
    mlpack.log_metric("m", 1)
    run = mlpack.active_run()
    assert run is not None
    mlpack.end_run("KILLED")
    assert status(run) == "KILLED"
    mlpack.end_run()  # no run: nothing happens


def test_ending_with_a_word_that_is_no_status():
    mlpack.start_run()
    with pytest.raises(InvalidInput, match="use one of RUNNING, SCHEDULED, FINISHED"):
        mlpack.MlpackClient().set_terminated(mlpack.active_run().info.run_id, "DONE")


def test_a_run_that_was_deleted_meanwhile_still_ends():
    with mlpack.start_run() as run:
        mlpack.delete_run(run.info.run_id)
    assert mlpack.active_run() is None


def test_description_and_its_tag_exclude_each_other():
    with pytest.raises(InvalidInput, match="not both"):
        mlpack.start_run(description="x", tags={"mlflow.note.content": "y"})


def test_every_thread_has_its_own_active_run():
    seen = {}

    def work(name):
        assert mlpack.active_run() is None
        with mlpack.start_run(run_name=name) as run:
            for step in range(20):
                mlpack.log_metric("m", step, step=step)
            assert mlpack.active_run() is run
            seen[name] = run.info.run_id

    with mlpack.start_run() as mine:
        threads = [threading.Thread(target=work, args=(f"t{i}",)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert mlpack.active_run() is mine
    client = mlpack.MlpackClient()
    for run_id in seen.values():
        assert [m.step for m in client.get_metric_history(run_id, "m")] == list(range(20))
    assert len(set(seen.values())) == 6


# --- at the end of the process ---


def script(code):
    done = subprocess.run([sys.executable, "-c", f"import mlpack\n{code}"], capture_output=True)
    runs = mlpack.search_runs(output_format="list")
    return done, runs


def test_a_run_left_open_is_ended_at_exit():
    _, [run] = script("mlpack.start_run()")
    assert run.info.status == "FINISHED"


def test_runs_of_other_threads_are_ended_at_exit():
    _, [run] = script(
        "import threading\nt = threading.Thread(target=mlpack.start_run); t.start(); t.join()"
    )
    assert run.info.status == "FINISHED"


def test_a_script_that_dies_of_an_exception_did_not_finish():
    done, [run] = script("mlpack.start_run()\nmlpack.log_metric('m', 1)\n1 / 0")
    assert done.returncode == 1
    assert run.info.status == "FAILED"


def test_a_forked_child_logs_to_its_parents_run_and_leaves_it_open():
    done, [run] = script(
        """
import os, sys
mlpack.start_run()
mlpack.log_metric("before", 1)
for _ in range(3):
    if os.fork() == 0:
        for i in range(50):
            mlpack.log_metric(f"child{os.getpid()}", i, step=i)
        sys.exit()
for _ in range(3):
    os.wait()
status = mlpack.get_run(mlpack.active_run().info.run_id).info.status
mlpack.log_metric("after", 1)
assert status == "RUNNING", status
"""
    )
    assert done.returncode == 0, done.stderr.decode()
    assert run.info.status == "FINISHED"
    children = [key for key in run.data.metrics if key.startswith("child")]
    assert len(children) == 3
    assert all(run.data.metrics[key] == 49 for key in children)
    assert {"before", "after"} <= set(run.data.metrics)


def test_a_forked_child_that_leaves_the_block_does_not_end_the_run():
    done, [run] = script(
        """
import os, sys
with mlpack.start_run() as run:
    if os.fork() == 0:
        mlpack.log_metric("child", 1)
        sys.exit()
    os.wait()
    status = mlpack.get_run(run.info.run_id).info.status
    assert status == "RUNNING", status
"""
    )
    assert done.returncode == 0, done.stderr.decode()
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"child": 1}


# --- experiments ---


def test_set_experiment_makes_and_finds():
    first = mlpack.set_experiment("churn")
    assert mlpack.set_experiment("churn") == first
    with mlpack.start_run() as run:
        assert run.info.experiment_id == first.experiment_id
    assert mlpack.set_experiment(experiment_id=0).name == "Default"
    with mlpack.start_run(experiment_id=first.experiment_id) as run:
        assert run.info.experiment_id == first.experiment_id


@pytest.mark.parametrize("prefix", ["MLPACK", "MLFLOW"])
def test_experiment_from_the_environment(prefix, monkeypatch):
    monkeypatch.setenv(f"{prefix}_EXPERIMENT_NAME", "from-env")
    with mlpack.start_run() as run:
        pass
    assert mlpack.get_experiment(run.info.experiment_id).name == "from-env"
    monkeypatch.delenv(f"{prefix}_EXPERIMENT_NAME")
    monkeypatch.setenv(f"{prefix}_EXPERIMENT_ID", "77")
    with pytest.raises(NotFound, match="No experiment with id '77'"):
        mlpack.start_run()


def test_experiment_names():
    made = mlpack.create_experiment("a", tags={"owner": "me"})
    assert mlpack.get_experiment(made).tags == {"owner": "me"}
    assert mlpack.get_experiment_by_name("nope") is None
    with pytest.raises(AlreadyExists, match="named 'a' exists"):
        mlpack.create_experiment("a")
    for bad in ("", "  ", "x" * 501, "a\nb", None, 3):
        with pytest.raises(InvalidInput, match="name of an experiment"):
            mlpack.create_experiment(bad)
    for arguments in ({}, {"experiment_name": "a", "experiment_id": "1"}):
        with pytest.raises(InvalidInput, match="one of them"):
            mlpack.set_experiment(**arguments)


def test_a_deleted_experiment_takes_no_runs_until_it_is_restored():
    client = mlpack.MlpackClient()
    made = mlpack.create_experiment("gone")
    with mlpack.start_run(experiment_id=made) as run:
        pass
    client.delete_experiment(made)
    assert made not in [e.experiment_id for e in mlpack.search_experiments()]
    deleted = mlpack.search_experiments(ViewType.DELETED_ONLY)
    assert [e.experiment_id for e in deleted] == [made]
    assert mlpack.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    with pytest.raises(InvalidInput, match="is deleted"):
        mlpack.start_run(experiment_id=made)
    with pytest.raises(InvalidInput, match="is deleted"):
        mlpack.set_experiment("gone")
    with pytest.raises(AlreadyExists, match="deleted experiment"):
        mlpack.create_experiment("gone")
    client.restore_experiment(made)
    assert mlpack.get_run(run.info.run_id).info.lifecycle_stage == "active"
    client.rename_experiment(made, "back")
    assert mlpack.get_experiment_by_name("back").experiment_id == made
    with pytest.raises(InvalidInput, match="'Default' cannot be deleted"):
        client.delete_experiment("0")


def test_experiments_files_can_be_elsewhere(tmp_path):
    made = mlpack.create_experiment("far", artifact_location=tmp_path / "far away")
    with mlpack.start_run(experiment_id=made) as run:
        mlpack.log_text("hi", "a.txt")
    assert (tmp_path / "far away" / run.info.run_id / "artifacts" / "a.txt").read_text() == "hi"
    with pytest.raises(InvalidInput, match="is no place for files"):
        mlpack.create_experiment("model", artifact_location="runs:/abc/x")
