"""The grammar of model and artifact addresses. Parsing only: no I/O happens here.

    runs:/<run_id>/<path>          something that a run logged
    models:/m-<32 hex>             a logged model by its id
    models:/<name>/<version>       a registered version; instead of a number a stage or `latest`
    models:/<name>@<alias>         a registered version by alias; both may go on with a /<path>
    file:///abs/path, ./path       a folder on this machine
    s3://bucket/key, gs://, ...    a folder in an object store

The same forms as MLflow's (its documentation, "Concepts / Artifact URIs").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from .errors import InvalidInput

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,255}")
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
_VERSION = re.compile(r"[0-9]{1,18}")
_STAGES = frozenset({"latest", "none", "staging", "production", "archived"})
_LONGEST_NAME = 255  # bytes, in the file systems of every machine
OBJECT_STORES = frozenset({"s3", "gs", "wasbs", "abfss", "az", "http", "https", "mlflow-artifacts"})


@dataclass(frozen=True)
class LocalUri:
    """A path on this machine."""

    path: Path


@dataclass(frozen=True)
class RunUri:
    """An artifact of a run; ``path`` is relative, '' for the run's artifact root."""

    run_id: str
    path: str


@dataclass(frozen=True)
class LoggedModelUri:
    """A logged model by id, and a path below its folder ('' for the model itself)."""

    model_id: str
    path: str = ""


@dataclass(frozen=True)
class RegisteredModelUri:
    """A registered version; exactly one of ``version``, ``stage``, ``alias`` is set.

    ``stage`` is "latest", too; ``path`` lies below its folder ('' for the model itself).
    """

    name: str
    version: int | None = None
    stage: str | None = None
    alias: str | None = None
    path: str = ""


@dataclass(frozen=True)
class RemoteUri:
    """A folder in an object store or behind a server, kept as it was written."""

    scheme: str
    uri: str


Uri = LocalUri | RunUri | LoggedModelUri | RegisteredModelUri | RemoteUri


def parse(uri: str | Path) -> Uri:
    """Read an address.

    Args:
        uri: any of the forms in this module's docstring.

    Raises:
        InvalidInput: the address is empty, malformed, or of an unknown scheme.
    """
    text = str(uri)
    if not text.strip():
        raise InvalidInput("An address is empty. Give a path, runs:/<run_id>/<path> or models:/…")
    if "\x00" in text:
        raise InvalidInput("An address contains a NUL character.")
    match = _SCHEME.match(text)
    if isinstance(uri, Path) or match is None:
        return LocalUri(Path(text))
    scheme = match.group(1).lower()
    rest = text[match.end() :]
    if scheme == "runs":
        return _parse_run(text, rest)
    if scheme == "models":
        return _parse_models(text, rest)
    if scheme == "file":
        parts = urlsplit(text)
        if parts.netloc not in ("", "localhost"):
            raise InvalidInput(f"{text!r} names a file on another host; use a path on this one.")
        return LocalUri(Path(unquote(parts.path)))
    if scheme in OBJECT_STORES:
        return RemoteUri(scheme, text)
    raise InvalidInput(
        f"{text!r} has an unknown scheme {scheme!r}. Use a path, runs:/<run_id>/<path>, "
        "models:/<name>/<version>, or an object-store address such as s3://bucket/key."
    )


def _parse_run(text: str, rest: str) -> RunUri:
    run_id, _, path = rest.lstrip("/").partition("/")
    if rest.startswith("//") or not _RUN_ID.fullmatch(run_id):
        raise InvalidInput(f"{text!r} is not of the form runs:/<run_id>/<path>.")
    return RunUri(run_id, safe_relative(path) if path.strip("/") else "")


def _parse_models(text: str, rest: str) -> LoggedModelUri | RegisteredModelUri:
    usage = (
        f"{text!r} is not of the form models:/<name>/<version>, models:/<name>@<alias> "
        "or models:/m-<id>."
    )
    if not rest.startswith("/") or rest.startswith("//"):
        raise InvalidInput(usage)
    head, _, tail = rest[1:].strip("/").partition("/")
    if _MODEL_ID.fullmatch(head):
        return LoggedModelUri(head, safe_relative(tail) if tail else "")
    name, _, alias = head.rpartition("@")
    # a name may have an @ in it, so models:/<name>/<version> comes first
    if name and alias and not _is_version(tail):
        return RegisteredModelUri(name, alias=alias, path=safe_relative(tail) if tail else "")
    which, _, below = tail.partition("/")
    if not head.strip() or not which.strip() or head.endswith("@"):
        raise InvalidInput(usage)
    path = safe_relative(below) if below else ""
    if _VERSION.fullmatch(which):
        return RegisteredModelUri(head, version=int(which), path=path)
    return RegisteredModelUri(head, stage=which, path=path)


def _is_version(tail: str) -> bool:
    return bool(_VERSION.fullmatch(tail)) or tail.lower() in _STAGES


def safe_relative(path: str) -> str:
    """A path below some root, normalised, with every way out of the root refused.

    Decodes percent-encoding until nothing changes first, so that an encoded or doubly
    encoded ``..`` is seen for what it is (CVE-2023-6831 and its relatives).

    Args:
        path: relative, with forward slashes.

    Returns:
        The path with ``.`` segments and doubled slashes removed.

    Raises:
        InvalidInput: it is absolute, empty, climbs out, has a name that is too long for a
            file, or carries a NUL, a backslash or a URI fragment or query that would be read
            differently further on.
    """
    decoded = path
    while (once := unquote(decoded)) != decoded:
        decoded = once
    for text in (path, decoded):
        segments = text.split("/")
        climbs = ".." in segments or any("\\" in s or "\x00" in s for s in segments)
        drive = re.match(r"^[A-Za-z]:", text) is not None
        if climbs or drive or text.startswith(("/", "~")) or "#" in text or "?" in text:
            raise InvalidInput(
                f"The path {path!r} is not allowed: it must stay below its folder "
                "(no '..', no absolute path, no backslash, '#' or '?')."
            )
    clean = PurePosixPath(path).as_posix()
    if clean in ("", "."):
        raise InvalidInput("A path is empty.")
    long = next((name for name in clean.split("/") if _bytes(name) > _LONGEST_NAME), None)
    if long is not None:
        raise InvalidInput(
            f"The name {long[:40] + '…'!r} in a path takes {_bytes(long)} bytes; "
            f"at most {_LONGEST_NAME} are allowed."
        )
    return clean


def _bytes(name: str) -> int:
    return len(name.encode(errors="surrogatepass"))


def safe_join(root: Path, relative: str) -> Path:
    """The path ``root/relative``, guaranteed to lie below ``root`` after following links.

    Raises:
        InvalidInput: as `safe_relative`, or a symbolic link on the way leaves the root.
    """
    joined = root / safe_relative(relative)
    base = root.resolve()
    if not joined.resolve().is_relative_to(base):
        raise InvalidInput(f"The path {relative!r} leads out of its folder through a link.")
    return joined
