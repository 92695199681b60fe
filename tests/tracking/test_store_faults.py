"""Database servers that are down, refuse us, or die; writers that meet; threads and forks."""

import importlib.util
import os
import subprocess
import sys
import threading

import pytest

from mlpack.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    MissingDependency,
    StorageFailed,
    StorageUnavailable,
)
from mlpack.tests import databases
from mlpack.tracking.entities import Metric, Param
from mlpack.tracking.sql import tables
from mlpack.tracking.sql.store import SqlStore
from mlpack.tracking.uri import open_store, redact

SERVERS = pytest.mark.parametrize(
    "server",
    [
        pytest.param("postgresql", marks=pytest.mark.db),
        pytest.param("mariadb", marks=pytest.mark.db),
    ],
)


def new_run(store):
    return store.create_run("0", "name", "someone", 1, []).info.run_id


# --- addresses ---


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://u:secret@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("mysql+pymysql://u:se:cr@et@h/d?x=1", "mysql+pymysql://u:***@h/d?x=1"),
        ("postgresql://h/d?user=u&password=secret&a=b", "postgresql://h/d?user=u&password=***&a=b"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("sqlite:////tmp/a@b:c.db", "sqlite:////tmp/a@b:c.db"),
        ("./folder", "./folder"),
    ],
)
def test_messages_show_no_password(uri, shown):
    assert redact(uri) == shown


@pytest.mark.parametrize(
    ("uri", "package", "extra"),
    [
        ("postgresql://u:secret@h/d", "psycopg", "postgresql"),
        ("postgres://u:secret@h/d", "psycopg", "postgresql"),
        ("mysql+mysqldb://u:secret@h/d", "pymysql", "mysql"),
        ("mariadb://u:secret@h/d", "pymysql", "mysql"),
    ],
)
def test_a_missing_driver(uri, package, extra, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "mlpack.tracking.sql.engine_server.find_spec",
        lambda name: None if name == package else found(name),
    )
    with pytest.raises(MissingDependency) as raised:
        open_store(uri)
    assert f"pip install 'mlpack-toolkit[{extra}]'" in raised.value.message
    assert "secret" not in raised.value.message


@SERVERS
def test_a_server_that_refuses_us(server, request):
    uri = request.getfixturevalue(f"{server}_uri")
    password = databases.ESCAPED
    wrong = {
        uri.replace(password, "wrong"): (StorageFailed, "Check the user, the password"),
        uri.rpartition("/")[0] + "/nothing": (StorageFailed, "Check the user, the password"),
        uri.replace("127.0.0.1", "localhost.invalid"): (StorageUnavailable, "reachable from here"),
        _closed_port(uri): (StorageUnavailable, "Is it running"),
    }
    for address, (kind, says) in wrong.items():
        with pytest.raises(StorageFailed) as raised:
            SqlStore(address).get_experiment("0")
        assert type(raised.value) is kind
        assert says in raised.value.message
        assert password not in raised.value.message and "wrong@" not in raised.value.message
        assert "***" in raised.value.message


def _closed_port(uri):
    head, _, tail = uri.rpartition(":")
    return f"{head}:1/{tail.partition('/')[2]}"


@SERVERS
def test_a_database_of_somebody_else(server, request):
    uri = request.getfixturevalue(f"{server}_uri")
    request.getfixturevalue(f"{server}_server")
    with SqlStore(uri).database.maintenance() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (x INT)")
    with pytest.raises(InvalidState, match=r"something else.*'alembic_version'"):
        SqlStore(uri).create_experiment("x")


# --- a schema made by many, or by halves ---


@SERVERS
def test_many_make_the_schema_at_once(server, request):
    uri = request.getfixturevalue(f"{server}_uri")
    ids = in_threads(6, lambda i: SqlStore(uri).create_experiment(f"e{i}"))
    assert len(set(ids)) == 6


@SERVERS
def test_a_schema_made_by_halves_is_completed(server, request):
    uri = request.getfixturevalue(f"{server}_uri")
    with SqlStore(uri).database.maintenance() as connection:
        tables.meta.create(connection)
        tables.experiments.create(connection)
    store = SqlStore(uri)
    assert store.get_experiment("0").name == "Default"
    store.log_metric(new_run(store), Metric("m", 1, 1, 1))


# --- writers that meet ---


def in_threads(count, work):
    """The results of ``work(i)`` in so many threads at once; errors are results, too."""
    barrier, results = threading.Barrier(count), [None] * count

    def run(i):
        barrier.wait()
        try:
            results[i] = work(i)
        except Exception as error:
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_one_of_many_gets_the_name(store):
    results = in_threads(8, lambda _: store.create_experiment("wanted"))
    refused = [each for each in results if not isinstance(each, str)]
    assert [type(each) for each in refused] == [AlreadyExists] * 7


def test_one_of_many_sets_the_param(store):
    run_id = new_run(store)
    results = in_threads(8, lambda i: store.log_batch(run_id, params=[Param("p", str(i))]))
    [winner] = [i for i, each in enumerate(results) if each is None]
    assert all(type(each) is InvalidInput for i, each in enumerate(results) if i != winner)
    assert store.get_run(run_id).data.params == {"p": str(winner)}


