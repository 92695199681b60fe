"""What a base image brings, found out without running it and remembered by its digest."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ...errors import BuildFailed
from ..base import Progress, Report, ignore
from ..install import python_advice
from .cache import Cache
from .image import Image
from .spec import Platform
from .tree import Tree, read_tree

# changes when the same image would give other facts
_KIND = "base-facts-2"
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELLS = ("/bin/sh", "/bin/bash", "/busybox/sh")
# where our layers put things: nothing of the base may be mixed with it
_OURS = ("opt/venv", "opt/mlpack", "opt/ml/model")
_ABOVE = ("opt", "opt/ml")
_PYTHONS = ("python3", "python")
_WANTED = re.compile(
    r"(.*/)?(os-release|libc\.so\.6|libc-2\.\d+\.so|ld-musl-[\w-]+\.so\.1)|lib/apk/db/installed"
)
_GLIBC = re.compile(rb"GNU C Library [^\n]{0,80}version (\d+)\.(\d+)")
_MUSL_PACKAGE = re.compile(rb"^P:musl\nV:(\d+)\.(\d+)", re.MULTILINE)
_MUSL = re.compile(rb"\x00(1)\.(\d+)\.\d+\x00")


@dataclass(frozen=True)
class BaseFacts:
    """What a base image brings.

    Attributes:
        python: absolute path of its Python, all links followed; None if it has none.
        version: minor version of it.
        libc: ``glibc`` or ``musl`` and its version; None if it has none that is known.
        system: of its ``os-release``, such as ``{"ID": "debian", "VERSION_ID": "12"}``.
        shell: whether it has one.
        size: bytes, unpacked.
        occupied: places of ours at which it has something already.
        crooked: folders above these that are links or files in it.
    """

    python: str | None
    version: tuple[int, int] | None
    libc: tuple[str, tuple[int, int]] | None
    system: Mapping[str, str] = field(default_factory=dict)
    shell: bool = False
    size: int = 0
    occupied: tuple[str, ...] = ()
    crooked: tuple[str, ...] = ()

    @property
    def python_text(self) -> str:
        """Such as ``3.11``."""
        return ".".join(map(str, self.version or ()))


def facts_of(image: Image, cache: Cache, report: Report = ignore) -> BaseFacts:
    """What a base image brings.

    Args:
        image: of one platform.
        cache: where the facts are remembered.
        report: told how far reading it is, the first time.

    Raises:
        InvalidInput: a layer is damaged.
    """
    # the engine's copy has the same one as the registry's
    key = image.config_descriptor.digest
    known = cache.recall(_KIND, key)
    if known is not None:
        return _from_dict(known)

    from ..remote.pull import download

    def advanced(done: int, total: int) -> None:
        report(Progress("bytes", "Reading the base image", "base", done, total))

    # those of a registry come several at once, rather than one by one as they are read
    download(image, lambda progress: report(replace(progress, part="base")))
    tree = read_tree(image, lambda path: bool(_WANTED.fullmatch(path)), advanced)
    facts = _find(tree, image.settings.get("config") or {})
    cache.remember(_KIND, key, asdict(facts))
    return facts


def check_base(
    facts: BaseFacts, name: str, platform: Platform, *, asked: Platform, python: str, code: bool
) -> str | None:
    """Refuse a base image on which the model cannot run.

    Args:
        facts: of the image.
        name: of the image, for messages.
        platform: of the image.
        asked: the platform to build for.
        python: the minor version that the model was saved with.
        code: whether the model holds bytecode, which only that version reads.

    Returns:
        What the user should know, if there is something.

    Raises:
        BuildFailed: it is for another platform, has no Python that fits, or no room for us.
    """
    check_platform(name, platform, asked)
    if facts.python is None or facts.version is None:
        raise BuildFailed(
            f"The base image {name} has no python3. Take one that has, for instance "
            f"--base-image python:{python or '3.11'}-slim."
        )
    if facts.libc is None:
        raise BuildFailed(
            f"The base image {name} has neither glibc nor musl, so no package for it can be "
            "chosen. Take another one with --base-image."
        )
    if facts.crooked:
        raise BuildFailed(
            f"In the base image {name} /{facts.crooked[0]} is no folder but a link or a file, "
            "which the model's layers would hide. Take another one with --base-image."
        )
    error, notice = python_advice(facts.version, python, code)
    if error:
        raise BuildFailed(f"The build could not install the model's requirements: {error}")
    return notice


def check_platform(name: str, found: Platform, asked: Platform) -> None:
    """Raises `BuildFailed` when a base image is for another platform than the one asked for."""
    same = (found.os, found.architecture) == (asked.os, asked.architecture)
    if same and (found.variant == asked.variant or None in (found.variant, asked.variant)):
        return
    raise BuildFailed(
        f"The base image {name} is for {found}, not for {asked}. Name one for {asked} with "
        f"--base-image, or build for {found} with --platform {found}."
    )


def _find(tree: Tree, config: Mapping[str, Any]) -> BaseFacts:
    python = _python(tree, config)
    return BaseFacts(
        python=f"/{python}" if python else None,
        version=_version(tree, python) if python else None,
        libc=_libc(tree),
        system=_system(tree),
        shell=any(tree.get(each) for each in _SHELLS),
        size=tree.size,
        occupied=tuple(path for path in _OURS if path in tree.nodes),
        crooked=tuple(
            path for path in _ABOVE if path in tree.nodes and tree.nodes[path].kind != "folder"
        ),
    )


def _python(tree: Tree, config: Mapping[str, Any]) -> str | None:
    """The program that ``python3`` would start in a container."""
    environment = [str(each) for each in config.get("Env") or ()]
    paths = [each[5:] for each in environment if each.startswith("PATH=") and each[5:]]
    for name in _PYTHONS:
        for folder in (paths or [_DEFAULT_PATH])[-1].split(":"):
            found = tree.resolve(posixpath.join(folder, name)) if folder else None
            if found and tree.nodes[found].kind == "file" and tree.nodes[found].mode & 0o111:
                return found
    return None


def _version(tree: Tree, python: str) -> tuple[int, int] | None:
    """From the program's name, else from where its standard library is."""
    if match := re.fullmatch(r"python(\d+)\.(\d+)", posixpath.basename(python)):
        return int(match[1]), int(match[2])
    prefix = posixpath.dirname(posixpath.dirname(python))
    for name in tree.names(posixpath.join(prefix, "lib")):
        match = re.fullmatch(r"python(\d+)\.(\d+)", name)
        if match and tree.get(posixpath.join(prefix, "lib", name, "os.py")):
            return int(match[1]), int(match[2])
    return None


