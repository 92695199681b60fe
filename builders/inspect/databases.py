"""Reads what packagers leave behind: METADATA, dpkg's and apk's databases, os-release."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.parser import BytesHeaderParser
from email.policy import compat32

from .contents import Distribution, Package, System

_LONGEST_LICENSE = 100  # some packages put the whole text into that field


def read_metadata(
    metadata: bytes,
    *,
    sha256: str | None = None,
    size: int = 0,
    layer: int = 0,
    place: str = "",
) -> Distribution | None:
    """A distribution from its METADATA (or PKG-INFO); None if that names none.

    Format: https://packaging.python.org/en/latest/specifications/core-metadata/

    Args:
        metadata: the file's bytes.
        sha256: of the wheel, in hex.
        size: bytes of all its files.
        layer: that it is in.
        place: that it is installed in.
    """
    fields = BytesHeaderParser(policy=compat32).parsebytes(metadata)
    name, version = _text(fields["Name"]), _text(fields["Version"])
    if not name or not version:
        return None
    requires = tuple(_text(line) for line in fields.get_all("Requires-Dist") or ())
    license = _license(
        _text(fields["License-Expression"]),
        _text(fields["License"]),
        [_text(each) for each in fields.get_all("Classifier") or ()],
    )
    return Distribution(name, version, requires, license, sha256, size, layer, place)


def read_dpkg(status: bytes) -> Iterator[Package]:
    """Debian's packages, from ``/var/lib/dpkg/status`` or a file below ``status.d``.

    Format: https://manpages.debian.org/bookworm/dpkg-dev/deb-control.5.en.html
    """
    for fields in _stanzas(status.decode("utf-8", "replace"), ": "):
        installed = fields.get("Status", "install ok installed").endswith(" installed")
        if "Package" not in fields or "Version" not in fields or not installed:
            continue
        source = fields.get("Source", "").partition(" ")[0]
        yield Package(
            kind="deb",
            name=fields["Package"],
            version=fields["Version"],
            architecture=fields.get("Architecture", ""),
            source=source if source and source != fields["Package"] else None,
        )


def read_apk(database: bytes) -> Iterator[Package]:
    """Alpine's packages, from ``/lib/apk/db/installed``.

    Format: https://wiki.alpinelinux.org/wiki/Apk_spec#Installed_Database_V2
    """
    for fields in _stanzas(database.decode("utf-8", "replace"), ":"):
        if "P" in fields and "V" in fields:
            source = fields.get("o")
            yield Package(
                kind="apk",
                name=fields["P"],
                version=fields["V"],
                architecture=fields.get("A", ""),
                source=source if source != fields["P"] else None,
                license=fields.get("L") or None,
            )


def read_os_release(text: bytes) -> System | None:
    """The system, from ``/etc/os-release``; None if it names none.

    Format: https://www.freedesktop.org/software/systemd/man/latest/os-release.html
    """
    pairs = re.findall(r"(?m)^([A-Z_]+)=(.*)$", text.decode("utf-8", "replace"))
    found = {name: value.strip().strip("\"'") for name, value in pairs}
    if not found.get("ID"):
        return None
    version = found.get("VERSION_ID", "")
    title = found.get("PRETTY_NAME") or f"{found.get('NAME') or found['ID']} {version}".strip()
    return System(found["ID"], version, title)


def _stanzas(text: str, separator: str) -> Iterator[dict[str, str]]:
    """Blocks of ``field: value`` lines with empty lines between; continued lines are dropped."""
    for block in re.split(r"\n\s*\n", text):
        lines = (line for line in block.splitlines() if line and not line[0].isspace())
        pairs = (line.partition(separator) for line in lines)
        fields: dict[str, str] = {}
        for name, found, value in pairs:
            if found:
                fields.setdefault(name, value.strip())
        yield fields


def _license(expression: str, text: str, classifiers: list[str]) -> str | None:
    """The clearest of the places where a licence may stand."""
    if expression:
        return expression
    if text and "\n" not in text and len(text) <= _LONGEST_LICENSE and text.upper() != "UNKNOWN":
        return text
    named = [line.rpartition("::")[2].strip() for line in classifiers if line[:9] == "License :"]
    return " and ".join(sorted(set(named))) or None


def _text(value: object) -> str:
    # bytes that are not UTF-8 become halves of characters in a header, which cannot be written
    return "" if value is None else str(value).strip().encode("utf-8", "replace").decode()
