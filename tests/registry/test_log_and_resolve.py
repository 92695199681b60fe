"""Log a model, find it again by every address, and leave nothing behind when it fails."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import mlpack
import mlpack.pyfunc
import mlpack.sklearn
from mlpack import MlpackClient
from mlpack.errors import BadModel, InvalidInput, MlpackError, ModelChanged, NotFound, StorageFailed
from mlpack.registry.resolve import resolve

X = np.array([[0.0], [1.0], [2.0], [3.0]])
Y = np.array([0, 0, 1, 1])


@pytest.fixture
def model():
    return LogisticRegression().fit(X, Y)


def models_below(mlruns):
    return sorted(mlruns.glob("*/models/*"))


def test_a_model_and_its_addresses(model, mlruns):
    with mlpack.start_run() as run:
        info = mlpack.sklearn.log_model(
            model, name="clf", input_example=X[:2], params={"C": 1}, tags={"a": "b"}
        )
    assert info.run_id == run.info.run_id
    assert info.model_uri == f"models:/{info.model_id}"
    assert info.signature.inputs.is_tensor
    assert info.model.run_id == run.info.run_id and info.model.model_id == info.model_id
    folder = mlruns / "0" / "models" / info.model_id / "artifacts"
    for uri in (info.model_uri, f"runs:/{run.info.run_id}/clf"):
        found = resolve(uri)
        assert found.path == folder
        assert (found.run_id, found.model_id) == (run.info.run_id, info.model_id)
        assert found.digest == info.digest and found.digest.startswith("sha256:")
        assert mlpack.load_model(uri).predict(X).tolist() == Y.tolist()
        assert isinstance(mlpack.sklearn.load_model(uri), LogisticRegression)
        assert mlpack.pyfunc.load_model(uri).predict(X).tolist() == Y.tolist()
    assert resolve(folder).digest is None
    assert resolve(f"file://{folder}").path == folder
    assert mlpack.load_model(folder).predict(X).tolist() == Y.tolist()

    [recorded] = MlpackClient().search_logged_models(run_id=run.info.run_id)
    assert recorded == MlpackClient().get_logged_model(info.model_id)
    assert (recorded.name, recorded.params, recorded.tags) == ("clf", {"C": "1"}, {"a": "b"})
    assert recorded.digest == info.digest
    MlpackClient().set_logged_model_tags(info.model_id, {"a": "c", "d": 1})
    assert MlpackClient().get_logged_model(info.model_id).tags == {"a": "c", "d": "1"}


def test_another_process_finds_it(model):
    with mlpack.start_run():
        info = mlpack.log_model(model, "clf")
    code = f"""
import mlpack
print(mlpack.load_model({info.model_uri!r}).predict([[3.0]])[0])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("1", 0), done.stderr


def test_part_of_a_model(model):
    with mlpack.start_run() as run:
        info = mlpack.log_model(model, "clf")
    for uri in (f"runs:/{run.info.run_id}/clf/MLmodel", f"{info.model_uri}/MLmodel"):
        found = resolve(uri)
        assert found.path.name == "MLmodel" and found.path.is_file()
        assert found.digest is None
    for uri in (f"runs:/{run.info.run_id}/clf/nope", f"{info.model_uri}/nope"):
        with pytest.raises(NotFound, match="has no file 'nope'"):
            resolve(uri)


def test_the_last_model_of_a_name_wins(model):
    with mlpack.start_run() as run:
        mlpack.log_model(model, "clf")
        last = mlpack.log_model(model, "clf")
    assert resolve(f"runs:/{run.info.run_id}/clf").model_id == last.model_id


def test_a_model_among_the_files_of_a_run(model, tmp_path):
    """As older folders have it: saved apart, logged as files."""
    mlpack.sklearn.save_model(model, tmp_path / "saved")
    with mlpack.start_run() as run:
        mlpack.log_artifacts(tmp_path / "saved", "old/style")
    found = resolve(f"runs:/{run.info.run_id}/old/style")
    assert found.digest is None and found.model_id is None
    assert mlpack.load_model(found.uri).predict(X).tolist() == Y.tolist()


def test_models_show_among_the_files_of_the_run(model):
    with mlpack.start_run() as run:
        mlpack.log_text("x", "notes.txt")
        mlpack.log_model(model, "clf")
    client = MlpackClient()
    assert [f.path for f in client.list_artifacts(run.info.run_id)] == ["clf", "notes.txt"]
    assert "clf/MLmodel" in [f.path for f in client.list_artifacts(run.info.run_id, "clf")]
    assert Path(client.download_artifacts(run.info.run_id, "clf/MLmodel")).is_file()
    assert Path(client.download_artifacts(run.info.run_id, "clf"), "MLmodel").is_file()


