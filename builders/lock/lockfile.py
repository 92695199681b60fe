"""A lock as a text: exactly which wheels are installed for one target.

Format: a pip requirements file in hash-checking mode
(https://pip.pypa.io/en/stable/topics/secure-installs/), so that pip and uv install from it as
it is. Comments say what it is for; they hold no addresses and nothing of the machine.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InvalidInput
from ..requirements import check_line
from .target import Target

if TYPE_CHECKING:
    from packaging.requirements import Requirement

FORMAT = 1

_HEADER = re.compile(r"^# (mlpack lock|target|inputs):? (.*)$", re.MULTILINE)
_HASH = re.compile(r"--hash[=\s]+(\S+)")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_SIZE = re.compile(r"\s#\s(\d+) bytes\s*$")
_COMMENT = re.compile(r"(^|\s)#.*$")
_LARGEST = 10_000_000


@dataclass(frozen=True)
class Pin:
    """One distribution.

    Attributes:
        name: as the package index normalises it.
        version: exactly.
        hashes: ``sha256:…`` of the wheels that fit the target; the installer takes the best.
        size: bytes of the (largest) wheel, if the index told.
        url: where it is when a requirement named an address rather than a version.
    """

    name: str
    version: str
    hashes: tuple[str, ...]
    size: int | None = None
    url: str | None = None

    @property
    def requirement(self) -> str:
        """``name==version``."""
        return f"{self.name} @ {self.url}" if self.url else f"{self.name}=={self.version}"

    @property
    def line(self) -> str:
        """For an installer."""
        return " ".join([self.requirement, *(f"--hash={each}" for each in self.hashes)])


@dataclass(frozen=True)
class Lock:
    """What is installed for one target.

    Attributes:
        target: that it was made for.
        inputs: digest of what it was made from; None when another tool made it.
        pins: sorted by name.
        options: lines for the installer that came with it (``--extra-index-url …``); they
            matter for this build and are not part of the lock.
    """

    target: Target
    inputs: str | None
    pins: tuple[Pin, ...]
    options: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, target: Target, name: str = "The lock") -> Lock:
        """Read a lock, ours or one that ``uv pip compile --generate-hashes`` made.

        Args:
            text: of the file.
            target: that it is wanted for; lines with markers for others are left out.
            name: what messages call it.

        Raises:
            InvalidInput: a line is no pinned version, or has no hash.
        """
        head = dict(_HEADER.findall(text))
        if head.get("mlpack lock", str(FORMAT)) != str(FORMAT):
            raise InvalidInput(f"{name} was made by a later mlpack. Make it anew: --relock")
        pins: dict[str, Pin] = {}
        options = []
        for line, size in _lines(text):
            if line.startswith("-"):
                options.append(line)
                continue
            pin = _pin(line, size, target, name)
            if pin and pins.setdefault(pin.name, pin) != pin:
                raise InvalidInput(f"{name} has {pin.name} twice for {target}.")
        made_for, inputs = head_of(text)
        ordered = tuple(pins[each] for each in sorted(pins))
        return cls(made_for or target, inputs, ordered, tuple(options))

    @classmethod
    def read(cls, file: Path, target: Target) -> Lock:
        """Read the file of a lock.

        Raises:
            InvalidInput: it cannot be read, or is no lock.
        """
        try:
            if file.stat().st_size > _LARGEST:
                raise InvalidInput(f"{file} is too large for a lock.")
            lock = cls.parse(file.read_text(encoding="utf-8"), target, str(file))
        except OSError as error:
            raise InvalidInput(f"The lock {file} cannot be read ({error.strerror}).") from None
        except UnicodeDecodeError:
            raise InvalidInput(f"The lock {file} is not UTF-8 text.") from None
        for line in (*lock.options, *(pin.requirement for pin in lock.pins if pin.url)):
            check_line(line, file)
        return lock

    @cached_property
    def text(self) -> str:
        """The lock itself; the same pins give the same bytes."""
        lines = [
            f"# mlpack lock {FORMAT}",
            f"# target: {self.target}",
            *([f"# inputs: {self.inputs}"] if self.inputs else []),
            "# Exactly these wheels are installed. --relock makes it anew.",
        ]
        for pin in self.pins:
            size = f"  # {pin.size} bytes" if pin.size is not None else ""
            lines.append(f"{pin.line}{size}")
        return "\n".join(lines) + "\n"

    @cached_property
    def digest(self) -> str:
        """``sha256:…`` of the text."""
        return f"sha256:{hashlib.sha256(self.text.encode()).hexdigest()}"

    @cached_property
    def versions(self) -> dict[str, str]:
        """By name."""
        return {pin.name: pin.version for pin in self.pins}


def head_of(text: str) -> tuple[Target | None, str | None]:
    """What a lock is for, and the digest of what it was made from, without reading the rest."""
    head = dict(_HEADER.findall(text))
    return Target.parse(head.get("target", "")), head.get("inputs")


def differences(lock: Lock, lines: Iterable[str], constraints: Iterable[str] = ()) -> list[str]:
    """What requirement lines ask for and a lock does not have, one sentence each."""
    by_name = {pin.name: pin for pin in lock.pins}
    found = []
    for asked, text in _requirements(lines, lock.target):
        pin = by_name.get(asked)
        if pin is None:
            found.append(f"{text} is asked for, the lock does not have it")
        elif not _satisfies(pin, text):
            found.append(f"{text} is asked for, the lock has {pin.version or pin.url}")
    for asked, text in _requirements(constraints, lock.target):
        pin = by_name.get(asked)
        if pin is not None and not _satisfies(pin, text):
            found.append(f"{text} is a constraint, the lock has {pin.version or pin.url}")
    return list(dict.fromkeys(found))


def _lines(text: str) -> Iterator[tuple[str, int | None]]:
    """Logical lines and the size that the comment behind one tells."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        size = _SIZE.search(line)
        plain = _COMMENT.sub("", line).strip()
        if plain:
            yield plain, int(size[1]) if size else None


