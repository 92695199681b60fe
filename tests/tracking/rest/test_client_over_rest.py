"""What people type, behind a server: nothing of it lands on the client's own disk."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import mlpack
from mlpack import MlpackClient
from mlpack.errors import InvalidInput, NotFound
from mlpack.tracking.entities import Metric


@pytest.fixture
def client(our_server: str) -> MlpackClient:
    """In use for the whole of mlpack, too."""
    mlpack.set_tracking_uri(our_server)
    return MlpackClient()


def test_a_day(client, tmp_path):
    mlpack.set_experiment("a day")
    with mlpack.start_run(run_name="first") as run:
        mlpack.log_params({"C": 0.1, "solver": "lbfgs"})
        for step in range(5):
            mlpack.log_metric("loss", 1 / (step + 1), step=step)
        mlpack.log_metrics({"a": 1, "b": 2}, synchronous=False)
        mlpack.set_tag("team", "x")
        mlpack.log_text("hi", "notes/a.txt")
        with mlpack.start_run(nested=True) as child:
            mlpack.log_metric("m", 1)
    run_id = run.info.run_id
    found = mlpack.get_run(run_id)
    assert found.info.status == "FINISHED"
    assert found.data.metrics == {"loss": 0.2, "a": 1, "b": 2}
    assert found.data.params == {"C": "0.1", "solver": "lbfgs"}
    assert client.get_parent_run(child.info.run_id).info.run_id == run_id
    assert [metric.step for metric in client.get_metric_history(run_id, "loss")] == list(range(5))
    best = mlpack.search_runs(
        experiment_names=["a day"], filter_string="metrics.loss < 0.5", output_format="list"
    )
    assert [each.info.run_id for each in best] == [run_id]
    assert not (tmp_path / "mlruns").exists()


def test_files(client, tmp_path):
    run_id = client.create_run("0").info.run_id
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "b.bin").write_bytes(bytes(range(256)) * 1000)
    client.log_artifacts(run_id, folder, "data")
    client.log_text(run_id, "hi", "a b.txt")
    client.log_dict(run_id, {"k": 1}, "d.json")
    client.log_stream(run_id, io.BytesIO(b"stream"), "s.bin")
    listed = [(file.path, file.is_dir) for file in client.list_artifacts(run_id)]
    assert listed == [("a b.txt", False), ("d.json", False), ("data", True), ("s.bin", False)]
    assert Path(client.download_artifacts(run_id, "a b.txt")).read_text() == "hi"
    copy = client.download_artifacts(run_id, "data", tmp_path / "copy")
    assert (Path(copy) / "deep" / "b.bin").read_bytes() == bytes(range(256)) * 1000
    with pytest.raises(NotFound):
        client.download_artifacts(run_id, "none.txt")


def test_a_logged_model_step_by_step(client, tmp_path):
    run_id = client.create_run("0").info.run_id
    model = client.create_logged_model("0", "net", run_id, {"a": 1}, {"p": 2}, "regressor")
    (tmp_path / "weights").write_text("w")
    client.log_model_artifact(model.model_id, tmp_path / "weights")
    assert client.list_artifacts(run_id) == []  # not ready yet
    with pytest.raises(InvalidInput, match="READY or FAILED"):
        client.finalize_logged_model(model.model_id, "pending")
    ready = client.finalize_logged_model(model.model_id, "ready")
    assert (ready.status, ready.tags, ready.params) == ("READY", {"a": "1"}, {"p": "2"})
    assert [f.path for f in client.list_logged_model_artifacts(model.model_id)] == ["weights"]
    assert [f.path for f in client.list_artifacts(run_id, "net")] == ["net/weights"]
    assert Path(client.download_artifacts(run_id, "net/weights")).read_text() == "w"
    with pytest.raises(InvalidInput, match="takes no more files"):
        client.log_model_artifact(model.model_id, tmp_path / "weights")
    client.log_batch(run_id, [Metric("acc", 0.5, 1, 0, model.model_id)])
    client.log_model_params(model.model_id, {"q": 3})
    client.set_logged_model_tags(model.model_id, {"b": 2})
    client.delete_logged_model_tag(model.model_id, "b")
    [found] = client.search_logged_models(
        ["0"], "metrics.acc > 0.4", run_id=run_id, order_by=[{"field_name": "metrics.acc"}]
    )
    assert (found.params, found.tags) == ({"p": "2", "q": "3"}, {"a": "1"})
    client.delete_logged_model(model.model_id)
    assert client.search_logged_models(run_id=run_id) == []


def test_experiments_by_the_client(client):
    made = client.create_experiment("by the client", tags={"team": 1})
    assert client.get_experiment(made).tags == {"team": "1"}
    client.delete_experiment_tag(made, "team")
    [found] = client.search_experiments(filter_string="name = 'by the client'")
    assert (found.experiment_id, found.tags) == (made, {})
    client.delete_experiment(made)
    assert client.search_experiments(filter_string="name = 'by the client'") == []
    client.restore_experiment(made)


def test_the_server_goes_away_and_says_so(tmp_path, monkeypatch):
    from mlpack.errors import StorageFailed
    from mlpack.tests.rest_server import tracking_server

    monkeypatch.setenv("MLPACK_HTTP_REQUEST_MAX_RETRIES", "0")
    with tracking_server(tmp_path / "server") as uri:
        client = MlpackClient(uri)
        run_id = client.create_run("0").info.run_id
    client.store.http.close()
    with pytest.raises(StorageFailed, match="No tracking server answers at"):
        client.log_metric(run_id, "m", 1)
