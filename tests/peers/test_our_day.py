"""Our client on the original server as on ours, and what the real client then finds there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlpack.tests.peer import peer_python

pytestmark = [pytest.mark.peer, pytest.mark.server]

HERE = Path(__file__).parent

Day = tuple[str, dict[str, Any]]


def _run(command: list[Any], folder: Path, **environment: str) -> dict[str, Any]:
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    done = subprocess.run(
        command, cwd=folder, env=os.environ | quiet | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="module")
def recorded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Day]:
    """``recorded("ours")``: the address of that server, and what a day left there."""
    days: dict[str, Day] = {}

    def day(which: str) -> Day:
        if which not in days:
            server = request.getfixturevalue(which)
            folder = tmp_path_factory.mktemp("day")
            names = {"MLPACK_TRACKING_URI": server, "MLPACK_EXPERIMENT": uuid.uuid4().hex}
            days[which] = server, _run([sys.executable, HERE / "our_day.py"], folder, **names)
        return days[which]

    return day


@pytest.mark.parametrize("generation", [1, 2, 3])
@pytest.mark.parametrize("which", ["ours", "theirs"])
def test_the_real_client_reads_it(
    which: str, generation: int, recorded: Callable[[str], Day], tmp_path: Path
) -> None:
    server, day = recorded(which)
    command = [peer_python(generation), HERE / "read_ours.py", day["run_id"]]
    seen = _run(command, tmp_path, MLFLOW_TRACKING_URI=server)
    expected = {
        "name": "ours",
        "status": "FINISHED",
        "params": {"depth": "3", "text": "ünï"},
        "nan": True,
        "metrics": {"loss": 0.2, "f1": 0.5},
        "tags": ["outer", "blue"],
        "history": [0, 1, 2, 3, 4],
        "files": [["files/deep", True, None], ["files/top ü.txt", False, 3]],
        "text": "hello",
        "table": ["ours", "child"],
    }
    if generation == 3:
        expected |= {
            "native": day["predictions"],
            "pyfunc": day["predictions"],
            "model": ["classifier", "READY", True],
            "inputs": ["iris"],
            "outputs": [True],
        }
    assert seen == expected
