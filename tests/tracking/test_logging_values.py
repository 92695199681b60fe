"""What may be logged, what is refused, and that what was logged is what comes back."""

import decimal
import math

import numpy as np
import pytest

import mlpack
from mlpack.errors import InvalidInput, NotFound
from mlpack.tracking.entities import Metric, Param, RunTag


@pytest.fixture
def run():
    with mlpack.start_run() as run:
        yield run


def recorded(run):
    return mlpack.get_run(run.info.run_id).data


def history(run, key):
    return mlpack.MlpackClient().get_metric_history(run.info.run_id, key)


def test_history_keeps_order_steps_and_times(run):
    for step, value in enumerate([0.9, 0.5, 0.7]):
        mlpack.log_metric("loss", value, step=step, timestamp=1000 + step)
    assert history(run, "loss") == [
        Metric("loss", 0.9, 1000, 0),
        Metric("loss", 0.5, 1001, 1),
        Metric("loss", 0.7, 1002, 2),
    ]
    assert recorded(run).metrics == {"loss": 0.7}


def test_calls_within_one_millisecond_keep_their_order(run):
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    for value in values:
        mlpack.log_metric("m", value, timestamp=1000)
    assert [m.value for m in history(run, "m")] == values
    assert recorded(run).metrics == {"m": 3.0}


def test_the_latest_value_is_that_of_the_greatest_step(run):
    mlpack.log_metric("m", 1.0, step=10, timestamp=1000)
    mlpack.log_metric("m", 2.0, step=5, timestamp=2000)
    assert recorded(run).metrics == {"m": 1.0}
    mlpack.log_metric("m", 3.0, step=10, timestamp=999)
    assert recorded(run).metrics == {"m": 1.0}
    mlpack.log_metric("m", 4.0, step=10, timestamp=1000)
    assert recorded(run).metrics == {"m": 4.0}
    mlpack.log_metric("m", 5.0, step=-3)
    assert recorded(run).metrics == {"m": 4.0}
    assert len(history(run, "m")) == 5


def test_the_same_point_again_is_one_point(run):
    for _ in range(2):
        mlpack.log_metric("m", 1.0, step=1, timestamp=1000)
    assert len(history(run, "m")) == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.7976931348623157e308, 5e-324])
def test_every_float_survives(run, value):
    mlpack.log_metric("one", value)
    mlpack.log_metrics({"many": value})
    for key in ("one", "many"):
        assert repr(recorded(run).metrics[key]) == repr(value)
        assert [repr(m.value) for m in history(run, key)] == [repr(value)]


@pytest.mark.parametrize(
    "value",
    [2, True, np.float32(2), np.int64(2), np.array(2.0), np.array([2]), decimal.Decimal(2), "2"],
    ids=repr,
)
def test_whatever_is_a_number_is_logged_as_one(run, value):
    mlpack.log_metric("m", value)
    assert recorded(run).metrics["m"] == (1 if value is True else 2)


@pytest.mark.parametrize("value", [None, "x", [1, 2], np.array([1, 2]), {}, 1j, 10**400], ids=str)
def test_whatever_is_not_is_refused(run, value):
    with pytest.raises(InvalidInput, match="Metric 'm' must be a number; got"):
        mlpack.log_metric("m", value)
    assert recorded(run).metrics == {}


@pytest.mark.parametrize("step", [1.5, "x", 2**63, math.inf, math.nan, [1]], ids=str)
def test_steps_are_integers(run, step):
    with pytest.raises(InvalidInput, match="step of metric 'm' must be an integer"):
        mlpack.log_metric("m", 1, step=step)


@pytest.mark.parametrize("step", [np.int64(3), 3.0, -(2**63), 2**63 - 1])
def test_steps_that_are_integers_in_another_type(run, step):
    mlpack.log_metric("m", 1, step=step)
    assert history(run, "m")[0].step == int(step)


BAD_KEYS = [
    "",
    " ",
    "x" * 251,
    "../x",
    "a/../b",
    "a/./b",
    "..",
    "..a",
    ".",
    "/a",
    "a/",
    "a//b",
    "a\\b",
    "a\x00b",
    "a\nb",
    "a;b",
    "a'b",
    "%2e%2e/x",
    "..\\x",
    None,
    3,
    ["a"],
]


@pytest.mark.parametrize("key", BAD_KEYS, ids=repr)
def test_bad_keys_are_refused_everywhere(run, key):
    for log in (mlpack.log_metric, mlpack.log_param, mlpack.set_tag):
        with pytest.raises(InvalidInput, match="key"):
            log(key, 1)
    if not isinstance(key, list):
        for log in (mlpack.log_metrics, mlpack.log_params, mlpack.set_tags):
            with pytest.raises(InvalidInput, match="key"):
                log({"fine": 1, key: 1})
    data = recorded(run)
    assert not data.metrics and not data.params and "fine" not in data.tags


@pytest.mark.parametrize("key", ["a", "x" * 250, "train/loss", "a.b-c_d e:f", "größe", "a..b"])
def test_good_keys(run, key):
    mlpack.log_metric(key, 1)
    mlpack.log_param(key, 1)
    mlpack.set_tag(key, 1)
    data = recorded(run)
    assert data.metrics[key] == 1 and data.params[key] == "1" and data.tags[key] == "1"


