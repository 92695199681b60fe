"""The dependencies of an image as layers: the wheels of a lock, installed without running them.

A layer's key says what is in it before anything is installed: which wheels, for which target,
by which rules. So a layer that is in the cache costs nothing, and models with different
environments share those of the large distributions, which have layers of their own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import BuildFailed
from ...flavors.staging import storage_failed
from ..base import BuildSpec, Progress, Report, ignore
from ..install import FOLDERS_NOT_NEEDED, NOT_NEEDED, TESTS_NOT_NEEDED
from ..oci.layers import LayerEntry
from ..oci.spec import canonical, sha256
from .bytecode import Compiler, Source, compile_sources, find_compiler
from .installed import Distribution, read_installed
from .lockfile import Lock, Pin
from .uv import Uv

# Of what is in a layer: changes when the same wheels would give other files.
RULES = 1
MOST_LAYERS = 16
# Of a wheel; what it holds takes two to three times as much, and bytecode comes on top.
LARGE = 5_000_000
# Where the index does not tell sizes (and for locks of other tools): those that are.
KNOWN_LARGE = frozenset(
    (
        *("catboost", "jax", "jaxlib", "lightgbm", "llvmlite", "matplotlib", "mlflow", "numpy"),
        *("onnxruntime", "opencv-python", "opencv-python-headless", "pandas", "polars", "pyarrow"),
        *("scikit-image", "scikit-learn", "scipy", "spacy", "statsmodels", "tensorflow"),
        *("tokenizers", "torch", "torchvision", "transformers", "triton", "xgboost"),
    )
)
# Engines share layers only while all below them are the same: what most models need comes first.
_FIRST = ("numpy", "scipy", "pandas", "scikit-learn")


@dataclass(frozen=True)
class DependencyLayer:
    """One layer of dependencies.

    Attributes:
        name: what to call it.
        key: names what it holds; equal keys, equal bytes.
        packages: that are in it.
        entries: installs them, and gives the files of the layer; called only when it has to be
            made, while the folder of the build is there.
    """

    name: str
    key: str
    packages: tuple[Pin, ...]
    entries: Callable[[], Sequence[LayerEntry]]


def dependency_layers(
    lock: Lock, spec: BuildSpec, work: Path, *, bytecode: bool = True, report: Report = ignore
) -> list[DependencyLayer]:
    """The layers that a lock's wheels make; nothing is installed yet.

    Args:
        lock: what is installed.
        spec: the build, for its package indexes.
        work: a folder of the build; wheels are linked into it if uv's cache is on the same disk.
        bytecode: compile what is installed, so that the image starts fast.
        report: told what is installed, and when there is nothing to compile it with.

    Raises:
        NoWheel: there are no wheels for the lock's target.
    """
    _ = lock.target.uv_platform  # refused at once rather than when a layer is made
    compiler = find_compiler(lock.target.python) if bytecode else None
    if bytecode and compiler is None:
        report(
            Progress(
                "notice",
                f"There is no Python {lock.target.python} on this machine to compile modules with, "
                "so the image starts more slowly. Install one (uv python install "
                f"{lock.target.python}) to have it start fast.",
            )
        )
    maker = _Maker(lock, spec, work, compiler, report)
    return [_layer(name, pins, maker) for name, pins in _grouped(lock.pins)]


def _layer(name: str, pins: tuple[Pin, ...], maker: _Maker) -> DependencyLayer:
    key = {
        "rules": RULES,
        "left out": [TESTS_NOT_NEEDED, FOLDERS_NOT_NEEDED, NOT_NEEDED],
        "target": str(maker.lock.target),
        "packages": [[pin.name, pin.version, *pin.hashes] for pin in pins],
        "bytecode": maker.compiler.key if maker.compiler else None,
    }
    return DependencyLayer(name, sha256(canonical(key)), pins, lambda: maker.entries(pins))


def _grouped(pins: Sequence[Pin]) -> Iterator[tuple[str, tuple[Pin, ...]]]:
    """The large ones each alone, those that most models have first; then all others together."""
    large = sorted((pin for pin in pins if _is_large(pin)), key=lambda pin: -(pin.size or LARGE))
    alone = {pin.name: pin for pin in large[: MOST_LAYERS - 1]}
    order = [name for name in _FIRST if name in alone]
    order += sorted(alone.keys() - set(order))
    for name in order:
        yield f"{name} {alone[name].version}".strip(), (alone[name],)
    rest = tuple(pin for pin in pins if pin.name not in alone)
    if rest:
        yield f"{len(rest)} packages" if len(rest) > 1 else rest[0].name, rest


def _is_large(pin: Pin) -> bool:
    return pin.size >= LARGE if pin.size is not None else pin.name in KNOWN_LARGE


@dataclass(frozen=True)
class _Maker:
    """Installs some packages of a lock and gives what became of them."""

    lock: Lock
    spec: BuildSpec
    work: Path
    compiler: Compiler | None
    report: Report

    def entries(self, pins: Sequence[Pin]) -> list[LayerEntry]:
        """The files of some packages; of two with the same path the later package's, by name."""
        told = pins[0].requirement if len(pins) == 1 else f"{len(pins)} packages"
        self.report(Progress("log", f"Installing {told}", "dependencies"))
        found: dict[str, LayerEntry] = {}
        for each in self._distributions(pins):
            found |= {entry.path: entry for entry in each.entries()}
        return [*found.values(), *self._compiled(found)]

    def _distributions(self, pins: Sequence[Pin]) -> list[Distribution]:
        installed = self._installed(pins)
        if missing := {pin.name for pin in pins} - {each.name for each in installed}:
            raise BuildFailed(
                f"{', '.join(sorted(missing))} was not installed; uv did not say why."
            )
        # uv installs at random order: of a path that several have, anybody's file may be there
        counted: dict[str, int] = {}
        for each in installed:
            for path in each.files:
                counted[path] = counted.get(path, 0) + 1
        shared = {path for path, number in counted.items() if number > 1}
        by_name = {pin.name: pin for pin in pins}
        return [
            self._installed([by_name[each.name]])[0]
            if any(each.altered(path) for path in shared & each.files.keys())
            else each
            for each in installed
        ]

    def _installed(self, pins: Sequence[Pin]) -> list[Distribution]:
        try:
            folder = Path(tempfile.mkdtemp(dir=self.work, prefix="installed-")).resolve()
            lines = [*self.lock.options, *(pin.line for pin in pins)]
            (folder / "lock.txt").write_text("".join(f"{line}\n" for line in lines))
        except OSError as error:
            raise storage_failed(self.work, error) from error
        arguments = ["-r", "lock.txt", "--prefix", "env", "--require-hashes", "--no-deps"]
        uv = Uv.for_build(self.spec)
        try:
            # what is in uv's cache is there without asking anybody
            uv.pip("install", self.lock.target, *arguments, folder=folder, offline=True)
        except BuildFailed:
            shutil.rmtree(folder / "env", ignore_errors=True)
            uv.pip("install", self.lock.target, *arguments, folder=folder, report=self.report)
        return read_installed(folder / "env", self.lock.target.python)

    def _compiled(self, found: dict[str, LayerEntry]) -> Iterator[LayerEntry]:
        if self.compiler is None:
            return
        folder = Path(tempfile.mkdtemp(dir=self.work, prefix="compiled-"))
        made = compile_sources(list(_sources(found.values())), self.compiler, folder)
        for path, file in made.items():
            yield LayerEntry(path.lstrip("/"), file, file.stat().st_size)


def _sources(entries: Iterable[LayerEntry]) -> Iterator[Source]:
    for entry in entries:
        inside = entry.path.split("/")
        tests = "tests" in inside or "test" in inside
        if entry.path.endswith(".py") and isinstance(entry.content, Path) and not tests:
            yield Source(entry.content, f"/{entry.path}")
