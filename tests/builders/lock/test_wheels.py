"""Dependencies as layers: what is in them, what names them, what never gets into them."""

import base64
import csv
import hashlib
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mlpack.builders.base import BuildSpec, Progress
from mlpack.builders.lock import wheels
from mlpack.builders.lock.installed import read_installed
from mlpack.builders.lock.lock import Lock, lock_for
from mlpack.builders.lock.lockfile import Pin
from mlpack.builders.lock.store import LockStore
from mlpack.builders.lock.target import Target
from mlpack.builders.lock.wheels import DependencyLayer, dependency_layers
from mlpack.builders.oci.layers import LayerEntry
from mlpack.builders.oci.spec import Platform
from mlpack.errors import BuildFailed, InvalidInput, MlpackError, StorageFailed
from mlpack.tests.package_index import PackageIndex

TARGET = Target("3.11", Platform("linux", "amd64"))
SITE = "opt/venv/lib/python3.11/site-packages"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def content(entry: LayerEntry) -> bytes:
    assert entry.content is not None
    return entry.content if isinstance(entry.content, bytes) else entry.content.read_bytes()


def files(layer: DependencyLayer) -> dict[str, bytes]:
    listed = [(entry.path, content(entry)) for entry in layer.entries()]
    assert len(listed) == len(dict(listed))
    return dict(listed)


def pins(count: int, size: int | None) -> tuple[Pin, ...]:
    names = sorted(f"package-{number}" for number in range(count))
    return tuple(
        Pin(name, "1.0", (f"sha256:{hashlib.sha256(name.encode()).hexdigest()}",), size)
        for name in names
    )


def test_what_is_installed(
    index: PackageIndex, spec: BuildSpec, store: LockStore, work: Path
) -> None:
    index.add(
        "top",
        "1.0",
        ["base"],
        {
            "top/__init__.py": b"answer = 42\n",
            "top/fast.pyx": b"",
            "top/libtop.a": b"",
            "top/tests/__init__.py": b"",
            "top/template.py": b"def {{name}}(: pass\n",
            "top-1.0.data/scripts/top-tool": b"#!python\nprint('tool')\n",
            "top-1.0.data/data/share/man/man1/top.1": b"",
            "top-1.0.data/data/share/top/table.csv": b"1,2\n",
            "top-1.0.dist-info/entry_points.txt": b"[console_scripts]\ntop = top:main\n",
            "top-1.0.dist-info/licenses/LICENSE": b"free\n",
        },
    )
    lock = lock_for(spec, TARGET, store=store)
    (layer,) = dependency_layers(lock, spec, work)
    found = files(layer)
    info = f"{SITE}/top-1.0.dist-info"
    assert set(found) == {
        "opt/venv/bin/top",
        "opt/venv/bin/top-tool",
        "opt/venv/share/top/table.csv",
        f"{SITE}/base.py",
        f"{SITE}/__pycache__/base.cpython-311.pyc",
        f"{SITE}/top/__init__.py",
        f"{SITE}/top/__pycache__/__init__.cpython-311.pyc",
        f"{SITE}/top/template.py",
        f"{SITE}/top/tests/__init__.py",
        *(f"{SITE}/base-2.0.dist-info/{name}" for name in ("INSTALLER", "METADATA", "RECORD")),
        f"{SITE}/base-2.0.dist-info/WHEEL",
        *(f"{info}/{name}" for name in ("INSTALLER", "METADATA", "RECORD", "WHEEL")),
        *(f"{info}/{name}" for name in ("entry_points.txt", "licenses/LICENSE")),
    }
    for script in ("top", "top-tool"):
        assert found[f"opt/venv/bin/{script}"].startswith(b"#!/opt/venv/bin/python\n")
    assert not any(sys.prefix.encode() in data for data in found.values())
    modes = {entry.path: entry.mode for entry in layer.entries()}
    assert modes["opt/venv/bin/top"] == 0o755
    assert modes[f"{SITE}/base.py"] == 0o644

    # RECORD tells the truth of what is there
    for path, told, size in csv.reader(io.StringIO(found[f"{info}/RECORD"].decode())):
        if path.endswith("RECORD"):
            continue
        where = path.replace("../../../", "opt/venv/")
        data = found[where if where != path else f"{SITE}/{path}"]
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        assert (told, int(size)) == (f"sha256={digest}", len(data))


def test_the_same_again_and_nothing_for_a_key(
    index: PackageIndex, spec: BuildSpec, store: LockStore, work: Path, tmp_path: Path
) -> None:
    lock = lock_for(spec, TARGET, store=store)
    (first,) = dependency_layers(lock, spec, work)
    made = files(first)
    index.down = True  # the wheels are in uv's cache
    elsewhere = tmp_path / "quite another place"
    elsewhere.mkdir()
    (second,) = dependency_layers(lock, spec, elsewhere)
    assert not list(elsewhere.iterdir())
    assert (second.key, files(second)) == (first.key, made)
    (bare,) = dependency_layers(lock, spec, work, bytecode=False)
    assert bare.key != first.key
    assert set(files(bare)) == {path for path in made if not path.endswith(".pyc")}


