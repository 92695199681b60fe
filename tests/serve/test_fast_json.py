"""orjson stands in for Python's parser only where nobody can tell the difference."""

import json

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpack.errors import MlpackError
from mlpack.flavors.enforce import enforce
from mlpack.flavors.schema import ColSpec, Schema, TensorSpec
from mlpack.flavors.signature import ModelSignature
from mlpack.serve import fast_json, json_forms
from mlpack.serve.encode import encode_predictions

NUMBERS = ModelSignature(Schema([ColSpec("double", "a"), ColSpec("long", "b")]))
TENSOR = ModelSignature(Schema([TensorSpec("float64", (-1, 2))]))
TEXTS = ModelSignature(Schema([ColSpec("double", "a"), ColSpec("string", "b")]))


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    """Counts the bodies that orjson was asked for, however small."""
    calls = []

    def counted(body):
        calls.append(body)
        return orjson.loads(body)

    monkeypatch.setattr(fast_json, "_WORTH_IT", 0)
    monkeypatch.setattr(fast_json, "_parser", lambda: counted)
    return calls


ROW = {"a": 1.5, "b": 2}


@pytest.mark.parametrize(
    "payload",
    [
        {"dataframe_records": [ROW] * 3},
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1.5, 2]] * 3}, "params": {"k": 1}},
        {"inputs": {"a": [1.5], "b": [2]}},
        {"instances": [[1.5, 2.5]]},
    ],
    ids=lambda p: next(iter(p)),
)
def test_every_form_is_read(fast, payload):
    signature = TENSOR if "instances" in payload else NUMBERS
    assert fast_json.loads(json.dumps(payload).encode(), signature) == payload
    assert len(fast) == 1


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs": {"a": [1], "a": [2]}}',
        b'{"dataframe_records": [{"a": 1, "a": 2}]}',
        b'{"inputs": [NaN]}',
        b'{"inputs": [1e999]}',
        b"\xef\xbb\xbf{}",
        b'{"inputs": [{"a": {"b": 1}}, 5]}',
        b'{"inputs": {"a:b": [1]}}',
        b'{"inputs": ',
        b"[1]",
    ],
)
def test_what_may_be_wrong_is_left_to_pythons_parser(body):
    try:
        payload = fast_json.loads(body, NUMBERS)
    except RecursionError:
        payload = None
    assert payload is None


@pytest.mark.parametrize("signature", [None, TEXTS, ModelSignature(outputs=NUMBERS.inputs)])
def test_models_of_other_things_are_left_to_it_too(fast, signature):
    assert fast_json.loads(b'{"inputs": [1]}', signature) is None
    assert not fast


def outcome(body, signature):
    """What a model would get, or that there is an error."""
    try:
        data = enforce(signature, json_forms.parse(body, signature)[0])
    except MlpackError:
        return "refused"
    return repr(data.to_matrix().tolist() if hasattr(data, "to_matrix") else data.tolist())


numbers = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.sampled_from([2**53 + 1, 2**63, -(2**63), 2**64 - 1, 2**64, 10**30, -0.0, "x"])
)
rows = st.lists(st.fixed_dictionaries({"a": numbers, "b": numbers}), min_size=1, max_size=3)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(rows, st.sampled_from(["records", "split", "inputs", "tensor"]))
def test_the_model_gets_the_same_by_either_parser(records, form):
    values = [[row["a"], row["b"]] for row in records]
    payload = {
        "records": {"dataframe_records": records},
        "split": {"dataframe_split": {"columns": ["a", "b"], "data": values}},
        "inputs": {"inputs": {"a": [v[0] for v in values], "b": [v[1] for v in values]}},
        "tensor": {"instances": values},
    }[form]
    signature = TENSOR if form == "tensor" else NUMBERS
    body = json.dumps(payload).encode()
    by_orjson = outcome(body, signature)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_json, "_parser", lambda: None)
        assert outcome(body, signature) == by_orjson


@pytest.mark.parametrize("shape", [(300,), (100, 3), (4, 5, 20)])
def test_arrays_go_out_as_they_always_do(monkeypatch, shape):
    rng = np.random.default_rng(0)
    array = rng.standard_normal(shape) * 10.0 ** rng.integers(-30, 30, shape)
    array.flat[:6] = [np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.7976931348623157e308]
    for value in (array, array.T, array[::-1]):
        by_orjson = json.loads(encode_predictions(value))
        assert fast_json.dumps(value) is not None
        with monkeypatch.context() as patch:
            patch.setattr(fast_json, "_parser", lambda: None)
            assert fast_json.dumps(value) is None
            assert json.loads(encode_predictions(value)) == by_orjson


@pytest.mark.parametrize(
    "value",
    [np.zeros(300, np.float32), np.zeros(300, int), [0.5] * 300, np.zeros(3), "x"],
    ids=repr,
)
def test_all_else_goes_out_by_pythons_encoder(value):
    assert fast_json.dumps(value) is None