@pytest.mark.parametrize("call", ["name", "positional", "artifact_path", "sk_model"])
def test_every_way_people_write_it(model, call):
    with mlpack.start_run() as run:
        if call == "name":
            mlpack.sklearn.log_model(model, name="m")
        elif call == "positional":
            mlpack.sklearn.log_model(model, "m")
        elif call == "artifact_path":
            mlpack.sklearn.log_model(model, artifact_path="m")
        else:
            mlpack.sklearn.log_model(sk_model=model, name="m")
    assert resolve(f"runs:/{run.info.run_id}/m").model_id


def test_a_run_is_started_when_there_is_none(model):
    info = mlpack.log_model(model)
    assert mlpack.active_run().info.run_id == info.run_id
    assert info.name == "model"


def test_logging_to_a_run_by_id(model):
    with mlpack.start_run() as run:
        pass
    assert mlpack.log_model(model, "m", run_id=run.info.run_id).run_id == run.info.run_id
    assert mlpack.active_run() is None


# --- failures leave nothing ---


class Unsavable:
    def predict(self, data):
        return data

    def __reduce__(self):
        raise ValueError("this cannot be pickled")


def check_nothing_is_left(run, mlruns):
    assert models_below(mlruns) == []
    assert MlpackClient().search_logged_models(run_id=run.info.run_id) == []
    assert not list(mlruns.rglob("*.tmp")) and not list((mlruns / "0").glob("models*"))


@pytest.mark.parametrize(
    "arguments",
    [
        {"model": Unsavable(), "flavor": "sklearn"},
        {"model": object()},
        {"model": LogisticRegression(), "name": "a/b"},
        {"model": LogisticRegression(), "name": "../b"},
        {"model": LogisticRegression(), "name": " "},
        {"model": LogisticRegression(), "params": {"../x": 1}},
        {"model": LogisticRegression(), "tags": {"x": "y" * 9000}},
        {"model": LogisticRegression(), "code_paths": ["/nonexistent"]},
        {"model": LogisticRegression(), "nonsense": 1},
    ],
    ids=lambda arguments: ",".join(arguments),
)
def test_a_model_that_cannot_be_logged_leaves_nothing(arguments, mlruns):
    with mlpack.start_run() as run, pytest.raises((MlpackError, TypeError, ValueError)):
        mlpack.log_model(**{"name": "m"} | arguments)
    check_nothing_is_left(run, mlruns)


def test_an_interrupt_while_saving_leaves_nothing(mlruns):
    class Interrupts(LogisticRegression):
        def __reduce__(self):
            raise KeyboardInterrupt

        def __getstate__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), mlpack.start_run() as run:
        mlpack.log_model(Interrupts().fit(X, Y), "m")
    check_nothing_is_left(run, mlruns)


def test_a_record_that_fails_takes_the_folder_with_it(model, mlruns, monkeypatch):
    client = MlpackClient()

    def fail(*_):
        raise StorageFailed("the disk is full")

    with mlpack.start_run() as run:
        monkeypatch.setattr(client.store, "finalize_logged_model", fail)
        with pytest.raises(StorageFailed):
            mlpack.log_model(model, "m")
    check_nothing_is_left(run, mlruns)


def test_models_of_other_names_survive_a_failure(model, mlruns):
    with mlpack.start_run():
        mlpack.log_model(model, "good")
        with pytest.raises(MlpackError):
            mlpack.log_model(object(), "bad")
    assert len(models_below(mlruns)) == 1


def test_unknown_and_deleted_runs(model, mlruns):
    with pytest.raises(NotFound, match="No run with id 'nope'"):
        mlpack.log_model(model, "m", run_id="nope")
    with mlpack.start_run() as run:
        pass
    mlpack.delete_run(run.info.run_id)
    with pytest.raises(InvalidInput, match="deleted"):
        mlpack.log_model(model, "m", run_id=run.info.run_id)
    assert models_below(mlruns) == []


# --- addresses that name nothing, files that are not what was logged ---


