"""A search that would hold a thread of the server for minutes, whatever it looks at."""

import threading

import pytest

from mlpack.errors import InvalidInput
from mlpack.registry.entities import By
from mlpack.tracking.sql import long_reads
from mlpack.tracking.sql.store import SqlStore

BAD = "INVALID_PARAMETER_VALUE"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def test_a_search_is_broken_off(make_app):
    """Patterns cost as much as they and what they are compared with are long."""
    app = make_app()
    store, registry = app.config["store"], app.config["registry"]
    for number in range(30):
        registry.create_registered_model(f"m{number}", {"k": "a" * 100_000}, "", By())
    assert store.database.longest_read < 120  # what clients wait
    store.database.longest_read = 0
    asked = {"filter": f"tags.k LIKE '%{'a' * 900}b'"}
    answer = app.test_client().get("/api/2.0/mlflow/registered-models/search", query_string=asked)
    assert answer.status_code == 400
    assert "compare with = instead of LIKE" in answer.json["message"]
    assert "mlruns" not in answer.json["message"]
    store.database.longest_read = 30  # and the connection is as good as before
    assert len(registry.search_registered_models()) == 30


def test_the_second_read_has_time_of_its_own(tmp_path):
    store = SqlStore(tmp_path / "mlruns")
    store.create_experiment("x")
    store.database.longest_read = 0
    for _ in range(2):
        with pytest.raises(InvalidInput), store.database.read() as connection:
            connection.exec_driver_sql(ENDLESS)
    store.database.longest_read = 600
    assert store.get_experiment_by_name("x")
    assert long_reads._watch._running == {}


def test_each_thread_has_time_of_its_own(tmp_path):
    store = SqlStore(tmp_path / "mlruns")
    store.create_experiment("x")
    began, ended = threading.Event(), threading.Event()

    def read():
        store.database.longest_read = 600
        with store.database.read() as connection:
            began.set()
            ended.wait(60)
            connection.exec_driver_sql("SELECT 1")
            found.append(True)

    found = []
    other = threading.Thread(target=read)
    other.start()
    assert began.wait(60)
    store.database.longest_read = 0
    with pytest.raises(InvalidInput), store.database.read() as connection:
        connection.exec_driver_sql(ENDLESS)
    ended.set()
    other.join()
    assert found == [True]


@pytest.mark.parametrize("operator", ["LIKE", "ILIKE"])
def test_a_pattern_has_a_longest(api, operator):
    for path in ("registered-models/search", "model-versions/search"):
        asked = {"filter": f"tags.k {operator} '%{'a' * 1000}'"}
        assert "1001 characters" in api.refused("get", path, 400, BAD, **asked)
        asked = {"filter": f"tags.k = '{'a' * 1001}'"}
        api.get(path, **asked)
