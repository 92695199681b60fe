"""The command line as a person meets it: help, errors, exit codes, JSON."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from mlpack.cli.main import cli
from mlpack.cli.reference import render, walk


def run(*args, cwd=None, **environ):
    return subprocess.run(
        [sys.executable, "-m", "mlpack", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environ},
        timeout=120,
    )


COMMANDS = {path: command for path, command, _ in walk(cli, "mlpack")}


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help_with_an_example(path):
    done = CliRunner().invoke(cli, [*path.split()[1:], "--help"], prog_name="mlpack")
    assert done.exit_code == 0
    assert "Example" in done.output
    assert "\n  mlpack " in done.output or "\n    mlpack " in done.output, "no example line"


def test_the_reference_is_true(request):
    written = (request.config.rootpath / "docs" / "cli.md").read_text()
    assert written == render(), "run: python -m mlpack.cli.reference > docs/cli.md"


def test_options_are_spelled_the_same_everywhere():
    """One name, one meaning: -m is a model, -n a name, everywhere."""
    meaning = {}
    for path, command in COMMANDS.items():
        for param in command.params:
            for flag in param.opts:
                if len(flag) == 2 and flag not in ("-t", "-h"):  # timeout/target/format, host/help
                    assert meaning.setdefault(flag, param.name) == param.name, f"{path} {flag}"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("runs", "show", "deadbeef"), "No run with id 'deadbeef'"),
        (("serve", "-m", "runs:/deadbeef/model"), "No run with id 'deadbeef'"),
        (("serve", "-m", "no/such/folder"), "no/such/folder"),
        (("predict", "-m", "models:/churn/3", "-i", "x.csv"), "no registered model 'churn'"),
        (("models", "show", "."), "MLmodel"),
        (("build-docker", "-m", ".", "-n", "x"), "MLmodel"),
        (("build-docker", "-m", ".", "-n", "Not Valid"), "image name"),
        (("deploy", "-m", ".", "--target", "locl", "-n", "x"), "Did you mean 'local'"),
        (("deployments", "get", "--target", "nowhere", "-n", "x"), "local"),
        (("serve", "-m", "gopher://x/y"), "unknown scheme"),
        (("serve", "-m", "gopher://x", "--no-conda", "--env-manager", "local"), "unknown scheme"),
        (("runs", "list", "-x", "none"), "There is no experiment 'none'"),
        (("runs", "list", "--filter", "metrics.a >> 1"), "filter"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_1(tmp_path, args, says):
    done = run(*args, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not any(tmp_path.iterdir()), "asking must not make a store"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("srve",), "Did you mean 'serve'?"),
        (("models", "wrapp"), "Did you mean 'wrap'?"),
        (("serve",), "--model-uri"),
        (("serve", "-m", "x", "-p", "99999"), "99999"),
        (("serve", "-m", "x", "--max-body", "lots"), "100M"),
        (("serve", "-m", "x", "--env-manager", "conda"), "build-docker"),
        (("predict", "-m", "x", "-i", "y", "--params", "{"), "not JSON"),
        (("predict", "-m", "x", "-i", "y", "--params", "[1]"), "JSON object"),
        (("build-docker", "-m", "x", "-n", "y", "--build-arg", "novalue"), "KEY=VALUE"),
        (("deploy", "--target", "local"), "--name"),
    ],
)
def test_wrong_usage_is_exit_code_2(tmp_path, args, says):
    done = run(*args, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_the_trace(tmp_path):
    done = run("runs", "show", "deadbeef", cwd=tmp_path, MLPACK_DEBUG="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_version():
    import mlpack

    assert run("--version").stdout.split()[-1] == mlpack.__version__


def test_a_closed_pipe_is_no_error(tmp_path):
    shell = f"{sys.executable} -m mlpack serve --help | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", shell], capture_output=True, text=True)
    assert "Traceback" not in done.stderr and "rror" not in done.stderr


def test_deploy_lists_its_options():
    listed = json.loads(run("deploy", "--target", "local", "--help-options", "--json").stdout)
    assert {"port", "memory", "env"} <= {each["name"] for each in listed}
