"""``import mlpack as mlflow``: what people's code looks up is there."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mlpack
from mlpack.errors import InvalidInput, NotFound


def test_names_of_mlflow():
    import mlpack as mlflow

    assert mlflow.MlflowClient is mlflow.tracking.MlflowClient is mlflow.MlpackClient
    assert mlflow.exceptions.MlflowException is mlflow.MlflowException is mlflow.MlpackError
    assert mlflow.entities.RunStatus.FINISHED == "FINISHED"
    assert mlflow.models.evaluate is mlflow.evaluate
    assert mlflow.models.MetricThreshold is mlflow.MetricThreshold
    assert mlflow.models.make_metric is mlflow.make_metric
    assert callable(mlflow.sklearn.autolog) and callable(mlflow.autolog)
    with pytest.raises(mlflow.exceptions.MlflowException) as caught:
        mlflow.get_run("0" * 32)
    assert caught.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    for module in (mlflow.artifacts, mlflow.models, mlflow.sklearn, mlflow.tracking, mlflow.data):
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            _ = module.nonsense


@pytest.mark.parametrize(
    "line",
    [
        "from mlpack.tracking import MlflowClient",
        "from mlpack.artifacts import download_artifacts",
        "from mlpack.sklearn import autolog",
        "from mlpack.data import from_pandas",
        "from mlpack.models import infer_signature, evaluate, get_model_info",
        "import mlpack.autolog.sklearn; mlpack.autolog(disable=True)",
    ],
)
def test_imports_in_a_fresh_process(line):
    subprocess.run([sys.executable, "-c", line], check=True)


def test_files_by_address(tmp_path):
    from PIL import Image

    with mlpack.start_run() as run:
        mlpack.log_text("ä", "deep/a.txt")
        mlpack.log_dict({"a": [1]}, "a.json")
        mlpack.log_image(Image.new("RGB", (2, 3), "red"), "a.png")
        mlpack.log_stream(io.BytesIO(b"\xff\x00"), "raw/a.bin")
    run_id, address = run.info.run_id, f"runs:/{run.info.run_id}"
    assert mlpack.artifacts.load_text(f"{address}/deep/a.txt") == "ä"
    assert mlpack.artifacts.load_text(mlpack.get_run(run_id).info.artifact_uri + "/deep/a.txt")
    assert mlpack.artifacts.load_dict(f"{address}/a.json") == {"a": [1]}
    assert mlpack.artifacts.load_image(f"{address}/a.png").size == (2, 3)
    with pytest.raises(InvalidInput, match="no UTF-8 text"):
        mlpack.artifacts.load_text(f"{address}/raw/a.bin")
    with pytest.raises(InvalidInput, match="no JSON"):
        mlpack.artifacts.load_dict(f"{address}/deep/a.txt")
    with pytest.raises(InvalidInput, match="no picture"):
        mlpack.artifacts.load_image(f"{address}/deep/a.txt")
    with pytest.raises(NotFound, match="is a folder"):
        mlpack.artifacts.load_text(f"{address}/deep")
    files = mlpack.artifacts.list_artifacts(run_id=run_id)
    assert [file.path for file in files] == ["a.json", "a.png", "deep", "raw"]
    copy = mlpack.artifacts.download_artifacts(
        run_id=run_id, artifact_path="deep/a.txt", dst_path=tmp_path / "copy"
    )
    assert Path(copy).read_text(encoding="utf-8") == "ä"
    for wrong in ({}, {"artifact_uri": address, "run_id": run_id}):
        with pytest.raises(InvalidInput, match="one of them"):
            mlpack.artifacts.download_artifacts(**wrong)


def test_files_of_a_model(tmp_path):
    with mlpack.start_run():
        info = mlpack.pyfunc.log_model("m", python_model=lambda model_input: 1)
    assert "MLmodel" in [f.path for f in mlpack.artifacts.list_artifacts(info.model_uri)]
    assert "python_function" in mlpack.artifacts.load_text(f"{info.model_uri}/MLmodel")
    copy = mlpack.artifacts.download_artifacts(info.model_uri, dst_path=tmp_path / "copy")
    assert mlpack.load_model(copy).metadata.model_id == info.model_id


def test_pictures_over_the_steps():
    with mlpack.start_run() as run:
        for step in (0, 1):
            pixels = np.zeros((300, 600, 3), "uint8")
            mlpack.log_image(pixels, key="net/dogs", step=step, timestamp=5)
        with pytest.raises(InvalidInput, match="may hold letters"):
            mlpack.log_image(pixels, key="a+b")
        with pytest.raises(InvalidInput, match="either artifact_file, or key"):
            mlpack.log_image(pixels, "a.png", key="a")
    files = mlpack.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path="images")
    names = [file.path for file in files]
    assert len(names) == 4
    assert all(name.startswith("images/net~dogs+step+") for name in names)
    [small] = [name for name in names if "+step+1+timestamp+5+" in name and "compressed" in name]
    assert small.endswith("+compressed.webp")
    picture = mlpack.artifacts.load_image(f"runs:/{run.info.run_id}/{small}")
    assert picture.size == (256, 128)
    assert mlpack.get_run(run.info.run_id).data.tags["mlflow.loggedImages"] == "True"


def test_what_is_known_of_a_model(mlruns, iris_model):
    class Same(mlpack.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input

    with mlpack.start_run() as run:
        logged = mlpack.pyfunc.log_model(
            python_model=Same(), name="m", registered_model_name="churn", metadata={"a": 1}
        )
    for address in (logged.model_uri, f"runs:/{run.info.run_id}/m", "models:/churn/1"):
        info = mlpack.models.get_model_info(address)
        assert (info.run_id, info.model_id, info.name) == (run.info.run_id, logged.model_id, "m")
        assert info.metadata == {"a": 1} and info.digest == logged.digest
    assert info.registered_model_version == 1
    saved = mlpack.models.get_model_info(iris_model)
    assert saved.signature is not None and saved.run_id is saved.digest is None
    with pytest.raises(NotFound):
        mlpack.models.get_model_info("models:/nobody/1")
