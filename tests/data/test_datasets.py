"""Datasets, their sources, and what a run records of them."""

import json

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import mlpack
from mlpack.errors import InvalidInput

FRAME = pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]})


def inputs_of(run):
    return mlpack.get_run(run.info.run_id).inputs.dataset_inputs


def test_a_run_records_what_it_read():
    dataset = mlpack.data.from_pandas(FRAME, source="train.csv", targets="y", name="wine")
    with mlpack.start_run() as run:
        mlpack.log_input(dataset, context="training", tags={"split": "a"})
        mlpack.log_input(dataset, context="training", tags={"split": "a"})  # changes nothing
    [found] = inputs_of(run)
    assert found.tags == {"mlflow.data.context": "training", "split": "a"}
    assert (found.dataset.name, found.dataset.digest) == ("wine", dataset.digest)
    assert json.loads(found.dataset.profile) == {"num_rows": 2, "num_elements": 4}
    assert [c["name"] for c in json.loads(found.dataset.schema)["mlflow_colspec"]] == ["x", "y"]
    assert mlpack.data.get_source(found).uri == "train.csv"
    assert json.loads(dataset.to_json())["source_type"] == "local"


@pytest.mark.parametrize(
    "data", [FRAME, FRAME.to_numpy(), {"a": np.ones(2)}, scipy.sparse.eye(2).tocsr()]
)
def test_plain_data_is_a_dataset_too(data):
    with mlpack.start_run() as run:
        mlpack.log_input(data)
    [found] = inputs_of(run)
    assert found.dataset.source_type == "code"
    assert "mlflow.source.name" in mlpack.data.get_source(found.dataset).tags


def test_a_sparse_matrix_is_never_filled_with_its_zeros():
    small = scipy.sparse.random(300, 70, 0.1, format="coo", random_state=0)
    sparse, dense = mlpack.data.from_numpy(small), mlpack.data.from_numpy(small.toarray())
    assert (sparse.digest, sparse.profile) == (dense.digest, dense.profile)
    huge = scipy.sparse.csr_matrix((10**6, 10**6))  # 8 TB of zeros
    described = mlpack.data.from_numpy(huge).to_dict()
    assert json.loads(described["profile"])["features_nbytes"] == 8 * 10**12


def test_several_inputs_at_once():
    with mlpack.start_run() as run:
        mlpack.log_inputs([FRAME, None, FRAME.x.to_numpy()], ["training", None, "testing"])
        with pytest.raises(InvalidInput, match="got 1 datasets, but 2 contexts"):
            mlpack.log_inputs([FRAME], ["a", "b"])
        with pytest.raises(InvalidInput, match="got str"):
            mlpack.log_inputs([FRAME, "nonsense"], ["other", "other"])
    contexts = {each.tags["mlflow.data.context"] for each in inputs_of(run)}
    assert contexts == {"training", "testing"}


def test_a_metric_of_a_model_knows_its_dataset():
    dataset = mlpack.data.from_dict({"a": [1, 2]}, name="d")
    with mlpack.start_run() as run:
        model_id = mlpack.pyfunc.log_model("model", python_model=lambda model_input: 1).model_id
        mlpack.log_metric("m", 1.0, model_id=model_id, dataset=dataset)
        mlpack.log_metrics({"n": 2.0}, model_id=model_id, dataset=dataset)
    assert mlpack.get_run(run.info.run_id).data.metrics == {"m": 1.0, "n": 2.0}
    found = {metric.key: metric for metric in mlpack.get_logged_model(model_id).metrics}
    assert {found[key].value for key in ("m", "n")} == {1.0, 2.0}
    assert {(m.dataset_name, m.dataset_digest) for m in found.values()} == {("d", dataset.digest)}


def test_data_that_is_elsewhere():
    there = mlpack.data.MetaDataset("https://user:secret@example.com/a.csv", name="far")
    assert there.source.url == "https://example.com/a.csv"
    assert "secret" not in there.to_json()
    assert there.digest != mlpack.data.MetaDataset("https://example.com/b.csv", name="far").digest


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("a.csv", "local"),
        ("file:///a.csv", "local"),
        (r"C:\a.csv", "local"),
        ("s3://b/a", "s3"),
        ("gs://b/a", "gs"),
        ("HTTP://h/a", "http"),
    ],
)
def test_kinds_of_sources(uri, kind):
    assert mlpack.data.MetaDataset(uri).source.source_type == kind


def test_a_source_of_an_unknown_kind_stays_readable():
    recorded = mlpack.entities.Dataset("d", "1", "delta_table", '{"path": "p", "version": 1}')
    source = mlpack.data.get_source(recorded)
    assert (source.source_type, source.to_dict()["version"]) == ("delta_table", 1)
    with pytest.raises(InvalidInput, match="not as 'http' sources are written"):
        mlpack.data.get_source(mlpack.entities.Dataset("d", "1", "http", "{}"))


def test_mistakes():
    with pytest.raises(InvalidInput, match="no column 'z' given as targets"):
        mlpack.data.from_pandas(FRAME, targets="z")
    with pytest.raises(InvalidInput, match="takes a DataFrame; got ndarray"):
        mlpack.data.from_pandas(FRAME.to_numpy())
    with pytest.raises(InvalidInput, match="features of a dataset must be a numpy array"):
        mlpack.data.from_numpy([1, 2])
    with pytest.raises(InvalidInput, match="columns make no table"):
        mlpack.data.from_dict({"a": [1], "b": [1, 2]})
    with pytest.raises(InvalidInput, match="source of a dataset must be a path"):
        mlpack.data.from_numpy(np.ones(2), source=3)
    with pytest.raises(InvalidInput, match="get_source takes a dataset"):
        mlpack.data.get_source(FRAME)