def _libc(tree: Tree) -> tuple[str, tuple[int, int]] | None:
    texts = {path: node.content for path, node in tree.nodes.items() if node.content}
    for path, text in texts.items():
        if posixpath.basename(path).startswith("libc") and (match := _GLIBC.search(text)):
            return "glibc", (int(match[1]), int(match[2]))
    installed = tree.get("/lib/apk/db/installed")
    if installed and installed.content and (match := _MUSL_PACKAGE.search(installed.content)):
        return "musl", (int(match[1]), int(match[2]))
    for path, text in texts.items():
        if posixpath.basename(path).startswith("ld-musl"):
            match = _MUSL.search(text)
            return "musl", (int(match[1]), int(match[2])) if match else (1, 2)
    return None


def _system(tree: Tree) -> dict[str, str]:
    """Format: https://www.freedesktop.org/software/systemd/man/latest/os-release.html"""
    node = tree.get("/etc/os-release") or tree.get("/usr/lib/os-release")
    found = {}
    for line in (node.content or b"").decode(errors="replace").splitlines() if node else ():
        name, equals, value = line.partition("=")
        if equals and re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            try:
                found[name] = " ".join(shlex.split(value))
            except ValueError:
                continue
    return found


def _from_dict(known: Mapping[str, Any]) -> BaseFacts:
    libc = known["libc"]
    return BaseFacts(
        python=known["python"],
        version=tuple(known["version"]) if known["version"] else None,
        libc=(libc[0], tuple(libc[1])) if libc else None,
        system=known["system"],
        shell=known["shell"],
        size=known["size"],
        occupied=tuple(known["occupied"]),
        crooked=tuple(known["crooked"]),
    )
