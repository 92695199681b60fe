"""One server takes the place of another, and nobody who asks meanwhile notices."""

import http.client
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mlpack.errors import EngineUnavailable
from mlpack.serve.handover import adopt
from mlpack.tests.load import Load
from mlpack.tests.ports import free_port
from mlpack.tests.serve.real import Server, eventually, save_obedient

pytestmark = pytest.mark.server


class Holder:
    """Holds a free port; ends with the block."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlpack.serve.handover", str(path)],
            env={**os.environ, "MLPACK_HOST": "127.0.0.1", "MLPACK_PORT": str(self.port)},
        )

    def __enter__(self) -> "Holder":
        adopted = socket.socket(socket.AF_UNIX)
        while adopted.connect_ex(str(self.path)):
            assert self.process.poll() is None
        adopted.close()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_obedient(tmp_path / "model")


def test_a_replacement_goes_unnoticed(folder: Path, tmp_path: Path) -> None:
    with Holder(tmp_path / "listener") as holder, ExitStack() as servers:

        def start() -> Any:
            server = Server(folder, tmp_path, "--workers", "2", MLPACK_LISTENER=str(holder.path))
            return servers.enter_context(server).process

        running = start()
        with Load(f"http://127.0.0.1:{holder.port}", b'{"inputs": ["pid"]}') as load:
            load.wait_for(300)
            for number in range(3):
                eventually(lambda number=number: len(load.answers) == 2 * (number + 1))
                former, running = running, start()
                load.wait_for(100)
                former.send_signal(signal.SIGTERM)
                assert former.wait(60) == 0
                load.wait_for(300)
            eventually(lambda: len(load.answers) == 8)  # each worker of each server
        assert load.failures == []


def test_requests_wait_while_there_is_no_server(folder: Path, tmp_path: Path) -> None:
    with Holder(tmp_path / "listener") as holder:
        waiting = http.client.HTTPConnection("127.0.0.1", holder.port, timeout=60)
        waiting.request(
            "POST", "/invocations", b'{"inputs": [1]}', {"Content-Type": "application/json"}
        )
        with Server(folder, tmp_path, MLPACK_LISTENER=str(holder.path)):
            assert waiting.getresponse().status == 200


def test_a_server_ends_with_its_holder(folder: Path, tmp_path: Path) -> None:
    with (
        Holder(tmp_path / "listener") as holder,
        Server(folder, tmp_path, MLPACK_LISTENER=str(holder.path)) as server,
    ):
        holder.process.kill()
        assert server.process.wait(60) == 1


def test_a_holder_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "listener"
    with Holder(path) as first, Holder(path) as second:
        code = (
            "import sys; from pathlib import Path; from mlpack.serve.handover import adopt; "
            "print(adopt(Path(sys.argv[1])).getsockname()[1])"
        )
        for _ in range(100):
            found = subprocess.run(
                [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
            )
            if int(found.stdout) == second.port:
                break
        else:
            raise AssertionError(f"still {first.port}")


def test_no_holder(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="Nobody hands over"):
        adopt(tmp_path / "none", patience=0.1)
