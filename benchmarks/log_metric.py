"""How long the calls of a training loop take against a local SQLite store.

    python benchmarks/log_metric.py --peer-python PATH [--processes 8] [--seconds 5]

Every call is durable against `kill -9` when it returns, on both sides: no buffering is switched
on. The last rows are from several processes that log to one file at once; afterwards the store
is asked whether everything that was logged is there.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from harness import HERE, Row, Worker, interleave, parser, peer_python, report

LIMIT_RATIO = 20
LIMIT_RATE = 4000
LIMIT_START = 0.015
_COUNT = """
import sys
tracker = __import__(sys.argv[1])
tracker.set_tracking_uri(sys.argv[2])
client = getattr(tracker, "MlpackClient", None) or tracker.MlflowClient
print(sum(len(client().get_metric_history(run, "loss")) for run in sys.argv[3:]))
"""


def main() -> None:
    options = parser(__doc__, rounds=7)
    options.add_argument("--processes", type=int, default=8, help="that log at once")
    options.add_argument("--seconds", type=float, default=5.0, help="for how long")
    arguments = options.parse_args()
    products = {"ours": (sys.executable, "mlpack"), "peer": (peer_python(arguments), "mlflow")}
    with tempfile.TemporaryDirectory() as folder:
        medians = one_process(Path(folder), products, arguments.rounds)
        shared = {
            side: many_processes(
                Path(folder, side), python, product, arguments.processes, arguments.seconds
            )
            for side, (python, product) in products.items()
        }
    report("Tracking, local SQLite", rows(medians, shared, arguments.processes), arguments)


def one_process(
    folder: Path, products: dict[str, tuple[str | Path, str]], rounds: int
) -> dict[str, float]:
    workers = {}
    for side, (python, product) in products.items():
        home = folder / side
        home.mkdir()
        for what in ("log_metric", "log_metrics", "log_param", "start_run"):
            workers[f"{side} {what}"] = Worker(
                python, ["log_metric_worker.py", product, what], home
            )
    medians = interleave({name: worker.measure for name, worker in workers.items()}, rounds)
    for worker in workers.values():
        worker.close()
    return medians


def many_processes(
    folder: Path, python: str | Path, product: str, count: int, seconds: float
) -> tuple[float, float, int, int]:
    """Mean seconds a call over all, the longest call, calls that failed, calls that were lost."""
    store = f"sqlite:///{folder}/together.db"
    command = [str(python), str(HERE / "log_metric_worker.py"), product, "together", store]
    children = []
    for _ in range(count):  # one after the other, as the peer cannot make one database twice
        child = subprocess.Popen(
            [*command, str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder,
        )
        _answer(child)
        children.append(child)
    for child in children:
        assert child.stdin
        child.stdin.close()
    answers = [_answer(child).split() for child in children]
    for child in children:
        child.wait()
    done, failed = sum(int(a[0]) for a in answers), sum(int(a[1]) for a in answers)
    asked = [str(python), "-c", _COUNT, product, store, *(a[3] for a in answers)]
    found = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=folder)
    lost = done - int(found.stdout.split()[-1])
    return seconds / done, max(float(a[2]) for a in answers), failed, lost


def _answer(child: subprocess.Popen[str]) -> str:
    assert child.stdout
    for line in child.stdout:
        if line.startswith("> "):
            return line[2:].strip()
    sys.exit(f"A process ended early: {child.args}")


def rows(
    medians: dict[str, float], shared: dict[str, tuple[float, float, int, int]], processes: int
) -> list[Row]:
    ours, peer = medians["ours log_metric"], medians["peer log_metric"]
    (mean, longest, failed, lost) = shared["ours"]
    (peer_mean, peer_longest, peer_failed, peer_lost) = shared["peer"]
    return [
        Row(
            "log_metric, calls a second",
            1 / ours,
            None,
            "/s",
            target=f"{LIMIT_RATE:,} /s",
            met=1 / ours >= LIMIT_RATE,
        ),
        Row(
            "log_metric",
            ours,
            peer,
            target=f"{LIMIT_RATIO} x faster",
            met=peer / ours >= LIMIT_RATIO,
        ),
        Row("log_metrics of 1,000", medians["ours log_metrics"], medians["peer log_metrics"]),
        Row("log_param", medians["ours log_param"], medians["peer log_param"]),
        Row(
            "start_run and end",
            medians["ours start_run"],
            medians["peer start_run"],
            target=f"under {LIMIT_START * 1000:.0f} ms",
            met=medians["ours start_run"] < LIMIT_START,
        ),
        Row(f"{processes} processes at once, mean time a call", mean, peer_mean),
        Row("  the longest call", longest, peer_longest),
        Row("  calls that failed", failed, peer_failed, "", target="none", met=failed == 0),
        Row("  calls that were lost", lost, peer_lost, "", target="none", met=lost == 0),
    ]


if __name__ == "__main__":
    main()