def test_large_ones_have_layers_of_their_own() -> None:
    small = pins(3, 1000)
    lock = Lock(TARGET, None, (*small, Pin("scipy", "1.0", ("sha256:b",), 30_000_000)))
    lock = replace(lock, pins=(*lock.pins, Pin("numpy", "2.0", ("sha256:a",), 20_000_000)))
    layers = dependency_layers(lock, BuildSpec(Path(), "x"), Path())
    assert [layer.name for layer in layers] == ["numpy 2.0", "scipy 1.0", "3 packages"]
    other = replace(lock, pins=(*small[:2], *lock.pins[3:]))
    again = dependency_layers(other, BuildSpec(Path(), "x"), Path())
    assert [layer.key for layer in again[:2]] == [layer.key for layer in layers[:2]]
    assert again[2].key != layers[2].key
    # where the index does not tell sizes
    unknown = replace(lock, pins=tuple(replace(pin, size=None) for pin in lock.pins))
    assert [layer.key for layer in dependency_layers(unknown, BuildSpec(Path(), "x"), Path())] == [
        layer.key for layer in layers
    ]


def test_layers_are_not_too_many() -> None:
    lock = Lock(TARGET, None, pins(40, 50_000_000))
    layers = dependency_layers(lock, BuildSpec(Path(), "x"), Path())
    assert len(layers) == wheels.MOST_LAYERS
    assert sum(len(layer.packages) for layer in layers) == 40
    assert len({layer.key for layer in layers}) == len(layers)


def test_the_target_and_the_wheel_are_in_the_key() -> None:
    def key(python: str, hashed: str) -> str:
        lock = Lock(replace(TARGET, python=python), None, (Pin("a", "1.0", (hashed,)),))
        (layer,) = dependency_layers(lock, BuildSpec(Path(), "x"), Path(), bytecode=False)
        return layer.key

    assert len({key("3.11", "sha256:a"), key("3.12", "sha256:a"), key("3.11", "sha256:b")}) == 3


def test_a_path_that_two_have(
    index: PackageIndex, spec: BuildSpec, store: LockStore, work: Path
) -> None:
    """uv installs in any order; of a path that several have, the last by name counts."""
    for name in ("aa", "bb", "cc"):
        contents = {"shared/__init__.py": name.encode() * 10, f"shared/{name}.py": b"own = True"}
        index.add(name, "1.0", files=contents)
    (spec.model / "requirements.txt").write_text("aa\nbb\ncc\n")
    lock = lock_for(spec, TARGET, store=store)
    (layer,) = dependency_layers(lock, spec, work, bytecode=False)
    found = files(layer)
    assert found[f"{SITE}/shared/__init__.py"] == b"cc" * 10
    assert {f"{SITE}/shared/{name}.py" for name in ("aa", "bb", "cc")} <= set(found)
    # each in a layer of its own keeps what it brought
    large = replace(lock, pins=tuple(replace(pin, size=wheels.LARGE) for pin in lock.pins))
    own = [files(each) for each in dependency_layers(large, spec, work, bytecode=False)]
    assert [each[f"{SITE}/shared/__init__.py"][:2] for each in own] == [b"aa", b"bb", b"cc"]


def test_a_wheel_that_writes_elsewhere(
    index: PackageIndex, spec: BuildSpec, store: LockStore, work: Path, tmp_path: Path
) -> None:
    index.add("top", "1.0", files={"../../../../../../stolen.py": b"x = 1\n"})
    lock = lock_for(spec, TARGET, store=store)
    (layer,) = dependency_layers(lock, spec, work)
    assert all(path.startswith("opt/venv/") and ".." not in path for path in files(layer))
    assert not list(tmp_path.rglob("stolen.py"))


@pytest.mark.parametrize("row", ["../../../../../outside", "/etc/passwd", "link"])
def test_a_record_that_names_a_file_elsewhere(tmp_path: Path, row: str) -> None:
    (tmp_path / "outside").write_text("private")
    site = tmp_path / "env/lib/python3.11/site-packages"
    (site / "a-1.dist-info").mkdir(parents=True)
    (site / "link").symlink_to(tmp_path / "outside")
    (site / "a-1.dist-info/RECORD").write_text(f"{row},,\n")
    with pytest.raises(BuildFailed, match="outside of its folder"):
        read_installed(tmp_path / "env", "3.11")


def test_a_wheel_that_was_replaced(
    index: PackageIndex, spec: BuildSpec, store: LockStore, work: Path
) -> None:
    lock = lock_for(spec, TARGET, store=store)
    index.add("base", "2.0", files={"base.py": b"import os  # something else\n"})
    (layer,) = dependency_layers(lock, spec, work)
    with pytest.raises(BuildFailed, match=r"[Hh]ash mismatch"):
        layer.entries()


