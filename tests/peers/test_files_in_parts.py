"""The unmodified client sends large files to our server in parts, and fetches them by itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlpack.tests.artifacts import servers
from mlpack.tests.peer import peer_python

pytestmark = [pytest.mark.peer, pytest.mark.server]

SCRIPT = Path(__file__).with_name("send_files.py")
PARTS = 4  # of each of the two files that the script sends


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """An S3 server with a bucket."""
    with servers.s3(tmp_path_factory.mktemp("s3")) as store:
        servers.make_bucket(store, "s3", "bucket")
        yield store


@pytest.fixture
def send(tmp_path: Path) -> Callable[..., str]:
    """``send(generation, destination, options, store, **variables)``: the server's log after."""

    def run(
        generation: int,
        destination: str,
        options: tuple[str, ...] = (),
        store: servers.Server | None = None,
        **variables: str,
    ) -> str:
        folder = tmp_path / "server"
        keys = store.environment if store else {}
        options = ("--access-log", *options)
        with servers.tracking(folder, destination, keys, options=options) as server:
            environment = {
                "MLFLOW_TRACKING_URI": server.url,
                "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": "500000",
                "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE": "300000",
                "MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE": "300000",
                "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
                **variables,
            }
            done = subprocess.run(
                [peer_python(generation), SCRIPT],
                cwd=tmp_path,
                env=os.environ | environment,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0 and "the same" in done.stdout, done.stderr
        return (folder / "server.log").read_text()

    return run


def calls(log: str, method: str, part_of_path: str) -> int:
    """How many of that kind were answered with 200."""
    return sum(
        f'"{method} ' in line and part_of_path in line and '" 200 ' in line
        for line in log.splitlines()
    )


@pytest.mark.parametrize("generation", [2, 3])
def test_into_a_folder(send: Callable[..., str], tmp_path: Path, generation: int) -> None:
    files = tmp_path / "files"
    log = send(generation, str(files), MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD="true")
    assert calls(log, "PUT", "/mpu-part/") == 2 * PARTS
    assert calls(log, "POST", "/mpu/complete/") == 2 and calls(log, "PUT", "/artifacts/") == 0
    assert len(list(files.rglob("big file.bin"))) == 2
    assert not list((files / ".mlpack-uploads").rglob("parts/*"))


@pytest.mark.cloud
@pytest.mark.parametrize("generation", [2, 3])
def test_into_an_object_store(
    send: Callable[..., str], object_store: servers.Server, generation: int
) -> None:
    variables = {"MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true"}
    log = send(generation, f"s3://bucket/{generation}", store=object_store, **variables)
    assert calls(log, "PUT", "/mpu-part/") == 2 * PARTS
    assert calls(log, "POST", "/mpu/complete/") == 2 and calls(log, "PUT", "/artifacts/") == 0


def test_the_newest_asks_the_server_whether_it_takes_parts(
    send: Callable[..., str], tmp_path: Path
) -> None:
    log = send(3, str(tmp_path / "files"), ("--public-url", "http://localhost:{port}"))
    assert calls(log, "PUT", "/mpu-part/") == 2 * PARTS and calls(log, "PUT", "/artifacts/") == 0


def test_it_sends_files_whole_where_that_is_not_sure(
    send: Callable[..., str], tmp_path: Path
) -> None:
    log = send(3, str(tmp_path / "files"))
    assert calls(log, "PUT", "/mpu-part/") == 0 and calls(log, "PUT", "/artifacts/") == 2


@pytest.mark.cloud
def test_it_fetches_from_the_object_store_by_itself(
    send: Callable[..., str], object_store: servers.Server
) -> None:
    log = send(3, "s3://bucket/signed", ("--presigned-downloads",), object_store)
    assert calls(log, "GET", "/presigned/") == 2
    assert calls(log, "GET", "/mlflow-artifacts/artifacts/") == 0