def test_threads_write_to_one_run_and_to_many(store):
    shared = new_run(store)

    def work(i):
        own = new_run(store)
        for step in range(20):
            store.log_metric(shared, Metric("m", i, step, step * 8 + i))
            store.log_batch(own, [Metric(f"k{k}", step, step, step) for k in range(5)])
            store.log_batch(shared, [Metric(f"k{7 - k}", i, step, step) for k in range(8)])
        return own

    owned = in_threads(8, work)
    assert len(store.get_metric_history(shared, "m")) == 160
    assert store.get_run(shared).data.metrics["m"] == 7
    for run_id in owned:
        assert store.get_run(run_id).data.metrics == {f"k{k}": 19 for k in range(5)}


WORKER = """
import sys
from mlpack.tracking.sql.store import SqlStore
from mlpack.tracking.entities import Metric, Param
store = SqlStore(sys.argv[1])
shared = sys.argv[2]
own = store.create_run("0", "n", "u", 1, []).info.run_id
print("ready", flush=True)
sys.stdin.read()
for i in range(30):
    store.log_metric(own, Metric("m", i, i, i))
    params = [Param(f"{sys.argv[3]}-{i}", "v")]
    store.log_batch(shared, [Metric(f"m{sys.argv[3]}", i, i, i)], params)
print(own)
"""


@SERVERS
def test_eight_processes_log_at_once(server, request):
    uri = request.getfixturevalue(f"{server}_uri")
    store = SqlStore(uri)
    shared = new_run(store)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, uri, shared, str(i)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(8)
    ]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.close()
    owned = [child.stdout.read().strip() for child in children]
    for child in children:
        child.stdout.close()
        assert child.wait() == 0
    for run_id in owned:
        assert [m.value for m in store.get_metric_history(run_id, "m")] == list(range(30))
    data = store.get_run(shared).data
    assert data.metrics == {f"m{i}": 29 for i in range(8)}
    assert len(data.params) == 8 * 30


# --- servers that die ---


@SERVERS
def test_a_server_killed_in_the_middle(server):
    kind = {"postgresql": databases.PostgreSQL, "mariadb": databases.MariaDB}[server]
    own = kind()
    try:
        own.start()
        own.execute("CREATE DATABASE runs")
        store = SqlStore(own.uri("runs"))
        run_id = new_run(store)
        told, failed, under_way = [], [], threading.Event()

        def log():
            for step in range(10_000):
                try:
                    store.log_batch(
                        run_id,
                        [Metric(f"m{k}", step, 1, step) for k in range(50)],
                        [Param(f"p{step}-{k}", "v") for k in range(20)],
                    )
                except StorageFailed as error:
                    failed.append(error)
                    return
                told.append(step)
                if step == 5:
                    under_way.set()

        thread = threading.Thread(target=log)
        thread.start()
        assert under_way.wait(60)
        own.kill()
        thread.join()
        [error] = failed
        assert type(error) is StorageUnavailable
        assert "Is it running" in error.message and databases.ESCAPED not in error.message
        with pytest.raises(StorageUnavailable):
            store.get_run(run_id)

        own.start()
        data = store.get_run(run_id).data  # the same object works again
        steps = [m.step for m in store.get_metric_history(run_id, "m0")]
        assert steps[: len(told)] == told
        assert len(steps) <= len(told) + 1
        for k in range(50):
            assert [m.step for m in store.get_metric_history(run_id, f"m{k}")] == steps
        assert set(data.params) == {f"p{step}-{k}" for step in steps for k in range(20)}
        store.log_metric(run_id, Metric("after", 1, 1, 1))
    finally:
        own.stop()


# --- SQLite under threads and forks ---


def test_a_database_that_another_process_holds(tmp_path):
    store, other = SqlStore(tmp_path, patience=0.2), SqlStore(tmp_path)
    run_id = new_run(store)
    with other.database.write():
        for call in (
            lambda: store.log_metric(run_id, Metric("m", 1, 1, 1)),
            lambda: store.log_batch(run_id, params=[Param("p", "1")]),
        ):
            with pytest.raises(StorageUnavailable, match="Another process has held it"):
                call()
        assert store.get_run(run_id).data.metrics == {}
    store.log_metric(run_id, Metric("m", 1, 1, 1))


def test_a_store_crosses_a_fork(store):
    """As in a server that opens its store before it forks."""
    run_id = new_run(store)
    children = []
    for i in range(4):
        pid = os.fork()
        if pid == 0:
            try:
                for step in range(10):
                    store.log_metric(run_id, Metric(f"child{i}", step, step, step))
                store.log_batch(run_id, params=[Param(f"child{i}", "done")])
                os._exit(0)
            except BaseException:
                os._exit(1)
        children.append(pid)
    for step in range(10):
        store.log_metric(run_id, Metric("parent", step, step, step))
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    assert codes == [0] * 4
    data = store.get_run(run_id).data
    assert data.params == {f"child{i}": "done" for i in range(4)}
    assert set(data.metrics.values()) == {9}
