"""Run every benchmark, one after the other, and say at the end which promises are kept.

python benchmarks/run.py --peer-python PATH [--only NAME…] [--json FILE]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import HERE, parser, peer_python

SCRIPTS = (
    "imports",
    "log_model",
    "log_metric",
    "search_runs",
    "registry",
    "server",
    "serving",
    "integrity",
    "install_size",
    "image",
    "deploy",
    "ui",
)


def main() -> None:
    options = parser(__doc__)
    options.set_defaults(rounds=None)  # every script has a number of its own
    options.add_argument("--only", nargs="+", choices=SCRIPTS, default=SCRIPTS)
    arguments = options.parse_args()
    peer = peer_python(arguments)
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only:
            result = Path(folder, f"{name}.json")
            command = [sys.executable, str(HERE / f"{name}.py")]
            command += ["--peer-python", str(peer), "--json", str(result)]
            if arguments.rounds:
                command += ["--rounds", str(arguments.rounds)]
            if subprocess.run(command, check=False).returncode:
                sys.exit(f"{name}.py failed.")
            tables.append(json.loads(result.read_text()))
    if arguments.json:
        arguments.json.write_text(json.dumps(tables, indent=1) + "\n")
    promised = [row for table in tables for row in table["rows"] if row["met"] is not None]
    missed = [row for row in promised if not row["met"]]
    print(f"\n{len(promised) - len(missed)} of {len(promised)} promises kept.")
    for row in missed:
        print(f"  missed: {row['what']} ({row['target']})")


if __name__ == "__main__":
    main()
