"""Builds what the web UI's scripts import: JavaScript libraries, from packages, as single files.

They are named and locked in ``tracking_server/ui/libraries`` and end up in
``tracking_server/ui/static/lib``, where wheels and source distributions take them from, so that
whoever installs one of those needs nothing. Only a checkout needs npm; without it everything works
but the charts and the previews of Parquet files.

    python setup.py libraries    # that alone
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar

from setuptools import Command, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

UI = Path(__file__).resolve().parent / "tracking_server" / "ui"
SOURCE, RESULT = UI / "libraries", UI / "static" / "lib"
CACHE = Path(__file__).resolve().parent / ".cache"
STAMP = "made-of.txt"
NPM = ["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
NOTICES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "NOTICE")


def make_libraries() -> str:
    """Make them, unless they are there and made of the same.

    Returns:
        Why they could not be made; nothing when they are there.
    """
    # without .npmrc, which is for writing the lock, and is lost where copies leave such files out
    sources = sorted(SOURCE.glob("[!.]*.js*"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    stamp = RESULT / STAMP
    if not sources or (stamp.is_file() and stamp.read_text() == digest):
        return ""
    if shutil.which("npm") is None:
        return "npm is missing, so the web UI will show no charts. Debian: apt-get install npm"
    with tempfile.TemporaryDirectory() as name:
        try:
            bundle(Path(name), sources)
        except subprocess.CalledProcessError as error:
            return f"npm failed, so the web UI will show no charts: {error}"
        (Path(name) / "lib" / STAMP).write_text(digest)
        shutil.rmtree(RESULT, ignore_errors=True)
        shutil.move(Path(name) / "lib", RESULT)
        # not for users: the tests look at the pages with it
        CACHE.mkdir(exist_ok=True)
        shutil.copy2(Path(name) / "node_modules/axe-core/axe.min.js", CACHE)
    return ""


def bundle(work: Path, sources: list[Path]) -> None:
    """Fetch the packages by their hashes, and make ``work/lib`` of them."""
    for path in sources:
        shutil.copy2(path, work)
    subprocess.run(NPM, cwd=work, check=True)
    entries = [path.name for path in sources if path.suffix == ".js"]
    esbuild = ["node_modules/.bin/esbuild", "--bundle", "--minify", "--format=esm"]
    options = ["--legal-comments=none", "--log-level=warning", "--outdir=lib"]
    subprocess.run([*esbuild, *options, *entries], cwd=work, check=True)
    modules = work / "node_modules"
    shutil.copy2(modules / "uplot/dist/uPlot.min.css", work / "lib/curves.css")
    (work / "lib" / "licenses.txt").write_text(licenses(modules), encoding="utf-8")


def licenses(modules: Path) -> str:
    """What the authors want told wherever their code goes."""
    parts = []
    for package in sorted(modules.glob("*/package.json")):
        for notice in (package.parent / each for each in NOTICES):
            if notice.is_file() and package.parent.name not in ("esbuild", "axe-core"):
                text = notice.read_text(encoding="utf-8", errors="replace").strip()
                parts.append(f"--- {package.parent.name}: {notice.name} ---\n\n{text}\n")
    return "\n".join(parts)


class Libraries(Command):
    """``python setup.py libraries``"""

    description = "bundle the JavaScript libraries of the web UI"
    user_options: ClassVar[list[tuple[str, str, str]]] = []

    def initialize_options(self) -> None: ...

    def finalize_options(self) -> None: ...

    def run(self) -> None:
        if missing := make_libraries():
            raise SystemExit(missing)


class BuildPy(build_py):
    """The usual build, libraries first; whoever has no npm gets all but the charts."""

    def run(self) -> None:
        if missing := make_libraries():
            self.warn(missing)
        super().run()


class Sdist(sdist):
    """What is handed on has the libraries in it."""

    def run(self) -> None:
        if missing := make_libraries():
            raise SystemExit(missing)
        super().run()


setup(cmdclass={"build_py": BuildPy, "libraries": Libraries, "sdist": Sdist})
