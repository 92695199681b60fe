"""The layer with the scoring runtime and the frame of the virtual environment."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..base import Compression, Report
from ..lock.bytecode import Compiler, Source, compile_sources, find_compiler
from ..runtime_wheel import runtime_files
from .base_image import BaseFacts
from .cache import Cache
from .layers import LayerEntry, MadeLayer, make_layer
from .spec import canonical, sha256
from .venv import RUNTIME, file_entry, runtime_key, venv_entries


def runtime_layer(
    facts: BaseFacts, cache: Cache, *, compression: Compression, anew: bool, report: Report
) -> MadeLayer:
    """The layer, from the cache if it was made before.

    Args:
        facts: of the base image.
        cache: where it goes.
        compression: how it is stored.
        anew: make it even so.
        report: told how far it is.
    """
    compiler = find_compiler(facts.python_text)
    names = {
        "python": facts.python,
        "version": facts.python_text,
        "runtime": runtime_key(),
        "compiler": compiler.key if compiler else None,
    }
    key = sha256(canonical({"runtime layer": 1, **names}))
    with tempfile.TemporaryDirectory(prefix="mlpack-runtime-") as folder:
        return make_layer(
            lambda: _entries(facts, compiler, Path(folder)),
            cache,
            compression=compression,
            key=None if anew else key,
            report=report,
            part="runtime",
        )


def _entries(facts: BaseFacts, compiler: Compiler | None, folder: Path) -> Iterator[LayerEntry]:
    yield from venv_entries(facts)
    sources = []
    for number, (name, content) in enumerate(runtime_files()):
        yield file_entry(f"{RUNTIME}/{name}", content)
        if name.endswith(".py"):
            copy = folder / f"{number}.py"
            copy.write_bytes(content)
            sources.append(Source(copy, f"/{RUNTIME}/{name}"))
    if compiler is None:
        return
    (folder / "compiled").mkdir()
    for path, file in compile_sources(sources, compiler, folder / "compiled").items():
        yield LayerEntry(path.lstrip("/"), file, file.stat().st_size)
