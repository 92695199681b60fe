"""Folders appear whole or not at all; what is loaded is what was saved."""

from __future__ import annotations

import json
import os
import resource
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlpack.errors import (
    AlreadyExists,
    BadModel,
    InvalidInput,
    MissingDependency,
    ModelChanged,
    ModelFailed,
    ModelTooNew,
    SchemaMismatch,
    StorageFailed,
)
from mlpack.flavors import (
    Model,
    Trust,
    infer_signature,
    load_model,
    load_native,
    save_model,
)
from mlpack.flavors.integrity import digest, manifest

X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1, 0, 1, 0]})
Y = np.array([0, 0, 1, 1])


@pytest.fixture(scope="module")
def classifier() -> LogisticRegression:
    return LogisticRegression().fit(X, Y)


def rewrite(folder: Path, **changes: Any) -> None:
    data = yaml.safe_load((folder / "MLmodel").read_text())
    for key, value in changes.items():
        *way, last = key.split("__")
        place = data
        for step in way:
            place = place[step]
        place[last] = value
    (folder / "MLmodel").write_text(yaml.safe_dump(data))


def test_a_folder_is_complete(tmp_path: Path, classifier: LogisticRegression) -> None:
    model = save_model(
        classifier,
        tmp_path / "new/deep/model",
        input_example=X.head(2),
        metadata={"team": "growth"},
        run_id="r",
        model_id="m-" + "0" * 32,
        artifact_path="file:///x",
    )
    folder = tmp_path / "new/deep/model"
    assert sorted(p.name for p in folder.iterdir()) == [
        "MLmodel",
        "conda.yaml",
        "input_example.json",
        "model.skops",
        "python_env.yaml",
        "requirements.txt",
        "serving_input_example.json",
    ]
    assert Model.read(folder) == model
    assert set(model.files) == set(manifest(folder)) - {"MLmodel"}
    assert model.model_size_bytes == sum((folder / name).stat().st_size for name in model.files)
    assert model.pyfunc["env"] == {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}
    assert (model.run_id, model.model_uuid) == ("r", "m-" + "0" * 32)
    assert [p.name for p in (tmp_path / "new/deep").iterdir()] == ["model"]
    requirements = (folder / "requirements.txt").read_text()
    assert "scikit-learn==" in requirements and "skops==" in requirements
    assert "mlpack" not in requirements and "mlflow" not in requirements


def test_predicts_as_before(tmp_path: Path, classifier: LogisticRegression) -> None:
    save_model(classifier, tmp_path / "m", input_example=X.head(2))
    loaded = load_model(tmp_path / "m")
    np.testing.assert_array_equal(loaded.predict(X), classifier.predict(X))
    np.testing.assert_array_equal(loaded.predict(X[["b", "a"]]), classifier.predict(X))
    assert loaded.predict({"a": [3.0], "b": [0]}).tolist() == [1]
    pd.testing.assert_frame_equal(loaded.input_example(), X.head(2))
    native = load_native(tmp_path / "m")
    assert type(native) is LogisticRegression
    assert native.feature_names_in_.tolist() == ["a", "b"]


def test_signature_given_inferred_or_none(tmp_path: Path, classifier: LogisticRegression) -> None:
    inferred = save_model(classifier, tmp_path / "1", input_example=X).signature
    given = infer_signature(X, Y)
    assert inferred == given
    assert save_model(classifier, tmp_path / "2", signature=given).signature == given
    none = save_model(classifier, tmp_path / "3", signature=False, input_example=X)
    assert none.signature is None and none.saved_input_example_info
    assert save_model(classifier, tmp_path / "4").signature is None
    np.testing.assert_array_equal(load_model(tmp_path / "4").predict(X), classifier.predict(X))


def test_without_a_signature_strange_columns_are_not_taken_silently(
    tmp_path: Path, classifier: LogisticRegression
) -> None:
    save_model(classifier, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    with pytest.raises(ModelFailed, match="feature names"):
        loaded.predict(X.rename(columns={"a": "z"}))
    with pytest.raises(ModelFailed, match="feature names"):
        loaded.predict(X[["b", "a"]])


def test_an_example_that_does_not_fit_the_signature(
    tmp_path: Path, classifier: LogisticRegression
) -> None:
    with pytest.raises(InvalidInput, match="example does not fit the signature"):
        save_model(
            classifier,
            tmp_path / "m",
            signature=infer_signature(X, Y),
            input_example=pd.DataFrame({"a": ["x"], "b": [1]}),
        )
    assert list(tmp_path.iterdir()) == []


def test_an_example_that_cannot_be_predicted(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="could not predict its input example"):
        model = save_model(LinearRegression(), tmp_path / "m", input_example=X)
    assert model.signature is not None
    assert model.signature.inputs is not None and model.signature.outputs is None


def test_wrong_data_is_told_precisely(tmp_path: Path, classifier: LogisticRegression) -> None:
    save_model(classifier, tmp_path / "m", input_example=X)
    loaded = load_model(tmp_path / "m")
    with pytest.raises(SchemaMismatch, match="'a'"):
        loaded.predict(pd.DataFrame({"a": ["x"], "b": [1]}))
    with pytest.raises(SchemaMismatch, match="'b'"):
        loaded.predict(X[["a"]])
    with pytest.raises(InvalidInput, match="temperature"):
        loaded.predict(X, {"temperature": 1})


# --- nothing half-written ---


def test_an_existing_folder_is_left_alone(tmp_path: Path, classifier: LogisticRegression) -> None:
    (tmp_path / "m").mkdir()
    save_model(classifier, tmp_path / "m")  # empty: fine
    before = manifest(tmp_path / "m")
    with pytest.raises(AlreadyExists, match="choose another path"):
        save_model(classifier, tmp_path / "m")
    (tmp_path / "file").write_text("x")
    with pytest.raises(AlreadyExists):
        save_model(classifier, tmp_path / "file")
    assert manifest(tmp_path / "m") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "m"]


