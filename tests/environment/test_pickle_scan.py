"""Modules are found in any pickle, by reading alone."""

from __future__ import annotations

import gzip
import pickle
import resource
import sys
import zlib
from collections import OrderedDict
from datetime import datetime
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pytest
import skops.io
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from mlpack.errors import BadModel
from mlpack.flavors import pickle_scan
from mlpack.flavors.pickle_scan import modules_in_pickle, modules_in_skops


@pytest.fixture(scope="module")
def forest() -> RandomForestClassifier:
    return RandomForestClassifier(3, random_state=0).fit([[0.0], [1.0]], [0, 1])


class Bomb:
    """Deletes nothing, but would leave a trace if it were ever called."""

    def __reduce__(self):
        return exec, ("import sys; sys.mlpack_was_run = True",)


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol(forest: RandomForestClassifier, protocol: int) -> None:
    found = modules_in_pickle(pickle.dumps(forest, protocol))
    assert {"sklearn.ensemble._forest", "sklearn.tree._tree", "numpy"} <= found


def test_nothing_in_the_file_is_run() -> None:
    assert "builtins" in modules_in_pickle(pickle.dumps([Bomb(), {"a": Bomb()}]))
    assert not hasattr(sys, "mlpack_was_run")


def test_nothing_is_imported() -> None:
    data = b"cnot_installed_anywhere.deep\nThing\n)R."
    assert modules_in_pickle(data) == {"not_installed_anywhere.deep"}


def test_names_from_the_memo() -> None:
    """The second use of a module's name is a reference to the first."""
    data = pickle.dumps([StandardScaler(), StandardScaler, "x", LogisticRegression()])
    assert {"sklearn.preprocessing._data", "sklearn.linear_model._logistic"} <= modules_in_pickle(
        data
    )


def test_base_classes_count() -> None:
    """XGBClassifier's pickle names xgboost alone; loading it without scikit-learn fails."""
    found = modules_in_pickle(pickle.dumps(xgboost.XGBClassifier()))
    assert {"xgboost.sklearn", "sklearn.base"} <= found


def outer(values):
    import json
    from email import message

    def inner():
        import skops.io as deep

        return deep

    return [(lambda v: __import__("os"))(v) for v in values], json, message, inner


def test_what_functions_by_value_import() -> None:
    by_value = cloudpickle.dumps(_redefine_in_main(outer))
    found = modules_in_pickle(by_value)
    assert {"json", "email", "email.message", "skops.io", "cloudpickle.cloudpickle"} <= found


def test_many_names_in_one_body() -> None:
    """More than 256 names: the import's argument needs an extension."""
    body = "\n".join(f"    a{i}" for i in range(300))
    space: dict[str, object] = {"__name__": "__main__"}
    exec(f"def wide():\n{body}\n    import yaml.nodes", space)
    assert "yaml.nodes" in modules_in_pickle(cloudpickle.dumps(space["wide"]))


def test_classes_by_value_and_module_objects() -> None:
    space: dict[str, object] = {"__name__": "__main__", "np": np}
    exec(
        "class Base:\n"
        "    def transform(self, X):\n"
        "        import rich.table\n"
        "        return np.log(X)\n"
        "class Model(Base):\n"
        "    pass\n",
        space,
    )
    model = space["Model"]()  # type: ignore[operator]
    found = modules_in_pickle(cloudpickle.dumps([model, model, space["Model"]]))
    assert {"numpy", "rich.table"} <= found


def test_instances_of_a_class_that_a_call_returned() -> None:
    """No known maker of classes made it; the second, thorough pass copes."""
    data = (
        b"\x80\x04"
        b"csome.library\nmake_a_class\n)R"  # a class, returned by an unknown function
        b")\x81"  # an instance of it
        b"cother.library\nlast\n\x86."
    )
    assert modules_in_pickle(data) == {"some.library", "other.library"}


@pytest.mark.parametrize(
    "value",
    [
        OrderedDict(a=[1]),
        {1, 2},
        frozenset({(1, 2)}),
        datetime(2020, 1, 1),
        bytearray(b"x" * 99),
        2**100,
        -1.5,
        b"",
        None,
        np.float64(1),
        np.array(["a", None], dtype=object),
        np.ma.masked_array([1, 2], [True, False]),
        [[[]]],
        "\ud800",
    ],
)
def test_values_of_all_kinds(value: object) -> None:
    for protocol in range(6):
        modules_in_pickle(pickle.dumps([value, value, {"k": value}], protocol))


