"""The real MLflow loads and predicts with our folders, where nothing of ours is installed."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlpack.flavors import PythonModel, load_model, save_model

pytestmark = pytest.mark.peer

X, Y = load_iris(return_X_y=True, as_frame=True)
MIXED = X.assign(colour=["red", "green", "blue"] * 50, count=np.arange(150))


class Greeter(PythonModel):
    def load_context(self, context: Any) -> None:
        self.greeting = Path(context.artifacts["greeting"]).read_text()

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        name = context.model_config["name"]
        return [f"{self.greeting} {name} {params}"] * len(model_input)


class WithoutContext(PythonModel):
    def predict(self, model_input: Any) -> Any:  # type: ignore[override]
        return model_input.sum(axis=1).to_numpy()


class OfLists(PythonModel):
    def predict(self, model_input: list[dict[str, float]]) -> list[float]:  # type: ignore[override]
        return [sum(row.values()) for row in model_input]


def upper(model_input: list[str]) -> list[str]:
    return [text.upper() for text in model_input]


def mixed_pipeline() -> Any:
    columns = ColumnTransformer(
        [("n", StandardScaler(), list(X.columns)), ("c", OneHotEncoder(), ["colour"])],
        remainder="passthrough",
    )
    return make_pipeline(columns, LogisticRegression(max_iter=2000)).fit(MIXED, Y)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, peer_python: str) -> dict[str, Any]:
    """For each model what ours and what MLflow said to the same data."""
    root = tmp_path_factory.mktemp("ours")
    (root / "greeting.txt").write_text("hello")
    matrix = X.to_numpy()
    sklearn = {
        "logistic": (LogisticRegression(max_iter=500).fit(X, Y), X, {}),
        "matrix": (KNeighborsClassifier().fit(matrix, Y), matrix, {}),
        "mixed": (mixed_pipeline(), MIXED, {}),
        "forest": (RandomForestClassifier(5).fit(X, Y), X, {}),
        "boosting": (GradientBoostingClassifier(n_estimators=5).fit(X, Y), X, {}),
        "histogram": (HistGradientBoostingClassifier(max_iter=5).fit(X, Y), X, {}),
        "pickle": (LogisticRegression().fit(X, Y), X, {"serialization_format": "pickle"}),
        "sav": (
            LogisticRegression().fit(X, Y),
            X,
            {"serialization_format": "pickle", "file_name": "model.sav"},
        ),
        "cloudpickle": (
            make_pipeline(FunctionTransformer(lambda x: x * 2), LogisticRegression()).fit(X, Y),
            X,
            {"serialization_format": "cloudpickle"},
        ),
        "joblib": (LogisticRegression().fit(X, Y), X, {"serialization_format": "joblib"}),
        "no-example": (LogisticRegression().fit(X, Y), X, {"input_example": None}),
    }
    models: dict[str, tuple[str, Any, Any]] = {}
    for name, (model, data, options) in sklearn.items():
        save_model(model, root / name, **{"input_example": data[:3], **options})
        models[name] = (str(root / name), data[:20], None)
    save_model(
        Greeter(),
        root / "greeter",
        artifacts={"greeting": root / "greeting.txt"},
        model_config={"name": "world"},
        input_example=(X[:2], {"k": 3, "s": "q"}),
    )
    models["greeter"] = (str(root / "greeter"), X[:4], {"k": 5})
    save_model(WithoutContext(), root / "bare", input_example=X[:2])
    models["bare"] = (str(root / "bare"), X[:4], None)
    save_model(OfLists(), root / "lists", input_example=[{"a": 1.0}])
    models["lists"] = (str(root / "lists"), [{"a": 1.0, "b": 2.0}, {"c": 4.5}], None)
    save_model(upper, root / "upper", input_example=["a"])
    models["upper"] = (str(root / "upper"), ["x", "y"], None)
    save_model(lambda frame: frame.max(axis=1).to_numpy(), root / "lambda", input_example=X[:2])
    models["lambda"] = (str(root / "lambda"), X[:4], None)
    own = root / "src"
    own.mkdir()
    (own / "own_loader.py").write_text(
        "class Loaded:\n"
        "    def predict(self, data, params=None):\n"
        "        return [self.text] * len(data)\n"
        "def _load_pyfunc(path):\n"
        "    loaded = Loaded(); loaded.text = open(path).read(); return loaded\n"
    )
    save_model(
        None,
        root / "loader",
        flavor="pyfunc",
        loader_module="own_loader",
        data_path=root / "greeting.txt",
        code_paths=[own / "own_loader.py"],
        input_example=X[:2],
    )
    models["loader"] = (str(root / "loader"), X[:3], None)
    (root / "questions.pkl").write_bytes(pickle.dumps(models))
    script = Path(__file__).with_name("load_with_mlflow.py")
    run = [peer_python, "-W", "ignore", script, "questions.pkl", "answers.json"]
    done = subprocess.run(run, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    theirs = json.loads((root / "answers.json").read_text())
    for name, (folder, data, params) in models.items():
        loaded = load_model(folder)
        theirs[name]["ours"] = np.asarray(loaded.predict(data, params)).tolist()
        ours = loaded.signature
        theirs[name]["our_signature"] = ours.to_dict() if ours else None
    return dict(theirs)


NAMES = [
    "logistic",
    "matrix",
    "mixed",
    "forest",
    "boosting",
    "histogram",
    "pickle",
    "sav",
    "cloudpickle",
    "joblib",
    "no-example",
    "greeter",
    "bare",
    "lists",
    "upper",
    "lambda",
    "loader",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_says_the_same_there(asked: dict[str, Any], name: str) -> None:
    row = asked[name]
    assert row["pyfunc"] == row["ours"]
    if "sklearn" in row:
        assert row["sklearn"] == row["ours"]
    assert row["signature"] == row["our_signature"]
    assert row["example"] is (name != "no-example")


def test_native_objects_are_the_same_kind(asked: dict[str, Any]) -> None:
    assert asked["forest"]["type"] == "RandomForestClassifier"
    assert asked["mixed"]["type"] == "Pipeline"


def test_a_model_of_an_own_module_needs_nothing_of_ours(tmp_path: Path, peer_python: str) -> None:
    """The module says `import mlpack`, which MLflow's environment cannot do."""
    (tmp_path / "own_models.py").write_text(
        "import mlpack\nfrom own_helper import twice\n"
        "class Double(mlpack.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return twice(model_input.iloc[:, 0]).to_numpy()\n"
    )
    (tmp_path / "own_helper.py").write_text("def twice(x):\n    return x * 2\n")
    save = (
        "import pandas as pd, sys; sys.path.insert(0, '.')\n"
        "from own_models import Double\nfrom mlpack.flavors import save_model\n"
        "save_model(Double(), 'm', code_paths=['own_helper.py'],"
        " input_example=pd.DataFrame({'x': [1.0]}))\n"
    )
    subprocess.run([sys.executable, "-c", save], check=True, cwd=tmp_path)
    (tmp_path / "own_models.py").unlink()
    (tmp_path / "own_helper.py").unlink()
    ask = (
        "import mlflow, pandas as pd\n"
        "print(mlflow.pyfunc.load_model('m').predict(pd.DataFrame({'x': [4.0]})).tolist())\n"
    )
    run = [peer_python, "-W", "ignore", "-c", ask]
    there = subprocess.run(run, check=True, cwd=tmp_path, capture_output=True, text=True)
    assert there.stdout.strip().endswith("[8.0]")
    assert load_model(tmp_path / "m").predict(pd.DataFrame({"x": [4.0]})).tolist() == [8.0]
