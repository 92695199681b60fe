"""Targets by name, names of deployments, and one change at a time."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlpack.deploy_targets.base import DeployTarget, check_name
from mlpack.deploy_targets.discovery import get_target, target_names
from mlpack.deploy_targets.lock import lock
from mlpack.errors import InvalidInput, InvalidState, NotFound, StorageFailed


def test_found_by_entry_point() -> None:
    assert "local" in target_names()
    target: DeployTarget = get_target("local")
    assert target.name == "local"
    with pytest.raises(NotFound, match="Did you mean 'local'"):
        get_target("locl")
    with pytest.raises(NotFound, match=r"There are: .*local"):
        get_target("zzz")


def test_listing_targets_imports_no_client() -> None:
    code = (
        "import sys, mlpack.deploy_targets.discovery as d; d.get_target('local');"
        "sys.exit('docker' in sys.modules or 'requests' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["../x", "a/../../b", ""])
def test_a_lock_stays_in_its_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(InvalidInput, match="cannot name a deployment"), lock(name):
        pass
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("name", ["a", "churn-2", "0", "a" * 53])
def test_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a.b", "a/b", "a" * 54, "a\n", "a b"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot name a deployment"):
        check_name(name)


def test_one_change_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with lock("x"):
        with pytest.raises(InvalidState, match="Another mlpack"), lock("x"):
            pass
        with lock("y"):
            pass
    with lock("x"):
        pass


def test_a_lock_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(StorageFailed), lock("x"):
        pass
