"""What an image holds, in the terms of whoever packaged it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..oci.spec import Platform


@dataclass(frozen=True)
class System:
    """The operating system of a base image, as ``/etc/os-release`` tells.

    Attributes:
        id: such as ``debian`` or ``alpine``.
        version: such as ``12``; '' for a rolling one.
        title: for people.
    """

    id: str
    version: str
    title: str


@dataclass(frozen=True)
class Package:
    """A package of the operating system.

    Attributes:
        kind: of its database: Debian's or Alpine's.
        name: of the package.
        version: as the system writes it.
        architecture: as the system calls it.
        source: the source package, where it has another name.
        license: where the database has it (Alpine).
        layer: that it came with, counted from the base up.
    """

    kind: Literal["deb", "apk"]
    name: str
    version: str
    architecture: str = ""
    source: str | None = None
    license: str | None = None
    layer: int = 0


@dataclass(frozen=True)
class Distribution:
    """A Python distribution, as its METADATA tells.

    Attributes:
        name: as it calls itself.
        version: of it.
        requires: its ``Requires-Dist`` lines.
        license: an SPDX expression or a few words.
        sha256: of the wheel that it came from, in hex, where a lock tells.
        size: bytes of its files in the image.
        layer: that it is in, counted from the base up.
        place: the folder that it is installed in.
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()
    license: str | None = None
    sha256: str | None = None
    size: int = 0
    layer: int = 0
    place: str = ""

    @property
    def key(self) -> str:
        """The name that requirements are compared by."""
        return normalized(self.name)


@dataclass(frozen=True)
class Base:
    """What a base image brings, its digest's own property; `to_dict` keeps it in a cache.

    Attributes:
        system: the operating system; None if it does not say (``scratch``).
        python: the version of Python, as exactly as it can be told; None if there is none.
        packages: of the system.
        distributions: that lie beside its Python.
    """

    system: System | None = None
    python: str | None = None
    packages: tuple[Package, ...] = ()
    distributions: tuple[Distribution, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Base:
        """What `to_dict` gave."""
        return cls(
            System(**found["system"]) if found["system"] else None,
            found["python"],
            tuple(Package(**each) for each in found["packages"]),
            tuple(
                Distribution(**{**each, "requires": tuple(each["requires"])})
                for each in found["distributions"]
            ),
        )


def normalized(name: str) -> str:
    """A distribution's name as requirements are compared by.

    Source: https://packaging.python.org/en/latest/specifications/name-normalization/
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_names(lines: Iterable[str]) -> list[str]:
    """The normalized names in lines of a requirements file; options are skipped."""
    found = [re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line) for line in lines]
    return list(dict.fromkeys(normalized(match[1]) for match in found if match))


def marker_environment(python: str | None, platform: Platform) -> dict[str, str]:
    """What environment markers are compared with, for CPython in a Linux image.

    Args:
        python: its version, such as ``3.11`` or ``3.11.7``.
        platform: of the image.
    """
    parts: Sequence[str] = (python or "3.11").split(".")
    full = ".".join([*parts, "0", "0"][:3])
    machine = {"amd64": "x86_64", "arm64": "aarch64", "386": "i686"}
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": machine.get(platform.architecture, platform.architecture),
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": full,
        "python_version": ".".join(full.split(".")[:2]),
        "sys_platform": "linux",
    }
