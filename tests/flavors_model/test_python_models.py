"""The user's own models: what they may look like, what they are given, what travels with them."""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mlpack.errors import (
    BadModel,
    InvalidInput,
    InvalidState,
    MissingDependency,
    ModelFailed,
    ModelUntrusted,
    SchemaMismatch,
)
from mlpack.flavors import (
    Model,
    PythonModel,
    PythonModelContext,
    Trust,
    infer_signature,
    load_model,
    load_native,
    save_model,
)

FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
pytestmark = pytest.mark.filterwarnings("ignore:.*is a pickle:UserWarning")


class Full(PythonModel):
    def load_context(self, context: PythonModelContext) -> None:
        self.loaded = Path(context.artifacts["notes"]).read_text()

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return [self.loaded, context.model_config, params, type(model_input).__name__]


class Short(PythonModel):
    def predict(self, model_input: Any) -> Any:  # type: ignore[override]
        return len(model_input)


class OddlyNamed(PythonModel):
    def predict(self, ctx: Any, data: Any) -> Any:  # type: ignore[override]
        return (type(ctx).__name__, len(data))


class Streaming(PythonModel):
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return list(self.predict_stream(context, model_input, params))

    def predict_stream(self, context: Any, model_input: Any, params: Any = None) -> Any:
        yield from model_input["a"]


class Raising(PythonModel):
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        raise RuntimeError("out of luck")


class Holding(PythonModel):
    def __init__(self, held: Any) -> None:
        self.held = held

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return self.held


def rewrite(folder: Path, **changes: Any) -> None:
    data = yaml.safe_load((folder / "MLmodel").read_text())
    data["flavors"]["python_function"].update(changes)
    data.pop("mlpack")
    (folder / "MLmodel").write_text(yaml.safe_dump(data))


