"""Registering is all or nothing, and what is not as it was logged is not registered."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mlpack
from mlpack.errors import (
    BadModel,
    InvalidInput,
    InvalidState,
    ModelChanged,
    NotFound,
    StorageFailed,
)
from mlpack.flavors import hashing
from mlpack.flavors.integrity import digest, manifest
from mlpack.tests.rest_server import tracking_server


def echo(model_input):
    return model_input


@pytest.fixture
def client(mlruns):
    return mlpack.MlpackClient()


def log(**options):
    with mlpack.start_run():
        return mlpack.pyfunc.log_model("m", python_model=echo, **options)


def names():
    return [model.name for model in mlpack.search_registered_models()]


def test_what_goes_on_record(client):
    info = log()
    for uri in (info.model_uri, f"runs:/{info.run_id}/m"):
        version = mlpack.register_model(uri, "churn", tags={"a": 1}, description="# good")
        assert (version.run_id, version.model_id) == (info.run_id, info.model_id)
        assert version.source == info.model_uri
        assert version.digest == info.digest
        assert (version.tags, version.description) == ({"a": "1"}, "# good")
        files = client.get_version_files("churn", version.version)
        assert files == manifest(Path(info.artifact_path)) and digest(files) == info.digest
    copy = client.copy_model_version("models:/churn/1", "live")
    assert client.get_version_files("live", 1) == files and copy.digest == info.digest


def test_a_logged_model_that_is_registered_at_once(client):
    info = log(registered_model_name="churn")
    assert info.registered_model_version == 1
    version = client.get_model_version("churn", 1)
    assert (version.model_id, version.digest) == (info.model_id, info.digest)
    assert client.get_version_files("churn", 1) == manifest(Path(info.artifact_path))
    assert log().registered_model_version is None
    assert (
        log(registered_model_name="churn", await_registration_for=5).registered_model_version == 2
    )


def test_files_that_this_process_wrote_are_not_read_again(client, monkeypatch):
    big = os.urandom(hashing._LARGE + 1)
    Path("big.bin").write_bytes(big)
    read = []
    real = hashing._hash

    def count(handle):
        if os.fstat(handle).st_size == len(big):
            read.append(handle)
        return real(handle)

    monkeypatch.setattr(hashing, "_hash", count)
    info = log(artifacts={"big": "big.bin"}, registered_model_name="churn")
    assert len(read) == 1
    mlpack.register_model(info.model_uri, "churn")
    mlpack.load_model("models:/churn/1")
    mlpack.load_model("models:/churn/2")
    assert len(read) == 1


@pytest.mark.parametrize("what", ["changed", "added", "removed", "descriptor", "link"])
def test_a_logged_model_whose_files_changed_is_not_registered(client, what):
    info = log()
    folder = Path(info.artifact_path)
    file = folder / "python_model.pkl"
    expected, says = ModelChanged, r"The files of .*python_model.pkl differs"
    if what == "changed":
        file.write_bytes(file.read_bytes()[::-1])
    elif what == "added":
        (folder / "evil.py").write_text("")
        says = "evil.py was added"
    elif what == "removed":
        file.unlink()
        says = "python_model.pkl is missing"
    elif what == "descriptor":
        (folder / "MLmodel").write_text((folder / "MLmodel").read_text() + "evil: 1\n")
        says = "MLmodel differs"
    else:
        file.rename(folder.parent / "elsewhere")
        file.symlink_to(folder.parent / "elsewhere")
        expected, says = BadModel, "python_model.pkl is a symbolic link"
    for uri in (info.model_uri, f"runs:/{info.run_id}/m"):
        with pytest.raises(expected, match=says):
            mlpack.register_model(uri, "churn")
    assert names() == []


def test_addresses_without_a_model(client, tmp_path):
    with mlpack.start_run() as run:
        mlpack.log_text("x", "notes/a.txt")
        mlpack.log_text("flavors: {}", "deep/model/MLmodel")
    (tmp_path / "empty").mkdir()
    for uri, error, says in (
        (f"runs:/{run.info.run_id}/notes", BadModel, "has no file MLmodel. Log the model"),
        (f"runs:/{run.info.run_id}/deep", BadModel, "There is one in model, below it"),
        (f"runs:/{run.info.run_id}/none", BadModel, "no file MLmodel"),
        (f"runs:/{'0' * 32}/m", NotFound, "No run"),
        (f"models:/m-{'0' * 32}", NotFound, "No logged model"),
        ("models:/none/1", NotFound, "no registered model 'none'"),
        (str(tmp_path / "empty"), BadModel, "no file MLmodel"),
        (str(tmp_path / "nothing"), BadModel, "no file MLmodel"),
        ("ftp://host/model", InvalidInput, "unknown scheme"),
        ("", InvalidInput, "empty"),
    ):
        with pytest.raises(error, match=says):
            mlpack.register_model(uri, "churn")
    assert names() == []


def test_a_folder_that_is_a_logged_model(client, tmp_path):
    info = log()
    copy = mlpack.artifacts.download_artifacts(info.model_uri, dst_path=tmp_path / "copy")
    for folder in (info.artifact_path, copy):
        version = mlpack.register_model(folder, "churn")
        assert (version.source, version.run_id) == (info.model_uri, info.run_id)
    Path(copy, "MLmodel").write_text(Path(copy, "MLmodel").read_text() + "more: 1\n")
    version = mlpack.register_model(copy, "churn")  # claims to be it, and is not
    assert (version.source, version.run_id, version.model_id) == (copy, None, None)


def test_parts_of_models(client):
    info = log(registered_model_name="churn")
    for uri in (f"{info.model_uri}/artifacts", "models:/churn/1/artifacts"):
        with pytest.raises((InvalidInput, BadModel)):
            mlpack.register_model(uri, "other")
    assert names() == ["churn"]


def test_bad_values_cost_nothing(client):
    info = log()
    for options in (
        {"name": "a/b"},
        {"tags": {"../k": 1}},
        {"tags": {"k": "x" * 200_000}},
        {"description": "x" * 200_000},
        {"note": "x" * 200_000},
    ):
        with pytest.raises(InvalidInput):
            mlpack.register_model(info.model_uri, **{"name": "churn"} | options)
    with mlpack.start_run() as run, pytest.raises(InvalidInput, match="has a slash"):
        mlpack.pyfunc.log_model("m", python_model=echo, registered_model_name="a/b")
    assert client.search_logged_models(run_id=run.info.run_id) == []  # said before it is saved
    assert names() == []


# --- failures in between ---


def test_a_failure_leaves_no_empty_name(client, monkeypatch):
    from mlpack.registry.sql import versions

    info = log()

    def fail(*_):
        raise StorageFailed("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(versions, "_write_files", fail)
        with pytest.raises(StorageFailed):
            mlpack.register_model(info.model_uri, "churn")
        assert names() == []
        with mlpack.start_run() as run, pytest.raises(StorageFailed) as caught:
            mlpack.pyfunc.log_model("m", python_model=echo, registered_model_name="churn")
    assert names() == []
    [model] = client.search_logged_models(run_id=run.info.run_id)
    assert model.status == "READY"
    assert f"mlpack.register_model('models:/{model.model_id}', 'churn')" in str(caught.value)
    assert mlpack.register_model(f"models:/{model.model_id}", "churn").version == 1


@pytest.mark.parametrize("where", ["insert_model", "_write_files", "record"])
def test_a_process_that_is_killed_leaves_no_half_of_it(client, where):
    info = log()
    code = f"""
