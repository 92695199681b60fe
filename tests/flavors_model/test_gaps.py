"""A gap among numbers: the model decides, and a model that raises over it blames the caller."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from mlpack.errors import ModelFailed, SchemaMismatch
from mlpack.flavors import infer_signature, load_model, save_model
from mlpack.flavors.table import Table

X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [1.0, 0.0, 1.0, 0.0]})
Y = [1.0, 2.0, 3.0, 4.0]
GAP = Table.from_split(["a", "b"], [[1.0, 2.0], [None, 1.0]])


def saved(tmp_path, model, **options):
    save_model(model, tmp_path / "m", **options)
    return load_model(tmp_path / "m")


def test_a_model_with_an_imputer_takes_null_though_its_example_had_none(tmp_path):
    model = make_pipeline(SimpleImputer(), LinearRegression()).fit(X, Y)
    answer = saved(tmp_path, model, input_example=X).predict(GAP)
    assert np.isfinite(answer).all()


def test_a_model_without_one_names_the_cell(tmp_path):
    loaded = saved(tmp_path, LinearRegression().fit(X, Y), input_example=X)
    with pytest.raises(SchemaMismatch, match=r"column 'a' has no value in row 1.*NaN"):
        loaded.predict(GAP)
    with pytest.raises(SchemaMismatch, match="column 'b' is infinite in row 0"):
        loaded.predict({"a": [1.0], "b": [math.inf]})


def test_tensors_too(tmp_path):
    loaded = saved(tmp_path, LinearRegression().fit(X.values, Y), input_example=X.values)
    with pytest.raises(SchemaMismatch, match="has no value in row 1"):
        loaded.predict(np.array([[1.0, 2.0], [3.0, math.nan]]))


def _fails(model_input):
    raise ValueError("on its own account")


def test_a_gap_that_the_signature_allows_is_not_the_callers_fault(tmp_path):
    holed = X.assign(a=[1.0, None, 3.0, 4.0])
    loaded = saved(tmp_path, _fails, signature=infer_signature(holed, Y))
    with pytest.raises(ModelFailed, match="on its own account"):
        loaded.predict(GAP)


def test_without_a_gap_it_is_the_model(tmp_path):
    loaded = saved(tmp_path, _fails, signature=infer_signature(X, Y))
    with pytest.raises(ModelFailed, match="on its own account"):
        loaded.predict(X)
