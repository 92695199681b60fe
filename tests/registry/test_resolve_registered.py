"""Addresses of registered versions, on every store: what they name, and what is said otherwise."""

import shutil
import uuid
from pathlib import Path

import pytest

import mlpack
from mlpack.errors import InvalidInput, NotFound
from mlpack.registry.resolve import resolve
from mlpack.tests.registry.places import any_store, mlflow_address  # noqa: F401 - fixtures


@pytest.fixture
def client(any_store):  # noqa: F811 - the fixture
    return mlpack.MlpackClient()


@pytest.fixture
def name(any_store):  # noqa: F811 - the fixture
    return f"churn-{uuid.uuid4().hex[:8]}"


def adds(number):
    return lambda model_input: [x + number for x in model_input]


def log(number, **options):
    with mlpack.start_run():
        return mlpack.pyfunc.log_model("m", python_model=adds(number), **options)


def prediction(uri):
    return mlpack.load_model(uri).predict([0])[0]


def test_every_form_of_an_address(client, name):
    infos = [log(number, registered_model_name=name) for number in (1, 2, 3)]
    assert [info.registered_model_version for info in infos] == [1, 2, 3]
    client.transition_model_version_stage(name, 1, "Production")
    client.transition_model_version_stage(name, 2, "Production")
    client.set_registered_model_alias(name, "champion", 2)
    meant = {"1": 1, "3": 3, "latest": 3, "LATEST": 3, "Production": 2, "production": 2}
    for which, number in meant.items():
        uri = f"models:/{name}/{which}"
        found = resolve(uri)
        assert (found.name, found.version, found.uri) == (name, number, uri)
        assert found.model_id == infos[number - 1].model_id
        assert found.run_id == infos[number - 1].run_id
        assert prediction(uri) == number
    assert prediction(f"models:/{name}@champion") == 2
    assert mlpack.pyfunc.load_model(f"models:/{name}/1").predict([0]) == [1]
    assert client.get_model_version(name, 1).model_uri == f"models:/{name}/1"
    # an alias and a stage move; the number stays
    client.set_registered_model_alias(name, "champion", 3)
    client.transition_model_version_stage(name, 2, "Archived")
    assert prediction(f"models:/{name}@champion") == 3
    assert prediction(f"models:/{name}/production") == 1


def test_parts_of_a_version(client, name, tmp_path):
    log(1, registered_model_name=name)
    client.set_registered_model_alias(name, "champion", 1)
    for uri in (f"models:/{name}/1/MLmodel", f"models:/{name}@champion/MLmodel"):
        found = resolve(uri)
        assert found.path.name == "MLmodel" and found.path.is_file()
        assert found.digest is None
    with pytest.raises(NotFound, match="no file 'nope'"):
        resolve(f"models:/{name}/1/nope")
    names = [file.path for file in mlpack.artifacts.list_artifacts(f"models:/{name}/1")]
    assert "MLmodel" in names
    copy = mlpack.artifacts.download_artifacts(f"models:/{name}/1", dst_path=tmp_path / "copy")
    assert Path(copy, "MLmodel").is_file()
    assert "flavors" in mlpack.artifacts.load_text(f"models:/{name}@champion/MLmodel")


def test_what_is_not_there(client, name):
    with pytest.raises(NotFound, match=f"There is no registered model '{name}'"):
        resolve(f"models:/{name}/1")
    client.create_registered_model(name)
    for which in ("/1", "/latest", "@champion", "/Production"):
        with pytest.raises(NotFound, match="has no versions"):
            resolve(f"models:/{name}{which}")
    log(1, registered_model_name=name)
    client.set_registered_model_alias(name, "champion", 1)
    client.transition_model_version_stage(name, 1, "Staging")
    says = {
        f"models:/{name}/7": rf"Version 7 of '{name}' does not exist; the newest is 1\.",
        f"models:/{name}@chanpion": r"no alias 'chanpion'\. Its aliases include champion",
        f"models:/{name}/Production": r"no version in Production\. It has 1 in Staging\.",
        f"models:/{name[:-1]}/1": f"Did you mean '{name}'",
        f"models:/{name}x@champion": f"Did you mean '{name}'",
    }
    for uri, message in says.items():
        with pytest.raises(NotFound, match=message):
            resolve(uri)
    with pytest.raises(InvalidInput, match=rf"write models:/{name}@champion"):
        resolve(f"models:/{name}/champion")
    client.rename_registered_model(name, f"{name}-new")
    for uri in (f"models:/{name}/1", f"models:/{name}@champion"):
        with pytest.raises(NotFound, match=rf"no registered model '{name}'.*'{name}-new'"):
            resolve(uri)
    with pytest.raises(NotFound, match=f"For a registered model write models:/{name}/1"):
        resolve(f"{name}/1")
    assert prediction(f"models:/{name}-new/1") == 1