class Stubborn(LinearRegression):
    def __reduce__(self) -> Any:
        raise KeyboardInterrupt


@pytest.mark.parametrize("kind", [Stubborn(), LinearRegression()])
def test_a_failure_leaves_nothing(tmp_path: Path, kind: Any) -> None:
    with pytest.raises((KeyboardInterrupt, InvalidInput)):
        save_model(kind, tmp_path / "a/b/m", serialization_format="pickle", metadata={"x": object})
    assert list(tmp_path.iterdir()) == []


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The closest to a full disk that needs no privileges: the kernel refuses longer writes."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@pytest.mark.parametrize("format_", ["skops", "pickle", "joblib"])
def test_a_write_that_fails_halfway(tmp_path: Path, format_: str) -> None:
    model = LinearRegression().fit(np.eye(200), np.ones(200))
    with (
        largest_file(1000),
        pytest.raises(StorageFailed, match="File too large"),
    ):
        save_model(model, tmp_path / "m", serialization_format=format_)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path, classifier: LogisticRegression) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageFailed, match="A part of the path is a file"):
        save_model(classifier, tmp_path / "file/m")
    with pytest.raises(StorageFailed, match="Choose a shorter name"):
        save_model(classifier, tmp_path / ("x" * 250))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@contextmanager
