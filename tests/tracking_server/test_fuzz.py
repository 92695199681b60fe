"""Any call with any fields: an answer, or the contract's refusal; never a fault of ours."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlpack.tracking_server.app import PREFIXES, ROUTES

_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["0", "1", "RUN", "MODEL", "m", "NaN", "Infinity", "ACTIVE_ONLY", "FINISHED"])
    | st.sampled_from(
        ["metrics.m > 1", "metrics.m DESC", "../..", "mlflow-artifacts:/x", "\0", "'"]
    )
    | st.sampled_from(["name LIKE 'm%'", "version_number DESC", "models:/m/1", "s3://bucket/x"])
    | st.sampled_from(["Production", "file:///etc", "https://host/x", "mlpack.digest"])
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
_items = st.fixed_dictionaries(
    {},
    optional={
        "key": _scalars,
        "value": _scalars,
        "timestamp": _scalars,
        "step": _scalars,
        "model_id": _scalars,
        "dataset": _values,
        "tags": _values,
        "field_name": _scalars,
    },
)

# so that some calls of the registry get further than to its names
_VALID = {"name": "m", "version": "1", "alias": "a", "stage": "Staging", "source": "runs:/RUN/m"}


@st.composite
def _calls(draw):
    route = draw(st.sampled_from(ROUTES))
    fields = st.just("RUN") | _values | st.lists(_items, max_size=3)
    body = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(route.schema.fields, fields)))
    valid = {name: value for name, value in _VALID.items() if name in route.schema.fields}
    body = draw(st.sampled_from([{}, valid])) | body
    return route, draw(st.sampled_from(PREFIXES)), body


def _fill(value, ids):
    if isinstance(value, str):
        return next((value.replace(k, ids[k]) for k in ids if k in value), value)
    if isinstance(value, list):
        return [_fill(item, ids) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item, ids) for key, item in value.items()}
    return value


@pytest.fixture
def ids(api):
    run_id = api.run()
    model = api.post("logged-models", experiment_id="0", name="m")["model"]["info"]["model_id"]
    api.post("registered-models/create", name="m")
    api.post("model-versions/create", name="m", source="s3://bucket/x")
    return {"RUN": run_id, "MODEL": model}


@given(call=_calls())
@settings(
    max_examples=600,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_call(client, ids, call):
    route, prefix, body = call
    body = _fill(body, ids)
    path = route.path.replace("<model_id>", ids["MODEL"]).replace("<path:tag_key>", "k")
    if route.method == "GET":
        query = {
            key: value if isinstance(value, (str, int, float, list)) else json.dumps(value)
            for key, value in body.items()
        }
        query = {k: _ascii(v) for k, v in query.items()}
        answer = client.open(prefix + path, method="GET", query_string=query)
    else:
        answer = client.open(
            prefix + path,
            method=route.method,
            data=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
    assert answer.status_code < 500, (route.method, path, body, answer.json)
    content = json.loads(answer.data, parse_constant=lambda word: pytest.fail(f"{word} in JSON"))
    assert isinstance(content, dict)
    if answer.status_code != 200:
        assert content.keys() == {"error_code", "message"}


def _ascii(value):
    """Query strings hold bytes: what no UTF-8 can say cannot be sent."""
    if isinstance(value, list):
        return [_ascii(item) for item in value]
    return str(value).encode("utf-8", "replace").decode()


@given(
    query=st.dictionaries(
        st.sampled_from(["filter", "order_by", "page_token", "stage"]), st.text(max_size=30)
    )
)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_question_to_the_pages(client, query):
    answer = client.get("/experiments/0", query_string={k: _ascii(v) for k, v in query.items()})
    assert answer.status_code in (200, 400)
