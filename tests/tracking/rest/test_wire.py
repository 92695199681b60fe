"""The JSON of the REST API: nothing is lost on the way, and it looks as the servers write it."""

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlpack.tracking import entities as e
from mlpack.tracking.rest import wire

text = st.text(max_size=20)
word = st.text(min_size=1, max_size=20)
int64 = st.integers(-(2**63), 2**63 - 1)
moment = st.integers(0, 2**62)
maybe = st.none() | word
pairs = st.dictionaries(word, text, max_size=4)
number = st.floats(allow_nan=False)

metrics = st.builds(e.Metric, word, number, int64, int64, maybe, maybe, maybe, maybe)
datasets = st.builds(e.Dataset, word, word, word, text, maybe, maybe)
experiments = st.builds(
    e.Experiment,
    word,
    word,
    text,
    st.sampled_from(list(e.LifecycleStage)),
    moment,
    moment,
    pairs,
)
infos = st.builds(
    e.RunInfo,
    word,
    word,
    text,
    text,
    st.sampled_from(list(e.RunStatus)),
    moment,
    st.none() | moment,
    st.sampled_from(list(e.LifecycleStage)),
    text,
)


@st.composite
def run_data(draw):
    values = draw(st.dictionaries(word, number, max_size=4))
    moments = {key: (draw(int64), draw(int64)) for key in values}
    return e.RunData(values, draw(pairs), draw(pairs), moments)


runs = st.builds(
    e.Run,
    infos,
    run_data(),
    st.builds(
        e.RunInputs,
        st.lists(st.builds(e.DatasetInput, datasets, pairs), max_size=3),
        st.lists(st.builds(e.ModelInput, word), max_size=3),
    ),
    st.builds(e.RunOutputs, st.lists(st.builds(e.ModelOutput, word, int64), max_size=3)),
)
models = st.builds(
    e.LoggedModel,
    word,
    word,
    word,
    text,
    moment,
    moment,
    maybe,
    st.sampled_from(list(e.ModelStatus)),
    maybe,
    maybe,
    pairs,
    pairs,
    st.lists(metrics, max_size=3),
)
sizes = st.integers(0, 2**62)
files = st.builds(e.FileInfo, word, st.just(False), sizes) | st.builds(
    e.FileInfo, word, st.just(True), st.none()
)

KINDS = {
    "metric": metrics,
    "param": st.builds(e.Param, word, text),
    "tag": st.builds(e.RunTag, word, text),
    "experiment": experiments,
    "run_info": infos,
    "run": runs,
    "dataset_input": st.builds(e.DatasetInput, datasets, pairs),
    "model_input": st.builds(e.ModelInput, word),
    "model_output": st.builds(e.ModelOutput, word, int64),
    "logged_model": models,
    "file_info": files,
}


@pytest.mark.parametrize("kind", KINDS)
@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_nothing_is_lost_on_the_way(kind, data):
    thing = data.draw(KINDS[kind])
    text = json.dumps(getattr(wire, f"{kind}_to_json")(thing), allow_nan=False)
    assert getattr(wire, f"{kind}_from_json")(json.loads(text)) == thing


@pytest.mark.parametrize(
    ("value", "written"),
    [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (0.5, 0.5), (-0.0, -0.0)],
)
def test_values_that_json_has_no_number_for_are_words(value, written):
    assert wire.value_to_json(value) == written
    back = wire.metric_from_json({"key": "m", "value": written}).value
    assert back == value or (math.isnan(back) and math.isnan(value))


def test_whole_numbers_may_come_as_strings():
    read = wire.metric_from_json({"key": "m", "value": "2.5", "timestamp": "17", "step": "-3"})
    assert read == e.Metric("m", 2.5, 17, -3)


def test_a_run_as_the_servers_of_the_ecosystem_write_it():
    info = e.RunInfo(
        "r1", "1", "rn", "u", "RUNNING", 1234, None, "active", "mlflow-artifacts:/1/r1"
    )
    run = e.Run(info, e.RunData({"m": 1.5}, {"p": ""}, {"t": ""}, {"m": (7, 2)}))
    assert wire.run_to_json(run) == {
        "info": {
            "run_uuid": "r1",
            "experiment_id": "1",
            "run_name": "rn",
            "user_id": "u",
            "status": "RUNNING",
            "start_time": 1234,
            "artifact_uri": "mlflow-artifacts:/1/r1",
            "lifecycle_stage": "active",
            "run_id": "r1",
        },
        "data": {
            "metrics": [{"key": "m", "value": 1.5, "timestamp": 7, "step": 2}],
            "params": [{"key": "p", "value": ""}],
            "tags": [{"key": "t", "value": ""}],
        },
        "inputs": {},
        "outputs": {},
    }


def test_what_a_server_leaves_out_has_its_default():
    run = wire.run_from_json({"info": {"run_uuid": "r", "experiment_id": "1"}})
    assert run.info.run_id == "r"
    assert (run.info.end_time, run.data.metrics, run.inputs.dataset_inputs) == (None, {}, [])
    model = wire.logged_model_from_json(
        {"info": {"model_id": "m-1", "experiment_id": "1", "name": "n", "model_type": ""}}
    )
    assert (model.status, model.model_type, model.digest) == (e.ModelStatus.PENDING, None, None)


def test_a_models_digest_travels_as_a_tag():
    model = e.LoggedModel(
        "m-1", "1", "n", "/x", 1, 2, None, "READY", None, "sha256:ab", {}, {"a": "b"}
    )
    data = wire.logged_model_to_json(model)
    assert {"key": "mlpack.digest", "value": "sha256:ab"} in data["info"]["tags"]
    assert data["info"]["status"] == "LOGGED_MODEL_READY"
    assert wire.logged_model_from_json(data) == model
