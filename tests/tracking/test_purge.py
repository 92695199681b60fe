"""`mlpack gc`: what was deleted goes with its files and rows, and nothing else does."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlpack import MlpackClient
from mlpack.artifacts.open import open_artifacts
from mlpack.cli.main import cli
from mlpack.errors import NotFound
from mlpack.registry.entities import By
from mlpack.registry.uri import open_registry
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
    assert dry == {"runs": [run.run_id], **nothing, "kept": {}, "dry_run": True}
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


def version_of(source, **more):
    registry, by = open_registry(), By("me")
    given = {"tags": {}, "description": "", "by": by, "make_name": True, **more}
    return registry.create_model_version("churn", source, **given).version


def test_what_registered_versions_are_made_of_stays(client):
    """Also when the run, the model or the whole experiment was deleted."""
    run, model = full_run(client)
    other, lone = full_run(client)
    experiment = client.create_experiment("gone")
    inside, registered = full_run(client, experiment)
    version_of(f"models:/{model.model_id}", model_id=model.model_id, run_id=run.run_id)
    version_of(f"runs:/{other.run_id}/model", run_id=other.run_id)
    version_of("runs:/old/name", location=f"{registered.artifact_location}")
    for each in (run, other):
        client.delete_run(each.run_id)
    for each in (model, lone):
        client.store.delete_logged_model(each.model_id)
    client.delete_experiment(experiment)

    said = gc().output.splitlines()
    assert f"Kept {other.run_id}: models:/churn/2 is made of its files" in said
    assert f"Kept {model.model_id}: models:/churn/1 is made of its files" in said
    assert f"Kept {registered.model_id}: models:/churn/3 is made of its files" in said
    removed = {line.rpartition(" ")[2] for line in said if line.startswith("Removed")}
    assert removed == {run.run_id, lone.model_id, inside.run_id}
    assert Path(model.artifact_location).exists() and Path(registered.artifact_location).exists()
    assert (Path(other.artifact_uri) / "file.txt").exists()
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"

    registry = open_registry()
    registry.delete_registered_model("churn", By("me"))
    assert "Kept" not in gc().output
    assert not Path(model.artifact_location).exists()
    assert not Path(registered.artifact_location).exists()
    with pytest.raises(NotFound):
        client.get_experiment(experiment)
