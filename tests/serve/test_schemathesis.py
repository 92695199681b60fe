"""Every route, fuzzed from the server's own OpenAPI document: what fits it, and what does not.

No request may be answered with 5xx, as no model here raises; and every answer is one that the
document describes: status, content type, headers, body.
"""

import sys

import cloudpickle
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from mlpack.flavors import ModelSignature, PythonModel, save_model
from mlpack.flavors.column_types import Array, DataType, Map, Object, Property
from mlpack.flavors.schema import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from mlpack.tests.serve.real import Server

pytestmark = pytest.mark.server
cloudpickle.register_pickle_by_value(sys.modules[__name__])

EXAMPLES = 8  # of each operation, that fit and that do not
CHECKED = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
COLUMNS = ModelSignature(
    Schema(
        [
            ColSpec("integer", "small"),
            ColSpec("double", "income"),
            ColSpec("string", "city"),
            ColSpec("datetime", "since"),
            ColSpec("binary", "photo"),
            ColSpec("boolean", "member", required=False),
            ColSpec(Array(DataType.long), "ids"),
            ColSpec(
                Object([Property("a", "string"), Property("b", Map(DataType.double), False)]), "who"
            ),
        ]
    ),
    outputs=Schema([ColSpec("string")]),
    params=ParamSchema(
        [ParamSpec("threshold", "double", 0.5), ParamSpec("ids", "long", [1], (-1,))]
    ),
)
TENSORS = ModelSignature(Schema([TensorSpec("int64", (-1,), "a"), TensorSpec("str", (-1, 2), "b")]))
GRID = ModelSignature(Schema([TensorSpec("float32", (-1, 2, 2))]))


class Unshakable(PythonModel):
    """Answers whatever passes the signature."""

    def predict(self, context, model_input, params=None):
        rows = len(model_input) if hasattr(model_input, "__len__") else 1
        return ["seen"] * rows


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    signatures = {"columns": COLUMNS, "tensors": TENSORS, "grid": GRID, "none": False}
    for name, signature in signatures.items():
        save_model(Unshakable(), root / name, signature=signature)
    first, *others = (f"{name}={root / name}" for name in signatures)
    more = [part for other in others for part in ("--model", other)]
    with Server(first, root, *more, "--workers", "1") as server:
        yield schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("path", ["/invocations", "/score", "/models/", "/v2/models/columns/"])
def test_routes_that_take_bodies(api, path, mode):
    _fuzz(api, mode, lambda found: found.startswith(path))


def test_all_other_routes(api):
    _fuzz(api, GenerationMode.POSITIVE, lambda path: "invo" not in path and "infer" not in path)


def _fuzz(api, mode, wanted):
    operations = [found.ok() for found in api.get_all_operations()]
    chosen = [operation for operation in operations if wanted(operation.path)]
    assert chosen
    for operation in chosen:
        if mode is GenerationMode.NEGATIVE and operation.method.upper() == "GET":
            continue  # there is nothing about it that could be wrong

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case):
            response = case.call(timeout=60)
            late = response.status_code == 504 and "X-Request-Timeout" in case.headers
            assert response.status_code < 500 or late, (case.as_curl_command(), response.text)
            case.validate_response(response, checks=CHECKED)

        check()
