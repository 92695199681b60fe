"""Installs a model's requirements while an image is built. Runs *inside* the image.

Copied into the build context as it is, so it uses the standard library alone and still reads
on an old Python, to be able to say that the Python is old. Everything it downloads or makes
on the way is gone when it ends: what it leaves is one layer with /opt/venv.

Addresses of package indexes may hold credentials. They come in FTP_PROXY, as JSON, because
that is one of the few build arguments that Docker keeps out of an image's history, of its
configuration and of the cache (https://docs.docker.com/reference/dockerfile/#predefined-args),
and the only such channel that works with and without BuildKit. No installer reads it.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote

VENV = "/opt/venv"
RUNTIME = "/opt/mlpack/runtime"
MODEL = "/opt/ml/model"
HERE = Path(__file__).resolve().parent
LOCK = HERE.parent / "lock" / "requirements.lock"
NOTE_PATH = "opt/mlpack/install/contents.json"
OLDEST = (3, 11)
SERVER = "gunicorn"
# A third of these is their own tests, which nothing imports, and headers for compilers.
TESTS_NOT_NEEDED = ("matplotlib", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "statsmodels")
FOLDERS_NOT_NEEDED = ("tests", "include")
# sources and archives for compilers
NOT_NEEDED = (".pyx", ".pxd", ".pyx.in", ".pxd.in", ".pyx.tp", ".pxd.tp", ".a")
# What makes uv and pip trust the certificates that the base image trusts.
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")

# of a distribution's METADATA, what a bill of materials tells
TOLD = ("name:", "version:", "requires-dist:", "license-expression:", "license:", "classifier:")
NOT_FILES = ("/proc", "/sys", "/dev")

NO_WHEEL = (
    ". There is no ready-made wheel of it for this Python and processor, and it could not be "
    "compiled. Pin a version that has one, or take a base image with the compilers it needs."
)


class Failed(Exception):
    """Why the build cannot go on, in one line for the user."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["dependencies", "runtime"])
    parser.add_argument("--python", default="", help="the minor version that saved the model")
    parser.add_argument("--code", action="store_true", help="the model holds Python bytecode")
    parser.add_argument("--locked", action="store_true", help="install from the lock or not at all")
    parser.add_argument("--key", help="changes when the settings do, so that the cache notices")
    options = parser.parse_args()
    try:
        if options.part == "dependencies":
            secrets = take_settings()
            check_python(options.python, options.code)
            install(secrets, options.locked)
        else:
            compile_folder(RUNTIME)
    except Failed as error:
        say("error", str(error))
        sys.exit(1)


def say(kind: str, text: str) -> None:
    """A line that the builder on the other side shows to the user."""
    print(f"mlpack-{kind}: {text}", flush=True)  # noqa: T201


def take_settings() -> list[str]:
    """Put what came in FTP_PROXY into the environment; returns what must never be printed."""
    text = os.environ.pop("FTP_PROXY", "")
    try:
        # not ours if it is no object: Docker may be configured with a real proxy of that name
        settings = json.loads(text) if text.startswith("{") else {}
    except ValueError:
        raise Failed("FTP_PROXY, which carries settings for installing, is not JSON.") from None
    values = {str(name): str(value) for name, value in settings.items()}
    os.environ.update(values)
    os.environ.setdefault("PYC_INVALIDATION_MODE", "unchecked-hash")
    if not os.environ.get("SSL_CERT_FILE") and any(Path(c).exists() for c in CERTIFICATES):
        os.environ.setdefault("UV_SYSTEM_CERTS", "1")
    return sorted({part for value in values.values() for part in secret_parts(value)})


def secret_parts(text: str) -> list[str]:
    """User names and passwords of the addresses in a text."""
    found = re.findall(r"//([^/@\s]+)@", text)
    parts = [part for pair in found for part in [pair, *pair.split(":", 1)]]
    return [part for part in [*parts, *map(unquote, parts)] if len(part) > 2]


