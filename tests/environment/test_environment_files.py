"""Capture and the three files."""

from __future__ import annotations

import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from mlpack.errors import InvalidInput
from mlpack.flavors.environment import capture, write_environment
from mlpack.flavors.source_scan import follow_own_code, imports_of


def test_capture_pins_what_is_named_and_what_that_depends_on() -> None:
    lines = capture(["sklearn.linear_model._logistic", "numpy", "json"], ["skops", "pandas>=2"])
    assert f"scikit-learn=={version('scikit-learn')}" in lines
    assert f"scipy=={version('scipy')}" in lines
    assert f"skops=={version('skops')}" in lines
    assert "pandas>=2" in lines
    assert lines == sorted(lines)


def test_capture_leaves_out_ours_and_the_peer() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert capture(["mlpack.flavors", "mlflow.pyfunc.model"], ["mlflow"]) == []


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package and a module of the user's own, in the folder where the work is done."""
    package = tmp_path / "shop_features"
    package.mkdir()
    (package / "__init__.py").write_text("from .steps import Step\n")
    (package / "steps.py").write_text(
        "from __future__ import annotations\n"
        "import shop_helper\n"
        "from . import tables\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import xgboost\n"
        "else:\n    import click\n"
        "raise SystemError('never run')\n"
    )
    (package / "tables.py").write_text("def load():\n    from PIL import Image\n")
    (tmp_path / "shop_helper.py").write_text("import yaml, not_there\nimport mlpack, mlflow\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_own_code_is_followed(own: Path) -> None:
    found = follow_own_code(["shop_features.steps"])
    assert found.distributions.keys() == {"pillow", "pyyaml", "click"}
    assert "shop_helper" in found.own and "not_there" in found.missing
    assert not {"shop_features", "shop_helper"} & sys.modules.keys()


def test_own_code_that_nothing_carries(own: Path) -> None:
    with pytest.warns(UserWarning, match="code_paths") as caught:
        capture(["shop_features.steps"])
    told = " ".join(str(warning.message) for warning in caught)
    assert repr(str(own / "shop_features")) in told
    assert repr(str(own / "shop_helper.py")) in told


def test_own_code_that_travels(own: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lines = capture([], code_paths=[own / "shop_features", own / "shop_helper.py"])
    assert [line.partition("=")[0] for line in lines] == ["click", "pillow", "pyyaml"]


def test_definitions_in_the_running_script() -> None:
    with pytest.warns(UserWarning, match="script that is running"):
        assert capture(["__main__"]) == []


def test_sources_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def (")
    (tmp_path / "nul.py").write_bytes(b"\x00")
    assert imports_of(tmp_path / "broken.py") == set()
    assert imports_of(tmp_path / "nul.py") == set()
    assert imports_of(tmp_path / "absent.py") == set()
    assert imports_of(tmp_path / "fast.so") == set()


def test_files_have_the_shared_shape(tmp_path: Path) -> None:
    env = write_environment(tmp_path, ["numpy==2.0", "click==8.1"])
    assert env == {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}
    assert (tmp_path / "requirements.txt").read_text() == "click==8.1\nnumpy==2.0\n"
    virtualenv = yaml.safe_load((tmp_path / "python_env.yaml").read_text())
    assert list(virtualenv) == ["python", "build_dependencies", "dependencies"]
    assert virtualenv["python"] == platform.python_version()
    assert virtualenv["dependencies"] == ["-r requirements.txt"]
    conda = yaml.safe_load((tmp_path / "conda.yaml").read_text())
    assert list(conda) == ["channels", "dependencies", "name"]
    assert conda["dependencies"][0] == f"python={platform.python_version()}"
    assert conda["dependencies"][2] == {"pip": ["click==8.1", "numpy==2.0"]}
    assert not (tmp_path / "constraints.txt").exists()


def test_given_lines_replace_or_extend(tmp_path: Path) -> None:
    write_environment(tmp_path, ["numpy==2.0"], pip_requirements=["scipy", "click==8"])
    assert (tmp_path / "requirements.txt").read_text() == "click==8\nscipy\n"
    write_environment(tmp_path, ["numpy==2.0"], pip_requirements=[])
    assert (tmp_path / "requirements.txt").read_text() == ""
    write_environment(tmp_path, ["numpy==2.0"], extra_pip_requirements=["NumPy>=2", "click"])
    assert (tmp_path / "requirements.txt").read_text() == "click\nNumPy>=2\n"


def test_constraints(tmp_path: Path) -> None:
    (tmp_path / "pins.txt").write_text("scipy==1.14\n")
    write_environment(tmp_path, ["numpy"], extra_pip_requirements=[f"-c {tmp_path}/pins.txt"])
    assert (tmp_path / "constraints.txt").read_text() == "scipy==1.14\n"
    assert (tmp_path / "requirements.txt").read_text() == "-c constraints.txt\nnumpy\n"


def test_a_refused_line_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        write_environment(tmp_path, ["numpy"], extra_pip_requirements=["-e ."])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["file:///tmp/thing.whl", "http://h/thing.whl", "https://me:secret@h/thing.whl"]
)
def test_installed_from_where_nobody_else_can(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "thing-1.5+local.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: thing\nVersion: 1.5+local\n")
    (info / "RECORD").write_text("thing.py,,\n")
    (info / "direct_url.json").write_text(f'{{"url": "{url}", "archive_info": {{}}}}')
    (tmp_path / "thing.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.warns(UserWarning, match="was installed from") as caught:
        assert capture(["thing"]) == ["thing==1.5"]
    assert "secret" not in str(caught[0].message)


def test_installed_from_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "thing-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: thing\nVersion: 1.5\n")
    (info / "RECORD").write_text("thing.py,,\n")
    (info / "direct_url.json").write_text(
        '{"url": "https://h/thing.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}'
    )
    (tmp_path / "thing.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert capture(["thing"]) == ["thing @ git+https://h/thing.git@c0ffee"]


def test_a_dependency_that_hangs_on_the_python_version_is_pinned():
    """pandas names numpy once for each range of Python versions."""
    names = {line.partition("==")[0] for line in capture({"pandas"})}
    assert {"pandas", "numpy"} <= names
    assert "tzdata" not in names  # only where the system has no time zones
