"""In which format an answer goes back: the header ``Accept`` against what can be made here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from ..errors import ModelFailed, NotAcceptable
from . import arrow, npy, parquet, streams
from .columns import named_columns, to_csv, to_pyarrow
from .encode import encode_predictions

JSON, CSV = "application/json", "text/csv"


@dataclass(frozen=True)
class Form:
    """A format of answers.

    Attributes:
        content_type: of the answer.
        encode: what the model returned, as bytes.
        stream: pieces as they come from the model, as bytes; only of formats of streams.
        aliases: other names that clients call it.
        needs: a package that may not be there.
    """

    content_type: str
    encode: Callable[[Any], bytes]
    stream: Callable[[Iterable[Any]], Iterator[bytes]] | None = None
    aliases: tuple[str, ...] = ()
    needs: str | None = None


def choose(accept: str, *, can_stream: bool = False) -> Form:
    """The format that a client likes best.

    Args:
        accept: the header's value, '' if there is none.
        can_stream: whether the model gives its answer in pieces.

    Raises:
        NotAcceptable: it accepts nothing that can be made here.
    """
    form = _COMMON.get(accept)
    return form if form is not None else _negotiate(accept, can_stream)


@lru_cache(maxsize=64)  # clients send the same few again and again
def _negotiate(accept: str, can_stream: bool) -> Form:
    ranges = [_range(part) for part in accept.split(",")[:_MOST_RANGES] if part.strip()]
    if not ranges:
        return _JSON_FORM
    best: tuple[float, int, int] | None = None
    chosen: Form | None = None
    refused = ""
    for form in _FORMS:
        for name in (form.content_type, *form.aliases):
            rank = _rank(name, ranges)
            if rank is None or (best is not None and rank <= best):
                continue
            if why := _unavailable(form, can_stream):
                refused = why if rank[1] == _EXACT else refused
                continue
            best, chosen = rank, form
    if chosen is None:
        raise NotAcceptable(refused or f"{accept[:100]!r} is not sent here. Accept one of {_LIST}.")
    return chosen


_MOST_RANGES = 50
_EXACT = 2  # how closely a range names a type: "*/*" 0, "text/*" 1, "text/csv" 2
_Range = tuple[str, float]  # a type or a pattern, and its quality


def _range(part: str) -> _Range:
    name, *parameters = part.split(";")
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                quality = max(0.0, min(1.0, float(value)))  # in this order NaN is 1
            except ValueError:
                quality = 0.0
    return name.strip().lower(), quality


def _rank(name: str, ranges: list[_Range]) -> tuple[float, int, int] | None:
    """How much a client wants a type: its quality, how closely it is named, how early."""
    whole = name.partition("/")[0] + "/*"
    for closeness, pattern in ((_EXACT, name), (1, whole), (0, "*/*")):
        for place, (wanted, quality) in enumerate(ranges):
            if wanted == pattern:
                return (quality, closeness, -place) if quality > 0 else None
    return None


def _unavailable(form: Form, can_stream: bool) -> str:
    """Why a format cannot be had, '' if it can."""
    if form.stream is not None and not can_stream:
        return (
            f"This model gives its answer at once, not as {form.content_type}; accept "
            "application/json. (A PythonModel streams if it has predict_stream.)"
        )
    if form.needs is not None and find_spec(form.needs) is None:
        return (
            f"{form.content_type} is not sent here because {form.needs} is not installed beside "
            f"the model; accept application/json, or add {form.needs} to the model's requirements."
        )
    return ""


def encode_csv(predictions: Any) -> bytes:
    """What a model returned, as CSV with a header."""
    with _ends():
        return to_csv(*named_columns(predictions))


def encode_arrow(predictions: Any) -> bytes:
    """What a model returned, as an Arrow stream."""
    return _arrow(predictions, as_file=False)


def encode_arrow_file(predictions: Any) -> bytes:
    """What a model returned, as an Arrow file."""
    return _arrow(predictions, as_file=True)


def _arrow(predictions: Any, as_file: bool) -> bytes:
    import pyarrow as pa

    with _ends():
        table = to_pyarrow(*named_columns(predictions))
    sink = pa.BufferOutputStream()
    open_writer = pa.ipc.new_file if as_file else pa.ipc.new_stream
    with open_writer(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def encode_parquet(predictions: Any) -> bytes:
    """What a model returned, as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _ends():
        table = to_pyarrow(*named_columns(predictions))
    sink = pa.BufferOutputStream()
    try:
        pq.write_table(table, sink)
    except pa.ArrowException as error:  # such as a struct without fields
        reason = (str(error).splitlines() or [""])[0][:150]
        raise NotAcceptable(f"The answer does not fit Parquet ({reason}); ask for JSON.") from None
    content: bytes = sink.getvalue().to_pybytes()
    return content


@contextmanager
def _ends() -> Iterator[None]:
    try:
        yield
    except RecursionError as error:
        raise ModelFailed(
            "The model's answer cannot be sent: it is nested too deep or contains itself."
        ) from error


def _no_pieces(predictions: Any) -> bytes:
    raise AssertionError("a stream has no whole")


_JSON_FORM = Form(JSON, encode_predictions)
_FORMS = (
    _JSON_FORM,
    Form(CSV, encode_csv, aliases=("application/csv",)),
    Form(arrow.STREAM, encode_arrow, needs="pyarrow"),
    Form(arrow.FILE, encode_arrow_file, needs="pyarrow"),
    Form(
        parquet.CONTENT_TYPE,
        encode_parquet,
        aliases=("application/x-parquet", "application/parquet"),
        needs="pyarrow",
    ),
    Form(npy.CONTENT_TYPE, npy.encode, needs="numpy"),
    Form(streams.EVENTS, _no_pieces, streams.as_events),
    Form(streams.LINES, _no_pieces, streams.as_lines, aliases=("application/jsonl",)),
)
_LIST = ", ".join(form.content_type for form in _FORMS)
# what nearly every client sends, looked up without taking it apart
_COMMON = dict.fromkeys(("", "*/*", JSON), _JSON_FORM)