def test_the_message_of_a_bad_key_suggests_a_good_one(run):
    with pytest.raises(InvalidInput, match=r"try 'x/y'"):
        mlpack.log_metric("../x//y", 1)


def test_params_never_change(run):
    assert mlpack.log_param("C", 0.5) == 0.5
    mlpack.log_param("C", "0.5")  # the same value again is fine
    mlpack.log_params({"C": 0.5, "d": None})
    with pytest.raises(
        InvalidInput, match=r"'C' of run .* is already '0.5' and cannot become '0.7'"
    ):
        mlpack.log_param("C", 0.7)
    with pytest.raises(InvalidInput, match="cannot become"):
        mlpack.log_params({"fresh": 1, "C": 0.7})
    assert recorded(run).params == {"C": "0.5", "d": "None"}


def test_two_values_for_one_param_in_one_batch(run):
    client = mlpack.MlpackClient()
    with pytest.raises(InvalidInput, match="cannot become"):
        client.log_batch(run.info.run_id, params=[Param("a", "1"), Param("a", "2")])
    assert recorded(run).params == {}


def test_lengths(run):
    mlpack.log_param("p", "x" * 6000)
    mlpack.set_tag("t", "x" * 8000)
    with pytest.raises(InvalidInput, match="6001 characters long; at most 6000"):
        mlpack.log_param("q", "x" * 6001)
    with pytest.raises(InvalidInput, match="8001 characters long; at most 8000"):
        mlpack.set_tag("u", "x" * 8001)
    with pytest.raises(InvalidInput, match="NUL"):
        mlpack.log_param("q", "a\x00b")
    assert "q" not in recorded(run).params and "u" not in recorded(run).tags


def test_odd_texts_survive(run):
    for i, text in enumerate(["", "ä€😀", "a\nb\tc", "'; DROP TABLE runs; --", "%_*?["]):
        mlpack.log_param(f"p{i}", text)
        mlpack.set_tag(f"t{i}", text)
        assert recorded(run).params[f"p{i}"] == text
        assert recorded(run).tags[f"t{i}"] == text


def test_lone_surrogates_are_refused_not_half_written(run):
    with pytest.raises(InvalidInput, match="UTF-8"):
        mlpack.log_params({"a": 1, "b": "\ud800"})
    assert recorded(run).params == {}


def test_tags_may_change_and_go(run):
    mlpack.set_tag("a", 1)
    mlpack.set_tags({"a": 2, "b": 3})
    client = mlpack.MlpackClient()
    client.delete_tag(run.info.run_id, "b")
    assert recorded(run).tags["a"] == "2" and "b" not in recorded(run).tags
    with pytest.raises(NotFound, match="no tag 'b'"):
        client.delete_tag(run.info.run_id, "b")


def test_the_runs_name_and_its_tag_say_the_same(run):
    mlpack.set_tag("mlflow.runName", "other")
    assert mlpack.get_run(run.info.run_id).info.run_name == "other"
    mlpack.MlpackClient().update_run(run.info.run_id, name="third")
    assert recorded(run).tags["mlflow.runName"] == "third"


def test_a_batch_is_all_or_nothing(run):
    mlpack.log_param("p", 1)
    client = mlpack.MlpackClient()
    with pytest.raises(InvalidInput):
        client.log_batch(
            run.info.run_id,
            metrics=[Metric("m", 1.0, 0)],
            params=[Param("q", "1"), Param("p", "2")],
            tags=[RunTag("t", "1")],
        )
    data = recorded(run)
    assert data.metrics == {} and data.params == {"p": "1"} and "t" not in data.tags


def test_a_large_batch(run):
    mlpack.log_params({f"p{i}": i for i in range(500)})
    mlpack.log_metrics({f"m{i}": i for i in range(3000)}, step=7)
    assert len(recorded(run).params) == 500
    assert len(recorded(run).metrics) == 3000


@pytest.mark.parametrize("log", [mlpack.log_metrics, mlpack.log_params, mlpack.set_tags])
def test_a_list_is_no_dict(run, log):
    with pytest.raises(InvalidInput, match="Expected a dict"):
        log(["a"])


def test_unknown_and_deleted_runs(run):
    client = mlpack.MlpackClient()
    with mlpack.start_run(nested=True) as gone:
        pass
    mlpack.delete_run(gone.info.run_id)
    writes = [
        lambda run_id: mlpack.log_metric("m", 1, run_id=run_id),
        lambda run_id: mlpack.log_metrics({"m": 1}, run_id=run_id),
        lambda run_id: mlpack.log_param("p", 1, run_id=run_id),
        lambda run_id: mlpack.set_tag("t", 1, run_id=run_id),
        lambda run_id: mlpack.log_text("x", "x.txt", run_id=run_id),
        lambda run_id: client.update_run(run_id, name="x"),
        lambda run_id: client.delete_tag(run_id, "t"),
    ]
    for write in writes:
        with pytest.raises(NotFound, match="No run with id 'nope'"):
            write("nope")
        with pytest.raises(InvalidInput, match="deleted"):
            write(gone.info.run_id)
    client.restore_run(gone.info.run_id)
    for write in writes[:-1]:
        write(gone.info.run_id)
    assert mlpack.get_run(gone.info.run_id).data.metrics == {"m": 1}
    with pytest.raises(NotFound):
        client.get_metric_history("nope", "m")