def test_everything_a_model_can_have(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("noted")
    save_model(
        Full(),
        tmp_path / "m",
        artifacts={"notes": tmp_path / "notes.txt"},
        model_config={"depth": 3},
        signature=infer_signature(FRAME, params={"k": 1}),
    )
    (tmp_path / "notes.txt").unlink()
    (tmp_path / "m").rename(tmp_path / "moved")
    loaded = load_model(tmp_path / "moved")
    assert loaded.predict(FRAME) == ["noted", {"depth": 3}, {"k": 1}, "DataFrame"]
    assert loaded.predict(FRAME, {"k": 5})[2] == {"k": 5}
    assert isinstance(loaded.unwrap_python_model(), Full)
    artifacts = Model.read(tmp_path / "moved").pyfunc["artifacts"]
    assert artifacts == {"notes": {"path": "artifacts/notes.txt", "uri": f"{tmp_path}/notes.txt"}}


@pytest.mark.parametrize(
    ("model", "answer"),
    [
        (Short(), 2),
        (OddlyNamed(), ("PythonModelContext", 2)),
        (lambda frame: frame["a"].sum(), 3.0),
        (len, 2),
        (Holding({"x": 1}), {"x": 1}),
    ],
)
def test_forms_of_predict(tmp_path: Path, model: Any, answer: Any) -> None:
    save_model(model, tmp_path / "m", input_example=FRAME)
    assert load_model(tmp_path / "m").predict(FRAME) == answer


def test_without_a_signature_data_comes_as_it_is(tmp_path: Path) -> None:
    save_model(lambda data: type(data).__name__, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert loaded.signature is None
    for data in (FRAME, [1], {"a": 1}, np.ones(2), "text"):
        assert loaded.predict(data) == type(data).__name__


def test_saving_does_not_touch_the_users_object(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("noted")
    model = Full()
    save_model(
        model, tmp_path / "m", artifacts={"notes": tmp_path / "notes.txt"}, input_example=FRAME
    )
    assert not hasattr(model, "loaded")


def test_a_model_that_raises(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="RuntimeError: out of luck"):
        save_model(Raising(), tmp_path / "m", input_example=FRAME)
    with pytest.raises(ModelFailed, match="RuntimeError: out of luck") as error:
        load_model(tmp_path / "m").predict(FRAME)
    assert isinstance(error.value.__cause__, RuntimeError)


def test_streaming(tmp_path: Path) -> None:
    save_model(Streaming(), tmp_path / "s", input_example=FRAME)
    save_model(Short(), tmp_path / "n")
    assert Model.read(tmp_path / "s").pyfunc["streamable"] is True
    assert Model.read(tmp_path / "n").pyfunc["streamable"] is False
    assert list(load_model(tmp_path / "s").predict_stream(FRAME)) == [1.0, 2.0]


def test_only_python_models_unwrap(tmp_path: Path) -> None:
    from sklearn.linear_model import LinearRegression

    save_model(LinearRegression().fit(FRAME, [1, 2]), tmp_path / "m")
    with pytest.raises(InvalidState, match="no PythonModel but a LinearRegression"):
        load_model(tmp_path / "m").unwrap_python_model()


# --- type hints ---


def upper(texts: list[str]) -> list[str]:
    return [text.upper() for text in texts]


def total(rows: list[dict[str, float]]) -> list[float]:
    return [sum(row.values()) for row in rows]


def lengths(rows: list[list[int]]) -> list[int]:
    return [len(row) for row in rows]


class Hinted(PythonModel):
    def predict(self, model_input: list[int], params: Any = None) -> list[int]:  # type: ignore[override]
        return [number * params["factor"] for number in model_input]


def test_hints_give_the_signature(tmp_path: Path) -> None:
    model = save_model(upper, tmp_path / "m")
    assert model.signature is not None and model.is_signature_from_type_hint
    text = '[{"type": "string", "required": true}]'
    assert model.signature.to_dict() == {"inputs": text, "outputs": text, "params": None}
    loaded = load_model(tmp_path / "m")
    assert loaded.predict(["a"]) == ["A"]
    assert loaded.predict(pd.DataFrame({"x": ["b"]})) == ["B"]
    with pytest.raises(SchemaMismatch, match="expected string"):
        loaded.predict([1])


def test_hints_of_records_and_nested_lists(tmp_path: Path) -> None:
    save_model(total, tmp_path / "t")
    assert load_model(tmp_path / "t").predict([{"a": 1, "b": 2.5}, {"c": 1.0}]) == [3.5, 1.0]
    save_model(lengths, tmp_path / "l")
    assert load_model(tmp_path / "l").predict([[1, 2], []]) == [2, 0]


def test_hints_with_parameters(tmp_path: Path) -> None:
    save_model(Hinted(), tmp_path / "m", input_example=([1], {"factor": 2}))
    loaded = load_model(tmp_path / "m")
    assert loaded.predict([3]) == [6]
    assert loaded.predict([3], {"factor": 5}) == [15]


def test_a_hint_that_no_signature_can_say(tmp_path: Path) -> None:
    def odd(rows: list[complex]) -> list[str]:
        return []

    with pytest.raises(InvalidInput, match="complex of predict's input is not supported"):
        save_model(odd, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_other_hints_leave_it_to_the_example(tmp_path: Path) -> None:
    def framed(frame: pd.DataFrame) -> pd.DataFrame:
        return frame * 2

    model = save_model(framed, tmp_path / "m", input_example=FRAME)
    assert not model.is_signature_from_type_hint
    pd.testing.assert_frame_equal(load_model(tmp_path / "m").predict(FRAME), FRAME * 2)


# --- what cannot be saved ---


def test_what_cannot_be_pickled(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"cannot be pickled: .*lock.*load_context"):
        save_model(Holding(threading.Lock()), tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"artifacts": ["a"]}, "artifacts must be a dict"),
        ({"artifacts": {"a": "nowhere"}}, "There is no file or folder nowhere"),
        ({"artifacts": {"a": "s3://bucket/x"}}, "download it first"),
        ({"model_config": [1]}, "model_config must be a dict"),
        ({"data_path": "x"}, "data_path goes with loader_module"),
        ({"loader_module": "x"}, "does not go with a model"),
        ({"prompt": "x"}, "no option 'prompt'"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput) as error:
        save_model(Short(), tmp_path / "m", **options)
    assert says in error.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_class_in_the_place_of_an_instance(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="Short is a class"):
        save_model(Short, tmp_path / "m", flavor="pyfunc")
    with pytest.raises(InvalidInput, match="A dict is no model"):
        save_model({}, tmp_path / "m", flavor="pyfunc")


def test_artifacts_of_one_name_and_folders(tmp_path: Path) -> None:
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "data.txt").write_text(place)
    (tmp_path / "one/link").symlink_to(tmp_path / "two/data.txt")
    model = save_model(
        Short(),
        tmp_path / "m",
        artifacts={
            "first": tmp_path / "one/data.txt",
            "second": tmp_path / "two/data.txt",
            "folder": (tmp_path / "one").as_uri(),
        },
    )
    paths = {name: entry["path"] for name, entry in model.pyfunc["artifacts"].items()}
    assert paths == {
        "first": "artifacts/data.txt",
        "second": "artifacts/second/data.txt",
        "folder": "artifacts/one",
    }
    # links become what they led to: a model folder holds none
    assert (tmp_path / "m/artifacts/one/link").read_text() == "two"
    load_model(tmp_path / "m")


@pytest.mark.parametrize("name", ["../../evil", "/abs", "a/../../../b"])
def test_names_of_artifacts_cannot_lead_out(tmp_path: Path, name: str) -> None:
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "data.txt").write_text(place)
    with pytest.raises(InvalidInput, match="not allowed"):
        save_model(
            Short(),
            tmp_path / "m",
            artifacts={"x": tmp_path / "one/data.txt", name: tmp_path / "two/data.txt"},
        )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "two"]


