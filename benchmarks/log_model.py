"""How long `log_model` takes for the quickstart's pipeline with an input example.

    python benchmarks/log_model.py --peer-python PATH

Both sides fit the same Pipeline on the same data in a process of their own, and then log it when
they are told to, in turn; each writes to an SQLite store. The peer's sklearn flavor stores skops by
default, too, so both write the same kind of file.

A training script logs one model and ends, so the first call of a process counts as much as those
that follow: it is measured with a new process every time, the store being there already.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness import Row, Worker, interleave, parser, peer_python, report

LIMIT_RATIO = 30
WORKER = "log_model_worker.py"


def main() -> None:
    arguments = parser(__doc__).parse_args()
    peer = peer_python(arguments)
    with tempfile.TemporaryDirectory() as folder:
        sides = {"ours": (sys.executable, "mlpack"), "peer": (peer, "mlflow")}
        cases: dict[str, Callable[[], float]] = {}
        workers = []
        for name, (python, product) in sides.items():
            home = Path(folder, name)
            home.mkdir()
            for what in ("log_model", "save_model"):
                worker = Worker(python, [WORKER, product, what], home)
                workers.append(worker)
                cases[f"{name} {what}"] = worker.measure
            cases[f"{name} first"] = partial(first_call, python, product, home)
        medians = interleave(cases, arguments.rounds)
        for worker in workers:
            worker.close()
    ratio = medians["peer log_model"] / medians["ours log_model"]
    first = medians["peer first"] / medians["ours first"]
    rows = [
        Row(
            "log_model, first of a process",
            medians["ours first"],
            medians["peer first"],
            target=f"{LIMIT_RATIO} x faster",
            met=first >= LIMIT_RATIO,
        ),
        Row(
            "log_model, later ones",
            medians["ours log_model"],
            medians["peer log_model"],
            target=f"{LIMIT_RATIO} x faster",
            met=ratio >= LIMIT_RATIO,
        ),
        Row(
            "save_model, later ones",
            medians["ours save_model"],
            medians["peer save_model"],
        ),
    ]
    report("Logging the quickstart's pipeline", rows, arguments)


def first_call(python: str | Path, product: str, home: Path) -> float:
    """What the first call takes, in a process that did nothing but fit the pipeline."""
    worker = Worker(python, [WORKER, product, "log_model"], home)
    seconds = worker.measure()
    worker.close()
    return seconds


if __name__ == "__main__":
    main()
