"""Processes that are killed, that write together, that fork; folders that vanish or are full."""

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import mlpack
from mlpack import MlpackClient
from mlpack.errors import InvalidInput, InvalidState, NotFound, StorageFailed


def test_kill_9_loses_no_call_that_returned():
    code = """
import mlpack, itertools
run = mlpack.start_run()
print(run.info.run_id, flush=True)
for i in itertools.count():
    mlpack.log_metric("m", i, step=i)
    mlpack.log_param(f"p{i}", i)
    print(i, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        run_id = child.stdout.readline().strip()
        for _ in range(300):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        told = [int(line) for line in child.stdout if line.endswith("\n")]
    last = told[-1] if told else 299
    client = MlpackClient()
    steps = [m.step for m in client.get_metric_history(run_id, "m")]
    assert steps[: last + 1] == list(range(last + 1))
    assert len(steps) <= last + 2
    params = client.get_run(run_id).data.params
    assert all(params[f"p{i}"] == str(i) for i in range(last + 1))
    assert client.get_run(run_id).info.status == "RUNNING"


def run_together(count, code):
    """So many processes at once; what each of them printed."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE
        )
        for _ in range(count)
    ]
    # all have imported what they need and wait; now they go
    for child in children:
        child.stdout.readline()
    for child in children:
        child.stdin.close()
    said = [child.stdout.read().decode().strip() for child in children]
    for child in children:
        child.stdout.close()
        assert child.wait() == 0
    return said


READY = (
    "import sys, sqlalchemy, mlpack, mlpack.fluent; print('ready', flush=True); sys.stdin.read()"
)


def test_eight_processes_make_one_database_and_write_at_once():
    run_ids = run_together(
        8,
        READY
        + """
with mlpack.start_run() as run:
    for i in range(100):
        mlpack.log_metric("m", i, step=i)
        if i % 20 == 0:
            mlpack.log_params({f"p{i}": i})
            mlpack.log_text(str(i), f"{i}.txt")
print(run.info.run_id)
""",
    )
    client = MlpackClient()
    assert len(set(run_ids)) == 8
    for run_id in run_ids:
        assert [m.value for m in client.get_metric_history(run_id, "m")] == list(range(100))
        run = client.get_run(run_id)
        assert run.info.status == "FINISHED"
        assert len(run.data.params) == 5
        assert len(client.list_artifacts(run_id)) == 5


def test_processes_that_make_the_same_experiment_get_the_same_one():
    code = READY + "\nprint(mlpack.set_experiment('shared').experiment_id)"
    assert len(set(run_together(4, code))) == 1


def test_a_removed_folder_is_made_anew(mlruns):
    mlpack.log_metric("m", 1)
    mlpack.end_run()
    shutil.rmtree(mlruns)
    with mlpack.start_run() as run:
        for i in range(3):
            mlpack.log_metric("m", i, step=i)
    with closing(sqlite3.connect(mlruns / "mlpack.db")) as database:
        assert database.execute("SELECT count(*) FROM metrics").fetchone() == (3,)
    assert mlpack.get_run(run.info.run_id).data.metrics == {"m": 2}


def test_a_folder_removed_under_a_run_is_an_error_not_a_loss(mlruns):
    with mlpack.start_run():
        mlpack.log_metric("m", 1)
        shutil.rmtree(mlruns)
        with pytest.raises(NotFound):
            mlpack.log_metric("m", 2)


def test_reading_makes_nothing(mlruns):
    assert mlpack.search_runs(output_format="list") == []
    assert [e.name for e in mlpack.search_experiments()] == ["Default"]
    with pytest.raises(NotFound, match=r"No run with id 'x' in .*mlpack\.db"):
        mlpack.get_run("x")
    assert not mlruns.exists()


def test_a_moved_folder_works(mlruns, tmp_path):
    with mlpack.start_run() as run:
        mlpack.log_text("hi", "a.txt")
    mlruns.rename(tmp_path / "elsewhere")
    mlpack.set_tracking_uri(tmp_path / "elsewhere")
    found = mlpack.get_run(run.info.run_id)
    assert Path(found.info.artifact_uri, "a.txt").read_text() == "hi"


# --- addresses ---


def test_tracking_uris(tmp_path, monkeypatch):
    assert mlpack.get_tracking_uri() == "mlruns"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "theirs")
    assert mlpack.get_tracking_uri() == "theirs"
    monkeypatch.setenv("MLPACK_TRACKING_URI", str(tmp_path / "ours"))
    assert mlpack.get_tracking_uri() == str(tmp_path / "ours")
    mlpack.log_metric("m", 1)
    mlpack.end_run()
    assert (tmp_path / "ours" / "mlpack.db").exists()
    mlpack.set_tracking_uri(f"file://{tmp_path}/by%20file")
    mlpack.log_metric("m", 1)
    mlpack.end_run()
    assert (tmp_path / "by file" / "mlpack.db").exists()
    mlpack.set_tracking_uri("")
    assert mlpack.get_tracking_uri() == str(tmp_path / "ours")


