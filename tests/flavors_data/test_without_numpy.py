"""A model of plain Python (type hints, strings) is checked with neither numpy nor pandas there."""

from __future__ import annotations

import subprocess
import sys

_SCRIPT = """
import sys
sys.modules["numpy"] = sys.modules["pandas"] = None  # importing either fails from here on
from mlpack.flavors.enforce import enforce, enforce_params
from mlpack.flavors.infer import infer_signature
from mlpack.flavors.schema import Array, ColSpec, Map, ParamSchema, ParamSpec, Schema
from mlpack.flavors.signature import ModelSignature

texts = ModelSignature(inputs=Schema([ColSpec("string")]))
assert enforce(texts, ["a", "b"]).columns == [["a", "b"]]
nested = ModelSignature(
    inputs=Schema([ColSpec(Array("double"), "v"), ColSpec(Map("datetime"), "m")]),
    params=ParamSchema([ParamSpec("k", "long", 3)]),
)
table = enforce(nested, [{"v": [1, 2.5], "m": {"t": "2024-01-01"}}])
assert table.to_records()[0]["v"] == [1.0, 2.5]
assert enforce_params(nested, {"k": 4}) == {"k": 4}
assert infer_signature(["a"], ["b"]).inputs == texts.inputs
"""


def test_plain_python_needs_neither() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
