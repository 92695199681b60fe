"""A file in, a file of predictions out: what the server does, without a server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InvalidInput, MissingDependency, ModelFailed, NotAcceptable, NotFound
from ..flavors.staging import write_file
from . import answers, codecs, json_forms, npy
from .codecs import Decoded
from .encode import encode_predictions
from .scoring import Scorer, blaming_the_model

if TYPE_CHECKING:
    from ..flavors.loaded import LoadedModel
    from ..flavors.signature import ModelSignature


class _Format(NamedTuple):
    """A format of files."""

    content_type: str
    suffixes: tuple[str, ...]
    encode: Callable[[Any], bytes]


def _encode_json(predictions: Any) -> bytes:
    return encode_predictions(predictions) + b"\n"


_FORMATS = {
    "csv": _Format(codecs.CSV, (".csv",), answers.encode_csv),
    "json": _Format(codecs.JSON, (".json",), _encode_json),
    "parquet": _Format(codecs.PARQUET, (".parquet", ".pq"), answers.encode_parquet),
    "arrow": _Format(codecs.ARROW_FILE, (".arrow", ".feather"), answers.encode_arrow_file),
    "npy": _Format(codecs.NPY, (".npy",), npy.encode),
}
_SUFFIXES = {suffix: name for name, form in _FORMATS.items() for suffix in form.suffixes}
_ENDINGS = ".csv, .json, .parquet, .arrow or .npy"
_NO_LIMIT = 2**62  # of what a file unpacks to: it is the user's own


def predict_file(
    model: LoadedModel,
    input_path: str | Path,
    output_path: str | Path,
    content_type: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> None:
    """Score the rows of a file.

    Args:
        model: loaded.
        input_path: CSV with a header, JSON (as a request's body, or a bare list of records),
            Parquet, Arrow or NPY; "-" reads standard input.
        output_path: .csv, .json (``{"predictions": …}``), .parquet, .arrow or .npy; "-" writes
            JSON to standard output. A file appears whole or not at all.
        content_type: "csv", "json", "parquet", "arrow", "npy" or a media type; needed when the
            input's name does not tell. Standard input is JSON unless this says otherwise.
        params: inference parameters; they win over those in a JSON file.

    Raises:
        InvalidInput: an unknown format, or rows that do not fit the model.
        NotFound: there is no input file.
        StorageFailed: the output cannot be written.
        ModelFailed: the model raised.
    """
    output_format = "json" if str(output_path) == "-" else _format_of(output_path, None)
    input_format = _format_of(input_path, content_type)
    scorer = Scorer(model)
    decoded = _decode(_read(input_path), input_format, scorer.signature)
    merged = {**(decoded.params or {}), **(params or {})}
    predictions = scorer.predict(decoded._replace(params=merged))
    _write(_encode(predictions, output_format), output_path)


def _format_of(path: str | Path, content_type: str | None) -> str:
    if content_type is not None:
        media_type = codecs.parse_content_type(content_type)[0]
        for name, form in _FORMATS.items():
            if media_type in (name, form.content_type) or (name, media_type) == _STREAM:
                return name
        raise InvalidInput(f"The content type {content_type!r} is none of {', '.join(_FORMATS)}.")
    if str(path) == "-":
        return "json"
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIXES:
        raise InvalidInput(
            f"The name {str(path)!r} does not tell its format: end it in {_ENDINGS}."
        )
    return _SUFFIXES[suffix]


_STREAM = ("arrow", codecs.ARROW)  # read like the file


def _read(path: str | Path) -> bytes:
    if str(path) == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise NotFound(f"There is no file {str(path)!r}.") from None
    except OSError as error:
        raise InvalidInput(f"Cannot read {str(path)!r}: {error.strerror}.") from None


def _decode(body: bytes, form: str, signature: ModelSignature | None) -> Decoded:
    if form == "json" and body.lstrip()[:1] == b"[":  # files often hold a bare list of records
        records = json_forms.loads(body)
        payload = {"dataframe_records" if _are_records(records) else "instances": records}
        return Decoded(*json_forms.split_payload(payload, signature))
    return codecs.decode(body, _FORMATS[form].content_type, signature, _NO_LIMIT)


def _are_records(rows: Any) -> bool:
    return bool(rows) and type(rows[0]) is dict


def _encode(predictions: Any, form: str) -> bytes:
    try:
        with blaming_the_model():  # its code runs here when it returned a generator
            return _FORMATS[form].encode(predictions)
    except NotAcceptable as error:
        raise InvalidInput(f"{error.message} (Write .json.)") from None
    except ModelFailed as error:
        if not isinstance(error.__cause__, ImportError):
            raise
        raise MissingDependency(
            f"Writing .{form} needs pyarrow: pip install pyarrow, or write .csv or .json."
        ) from None


def _write(content: bytes, path: str | Path) -> None:
    """To standard output, or to a file that is renamed into place when it is complete."""
    if str(path) == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    write_file(Path(path), content)