def check_python(wanted: str, holds_code: bool) -> None:
    error, notice = python_advice(sys.version_info[:2], wanted, holds_code)
    if error:
        raise Failed(error)
    if notice:
        say("notice", notice)


def python_advice(
    found: tuple[int, ...], wanted: str, holds_code: bool
) -> tuple[str | None, str | None]:
    """What is wrong with a base image's Python, and what is only worth to know of it.

    The builder without an engine says the same.
    """
    here = "{}.{}".format(*found)
    if tuple(found) < OLDEST:
        return (
            f"the base image has Python {here}, mlpack needs 3.11 or later. "
            f"Take another one: --base-image python:{wanted or '3.11'}-slim"
        ), None
    if not wanted or wanted == here:
        return None, None
    advice = f"--base-image python:{wanted}-slim has the matching one"
    if holds_code:
        return (
            f"the base image has Python {here}, the model was saved with {wanted} and holds "
            f"compiled Python code, which only that version reads. {advice}."
        ), None
    return None, (f"The base image has Python {here}, the model was saved with {wanted}. {advice}.")


def install(secrets: list[str], locked: bool) -> None:
    work = Path(tempfile.mkdtemp(prefix="mlpack-"))
    os.environ["UV_CACHE_DIR"] = str(work / "cache")
    os.environ["UV_NO_PROGRESS"] = "1"
    try:
        uv = find_uv(work, secrets)
        if uv.startswith(VENV):
            uv = shutil.copy(uv, str(work))
        # what the base image has there must not be mixed with what comes
        for place in (VENV, RUNTIME, MODEL):
            shutil.rmtree(place, ignore_errors=True)
        # not sys.executable, which may have been in one of these
        python = getattr(sys, "_base_executable", None) or sys.executable
        run([uv, "venv", "--quiet", "--python", python, VENV], secrets)
        command = [uv, "pip", "install", "--python", f"{VENV}/bin/python"]
        run([*command, *what_to_install(locked), *server_first(work)], secrets)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = Path(VENV, "lib", version, "site-packages")
    Path(VENV, ".lock").unlink(missing_ok=True)  # uv's, writable by everybody
    drop_what_is_not_needed(site)
    # the runtime has a layer of its own, so that a new mlpack does not reinstall everything
    (site / "mlpack.pth").write_text(RUNTIME + "\n")
    compile_folder(f"{VENV}/lib")
    note = json.dumps(contents(Path("/")), sort_keys=True)
    Path("/", NOTE_PATH).write_text(note, encoding="ascii")


def what_to_install(locked: bool) -> list[str]:
    """The installer's arguments: the lock, or what is asked for if the lock is for elsewhere."""
    if LOCK.exists():
        misfit = lock_misfit(LOCK.read_text(encoding="utf-8"))
        if not misfit:
            arguments = ["-r", str(LOCK), "--require-hashes", "--only-binary", ":all:"]
            if (HERE / "options.txt").exists():  # of package indexes
                arguments += ["-r", str(HERE / "options.txt")]
            return arguments
        if locked:
            raise Failed(f"{misfit}. Build without --locked, or take another base image")
        say("notice", f"Built without the lock, so the next build may differ: {misfit}.")
        LOCK.unlink()
    elif locked:
        raise Failed("there is no lock to install from")
    arguments = ["-r", str(HERE / "requirements.txt"), "-r", str(HERE / "runtime.txt")]
    if (HERE / "constraints.txt").exists():
        arguments += ["-c", str(HERE / "constraints.txt")]
    return arguments


def server_first(work: Path) -> list[str]:
    """Our own server's version counts, not the older one that mlflow asks for.

    That is for a server of mlflow's own, which no image starts. What the model asks for by itself
    is left to be settled. Comes after `what_to_install`, which drops a lock that does not fit.
    """
    file = LOCK if LOCK.exists() else HERE / "runtime.txt"
    asked = (HERE / "requirements.txt").read_text(encoding="utf-8")
    lines = file.read_text(encoding="utf-8").splitlines(True)
    ours = [line for line in lines if line.startswith(SERVER)]
    if not ours or (file != LOCK and re.search(rf"^{SERVER}\b", asked, re.M | re.I)):
        return []
    (work / "overrides.txt").write_text("".join(ours), encoding="utf-8")
    return ["--overrides", str(work / "overrides.txt")]


