"""The script that runs inside the image: what it says when an installer fails, what it hides."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlpack.builders import install


def lines(text: str) -> list[str]:
    return text.strip("\n").splitlines()


# as uv and pip print them
UNKNOWN = """
Using Python 3.11.2 environment at: /opt/venv
error: No solution found when resolving dependencies
  cause: Because nosuch was not found in the package registry and you require nosuch==1, we can
         conclude that your requirements are unsatisfiable.

hint: `nosuch` was not found
"""
DRAWN = """
  × No solution found when resolving dependencies:
  ╰─▶ Because nosuch was not found in the package registry and you require
      nosuch==1, we can conclude that your requirements are unsatisfiable.
"""
SOURCE = """
error: Failed to build `pycairo==1.20.0`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)

         [stdout]
         running bdist_wheel
hint: Build failures usually indicate a problem
"""
NETWORK = """
error: Request failed after 3 retries in 10.9s
  cause: Failed to fetch: https://host/simple/six/
  cause: client error (Connect)
  cause: Connection refused (os error 111)
"""
PIP = """
WARNING: Retrying
ERROR: Could not find a version that satisfies the requirement uv>=0.5 (from versions: none)
ERROR: No matching distribution found for uv>=0.5
"""


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (
            UNKNOWN,
            "No solution found when resolving dependencies: Because nosuch was not found in the "
            "package registry and you require nosuch==1, we can conclude that your requirements "
            "are unsatisfiable.",
        ),
        (
            DRAWN,
            "No solution found when resolving dependencies: Because nosuch was not found in the "
            "package registry and you require nosuch==1, we can conclude that your requirements "
            "are unsatisfiable.",
        ),
        (
            NETWORK,
            "Request failed after 3 retries in 10.9s: Failed to fetch: https://host/simple/six/: "
            "Connection refused (os error 111)",
        ),
        (
            PIP,
            "Could not find a version that satisfies the requirement uv>=0.5 (from versions: none)",
        ),
        ("something\nelse\n\n", "else"),
        ("", "it did not say why"),
    ],
)
def test_one_line_that_says_why(output: str, told: str) -> None:
    assert install.reason(lines(output)) == told


def test_what_had_to_be_compiled() -> None:
    told = install.reason(lines(SOURCE))
    assert told.startswith("Failed to build `pycairo==1.20.0`: The build backend")
    assert "no ready-made wheel" in told


def test_settings_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"UV_DEFAULT_INDEX": "https://us3r:p%40ss@host/simple", "OWN": "value"}
    monkeypatch.setattr(os, "environ", {"FTP_PROXY": json.dumps(settings)})
    secrets = install.take_settings()
    assert os.environ["OWN"] == "value"
    assert "FTP_PROXY" not in os.environ
    assert install.scrub("p@ss us3r https://a:b@c", secrets) == "*** *** https://***@c"


def test_a_real_ftp_proxy_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"FTP_PROXY": "http://proxy:21"})
    assert install.take_settings() == []


def test_settings_that_are_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"FTP_PROXY": "{"})
    with pytest.raises(install.Failed, match="not JSON"):
        install.take_settings()


def test_another_python(capsys: pytest.CaptureFixture[str]) -> None:
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    install.check_python(here, True)
    install.check_python("", True)
    assert capsys.readouterr().out == ""
    install.check_python("3.99", False)
    assert "mlpack-notice: The base image has Python" in capsys.readouterr().out
    with pytest.raises(install.Failed, match=r"python:3\.99-slim"):
        install.check_python("3.99", True)


def test_tests_are_dropped_from_the_named_packages_alone(tmp_path: Path) -> None:
    for name in (
        "numpy/core/tests/a.py",
        "numpy/core/b.py",
        "numpy/core/c.pxd",
        "numpy/include/d.h",
        "astropy/tests/runner.py",
        "astropy/include/e.h",
        "astropy/f.pyx",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    install.drop_what_is_not_needed(tmp_path)
    left = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*"))
    assert left == [
        "astropy",
        "astropy/include",
        "astropy/include/e.h",
        "astropy/tests",
        "astropy/tests/runner.py",
        "numpy",
        "numpy/core",
        "numpy/core/b.py",
    ]


def test_it_needs_the_standard_library_alone() -> None:
    command = [sys.executable, "-I", "-S", str(install.__file__), "--help"]
    assert b"dependencies" in subprocess.run(command, check=True, capture_output=True).stdout
