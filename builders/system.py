"""Installs packages of the distribution while an image is built. Runs *inside* the image.

Copied into the build context as it is, like install.py: standard library alone, no shell.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# What an installation leaves behind and nobody needs in an image.
LEFT_BEHIND = ("/var/lib/apt/lists", "/var/cache/apt", "/var/log/apt", "/var/cache/ldconfig")
LOGS = ("/var/log/dpkg.log", "/var/log/alternatives.log")


def main(packages: list[str]) -> None:
    apt = shutil.which("apt-get") or ""
    if not apt:
        fail(
            "the base image has no apt-get: --system-package needs one of Debian or Ubuntu. Take "
            "another --base-image, or one that has the packages already."
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    environment.pop("FTP_PROXY", None)  # which carries what install.py may know alone
    # a name is a name, not a pattern that may fit other packages
    exact = ["-o", "APT::Cmd::Pattern-Only=true", "-o", "Dpkg::Use-Pty=0"]
    run([apt, "-q", "update"], environment)
    run(
        [apt, "-q", "install", "-y", "--no-install-recommends", *exact, "--", *packages],
        environment,
    )
    for folder in LEFT_BEHIND:
        for each in Path(folder).glob("*"):
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each, ignore_errors=True)
            else:
                each.unlink()
    for log in LOGS:
        Path(log).unlink(missing_ok=True)


def run(command: list[str], environment: dict[str, str]) -> None:
    """Run apt-get; of its output the last error says why it failed."""
    process = subprocess.Popen(
        command,
        env=environment,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        # indented, so that no package's output is taken for a line of ours or of the engine's
        print(f"  {line.rstrip()}", flush=True)  # noqa: T201
    if process.wait():
        errors = [line[2:].strip() for line in lines if line.startswith("E:")]
        fail(errors[0] if errors else "apt-get did not say why")


def fail(why: str) -> None:
    print(f"mlpack-error: {why}", flush=True)  # noqa: T201
    sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
