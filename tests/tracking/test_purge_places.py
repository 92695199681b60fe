"""`mlpack gc` on database servers, and where files lie in an object store."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from mlpack import MlpackClient
from mlpack.artifacts.open import open_artifacts
from mlpack.cli.main import cli
from mlpack.errors import NotFound
from mlpack.tracking.entities import Dataset, DatasetInput, Metric, ModelOutput
from mlpack.tracking.sql.store import SqlStore


def _object_servers() -> ModuleType:
    # pytest's importlib mode puts no folder of tests on sys.path
    path = Path(__file__).parent.parent / "artifacts" / "servers.py"
    spec = importlib.util.spec_from_file_location("mlpack_tests_object_servers", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a bucket of an object store of our own."""
    servers = _object_servers()
    with servers.s3(tmp_path / "s3") as server:
        servers.make_bucket(server, "s3", "bucket")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield "s3://bucket/runs"


@pytest.fixture(
    params=[
        pytest.param("postgresql", marks=pytest.mark.db),
        pytest.param("mariadb", marks=pytest.mark.db),
        pytest.param("s3", marks=pytest.mark.cloud),
    ]
)
def address(request, tmp_path):
    """The address of an empty store."""
    if request.param != "s3":
        return request.getfixturevalue(f"{request.param}_uri")
    store = SqlStore(tmp_path / "own", artifact_root=request.getfixturevalue("bucket"))
    store.create_experiment("first")  # which makes the database, and it knows the bucket
    return store.uri


def full_run(client, experiment):
    run = client.create_run(experiment, run_name="full").info
    model = client.store.create_logged_model(experiment, "m", run.run_id)
    client.store.log_batch(run.run_id, [Metric("a", 1.0, 1, 0, model.model_id)])
    client.log_param(run.run_id, "p", 1)
    dataset = DatasetInput(Dataset("d", "1", "local", "{}"), {"mlflow.data.context": "train"})
    client.store.log_inputs(run.run_id, [dataset])
    client.store.log_outputs(run.run_id, [ModelOutput(model.model_id)])
    client.log_text(run.run_id, "x", "deep/file.txt")
    open_artifacts(model.artifact_location).write("MLmodel", [b"x"])
    return run, model


def gc(address, *arguments):
    done = CliRunner().invoke(cli, ["gc", "--tracking-uri", address, "--json", *arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def files(place):
    return sorted(found.path for found in open_artifacts(place).walk())


def test_what_was_deleted_goes_with_its_files_and_nothing_else(address):
    client = MlpackClient(address)
    experiment = client.create_experiment("gone", tags={"a": "b"})
    place = client.get_experiment(experiment).artifact_location
    kept, kept_model = full_run(client, "0")
    run, model = full_run(client, "0")
    lost, lost_model = full_run(client, experiment)
    client.delete_run(run.run_id)
    client.store.delete_logged_model(model.model_id)
    client.delete_experiment(experiment)

    foreseen = gc(address, "--dry-run")
    assert client.get_run(run.run_id) and files(place)
    assert gc(address) == {**foreseen, "dry_run": False}
    assert sorted(foreseen["runs"]) == sorted([run.run_id, lost.run_id])
    assert sorted(foreseen["logged_models"]) == sorted([model.model_id, lost_model.model_id])
    assert foreseen["experiments"] == [experiment]

    for run_id in (run.run_id, lost.run_id):
        with pytest.raises(NotFound):
            client.get_run(run_id)
    assert files(place) == files(run.artifact_uri) == files(model.artifact_location) == []
    assert files(kept.artifact_uri) == ["deep/file.txt"]
    assert files(kept_model.artifact_location) == ["MLmodel"]
    found = client.get_run(kept.run_id)
    assert (found.data.metrics, found.data.params) == ({"a": 1.0}, {"p": "1"})
    assert len(found.inputs.dataset_inputs) == len(found.outputs.model_outputs) == 1
    assert client.create_experiment("gone") != experiment
    again = gc(address)
    assert not any(again[kind] for kind in ("runs", "logged_models", "experiments"))
