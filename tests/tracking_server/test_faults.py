"""What the server answers while what is behind it does not work, and that it recovers by itself."""

import threading

from mlpack.tracking.sql.store import SqlStore

from .conftest import Api


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
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json["error_code"] for answer in answers} == {"TEMPORARILY_UNAVAILABLE"}
    assert all(answer.headers["Retry-After"] for answer in answers)
    assert Api(app.test_client()).post("runs/log-metric", **point) == {}
