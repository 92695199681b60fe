"""A file in, a file of predictions out: what the server does, without a server."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, MissingDependency, NotFound
from ..flavors.staging import write_file
from . import codecs, json_forms
from .codecs import Decoded
from .encode import encode_json, to_plain
from .scoring import Scorer

if TYPE_CHECKING:
    from ..flavors.loaded import LoadedModel
    from ..flavors.signature import ModelSignature

_FORMATS = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".pq": "parquet"}
_CONTENT_TYPES = {"csv": codecs.CSV, "json": codecs.JSON, "parquet": codecs.PARQUET}


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
        input_path: CSV with a header, JSON (as a request's body, or a bare list of records)
            or Parquet; "-" reads standard input.
        output_path: .csv, .json (``{"predictions": …}``) or .parquet; "-" writes JSON to
            standard output. A file appears whole or not at all.
        content_type: "csv", "json", "parquet" or a media type; needed when the input's name
            does not tell. Standard input is JSON unless this says otherwise.
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
    try:
        predictions = scorer.predict(decoded._replace(params=merged))
        content = _encode(predictions, output_format)
    except RecursionError:
        raise InvalidInput("The predictions are nested too deep to be written.") from None
    _write(content, output_path)


def _format_of(path: str | Path, content_type: str | None) -> str:
    if content_type is not None:
        media_type = codecs.parse_content_type(content_type)[0]
        for name, known in _CONTENT_TYPES.items():
            if media_type in (name, known):
                return name
        raise InvalidInput(f"The content type {content_type!r} is none of csv, json, parquet.")
    if str(path) == "-":
        return "json"
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise InvalidInput(
            f"The name {str(path)!r} does not tell its format: end it in .csv, .json or .parquet."
        )
    return _FORMATS[suffix]


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
    return codecs.decode(body, _CONTENT_TYPES[form], signature)


def _are_records(rows: Any) -> bool:
    return bool(rows) and type(rows[0]) is dict


def _encode(predictions: Any, form: str) -> bytes:
    if form == "json":
        return b'{"predictions":' + encode_json(predictions) + b"}\n"
    names, columns = as_columns(predictions)
    return _to_csv(names, columns) if form == "csv" else _to_parquet(names, columns)


def as_columns(predictions: Any) -> tuple[list[str], list[list[Any]]]:
    """Predictions as named columns: a DataFrame's own, else "prediction" or numbered ones.

    Raises:
        ModelFailed: a value has no plain form.
        InvalidInput: columns of different lengths.
    """
    plain = to_plain(predictions)
    if isinstance(plain, dict) and plain and all(isinstance(v, list) for v in plain.values()):
        if len({len(column) for column in plain.values()}) > 1:
            raise InvalidInput(
                "The model returned columns of different lengths; write them as .json."
            )
        return list(plain), list(plain.values())
    rows = plain if isinstance(plain, list) else [plain]
    if rows and all(isinstance(row, dict) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        return names, [[row.get(name) for row in rows] for name in names]
    widths = {len(row) if isinstance(row, list) else -1 for row in rows}
    if len(widths) == 1 and (width := widths.pop()) > 0:
        return [f"prediction_{i}" for i in range(width)], [list(c) for c in zip(*rows, strict=True)]
    return ["prediction"], [rows]


def _to_csv(names: list[str], columns: list[list[Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(value) for value in row] for row in zip(*columns, strict=True))
    return text.getvalue().encode("utf-8", "surrogatepass")


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value  # None is written as an empty cell


def _to_parquet(names: list[str], columns: list[list[Any]]) -> bytes:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingDependency(
            "Writing Parquet needs pyarrow: pip install pyarrow, or write .csv or .json."
        ) from None
    sink = pa.BufferOutputStream()
    try:
        pq.write_table(pa.table(dict(zip(names, columns, strict=True))), sink)
    except pa.ArrowException as error:
        raise InvalidInput(
            f"The predictions do not fit Parquet ({str(error).splitlines()[0]}); write .json."
        ) from None
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _write(content: bytes, path: str | Path) -> None:
    """To standard output, or to a file that is renamed into place when it is complete."""
    if str(path) == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    write_file(Path(path), content)
