"""Which modules does a saved model name? Found by reading the file; nothing in it is run.

Reads pickles of every protocol, those of cloudpickle and joblib (also compressed), and skops
archives. Beside the classes that a file names, the modules of their base classes count: an
``XGBClassifier`` cannot be loaded without scikit-learn, though its pickle never says so.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import pickletools
import re
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..errors import BadModel, MissingDependency
from .inert_unpickler import PickleReader

_SKOPS_SCHEMA = "schema.json"
_SKOPS_NAME = re.compile(rb'"__class__": "([^"\\]+)",\s*"__module__": "([\w.]+)"')
_SKOPS_MODULE = re.compile(rb'"(?:__module__|module_path)": "([\w.]+)"')
_STRING_OPCODES = frozenset(
    {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "SHORT_BINSTRING", "BINSTRING"}
)


def modules_in_pickle(source: bytes | Path) -> set[str]:
    """The modules that loading a pickle would import.

    Args:
        source: a pickle, or the path of one; cloudpickle's and joblib's are pickles, too, and
            gzip, zlib, bz2 and xz/lzma compression are seen through.

    Returns:
        full module names, the standard library's among them.

    Raises:
        BadModel: the file is no pickle, is cut short or damaged.
        MissingDependency: it is compressed with lz4, and that package is not installed.
    """
    try:
        names, imports = _read(source, thorough=False)
    except _UNREADABLE as first:
        try:
            names, imports = _read(source, thorough=True)
        except _UNREADABLE:
            names, imports = _linear_scan(source, first), set()
    return imports | {module for module, _ in names} | set(_modules_of_bases(names))


def modules_in_skops(source: Path) -> set[str]:
    """The modules that loading a skops archive would import.

    Raises:
        BadModel: the file is no skops archive.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            schema = archive.read(_SKOPS_SCHEMA)
    except (OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise BadModel(f"{source} is no skops file, or it is damaged ({error}).") from None
    names = {(module.decode(), name.decode()) for name, module in set(_SKOPS_NAME.findall(schema))}
    modules = {module.decode() for module in set(_SKOPS_MODULE.findall(schema))}
    return modules | set(_modules_of_bases(names))


# Whatever a damaged or unusual stream makes the unpickler, a decompressor or a stand-in raise.
_UNREADABLE = (
    pickle.UnpicklingError,
    EOFError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    MemoryError,
    RecursionError,
    OSError,
    lzma.LZMAError,
    zlib.error,
)


def _read(source: bytes | Path, *, thorough: bool) -> tuple[set[tuple[str, str]], set[str]]:
    with _open(source) as file:
        reader = PickleReader(file, thorough=thorough)
        reader.load()
        return reader.names, reader.imports


def _linear_scan(source: bytes | Path, cause: BaseException) -> set[tuple[str, str]]:
    """Names alone, opcode by opcode: for a sound stream that does things no stand-in can take."""
    names: set[tuple[str, str]] = set()
    strings: list[str] = []  # the last two that were pushed
    memo: dict[int, str] = {}
    try:
        with _open(source) as file:
            for opcode, argument, _ in pickletools.genops(file):
                if opcode.name in _STRING_OPCODES:
                    strings = [*strings[-1:], str(argument)]
                elif opcode.name == "MEMOIZE":
                    memo[len(memo)] = strings[-1] if strings else ""
                elif opcode.name in ("BINPUT", "LONG_BINPUT", "PUT"):
                    memo[cast(int, argument)] = strings[-1] if strings else ""
                elif opcode.name in ("BINGET", "LONG_BINGET", "GET"):
                    strings = [*strings[-1:], memo.get(cast(int, argument), "")]
                elif opcode.name in ("GLOBAL", "INST"):
                    module, _, name = str(argument).partition(" ")
                    names.add((module, name))
                elif opcode.name == "STACK_GLOBAL" and len(strings) == 2:
                    names.add((strings[0], strings[1]))
    except _UNREADABLE:
        shown = str(source) if isinstance(source, Path) else "The data"
        reason = str(cause) or type(cause).__name__
        raise BadModel(
            f"{shown} is no pickle, or it is cut short or damaged ({reason})."
        ) from cause
    return names


def _modules_of_bases(names: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The modules of the base classes of those named classes that this process has loaded."""
    for module, name in names:
        thing: Any = sys.modules.get(module)
        for part in name.split("."):
            thing = getattr(thing, part, None) if thing is not None else None
        if isinstance(thing, type):
            yield from (str(base.__module__) for base in thing.__mro__)


def _open(source: bytes | Path) -> BinaryIO:
    """The pickle's own bytes, with compression undone as they are read."""
    raw = _open_file(source) if isinstance(source, Path) else cast(BinaryIO, io.BytesIO(source))
    start = raw.read(6)
    raw.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, _Owning(gzip.GzipFile(fileobj=raw), raw))
    if start.startswith(b"BZh"):
        return cast(BinaryIO, _Owning(bz2.BZ2File(raw), raw))
    if start.startswith((b"\xfd7zXZ\x00", b"\x5d\x00\x00")):
        return cast(BinaryIO, _Owning(lzma.LZMAFile(raw), raw))
    if start.startswith(b"\x04\x22\x4d\x18"):
        return cast(BinaryIO, _Owning(_open_lz4(raw), raw))
    # a zlib header: deflate, and its two bytes are a multiple of 31
    if len(start) > 1 and start[0] == 0x78 and int.from_bytes(start[:2]) % 31 == 0:
        return cast(BinaryIO, _Owning(io.BufferedReader(_Zlib(raw)), raw))
    return raw


def _open_file(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise BadModel(f"{path} cannot be read ({error.strerror}).") from None


def _open_lz4(raw: BinaryIO) -> Any:
    try:
        import lz4.frame  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise MissingDependency(
            "This file is compressed with lz4; install it with: pip install lz4"
        ) from None
    return lz4.frame.LZ4FrameFile(raw)


class _Owning:
    """A decompressing file that closes the file below it, too."""

    def __init__(self, file: Any, raw: BinaryIO) -> None:
        self.read, self.readline = file.read, file.readline
        self._closing = (file, raw)

    def __enter__(self) -> _Owning:
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._closing:
            file.close()


class _Zlib(io.RawIOBase):
    """A zlib stream as a file; the standard library has files for all formats but this one."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._inflate = zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b""
        while not data and not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or self._raw.read(io.DEFAULT_BUFFER_SIZE)
            if not packed:
                break
            data = self._inflate.decompress(packed, len(buffer))
        buffer[: len(data)] = data
        return len(data)