def _pin(line: str, size: int | None, target: Target, name: str) -> Pin | None:
    from packaging.utils import canonicalize_name

    hashes = _HASH.findall(line)
    requirement = parse_requirement(_HASH.sub("", line))
    if requirement is None:
        raise InvalidInput(f"{name} has a line that is no requirement: {line[:80]!r}.")
    if requirement.marker and not requirement.marker.evaluate(dict(target.markers)):
        return None
    specifiers = list(requirement.specifier)
    exact = len(specifiers) == 1 and specifiers[0].operator in ("==", "===")
    if not requirement.url and (not exact or specifiers[0].version.endswith(".*")):
        raise InvalidInput(f"{name} does not pin {requirement.name} to one version (==).")
    if not hashes or not all(_SHA256.fullmatch(each) for each in hashes):
        raise InvalidInput(
            f"{name} has no sha256 of {requirement.name}, so nothing says that what is installed "
            "is what was locked. Make it with hashes (uv pip compile --generate-hashes), or anew: "
            "--relock"
        )
    return Pin(
        name=canonicalize_name(requirement.name),
        version=specifiers[0].version if exact else "",
        hashes=tuple(sorted(set(hashes))),
        size=size,
        url=requirement.url,
    )


def _requirements(lines: Iterable[str], target: Target) -> Iterator[tuple[str, str]]:
    """Names, and the lines as they are to be shown; what does not apply to the target is not."""
    from packaging.utils import canonicalize_name

    for line in lines:
        requirement = parse_requirement(_HASH.sub("", line))
        if requirement is None:
            continue  # an option, or a mistake that the resolver tells better
        if requirement.marker and not requirement.marker.evaluate(dict(target.markers)):
            continue
        requirement.marker = None
        yield canonicalize_name(requirement.name), str(requirement)


def _satisfies(pin: Pin, text: str) -> bool:
    requirement = parse_requirement(text)
    assert requirement is not None
    if requirement.url or not pin.version:
        return requirement.url == pin.url
    return requirement.specifier.contains(pin.version, prereleases=True)


def parse_requirement(text: str) -> Requirement | None:
    """A requirement line; None when it is none, or cannot be read."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text.strip())
    except InvalidRequirement:
        return None
