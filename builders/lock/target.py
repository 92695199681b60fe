"""What an image must be able to run on, and how uv and packaging say it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ...errors import BuildFailed
from ..oci.spec import Platform

# ``glibc`` or ``musl``, and its version
Libc = tuple[str, tuple[int, int]]

# What the base images that people take have at least. Locks are made for no newer one, so that
# they stay when the base image is replaced by the next, and both builders share them.
COMMON_GLIBC: Libc = ("glibc", (2, 36))

_PROCESSORS = {"amd64": "x86_64", "arm64": "aarch64"}
# uv knows these as `manylinux_2_<minor>`; a C library runs what was built for an older one
_GLIBC = (17, 28, *range(31, 37))
_TEXT = re.compile(r"(\S+), Python (\d+\.\d+), (glibc|musl) (\d+)\.(\d+)")


class NoWheel(BuildFailed):
    """Something has no wheel for the target; an engine could perhaps compile it.

    Args:
        why: what has none.
        advice: what to do about it, where there is no engine.
    """

    def __init__(self, why: str, advice: str) -> None:
        super().__init__(f"{why} {advice}")
        self.why = why


@dataclass(frozen=True)
class Target:
    """Where wheels shall run.

    Attributes:
        python: minor version of CPython, such as ``3.11``.
        platform: system and processor.
        libc: the C library of the base image; wheels for an older one run on a newer.
    """

    python: str
    platform: Platform
    libc: Libc = COMMON_GLIBC

    @classmethod
    def parse(cls, text: str) -> Target | None:
        """The opposite of ``str``; None when the text is no target."""
        match = _TEXT.fullmatch(text)
        if match is None:
            return None
        return cls(match[2], Platform.parse(match[1]), (match[3], (int(match[4]), int(match[5]))))

    @property
    def uv_platform(self) -> str:
        """The value of uv's ``--python-platform``.

        Raises:
            NoWheel: uv finds no wheels for such a platform.
        """
        processor = _PROCESSORS.get(self.platform.architecture)
        kind, (major, minor) = self.libc
        if self.platform.os != "linux" or processor is None:
            raise NoWheel(
                f"Wheels for {self.platform} cannot be chosen on this machine, only for "
                "linux/amd64 and linux/arm64.",
                "Build through the engine: --builder docker",
            )
        if kind == "musl":
            return f"{processor}-unknown-linux-musl"
        fitting = [each for each in _GLIBC if (2, each) <= (major, minor)]
        if not fitting:
            raise NoWheel(
                f"The base image has glibc {major}.{minor}, for which there are no wheels.",
                "Take a newer base image, or build through the engine: --builder docker",
            )
        return f"{processor}-manylinux_2_{fitting[-1]}"

    @property
    def common(self) -> Target:
        """The target that a lock for this one is made for."""
        kind, version = self.libc
        newer = kind == COMMON_GLIBC[0] and version > COMMON_GLIBC[1]
        return replace(self, libc=COMMON_GLIBC) if newer else self

    def runs_on(self, other: Target) -> bool:
        """Does what is built for this target run on another one?"""
        same = (self.python, self.platform) == (other.python, other.platform)
        return same and self.libc[0] == other.libc[0] and self.libc[1] <= other.libc[1]

    @property
    def markers(self) -> dict[str, str]:
        """The environment in which markers such as ``; python_version < "3.12"`` are read."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": _PROCESSORS.get(
                self.platform.architecture, self.platform.architecture
            ),
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": self.platform.os,
        }

    def __str__(self) -> str:
        kind, (major, minor) = self.libc
        return f"{self.platform}, Python {self.python}, {kind} {major}.{minor}"
