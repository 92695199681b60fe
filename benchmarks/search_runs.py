"""How long searches take among 1,000 to 100,000 runs, and a chart of a million points; SQLite.

    python benchmarks/search_runs.py --peer-python PATH [--sizes 1000 10000 100000]

Every run has 20 metrics and 20 params, and a page is the first 100 runs with all of these. Both
sides search the same runs. "Flat" compares the largest store with the smallest.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from harness import ENVIRONMENT, HERE, Row, Worker, interleave, parser, peer_python, report

LIMIT_PAGE = 0.05
LIMIT_HISTORY = 0.1
LIMIT_FLAT = 3.0  # a filter that few runs fit costs more among many, whatever the index
POINTS = 10**6
PROMISED = "filter"
PEER_ONCE = 10_000  # among more runs the peer is asked once, and for the promised case only
NAMES = {
    "default": "newest first",
    "filter": "metric filter, by a metric",
    "few": "2 % fit, by another metric",
    "clauses": "three clauses, 0.5 % fit, by a metric",
    "param": "param filter",
    "by param": "by a param",
    "by end": "by end time",
}


def main() -> None:
    options = parser(__doc__, rounds=7)
    options.add_argument(
        "--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000], help="runs in a store"
    )
    arguments = options.parse_args()
    products = {"ours": (sys.executable, "mlpack"), "peer": (peer_python(arguments), "mlflow")}
    medians: dict[tuple[str, int, str], float] = {}
    largest = max(arguments.sizes)
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            points = POINTS if size == largest else 0
            medians |= measure(Path(folder), products, size, points, arguments.rounds)
    report("Searches, local SQLite", rows(medians, arguments.sizes), arguments)


def measure(
    folder: Path, products: dict[str, tuple[str | Path, str]], size: int, points: int, rounds: int
) -> dict[tuple[str, int, str], float]:
    """Medians of every case on both sides, by side, size and case."""
    cases = [*NAMES, *(["history"] if points else [])]
    medians = {}
    for side, (python, product) in products.items():
        command = [str(python), str(HERE / "search_runs_worker.py"), product, "build"]
        command += [f"{side}.db", str(size), str(points)]
        subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
    for case in cases:
        workers = {
            side: Worker(python, ["search_runs_worker.py", product, case, f"{side}.db"], folder)
            for side, (python, product) in products.items()
        }
        measures = {side: worker.measure for side, worker in workers.items()}
        if size > PEER_ONCE and case != "history":  # a search of the peer's takes a minute
            if case == PROMISED:
                medians["peer", size, case] = measures["peer"]()
            del measures["peer"]
        for side, figure in interleave(measures, rounds).items():
            medians[side, size, case] = figure
        for worker in workers.values():
            worker.close()
    return medians


def rows(medians: dict[tuple[str, int, str], float], sizes: list[int]) -> list[Row]:
    smallest, largest = min(sizes), max(sizes)
    found = []
    for case, name in NAMES.items():
        for size in sizes:
            ours, peer = medians["ours", size, case], medians.get(("peer", size, case))
            promised = case == PROMISED
            found.append(
                Row(
                    f"{name}, {size:,} runs",
                    ours,
                    peer,
                    target=f"under {LIMIT_PAGE * 1000:.0f} ms" if promised else "",
                    met=ours < LIMIT_PAGE if promised else None,
                )
            )
        growth = {
            side: medians[side, largest, case] / medians[side, smallest, case]
            for side in ("ours", "peer")
            if (side, largest, case) in medians
        }
        found.append(
            Row(
                f"  flat: {largest // smallest:,} times the runs",
                growth["ours"],
                growth.get("peer"),
                "x",
                target=f"under {LIMIT_FLAT:.0f} x" if case == PROMISED else "",
                met=growth["ours"] < LIMIT_FLAT if case == PROMISED else None,
            )
        )
    ours, peer = medians["ours", largest, "history"], medians["peer", largest, "history"]
    found.append(
        Row(
            f"2,500 points of {POINTS:,}",
            ours,
            peer,
            target=f"under {LIMIT_HISTORY * 1000:.0f} ms",
            met=ours < LIMIT_HISTORY,
        )
    )
    return found


if __name__ == "__main__":
    main()