def nobody() -> Iterator[None]:
    """Root may write anywhere; in a container the tests are root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_folder_without_permission(tmp_path: Path, classifier: LogisticRegression) -> None:
    save_model(classifier, tmp_path / "imports-what-is-needed")
    tmp_path.chmod(0o500)
    with nobody(), pytest.raises(StorageFailed, match="that you may write to"):
        save_model(classifier, tmp_path / "m")
    tmp_path.chmod(0o700)
    assert [p.name for p in tmp_path.iterdir()] == ["imports-what-is-needed"]


# --- wrong arguments ---


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"signature": "double"}, "signature must be a ModelSignature"),
        ({"metadata": [1]}, "metadata must be a dict"),
        ({"metadata": {"x": object()}}, "must hold only text, numbers"),
        ({"serialization_format": "onnx"}, "serialization_format must be one of skops"),
        ({"predict_fn": "__class__"}, "predict_fn must be one of"),
        ({"predict_fn": "transform"}, "has no method 'transform'"),
        ({"colour": "red"}, "no option 'colour'"),
        ({"file_name": "../x"}, "bare file name"),
        ({"code_paths": "helper.py"}, "must be a list of paths"),
        ({"code_paths": ["nowhere.py"]}, "does not exist"),
        ({"flavor": "tensorflow"}, "no flavor 'tensorflow'"),
    ],
)
def test_wrong_arguments(
    tmp_path: Path, classifier: LogisticRegression, options: dict[str, Any], says: str
) -> None:
    with pytest.raises((InvalidInput, MissingDependency)) as error:
        save_model(classifier, tmp_path / "m", **options)
    assert says in error.value.message
    assert list(tmp_path.iterdir()) == []


def test_no_flavor_takes_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"saves a builtins.dict. Wrap it in a function"):
        save_model({}, tmp_path / "m")
    with pytest.raises(InvalidInput, match="LinearRegression is a class"):
        save_model(LinearRegression, tmp_path / "m")


# --- loading what is not as it should be ---


@pytest.fixture
def folder(tmp_path: Path, classifier: LogisticRegression) -> Path:
    save_model(classifier, tmp_path / "m", input_example=X.head(2))
    return tmp_path / "m"


def test_changed_missing_too_new(folder: Path) -> None:
    (folder / "requirements.txt").write_text("evil\n")
    with pytest.raises(ModelChanged, match=r"requirements.txt differs"):
        load_model(folder)
    load_model(folder, verify=False)
    (folder / "model.skops").unlink()
    with pytest.raises(ModelChanged, match=r"model.skops is missing"):
        load_model(folder)
    with pytest.raises(BadModel, match=r"'model.skops' is missing"):
        load_model(folder, verify=False)
    rewrite(folder, mlpack__format=2)
    with pytest.raises(ModelTooNew):
        load_model(folder)


def test_digest(folder: Path) -> None:
    recorded = digest(manifest(folder))
    load_model(folder, expected_digest=recorded)
    load_native(folder, expected_digest=recorded)
    with pytest.raises(ModelChanged, match="is not the one that was recorded"):
        load_model(folder, expected_digest=digest({}))
    (folder / "added.txt").write_text("")
    with pytest.raises(ModelChanged, match=r"added.txt was added"):
        load_model(folder, expected_digest=recorded)


@pytest.mark.parametrize("where", ["../outside", "/etc/passwd", "a/../../x", "%2e%2e/x"])
@pytest.mark.parametrize("key", ["sklearn__pickled_model", "sklearn__code"])
def test_paths_cannot_lead_out(folder: Path, key: str, where: str) -> None:
    (folder.parent / "outside").write_bytes(b"x")
    rewrite(folder, **{f"flavors__{key}": where})
    with pytest.raises(BadModel, match="is refused"):
        load_model(folder, trust=Trust(everything=True))


def test_links_cannot_lead_out(folder: Path) -> None:
    outside = folder.parent / "elsewhere.skops"
    (folder / "model.skops").rename(outside)
    (folder / "model.skops").symlink_to(outside)
    with pytest.raises(BadModel, match="symbolic link"):
        load_model(folder)
    # a folder of another tool has no checksums; the path is held all the same
    rewrite(folder, mlpack={})
    with pytest.raises(BadModel, match="through a link"):
        load_model(folder)


def test_a_linked_model_folder_is_fine(folder: Path) -> None:
    link = folder.parent / "current"
    link.symlink_to(folder)
    assert load_model(link).predict(X).tolist() == Y.tolist()


def test_versions_that_differ_give_one_warning(folder: Path) -> None:
    rewrite(
        folder,
        flavors__sklearn__sklearn_version="0.24.1",
        flavors__python_function__python_version="3.7.1",
    )
    with pytest.warns(UserWarning) as caught:
        load_model(folder)
    assert len(caught) == 1
    assert "Python 3.7.1" in str(caught[0].message)
    assert "scikit-learn 0.24.1" in str(caught[0].message)


def test_a_patch_release_gives_none(folder: Path) -> None:
    import sklearn

    major, minor, _ = sklearn.__version__.split(".", 2)
    rewrite(folder, flavors__sklearn__sklearn_version=f"{major}.{minor}.99")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_model(folder)


def test_a_flavor_that_is_not_installed(folder: Path) -> None:
    data = yaml.safe_load((folder / "MLmodel").read_text())
    data["flavors"]["fastai"] = data["flavors"].pop("sklearn")
    data["flavors"]["python_function"]["loader_module"] = "mlflow.fastai"
    (folder / "MLmodel").write_text(yaml.safe_dump(data))
    # no extra of ours brings it, so none is named
    with pytest.raises(
        MissingDependency, match=r"'fastai', and there is no such flavor.*pyfunc, sklearn.*plug-in"
    ):
        load_model(folder)


def test_no_such_flavor_in_the_model(folder: Path) -> None:
    rewrite(folder, flavors={"sklearn": {"pickled_model": "model.skops"}})
    with pytest.raises(BadModel, match="no flavor 'pyfunc'; it has sklearn"):
        load_native(folder, flavor="pyfunc")


def test_a_model_that_cannot_predict(tmp_path: Path) -> None:
    from sklearn.preprocessing import StandardScaler

    save_model(StandardScaler().fit(X), tmp_path / "m")
    with pytest.raises(BadModel, match="cannot predict"):
        load_model(tmp_path / "m")
    assert isinstance(load_native(tmp_path / "m"), StandardScaler)
    save_model(StandardScaler().fit(X), tmp_path / "t", predict_fn="transform", input_example=X)
    assert load_model(tmp_path / "t").predict(X).shape == (4, 2)


def test_loading_leaves_the_folder_as_it_was(folder: Path) -> None:
    before = manifest(folder)
    load_model(folder).predict(X)
    assert manifest(folder) == before


def test_an_example_may_be_broken_without_harm(folder: Path) -> None:
    (folder / "input_example.json").write_text("{")
    loaded = load_model(folder, verify=False)
    with pytest.raises(BadModel):
        loaded.input_example()
    rewrite(folder, saved_input_example_info__artifact_path="../../etc/passwd")
    with pytest.raises((BadModel, InvalidInput)):
        load_model(folder, verify=False).input_example()


def test_serving_example_is_what_a_client_sends(folder: Path) -> None:
    body = json.loads((folder / "serving_input_example.json").read_text())
    assert body == {"dataframe_split": {"columns": ["a", "b"], "data": [[0.0, 1], [1.0, 0]]}}


def test_moving_a_folder_changes_nothing(folder: Path, tmp_path: Path) -> None:
    recorded = digest(manifest(folder))
    shutil.move(folder, tmp_path / "moved")
    load_model(tmp_path / "moved", expected_digest=recorded)
