"""The captured requirements are enough: each model predicts where nothing else is installed."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlpack.builders.runtime_wheel import build_runtime_wheel
from mlpack.flavors import PythonModel, Trust, load_model, save_model

pytestmark = pytest.mark.fresh_env
UV = str(Path(sys.executable).with_name("uv"))
SCRIPT = Path(__file__).with_name("fresh_predict.py")

TABLE = pd.DataFrame(
    {
        "age": [21, 34, 45, 61, 29, 50],
        "income": [1.5, 2.5, 3.5, 4.5, 2.0, 3.0],
        "city": ["Ulm", "Bonn", "Ulm", "Kiel", "Bonn", "Kiel"],
        "note": ["good day", "bad day", "good", "so so", "bad", "good so"],
    }
)
LABELS = [0, 1, 0, 1, 1, 0]
X, Y = load_iris(return_X_y=True)


def mixed_columns() -> Any:
    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["age", "income"]),
            ("city", OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("note", TfidfVectorizer(), "note"),
        ]
    )
    return make_pipeline(columns, LogisticRegression()).fit(TABLE, LABELS)


# name -> (model, example, options)
ESTIMATORS = {
    "logistic": lambda: (LogisticRegression(max_iter=500).fit(X, Y), X[:3], {}),
    "forest": lambda: (RandomForestClassifier(5, random_state=0).fit(X, Y), X[:3], {}),
    "mixed columns": lambda: (mixed_columns(), TABLE[:3], {}),
    "boosting": lambda: (GradientBoostingClassifier(n_estimators=5).fit(X, Y), X[:3], {}),
    "histogram boosting": lambda: (
        HistGradientBoostingRegressor(max_iter=5).fit(X, Y),
        X[:3],
        {"serialization_format": "pickle"},
    ),
    "neighbours": lambda: (
        KNeighborsRegressor().fit(X, Y),
        X[:3],
        {"serialization_format": "joblib"},
    ),
    "gaussian process": lambda: (
        GaussianProcessRegressor(optimizer=None).fit(X, Y),
        X[:3],
        {"serialization_format": "cloudpickle"},
    ),
    "clusters": lambda: (KMeans(3, n_init=1, random_state=0).fit(X), X[:3], {}),
    "projection": lambda: (make_pipeline(PCA(2), Ridge()).fit(X, Y), X[:3], {}),
    "outliers": lambda: (IsolationForest(n_estimators=5, random_state=0).fit(X), X[:3], {}),
    "network": lambda: (MLPClassifier((4,), tol=1, random_state=0).fit(X, Y), X[:3], {}),
    "vote": lambda: (
        VotingClassifier([("a", GaussianNB()), ("b", RandomForestClassifier(3))]).fit(X, Y),
        X[:3],
        {},
    ),
}


class Booster(PythonModel):
    """A model of the user's own that wraps xgboost, and reads YAML where nobody sees it."""

    def __init__(self, booster: xgboost.Booster) -> None:
        self.booster = booster

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        import yaml

        offset = yaml.safe_load("offset: 1")["offset"]
        return self.booster.predict(xgboost.DMatrix(np.asarray(model_input))) + offset


OWN_MODULE = '''
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


class Clip(TransformerMixin, BaseEstimator):
    """Keeps values below a limit."""

    def __init__(self, limit=5.0):
        self.limit = limit

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        from PIL import ImageColor

        assert ImageColor.getrgb("red") == (255, 0, 0)
        return np.minimum(X, self.limit)
'''


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_runtime_wheel(tmp_path_factory.mktemp("wheel"))


class Environment:
    """A virtual environment that holds a model's requirements and the runtime, nothing else.

    It is made once; for other requirements uv removes what is too much and adds what is missing,
    so that what stays need not be compiled to bytecode again.
    """

    def __init__(self, home: Path, runtime: Path) -> None:
        self.python = home / "bin" / "python"
        self._runtime = runtime
        self._holds: str | None = None
        run(UV, "venv", "-q", "--python", sys.executable, home)

    def prepare(self, model: Path) -> None:
        lines = (model / "requirements.txt").read_text()
        if lines != self._holds:
            run(
                UV, "pip", "install", "-q", "--exact", "--python", self.python,
                self._runtime, "-r", model / "requirements.txt",
            )  # fmt: skip
            self._holds = lines


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Environment:
    return Environment(tmp_path_factory.mktemp("fresh") / "environment", runtime)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the fresh environments run: not where the user's own modules lie."""
    return tmp_path_factory.mktemp("elsewhere")


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def assert_same_predictions(folders: list[Path], environment: Environment, elsewhere: Path) -> None:
    """The fresh environment says what this one says; all folders have the same requirements."""
    environment.prepare(folders[0])
    answers = json.loads(
        run(environment.python, "-I", SCRIPT, *folders, cwd=elsewhere).splitlines()[-1]
    )
    for folder in folders:
        loaded = load_model(folder, trust=Trust(everything=True))
        expected = np.asarray(loaded.predict(loaded.input_example()))
        np.testing.assert_allclose(np.asarray(answers[str(folder)]), expected, err_msg=folder.name)


def test_twelve_estimators(tmp_path: Path, environment: Environment, elsewhere: Path) -> None:
    by_requirements: dict[str, list[Path]] = {}
    for name, make in ESTIMATORS.items():
        model, example, options = make()
        folder = tmp_path / name
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            save_model(model, folder, input_example=example, **options)
        lines = (folder / "requirements.txt").read_text()
        by_requirements.setdefault(lines, []).append(folder)
    for folders in by_requirements.values():
        assert_same_predictions(folders, environment, elsewhere)


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "shop_steps.py"
    path.write_text(OWN_MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield path
    sys.modules.pop("shop_steps", None)


def test_a_transformer_in_the_users_own_module(
    tmp_path: Path, own_module: Path, environment: Environment, elsewhere: Path
) -> None:
    from shop_steps import Clip  # type: ignore[import-not-found]

    model = make_pipeline(Clip(), LogisticRegression(max_iter=500)).fit(X, Y)
    folder = tmp_path / "model"
    save_model(model, folder, input_example=X[:3], code_paths=[str(own_module)])
    assert "pillow==" in (folder / "requirements.txt").read_text()
    assert_same_predictions([folder], environment, elsewhere)


@pytest.fixture
def by_value() -> Iterator[None]:
    """As if this file were the script that trains: cloudpickle takes its classes along."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.mark.usefixtures("by_value")
def test_models_that_wrap_xgboost(
    tmp_path: Path, environment: Environment, elsewhere: Path
) -> None:
    """In a Pipeline of scikit-learn, and in a PythonModel."""
    pipeline = make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=3)).fit(X, Y)
    booster = Booster(xgboost.train({}, xgboost.DMatrix(X, Y), 3))
    save_model(
        pipeline, tmp_path / "pipeline", input_example=X[:3], serialization_format="cloudpickle"
    )
    save_model(booster, tmp_path / "booster", input_example=X[:3])
    for name in ("pipeline", "booster"):
        folder = tmp_path / name
        assert_same_predictions([folder], environment, elsewhere)