@pytest.mark.parametrize(
    ("uri", "error", "says"),
    [
        ("runs:/nope/model", NotFound, "No run with id 'nope'"),
        (f"models:/m-{'0' * 32}", NotFound, "No logged model"),
        ("models:/churn/3", NotFound, "There is no registered model 'churn'"),
        ("models:/churn@champion", NotFound, "There is no registered model 'churn'"),
        ("models:/churn", InvalidInput, "not of the form"),
        ("mlflow-artifacts:/0/model", InvalidInput, "kept by a tracking server, and none is in"),
        ("ftp://host/model", InvalidInput, "unknown scheme"),
        ("/nonexistent/model", NotFound, "There is no file or folder"),
        ("", InvalidInput, "empty"),
    ],
)
def test_addresses_that_name_nothing(uri, error, says):
    with pytest.raises(error, match=says):
        resolve(uri)


@pytest.mark.parametrize(
    "path", ["../../../etc/passwd", "%2e%2e/%2e%2e/x", "/etc/passwd", "a/../../x", "a\\..\\..\\x"]
)
def test_ways_out_of_a_run_or_model(model, path):
    with mlpack.start_run() as run:
        info = mlpack.log_model(model, "clf")
    for uri in (
        f"runs:/{run.info.run_id}/{path}",
        f"runs:/{run.info.run_id}/clf/{path}",
        f"{info.model_uri}/{path}",
    ):
        with pytest.raises((InvalidInput, NotFound)):
            resolve(uri)


def test_links_out_of_a_run_or_model(model, tmp_path):
    (tmp_path / "secret").mkdir()
    with mlpack.start_run() as run:
        info = mlpack.log_model(model, "clf")
        mlpack.log_text("x", "a.txt")
    Path(info.artifact_path, "out").symlink_to(tmp_path / "secret")
    Path(run.info.artifact_uri, "out").symlink_to(tmp_path / "secret")
    for uri in (f"{info.model_uri}/out", f"runs:/{run.info.run_id}/clf/out"):
        with pytest.raises(InvalidInput, match="through a link"):
            resolve(uri)
    with pytest.raises(InvalidInput, match="through a link"):
        resolve(f"runs:/{run.info.run_id}/out")
    with pytest.raises(BadModel):
        mlpack.load_model(info.model_uri)


def test_a_run_says_what_models_it_has(model):
    with mlpack.start_run() as run:
        mlpack.log_model(model, "clf")
    with pytest.raises(NotFound, match="has no model or file 'other'; its models are clf"):
        resolve(f"runs:/{run.info.run_id}/other")
    with pytest.raises(InvalidInput, match="names no model"):
        resolve(f"runs:/{run.info.run_id}")


def test_a_model_that_was_changed_is_refused(model):
    with mlpack.start_run():
        info = mlpack.log_model(model, "clf")
    with Path(info.artifact_path, "requirements.txt").open("a") as file:
        file.write("evil\n")
    with pytest.raises(ModelChanged, match=r"requirements\.txt"):
        mlpack.load_model(info.model_uri)


def test_a_model_whose_files_are_gone(model, mlruns):
    with mlpack.start_run():
        info = mlpack.log_model(model, "clf")
    Path(info.artifact_path).rename(mlruns / "moved")
    with pytest.raises(NotFound, match="are gone"):
        resolve(info.model_uri)


def test_the_store_vouches_for_a_model_of_the_users_own_types():
    class Mine(LogisticRegression):
        pass

    with mlpack.start_run():
        info = mlpack.sklearn.log_model(
            Mine().fit(X, Y), name="mine", serialization_format="cloudpickle"
        )
    assert mlpack.sklearn.load_model(info.model_uri).predict(X).tolist() == Y.tolist()


def test_custom_python_models(tmp_path):
    class Words(mlpack.pyfunc.PythonModel):
        def load_context(self, context):
            self.words = Path(context.artifacts["words"]).read_text().split()

        def predict(self, context, model_input, params=None):
            return [word in self.words for word in model_input]

    (tmp_path / "words.txt").write_text("good fine")
    with mlpack.start_run() as run:
        mlpack.pyfunc.log_model(
            name="words",
            python_model=Words(),
            artifacts={"words": str(tmp_path / "words.txt")},
        )
    loaded = mlpack.pyfunc.load_model(f"runs:/{run.info.run_id}/words")
    assert loaded.predict(["good", "bad"]) == [True, False]


def test_flavor_modules():
    assert mlpack.sklearn.log_model.__module__ == "mlpack.sklearn"
    assert "sk_model" in mlpack.sklearn.log_model.__doc__
    with pytest.raises(InvalidInput, match="needs a path"):
        mlpack.sklearn.save_model(LogisticRegression())
    with pytest.raises(InvalidInput, match="not both"):
        mlpack.sklearn.log_model(LogisticRegression(), "a", name="b")
