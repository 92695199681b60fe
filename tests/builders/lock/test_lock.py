"""Which lock a build takes, and how it fails when there is none: real uv, an index of our own."""

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from mlpack.builders.base import BuildSpec, Progress
from mlpack.builders.lock import lock as lock_module
from mlpack.builders.lock import resolve
from mlpack.builders.lock.lock import Lock, lock_file, lock_for
from mlpack.builders.lock.store import LockStore
from mlpack.builders.lock.target import NoWheel, Target
from mlpack.builders.oci.spec import Platform
from mlpack.errors import (
    BuildFailed,
    InvalidInput,
    InvalidState,
    MissingDependency,
    MlpackError,
    StorageFailed,
)
from mlpack.tests.package_index import PackageIndex

TARGET = Target("3.11", Platform("linux", "amd64"))


def ask(spec: BuildSpec, *lines: str) -> None:
    (spec.model / "requirements.txt").write_text("".join(f"{line}\n" for line in lines))


def test_made_once_and_again_without_a_network(
    index: PackageIndex, spec: BuildSpec, store: LockStore
) -> None:
    lock = lock_for(spec, TARGET, store=store)
    assert lock.versions == {"base": "2.0", "top": "1.0"}
    index.add("base", "3.0")
    index.down = True
    assert lock_for(spec, TARGET, store=store) == lock
    assert lock_for(replace(spec, locked=True), TARGET, store=store) == lock
    index.down = False
    assert lock_for(replace(spec, relock=True), TARGET, store=store).versions["base"] == "3.0"
    assert lock_for(spec, TARGET, store=store).versions["base"] == "3.0"
    assert len(list(store)) == 1


def test_it_holds_no_address_and_nothing_of_the_machine(
    index: PackageIndex, spec: BuildSpec, store: LockStore
) -> None:
    text = lock_for(spec, TARGET, store=store).text
    assert "://" not in text
    assert not any(part in text for part in (index.address, str(spec.model), sys.prefix))
    assert "# target: linux/amd64, Python 3.11, glibc 2.36" in text


def test_a_newer_base_image_keeps_the_lock(
    index: PackageIndex, spec: BuildSpec, store: LockStore
) -> None:
    newer = replace(TARGET, libc=("glibc", (2, 41)))
    assert lock_for(spec, TARGET, store=store) == lock_for(spec, newer, store=store)


def test_mlflow_is_dropped_unless_it_is_kept(
    index: PackageIndex, spec: BuildSpec, store: LockStore
) -> None:
    index.add("mlflow", "3.17.2")
    index.add("pandas", "3.0")
    ask(spec, "top", "mlflow==3.17.2")
    assert set(lock_for(spec, TARGET, store=store).versions) == {"base", "pandas", "top"}
    kept = lock_for(replace(spec, keep_mlflow=True), TARGET, store=store)
    assert set(kept.versions) == {"base", "mlflow", "top"}


