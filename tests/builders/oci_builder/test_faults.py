"""Builds that are killed, collide, run out of disk or memory; and what must not be seen of them."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlpack.builders.base import BuildSpec, Output, Progress
from mlpack.builders.oci import runtime_layer
from mlpack.builders.oci.build import OciBuilder
from mlpack.errors import BuildFailed, MlpackError, StorageFailed
from mlpack.tests.builders.oci_builder.bases import built, contents
from mlpack.tests.package_index import PackageIndex

PATIENCE = 120
FORK = multiprocessing.get_context("fork")  # the index of the tests is known to a child, then


def child(work: Callable[[Any], None]) -> tuple[Any, Any]:
    """A process that does some work, and where it tells what became of it."""
    here, there = FORK.Pipe()
    process = FORK.Process(target=work, args=(there,))
    process.start()
    return process, here


def told(pipe: Any) -> Any:
    assert pipe.poll(PATIENCE), "nothing came"
    return pipe.recv()


@pytest.fixture
def cold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which nothing is yet."""
    monkeypatch.setenv("MLPACK_CACHE_DIR", str(tmp_path / "cold"))
    return tmp_path / "cold"


@pytest.fixture
def large(spec: BuildSpec) -> Path:
    """A file that does not compress, in the model."""
    file = spec.model / "weights.bin"
    file.write_bytes(os.urandom(24 << 20))
    return file


def left_over(cache: Path) -> list[Path]:
    return [*(cache / "tmp").iterdir(), *(cache / "work").iterdir()]


def test_killed_while_it_packs_the_model(spec: BuildSpec, large: Path, cold: Path) -> None:
    def work(pipe: Any) -> None:
        def report(event: Progress) -> None:
            if (event.kind, event.part) == ("bytes", "model"):
                pipe.send("packing")
                time.sleep(PATIENCE)

        OciBuilder().build(spec, report)

    process, pipe = child(work)
    assert told(pipe) == "packing"
    os.kill(process.pid, signal.SIGKILL)
    process.join(PATIENCE)
    assert not Path(str(spec.outputs[0].path)).exists()
    OciBuilder().build(spec)
    assert contents(built(spec))["opt/ml/model/weights.bin"] == large.read_bytes()
    assert left_over(cold) == []


def test_two_at_once(spec: BuildSpec, large: Path, cold: Path, tmp_path: Path) -> None:
    specs = [replace(spec, outputs=(Output("layout", tmp_path / f"out{n}"),)) for n in range(2)]
    running = [
        child(lambda pipe, one=one: pipe.send(OciBuilder().build(one).digest)) for one in specs
    ]
    digests = {told(pipe) for _, pipe in running}
    for process, _ in running:
        process.join(PATIENCE)
    assert len(digests) == 1
    assert built(specs[0]).manifest == built(specs[1]).manifest
    assert left_over(cold) == []


def test_no_room_left(spec: BuildSpec, large: Path, cold: Path) -> None:
    def work(pipe: Any) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, 8 << 20))
        try:
            OciBuilder().build(spec)
        except MlpackError as error:
            pipe.send((type(error).__name__, error.message))

    process, pipe = child(work)
    kind, message = told(pipe)
    process.join(PATIENCE)
    assert kind == "StorageFailed", message
    assert not Path(str(spec.outputs[0].path)).exists()
    assert left_over(cold) == []
    OciBuilder().build(spec)
    assert contents(built(spec))["opt/ml/model/weights.bin"] == large.read_bytes()


def test_no_room_left_for_what_is_temporary(
    spec: BuildSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(runtime_layer, "compile_sources", full)
    with pytest.raises(StorageFailed, match=r"Cannot write /.*The disk is full"):
        OciBuilder().build(replace(spec, no_cache=True))


def test_a_large_file_in_little_memory(spec: BuildSpec) -> None:
    with (spec.model / "weights.bin").open("wb") as file:
        file.truncate(1 << 30)

    def work(pipe: Any) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        OciBuilder().build(spec)
        pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

    process, pipe = child(work)
    assert told(pipe) < 200_000, "kilobytes"
    process.join(PATIENCE)
    sizes = [layer.size for layer in built(spec).layers]
    assert max(sizes) < 10_000_000


def test_credentials_of_the_index_leave_no_trace(
    spec: BuildSpec, index: PackageIndex, cold: Path, tmp_path: Path
) -> None:
    index.password = "ind3x-user:pa55word"
    seen: list[Progress] = []
    spec = replace(spec, index_url=index.secret_url, build_args={"TOKEN": "t0ken-in-an-argument"})
    made = OciBuilder().build(spec, seen.append)
    assert any(path.startswith("/files/top/") for path in index.asked)
    secrets = ["ind3x-user", "pa55word", "t0ken-in-an-argument"]
    image = built(spec)
    told = [*(event.message for event in seen), json.dumps(made.to_dict())]
    told += [image.manifest.decode(), image.config.decode()]
    told += [content.decode("latin-1") for content in contents(image).values()]
    files = [*cold.rglob("*"), *(tmp_path / "locks").rglob("*"), *(tmp_path / "out").rglob("*")]
    told += [path.read_bytes().decode("latin-1") for path in files if path.is_file()]
    assert len(told) > 100
    for text in told:
        assert not [secret for secret in secrets if secret in text]

    (spec.model / "requirements.txt").write_text("top==7\n")
    with pytest.raises(BuildFailed) as caught:
        OciBuilder().build(spec, seen.append)
    assert not [secret for secret in secrets if secret in caught.value.message]
