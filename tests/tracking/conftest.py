import pytest

import mlpack.tracking.active as active
import mlpack.tracking.uri as uri


@pytest.fixture(autouse=True)
def mlruns(tmp_path, monkeypatch):
    """A store of its own for each test: `./mlruns` below a fresh working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("TRACKING_URI", "RUN_ID", "EXPERIMENT_NAME", "EXPERIMENT_ID"):
        monkeypatch.delenv(f"MLPACK_{name}", raising=False)
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)
    monkeypatch.setattr(uri, "_chosen", None)
    monkeypatch.setattr(active, "_experiments", {})
    yield tmp_path / "mlruns"
    while active.active_run():
        active.end_run()