def test_an_index_that_goes_down_midway(
    index: PackageIndex,
    spec: BuildSpec,
    store: LockStore,
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    lock = lock_for(spec, TARGET, store=store)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    (layer,) = dependency_layers(lock, spec, work)
    index.down = True
    with pytest.raises(BuildFailed, match="503"):
        layer.entries()
    index.down = False
    assert f"{SITE}/base.py" in files(layer)


@pytest.mark.parametrize(
    ("script", "kind", "told"),
    [
        (
            "echo 'error: Failed to write: No space left on device (os error 28)' >&2; exit 2",
            StorageFailed,
            "disk is full",
        ),
        ("kill -9 $$", BuildFailed, "signal 9"),
    ],
)
def test_a_uv_that_fails(
    index: PackageIndex,
    spec: BuildSpec,
    store: LockStore,
    work: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    kind: type[MlpackError],
    told: str,
) -> None:
    lock = lock_for(spec, TARGET, store=store)
    fake = tmp_path / "bin" / "uv"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", f"{fake.parent}:/bin")
    (layer,) = dependency_layers(lock, spec, work, bytecode=False)
    with pytest.raises(kind, match=told):
        layer.entries()


USER, PASSWORD = "ind3x-user", "pa55w0rd-x"


@pytest.mark.parametrize("way", ["option", "variable", "named", "netrc", "keyring"])
def test_credentials_leave_no_trace(
    index: PackageIndex,
    spec: BuildSpec,
    store: LockStore,
    work: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    private = PackageIndex(f"{USER}:{PASSWORD}")
    private.add("top", "1.0", ["base"])
    private.add("base", "1.0")
    seen: list[Progress] = []
    commands: list[object] = []
    real = subprocess.Popen

    def watched(command: list[str], **options: object) -> object:
        commands.append(command)
        return real(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", watched)
    with private.serving():
        if way == "option":
            spec = replace(spec, index_url=private.secret_url)
        elif way == "variable":
            monkeypatch.setenv("UV_DEFAULT_INDEX", private.secret_url)
        elif way == "named":
            monkeypatch.setenv("UV_DEFAULT_INDEX", f"corp={private.url}")
            monkeypatch.setenv("UV_INDEX_CORP_USERNAME", USER)
            monkeypatch.setenv("UV_INDEX_CORP_PASSWORD", PASSWORD)
        elif way == "netrc":
            netrc = tmp_path / "netrc"
            netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
            monkeypatch.setenv("NETRC", str(netrc))
            monkeypatch.setenv("UV_DEFAULT_INDEX", private.url)
        else:
            keyring = tmp_path / "keyring"
            keyring.write_text(f"#!/bin/sh\necho {PASSWORD}\n")
            keyring.chmod(0o755)
            monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
            monkeypatch.setenv("UV_KEYRING_PROVIDER", "subprocess")
            named = private.url.replace("//", f"//{USER}@")
            monkeypatch.setenv("UV_DEFAULT_INDEX", named)
        lock = lock_for(spec, TARGET, store=store, report=seen.append)
        (layer,) = dependency_layers(lock, spec, work, report=seen.append)
        found = files(layer)
    assert any("/files/top/" in path for path in private.asked)

    told = [lock.text, repr(lock), repr(layer), repr(seen), repr(commands)]
    told += [file.read_text() for file in store.folder.iterdir()]
    told += [str(file) for file in store.folder.iterdir()]
    texts = [*(each.encode() for each in told), *found.values()]
    texts += [file.read_bytes() for file in (tmp_path / "uv-cache").rglob("*") if file.is_file()]
    texts += [file.read_bytes() for file in work.rglob("*") if file.is_file()]
    for secret in (USER, PASSWORD):
        assert not any(secret.encode() in text for text in texts)


@pytest.mark.parametrize("password", ["wr0ng-pass", None])
def test_an_index_that_refuses(
    index: PackageIndex, spec: BuildSpec, store: LockStore, password: str | None
) -> None:
    private = PackageIndex(f"{USER}:{PASSWORD}")
    private.add("top", "1.0")
    with private.serving():
        url = f"http://{USER}:{password}@{private.address}/simple" if password else private.url
        with pytest.raises(BuildFailed, match=r"refused: 401.*credentials right\?") as caught:
            lock_for(replace(spec, index_url=url), TARGET, store=store)
    assert USER not in caught.value.message
    assert "wr0ng" not in caught.value.message


def test_no_python_to_compile_with(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Progress] = []
    lock = Lock(replace(TARGET, python="3.99"), None, pins(1, None))
    (layer,) = dependency_layers(lock, BuildSpec(Path(), "x"), Path(), report=seen.append)
    assert layer.packages == lock.pins
    assert "starts more slowly" in seen[0].message
    with pytest.raises(InvalidInput):
        Lock.parse("x", TARGET)