# --- crafted and damaged folders ---


@pytest.mark.parametrize(
    "changes",
    [
        {"python_model": "../python_model.pkl"},
        {"python_model": "/etc/passwd"},
        {"python_model": 3},
        {"python_model": None},
        {"python_model": "nothing.pkl"},
        {"artifacts": {"a": {"path": "../../etc/passwd"}}},
        {"artifacts": {"a": {"path": "/etc/passwd"}}},
        {"artifacts": {"a": {}}},
        {"artifacts": {"a": "x"}},
        {"artifacts": ["x"]},
        {"code": "../.."},
        {"code": "/etc"},
        {"code": "nothing"},
        {"loader_module": None},
        {"loader_module": "os"},
        {"loader_module": "mlflow.pyfunc.loaders.code_model", "model_code_path": None},
        {"loader_module": "mlflow.pyfunc.loaders.code_model", "model_code_path": "../../x.py"},
        {"python_model_compression": "zip"},
        {"python_model_compression": "gzip"},
    ],
)
def test_keys_that_lead_out_or_make_no_sense(tmp_path: Path, changes: dict[str, Any]) -> None:
    save_model(Short(), tmp_path / "m")
    (tmp_path / "python_model.pkl").write_bytes(b"")
    rewrite(tmp_path / "m", **changes)
    with pytest.raises(BadModel) as error:
        load_model(tmp_path / "m")
    assert "\n" not in error.value.message


def test_a_damaged_pickle(tmp_path: Path) -> None:
    save_model(Short(), tmp_path / "m")
    path = tmp_path / "m/python_model.pkl"
    whole = path.read_bytes()
    for content in (b"", whole[:-20], b"\x00garbage", pickle.dumps({"no": "model"})):
        path.write_bytes(content)
        with pytest.raises(BadModel, match=r"cannot be loaded|cannot predict"):
            load_model(tmp_path / "m", verify=False)


