"""`mlpack gc`: what was deleted goes with its files and rows, and nothing else does."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlpack import MlpackClient
from mlpack.artifacts.open import open_artifacts
from mlpack.cli.main import cli
from mlpack.errors import NotFound
from mlpack.tracking.entities import Dataset, DatasetInput, Metric, ModelOutput


def gc(*arguments):
    return CliRunner().invoke(cli, ["gc", *arguments])


@pytest.fixture
def client():
    return MlpackClient()


def full_run(client, experiment="0"):
    run = client.create_run(experiment, run_name="full").info
    model = client.store.create_logged_model(experiment, "m", run.run_id)
    client.store.log_batch(run.run_id, [Metric("a", 1.0, 1, 0, model.model_id)])
    client.log_param(run.run_id, "p", 1)
    dataset = DatasetInput(Dataset("d", "1", "local", "{}"), {"mlflow.data.context": "train"})
    client.store.log_inputs(run.run_id, [dataset])
    client.store.log_outputs(run.run_id, [ModelOutput(model.model_id)])
    client.log_text(run.run_id, "x", "file.txt")
    Path(model.artifact_location).mkdir(parents=True)
    return run, model


def test_a_deleted_run_goes_and_its_model_stays(client):
    kept, _ = full_run(client)
    run, model = full_run(client)
    client.delete_run(run.run_id)
    dry = json.loads(gc("--dry-run", "--json").output)
    nothing = {"logged_models": [], "experiments": [], "uploads": []}
    assert dry == {"runs": [run.run_id], **nothing, "dry_run": True}
    assert "Nothing to remove" in gc("--older-than", "1d").output
    assert client.get_run(run.run_id)

    assert gc().output == f"Removed run {run.run_id}\n"
    assert not Path(run.artifact_uri).parent.exists()
    with pytest.raises(NotFound):
        client.get_run(run.run_id)
    assert client.get_logged_model(model.model_id).source_run_id is None
    assert client.get_run(kept.run_id).data.params == {"p": "1"}
    assert (Path(kept.artifact_uri) / "file.txt").exists()
    assert "Nothing to remove" in gc().output


def test_a_deleted_experiment_goes_with_everything_in_it(client):
    experiment = client.create_experiment("gone", tags={"a": "b"})
    place = Path(client.get_experiment(experiment).artifact_location)
    run, model = full_run(client, experiment)
    client.delete_experiment(experiment)
    found = json.loads(gc("--json", "--experiment-ids", experiment).output)
    assert found["runs"] == [run.run_id]
    assert found["logged_models"] == [model.model_id]
    assert found["experiments"] == [experiment]
    assert not place.exists()
    assert client.create_experiment("gone") != experiment  # the name is free, the id is not


def test_a_deleted_model_goes_alone(client):
    run, model = full_run(client)
    client.store.delete_logged_model(model.model_id)
    assert gc().output == f"Removed logged model {model.model_id}\n"
    assert not Path(model.artifact_location).parent.exists()
    assert client.get_run(run.run_id).data.metrics == {"a": 1.0}


def test_what_is_not_deleted_is_refused(client):
    run, _ = full_run(client)
    refused = gc("--run-ids", run.run_id)
    assert refused.exit_code != 0
    assert client.get_run(run.run_id)
    assert gc("--run-ids", "nope").exit_code != 0
    assert gc("--older-than", "soon").exit_code != 0


def test_a_server_is_not_the_place():
    done = gc("--tracking-uri", "http://127.0.0.1:1")
    assert done.exit_code != 0


def test_files_that_are_gone_already_do_not_matter(client):
    """As after a death between the files and the rows."""
    run, _ = full_run(client)
    client.delete_run(run.run_id)
    open_artifacts(str(Path(run.artifact_uri).parent)).delete("")
    assert gc().output == f"Removed run {run.run_id}\n"
