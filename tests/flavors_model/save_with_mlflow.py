"""Run by MLflow's Python: saves models of all kinds here, and notes what they say."""

import importlib
import json
import logging
import os
import sys
import warnings
from functools import partial
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
# without them MLflow loads each model in a process of its own to see what it imports
_save_sklearn, _save_pyfunc = mlflow.sklearn.save_model, mlflow.pyfunc.save_model
mlflow.sklearn.save_model = partial(_save_sklearn, pip_requirements=["scikit-learn"])
mlflow.pyfunc.save_model = partial(_save_pyfunc, pip_requirements=["pandas"])

X, y = load_iris(return_X_y=True, as_frame=True)
mixed = X.assign(colour=["red", "green", "blue"] * 50)
said = {}


def ask(name, data, params=None):
    model = mlflow.pyfunc.load_model(name)
    answer = model.predict(data, params) if params else model.predict(data)
    if hasattr(answer, "to_dict"):
        answer = answer.to_dict("records") if hasattr(answer, "columns") else answer.tolist()
    rows = data.to_dict("split") if hasattr(data, "columns") else np.asarray(data).tolist()
    kind = "frame" if hasattr(data, "columns") else "array" if hasattr(data, "dtype") else "list"
    if kind == "list":
        rows = data
    if kind == "frame":
        rows.pop("index")
    said[name] = {
        "data": rows,
        "kind": kind,
        "params": params,
        "answer": np.asarray(answer).tolist() if kind != "list" else list(answer),
    }


plain = LogisticRegression(max_iter=500).fit(X, y)
mlflow.sklearn.save_model(plain, "skops", input_example=X[:2])
ask("skops", X[:9])
mlflow.sklearn.save_model(plain, "array", input_example=X.to_numpy()[:2])
ask("array", X.to_numpy()[:9])
mlflow.sklearn.save_model(plain, "proba", input_example=X[:2], pyfunc_predict_fn="predict_proba")
ask("proba", X[:9])
for form in ("pickle", "cloudpickle"):
    mlflow.sklearn.save_model(plain, form, serialization_format=form, input_example=X[:2])
    ask(form, X[:9])
mlflow.sklearn.save_model(plain, "unsigned")
ask("unsigned", X[:9])
forest = RandomForestClassifier(4).fit(X, y)
mlflow.sklearn.save_model(
    forest,
    "forest",
    skops_trusted_types=["sklearn.tree._tree.Tree"],
    signature=infer_signature(X, y),
)
ask("forest", X[:9])
pipeline = make_pipeline(
    ColumnTransformer(
        [("n", StandardScaler(), list(X.columns)), ("c", OneHotEncoder(), ["colour"])]
    ),
    LogisticRegression(max_iter=2000),
).fit(mixed, y)
mlflow.sklearn.save_model(pipeline, "mixed", input_example=mixed[:2])
ask("mixed", mixed[:9])


class Greeter(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.greeting = Path(context.artifacts["greeting"]).read_text()

    def predict(self, context, model_input, params=None):
        return [f"{self.greeting} {context.model_config['name']} {sorted(params.items())}"] * len(
            model_input
        )


Path("greeting.txt").write_text("hello")
mlflow.pyfunc.save_model(
    "greeter",
    python_model=Greeter(),
    artifacts={"greeting": "greeting.txt"},
    model_config={"name": "world"},
    signature=infer_signature(X, ["x"], params={"k": 3, "s": "q"}),
    input_example=(X[:2], {"k": 3, "s": "q"}),
)
ask("greeter", X[:2], {"k": 7})


class Bare(mlflow.pyfunc.PythonModel):
    def predict(self, model_input):
        return model_input.sum(axis=1)


mlflow.pyfunc.save_model("bare", python_model=Bare(), input_example=X[:2])
ask("bare", X[:5])


class Frames(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: pd.DataFrame) -> pd.DataFrame:
        return model_input * 2


mlflow.pyfunc.save_model("frames", python_model=Frames(), input_example=X[:2])


def upper(model_input: list[str]) -> list[str]:
    return [text.upper() for text in model_input]


mlflow.pyfunc.save_model("upper", python_model=upper, input_example=["a"])
ask("upper", ["x", "y"])


class Summing(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[dict[str, float]], params=None) -> list[float]:
        return [sum(row.values()) for row in model_input]


mlflow.pyfunc.save_model("summing", python_model=Summing(), input_example=[{"a": 1.0}])
ask("summing", [{"a": 1.0, "b": 2.5}, {"c": 4.0}])


mlflow.pyfunc.save_model(
    "lambda", python_model=lambda frame: frame.max(axis=1).to_numpy(), input_example=X[:2]
)
ask("lambda", X[:5])
mlflow.pyfunc.save_model(
    "function",
    python_model=lambda frame: frame["sepal length (cm)"].tolist(),
    signature=infer_signature(X, [1.0]),
)
ask("function", X[:3])

for kind in ("lzma", "bzip2", "gzip"):
    os.environ["MLFLOW_LOG_MODEL_COMPRESSION"] = kind
    mlflow.pyfunc.save_model(kind, python_model=Bare(), input_example=X[:2])
    ask(kind, X[:3])
del os.environ["MLFLOW_LOG_MODEL_COMPRESSION"]

Path("src").mkdir()
Path("src/own_models.py").write_text("""import mlflow
from mlflow.pyfunc import PythonModel

class Own(PythonModel):
    def predict(self, context, model_input, params=None):
        import own_more
        return own_more.last(model_input)
""")
Path("src/own_more.py").write_text("def last(frame):\n    return frame.iloc[:, -1].to_numpy()\n")
sys.path.insert(0, "src")
own_models = importlib.import_module("own_models")
mlflow.pyfunc.save_model(
    "own",
    python_model=own_models.Own(),
    input_example=X[:2],
    code_paths=["src/own_models.py", "src/own_more.py"],
)
ask("own", X[:3])

Path("model_file.py").write_text("""import mlflow
from mlflow.models import set_model

class FromCode(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return (model_input.iloc[:, 0] * 10).tolist()

set_model(FromCode())
""")
mlflow.pyfunc.save_model("code", python_model="model_file.py", input_example=X[:2])
ask("code", X[:3])

Path("src/own_loader.py").write_text("""
class Loaded:
    def __init__(self, text): self.text = text
    def predict(self, data, params=None): return [self.text] * len(data)
def _load_pyfunc(path):
    return Loaded(open(path).read())
""")
mlflow.pyfunc.save_model(
    "loader",
    loader_module="own_loader",
    data_path="greeting.txt",
    code_paths=["src/own_loader.py"],
    signature=infer_signature(X, ["x"]),
)
ask("loader", X[:3])
Path("said.json").write_text(json.dumps(said))
