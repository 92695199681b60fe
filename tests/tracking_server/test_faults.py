"""What the server answers while what is behind it does not work, and that it recovers by itself."""

import os
import signal
import threading

import pytest

from mlpack.tests import databases
from mlpack.tests.artifacts import servers
from mlpack.tracking.sql.store import SqlStore

from .conftest import Api

FILES = "/api/2.0/mlflow-artifacts/artifacts"


def _refused(answer):
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1"), answer.text
    assert answer.json["error_code"] == "TEMPORARILY_UNAVAILABLE"
    return answer.json["message"]


def test_a_database_file_that_another_process_holds(make_app, tmp_path, monkeypatch):
    """Requests that write are refused after a while, all of them: threads do not wait in turn."""
    monkeypatch.setattr("mlpack.tracking_server.backend._PATIENCE", 0.5)
    app = make_app()
    run_id = Api(app.test_client()).run()
    point = {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1}
    answers = []

    def log(step):
        body = {**point, "step": step}
        answers.append(app.test_client().post("/api/2.0/mlflow/runs/log-metric", json=body))

    threads = [threading.Thread(target=log, args=(step,)) for step in range(8)]
    with SqlStore(tmp_path / "mlruns").database.write():
        for thread in threads:
            thread.start()
        assert app.test_client().get(f"/runs/{run_id}").status_code == 200
        for thread in threads:
            thread.join()
    assert all("is locked" in text or "was busy" in text for text in map(_refused, answers))
    assert Api(app.test_client()).post("runs/log-metric", **point) == {}


@pytest.mark.db
@pytest.mark.parametrize("kind", [databases.PostgreSQL, databases.MariaDB])
def test_a_database_that_dies_and_comes_back(make_app, kind, caplog):
    own = kind()
    try:
        own.start()
        with databases.fresh_database(own) as uri:
            client = make_app(backend_store_uri=uri).test_client()
            api = Api(client)
            run_id = api.run()
            point = {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1}
            own.kill()
            for _ in range(2):
                message = _refused(client.post("/api/2.0/mlflow/runs/log-metric", json=point))
                assert "Is it running" in message
            page = client.get(f"/runs/{run_id}")
            assert page.status_code == 503 and "Is it running" in page.text
            assert client.get("/health").status_code == 200
            own.start()
            assert api.post("runs/log-metric", **point) == {}
    finally:
        own.stop()
    assert "Is it running" in caplog.text and "Traceback" not in caplog.text
    for told in (message, page.text, caplog.text):
        assert databases.PASSWORD not in told and databases.ESCAPED not in told


@pytest.mark.cloud
def test_an_object_store_that_dies(make_app, tmp_path, monkeypatch):
    with servers.s3(tmp_path / "s3") as own:
        servers.make_bucket(own, "s3", "bucket")
        for name, value in own.environment.items():
            monkeypatch.setenv(name, value)
        client = make_app(artifacts_destination="s3://bucket/files").test_client()
        assert client.put(f"{FILES}/0/a", data=b"x").status_code == 200
        os.killpg(own.process.pid, signal.SIGKILL)
        for answer in (
            client.put(f"{FILES}/0/b", data=b"x"),
            client.get(f"{FILES}/0/a"),
            client.get(FILES, query_string={"path": "0"}),
        ):
            assert "does not answer" in _refused(answer)
        assert Api(client).run()
