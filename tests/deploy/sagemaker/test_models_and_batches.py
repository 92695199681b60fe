"""A real model: in the image, beside it in S3, as a batch; from the command line; its rights."""

from __future__ import annotations

import io
import json
import shutil
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlpack.builders.base import BuildSpec
from mlpack.cli.main import cli
from mlpack.deploy_targets.sagemaker import model_data
from mlpack.errors import DeployFailed, InvalidInput
from mlpack.tests.serve.real import eventually

from .conftest import Named

pytestmark = [pytest.mark.docker, pytest.mark.cloud, pytest.mark.usefixtures("runtime_as_it_is")]
ONE = {"MLPACK_WORKERS": "1"}  # starts in half the time


@pytest.mark.usefixtures("only_documented_rights")
def test_a_model_in_its_image_then_a_second_version(
    named: Named, iris_image: object, iris_model: Path, tmp_path: Path
) -> None:
    spec = BuildSpec(iris_model, "unused", trust=True)
    made = named.create(spec, role="sagemaker", env=ONE)
    assert made.model_digest
    example = (iris_model / "serving_input_example.json").read_bytes()
    answer = named.target.predict(named.name, example, "application/json")
    assert json.loads(answer.body) == {"predictions": [0, 0]}
    assert named.target.plan(named.request(spec, env=ONE)).action == "none"

    other = tmp_path / "other"
    shutil.copytree(iris_model, other)
    (other / "note.txt").write_text("a second version")
    second = BuildSpec(other, "unused", trust=True)
    assert named.target.plan(named.request(second, env=ONE)).action == "update"
    updated = named.update(second, env=ONE)
    assert updated.model_digest != made.model_digest
    answer = named.target.predict(named.name, example, "application/json")
    assert json.loads(answer.body) == {"predictions": [0, 0]}
    assert named.target.rollback(named.name).model_digest == made.model_digest
    with pytest.raises(InvalidInput):
        named.target.predict(named.name, b"{", "application/json")

    named.target.delete(named.name)
    assert named.left() == []


@pytest.mark.usefixtures("only_documented_rights")
def test_one_image_for_many_versions(
    named: Named, iris_image: object, iris_model: Path, tmp_path: Path
) -> None:
    prefix = f"s3://{named.world.bucket}/models"
    spec = BuildSpec(iris_model, "unused", trust=True)
    named.create(spec, model_data=prefix, env=ONE)
    example = (iris_model / "serving_input_example.json").read_bytes()
    assert b"predictions" in named.target.predict(named.name, example, "application/json").body

    other = tmp_path / "other"
    shutil.copytree(iris_model, other)
    (other / "note.txt").write_text("a second version")
    before = named.world.ecr.digests(f"mlpack/{named.name}")
    named.update(BuildSpec(other, "unused", trust=True), model_data=prefix, env=ONE)
    assert named.world.ecr.digests(f"mlpack/{named.name}") == before
    assert b"predictions" in named.target.predict(named.name, example, "application/json").body

    s3 = named.world.client("s3")
    assert len(s3.list_objects_v2(Bucket=named.world.bucket, Prefix="models/")["Contents"]) == 2
    named.target.delete(named.name)
    assert "Contents" not in s3.list_objects_v2(Bucket=named.world.bucket, Prefix="models/")


@pytest.mark.usefixtures("only_documented_rights")
def test_a_batch(named: Named, iris_image: object, iris_model: Path) -> None:
    columns = json.loads((iris_model / "serving_input_example.json").read_text())
    header = ",".join(columns["dataframe_split"]["columns"])
    rows = f"{header}\n5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n".encode()
    s3, bucket = named.world.client("s3"), named.world.bucket
    s3.put_object(Bucket=bucket, Key=f"{named.name}/in/rows.csv", Body=rows)
    options: dict[str, object] = {
        "env": ONE,
        "batch_input": f"s3://{bucket}/{named.name}/in/",
        "batch_output": f"s3://{bucket}/{named.name}/out",
    }
    spec = BuildSpec(iris_model, "unused", trust=True)
    plan = named.target.plan(named.request(spec, **options))
    assert plan.paid[0] == "1 × ml.m5.large, until the job ends"
    done = named.create(spec, **options)
    assert (done.status, done.details["status"]) == ("stopped", "Completed")
    answer = s3.get_object(Bucket=bucket, Key=f"{named.name}/out/rows.csv.out")["Body"].read()
    assert json.loads(answer) == {"predictions": [0, 2]}
    assert named.target.get(named.name).details["output"] == options["batch_output"]
    assert any("mlpack is serving" in line for line in named.target.logs(named.name))

    s3.put_object(Bucket=bucket, Key=f"{named.name}/in/rows.csv", Body=b"no,table\n1,2\n")
    with pytest.raises(DeployFailed, match=r"batch job .* failed: AlgorithmError"):
        named.create(spec, **options)
    named.target.delete(named.name)
    assert named.left() == []


def test_a_batch_that_runs_is_stopped_by_a_delete(named: Named) -> None:
    cloud, where = named.world.cloud, f"s3://{named.world.bucket}/{named.name}"
    cloud.go.clear()
    options = {"batch_input": f"{where}/in/", "batch_output": f"{where}/out"}
    job = named.target.create(named.request(wait=False, **options)).details["job"]
    assert named.target.get(named.name).details["job"] == job
    delete = threading.Thread(target=named.target.delete, args=(named.name,))
    delete.start()
    made = cloud.things["transform-job"][job]
    eventually(lambda: made["TransformJobStatus"] == "Stopping")
    cloud.go.set()
    delete.join()
    assert made["TransformJobStatus"] == "Stopped"
    assert named.left() == []


def test_from_the_command_line(named: Named, iris_model: Path, mlruns: Path) -> None:
    common = ["--target", "sagemaker", "-n", named.name]
    deploy = ["deploy", "-m", str(iris_model), *common, "--image", named.image]
    deploy += ["-C", f"role={named.world.role}", "-C", "env=TOKEN=s3cr3t-value", "--trust"]
    dry = _run([*deploy, "--dry-run"])
    assert "1 × ml.m5.large" in dry and "s3cr3t-value" not in dry and "TOKEN" in dry
    made = json.loads(_run([*deploy, "--yes", "--json"]))
    assert (made["action"], made["status"]) == ("create", "healthy")
    assert json.loads(_run([*deploy, "--yes", "--json"]))["action"] == "none"
    assert named.name in _run(["deployments", "list", "--target", "sagemaker"])
    assert "healthy" in _run(["deployments", "get", *common, "-C", "region=eu-central-1"])
    assert "starting" in _run(["deployments", "logs", *common])
    _run(["deployments", "delete", *common])
    assert named.left() == []


def test_the_archive_is_the_same_for_the_same_files(iris_model: Path) -> None:
    first, second = io.BytesIO(), io.BytesIO()
    model_data.write_tar(iris_model, first)
    (iris_model / "MLmodel").touch()
    model_data.write_tar(iris_model, second)
    assert first.getvalue() == second.getvalue()


def _run(arguments: list[str]) -> str:
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return str(done.stdout)
