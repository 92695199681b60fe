"""How long `log_model` takes for the quickstart's pipeline with an input example.

    python benchmarks/log_model.py --peer-python PATH

Both sides fit the same Pipeline on the same data in a process of their own, and then log it when
they are told to, in turn; each writes to an empty SQLite store. The peer's sklearn flavor stores
skops by default, too, so both write the same kind of file.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from harness import Row, Worker, interleave, parser, peer_python, report

LIMIT_RATIO = 30


def main() -> None:
    arguments = parser(__doc__).parse_args()
    peer = peer_python(arguments)
    with tempfile.TemporaryDirectory() as folder:
        workers = {}
        for name, python, product in (("ours", sys.executable, "mlpack"), ("peer", peer, "mlflow")):
            home = Path(folder, name)
            home.mkdir()
            for what in ("log_model", "save_model", "log_metric"):
                workers[f"{name} {what}"] = Worker(
                    python, ["log_model_worker.py", product, what], home
                )
        medians = interleave(
            {name: worker.measure for name, worker in workers.items()}, arguments.rounds
        )
        for worker in workers.values():
            worker.close()
    ratio = medians["peer log_model"] / medians["ours log_model"]
    rows = [
        Row(
            "log_model with an input example",
            medians["ours log_model"],
            medians["peer log_model"],
            target=f"{LIMIT_RATIO} x faster",
            met=ratio >= LIMIT_RATIO,
        ),
        Row(
            "save_model with an input example",
            medians["ours save_model"],
            medians["peer save_model"],
        ),
        Row("log_metric (mean of 200)", medians["ours log_metric"], medians["peer log_metric"]),
    ]
    report("Logging the quickstart's pipeline", rows, arguments)


if __name__ == "__main__":
    main()
