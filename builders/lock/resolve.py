"""From requirements to a lock: uv decides, and tells which wheels fit."""

from __future__ import annotations

import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import BuildFailed
from ..base import BuildSpec
from ..indexes import without_credentials
from ..oci.spec import canonical, sha256
from ..requirements import Requirements, read_requirements
from ..runtime_wheel import runtime_requirements
from .lockfile import FORMAT, Lock, Pin, parse_requirement
from .target import NoWheel, Target
from .uv import Uv

_SERVER = "gunicorn"
_REPOSITORY = re.compile(r"(?:^|@)\s*(?:git|hg|svn|bzr)\+", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """What a lock is made from.

    Attributes:
        requirements: of the model.
        runtime: requirement lines of the scoring runtime.
        target: to find wheels for.
    """

    requirements: Requirements
    runtime: tuple[str, ...]
    target: Target

    @classmethod
    def of(cls, spec: BuildSpec, target: Target) -> Wanted:
        """What a build asks for; raises as `read_requirements` does."""
        found = read_requirements(spec.model, spec.requirements, keep_mlflow=spec.keep_mlflow)
        return cls(found, tuple(runtime_requirements()), target)

    @property
    def lines(self) -> tuple[str, ...]:
        """All requirement lines."""
        return (*self.requirements.lines, *self.runtime)

    @property
    def inputs(self) -> str:
        """Digest of everything that the choice should depend on."""
        return sha256(
            canonical(
                {
                    "format": FORMAT,
                    "requirements": self.requirements.lines,
                    "constraints": self.requirements.constraints,
                    "runtime": list(self.runtime),
                    "target": str(self.target),
                }
            )
        )

    @property
    def options(self) -> tuple[str, ...]:
        """The installer's options among the lines, such as ``--extra-index-url …``."""
        return tuple(line for line in self.requirements.lines if line.startswith("-"))


def store_key(wanted: Wanted, spec: BuildSpec) -> str:
    """Under which a lock is kept: the inputs, and what the user gave for this build alone.

    The machine's own configuration does not count: another mirror is no reason to choose anew.
    """
    given = {
        "index": without_credentials(spec.index_url or ""),
        "extra": [without_credentials(url) for url in spec.extra_index_urls],
        "settings": {
            name: without_credentials(value)
            for name, value in spec.build_args.items()
            if name.startswith("UV_") and "PASSWORD" not in name and "USERNAME" not in name
        },
    }
    return sha256(canonical({"inputs": wanted.inputs, **given})).partition(":")[2]


def resolve(wanted: Wanted, uv: Uv) -> Lock:
    """Choose versions and wheels.

    Raises:
        NoWheel: something has no wheel for the target.
        BuildFailed: no choice satisfies the requirements, or an index does not answer.
    """
    for line in wanted.lines:
        if _REPOSITORY.search(line):  # not even fetched: whose it is the model alone says
            raise NoWheel(
                f"{without_credentials(line)} is built from a repository, which has no wheel.",
                "Publish it as a wheel, or build through the engine (--builder docker).",
            )
    with tempfile.TemporaryDirectory(prefix="mlpack-lock-") as name:
        folder = Path(name)
        _write(folder / "requirements.txt", wanted.requirements.lines)
        _write(folder / "runtime.txt", wanted.runtime)
        arguments = ["requirements.txt", "runtime.txt"]
        if wanted.requirements.constraints:
            _write(folder / "constraints.txt", wanted.requirements.constraints)
            arguments += ["--constraints", "constraints.txt"]
        found = _chosen(uv, wanted.target, arguments, folder, _servers(wanted))
    addresses = dict(filter(None, map(_address, wanted.lines)))
    # as the user wrote it, ${TOKEN} and all
    pins = (replace(p, url=addresses.get(p.name, p.url)) if p.url else p for p in found)
    return Lock(wanted.target, wanted.inputs, tuple(pins), wanted.options)


def recheck(lock: Lock, wanted: Wanted, uv: Uv) -> tuple[Pin, ...]:
    """What uv chooses when a lock is all that it may choose from; raises as `resolve` does."""
    with tempfile.TemporaryDirectory(prefix="mlpack-lock-") as name:
        lines = [*lock.options, *wanted.options, *(pin.line for pin in lock.pins)]
        _write(Path(name, "lock.txt"), lines)
        servers = [pin.requirement for pin in lock.pins if pin.name == _SERVER]
        try:
            # what uv remembers of these packages is enough
            return _chosen(uv, lock.target, ["lock.txt"], Path(name), servers, offline=True)
        except BuildFailed:
            return _chosen(uv, lock.target, ["lock.txt"], Path(name), servers)


def _address(line: str) -> tuple[str, str] | None:
    """Name and address of a requirement that names one."""
    from packaging.utils import canonicalize_name

    found = parse_requirement(line)
    return (canonicalize_name(found.name), found.url) if found and found.url else None


def _chosen(
    uv: Uv,
    target: Target,
    arguments: list[str],
    folder: Path,
    servers: list[str],
    *,
    offline: bool = False,
) -> tuple[Pin, ...]:
    if servers:
        _write(folder / "overrides.txt", servers)
        arguments = [*arguments, "--overrides", "overrides.txt"]
    # pylock.toml rather than requirements.txt: it names only the wheels that fit the target
    options = ["--format", "pylock.toml", "--generate-hashes", "--quiet", "-o", "pylock.toml"]
    uv.pip("compile", target, *arguments, *options, folder=folder, offline=offline)
    packages = tomllib.loads((folder / "pylock.toml").read_text(encoding="utf-8"))["packages"]
    return tuple(sorted((_pin(each, target) for each in packages), key=lambda pin: pin.name))


def _servers(wanted: Wanted) -> list[str]:
    """Our own server's requirement, which counts for more than what other packages say of it.

    mlflow asks for an older gunicorn, for a server of its own that no image starts. Only what
    the model asks for by itself is left to be settled.
    """
    asked = {
        found.name.lower()
        for line in wanted.requirements.lines
        if (found := parse_requirement(line))
    }
    return [] if _SERVER in asked else [e for e in wanted.runtime if e.startswith(_SERVER)]


def _pin(package: Mapping[str, Any], target: Target) -> Pin:
    """Of one entry of a pylock.toml (https://packaging.python.org/specifications/pylock-toml/)."""
    name, version = str(package["name"]), str(package.get("version") or "")
    archive = package.get("archive")
    wheels = [archive] if archive else package.get("wheels") or []
    hashes = {each["hashes"]["sha256"] for each in wheels if "sha256" in each.get("hashes", {})}
    if not hashes:
        raise NoWheel(
            f"{name} {version} has no wheel with a SHA-256 for {target}.",
            "Build through the engine (--builder docker), or take a version from a package index "
            "that has one.",
        )
    sizes = [int(each["size"]) for each in wheels if each.get("size") is not None]
    return Pin(
        name=name,
        version=version,
        hashes=tuple(sorted(f"sha256:{each}" for each in hashes)),
        size=max(sizes) if sizes else None,
        url=str(archive["url"]) if archive and "url" in archive else None,
    )


def _write(file: Path, lines: tuple[str, ...] | list[str]) -> None:
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
