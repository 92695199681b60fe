"""The scoring runtime as a wheel: what it holds, that installers take it, that it is stable."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import mlpack
from mlpack.builders.runtime_wheel import (
    REQUIRED,
    build_runtime_wheel,
    runtime_files,
    runtime_requirements,
)
from mlpack.errors import StorageFailed


def test_holds_only_what_scores(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_runtime_wheel(tmp_path)) as wheel:
        names = wheel.namelist()
    tops = {n.split("/")[1] for n in names if n.startswith("mlpack/")}
    assert tops == {"__init__.py", "errors.py", "uris.py", "py.typed", "flavors", "serve"}
    assert not [n for n in names if "__pycache__" in n or n.endswith(".pyc")]
    # what the server's page loads lies beside its code
    assert {f"mlpack/serve/web/{n}" for n in ("page.html", "page.js", "page.css")} <= set(names)


def test_same_sources_same_bytes(tmp_path: Path) -> None:
    one, two = build_runtime_wheel(tmp_path / "1"), build_runtime_wheel(tmp_path / "2")
    assert one.read_bytes() == two.read_bytes()
    assert one.name == f"mlpack_toolkit-{mlpack.__version__}-py3-none-any.whl"
    assert [p.name for p in (tmp_path / "1").iterdir()] == [one.name]


def test_unpacked_files_are_the_wheels(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_runtime_wheel(tmp_path)) as wheel:
        assert dict(runtime_files()) == {n: wheel.read(n) for n in wheel.namelist()}


def test_requirements_are_those_of_the_distribution() -> None:
    lines = runtime_requirements()
    found = [Requirement(line) for line in lines]
    assert [each.name for each in found] == list(REQUIRED)
    assert all(">=" in str(each.specifier) for each in found)


def test_an_installer_accepts_it(tmp_path: Path) -> None:
    """pip checks RECORD and METADATA; the entry points are found afterwards."""
    wheel = build_runtime_wheel(tmp_path)
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*pip, "--target", str(site), str(wheel)], check=True)
    code = (
        "import mlpack, importlib.metadata as m;"
        "print(mlpack.__file__);"
        "print(sorted(e.name for e in m.distribution('mlpack-toolkit').entry_points))"
    )
    environment = {"PYTHONPATH": str(site)}
    python = tmp_path / "v" / "bin" / "python"
    venv.create(tmp_path / "v", with_pip=False)
    done = subprocess.run(
        [python, "-c", code], env=environment, cwd=tmp_path, check=True, capture_output=True
    )
    where, flavors = done.stdout.decode().splitlines()
    assert where == str(site / "mlpack" / "__init__.py")
    assert flavors == "['pyfunc', 'sklearn']"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="Cannot write"):
        build_runtime_wheel(tmp_path / "file" / "below")
