"""A matrix where it can be, a data frame where it must: the answers are always the estimator's."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from mlpack.flavors import infer_signature, load_model, save_model
from mlpack.flavors.sklearn_predict import needs_frame

_random = np.random.RandomState(0)
NUMBERS = pd.DataFrame(_random.rand(60, 3), columns=["a", "b", "c"])
MIXED = NUMBERS.assign(colour=["red", "green", "blue"] * 20, count=np.arange(60) % 7)
LABELS = (NUMBERS["a"] > 0.5).astype(int).to_numpy()
WORDS = np.where(LABELS == 1, "yes", "no")
TEXTS = ["good thing", "bad thing", "very good", "very bad"] * 15


class Named(TransformerMixin, BaseEstimator):
    """Somebody's own: uses names."""

    def fit(self, X: Any, y: Any = None) -> Any:
        return self

    def transform(self, X: Any) -> Any:
        return X[["b", "a"]]


def _columns(*names: str) -> Any:
    return ColumnTransformer([("n", StandardScaler(), list(names))], remainder="passthrough")


def _mixed() -> Any:
    return ColumnTransformer(
        [
            ("n", StandardScaler(), make_column_selector(dtype_include="float")),
            ("c", OneHotEncoder(), ["colour"]),
        ]
    )


# model, data, whether it is to get a data frame
CASES: dict[str, tuple[Any, pd.DataFrame, bool]] = {
    "logistic": (LogisticRegression(), NUMBERS, False),
    "sgd": (SGDClassifier(random_state=0), NUMBERS, False),
    "forest": (RandomForestClassifier(5, random_state=0), NUMBERS, False),
    "isolation": (IsolationForest(n_estimators=5, random_state=0), NUMBERS, False),
    "kmeans": (KMeans(2, random_state=0, n_init=1), NUMBERS, False),
    "scaled": (make_pipeline(StandardScaler(), LogisticRegression()), NUMBERS, False),
    "deep": (
        make_pipeline(make_pipeline(StandardScaler()), StandardScaler(), LogisticRegression()),
        NUMBERS,
        False,
    ),
    "union": (
        make_pipeline(FeatureUnion([("s", StandardScaler())]), LogisticRegression()),
        NUMBERS,
        False,
    ),
    "columns": (make_pipeline(_columns("b"), LogisticRegression()), NUMBERS, True),
    "mixed": (make_pipeline(_mixed(), LogisticRegression()), MIXED, True),
    "function": (
        make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()),
        NUMBERS,
        True,
    ),
    "own": (make_pipeline(Named(), LogisticRegression()), NUMBERS, True),
    "output": (
        make_pipeline(StandardScaler(), LogisticRegression()).set_output(transform="pandas"),
        NUMBERS,
        True,
    ),
    "histogram": (HistGradientBoostingClassifier(max_iter=3), NUMBERS, True),
    "ordinal": (
        make_pipeline(OrdinalEncoder(), LogisticRegression()),
        MIXED[["colour", "count"]],
        False,
    ),
    "grid": (GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2), NUMBERS, False),
    "grid of columns": (
        GridSearchCV(make_pipeline(_columns("c"), LogisticRegression()), {}, cv=2),
        NUMBERS,
        True,
    ),
    "voting": (VotingClassifier([("l", LogisticRegression())]), NUMBERS, False),
    "stacking": (StackingClassifier([("l", LogisticRegression())], cv=2), NUMBERS, False),
    "bagging": (BaggingClassifier(LogisticRegression(), 2, random_state=0), NUMBERS, False),
    "calibrated": (CalibratedClassifierCV(LogisticRegression(), cv=2), NUMBERS, False),
    "target": (TransformedTargetRegressor(LinearRegression()), NUMBERS, False),
    "words": (LogisticRegression(), NUMBERS, False),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


def expected_of(model: Any, data: Any) -> Any:
    return model.predict(data)