def test_mlflow_that_is_kept_has_no_say_in_our_server(
    index: PackageIndex,
    spec: BuildSpec,
    store: LockStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MLflow 3.17 asks for gunicorn<27, for a server that no image starts."""
    monkeypatch.setattr(resolve, "runtime_requirements", lambda: ["gunicorn>=27.0,<28"])
    for version in ("26.2", "27.0", "27.1"):
        index.add("gunicorn", version)
    index.add("mlflow", "3.17.2", ["gunicorn<27"])
    ask(spec, "mlflow==3.17.2")
    kept = replace(spec, keep_mlflow=True, lock=tmp_path / "own.lock")
    made = lock_for(kept, TARGET, store=store)
    assert made.versions == {"gunicorn": "27.1", "mlflow": "3.17.2"}
    index.add("gunicorn", "27.2")
    assert lock_for(kept, TARGET, store=LockStore(tmp_path / "another machine")) == made
    ask(spec, "mlflow==3.17.2", "gunicorn==26.2")  # the model's own wish is not passed over
    with pytest.raises(BuildFailed, match="gunicorn"):
        lock_for(replace(kept, relock=True), TARGET, store=store)


def test_constraints_and_options_count(
    index: PackageIndex, spec: BuildSpec, store: LockStore
) -> None:
    (spec.model / "limits.txt").write_text("base<2\n")
    ask(spec, "top", "-c limits.txt", "--pre")
    lock = lock_for(spec, TARGET, store=store)
    assert lock.versions["base"] == "1.0"
    assert lock.options == ("--pre",)


@pytest.mark.parametrize(
    ("lines", "kind", "told"),
    [
        (["nosuch"], BuildFailed, "nosuch was not found"),
        (["top==9"], BuildFailed, "no version of top==9"),
        (["old", "base==2.0"], BuildFailed, "old depend on base<2"),
        (["compiled"], NoWheel, "compiled==1.0 has no usable wheels.*--builder docker"),
        (["windows==1.0"], NoWheel, "windows==1.0 has no wheels.*linux/amd64.*--builder docker"),
        (["top !! 3"], BuildFailed, "parse"),
    ],
)
def test_requirements_that_cannot_be_locked(
    index: PackageIndex,
    spec: BuildSpec,
    store: LockStore,
    lines: list[str],
    kind: type[MlpackError],
    told: str,
) -> None:
    ask(spec, *lines)
    with pytest.raises(kind, match=told) as caught:
        lock_for(spec, TARGET, store=store)
    assert type(caught.value) is kind
    assert "\n" not in caught.value.message
    assert list(store) == []


def test_an_index_that_is_down(index: PackageIndex, spec: BuildSpec, store: LockStore) -> None:
    index.down = True
    with pytest.raises(BuildFailed, match="503"):
        lock_for(spec, TARGET, store=store)
    with pytest.raises(BuildFailed, match=r"cannot be reached.*127\.0\.0\.1:1.*--lock FILE"):
        lock_for(replace(spec, index_url="http://127.0.0.1:1/simple"), TARGET, store=store)


def test_no_uv(
    index: PackageIndex, spec: BuildSpec, store: LockStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MissingDependency, match=r"mlpack-toolkit\[images\]"):
        lock_for(spec, TARGET, store=store)


def test_locked_says_what_differs(index: PackageIndex, spec: BuildSpec, store: LockStore) -> None:
    locked = replace(spec, locked=True)
    with pytest.raises(InvalidState, match=r"no lock of these requirements.*without --locked"):
        lock_for(locked, TARGET, store=store)
    lock_for(spec, TARGET, store=store)
    index.add("top", "1.1")
    ask(spec, "top==1.1")
    with pytest.raises(InvalidState, match=r"top==1\.1 is asked for, the lock has 1\.0"):
        lock_for(locked, TARGET, store=store)
    with pytest.raises(InvalidInput, match="take one"):
        lock_for(replace(locked, relock=True), TARGET, store=store)


def test_a_file_of_ones_own(
    index: PackageIndex, spec: BuildSpec, store: LockStore, tmp_path: Path
) -> None:
    file = tmp_path / "own.lock"
    own = replace(spec, lock=file)
    made = lock_for(own, TARGET, store=store)
    assert file.read_text() == made.text  # written, because it was missing
    elsewhere = LockStore(tmp_path / "another machine")
    assert lock_for(own, TARGET, store=elsewhere) == made

    index.down = True
    second = replace(spec, lock=tmp_path / "second.lock")
    with pytest.raises(InvalidState, match=r"no lock file .*second\.lock.*without --locked"):
        lock_for(replace(second, locked=True), TARGET, store=store)
    assert lock_for(second, TARGET, store=store) == made  # what was built from before
    assert (tmp_path / "second.lock").read_text() == made.text
    index.down = False

    index.add("top", "1.1")
    ask(spec, "top==1.1")
    with pytest.raises(InvalidState, match=r"top==1\.1 is asked for, the lock has 1\.0"):
        lock_for(replace(own, locked=True), TARGET, store=store)
    seen: list[Progress] = []
    assert lock_for(own, TARGET, store=store, report=seen.append).versions["top"] == "1.1"
    assert any("made anew" in each.message for each in seen)
    assert "top==1.1" in file.read_text()


def test_a_lock_that_somebody_edited(
    index: PackageIndex, spec: BuildSpec, store: LockStore, tmp_path: Path
) -> None:
    own = replace(spec, lock=tmp_path / "own.lock")
    text = lock_for(own, TARGET, store=store).text
    file = tmp_path / "own.lock"

    def without(start: str) -> str:
        return "".join(line for line in text.splitlines(True) if not line.startswith(start))

    file.write_text(without("base"))
    with pytest.raises(InvalidState, match=r"lacks base.*--relock"):
        lock_for(own, TARGET, store=store)
    file.write_text(without("top"))
    with pytest.raises(InvalidState, match=r"top==1\.0 is asked for, the lock does not have it"):
        lock_for(own, TARGET, store=store)
    file.write_text(text.replace("sha256:", "sha256:0", 2))
    with pytest.raises(InvalidInput, match="no sha256"):
        lock_for(own, TARGET, store=store)
    assert lock_for(replace(own, relock=True), TARGET, store=store).text == text
    assert file.read_text() == text


def test_a_hash_that_is_no_wheels(
    index: PackageIndex, spec: BuildSpec, store: LockStore, tmp_path: Path
) -> None:
    file = tmp_path / "own.lock"
    own = replace(spec, lock=file)
    lock = lock_for(own, TARGET, store=store)
    file.write_text(lock.text.replace(lock.pins[0].hashes[0], "sha256:" + "0" * 64))
    with pytest.raises(InvalidState, match=r"own\.lock names another sha256 of base==2\.0"):
        lock_for(own, TARGET, store=store)


def test_a_lock_of_another_tool_is_narrowed_to_the_target(
    index: PackageIndex, spec: BuildSpec, store: LockStore, tmp_path: Path
) -> None:
    for tag in ("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-win_amd64"):
        index.add("native", "1.0", tag=tag)
    ask(spec, "native")
    made = lock_for(spec, TARGET, store=store)
    assert len(made.pins[0].hashes) == 1
    other = [
        f"sha256:{hashlib.sha256(data).hexdigest()}" for data in index.files["native"].values()
    ]
    file = tmp_path / "own.lock"
    file.write_text("native==1.0 " + " ".join(f"--hash={each}" for each in other))
    own = replace(spec, lock=file)
    elsewhere = LockStore(tmp_path / "another machine")
    assert lock_for(own, TARGET, store=elsewhere).pins == made.pins
    index.down = True
    assert lock_for(own, TARGET, store=elsewhere).pins == made.pins


def test_an_address_stays_as_the_user_wrote_it(
    index: PackageIndex, spec: BuildSpec, store: LockStore
) -> None:
    """A token in it is a variable's value, and not for the lock."""
    ask(spec, f"top @ http://${{TOKEN}}@{index.address}/files/top/top-1.0-py3-none-any.whl")
    lock = lock_for(replace(spec, build_args={"TOKEN": "t0ps3cret"}), TARGET, store=store)
    assert "${TOKEN}" in lock.text
    assert "t0ps3cret" not in lock.text


@pytest.mark.parametrize("place", ["requirements.txt", "requirements.lock"])
def test_variables_of_this_machine_are_not_sent_to_whom_the_model_names(
    place: str,
    index: PackageIndex,
    spec: BuildSpec,
    store: LockStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_SECRET", "t0ps3cret")
    option = f"--extra-index-url http://{index.address}/${{SOME_SECRET}}/simple\n"
    ask(spec, "top==1.0")
    if place == "requirements.lock":
        (spec.model / place).write_text(option + lock_for(spec, TARGET, store=store).text)
    else:
        (spec.model / place).write_text(option + "top==1.0\n")
    index.asked.clear()
    with pytest.raises(InvalidInput, match=r"--build-arg SOME_SECRET"):
        lock_for(spec, TARGET, store=LockStore(store.folder / "empty"))
    assert not any("t0ps3cret" in path for path in index.asked)


@pytest.mark.parametrize("line", ["git+https://127.0.0.1:9/x", "x @ git+ssh://127.0.0.1/x"])
def test_repositories_have_no_wheels(
    line: str, index: PackageIndex, spec: BuildSpec, store: LockStore
) -> None:
    ask(spec, line)
    with pytest.raises(NoWheel, match="built from a repository"):
        lock_for(spec, TARGET, store=store)


def test_the_models_own_lock(index: PackageIndex, spec: BuildSpec, store: LockStore) -> None:
    index.add("base", "3.0")
    made = lock_for(spec, TARGET, store=store)
    (spec.model / "requirements.lock").write_text(
        lock_for(replace(spec, relock=True), TARGET, store=store).text
    )
    index.add("base", "4.0")
    assert lock_for(spec, TARGET, store=LockStore(store.folder / "x")) == made
    seen: list[Progress] = []
    other = Target("3.12", Platform("linux", "arm64"))
    assert lock_for(spec, other, store=store, report=seen.append).versions["base"] == "4.0"
    assert any("requirements.lock is not used" in each.message for each in seen)
    ask(spec, "top", "base==1.0")
    with pytest.raises(InvalidState, match=r"base==1\.0 is asked for, the lock has 3\.0"):
        lock_for(replace(spec, locked=True), TARGET, store=store)


def test_each_platform_has_a_file(spec: BuildSpec) -> None:
    both = replace(spec, lock=Path("a/x.lock"), platforms=("linux/amd64", "linux/arm64"))
    assert lock_file(both, Target("3.11", Platform("linux", "arm64"))) == Path(
        "a/x-linux-arm64.lock"
    )
    assert lock_file(replace(both, platforms=()), TARGET) == Path("a/x.lock")


def test_another_index_given_for_a_build_is_another_lock(
    index: PackageIndex, spec: BuildSpec, store: LockStore
) -> None:
    other = PackageIndex()
    other.add("top", "1.0")
    with other.serving():
        lock_for(spec, TARGET, store=store)
        lock = lock_for(replace(spec, index_url=other.url), TARGET, store=store)
    assert lock.versions == {"top": "1.0"}


def test_two_at_once_get_the_same(
    index: PackageIndex, spec: BuildSpec, store: LockStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the index has something new between the one and the other."""
    real = lock_module.resolve
    number = iter(range(100))

    def slowly(*arguments: object) -> Lock:
        index.add("base", f"3.{next(number)}")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(lock_module, "resolve", slowly)
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: lock_for(spec, TARGET, store=store).text, range(4)))
    assert len(found) == 1
    assert found == {each.text for each in store}


def test_a_damaged_store_and_a_full_disk(
    index: PackageIndex, spec: BuildSpec, store: LockStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = lock_for(spec, TARGET, store=store)
    (file,) = store.folder.iterdir()
    for damage in ("", "half a line", lock.text[:-20]):
        file.write_text(damage)
        assert lock_for(spec, TARGET, store=store) == lock
        assert file.read_text() == lock.text
    file.unlink()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(StorageFailed, match="disk is full"):
        lock_for(spec, TARGET, store=store)
    assert list(store.folder.iterdir()) == []


def test_killed_while_it_is_kept(tmp_path: Path) -> None:
    code = """if True:
    import os, sys
    from pathlib import Path
    from mlpack.builders.lock.lockfile import Lock
    from mlpack.builders.lock.store import LockStore
    from mlpack.builders.lock.target import Target
    from mlpack.builders.oci.spec import Platform
    os.link = lambda *_: os.kill(os.getpid(), 9)
    lock = Lock(Target("3.11", Platform("linux", "amd64")), "sha256:" + "a" * 64, ())
    LockStore(Path(sys.argv[1])).put("key", lock)
    """
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert list(LockStore(tmp_path)) == []
    assert LockStore(tmp_path).get("key", TARGET) is None