def test_a_name_with_spaces_and_letters_of_other_scripts(client, name):
    strange = f"чурн {name} 100% & @ü"
    log(1, registered_model_name=strange)
    assert prediction(f"models:/{strange}/1") == 1
    assert prediction(f"models:/{strange}/latest") == 1
    client.set_registered_model_alias(strange, "champion", 1)
    assert prediction(f"models:/{strange}@champion") == 1


def test_models_among_the_files_of_a_run(client, name, tmp_path):
    """As older programs have it: saved apart, logged as files."""
    mlpack.pyfunc.save_model(tmp_path / "saved", python_model=adds(5))
    with mlpack.start_run() as run:
        mlpack.log_artifacts(tmp_path / "saved", "deep/my model")
    version = mlpack.register_model(f"runs:/{run.info.run_id}/deep/my model", name)
    assert (version.run_id, version.model_id) == (run.info.run_id, None)
    assert prediction(f"models:/{name}/1") == 5
    assert resolve(f"models:/{name}/1").run_id == run.info.run_id
    with pytest.raises(InvalidInput, match="names no model"):
        mlpack.register_model(f"runs:/{run.info.run_id}", name)


def test_a_version_whose_logged_model_was_deleted(client, name, any_store):  # noqa: F811
    info = log(1, registered_model_name=name)
    client.delete_logged_model(info.model_id)
    if any_store == "server":  # which gives out no addresses of what was deleted
        with pytest.raises(NotFound, match=f"files of version 1 of '{name}' .*is gone"):
            resolve(f"models:/{name}/1")
        return
    assert prediction(f"models:/{name}/1") == 1  # its files are there


def test_a_version_whose_run_is_gone(client, name):
    info = log(1, registered_model_name=name)
    client.delete_run(info.run_id)
    assert prediction(f"models:/{name}/1") == 1


# --- on this machine ---


def test_a_version_whose_files_are_gone(mlruns):
    info = log(1, registered_model_name="churn")
    shutil.rmtree(info.artifact_path)
    with pytest.raises(NotFound, match=r"files of version 1 of 'churn' are gone"):
        mlpack.load_model("models:/churn/1")
    with pytest.raises(NotFound, match=r"There is no file 'MLmodel' in version 1 of 'churn'"):
        resolve("models:/churn/1/MLmodel")


def test_the_store_may_be_moved(mlruns, tmp_path):
    mlpack.pyfunc.save_model(tmp_path / "saved", python_model=adds(5))
    with mlpack.start_run() as run:
        mlpack.log_artifacts(tmp_path / "saved", "files")
        mlpack.pyfunc.log_model("m", python_model=adds(1), registered_model_name="churn")
    mlpack.register_model(f"runs:/{run.info.run_id}/files", "churn")
    mlruns.rename(tmp_path / "elsewhere")
    mlpack.set_tracking_uri(tmp_path / "elsewhere")
    assert prediction("models:/churn/1") == 1
    assert prediction("models:/churn/2") == 5


def test_a_folder(mlruns, tmp_path, monkeypatch):
    mlpack.pyfunc.save_model(tmp_path / "saved", python_model=adds(5))
    version = mlpack.register_model("saved", "churn")
    assert version.source == str(tmp_path / "saved") and version.run_id is None
    assert mlpack.register_model(tmp_path / "saved", "churn").version == 2
    assert mlpack.register_model(f"file://{tmp_path}/saved", "churn").source == version.source
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    mlpack.set_tracking_uri(mlruns)
    assert prediction("models:/churn/1") == 5
    assert mlpack.MlpackClient().get_model_version_download_uri("churn", 1) == version.source


def test_a_store_of_its_own_by_argument(mlruns, tmp_path):
    log(1, registered_model_name="churn")
    mlpack.set_tracking_uri(tmp_path / "empty")
    with pytest.raises(NotFound):
        resolve("models:/churn/1")
    assert resolve("models:/churn/1", tracking_uri=mlruns).version == 1
    assert resolve("models:/churn/1", registry_uri=mlruns).version == 1  # by its location
