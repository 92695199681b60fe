"""The example of a third party's target does what its docs say."""

import json
from pathlib import Path

import pytest

import mlpack
from mlpack.deploy_targets.discovery import get_target, target_names
from mlpack.tests.deploy.test_deploying import run
from mlpack.tests.ports import free_port

EXAMPLE = Path(mlpack.__file__).parent / "examples" / "process_target"


@pytest.mark.server
def test_the_example_of_a_target_works(
    mlruns: Path, iris_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tomllib

    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    info = tmp_path / "site" / "mlpack_process-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mlpack-process\nVersion: 0.1.0\n")
    (entries,) = project["entry-points"].items()
    lines = [f"{name} = {value}" for name, value in entries[1].items()]
    (info / "entry_points.txt").write_text(f"[{entries[0]}]\n" + "\n".join(lines) + "\n")
    for folder in (EXAMPLE, tmp_path / "site"):
        monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "process" in target_names()
    lines = (EXAMPLE / "mlpack_process.py").read_text().splitlines()
    assert len([line for line in lines if line]) < 80

    where = ("-t", "process", "-n", "iris")
    port = f"port={free_port()}"
    made = run("deploy", "-m", str(iris_model), *where, "-C", port, "--trust", "--json")
    assert made.exit_code == 0, made.output
    try:
        answer = run("deployments", "predict", *where, "--example")
        assert json.loads(answer.stdout) == {"predictions": [0, 0]}
        assert "mlpack is serving" in run("deployments", "logs", *where).stdout
    finally:
        assert run("deployments", "delete", *where).exit_code == 0
    assert get_target("process").list() == []
