"""Requests predicted together: who joins whom, who fails alone, and that answers never cross."""

import json
import random
import threading
import time
from threading import Barrier, Event, Thread

import numpy as np
import pytest

from mlpack.errors import DeadlineExceeded
from mlpack.flavors.table import Table
from mlpack.serve import probe
from mlpack.serve.batching import Batcher
from mlpack.serve.merge import join, kind_of, rows_of, split
from mlpack.serve.probe import gains_from_batching
from mlpack.serve.settings import ServeSettings

PATIENCE = 60


class Held:
    """A model whose first call waits until it is let go, so that others gather meanwhile."""

    def __init__(self, function=lambda data, params: data):
        self.function = function
        self.calls = []
        self.entered, self.let_go = Event(), Event()

    def __call__(self, data, params):
        self.calls.append(rows_of(data))
        if not self.entered.is_set():
            self.entered.set()
            assert self.let_go.wait(PATIENCE)
        return self.function(data, params)


def together(batcher, model, inputs, params=None, deadline=float("inf")):
    """What each input gets when the first is being predicted while the others come."""
    results = [None] * len(inputs)

    def ask(i):
        facts = {}
        given = params[i] if params else {}
        try:
            results[i] = (batcher.predict(inputs[i], given, facts, deadline), facts)
        except Exception as error:
            results[i] = error

    threads = [Thread(target=ask, args=(i,)) for i in range(len(inputs))]
    threads[0].start()
    assert model.entered.wait(PATIENCE)
    for thread in threads[1:]:
        before = batcher.waiting
        thread.start()
        until = time.monotonic() + PATIENCE
        while batcher.waiting == before and time.monotonic() < until:
            time.sleep(0.001)
    model.let_go.set()
    for thread in threads:
        thread.join(PATIENCE)
    return results


def rows(*numbers):
    return np.array([[float(n)] for n in numbers])


def test_a_lone_request_runs_in_its_own_thread():
    seen = []
    batcher = Batcher(lambda data, params: seen.append(threading.get_ident()) or data, 100)
    facts = {}
    assert batcher.predict(rows(1), {}, facts).tolist() == [[1.0]]
    assert seen == [threading.get_ident()]
    assert facts["model_seconds"] >= 0 and "batch_rows" not in facts
    assert batcher.waiting == 0


def test_those_that_wait_are_predicted_in_one_call():
    model = Held(lambda data, params: data * 2)
    results = together(Batcher(model, 100), model, [rows(1), rows(2), rows(3, 4), rows(5)])
    assert [r.tolist() for r, _ in results] == [[[2]], [[4]], [[6], [8]], [[10]]]
    assert model.calls == [1, 4]
    assert [facts.get("batch_rows") for _, facts in results] == [None, 4, 4, 4]


def test_no_more_rows_than_allowed_but_one_large_request_alone():
    model = Held()
    inputs = [rows(0), rows(1, 2), rows(3, 4), rows(*range(9)), rows(5)]
    results = together(Batcher(model, 4), model, inputs)
    assert [r.tolist() for r, _ in results] == [i.tolist() for i in inputs]
    assert model.calls == [1, 4, 9, 1]


def test_other_columns_types_and_params_are_predicted_apart():
    model = Held(lambda data, params: [(params, row) for row in data.to_records()])
    ints, floats = np.array([[7]]), np.array([[7.0]])
    inputs = [
        Table.from_blocks(names, [(block, range(1))], [None], 1)
        for names, block in [
            (("a",), ints), (("a",), ints), (("a",), floats), (("b",), ints), (("a",), ints),
        ]
    ]  # fmt: skip
    params = [{}, {"k": 1}, {"k": 1}, {"k": 1}, {"k": 2}]
    results = together(Batcher(model, 100), model, inputs, params)
    for table, given, (result, _) in zip(inputs, params, results, strict=True):
        ((got_params, got_row),) = result
        assert (got_params, got_row) == (given, table.to_records()[0])
        assert type(next(iter(got_row.values()))) is type(table.columns[0].tolist()[0])
    assert len(model.calls) == 5


def test_one_bad_item_fails_alone():
    def picky(data, params):
        if (data == 13).any():
            raise ValueError("13")
        return data

    model = Held(picky)
    results = together(Batcher(model, 100), model, [rows(1), rows(2), rows(13), rows(3)])
    assert [r[0].tolist() for r in (results[0], results[1], results[3])] == [[[1]], [[2]], [[3]]]
    assert isinstance(results[2], ValueError)
    assert model.calls == [1, 3, 1, 1, 1]


