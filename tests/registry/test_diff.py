"""Two models beside each other: of descriptors alone, and of versions on every store."""

import json
import math

import pytest

import mlpack
from mlpack.flavors.descriptor import Model
from mlpack.registry.diff import Difference, compare, diff, differences
from mlpack.registry.facts import signature
from mlpack.registry.subject import Subject
from mlpack.tests.registry.two_versions import (  # noqa: F401 - fixtures
    FIRST,
    SECOND,
    any_store,
    made,
    mlflow_address,
)

INPUTS = json.dumps(
    [
        {"type": "double", "name": "a", "required": True},
        {"type": "string", "name": "b", "required": False},
        {"type": "array", "items": {"type": "long"}, "name": "c", "required": True},
    ]
)
TENSOR = json.dumps([{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}])
PARAMS = json.dumps([{"name": "k", "default": 3, "shape": None, "type": "long"}])


def described(**keys):
    flavors = {"sklearn": {"sklearn_version": "1.5"}, "python_function": {"python_version": "3.11"}}
    return Model.from_dict({"flavors": flavors, **keys})


def of(address, requirements=b"", files=None, **keys):
    model = described(**keys)
    return Subject(address, descriptor=model, requirements=requirements, files=files or {})


def changed(found):
    return {(section, one.key): (one.left, one.right) for section, one in found.changes()}


def test_a_model_is_like_itself():
    one = of("a", b"numpy==1\n", {"x": "sha256:1"})
    found = compare(one, of("b", b"numpy==1\n", {"x": "sha256:1"}))
    assert list(found.changes()) == [] and found.to_dict()["same"] is True
    assert (found.left, found.right, found.gone) == ("a", "b", {})


def test_requirements_by_name():
    left = b"# made by hand\nNumPy==1.26\nscipy==1.0\n-c constraints.txt\n"
    right = b"numpy==2.0\nskops\n"
    assert changed(compare(of("a", left), of("b", right))) == {
        ("requirements", "numpy"): ("==1.26", "==2.0"),
        ("requirements", "scipy"): ("==1.0", None),
        ("requirements", "-c constraints.txt"): ("yes", None),
        ("requirements", "skops"): (None, "any version"),
    }


def test_files_sizes_flavors_and_pythons():
    left = of("a", files={"m": "sha256:1", "old": "sha256:2"}, model_size_bytes=100)
    right = of("b", files={"m": "sha256:3", "new": "sha256:4"}, model_size_bytes=130)
    right.descriptor.flavors["python_function"]["python_version"] = "3.12"
    right.descriptor.flavors["xgboost"] = {"xgb_version": "2"}
    found = compare(left, right)
    assert changed(found) == {
        ("model", "python"): ("3.11", "3.12"),
        ("model", "bytes"): (100, 130),
        ("model", "python_function.python_version"): ("3.11", "3.12"),
        ("model", "xgboost"): (None, "yes"),
        ("model", "xgboost.xgb_version"): (None, "2"),
        ("files", "m"): ("sha256:1", "sha256:3"),
        ("files", "old"): ("sha256:2", None),
        ("files", "new"): (None, "sha256:4"),
    }
    [size] = [one for one in found.sections["model"] if one.key == "bytes"]
    assert size.delta == 30
    told = {one["key"]: one for one in found.to_dict()["sections"]["model"]}
    assert told["bytes"]["difference"] == 30 and "difference" not in told["python"]
    assert told["python"]["changed"] and not told["sklearn"]["changed"]


def test_signatures():
    model = described(signature={"inputs": INPUTS, "outputs": TENSOR, "params": PARAMS})
    assert dict(signature(model)) == {
        "inputs a": "double",
        "inputs b": "string, optional",
        "inputs c": 'array {"items": {"type": "long"}}',
        "outputs 0": "float32(-1, 3)",
        "params k": "long = 3",
    }
    assert dict(signature(described())) == dict(signature(None)) == {}


def test_what_is_gone_is_told():
    left = Subject("a", gone={"run": "gone"})
    assert compare(left, of("b")).gone == {"left": {"run": "gone"}}


@pytest.mark.parametrize(
    ("left", "right", "is_changed", "delta"),
    [
        (0.5, 0.75, True, 0.25),
        (1, 1.0, False, 0.0),
        (math.nan, math.nan, False, math.nan),
        (math.nan, 1.0, True, math.nan),
        (math.inf, math.inf, False, math.nan),
        ("1", 1, True, None),
        (None, 1.0, True, None),
        (True, False, True, None),
    ],
)
def test_a_difference(left, right, is_changed, delta):
    one = Difference("k", left, right)
    assert one.is_changed is is_changed
    assert one.delta == delta or (math.isnan(delta) and math.isnan(one.delta))
    json.dumps(one.to_dict(), allow_nan=False)


def test_empty_is_as_nothing():
    assert differences({"x": {"a": "", "b": None}}, {"x": {"c": None}, "y": {"d": 0}}) == {
        "y": [Difference("d", None, 0)]
    }


def test_two_versions(made):  # noqa: F811 - the fixture
    client = mlpack.MlpackClient()
    client.set_registered_model_alias(made.name, "best", 1)
    client.set_model_version_tag(made.name, 2, "checked", "yes")
    client.update_model_version(made.name, 2, "more columns")
    client.transition_model_version_stage(made.name, 2, "Staging")
    found = diff(client, f"{made.name}@best", f"{made.name}/2")
    values = changed(found)
    assert found.gone == {}
    assert values["version", "stage"] == ("None", "Staging")
    assert values["version", "aliases"] == ("best", "")
    assert values["version", "description"] == ("", "more columns")
    assert values["version", "tag checked"] == (None, "yes")
    assert values["origin", "run id"] == tuple(made.runs)
    assert values["origin", "git commit"] == (f"{FIRST} with changes", f"{SECOND} with changes")
    used = f"dataset {made.data} for training"
    assert values["origin", used] == tuple(f"digest {digest}" for digest in made.digests)
    assert values["params", "C"] == ("1", "2") and ("params", "solver") not in values
    assert values["metrics", "auc"] == (0.625, 0.75)
    assert values["signature", "inputs c"] == (None, "long")
    assert {key for section, key in values if section == "files"} >= {"MLmodel", "model.skops"}
    assert not any(section == "requirements" for section, _ in values)
    assert any(one.key == "numpy" for one in found.sections["requirements"])
    again = diff(client, client.get_model_version(made.name, 1), f"runs:/{made.runs[0]}/model")
    assert {section for section, _ in changed(again)} == {"version"}