def lock_misfit(text: str) -> str:
    """Why a lock is not for this Python, processor and C library; empty when it is."""
    told = re.search(r"^# target: (\w+)/(\w+)\S*, Python (\S+), (\w+) (\d+)\.(\d+)$", text, re.M)
    if told is None:
        return "the lock does not say what it is for"
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    kind, number = platform.libc_ver()
    version = [int(part) for part in re.findall(r"\d+", number)[:2]] if kind == "glibc" else []
    here = f"{machine}, Python {sys.version_info[0]}.{sys.version_info[1]}"
    libc = "another C library than glibc" if not version else "glibc {}.{}".format(*version)
    fits = version >= [int(told[5]), int(told[6])] if told[4] == "glibc" else not version
    if fits and here == f"{told[2]}, Python {told[3]}":
        return ""
    wanted = told[0].replace("# target: ", "")
    return f"the lock is for {wanted}, the base image has {here}, {libc}"


def find_uv(work: Path, secrets: list[str]) -> str:
    """The base image's own uv, or a fresh one that goes away with ``work``."""
    uv = shutil.which("uv")
    if uv:
        return uv
    # the one that started us may be in a virtual environment without pip
    pythons = [sys.executable, getattr(sys, "_base_executable", None) or sys.executable]
    asked = [[python, "-c", "import pip"] for python in pythons]
    having = [each[0] for each in asked if not subprocess.run(each, capture_output=True).returncode]
    if not having:
        raise Failed(
            "the base image has neither uv nor pip. Take one that has, for instance "
            "--base-image python:3.11-slim, or add uv to it; --builder oci needs neither."
        )
    environment = dict(os.environ)
    for ours, pips in (("UV_DEFAULT_INDEX", "PIP_INDEX_URL"), ("UV_INDEX", "PIP_EXTRA_INDEX_URL")):
        if os.environ.get(ours):
            environment[pips] = os.environ[ours]
    if os.environ.get("UV_INSECURE_HOST"):
        environment["PIP_TRUSTED_HOST"] = os.environ["UV_INSECURE_HOST"]
    pip = [having[0], "-B", "-m", "pip", "install", "--quiet", "--no-cache-dir"]
    pip += ["--no-compile", "--disable-pip-version-check", "--root-user-action=ignore"]
    run([*pip, "--target", str(work / "uv"), "uv>=0.5"], secrets, environment)
    return str(work / "uv" / "bin" / "uv")


