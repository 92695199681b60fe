"""Locks and layers of what models really need: from the package index, in a container."""

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlpack.builders.base import BuildSpec, BuiltImage
from mlpack.builders.lock.bytecode import find_compiler
from mlpack.builders.lock.known import known_locks
from mlpack.builders.lock.lock import Lock, lock_for
from mlpack.builders.lock.store import LockStore
from mlpack.builders.lock.target import Target
from mlpack.builders.lock.wheels import dependency_layers
from mlpack.builders.oci.spec import Platform
from mlpack.builders.tar_stream import tar_stream

AMD64 = Target("3.11", Platform("linux", "amd64"))
# What only the authors of a library run (tests are not in the image), or another system has.
NOT_FOR_IMAGES = {"scipy.special._precompute.hyp2f1_data"}
IMPORT_ALL = """
import importlib, importlib.metadata, json, re, warnings
warnings.simplefilter("ignore")
site = "/opt/venv/lib/python3.11/site-packages"
failed, ours, versions, compiled = {}, set(), {}, 0
for each in importlib.metadata.distributions(path=[site]):
    versions[each.metadata["Name"]] = each.version
    for file in each.files:
        assert file.locate().exists(), file
        name = str(file)
        if name.startswith("..") or ".libs/" in name or "/test" in name:
            continue
        if not name.endswith((".py", ".so")):
            continue
        compiled += (file.locate().parent / "__pycache__").is_dir()
        module = re.sub(r"\\.(cpython-|abi3)[^/]*$|\\.py$|\\.so$", "", name).replace("/", ".")
        module = module.removesuffix(".__init__")
        ours.add(module.partition(".")[0])
        if not module.endswith("__main__"):
            try:
                importlib.import_module(module)
            except ImportError as error:
                failed[module] = error.name or "?"
            except OSError:
                failed[module] = "?"
            except Exception:
                pass  # for Windows, or for what is not installed
lacking = {m: n for m, n in failed.items() if n == "?" or n.partition(".")[0] in ours}
print("told: " + json.dumps([lacking, versions, len(ours), compiled]))
"""


@pytest.fixture(scope="module")
def spec(iris_model: Path) -> BuildSpec:
    return BuildSpec(iris_model, "mlpack-test-c/x")


@pytest.fixture(scope="module")
def lock(spec: BuildSpec) -> Lock:
    return lock_for(spec, AMD64)


@pytest.fixture
def container(docker_engine: Any) -> Iterator[Any]:
    site = {"PYTHONPATH": "/opt/venv/lib/python3.11/site-packages"}
    made = docker_engine.containers.create(
        "python:3.11-slim", ["python3", "/import_all.py"], environment=site
    )
    yield made
    made.remove(force=True)


@pytest.mark.docker
def test_everything_in_them_imports(spec: BuildSpec, lock: Lock, container: Any) -> None:
    """What is left out is missed by nothing; the same for what RECORD says is there."""
    with tempfile.TemporaryDirectory() as work:
        for layer in dependency_layers(lock, spec, Path(work)):
            container.put_archive("/", b"".join(tar_stream(layer.entries())))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("import_all.py")
        entry.size = len(IMPORT_ALL.encode())
        archive.addfile(entry, io.BytesIO(IMPORT_ALL.encode()))
    container.put_archive("/", packed.getvalue())
    container.start()
    status = container.wait()["StatusCode"]
    logs = container.logs().decode()
    assert status == 0, logs
    (told,) = [line for line in logs.splitlines() if line.startswith("told: ")]
    lacking, versions, modules, compiled = json.loads(told.removeprefix("told: "))
    assert set(lacking) <= NOT_FOR_IMAGES
    names = {name.lower().replace("_", "-"): version for name, version in versions.items()}
    assert {n: v for n, v in names.items() if n in lock.versions} == lock.versions
    assert modules > 20 and compiled > 1000


@pytest.mark.docker
def test_an_engine_installs_the_same(
    iris_image: BuiltImage, lock: Lock, docker_engine: Any, iris_model: Path
) -> None:
    assert iris_image.lock == lock.digest
    code = (
        "import importlib.metadata as m, json; print(json.dumps("
        "[open('/opt/mlpack/lock/requirements.lock').read(),"
        " {d.metadata['Name'].lower().replace('_', '-'): d.version for d in"
        " m.distributions(path=['/opt/venv/lib/python3.11/site-packages'])}]))"
    )
    told = docker_engine.containers.run(
        iris_image.id, ["-c", code], entrypoint=["python"], remove=True
    )
    text, versions = json.loads(told)
    assert text == lock.text
    assert versions == lock.versions
    assert known_locks(iris_model)[0]["digest"] == lock.digest


@pytest.mark.fresh_env
@pytest.mark.parametrize("python", ["3.12", "3.13"])
def test_for_another_processor_and_python(tmp_path: Path, python: str) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n")
    target = Target(python, Platform("linux", "arm64"))
    spec = BuildSpec(tmp_path, "mlpack-test-c/x")
    lock = lock_for(spec, target, store=LockStore(tmp_path / "locks"))
    numpy, *_ = dependency_layers(lock, spec, tmp_path)
    assert numpy.name.startswith("numpy ")
    entries = {entry.path: entry.content for entry in numpy.entries()}
    tag = python.replace(".", "")
    libraries = [path for path in entries if path.endswith(".so")]
    native = [path for path in libraries if "numpy.libs" not in path]
    assert native and all(f"cpython-{tag}-aarch64" in path for path in native)
    for path in libraries:
        content = entries[path]
        assert isinstance(content, Path)
        assert content.read_bytes()[18:20] == b"\xb7\x00"  # EM_AARCH64 of the ELF format
    compiled = [path for path in entries if path.endswith(".pyc")]
    assert bool(compiled) == (find_compiler(python) is not None)
    assert all(path.startswith(f"opt/venv/lib/python{python}/site-packages/") for path in native)
