"""What people type for a model, read as what they mean."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpack.errors import InvalidInput, MlpackError
from mlpack.registry.addresses import check_is_version, forgiving, read_name
from mlpack.uris import LocalUri, LoggedModelUri, RegisteredModelUri, RemoteUri, RunUri

MODEL_ID = f"m-{'0' * 32}"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("churn/3", RegisteredModelUri("churn", version=3)),
        ("models:/churn/3", RegisteredModelUri("churn", version=3)),
        (" churn@champion ", RegisteredModelUri("churn", alias="champion")),
        ("models:/churn@champion", RegisteredModelUri("churn", alias="champion")),
        ("churn/production", RegisteredModelUri("churn", stage="Production")),
        ("churn/LATEST", RegisteredModelUri("churn", stage="latest")),
        ("churn", RegisteredModelUri("churn")),
        ("100% größer/1", RegisteredModelUri("100% größer", version=1)),
        ("models:/a%40b/1", RegisteredModelUri("a%40b", version=1)),  # as load_model reads it
        ("a@b/1", RegisteredModelUri("a@b", version=1)),
        (MODEL_ID, LoggedModelUri(MODEL_ID)),
        (f"models:/{MODEL_ID}", LoggedModelUri(MODEL_ID)),
        (f"models:/{MODEL_ID}/MLmodel", LoggedModelUri(MODEL_ID, "MLmodel")),
        ("runs:/abc/model", RunUri("abc", "model")),
        ("s3://bucket/key", RemoteUri("s3", "s3://bucket/key")),
        ("./churn", LocalUri(Path("./churn"))),
        ("../churn/3", LocalUri(Path("../churn/3"))),
        ("/srv/churn", LocalUri(Path("/srv/churn"))),
        ("no/such/folder", LocalUri(Path("no/such/folder"))),
        (Path("churn"), LocalUri(Path("churn"))),
    ],
)
def test_what_is_meant(text, meant):
    assert forgiving(text) == meant


def test_a_model_folder_comes_before_a_name():
    folder = Path("churn/3")
    folder.mkdir(parents=True)
    assert forgiving("churn/3") == RegisteredModelUri("churn", version=3)
    (folder / "MLmodel").touch()
    assert forgiving("churn/3") == LocalUri(folder)
    assert forgiving("models:/churn/3") == RegisteredModelUri("churn", version=3)


@pytest.mark.parametrize("text", ["", " ", "models:/", "churn@", "@champion", "churn/", "/3", "/"])
def test_what_names_nothing(text):
    with pytest.raises(InvalidInput, match="names no registered model"):
        read_name(text)


def test_a_name_is_no_version():
    with pytest.raises(InvalidInput, match="churn/<version>"):
        check_is_version(read_name("churn"))
    check_is_version(read_name("churn/1"))


@given(st.text() | st.builds("{}/{}".format, st.text(), st.text("0123456789٣²", min_size=1)))
def test_whatever_is_typed_is_read_or_refused(text):
    for read in (forgiving, read_name):
        with contextlib.suppress(MlpackError):
            read(text)


def test_absurd_ones():
    for text in ("x" * 10_000, "x" * 300 + "/1", "a/" + "9" * 5000, "models:/" + "a/" * 5000):
        with contextlib.suppress(MlpackError):
            forgiving(text)
