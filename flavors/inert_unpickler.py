"""Reads a pickle's structure without running anything that it names.

The interpreter's own unpickler does the work, so millions of objects take as long as a load and
not as long as a loop over opcodes in Python; but every class and function that the stream asks
for is answered with an inert stand-in that only notes that it was named. Large byte strings are
skipped in the file and never read: a model with 500 MB of arrays takes milliseconds.

From what is noted follow the modules that a real load would import, also those that only the
*code* of functions pickled by value (cloudpickle) imports.
"""

from __future__ import annotations

import dis
import io
import pickle
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

# Byte strings beyond this hold array data; the longest function bodies are far below it.
_SKIP_FROM = 1 << 20
_CHUNK = 1 << 20

_CLOUDPICKLE = frozenset({"cloudpickle", "cloudpickle.cloudpickle", "cloudpickle.cloudpickle_fast"})
# These return classes, and the stream may go on to make instances of what they return.
_CLASS_MAKERS = frozenset(
    {"_make_skeleton_class", "_make_skeleton_enum", "_builtin_type", "getattr", "type", "new_class"}
)
_IMPORTERS = frozenset({"subimport", "import_module", "__import__", "_import_module"})
_CODE_ARGUMENT, _NAMES_ARGUMENT = 6, 8  # of types.CodeType, in every Python since 3.8


class Inert:
    """Stands for anything a pickle names; accepts what a pickle may do to it, does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return object.__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return Inert()

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def append(self, item: Any) -> None: ...

    def extend(self, items: Any) -> None: ...

    def add(self, item: Any) -> None: ...


class _Dtype(Inert):
    """numpy.dtype: joblib's arrays need its size to be stepped over."""

    code: Any = ""
    state: Any = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.code = args[0] if args else ""

    def __setstate__(self, state: Any) -> None:
        self.state = state

    @property
    def item_size(self) -> int:
        match = re.fullmatch(r"[<>|=]?([a-zA-Z])(\d+)", str(self.code))
        if not match:
            raise pickle.UnpicklingError(f"unknown dtype {self.code!r}")
        return int(match[2]) * (4 if match[1] == "U" else 1)

    @property
    def has_objects(self) -> bool:
        return str(self.code).lstrip("<>|=").startswith("O") or any(
            isinstance(part, _Dtype) and part.has_objects for part in _flatten(self.state)
        )


class PickleReader(pickle.Unpickler):
    """One pass over one pickle.

    Args:
        file: open at the start of the pickle; seekable or not.
        thorough: give every call's result as a class. Slower for many objects, but right for
            streams that make instances of classes that unusual functions returned.

    Attributes:
        names: what the stream asks for: (module, qualified name).
        imports: modules that it imports by other means: module objects, code of functions.
    """

    def __init__(self, file: BinaryIO, *, thorough: bool = False) -> None:
        self._source = _Source(file)
        super().__init__(self._source, encoding="latin-1")
        self._thorough = thorough
        self._classes: dict[tuple[str, str], type[Inert]] = {}
        self.imports: set[str] = set()

    @property
    def names(self) -> set[tuple[str, str]]:
        return set(self._classes)

    def find_class(self, module: str, name: str) -> type[Inert]:
        """The stand-in for a global name."""
        key = (module, name)
        if key not in self._classes:
            self._classes[key] = self._stand_in(module, name)
        return self._classes[key]

    def persistent_load(self, pid: Any) -> Inert:
        """Objects kept outside the stream (torch's storages)."""
        return Inert()

    def _stand_in(self, module: str, name: str) -> type[Inert]:
        if _is_joblib_array(module, name):
            return self._joblib_array()
        if (module, name) == ("numpy", "dtype"):
            return _Dtype
        if name == "CodeType":
            return self._code_type()
        if name in _IMPORTERS:
            return self._importer()
        if self._thorough or name in _CLASS_MAKERS:
            return self._class_maker()
        return type("Inert", (Inert,), {})

    def _class_maker(self) -> type[Inert]:
        reader = self

        class ClassMaker(Inert):
            def __new__(cls, *args: Any, **kwargs: Any) -> Any:
                if args == ("CodeType",):
                    return reader._code_type()
                return type("Inert", (ClassMaker if reader._thorough else Inert,), {})

        return ClassMaker

    def _importer(self) -> type[Inert]:
        imports = self.imports

        class Importer(Inert):
            def __new__(cls, *args: Any, **kwargs: Any) -> Any:
                if args and isinstance(args[0], str):
                    imports.add(args[0])
                return Inert()

        return Importer

    def _code_type(self) -> type[Inert]:
        imports = self.imports

        class Code(Inert):
            def __new__(cls, *args: Any, **kwargs: Any) -> Any:
                imports.update(imported_by_code(args))
                return Inert()

        return Code

    def _joblib_array(self) -> type[Inert]:
        source, reader = self._source, self

        class JoblibArray(Inert):
            """joblib puts an array's bytes into the file right after the object that says so."""

            def __setstate__(self, state: Any) -> None:
                dtype = state.get("dtype") if isinstance(state, dict) else None
                if not isinstance(dtype, _Dtype):
                    raise pickle.UnpicklingError("damaged array in a joblib file")
                if dtype.has_objects:
                    nested = PickleReader(source.file, thorough=reader._thorough)
                    nested._classes, nested.imports = reader._classes, reader.imports
                    nested.load()
                    return
                if state.get("numpy_array_alignment_bytes") is not None:
                    source.skip(int.from_bytes(source.read(1), "little"))
                count = 1
                for length in state["shape"]:
                    count *= _as_int(length)
                source.skip(count * dtype.item_size)

        return JoblibArray


