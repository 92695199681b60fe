"""Builds through an engine: with a lock where one can be made, and without where not."""

import json
import platform
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from mlpack.builders import install
from mlpack.builders.base import BuildSpec
from mlpack.builders.context import make_context
from mlpack.builders.lock.engine import lock_for_engine
from mlpack.builders.lock.known import known_locks
from mlpack.builders.lock.store import LockStore
from mlpack.builders.prepare import prepare
from mlpack.cli.main import cli
from mlpack.errors import BuildFailed, InvalidState
from mlpack.tests.package_index import PackageIndex

NOWHERE = "http://127.0.0.1:1/simple"
MLMODEL = """\
flavors:
  python_function: {loader_module: mlflow.sklearn, python_version: 3.11.4, model_path: m.skops}
model_uuid: 12e6c174379849eeb366479b59b71e04
"""


@pytest.fixture
def spec(
    index: PackageIndex, spec: BuildSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> BuildSpec:
    monkeypatch.setenv("MLPACK_LOCKS", str(tmp_path / "locks"))
    (spec.model / "MLmodel").write_text(MLMODEL)
    (spec.model / "m.skops").write_bytes(b"x")
    # one that is only configured, and on this machine, is not for containers
    return replace(spec, platforms=("linux/amd64",), index_url=index.url)


def test_the_context_carries_the_lock(index: PackageIndex, spec: BuildSpec) -> None:
    (spec.model / "requirements.txt").write_text("top\n--pre\n")
    lock, notices = lock_for_engine(prepare(spec))
    assert lock is not None and notices == ()
    entries = {each.path: each.content for each in make_context(spec, lock=lock).entries}
    assert entries["lock/requirements.lock"] == lock.text.encode()
    assert entries["install/options.txt"] == b"--pre\n"
    assert b"COPY lock/ /opt/mlpack/lock/" in entries["Dockerfile"]  # type: ignore[operator]
    without = make_context(spec)
    assert not [each for each in without.entries if each.path.startswith("lock/")]


@pytest.mark.parametrize("lines", ["compiled\n", "nosuch\n"])
def test_what_cannot_be_locked_is_left_to_the_engine(
    index: PackageIndex, spec: BuildSpec, lines: str
) -> None:
    (spec.model / "requirements.txt").write_text(lines)
    lock, notices = lock_for_engine(prepare(spec))
    assert lock is None
    assert "without a lock" in notices[0]
    assert "--builder" not in notices[0]
    with pytest.raises(InvalidState, match="no lock"):
        lock_for_engine(prepare(replace(spec, locked=True)))


def test_a_lock_is_made_from_what_a_container_reaches(index: PackageIndex, spec: BuildSpec) -> None:
    asked = len(index.asked)
    lock_for_engine(prepare(replace(spec, index_url=None, extra_index_urls=[NOWHERE])))
    assert len(index.asked) == asked


def test_a_lock_of_ones_own_is_not_passed_over(
    index: PackageIndex, spec: BuildSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = replace(spec, lock=tmp_path / "own.lock")
    lock, _ = lock_for_engine(prepare(own))
    assert lock is not None and own.lock is not None
    shutil.rmtree(tmp_path / "locks")
    shutil.rmtree(tmp_path / "uv-cache")
    index.down = True
    with pytest.raises(BuildFailed, match=r"own\.lock cannot be installed.*503"):
        lock_for_engine(prepare(own))
    # without uv nobody can tell here; the container looks at it
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert lock_for_engine(prepare(own)) == (lock, ())


def test_a_processor_that_uv_does_not_know(index: PackageIndex, spec: BuildSpec) -> None:
    other = replace(spec, platforms=("linux/s390x",))
    lock, (notice,) = lock_for_engine(prepare(other))
    assert lock is None and "linux/s390x" in notice


def test_no_uv(index: PackageIndex, spec: BuildSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", "/nonexistent")
    lock, (notice,) = lock_for_engine(prepare(spec))
    assert lock is None
    assert "mlpack-toolkit[images]" in notice


def test_a_lock_that_is_out_of_date_is_an_error(
    index: PackageIndex, spec: BuildSpec, tmp_path: Path
) -> None:
    file = tmp_path / "own.lock"
    file.write_text(f"base==1.0 --hash=sha256:{'a' * 64}\n")
    with pytest.raises(InvalidState, match="top"):
        lock_for_engine(prepare(replace(spec, lock=file)))


def test_which_locks_there_are(index: PackageIndex, spec: BuildSpec, tmp_path: Path) -> None:
    assert known_locks(spec.model) == []
    lock, _ = lock_for_engine(prepare(spec))
    other, _ = lock_for_engine(prepare(replace(spec, platforms=("linux/arm64",))))
    assert lock and other
    found = known_locks(spec.model)
    assert {each["digest"] for each in found} == {lock.digest, other.digest}
    assert found[0]["packages"] == {"base": "2.0", "top": "1.0"}
    assert known_locks(spec.model, LockStore(tmp_path / "empty")) == []
    (spec.model / "requirements.lock").write_text(lock.text)
    assert known_locks(spec.model)[0]["place"] == "with the model"
    (spec.model / "requirements.txt").write_text("base\n")
    assert [each["place"] for each in known_locks(spec.model)] == ["with the model"]


def test_models_show_tells_them(index: PackageIndex, spec: BuildSpec) -> None:
    lock, _ = lock_for_engine(prepare(spec))
    assert lock is not None
    runner = CliRunner()
    shown = runner.invoke(cli, ["models", "show", str(spec.model)])
    assert shown.exit_code == 0, shown.output
    assert "linux/amd64, Python 3.11, glibc 2.36: 2 packages, on this machine" in shown.output
    assert "base 2.0, top 1.0" in shown.output and lock.digest in shown.output
    told = runner.invoke(cli, ["models", "show", str(spec.model), "--json"])
    assert json.loads(told.output)["locks"][0]["packages"] == {"base": "2.0", "top": "1.0"}


def lock_text(target: str) -> str:
    return f"# mlpack lock 1\n# target: {target}\nbase==1.0 --hash=sha256:{'a' * 64}\n"


HERE = f"Python {sys.version_info[0]}.{sys.version_info[1]}"


def test_the_lock_is_for_what_the_base_image_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    assert install.lock_misfit(lock_text(f"linux/amd64, {HERE}, glibc 2.36")) == ""
    assert install.lock_misfit(lock_text(f"linux/amd64, {HERE}, glibc 2.9")) == ""
    for other in (
        f"linux/amd64, {HERE}, glibc 2.39",
        f"linux/amd64, {HERE}, musl 1.2",
        f"linux/arm64, {HERE}, glibc 2.36",
        "linux/amd64, Python 3.99, glibc 2.36",
    ):
        told = install.lock_misfit(lock_text(other))
        assert told == f"the lock is for {other}, the base image has amd64, {HERE}, glibc 2.36"
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert install.lock_misfit(lock_text(f"linux/amd64, {HERE}, musl 1.2")) == ""
    assert "another C library" in install.lock_misfit(lock_text(f"linux/amd64, {HERE}, glibc 2.36"))


def test_what_is_installed_in_the_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "requirements.lock"
    monkeypatch.setattr(install, "LOCK", lock)
    monkeypatch.setattr(install, "HERE", tmp_path)
    asked = ["-r", f"{tmp_path}/requirements.txt", "-r", f"{tmp_path}/runtime.txt"]
    assert install.what_to_install(False) == asked
    with pytest.raises(install.Failed, match="no lock"):
        install.what_to_install(True)

    lock.write_text(lock_text("linux/amd64, Python 3.99, glibc 2.36"))
    with pytest.raises(install.Failed, match=r"Python 3\.99"):
        install.what_to_install(True)
    assert install.what_to_install(False) == asked
    assert "mlpack-notice: Built without the lock" in capsys.readouterr().out
    assert not lock.exists()

    lock.write_text("x")
    monkeypatch.setattr(install, "lock_misfit", lambda _: "")
    assert "--require-hashes" in install.what_to_install(True)
    assert str(lock) in install.what_to_install(True)
