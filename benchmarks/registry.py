"""How long calls of the registry take with 100 to 10,000 models of 100 versions each; SQLite.

    python benchmarks/registry.py --peer-python PATH [--models 100 1000 10000]

Every model and version has three tags, a version in each stage and two aliases. Both sides search
the same. The peer is asked at the sizes that it bears; its ratio is that of equal sizes. "Flat"
compares the largest registry with the smallest.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from harness import ENVIRONMENT, HERE, Row, Worker, parser, peer_python, report
from registry_worker import CASES, VERSIONS

LIMIT = 0.02
LIMIT_FLAT = 3.0  # trees of ten thousand times the rows are deeper, and colder
PEER_MOST = 1000  # models; with more a page of versions takes the peer minutes


def main() -> None:
    options = parser(__doc__, rounds=7)
    options.add_argument(
        "--models", type=int, nargs="+", default=[100, 1000, 10_000], help="models in a registry"
    )
    arguments = options.parse_args()
    products = {"ours": (sys.executable, "mlpack"), "peer": (peer_python(arguments), "mlflow")}
    medians: dict[tuple[str, int, str], float] = {}
    for size in arguments.models:
        sides = {k: v for k, v in products.items() if k == "ours" or size <= PEER_MOST}
        with tempfile.TemporaryDirectory() as folder:
            medians |= measure(Path(folder), sides, size, arguments.rounds)
    report(
        f"The registry, {VERSIONS} versions a model, local SQLite",
        rows(medians, arguments.models),
        arguments,
    )


def measure(
    folder: Path, products: dict[str, tuple[str | Path, str]], size: int, rounds: int
) -> dict[tuple[str, int, str], float]:
    """Medians of every case on each side, by side, size and case."""
    for side, (python, product) in products.items():
        command = [str(python), str(HERE / "registry_worker.py"), product, "build"]
        command += [f"{side}.db", str(size)]
        subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
    workers = {
        side: Worker(
            python, ["registry_worker.py", product, "measure", f"{side}.db", str(size)], folder
        )
        for side, (python, product) in products.items()
    }
    medians = {}
    figures: dict[tuple[str, int, str], list[float]] = {}
    for round_ in range(-1, rounds):
        for case in CASES:  # a worker measures one after the other
            for side, worker in workers.items():
                figure = worker.measure()
                if round_ >= 0:
                    figures.setdefault((side, size, case), []).append(figure)
    for worker in workers.values():
        worker.close()
    for key, values in figures.items():
        medians[key] = sorted(values)[len(values) // 2]
    return medians


def rows(medians: dict[tuple[str, int, str], float], sizes: list[int]) -> list[Row]:
    smallest, largest = min(sizes), max(sizes)
    found = []
    for case, (name, promised) in CASES.items():
        for size in sizes:
            ours = medians["ours", size, case]
            found.append(
                Row(
                    f"{name}, {size:,} models",
                    ours,
                    medians.get(("peer", size, case)),
                    target=f"under {LIMIT * 1000:.0f} ms" if promised else "",
                    met=ours < LIMIT if promised else None,
                )
            )
        if largest > smallest:
            growth = medians["ours", largest, case] / medians["ours", smallest, case]
            # what takes a millisecond may take two: that is noise
            flat = growth < LIMIT_FLAT or medians["ours", largest, case] < LIMIT / 10
            found.append(
                Row(
                    f"  flat: {largest // smallest:,} times the models",
                    growth,
                    unit="x",
                    target=f"under {LIMIT_FLAT:.0f} x" if promised else "",
                    met=flat if promised else None,
                )
            )
    return found


if __name__ == "__main__":
    main()
