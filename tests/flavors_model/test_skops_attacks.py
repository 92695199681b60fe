"""Crafted skops files: refused before anything of them runs, and with the name of the culprit."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from scipy import sparse
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import (
    BallTree,
    KDTree,
    KNeighborsClassifier,
    RadiusNeighborsClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from mlpack.errors import BadModel, ModelUntrusted
from mlpack.flavors import Trust, load_model, load_native, save_model
from mlpack.flavors.skops_trust import REVIEWED, load_skops, save_skops

X = np.random.RandomState(0).rand(60, 4)
Y = (X[:, 0] > 0.5).astype(int)
EMPTY_DICT = {
    "__class__": "dict",
    "__module__": "builtins",
    "__loader__": "DictNode",
    "key_types": {
        "__class__": "list",
        "__module__": "builtins",
        "__loader__": "ListNode",
        "content": [],
    },
    "content": {},
}


def json_node(value: Any) -> dict[str, Any]:
    return {
        "__class__": "str",
        "__module__": "builtins",
        "__loader__": "JsonNode",
        "content": json.dumps(value),
        "is_json": True,
    }


def sequence(kind: str, *items: Any) -> dict[str, Any]:
    return {
        "__class__": kind,
        "__module__": "builtins",
        "__loader__": f"{kind.title()}Node",
        "content": list(items),
    }


def name_node(loader: str, name: str, **more: Any) -> dict[str, Any]:
    module, _, attribute = name.rpartition(".")
    return {"__class__": attribute, "__module__": module, "__loader__": loader, **more}


def write(path: Path, schema: dict[str, Any], files: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", json.dumps({"protocol": 2, **schema}))
        for name, content in (files or {}).items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "model.skops"


# --- names that run code, import or touch files ---

DANGEROUS = [
    "os.system",
    "os.remove",
    "posix.system",
    "subprocess.Popen",
    "builtins.eval",
    "builtins.exec",
    "builtins.open",
    "builtins.__import__",
    "builtins.getattr",
    "importlib.import_module",
    "pickle.loads",
    "shutil.rmtree",
    "socket.socket",
    "joblib.load",
    "joblib.memory.Memory",
    "numpy.load",
    "numpy.save",
    "numpy.fromfile",
    "numpy.memmap",
    "numpy.loadtxt",
    "numpy.genfromtxt",
    "numpy.lib.npyio.NpzFile",
    "numpy.testing._private.utils.runstring",
    "numpy.vectorize",
    "numpy.fromfunction",
    "numpy.apply_along_axis",
    "scipy.io.loadmat",
    "scipy.optimize.minimize",
    "pandas.read_pickle",
    "pandas.eval",
    "sklearn.datasets.load_files",
    "sklearn.datasets._svmlight_format_io.load_svmlight_file",
    "sklearn.datasets._openml.fetch_openml",
    "sklearn.utils._testing.ignore_warnings",
    "sklearn.utils.metaestimators.available_if",
    "sklearn.metrics._dist_metrics.PyFuncDistance64",
    "sklearn.metrics._scorer.make_scorer",
    "skops.io.load",
    "mlpack.flavors.load_model",
]
WAYS: dict[str, Callable[[str], dict[str, Any]]] = {
    "as a function": lambda n: name_node(
        "FunctionNode",
        n,
        content={"module_path": n.rpartition(".")[0], "function": n.rpartition(".")[2]},
    ),
    "as a type": lambda n: name_node("TypeNode", n),
    "called": lambda n: name_node(
        "ConstructorFromReduceNode", n, content=sequence("tuple", json_node("touch /tmp/owned"))
    ),
    "as an object": lambda n: name_node("ObjectNode", n, content=EMPTY_DICT),
    "as a list": lambda n: name_node("ListNode", n, content=[json_node("touch /tmp/owned")]),
    "as a set": lambda n: name_node("SetNode", n, content=[json_node("x")]),
    "as a tuple": lambda n: name_node("TupleNode", n, content=[json_node("x")]),
    "as a dict": lambda n: {**EMPTY_DICT, **name_node("DictNode", n)},
    "as an array": lambda n: name_node(
        "NdArrayNode",
        n,
        type="json",
        content=[json_node("x")],
        shape=sequence("tuple", json_node(1)),
    ),
    "as a key's type": lambda n: {
        **EMPTY_DICT,
        "key_types": sequence("list", name_node("TypeNode", n)),
        "content": {"__import__('os').system('touch /tmp/owned')": json_node(1)},
    },
    "in a partial": lambda n: name_node(
        "PartialNode",
        "functools.partial",
        content={
            "func": name_node("TypeNode", n),
            "args": sequence("tuple", json_node("x")),
            "kwds": EMPTY_DICT,
            "namespace": EMPTY_DICT,
        },
    ),
    "as a loss": lambda n: name_node(
        "LossNode", n, __reduce__={"args": sequence("tuple", json_node("x"))}, content=EMPTY_DICT
    ),
    "as a random state": lambda n: name_node("RandomStateNode", n, content=EMPTY_DICT),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", DANGEROUS)
def test_dangerous_names(file: Path, name: str, way: str) -> None:
    write(file, WAYS[way](name))
    with pytest.raises((ModelUntrusted, BadModel)) as error:
        load_skops(file, Trust())
    assert name.rpartition(".")[2] in error.value.message or "damaged" in error.value.message
    assert not Path("/tmp/owned").exists()


def test_dangerous_names_in_a_fresh_process(tmp_path: Path) -> None:
    """There skops is imported by us, with its lists replaced by lazy ones."""
    for i, name in enumerate(DANGEROUS):
        for j, way in enumerate(WAYS):
            write(tmp_path / f"{i}-{j}.skops", WAYS[way](name))
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from mlpack.errors import BadModel, ModelUntrusted\n"
        "from mlpack.flavors import Trust\nfrom mlpack.flavors.skops_trust import load_skops\n"
        "before = None\nloaded = []\n"
        "for path in sorted(Path('.').glob('*.skops')):\n"
        "    try:\n        load_skops(path, Trust())\n        loaded.append(path.name)\n"
        "    except (BadModel, ModelUntrusted):\n        pass\n"
        "    before = before or set(sys.modules)\n"
        "strangers = {m.partition('.')[0] for m in set(sys.modules) - before}\n"
        "print(loaded, sorted(strangers & {'pandas', 'joblib.memory', 'socket', 'evil'}))\n"
    )
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[] []"


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_older_protocols_are_no_way_round(file: Path, protocol: int) -> None:
    write(file, {**WAYS["as a function"]("os.system"), "protocol": protocol})
    with pytest.raises((ModelUntrusted, BadModel)):
        load_skops(file, Trust())


@pytest.mark.parametrize("protocol", [-1, True, "2", None, 2.0, 99])
def test_strange_protocols(file: Path, protocol: Any) -> None:
    write(file, {**EMPTY_DICT, "protocol": protocol})
    with pytest.raises(BadModel):
        load_skops(file, Trust())


def test_methods_and_operators(file: Path) -> None:
    estimator = name_node(
        "ObjectNode", "sklearn.linear_model._logistic.LogisticRegression", content=EMPTY_DICT
    )
    method = name_node(
        "MethodNode",
        "sklearn.linear_model._logistic.LogisticRegression",
        content={"func": "__reduce_ex__", "obj": estimator},
    )
    caller = name_node(
        "OperatorFuncNode", "operator.methodcaller", attrs=sequence("tuple", json_node("save"))
    )
    for schema in (method, caller):
        with pytest.raises(ModelUntrusted):
            load_skops(write(file, schema), Trust())


def test_reviewed_names_only_in_the_reviewed_way(file: Path) -> None:
    """A class that is made by setting its state may not be called instead, nor the reverse."""
    for _, name in REVIEWED:
        for way, make in WAYS.items():
            schema = make(name)
            if (schema["__loader__"], name) in REVIEWED or way == "in a partial":
                continue
            with pytest.raises((ModelUntrusted, BadModel)):
                load_skops(write(file, schema), Trust())
                raise AssertionError(f"{name} {way}")


def test_a_reference_hides_nothing(file: Path) -> None:
    """A node may stand in the file once, under an id, and be used in another place."""
    evil = {**WAYS["as a function"]("os.system"), "__id__": 7}
    again = name_node("CachedNode", "builtins.str", __id__=7)
    decoy = {**json_node("harmless"), "__id__": 7}
    for schema in (sequence("list", evil, again), sequence("list", evil, decoy)):
        with pytest.raises((ModelUntrusted, BadModel)):
            load_skops(write(file, schema), Trust())


# --- models that carry their own permission, or something else under the name of skops ---


def test_a_trust_list_in_the_model_counts_for_nothing(tmp_path: Path) -> None:
    save_model(LogisticRegression().fit(X, Y), tmp_path / "m")
    write(tmp_path / "m/model.skops", WAYS["as a function"]("os.system"))
    text = (tmp_path / "m/MLmodel").read_text()
    assert "skops_trusted_types: null" in text
    text = text.replace("skops_trusted_types: null", "skops_trusted_types: [os.system]")
    (tmp_path / "m/MLmodel").write_text(text)
    with pytest.raises(ModelUntrusted, match=r"os.system.*--trusted-type"):
        load_model(tmp_path / "m", verify=False)


class Boom:
    def __reduce__(self) -> Any:
        return os.mkdir, (os.environ["BOOM"],)


@pytest.fixture
def boom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BOOM", str(tmp_path / "ran"))
    return tmp_path / "ran"


def test_a_pickle_in_the_place_of_skops(tmp_path: Path, boom: Path) -> None:
    save_model(LogisticRegression().fit(X, Y), tmp_path / "m")
    (tmp_path / "m/model.skops").write_bytes(pickle.dumps(Boom()))
    with pytest.raises(BadModel, match="no skops file"):
        load_model(tmp_path / "m", verify=False)
    assert not boom.exists()


def test_a_pickle_inside_of_skops(file: Path, boom: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Boom()], dtype=object), allow_pickle=True)
    array = name_node("NdArrayNode", "numpy.ndarray", type="numpy", file="0.npy")
    write(file, sequence("list", array), {"0.npy": buffer.getvalue()})
    with pytest.raises(BadModel, match="allow_pickle=False"):
        load_skops(file, Trust(everything=True))
    assert not boom.exists()


@pytest.mark.parametrize("name", ["MLPACK_ALLOW_PICKLE", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION"])
@pytest.mark.parametrize("format_", ["pickle", "cloudpickle", "joblib"])
def test_pickles_can_be_forbidden(
    tmp_path: Path, boom: Path, monkeypatch: pytest.MonkeyPatch, name: str, format_: str
) -> None:
    folder = tmp_path / "m"
    save_model(LogisticRegression().fit(X, Y), folder, serialization_format=format_)
    for path in folder.glob("model.*"):
        path.write_bytes(pickle.dumps(Boom()))
    # that the descriptor denies it makes no difference
    text = (folder / "MLmodel").read_text().replace("pickle: true", "pickle: false")
    (folder / "MLmodel").write_text(text)
    monkeypatch.setenv(name, "false")
    for trust in (Trust(), Trust(everything=True)):
        with pytest.raises(ModelUntrusted, match=f"{name}=false forbids"):
            load_native(folder, verify=False, trust=trust)
    assert not boom.exists()
    monkeypatch.setenv(name, "true")
    with pytest.warns(UserWarning, match="is a pickle"), pytest.raises(BadModel):
        load_model(folder, verify=False)
    assert boom.exists()


def test_forbidding_pickles_leaves_skops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(LogisticRegression().fit(X, Y), tmp_path / "m")
    monkeypatch.setenv("MLPACK_ALLOW_PICKLE", "0")
    assert load_model(tmp_path / "m").predict(X).shape == Y.shape


def test_code_beside_skops_is_not_imported(tmp_path: Path, boom: Path) -> None:
    """Not even in the place of a library that skops or scikit-learn imports."""
    (tmp_path / "src").mkdir()
    for name in ("scipy_extra", "skops", "narwhals", "sitecustomize"):
        (tmp_path / f"src/{name}.py").write_text("import os\nos.mkdir(os.environ['BOOM'])\n")
    save_model(
        LogisticRegression().fit(X, Y),
        tmp_path / "m",
        code_paths=sorted((tmp_path / "src").iterdir()),
    )
    script = (
        "import numpy as np\nfrom mlpack.flavors import Trust, load_model\n"
        "for trust in (Trust(), Trust(types=frozenset({'a.B'}))):\n"
        "    load_model('m', trust=trust).predict(np.ones((1, 4)))\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
    assert not boom.exists()


def test_damage(file: Path) -> None:
    for content in (b"", b"PK\x03\x04", b"x" * 100):
        file.write_bytes(content)
        with pytest.raises(BadModel, match="damaged"):
            load_skops(file, Trust())
    good = skops.io.dumps(LogisticRegression().fit(X, Y))
    for size in range(0, len(good), 997):
        file.write_bytes(good[:size])
        with pytest.raises(BadModel):
            load_skops(file, Trust())
    for schema in ({}, {"__loader__": "NoNode", "__class__": "a", "__module__": "b"}):
        with pytest.raises(BadModel):
            load_skops(write(file, schema), Trust())
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("schema.json", "[" * 100_000)
    with pytest.raises(BadModel):
        load_skops(file, Trust())


def test_a_bomb(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpack.flavors.skops_trust._ALLOWANCE", 1_000_000)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", json.dumps({**EMPTY_DICT, "protocol": 2}))
        with archive.open("0.npy", "w", force_zip64=True) as entry:
            for _ in range(20):
                entry.write(bytes(1_000_000))
    with pytest.raises(BadModel, match="expands to"):
        load_skops(file, Trust())


# --- contents that make compiled code read outside of its arrays ---


def tampered(
    model: Any, file: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None]
) -> Path:
    """A skops file of the model, changed by a function of its schema and its other files."""
    skops.io.dump(model, file)
    with zipfile.ZipFile(file) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files.pop("schema.json"))
    change(schema, files)
    return write(file, schema, files)


def nodes_named(value: Any, name: str) -> list[dict[str, Any]]:
    found = []
    if isinstance(value, dict):
        if value.get("__class__") == name and "__loader__" in value:
            found.append(value)
        for child in value.values():
            found += nodes_named(child, name)
    elif isinstance(value, list):
        for child in value:
            found += nodes_named(child, name)
    return found


def changed_array(
    files: dict[str, bytes], node: dict[str, Any], change: Callable[[Any], Any]
) -> None:
    array = np.load(io.BytesIO(files[node["file"]]))
    new = change(array)
    buffer = io.BytesIO()
    np.save(buffer, array if new is None else new)
    files[node["file"]] = buffer.getvalue()


def set_field(field: str, position: int, value: int) -> Callable[[Any], None]:
    def change(array: Any) -> None:
        array[field][position] = value

    return change


TREE_CHANGES: dict[str, Callable[[Any], Any]] = {
    "left child far away": set_field("left_child", 0, 10**9),
    "right child far away": set_field("right_child", 0, 10**6),
    "left child negative": set_field("left_child", 0, -7),
    "right child none": set_field("right_child", 0, -1),
    "feature far away": set_field("feature", 0, 10**6),
    "feature negative": set_field("feature", 0, -5),
    "a circle": set_field("left_child", 0, 0),
    "fewer nodes than counted": lambda array: array[:2],
    "no nodes": lambda array: array[:0],
}


@pytest.mark.parametrize("what", TREE_CHANGES)
@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier().fit(X, Y),
        RandomForestClassifier(2).fit(X, Y),
        GradientBoostingClassifier(n_estimators=2).fit(X, Y),
    ],
    ids=lambda m: type(m).__name__,
)
def test_tampered_trees(file: Path, model: Any, what: str) -> None:
    def change(schema: dict[str, Any], files: dict[str, bytes]) -> None:
        tree = nodes_named(schema, "Tree")[0]
        changed_array(files, tree["content"]["content"]["nodes"], TREE_CHANGES[what])

    with pytest.raises(BadModel):
        load_skops(tampered(model, file, change), Trust())


@pytest.mark.parametrize(
    ("position", "value"), [(0, 10**6), (0, -1), (0, 2.5), (0, "x"), (2, 10**6), (2, 0), (2, -1)]
)
def test_tampered_tree_arguments(file: Path, position: int, value: Any) -> None:
    def change(schema: dict[str, Any], files: dict[str, bytes]) -> None:
        arguments = nodes_named(schema, "Tree")[0]["__reduce__"]["args"]
        arguments["content"][position] = json_node(value)

    with pytest.raises(BadModel):
        load_skops(tampered(DecisionTreeClassifier().fit(X, Y), file, change), Trust())


def test_tampered_tree_count(file: Path) -> None:
    def with_count(value: int) -> Path:
        def change(schema: dict[str, Any], files: dict[str, bytes]) -> None:
            state = nodes_named(schema, "Tree")[0]["content"]["content"]
            state["node_count"] = json_node(value)

        return tampered(DecisionTreeClassifier().fit(X, Y), file, change)

    for value in (0, 1, -3):
        with pytest.raises(BadModel):
            load_skops(with_count(value), Trust())
    # scikit-learn itself takes too many for as many as there are
    assert load_skops(with_count(10**7), Trust()).tree_.node_count == 3


@pytest.mark.parametrize(
    "what",
    [
        set_field("left", 0, 10**6),
        set_field("right", 0, 10**6),
        set_field("left", 0, 0),
        set_field("feature_idx", 0, 10**6),
        set_field("is_categorical", 0, 1),
        lambda array: array[:1],
        lambda array: array[:0],
    ],
)
def test_tampered_histogram_trees(file: Path, what: Callable[[Any], Any]) -> None:
    def change(schema: dict[str, Any], files: dict[str, bytes]) -> None:
        predictor = nodes_named(schema, "TreePredictor")[0]
        changed_array(files, predictor["content"]["content"]["nodes"], what)

    model = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=5).fit(X, Y)
    with pytest.raises(BadModel):
        load_skops(tampered(model, file, change), Trust())


NEIGHBOUR_CHANGES: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "index far away": (1, lambda a: np.where(a == 3, 10**6, a)),
    "index negative": (1, lambda a: np.where(a == 3, -1, a)),
    "fewer indices": (1, lambda a: a[:-1]),
    "node ends outside": (2, set_field("idx_end", 0, 10**6)),
    "node starts outside": (2, set_field("idx_start", 1, -4)),
    "no leaves": (2, set_field("is_leaf", -1, 0)),
    "fewer nodes": (2, lambda a: a[:-1]),
    "fewer bounds": (3, lambda a: a[:, :-1]),
    "narrow bounds": (3, lambda a: a[:, :, :-1]),
    "narrow data": (0, lambda a: a[:, :-1]),
}


@pytest.mark.parametrize("what", NEIGHBOUR_CHANGES)
@pytest.mark.parametrize("kind", [KDTree, BallTree])
def test_tampered_neighbours(file: Path, kind: Any, what: str) -> None:
    position, edit = NEIGHBOUR_CHANGES[what]

    def change(schema: dict[str, Any], files: dict[str, bytes]) -> None:
        tree = nodes_named(schema, kind.__name__)[0]
        changed_array(files, tree["content"]["content"][position], edit)

    with pytest.raises(BadModel):
        load_skops(tampered(kind(X, leaf_size=5), file, change), Trust())


def test_tampered_metric(file: Path) -> None:
    def change(schema: dict[str, Any], files: dict[str, bytes]) -> None:
        metric = nodes_named(schema, "EuclideanDistance64")[0]
        changed_array(files, metric["content"]["content"][1], lambda a: np.ones(3))

    model = KNeighborsClassifier(algorithm="kd_tree").fit(X, Y)
    with pytest.raises(BadModel):
        load_skops(tampered(model, file, change), Trust())


def test_tampered_sparse_matrix(file: Path) -> None:
    good = sparse.csr_matrix(X > 0.5).astype(float)
    skops.io.dump([good], file)
    assert (load_skops(file, Trust())[0] != good).nnz == 0
    bad = good.copy()
    bad.indices[0] = 10**6
    skops.io.dump([bad], file)
    with pytest.raises(BadModel):
        load_skops(file, Trust())


def test_tampered_spline(file: Path) -> None:
    def change(schema: dict[str, Any], files: dict[str, bytes]) -> None:
        spline = nodes_named(schema, "BSpline")[0]
        changed_array(files, spline["content"]["content"]["_c"], lambda a: a[:1])

    with pytest.raises(BadModel):
        load_skops(tampered(SplineTransformer().fit(X), file, change), Trust())


def test_a_replaced_method(file: Path) -> None:
    """Attributes come from the file; one that hides a method would turn its checks off."""
    tree = DecisionTreeClassifier().fit(X, Y)
    tree._validate_X_predict = np.asarray
    skops.io.dump(tree, file)
    with pytest.raises((BadModel, ModelUntrusted)):
        load_skops(file, Trust())
    del tree._validate_X_predict
    tree.predict = np.log1p  # trusted by skops itself
    skops.io.dump(tree, file)
    with pytest.raises(BadModel, match="'predict' is replaced"):
        load_skops(file, Trust())


def test_a_tree_for_more_features_than_its_owner_checks(file: Path) -> None:
    wide = DecisionTreeClassifier().fit(np.c_[X * 0, X], Y)
    wide.n_features_in_ = 1
    skops.io.dump(wide, file)
    with pytest.raises(BadModel, match="another number of features"):
        load_skops(file, Trust())
    boosting = GradientBoostingClassifier(n_estimators=2).fit(np.c_[X * 0, X], Y)
    boosting.n_features_in_ = 1
    for tree in boosting.estimators_.ravel():
        tree.n_features_in_ = tree.tree_.n_features
    skops.io.dump(boosting, file)
    with pytest.raises(BadModel, match="another number of features"):
        load_skops(file, Trust())


# --- what the caller vouches for ---


def stacked(model: Any) -> None:
    model.estimators_ = np.hstack([model.estimators_] * 9)


def test_boosted_trees_for_columns_that_are_not_there(file: Path) -> None:
    """The trees' answers would be written past the end of the predictions."""
    three = np.arange(60) % 3
    for model, change in (
        (GradientBoostingClassifier(n_estimators=2).fit(X, Y), stacked),
        (GradientBoostingRegressor(n_estimators=2).fit(X, Y), stacked),
        (
            GradientBoostingClassifier(n_estimators=2, init="zero").fit(X, three),
            lambda model: setattr(model, "n_trees_per_iteration_", 1),
        ),
        (
            GradientBoostingClassifier(n_estimators=2).fit(X, three),
            lambda model: setattr(model, "init_", KNeighborsClassifier().fit(X, Y)),
        ),
    ):
        save_skops(model, file)
        load_skops(file, Trust())
        change(model)
        save_skops(model, file)
        with pytest.raises(BadModel):
            load_skops(file, Trust())