def run(command: list[str], secrets: list[str], environment: dict[str, str] | None = None) -> None:
    """Run an installer, pass its output on without the secrets, and say why it failed."""
    process = subprocess.Popen(
        command,
        env=environment,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        clean = scrub(line.rstrip(), secrets)
        lines.append(clean)
        # indented, so that no package's output is taken for a line of ours or of the engine's
        print(f"  {clean}", flush=True)  # noqa: T201
    if process.wait():
        raise Failed(reason(lines))


def scrub(line: str, secrets: list[str]) -> str:
    line = re.sub(r"//[^/@\s]+@", "//***@", line)
    for secret in secrets:
        line = line.replace(secret, "***")
    return line


def reason(lines: list[str]) -> str:
    """The sentences of uv's (or pip's) output that say why, without its drawing.

    uv tells an error as one line and a chain of causes, which may go on over several lines.
    """
    starts = [i for i, line in enumerate(lines) if re.match(r"^\s*([×x✗] |error:|ERROR:)", line)]
    if not starts:
        return next((line for line in reversed(lines) if line.strip()), "it did not say why")
    told = [re.sub(r"^\s*([×x✗] |error:|ERROR:)\s*", "", lines[starts[0]])]
    for line in lines[starts[0] + 1 :]:
        if cause := re.match(r"^\s*(?:cause:|[├╰]─▶)\s*(.*)", line):
            told.append(cause[1])
        elif re.match(r"^[\s│]{4,}[^\s\[]", line) and len(told) > 1:
            told[-1] += " " + line.strip(" │")
        else:
            break
    told = [text.rstrip(" :^") for text in told]
    # that an index wants a password is a mere hint to uv, and all that matters to the user
    refused = re.search(
        r"An index URL \((\S+)\) could not be queried .*\((\d+ [^)]*)\)", "\n".join(lines)
    )
    if refused:
        return f"the package index {refused[1]} refused: {refused[2]}. Are its credentials right?"
    # the first cause names the thing, the last one what is wrong with it
    parts = [told[0], *told[1:2], *(told[-1:] if len(told) > 2 else [])]
    return ": ".join(parts) + (NO_WHEEL if told[0].startswith("Failed to build") else "")


def is_needed(path: str) -> bool:
    """Does scoring need a file, given by its path below site-packages?

    Both builders leave out the same.
    """
    parts = path.split("/")
    if parts[0] in TESTS_NOT_NEEDED and any(part in FOLDERS_NOT_NEEDED for part in parts[1:-1]):
        return False
    return not path.endswith(NOT_NEEDED)


def drop_what_is_not_needed(site: Path) -> None:
    for folder, _, names in os.walk(str(site), topdown=False):
        inside = Path(folder)
        for name in names:
            if not is_needed((inside / name).relative_to(site).as_posix()):
                (inside / name).unlink()
        if not any(inside.iterdir()):
            inside.rmdir()


def contents(root: Path) -> dict[str, object]:
    """What is installed, the base image's own included, for the bill of materials.

    The builder reads it from the finished image, which it then need not search.
    """
    found = []
    for folder, below, names in os.walk(str(root)):
        inside = Path(folder)
        below[:] = sorted(name for name in below if str(inside / name) not in NOT_FILES)
        if not re.search(r"/(site|dist)-packages(/|$)", folder):
            continue
        for name in sorted(names):
            path = inside / name
            in_folder = path.match("*.dist-info/METADATA") or path.match("*.egg-info/PKG-INFO")
            if (in_folder or name.endswith(".egg-info")) and not path.is_symlink():
                place = inside.parent if in_folder else inside
                found.append(
                    {
                        "place": place.relative_to(root).as_posix(),
                        "metadata": told_by(path.read_bytes()),
                        "size": recorded_size(inside / "RECORD") if in_folder else 0,
                    }
                )
    return {"python": platform.python_version(), "locked": LOCK.exists(), "distributions": found}


def told_by(metadata: bytes) -> str:
    """The few fields of a METADATA that matter here; licences in full are left out."""
    text = metadata.decode("utf-8", "surrogateescape")
    head = re.split(r"\r?\n\r?\n", text, maxsplit=1)[0]
    fields = []
    for field in re.split(r"\r?\n(?![ \t])", head):
        low = field.lower()
        if low.startswith("license:") and "\n" in field:
            continue
        if low.startswith("classifier:") and "license ::" not in low:
            continue
        if low.startswith(TOLD):
            fields.append(field)
    return "\n".join(fields) + "\n"


def recorded_size(record: Path) -> int:
    """Bytes of a distribution's files, as they were installed."""
    if not record.is_file():
        return 0
    lines = record.read_text(encoding="utf-8", errors="replace").splitlines()
    sizes = (line.rpartition(",")[2] for line in lines)
    return sum(int(size) for size in sizes if size.isdecimal())


def compile_folder(folder: str) -> None:
    """Bytecode for everything but tests; without it a start takes twice as long."""
    compileall.compile_dir(
        folder,
        quiet=2,
        workers=0,
        rx=re.compile(r"/tests?/"),
        # never checked against the source, which in an image cannot change
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


if __name__ == "__main__":
    main()
