"""``mlpack artifacts``: list, download, log."""

import json

import pytest
from click.testing import CliRunner

import mlpack
from mlpack.cli.main import cli
from mlpack.errors import NotFound


@pytest.fixture
def run_id(mlruns):
    with mlpack.start_run() as run:
        mlpack.log_text("hello", "notes/a b.txt")
        mlpack.log_text("x", "c.txt")
    return run.info.run_id


def call(*arguments):
    return CliRunner().invoke(cli, ["artifacts", *map(str, arguments)], catch_exceptions=False)


def test_list(run_id):
    assert call("list", "-r", run_id).output.splitlines() == [
        "PATH    BYTES",
        "c.txt   1",
        "notes/",
    ]
    found = json.loads(call("list", "-r", run_id, "notes", "--json").output)
    assert found == [{"path": "notes/a b.txt", "is_dir": False, "file_size": 5}]
    assert "No files." in call("list", "-r", run_id, "nope").output


def test_download(run_id, tmp_path):
    done = call("download", "-r", run_id, "--path", "notes", "-d", tmp_path / "out")
    assert done.output.strip() == str(tmp_path / "out" / "notes")
    assert (tmp_path / "out" / "notes" / "a b.txt").read_text() == "hello"
    call("download", "-r", run_id, "-d", tmp_path / "all")
    assert (tmp_path / "all" / "c.txt").read_text() == "x"
    call("download", "-u", f"runs:/{run_id}/c.txt", "-d", tmp_path / "uri")
    assert (tmp_path / "uri" / "c.txt").read_text() == "x"
    with pytest.raises(NotFound):
        call("download", "-r", run_id, "--path", "nope", "-d", tmp_path / "none")


@pytest.mark.parametrize("given", [[], ["-r", "a", "-u", "b"], ["-u", "b", "--path", "c"]])
def test_download_of_nothing_or_two_things(given, tmp_path):
    done = call("download", "-d", tmp_path, *given)
    assert done.exit_code == 2 and "one of them" in done.output


def test_log(run_id, tmp_path):
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "p.txt").write_text("p")
    (tmp_path / "report.txt").write_text("r")
    done = call("log", "-r", run_id, "--path", "new", tmp_path / "plots", tmp_path / "report.txt")
    assert done.exit_code == 0, done.output
    found = mlpack.MlpackClient().list_artifacts(run_id, "new")
    assert [file.path for file in found] == ["new/plots", "new/report.txt"]
    assert call("log", "-r", run_id, tmp_path / "nope").exit_code == 2