@pytest.mark.parametrize(
    "change",
    [{"_in_fit": True}, {"_preprocessor": StandardScaler().fit(X[:, :1]), "_n_features": 1}],
)
def test_histogram_boosting_that_does_not_look_at_its_input(
    file: Path, change: dict[str, Any]
) -> None:
    model = HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=5).fit(X, Y)
    vars(model).update(change)
    save_skops(model, file)
    with pytest.raises(BadModel):
        load_skops(file, Trust())


def test_histogram_boosting_with_categories(file: Path) -> None:
    """Its preprocessor is what fitting makes, where the caller vouched for the parts of it."""
    model = HistGradientBoostingClassifier(max_iter=2, categorical_features=[3])
    model.fit(np.c_[X[:, :3], Y], Y)
    save_skops(model, file)
    with pytest.raises(ModelUntrusted):
        load_skops(file, Trust())
    parts = Trust(types=frozenset({"functools.partial", "sklearn.utils.validation.check_array"}))
    assert load_skops(file, parts).predict(np.c_[X[:, :3], Y]).tolist() == Y.tolist()


@pytest.mark.parametrize("kind", [KNeighborsClassifier, RadiusNeighborsClassifier])
@pytest.mark.parametrize("labels", [Y + 10**6, Y - 1, Y[:-1], Y.astype(float)])
def test_neighbours_that_vote_for_classes_that_are_not_there(
    file: Path, kind: Any, labels: Any
) -> None:
    model = kind(algorithm="brute").fit(X, Y)
    model._y = labels
    save_skops(model, file)
    with pytest.raises(BadModel):
        load_skops(file, Trust())


