"""Bytecode for an image, made here: by a Python of the image's minor version, on all cores."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...errors import BuildFailed

WORKER = Path(__file__).with_name("compile_worker.py")
# of the bytes: changes when the worker would write others
RULES = 2
_FEWEST = 40  # files that are worth a process
_ASK = "import sys; print(*sys.version_info[:3], sys.implementation.name)"


@dataclass(frozen=True)
class Compiler:
    """A Python that compiles.

    Attributes:
        python: the program.
        version: all three numbers of it: a compiler may be mended between two patch versions.
    """

    python: str
    version: str

    @property
    def tag(self) -> str:
        """As in the names of compiled files."""
        return "cpython-" + "".join(self.version.split(".")[:2])

    @property
    def key(self) -> str:
        """What the bytes depend on beside the source."""
        return f"bytecode {RULES} by {self.version}"


@dataclass(frozen=True)
class Source:
    """One file to compile.

    Attributes:
        content: the file here.
        path: where it is in the image, absolute; tracebacks show it.
    """

    content: Path
    path: str


def find_compiler(python: str) -> Compiler | None:
    """A CPython of a minor version: this one, one on the path, one that uv knows; else None."""
    here = "{}.{}.{}".format(*sys.version_info[:3])
    if here.rpartition(".")[0] == python and sys.implementation.name == "cpython":
        return Compiler(sys.executable, here)
    for program in _candidates(python):
        # a program of that name may be a mere signpost (pyenv's are): ask it
        asked = [program, "-I", "-S", "-c", _ASK]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        told = done.stdout.split()
        if done.returncode == 0 and told[3:] == ["cpython"] and ".".join(told[:2]) == python:
            return Compiler(program, ".".join(told[:3]))
    return None


def compiled_path(path: str, tag: str) -> str:
    """Where Python looks for the compiled form of a source file."""
    source = PurePosixPath(path)
    return str(source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc")


def compile_sources(
    sources: Sequence[Source], compiler: Compiler, folder: Path, workers: int | None = None
) -> dict[str, Path]:
    """Compile files; those that are no valid Python are left out.

    The bytes depend on the sources, their paths in the image and the compiler alone.

    Args:
        sources: what to compile.
        compiler: by what.
        folder: where the results are written.
        workers: processes; default: one a core.

    Returns:
        path in the image → file here.

    Raises:
        BuildFailed: a process of the compiler failed.
    """
    targets = {
        compiled_path(each.path, compiler.tag): folder / f"{number}.pyc"
        for number, each in enumerate(sources)
    }
    jobs = [
        (str(each.content), each.path, str(target))
        for each, target in zip(sources, targets.values(), strict=True)
    ]
    jobs.sort(key=lambda job: -os.stat(job[0]).st_size)  # noqa: PTH116
    count = min(workers or os.cpu_count() or 1, -(-len(jobs) // _FEWEST))
    _run(compiler, [jobs[number::count] for number in range(count)])
    return {path: file for path, file in targets.items() if file.exists()}


def _run(compiler: Compiler, shares: Iterable[Sequence[tuple[str, str, str]]]) -> None:
    running = []
    # the order in a set depends on hashes, and nothing that is written should depend on either
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment["PYTHONHASHSEED"] = "0"
    try:
        for share in shares:
            process = subprocess.Popen(
                [compiler.python, "-s", "-P", "-S", "-B", str(WORKER)],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            running.append(process)
            assert process.stdin is not None
            process.stdin.write(json.dumps(share).encode())
            process.stdin.close()
        for process in running:
            assert process.stderr is not None
            said = process.stderr.read().decode(errors="replace").strip()
            if process.wait():
                raise BuildFailed(
                    "Bytecode could not be made: " + (said.splitlines() or ["no reason"])[-1]
                )
    except BrokenPipeError:
        raise BuildFailed("Bytecode could not be made: its compiler ended at once.") from None
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stderr:
                process.stderr.close()


def _candidates(python: str) -> Iterator[str]:
    name = f"python{python}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    yield from (str(each) for each in sorted(pyenv.glob(f"{python}.*/bin/{name}"), reverse=True))
    for folder in os.get_exec_path():
        if found := shutil.which(name, path=folder):
            yield found
    from .uv import find_uv

    try:
        asked = [find_uv(), "python", "find", "--managed-python", "--no-python-downloads", python]
    except Exception:
        return
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout.strip():
        yield done.stdout.strip()
