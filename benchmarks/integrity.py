"""How long it takes to check a large model's files before it is loaded.

    python benchmarks/integrity.py [--megabytes 2048] [--files 1]

The first check reads every file once. It is measured beside `openssl dgst -sha256` and beside
reading the same files and doing nothing with them, each with the files in the page cache and with
them dropped from it. The second check in a process reads nothing. A check is what `load_model`
does for a registered version: the manifest of the folder, held against the digest on record.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness import Row, interleave, parser, report

from mlpack.flavors import hashing
from mlpack.flavors.integrity import digest, manifest, verify_digest

_PIECE = 1 << 20
_SECOND_SECONDS = 0.05
_SLOWER_THAN_OPENSSL = 1.15


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--megabytes", type=int, default=2048, help="of the model")
    options.add_argument("--files", type=int, default=1, help="that it consists of")
    options.add_argument("--folder", type=Path, help="on the disk to measure")
    arguments = options.parse_args()
    openssl = shutil.which("openssl") or sys.exit("This needs the openssl command.")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        files = make_files(folder, arguments.megabytes, arguments.files)
        recorded = digest(manifest(folder))
        check = partial(verify_digest, folder, recorded)
        command = [openssl, "dgst", "-sha256", *map(str, files)]

        def first() -> None:
            hashing._seen = hashing._Seen()  # as in a new process
            check()

        cases: dict[str, Callable[[], float]] = {}
        for state, before in (("cached", lambda: None), ("from disk", lambda: drop(files))):
            cases[f"first {state}"] = partial(seconds, first, before)
            cases[f"openssl {state}"] = partial(seconds, partial(quietly, command), before)
            cases[f"read {state}"] = partial(seconds, partial(read, files), before)
        cases["second"] = partial(seconds, check, lambda: None)
        medians = interleave(cases, arguments.rounds)
    rows = []
    for state in ("cached", "from disk"):
        ours, theirs = medians[f"first {state}"], medians[f"openssl {state}"]
        kept = ours <= _SLOWER_THAN_OPENSSL * theirs
        target = f"within {_SLOWER_THAN_OPENSSL:.2f} x of openssl"
        rows.append(Row(f"first check, {state}; openssl", ours, theirs, target=target, met=kept))
        rows.append(Row(f"first check, {state}; reading", ours, medians[f"read {state}"]))
    second = medians["second"]
    target = f"under {_SECOND_SECONDS * 1000:.0f} ms"
    rows.append(Row("second check", second, target=target, met=second < _SECOND_SECONDS))
    report(f"Checking {arguments.megabytes} MB in {arguments.files} file(s)", rows, arguments)


def make_files(folder: Path, megabytes: int, count: int) -> list[Path]:
    """Files of random bytes, of the same size each."""
    files = [folder / f"part-{number}.bin" for number in range(count)]
    for path in files:
        with path.open("wb") as file:
            for _ in range(megabytes // count):
                file.write(os.urandom(_PIECE))
            file.flush()
            os.fsync(file.fileno())  # only what is on the disk can be dropped from the cache
    return files


def seconds(measured: Callable[[], object], before: Callable[[], object]) -> float:
    """How long a call takes."""
    before()
    start = time.perf_counter()
    measured()
    return time.perf_counter() - start


def drop(files: list[Path]) -> None:
    """Take files out of the page cache."""
    for path in files:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(files: list[Path]) -> None:
    """Read files, and nothing else."""
    piece = bytearray(_PIECE)
    for path in files:
        with path.open("rb", buffering=0) as file:
            while file.readinto(piece):
                pass


def quietly(command: list[str]) -> None:
    """Run a command without its output."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