@pytest.mark.filterwarnings("ignore:Saved as a cloudpickle:UserWarning")
@pytest.mark.filterwarnings("ignore:.*is a pickle:UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_same_answers_and_no_warning(tmp_path: Path, name: str) -> None:
    estimator, data, frame = CASES[name]
    model = estimator.fit(data, WORDS if name == "words" else LABELS)
    assert needs_frame(model) is frame
    save_model(model, tmp_path / "m", input_example=data[:5], serialization_format="cloudpickle")
    loaded = load_model(tmp_path / "m")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = loaded.predict(data)
        one = loaded.predict(data[:1])
    expected = expected_of(model, data)
    np.testing.assert_array_equal(answer, expected)
    # asked of the model anew: the last digit of a sum may depend on how many rows there are
    np.testing.assert_array_equal(one, expected_of(model, data[:1]))
    # the object itself still knows its columns
    np.testing.assert_array_equal(loaded.native.predict(data), expected)


def test_labels_of_several_outputs(tmp_path: Path) -> None:
    model = MultiOutputClassifier(LogisticRegression()).fit(NUMBERS, np.c_[LABELS, 1 - LABELS])
    save_model(model, tmp_path / "m", input_example=NUMBERS)
    np.testing.assert_array_equal(
        load_model(tmp_path / "m").predict(NUMBERS), model.predict(NUMBERS)
    )


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba", "decision_function"])
def test_other_methods(tmp_path: Path, method: str) -> None:
    model = LogisticRegression().fit(NUMBERS, LABELS)
    save_model(model, tmp_path / "m", predict_fn=method, input_example=NUMBERS[:2])
    answer = load_model(tmp_path / "m").predict(NUMBERS)
    np.testing.assert_array_equal(answer, getattr(model, method)(NUMBERS))


def test_parameters_that_the_method_takes(tmp_path: Path) -> None:
    model = GaussianProcessRegressor().fit(NUMBERS.to_numpy(), LABELS)
    signature = infer_signature(NUMBERS.to_numpy(), LABELS, params={"return_std": False, "x": 1})
    save_model(model, tmp_path / "m", signature=signature)
    loaded = load_model(tmp_path / "m")
    assert loaded.predict(NUMBERS.to_numpy()).shape == (60,)
    mean, deviation = loaded.predict(NUMBERS.to_numpy(), {"return_std": True})
    assert mean.shape == deviation.shape == (60,)


@pytest.mark.parametrize("form", ["frame", "series", "list"])
def test_texts(tmp_path: Path, form: str) -> None:
    """A model of texts takes a column of them, however it comes."""
    model = make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(TEXTS, [1, 0, 1, 0] * 15)
    save_model(model, tmp_path / "m", input_example=pd.DataFrame({"text": TEXTS[:3]}))
    data = {
        "frame": pd.DataFrame({"text": TEXTS}),
        "series": pd.Series(TEXTS, name="text"),
        "list": [{"text": text} for text in TEXTS],
    }[form]
    np.testing.assert_array_equal(load_model(tmp_path / "m").predict(data), [1, 0, 1, 0] * 15)


def test_a_list_of_texts_as_the_example(tmp_path: Path) -> None:
    model = make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(TEXTS, [1, 0, 1, 0] * 15)
    save_model(model, tmp_path / "m", input_example=TEXTS[:2])
    assert load_model(tmp_path / "m").predict(["very good"]).tolist() == [1]


def test_one_column_for_what_takes_a_vector(tmp_path: Path) -> None:
    model = IsotonicRegression().fit(NUMBERS["a"], LABELS)
    save_model(model, tmp_path / "m", input_example=NUMBERS[["a"]])
    np.testing.assert_array_equal(
        load_model(tmp_path / "m").predict(NUMBERS[["a"]]), model.predict(NUMBERS["a"])
    )


def test_frames_are_required_only_where_they_are_used(tmp_path: Path) -> None:
    save_model(LogisticRegression().fit(NUMBERS, LABELS), tmp_path / "plain")
    assert "pandas" not in (tmp_path / "plain/requirements.txt").read_text()
    mixed = make_pipeline(_mixed(), LogisticRegression()).fit(MIXED, LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save_model(mixed, tmp_path / "mixed")
    assert "pandas" in (tmp_path / "mixed/requirements.txt").read_text()
