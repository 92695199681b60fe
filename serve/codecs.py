"""A request's body as model input: which formats are read, and which content types name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

from ..errors import InvalidInput, UnsupportedMediaType
from . import csv_rows, json_forms

if TYPE_CHECKING:
    from ..flavors.signature import ModelSignature
    from .exchange import Exchange


MAX_UNPACKED = 100 * 1024 * 1024  # what binary formats may unpack to where nobody says


class Decoded(NamedTuple):
    """A request's body, parsed but not yet enforced against the signature."""

    data: Any
    params: dict[str, Any] | None


class _Reading(NamedTuple):
    """What a decoder may want to know beside the body."""

    parameters: Mapping[str, str]  # of the content type
    signature: ModelSignature | None
    limit: int


Decoder = Callable[[bytes, _Reading], Decoded]

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
ARROW, ARROW_FILE = "application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file"
NPY = "application/x-npy"


def decode_request(
    exchange: Exchange, signature: ModelSignature | None, limit: int = MAX_UNPACKED
) -> Decoded:
    """A request's body, and parameters that came beside it.

    Args:
        exchange: with its body read.
        signature: the model's, if it has one.
        limit: bytes that a binary format may unpack to.

    Raises:
        UnsupportedMediaType: as `decode`.
        InvalidInput: as `decode`; or parameters came twice, or are no JSON object.
        PayloadTooLarge: as `decode`.
    """
    environ = exchange.environ
    decoded = decode(exchange.body, environ.get("CONTENT_TYPE"), signature, limit)
    header, query = environ.get(PARAMS_HEADER), environ.get("QUERY_STRING")
    if header is None and not query:
        return decoded
    beside = params_beside(header, query or "")
    if beside is None:
        return decoded
    if decoded.params is not None:
        raise InvalidInput("Parameters came in the body and beside it; send them once.")
    return Decoded(decoded.data, beside)


PARAMS_HEADER = "HTTP_X_MLPACK_PARAMS"


def params_beside(header: str | None, query: str) -> dict[str, Any] | None:
    """Parameters for formats that have no room for them, as a JSON object.

    Args:
        header: ``X-Mlpack-Params``.
        query: the address's query, of which ``params`` counts.

    Raises:
        InvalidInput: they came in both, or are no JSON object.
    """
    found = [] if header is None else [header.encode("latin-1", "replace")]
    if "params" in query:
        given = parse_qs(query, keep_blank_values=True, max_num_fields=100).get("params", ())
        found.extend(text.encode("utf-8", "surrogatepass") for text in given)
    if not found:
        return None
    if len(found) > 1:
        raise InvalidInput("Parameters came more than once beside the body; send them once.")
    try:
        params = json_forms.loads(found[0])
    except InvalidInput as error:
        message = error.message.replace("The body", "The value")
        raise InvalidInput(f"The parameters beside the body cannot be read. {message}") from None
    if type(params) is not dict:
        raise InvalidInput('Parameters beside the body are a JSON object, such as {"k": 3}.')
    return params


def decode(
    body: bytes,
    content_type: str | None,
    signature: ModelSignature | None,
    limit: int = MAX_UNPACKED,
) -> Decoded:
    """Parse a body by its content type.

    Args:
        body: the bytes as they came, decompressed.
        content_type: the header's value, or None when there is none.
        signature: the model's, if it has one.
        limit: bytes that a binary format may unpack to.

    Raises:
        UnsupportedMediaType: a type, charset or parameter that is not read here.
        InvalidInput: the body is not what its type says.
        PayloadTooLarge: it would unpack to more than ``limit``.
    """
    # the spelling of nearly every request, looked up without taking it apart
    decoder, parameters = _PLAIN_JSON if content_type == JSON else _choose(content_type)
    if not body:
        raise InvalidInput("The body is empty: send the rows to score.")
    return decoder(body, _Reading(parameters, signature, limit))


def _decode_json(body: bytes, reading: _Reading) -> Decoded:
    return Decoded(*json_forms.parse(body, reading.signature))


def _decode_csv(body: bytes, reading: _Reading) -> Decoded:
    header = reading.parameters.get("header", "present").lower()  # RFC 4180's own parameter
    if header not in ("present", "absent"):
        raise UnsupportedMediaType("The CSV parameter 'header' is 'present' or 'absent'.")
    return Decoded(csv_rows.parse(body, reading.signature, header=header == "present"), None)


def _decode_parquet(body: bytes, reading: _Reading) -> Decoded:
    from .parquet import parse

    return Decoded(parse(body, reading.limit), None)


def _decode_arrow(body: bytes, reading: _Reading) -> Decoded:
    from .arrow import parse

    return Decoded(parse(body, reading.limit), None)


def _decode_npy(body: bytes, reading: _Reading) -> Decoded:
    from .npy import parse
    from .positions import by_position

    return Decoded(by_position(parse(body), reading.signature), None)


_PLAIN_JSON: tuple[Decoder, Mapping[str, str]] = (_decode_json, {})
_DECODERS: dict[str, Decoder] = {
    JSON: _decode_json,
    CSV: _decode_csv,
    PARQUET: _decode_parquet,
    ARROW: _decode_arrow,
    ARROW_FILE: _decode_arrow,
    NPY: _decode_npy,
    "application/x-parquet": _decode_parquet,
    "application/parquet": _decode_parquet,
}
_CURL = f" curl sends this type with -d unless told another: -H 'Content-Type: {JSON}'."
_SUPPORTED = f"Send {JSON}, {CSV}, {PARQUET}, {ARROW} or {NPY}."


@lru_cache(maxsize=64)
def _choose(content_type: str | None) -> tuple[Decoder, Mapping[str, str]]:
    if content_type is None or not content_type.strip():
        raise UnsupportedMediaType(f"The request has no Content-Type. {_SUPPORTED}")
    media_type, parameters = parse_content_type(content_type)
    decoder = _DECODERS.get(media_type)
    if decoder is None:
        raise UnsupportedMediaType(
            f"The content type {media_type[:80]!r} is not supported. {_SUPPORTED}"
            + (_CURL if media_type == "application/x-www-form-urlencoded" else "")
        )
    charset = parameters.get("charset", "utf-8").lower().replace("_", "-")
    if charset not in ("utf-8", "utf8", "us-ascii", "ascii"):
        raise UnsupportedMediaType(f"The charset {charset[:40]!r} is not supported; use UTF-8.")
    if "format" in parameters:  # the first protocol of the ecosystem said it here
        raise UnsupportedMediaType(
            "The content-type parameter 'format' is not supported: name the form in the body, "
            'as {"dataframe_split": ...} or {"dataframe_records": ...}.'
        )
    return decoder, parameters


def parse_content_type(text: str) -> tuple[str, dict[str, str]]:
    """``text/csv; charset="utf-8"`` as a lower-case media type and its parameters."""
    media_type, *rest = text.split(";")
    parameters = {}
    for pair in rest:
        name, _, value = pair.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    return media_type.strip().lower(), parameters