def test_what_is_no_prediction_a_row_ends_batching():
    model = Held(lambda data, params: data.sum(axis=0))
    batcher = Batcher(model, 100)
    results = together(batcher, model, [rows(1), rows(2), rows(3)])
    assert [r.tolist() for r, _ in results] == [[1], [2], [3]]
    assert batcher.max_rows == 1


def test_expired_requests_are_dropped_not_computed():
    model = Held()
    batcher = Batcher(model, 100)
    results = []

    def ask():
        try:
            batcher.predict(rows(2), {}, {}, time.monotonic() + 0.05)
        except DeadlineExceeded as error:
            results.append(error)

    first = Thread(target=batcher.predict, args=(rows(1), {}, {}))
    first.start()
    assert model.entered.wait(PATIENCE)
    late = Thread(target=ask)
    late.start()
    late.join(PATIENCE)  # it does not wait for the model
    model.let_go.set()
    first.join(PATIENCE)
    assert len(results) == 1 and model.calls == [1] and batcher.waiting == 0
    assert batcher.predict(rows(3), {}, {}).tolist() == [[3]]


def test_waiting_for_others_is_possible():
    calls = []
    batcher = Batcher(lambda data, params: calls.append(len(data)) or data, 100, max_wait=0.5)
    start = Barrier(4)
    results = []

    def ask(i):
        start.wait()
        results.append((i, batcher.predict(rows(i), {}, {}).tolist()))

    threads = [Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(results) == [(i, [[i]]) for i in range(4)]
    assert sum(calls) == 4 and len(calls) < 4


def test_many_threads_many_kinds_no_answer_crosses():
    """An echoing model, a thousand mixed requests, some of them bad."""

    def echo(data, params):
        assert lock.acquire(blocking=False), "two threads predict at once"
        try:
            if type(data) is Table:
                records = data.to_records()
                if any(-1 in record.values() for record in records):
                    raise ValueError("bad")
                return [{**record, "params": params} for record in records]
            return data
        finally:
            lock.release()

    lock = threading.Lock()
    batcher = Batcher(echo, 64)
    wrong = []

    def client(seed):
        random_ = random.Random(seed)
        for _ in range(100):
            n = random_.randint(1, 5)
            numbers = [random_.randint(0, 10**9) for _ in range(n)]
            params = {"k": random_.randint(0, 2)}
            kind = random_.randrange(4)
            if kind == 0:
                got = batcher.predict(np.array(numbers), params, {}).tolist()
                want = numbers
            else:
                if kind == 3 and random_.random() < 0.3:
                    numbers[0] = -1
                column = np.array(numbers, float) if kind == 2 else list(map(str, numbers))
                column = numbers if kind == 3 else column
                table = Table(["a" if random_.random() < 0.5 else "b"], [column])
                want = [{**record, "params": params} for record in table.to_records()]
                try:
                    got = batcher.predict(table, params, {})
                except ValueError:
                    got = want if -1 in numbers and kind == 3 else "failed for others"
            if got != want:
                wrong.append((got, want))

    threads = [Thread(target=client, args=(seed,)) for seed in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert wrong == [] and batcher.waiting == 0


# --- joining and splitting ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.array([1, 2]), np.array([3])),
        (np.array(["a"]), np.array(["long"])),
        (np.array(["2024-01-01"], "M8[ns]"), np.array(["2024-01-02"], "M8[ns]")),
        ({"a": np.ones((1, 2)), "b": [1]}, {"a": np.zeros((2, 2)), "b": [2, 3]}),
        ([{"x": 1}], [{"x": 2}, {"y": 3}]),
    ],
    ids=str,
)
def test_joined_and_taken_apart_again_is_the_same(left, right):
    assert kind_of(left) == kind_of(right) is not None
    first, second = split(join([left, right]), [rows_of(left), rows_of(right)])
    for got, want in ((first, left), (second, right)):
        assert repr(got) == repr(want) or np.array_equal(got, want)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (np.ones((1, 2)), np.ones((1, 3))),
        (np.ones(1), np.ones(1, int)),
        ([1], np.ones(1)),
        (Table(["a"], [[1]]), Table(["b"], [[1]])),
        (Table(["a"], [[1]]), Table(["a"], [np.array([1])])),
        (Table(["a", "b"], [[1], [1]]), Table(["b", "a"], [[1], [1]])),
    ],
    ids=repr,
)
def test_unlike_inputs_are_of_different_kinds(left, right):
    assert kind_of(left) != kind_of(right)


