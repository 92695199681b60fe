"""Every estimator of scikit-learn saves and loads, fitted, without a word from the user.

The instances are scikit-learn's own, those that its common tests run on.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.utils import all_estimators, get_tags
from sklearn.utils._test_common.instance_generator import _construct_instances
from threadpoolctl import threadpool_limits

from mlpack.flavors import Trust, load_native, save_model

# skops does not write these, so they become a cloudpickle, with a warning
NOT_FOR_SKOPS = {"Birch"}

_random = np.random.RandomState(0)
_MATRIX = _random.rand(60, 4) * 5
_LABELS = (_MATRIX[:, 0] > 2).astype(int)
_NUMBERS = _MATRIX[:, 0] * 2 + _MATRIX[:, 1] + 0.1
_TEXTS = ["a b c", "b c d d", "the end"] * 8
_RECORDS = [{"a": 1, "b": 2}, {"a": 3}] * 9


def instances() -> list[Any]:
    found = []
    for name, kind in all_estimators():
        if kind is FrozenEstimator:  # has no common tests
            made = [FrozenEstimator(LinearRegression().fit(_MATRIX, _NUMBERS))]
        else:
            made = list(_construct_instances(kind))
        found += [pytest.param(estimator, id=f"{name}{i}") for i, estimator in enumerate(made)]
    return found


def fitted(estimator: Any) -> tuple[Any, Any]:
    """The estimator fitted on some data that it takes, and that data."""
    target = _NUMBERS if get_tags(estimator).estimator_type == "regressor" else _LABELS
    tries = [
        (_MATRIX, target),
        (_MATRIX, np.c_[target, target]),
        (_TEXTS, None),
        (_RECORDS, None),
        (_LABELS, None),
        (_MATRIX[:, 0], _NUMBERS),
        ([[1, 2], [3]], None),
        (_MATRIX[:, :1], _NUMBERS),
        (_MATRIX[:, :3], None),
        (_random.rand(4, 6, 6), None),
        (_MATRIX @ _MATRIX.T, target),
    ]
    for data, answer in tries:
        try:
            new = clone(estimator)
            return (new.fit(data) if answer is None else new.fit(data, answer)), data
        except Exception as error:
            last = error
    raise last


def answers(estimator: Any, data: Any) -> dict[str, Any]:
    said = {}
    for method in ("predict", "predict_proba", "decision_function", "transform"):
        if hasattr(estimator, method):
            try:
                answer = getattr(estimator, method)(data)
            except Exception as error:
                said[method] = str(error)
                continue
            said[method] = answer.toarray() if hasattr(answer, "toarray") else answer
    return said


def assert_same(actual: Any, expected: Any) -> None:
    if getattr(expected, "dtype", np.dtype(object)).kind == "f":
        # an array that was a view of another is laid out anew, which may round differently
        np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12)
    else:
        np.testing.assert_equal(actual, expected)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny data and many threads spend their time on each other."""
    with threadpool_limits(1):
        yield


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", instances())
def test_saves_and_loads(estimator: Any, tmp_path: Path) -> None:
    model, data = fitted(estimator)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        descriptor = save_model(model, tmp_path / "m", pip_requirements=["scikit-learn"])
    name = type(model).__name__
    fell_back = [w for w in caught if "cloudpickle" in str(w.message)]
    assert len(fell_back) == (name in NOT_FOR_SKOPS)
    assert descriptor.is_pickle is (name in NOT_FOR_SKOPS)
    loaded = load_native(tmp_path / "m", trust=Trust())
    assert type(loaded) is type(model)
    if name.startswith("Dummy"):  # draws from the global random state
        return
    expected = answers(model, data)
    actual = answers(loaded, data)
    assert actual.keys() == expected.keys()
    for method, answer in expected.items():
        assert_same(actual[method], answer)
