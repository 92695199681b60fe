"""Models in object stores and behind servers: whole or not at all, fetched once, verified."""

import subprocess
import sys
from pathlib import Path

import pytest

import mlpack
from mlpack import MlpackClient
from mlpack.artifacts.object_store import ObjectArtifacts
from mlpack.artifacts.open import open_artifacts
from mlpack.artifacts.remote import RemoteArtifacts
from mlpack.errors import InvalidState, ModelChanged, NotFound, StorageFailed
from mlpack.registry.resolve import resolve
from mlpack.tracking import active, uri
from mlpack.tracking.entities import ModelStatus


class Doubles(mlpack.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [2 * value for value in model_input]


@pytest.fixture(autouse=True)
def _own_store(mlruns, monkeypatch, tmp_path):
    monkeypatch.setenv("MLPACK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def in_s3(use_server, mlruns):
    """Runs in a local database, their files in S3."""
    use_server("s3")
    place = f"s3://bucket/models {mlruns.parent.name}"
    mlpack.set_experiment(experiment_id=mlpack.create_experiment("in s3", place))
    return open_artifacts(place)


@pytest.fixture
def on_server(tracking_server, monkeypatch):
    """Runs and files on a tracking server."""
    monkeypatch.setattr(uri, "_chosen", tracking_server("local"))
    mlpack.set_experiment("on a server")
    return MlpackClient()


@pytest.fixture(
    params=[
        pytest.param("in_s3", marks=pytest.mark.cloud),
        pytest.param("on_server", marks=pytest.mark.server),
    ]
)
def elsewhere(request):
    return request.getfixturevalue(request.param)


def log(**more):
    with mlpack.start_run() as run:
        return run, mlpack.pyfunc.log_model(name="doubles", python_model=Doubles(), **more)


def cached(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache" / "models").iterdir())


@pytest.fixture
def downloads(monkeypatch):
    """Paths that were downloaded."""
    seen = []
    fetch = RemoteArtifacts.fetch

    def counting(self, path, destination=None):
        seen.append(path)
        return fetch(self, path, destination)

    monkeypatch.setattr(RemoteArtifacts, "fetch", counting)
    return seen


def test_a_model_and_its_addresses(elsewhere, tmp_path, downloads):
    run, info = log()
    assert info.artifact_path.endswith(f"models/{info.model_id}/artifacts")
    for address in (info.model_uri, f"runs:/{run.info.run_id}/doubles"):
        found = resolve(address)
        assert found.digest == info.digest and found.model_id == info.model_id
        assert mlpack.load_model(address).predict([1, 2]) == [2, 4]
    assert downloads == [""] and cached(tmp_path) == [info.digest.replace(":", "-")]
    assert (tmp_path / "cache" / "models").stat().st_mode & 0o777 == 0o700
    [output] = MlpackClient().get_run(run.info.run_id).outputs.model_outputs
    assert output.model_id == info.model_id
    part = resolve(f"{info.model_uri}/MLmodel")
    assert part.path.is_file() and part.digest is None
    with pytest.raises(NotFound, match="has no file 'nope'"):
        resolve(f"{info.model_uri}/nope")
    with pytest.raises(NotFound, match="has no model or file 'nope'; its models are doubles"):
        resolve(f"runs:/{run.info.run_id}/nope")
    direct = resolve(info.artifact_path)
    assert (direct.path / "MLmodel").is_file() and direct.digest is None
    assert resolve(f"{info.artifact_path}/MLmodel").path.is_file()
    with pytest.raises(NotFound):
        resolve(f"{info.artifact_path}/nope")


def test_a_damaged_copy_is_fetched_again(elsewhere, tmp_path, downloads):
    _, info = log()
    folder = resolve(info.model_uri).path
    (folder / "requirements.txt").write_text("evil")
    again = resolve(info.model_uri).path
    assert again == folder and "evil" not in (again / "requirements.txt").read_text()
    assert len(downloads) == 2 and len(cached(tmp_path)) == 1


def test_a_file_in_the_place_of_a_copy_makes_way(elsewhere, tmp_path):
    _, info = log()
    folder = resolve(info.model_uri).path
    folder.rename(tmp_path / "aside")
    folder.write_text("no folder")
    assert (resolve(info.model_uri).path / "MLmodel").is_file()


def test_files_that_were_changed_in_the_store_are_refused(elsewhere, tmp_path):
    _, info = log()
    place = MlpackClient().model_files(MlpackClient().get_logged_model(info.model_id))
    place.write("requirements.txt", [b"evil"])
    for _ in range(2):
        with pytest.raises(ModelChanged, match=r"requirements\.txt differs"):
            resolve(info.model_uri)
    assert cached(tmp_path) == []


def test_files_that_are_gone(elsewhere, tmp_path):
    _, info = log()
    MlpackClient().model_files(MlpackClient().get_logged_model(info.model_id)).delete("")
    with pytest.raises(NotFound, match="are gone"):
        resolve(info.model_uri)
    assert cached(tmp_path) == []


def test_a_model_without_a_digest_is_never_kept(elsewhere, tmp_path):
    """As other clients log it."""
    mlpack.pyfunc.save_model(tmp_path / "model", python_model=Doubles())
    client = MlpackClient()
    with mlpack.start_run() as run:
        pass
    model = client.create_logged_model(run.info.experiment_id, "m", run.info.run_id)
    with pytest.raises(InvalidState, match="PENDING: its files are on their way"):
        resolve(model.model_uri)
    client.log_model_artifacts(model.model_id, tmp_path / "model")
    client.finalize_logged_model(model.model_id, "READY")
    one, other = resolve(model.model_uri), resolve(f"runs:/{run.info.run_id}/m")
    assert one.digest is None and one.path != other.path
    assert (other.path / "MLmodel").is_file() and not (tmp_path / "cache").exists()


def test_a_model_among_the_files_of_a_run(elsewhere, tmp_path):
    """As servers and clients before 3.0 have it."""
    mlpack.pyfunc.save_model(tmp_path / "model", python_model=Doubles())
    with mlpack.start_run() as run:
        mlpack.log_artifacts(tmp_path / "model", "old/style")
    found = resolve(f"runs:/{run.info.run_id}/old/style")
    assert (found.path / "MLmodel").is_file() and found.digest is None


@pytest.mark.parametrize("step", ["put_folder", "log_outputs", "finalize_logged_model"])
def test_a_failure_leaves_nothing(elsewhere, monkeypatch, step):
    client = MlpackClient()
    files = []

    def fail(*arguments):
        raise StorageFailed("it fails")

    with mlpack.start_run() as run:
        if step == "put_folder":
            monkeypatch.setattr(RemoteArtifacts, "put_folder", fail)
        else:
            monkeypatch.setattr(type(client.store), step, fail)
        create = type(client.store).create_logged_model

        def created(self, *arguments):
            made = create(self, *arguments)
            files.append(client.model_files(made))
            return made

        monkeypatch.setattr(type(client.store), "create_logged_model", created)
        with pytest.raises(StorageFailed, match="it fails"):
            mlpack.pyfunc.log_model(name="doubles", python_model=Doubles())
    assert client.search_logged_models(run_id=run.info.run_id) == []
    assert [entry for place in files for entry in place.walk()] == [] and files


@pytest.mark.cloud
def test_a_failure_removes_nothing_of_others(in_s3, monkeypatch):
    """The address comes from the store; whoever runs it must not make us empty a bucket."""
    in_s3.write("precious", [b"x"])
    client = MlpackClient()
    monkeypatch.setattr(type(client), "model_files", lambda self, model: in_s3)

    def fail(*arguments):
        raise StorageFailed("it fails")

    monkeypatch.setattr(type(client.store), "finalize_logged_model", fail)
    with pytest.raises(StorageFailed, match="it fails"):
        log()
    assert [entry.path for entry in in_s3.walk()] == ["precious"]


@pytest.mark.cloud
def test_several_processes_fetch_at_once(in_s3, tmp_path):
    _, info = log()
    code = f"""
from mlpack.registry.resolve import resolve
print(resolve({info.model_uri!r}).path)
"""
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    paths = {process.communicate()[0].strip() for process in running}
    assert [process.returncode for process in running] == [0] * 4
    assert len(paths) == 1 and cached(tmp_path) == [Path(paths.pop()).name]


@pytest.mark.cloud
def test_a_cache_that_others_may_write_to_is_refused(in_s3, tmp_path):
    _, info = log()
    (tmp_path / "cache" / "models").mkdir(parents=True)
    (tmp_path / "cache" / "models").chmod(0o777)
    with pytest.raises(StorageFailed, match="Others may write to"):
        resolve(info.model_uri)


@pytest.mark.cloud
def test_without_a_cache_folder_models_still_load(in_s3, tmp_path, monkeypatch):
    _, info = log()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLPACK_CACHE", str(tmp_path / "file" / "cache"))
    assert mlpack.load_model(info.model_uri).predict([1]) == [2]


@pytest.mark.cloud
def test_temporary_copies_go_with_the_process(in_s3):
    _, info = log()
    code = f"""
from mlpack.registry.resolve import resolve
print(resolve({info.artifact_path!r}).path)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not Path(done.stdout.strip()).exists()


@pytest.mark.cloud
def test_a_model_that_is_not_ready_is_not_found_by_name(in_s3):
    run, info = log()
    client = MlpackClient()
    newer = client.create_logged_model(run.info.experiment_id, "doubles", run.info.run_id)
    client.finalize_logged_model(newer.model_id, ModelStatus.FAILED)
    assert resolve(f"runs:/{run.info.run_id}/doubles").model_id == info.model_id
    with pytest.raises(InvalidState, match="its files never came"):
        resolve(newer.model_uri)
    assert isinstance(client.model_files(newer), ObjectArtifacts)
    assert active.active_run() is None