def test_what_has_no_rows_or_labels_of_its_own_joins_nobody():
    assert kind_of(np.array(5)) is None
    assert kind_of("text") is None
    assert kind_of({"a": [1], "b": [1, 2]}) is None
    assert kind_of(Table(["a"], [[1, 2]], index=["x", "y"])) is None
    assert kind_of(Table(["a"], [[1, 2]], index=[0, 1])) is not None


def test_predictions_of_every_form_are_taken_apart():
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2, 3], "b": list("xyz")}, index=[7, 8, 9])
    assert [part["b"].tolist() for part in split(frame, [1, 2])] == [["x"], ["y", "z"]]
    assert [part.tolist() for part in split(frame["a"], [2, 1])] == [[1, 2], [3]]
    assert split({"p": np.arange(3), "q": [1, 2, 3]}, [1, 2])[1]["q"] == [2, 3]
    assert [p.to_records() for p in split(Table(["a"], [[1, 2]]), [1, 1])] == [
        [{"a": 1}],
        [{"a": 2}],
    ]
    assert split(pd.array([1, None], "Int64"), [1, 1])[0].tolist() == [1]
    for none in (np.arange(4), 5, "abc", {"p": [1, 2]}, iter([1, 2, 3]), (np.ones(3), np.ones(3))):
        assert split(none, [1, 2]) is None


# --- the trial at the start -----------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """What the trial measures with: it goes on when a model says so, however busy the machine."""

    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

        monotonic = perf_counter

    monkeypatch.setattr(probe, "time", made := Clock())
    return made


def slow(clock, function):
    """A call costs as much whatever it is given."""

    def predict(data, params):
        clock.now += 0.003
        return function(data)

    return predict


EXAMPLES = {"two rows": rows(1, 2), "one row": rows(1), "equal rows": rows(3, 3, 3)}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
@pytest.mark.parametrize(
    ("function", "independent"),
    [
        (lambda x: x[:, 0] * 2, True),
        (lambda x: {"p": x[:, 0], "q": (x[:, 0] > 1).tolist()}, True),
        (lambda x: x[:, 0] - x.mean(), False),
        (lambda x: x[:, 0] / x.max(), False),
        (lambda x: np.argsort(x[:, 0]), False),
        (lambda x: x.sum(), False),
        (lambda x: [x[:, 0], x[:, 0]], False),
        (lambda x: np.repeat(x, 2), False),
    ],
)
def test_only_models_whose_rows_are_independent_are_batched(clock, example, function, independent):
    assert gains_from_batching(slow(clock, function), example, {}) is independent


def test_a_model_that_gains_nothing_is_not_batched(clock):
    def by_the_row(data, params):
        clock.now += 0.01 * len(data)
        return data

    assert not gains_from_batching(by_the_row, rows(1, 2), {})


def test_a_model_that_raises_or_whose_example_shows_nothing_is_not_batched(clock):
    def fails(data, params):
        raise ValueError

    assert not gains_from_batching(fails, rows(1, 2), {})
    assert not gains_from_batching(slow(clock, lambda x: x), np.array(1.0), {})
    mixed = Table(["a", "n"], [["x"], np.array([1])])
    assert gains_from_batching(slow(clock, lambda t: t.columns[1] * 2), mixed, {})
    only_texts = Table(["a"], [["x"]])
    assert not gains_from_batching(slow(clock, lambda t: t.columns[0]), only_texts, {})


@pytest.mark.parametrize(("batching", "rows_together"), [("auto", 8), ("on", 8), ("off", 1)])
def test_sklearn_models_are_batched_unless_told_otherwise(tmp_path, batching, rows_together):
    from sklearn.linear_model import LogisticRegression

    from mlpack.flavors import load_model, save_model
    from mlpack.serve.scoring import Scorer

    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    model = LogisticRegression().fit(X, [0, 0, 1, 1])
    save_model(model, tmp_path / "m", input_example=X)
    scorer = Scorer(load_model(tmp_path / "m"))
    scorer.warm_up(ServeSettings(batching=batching, max_batch_rows=8))
    assert scorer.batcher.max_rows == rows_together


def test_a_broken_example_makes_no_broken_server(fake_model, grid, tmp_path):
    from mlpack.serve.scoring import Scorer

    def raises(data, params):
        raise SystemExit

    (tmp_path / "serving_input_example.json").write_text(json.dumps({"inputs": [["x"]]}))
    Scorer(fake_model(raises, grid, tmp_path)).warm_up(ServeSettings())
    Scorer(fake_model(raises, grid)).warm_up(ServeSettings())