import os, signal
import mlpack
from mlpack.registry.sql import versions
real = versions.{where}
def die(*args, **kwargs):
    real(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
versions.{where} = die
mlpack.register_model({info.model_uri!r}, "churn")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert names() == []
    assert mlpack.register_model(info.model_uri, "churn").version == 1


def test_two_processes_that_make_the_same_name(client):
    info = log()
    code = f"import mlpack; print(mlpack.register_model({info.model_uri!r}, 'churn').version)"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    found = sorted(process.communicate()[0].strip() for process in both)
    assert found == ["1", "2", "3"]


def test_files_on_another_machine_are_read_before_they_are_recorded(mlruns, tmp_path):
    """A registry that is used directly, of models behind a server."""
    with tracking_server(tmp_path / "ours") as address:
        mlpack.set_tracking_uri(address)
        mlpack.set_registry_uri(mlruns)
        info = log()
        version = mlpack.register_model(info.model_uri, "churn")
        assert (version.digest, version.run_id) == (info.digest, info.run_id)
        files = mlpack.MlpackClient().get_version_files("churn", 1)
        assert digest(files) == info.digest and "python_model.pkl" in files
        place = mlpack.MlpackClient().get_logged_model(info.model_id).artifact_location
        assert version.location == place and place.startswith("mlflow-artifacts:/")
        assert mlpack.register_model(place, "churn").source == info.model_uri
        assert mlpack.load_model("models:/churn/2").predict([1]) == [1]
        next((tmp_path / "ours").rglob("python_model.pkl")).write_bytes(b"other")
        with pytest.raises(ModelChanged, match=r"python_model\.pkl differs"):
            mlpack.register_model(info.model_uri, "other")
        with pytest.raises(BadModel, match="no file MLmodel"):
            mlpack.register_model(place.rpartition("/")[0], "other")
        assert names() == ["churn"]


def test_a_server_that_refuses_makes_no_name(mlruns, tmp_path):
    with tracking_server(tmp_path / "ours") as address:
        mlpack.set_tracking_uri(address)
        info = log()
        next((tmp_path / "ours").rglob("python_model.pkl")).write_bytes(b"other")
        with pytest.raises(BadModel):
            mlpack.register_model("/etc", "churn")
        with pytest.raises(InvalidInput, match="cannot be the source"):
            mlpack.MlpackClient().registry.create_model_version(
                "churn", "file:///etc", tags={}, description="", by=_nobody(), make_name=True
            )
        assert names() == []
        with pytest.raises(InvalidState, match=r"python_model\.pkl differs"):
            mlpack.register_model(info.model_uri, "churn")
        assert names() == []


def _nobody():
    from mlpack.registry.entities import By

    return By("nobody")
