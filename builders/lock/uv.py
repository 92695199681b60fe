"""Running uv: found, told where packages are by its environment alone, and heard.

Addresses of indexes may hold credentials, and everybody on a machine can read the arguments of
its processes; so they go by environment variables, and what uv says is cleaned of them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import BuildFailed, InvalidInput, MissingDependency, MlpackError, StorageFailed
from ..base import BuildSpec, Progress, Report, ignore
from ..indexes import UV_VARIABLES, find_indexes, secret_parts
from ..install import reason, scrub
from .target import NoWheel, Target

_NO_NETWORK = re.compile(
    r"failed to lookup address|dns error|error trying to connect|connection refused", re.IGNORECASE
)
# Settings of the user's own that would change where or how things are installed here.
_NOT_OURS = ("UV_COMPILE_BYTECODE", "UV_REQUIRE_HASHES", "UV_NO_DEPS", "UV_OUTPUT_FILE")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_SECRET = re.compile(r"^UV_INDEX_\w+_(USERNAME|PASSWORD)$")


@dataclass(frozen=True)
class Uv:
    """A uv for one build.

    Attributes:
        path: the program.
        environment: its environment; secret.
        secrets: what must not be seen of it.
        given: variables that requirements may name: those that the user gave for this build.
    """

    path: str
    environment: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    given: frozenset[str] = frozenset()

    @classmethod
    def for_build(cls, spec: BuildSpec, *, here: bool = True) -> Uv:
        """uv with the package indexes of a build.

        Args:
            spec: the build.
            here: packages are installed here; else only indexes that a container reaches count.

        Raises:
            MissingDependency: there is no uv here.
            InvalidInput: an index that was given is no address.
        """
        indexes = find_indexes(spec.index_url, spec.extra_index_urls, here=here)
        left = {k: v for k, v in os.environ.items() if k not in (*_NOT_OURS, *UV_VARIABLES)}
        settings = {**left, **indexes.settings, **spec.build_args}
        settings |= {"UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"}
        if not here:  # an index that this machine does not reach shall not hold the build up
            settings.setdefault("UV_HTTP_RETRIES", "1")
        secrets = [*indexes.secrets, *(v for v in spec.build_args.values() if len(v) >= 8)]
        for name, value in settings.items():
            if name.startswith("UV_"):
                secrets += [value] if _SECRET.match(name) else secret_parts(value)
        secrets = list(dict.fromkeys(filter(None, secrets)))
        return cls(find_uv(), settings, tuple(secrets), frozenset(spec.build_args))

    def pip(
        self,
        command: str,
        target: Target,
        *arguments: str,
        folder: Path,
        offline: bool = False,
        report: Report = ignore,
    ) -> None:
        """Run ``uv pip COMMAND`` for a target, in a folder.

        Args:
            command: ``compile`` or ``install``.
            target: whose wheels to look at.
            arguments: more of them; nothing secret.
            folder: the working folder, so that no project's settings near the user's count.
            offline: take what is in uv's cache, ask nobody.
            report: told what uv says.

        Raises:
            InvalidInput: a requirement names a variable of this machine.
            NoWheel: something has no wheel for the target.
            StorageFailed: a disk is full.
            BuildFailed: says why in one line.
        """
        self._check_variables(folder)
        told = [self.path, "pip", command, "--python", sys.executable, "--only-binary", ":all:"]
        told += ["--python-version", target.python, "--python-platform", target.uv_platform]
        told += [*(["--offline"] if offline else []), *arguments]
        lines = []
        with subprocess.Popen(
            told,
            cwd=folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stderr is not None
            try:
                for line in process.stderr:
                    lines.append(self.scrub(line.decode(errors="replace").rstrip()))
                    report(Progress("log", lines[-1], "dependencies"))
            except BaseException:
                process.kill()  # an interrupted build leaves nothing running
                raise
        if process.returncode < 0:
            raise BuildFailed(f"uv was ended by signal {-process.returncode}.")
        if process.returncode:
            raise _failure(lines, target)

    def _check_variables(self, folder: Path) -> None:
        """Whoever wrote the model shall not have this machine's variables sent to their server."""
        for file in sorted(folder.glob("*.txt")):
            for name in _VARIABLE.findall(file.read_text(encoding="utf-8")):
                if name not in self.given:
                    raise InvalidInput(
                        f"The model's requirements name the variable ${{{name}}}. It is filled in "
                        f"only when it is given for this build: --build-arg {name}=…"
                    )

    def scrub(self, text: str) -> str:
        """A text without secrets."""
        return scrub(text, list(self.secrets))


def find_uv() -> str:
    """uv's program: of the package uv, else on the path.

    Raises:
        MissingDependency: neither is there.
    """
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise MissingDependency(
            "Dependencies are locked and installed by uv, which is not here. "
            "Install it: pip install 'mlpack-toolkit[images]'"
        )
    return found


def _failure(lines: Sequence[str], target: Target) -> MlpackError:
    told = reason(list(lines))
    if "No space left on device" in told:
        return StorageFailed("The disk is full; free some space (uv cache prune frees some).")
    if told.startswith("Failed to initialize cache"):
        return StorageFailed(f"{told}. UV_CACHE_DIR names another folder for uv's cache.")
    if re.search(r"no (usable )?wheels|has no wheels|building from source is disabled", told):
        return NoWheel(
            f"{told} A wheel for {target} is needed.",
            "Build through the engine, which can compile (--builder docker), or take another "
            "version or platform.",
        )
    if _NO_NETWORK.search(told):
        return BuildFailed(
            f"A package index cannot be reached: {told.rstrip('.')}. Without a network, a lock "
            "(--lock FILE) and the wheels in uv's cache do."
        )
    return BuildFailed(re.sub(r"^the ", "The ", told))
