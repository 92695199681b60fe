"""The SageMaker SDK's local mode, a client that is not ours, runs our image by its own contract."""

from __future__ import annotations

import io
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlpack.builders.base import BuiltImage
from mlpack.tests.ports import free_port

pytestmark = [pytest.mark.docker, pytest.mark.cloud]


@pytest.fixture(scope="session")
def sdk_python() -> str:
    """The Python that has the SageMaker SDK; fails, with the way to get it, when there is none."""
    named = os.environ.get("MLPACK_CLOUDS_PYTHON")
    python = Path(named or Path(__file__).parents[3] / ".venv-clouds" / "bin" / "python")
    assert python.is_file(), (
        f"{python} does not exist. `make test` makes it, or set MLPACK_CLOUDS_PYTHON to a Python "
        "that has sagemaker<3."
    )
    return str(python)


@pytest.fixture
def image(docker_engine: Any, iris_image: BuiltImage) -> Iterator[str]:
    """An image of its own, since other tests run containers of the one that it is made from."""
    mark = uuid.uuid4().hex[:8]
    name = f"mlpack-test-g/local-mode:{mark}"
    parent = f"{name}-parent"
    docker_engine.images.get(iris_image.id).tag(*parent.split(":"))
    file = io.BytesIO(f"FROM {parent}\nLABEL test.mlpack={mark}\n".encode())
    docker_engine.images.build(fileobj=file, tag=name, rm=True)
    docker_engine.images.remove(parent)
    yield name
    for container in docker_engine.containers.list(all=True, filters={"ancestor": name}):
        container.remove(force=True, v=True)
    docker_engine.images.remove(name)


def test_an_endpoint_and_a_batch(
    sdk_python: str, image: str, iris_model: Path, tmp_path: Path
) -> None:
    body = (iris_model / "serving_input_example.json").read_text()
    header = ",".join(json.loads(body)["dataframe_split"]["columns"])
    asked = {
        "image": image,
        "model": str(iris_model),
        "folder": str(tmp_path),
        "port": free_port(),
        "body": body,
        "rows": f"{header}\n5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n",
    }
    done = subprocess.run(
        [sdk_python, str(Path(__file__).with_name("local_mode.py"))],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=240,
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TelemetryOptOut": "true",
            "HOME": str(tmp_path),
        },
    )
    assert done.returncode == 0, (done.stderr + done.stdout)[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert json.loads(told["answer"]) == {"predictions": [0, 0]}
    (written,) = told["batch"].values()
    assert json.loads(written) == {"predictions": [0, 2]}