def test_pickles_and_code_can_be_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(Short(), tmp_path / "m")
    (tmp_path / "own_loader_x.py").write_text("def _load_pyfunc(path): return None\n")
    save_model(
        None,
        tmp_path / "l",
        flavor="pyfunc",
        loader_module="own_loader_x",
        code_paths=[tmp_path / "own_loader_x.py"],
    )
    (tmp_path / "as_code.py").write_text("raise SystemExit\n")
    save_model(tmp_path / "as_code.py", tmp_path / "c")
    monkeypatch.setenv("MLPACK_ALLOW_PICKLE", "false")
    for name in "mlc":
        with pytest.raises(ModelUntrusted, match="MLPACK_ALLOW_PICKLE=false forbids"):
            load_model(tmp_path / name, trust=Trust(everything=True))


# --- models as code ---


def test_a_model_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "as_code.py").write_text(
        "import mlpack\n"
        "class Doubling(mlpack.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return (model_input['a'] * 2).tolist()\n"
        "mlpack.models.set_model(Doubling())\n"
    )
    model = save_model(tmp_path / "as_code.py", tmp_path / "m", input_example=FRAME)
    assert model.pyfunc["model_code_path"] == "as_code.py"
    assert model.signature is not None and model.signature.outputs is not None
    assert load_model(tmp_path / "m").predict(FRAME) == [2.0, 4.0]
    assert not list((tmp_path / "m").rglob("*.pyc"))


def test_a_file_that_names_no_model(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    save_model(tmp_path / "empty.py", tmp_path / "m")
    with pytest.raises(BadModel, match="does not say which object is the model"):
        load_model(tmp_path / "m")
    with pytest.raises(InvalidInput, match="no file"):
        save_model(tmp_path / "absent.py", tmp_path / "n")


# --- names of MLflow's ---


def test_a_model_written_for_mlflow(tmp_path: Path) -> None:
    """The file says `import mlflow`, which is not installed here."""
    assert importlib.util.find_spec("mlflow") is None
    (tmp_path / "theirs.py").write_text(
        "import mlflow\n"
        "import mlflow.pyfunc\n"
        "from mlflow.models import set_model, infer_signature\n"
        "class M(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input):\n"
        "        import mlflow\n"
        "        return [mlflow.__name__, infer_signature([1]).inputs is not None]\n"
        "set_model(M())\n"
    )
    save_model(tmp_path / "theirs.py", tmp_path / "m")
    script = (
        "import importlib.util\nfrom mlpack.flavors import load_model\n"
        "print(load_model('m').predict([1]))\n"
        "import mlflow\n"
        "try: mlflow.log_metric('a', 1)\n"
        "except AttributeError as error: print(error)\n"
    )
    run = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(run, cwd=tmp_path, check=True, capture_output=True, text=True)
    first, second = done.stdout.splitlines()
    assert first == "['mlflow', True]"
    assert "MLflow is not installed" in second


def test_other_names_of_mlflows_say_what_is_needed(tmp_path: Path) -> None:
    save_model(Short(), tmp_path / "m")
    stream = b"cmlflow.pyfunc.model\nChatModel\n."
    (tmp_path / "m/python_model.pkl").write_bytes(stream)
    with pytest.raises(MissingDependency, match=r"mlflow.pyfunc.model.ChatModel.*pip install"):
        load_model(tmp_path / "m", verify=False)


def test_our_pickles_name_none_of_our_modules(tmp_path: Path) -> None:
    for number, model in enumerate((Short(), upper, lambda x: x)):
        save_model(model, tmp_path / str(number))
        content = (tmp_path / str(number) / "python_model.pkl").read_bytes()
        assert b"mlpack" not in content.replace(b"mlpack.flavors.python_models", b"")
        assert b"mlflow.pyfunc.model" in content


def test_importing_mlflow_stays_impossible_where_no_model_needs_it(tmp_path: Path) -> None:
    save_model(Short(), tmp_path / "m")
    load_model(tmp_path / "m").predict(FRAME)
    assert importlib.util.find_spec("mlflow") is None


def test_native_is_the_model_with_its_context(tmp_path: Path) -> None:
    save_model(Short(), tmp_path / "m")
    native = load_native(tmp_path / "m")
    assert native.python_model.predict([1, 2, 3]) == 3