class _Source:
    """The file as the unpickler reads it: no read-ahead, large byte strings stepped over."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.read = file.read
        self.readline = file.readline
        # compressed files can seek, too, but only by decompressing what lies between
        self._end: int | None = None
        if isinstance(file, io.BufferedReader | io.BytesIO) and file.seekable():
            here = file.tell()
            self._end = file.seek(0, io.SEEK_END)
            file.seek(here)

    def readinto(self, buffer: memoryview) -> int:
        """Called for byte strings outside of frames, which large ones always are."""
        length = len(buffer)
        if length < _SKIP_FROM:
            data = self.file.read(length)
            buffer[: len(data)] = data
            return len(data)
        # The unpickler allocated the string but nothing looks into it, so its memory is never
        # touched: it costs addresses, not pages.
        return self.skip(length)

    def skip(self, length: int) -> int:
        """Step over bytes; returns how many there were."""
        if length < 0:
            raise pickle.UnpicklingError("a negative length")
        if self._end is not None:
            here = self.file.tell()
            return self.file.seek(min(here + length, self._end)) - here
        left = length
        while left and (chunk := self.file.read(min(left, _CHUNK))):
            left -= len(chunk)
        return length - left


def imported_by_code(arguments: tuple[Any, ...]) -> Iterator[str]:
    """What a function body imports, from the arguments of the code object that holds it.

    Nested functions have code objects of their own, which the stream brings by themselves.
    """
    if len(arguments) <= _NAMES_ARGUMENT:
        return
    code, names = arguments[_CODE_ARGUMENT], arguments[_NAMES_ARGUMENT]
    if not isinstance(code, bytes) or not isinstance(names, tuple):
        return
    base, extended = "", 0
    for operation, argument in zip(code[::2], code[1::2], strict=False):
        argument |= extended
        extended = argument << 8 if operation == dis.EXTENDED_ARG else 0
        if operation == dis.opmap["IMPORT_NAME"] and argument < len(names):
            base = names[argument]
            yield base
        elif operation == dis.opmap["IMPORT_FROM"] and argument < len(names):
            yield f"{base}.{names[argument]}"  # may be a submodule


def _is_joblib_array(module: str, name: str) -> bool:
    """Is this the marker that joblib writes before an array?"""
    return name == "NumpyArrayWrapper" and module.partition(".")[0] in ("joblib", "sklearn")


def _as_int(value: Any) -> int:
    if isinstance(value, int):
        return value
    raise pickle.UnpicklingError("an array's shape is no tuple of integers")


def _flatten(value: Any) -> Iterator[Any]:
    """A dtype's state is tuples and dicts of its fields' dtypes."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        for item in value:
            yield from _flatten(item)
    else:
        yield value