def test_compressed(forest: RandomForestClassifier, tmp_path: Path) -> None:
    plain = pickle.dumps(forest)
    expected = modules_in_pickle(plain)
    assert modules_in_pickle(gzip.compress(plain)) == expected
    for level in range(10):
        assert modules_in_pickle(zlib.compress(plain, level)) == expected


@pytest.mark.parametrize(
    "compress", [0, *((name, 3) for name in ("zlib", "gzip", "bz2", "lzma", "xz"))]
)
def test_joblib(forest: RandomForestClassifier, tmp_path: Path, compress: object) -> None:
    """Arrays stand between the opcodes; whatever their type, what comes after is still found."""
    arrays = [
        np.arange(1000.0),
        np.asfortranarray(np.ones((3, 4), np.float32)),
        np.array(["ab", "cde"]),
        np.array([b"ab"]),
        np.array(["2020-01-01"], dtype="M8[ns]"),
        np.zeros(3, dtype=[("a", "f4"), ("b", "U3"), ("c", "i2", (2, 2))]),
        np.zeros(2, dtype=[("a", "O"), ("b", "i4")]),
        np.array(["text", forest, None], dtype=object),
        np.zeros((0, 5)),
        np.array(7),
        np.zeros((2, 3), bool).astype(np.complex128),
        np.arange(10, dtype=">i4"),
    ]
    path = tmp_path / "model.joblib"
    for array in arrays:
        joblib.dump([array, LogisticRegression()], path, compress=compress)
        assert "sklearn.linear_model._logistic" in modules_in_pickle(path), array.dtype
    joblib.dump([*arrays, LogisticRegression()], path, compress=compress)
    found = modules_in_pickle(path)
    assert {"sklearn.linear_model._logistic", "sklearn.ensemble._forest"} <= found


def test_large_arrays_are_not_read(tmp_path: Path) -> None:
    """A sparse file with 2 GB of array: neither time nor memory is spent on it."""
    size = 2 << 30
    path = tmp_path / "large.pkl"
    with path.open("wb") as file:
        file.write(b"\x80\x05(\x8e" + size.to_bytes(8, "little"))
        file.seek(size, 1)
        file.write(b"csklearn.svm._classes\nSVC\n)Rt.")
    try:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = modules_in_pickle(path)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    finally:
        path.unlink()
    assert "sklearn.svm._classes" in found
    assert grown < 100 << 10  # kilobytes


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"\x80\x04",
        b"\x80\x04\x95",
        b"PK\x03\x04",
        b"\x1f\x8bjunk",
        b"\x78\x9cjunk",
        b"BZh9junk",
        b"\xfd7zXZ\x00junk",
        pickle.dumps(LogisticRegression())[:-20],
        b"\x80\x05\x8e" + (1 << 62).to_bytes(8, "little") + b"x.",
    ],
)
def test_what_is_no_pickle(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "thing.pkl"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(BadModel, match="no pickle"):
            modules_in_pickle(source)
    with pytest.raises(BadModel, match="cannot be read"):
        modules_in_pickle(tmp_path / "absent.pkl")


def test_the_slow_scan_agrees(forest: RandomForestClassifier) -> None:
    """What is left when no stand-in can follow a stream: names alone."""
    for protocol in range(6):
        data = pickle.dumps([forest, StandardScaler()], protocol)
        found = {module for module, _ in pickle_scan._linear_scan(data, ValueError())}
        assert {"sklearn.ensemble._forest", "sklearn.preprocessing._data", "numpy"} <= found


def test_skops(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    pipeline = make_pipeline(FunctionTransformer(np.log), xgboost.XGBClassifier())
    skops.io.dump(pipeline, path)
    found = modules_in_skops(path)
    assert {"sklearn.pipeline", "numpy", "xgboost.sklearn", "sklearn.base"} <= found


def test_a_name_inside_a_string_is_no_module(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    skops.io.dump({"note": '"__class__": "A", "__module__": "evil.module"'}, path)
    assert "evil.module" not in modules_in_skops(path)


def test_what_is_no_skops_file(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(b"junk")
    with pytest.raises(BadModel, match="no skops file"):
        modules_in_skops(path)


def _redefine_in_main(function):
    """The same function as if it stood in the user's script: cloudpickle takes it by value."""
    function.__module__ = "__main__"
    return function