def test_a_database_and_its_folder_are_one_store(tmp_path):
    with mlpack.start_run() as run:
        mlpack.log_text("hi", "a.txt")
    mlpack.set_tracking_uri("sqlite:///mlruns/mlpack.db")
    assert Path(mlpack.get_run(run.info.run_id).info.artifact_uri, "a.txt").is_file()
    mlpack.set_tracking_uri(f"sqlite:///{tmp_path}/own.db")
    with mlpack.start_run() as run:
        mlpack.log_text("hi", "a.txt")
    assert (tmp_path / "own.db").is_file()
    assert (tmp_path / "mlruns" / "0" / run.info.run_id / "artifacts" / "a.txt").is_file()


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("http://", "not of the form http://host:port"),
        ("http://h:no", "not of the form http://host:port"),
        ("sqlite://x.db", "not of the form sqlite:///"),
        ("sqlite:///", "not of the form sqlite:///"),
        ("sqlite:///:memory:", "not of the form sqlite:///"),
        ("postgresql://h", "not of the form postgresql://user:password@host"),
        ("mysql+pymysql:h/d", "not of the form mysql://user:password@host"),
        ("mysql://u:secret@h/", r"'mysql://u:\*\*\*@h/' is not of the form"),
        ("oracle://u:secret@h/d", r"'oracle://u:\*\*\*@h/d' is not the address of a tracking"),
        ("databricks:x", "not the address of a tracking store"),
    ],
)
def test_addresses_that_are_none(uri, says, monkeypatch):
    with pytest.raises(InvalidInput, match=says):
        mlpack.set_tracking_uri(uri)
    monkeypatch.setenv("MLPACK_TRACKING_URI", uri)
    with pytest.raises(InvalidInput, match=says):
        mlpack.start_run()


# --- storage that fails ---


def test_a_file_that_is_no_database(mlruns):
    mlruns.mkdir()
    (mlruns / "mlpack.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageFailed, match=r"mlpack\.db.*damaged or no SQLite file"):
        mlpack.start_run()


def test_a_database_of_somebody_else(mlruns):
    mlruns.mkdir()
    with closing(sqlite3.connect(mlruns / "mlpack.db")) as database:
        database.execute("CREATE TABLE alembic_version (x)")
    with pytest.raises(InvalidState, match=r"something else.*'alembic_version'"):
        mlpack.start_run()


def test_a_database_of_a_later_version(mlruns):
    with mlpack.start_run():
        pass
    with closing(sqlite3.connect(mlruns / "mlpack.db")) as database, database:
        database.execute("UPDATE mlpack_meta SET value = 99 WHERE key = 'schema_version'")
    code = "import mlpack; mlpack.start_run()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "has schema version 99, made by a later mlpack" in done.stderr
    assert "Upgrade mlpack" in done.stderr


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "mlruns").write_text("")
    with pytest.raises(StorageFailed, match=r"Not a directory|Cannot"):
        mlpack.start_run()


@contextmanager
def as_nobody():
    """Root may write everywhere; become somebody who may not."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        yield


@pytest.fixture
def closed_folder(monkeypatch):
    """A folder that may be read but not written, outside pytest's private ones."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "closed").mkdir()
        monkeypatch.chdir(folder)
        yield folder / "closed"
        (folder / "closed").chmod(0o755)


def test_an_unwritable_folder(closed_folder):
    closed_folder.chmod(0o555)
    mlpack.set_tracking_uri(closed_folder / "mlruns")
    with as_nobody(), pytest.raises(StorageFailed, match=r"Permission denied.*MLPACK_TRACKING_URI"):
        mlpack.start_run()
    assert list(closed_folder.iterdir()) == []
    assert mlpack.active_run() is None


def test_a_store_that_may_only_be_read_is_read(closed_folder):
    code = f"""
import mlpack
mlpack.set_tracking_uri({str(closed_folder)!r})
with mlpack.start_run() as run:
    mlpack.log_metric("m", 1)
    mlpack.log_text("hi", "a.txt")
print(run.info.run_id)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    run_id = done.stdout.strip()
    closed_folder.chmod(0o555)
    (closed_folder / "mlpack.db").chmod(0o444)
    mlpack.set_tracking_uri(closed_folder)
    with as_nobody():
        assert mlpack.get_run(run_id).data.metrics == {"m": 1}
        assert Path(MlpackClient().download_artifacts(run_id, "a.txt")).read_text() == "hi"
        with pytest.raises(StorageFailed, match="not writable"):
            mlpack.log_metric("m", 2, run_id=run_id)
        with pytest.raises(StorageFailed, match="Permission denied"):
            mlpack.log_text("no", "b.txt", run_id=run_id)


@contextmanager
def full_disk(room):
    """No file may grow beyond ``room`` bytes: writes stop half-way, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_keeps_nothing_by_halves(mlruns, tmp_path):
    (tmp_path / "big.bin").write_bytes(os.urandom(3_000_000))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a-small.txt").write_text("x")
    (tmp_path / "folder" / "b-big.bin").write_bytes(os.urandom(3_000_000))
    with mlpack.start_run() as run:
        mlpack.log_param("before", 1)
        wal = mlruns / "mlpack.db-wal"
        with full_disk(wal.stat().st_size + 50_000):
            with pytest.raises(StorageFailed, match="Nothing of it was kept"):
                mlpack.log_artifact(tmp_path / "big.bin", "deep/er")
            with pytest.raises(StorageFailed, match="Nothing of it was kept"):
                mlpack.log_artifacts(tmp_path / "folder", "f")
            with pytest.raises(StorageFailed, match="tracking database"):
                mlpack.log_params({f"p{i}": "x" * 5000 for i in range(100)})
        found = mlpack.get_run(run.info.run_id)
        assert found.data.params == {"before": "1"}
        assert not list(Path(found.info.artifact_uri).rglob("*"))
        mlpack.log_param("after", 1)  # and when there is room again, it goes on
    assert set(mlpack.get_run(run.info.run_id).data.params) == {"before", "after"}


def test_an_interrupt_in_a_write_leaves_the_store_usable():
    store = MlpackClient().store
    with mlpack.start_run() as run:
        for enter in (store.database.write, store.database.fast_write):
            with pytest.raises(KeyboardInterrupt), enter():
                raise KeyboardInterrupt
            mlpack.log_metric("m", 1)
            mlpack.log_param("p", 1)
    assert mlpack.get_run(run.info.run_id).data.metrics == {"m": 1}