def test_neighbours_with_several_outputs(file: Path) -> None:
    model = KNeighborsClassifier().fit(X, np.c_[Y, 1 - Y])
    save_skops(model, file)
    assert load_skops(file, Trust()).predict(X).shape == (60, 2)
    model._y = model._y + 1
    save_skops(model, file)
    with pytest.raises(BadModel, match="a label points outside"):
        load_skops(file, Trust())


def test_vouching(file: Path) -> None:
    model = make_pipeline(FunctionTransformer(np.sort), StandardScaler()).fit(X)
    skops.io.dump(model, file)
    with pytest.raises(ModelUntrusted, match=r"a type that nobody vouched for: numpy.sort\."):
        load_skops(file, Trust())
    named = load_skops(file, Trust(types=frozenset({"numpy.sort"})))
    whole = load_skops(file, Trust(everything=True))
    np.testing.assert_array_equal(named.transform(X), model.transform(X))
    np.testing.assert_array_equal(whole.transform(X), model.transform(X))


def test_the_users_own_store_vouches(tmp_path: Path) -> None:
    from mlpack.flavors.integrity import digest, manifest

    model = make_pipeline(FunctionTransformer(np.sort), LogisticRegression()).fit(X, Y)
    descriptor = save_model(model, tmp_path / "m")
    assert descriptor.flavors["sklearn"]["skops_trusted_types"] == ["numpy.sort"]
    assert not descriptor.is_pickle
    with pytest.raises(ModelUntrusted):
        load_model(tmp_path / "m")
    loaded = load_model(tmp_path / "m", expected_digest=digest(manifest(tmp_path / "m")))
    assert loaded.predict(X).tolist() == model.predict(X).tolist()
