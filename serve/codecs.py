"""A request's body as model input: which formats are read, and which content types name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import InvalidInput, UnsupportedMediaType
from . import csv_rows, json_forms

if TYPE_CHECKING:
    from ..flavors.signature import ModelSignature


class Decoded(NamedTuple):
    """A request's body, parsed but not yet enforced against the signature."""

    data: Any
    params: dict[str, Any] | None


Decoder = Callable[[bytes, Mapping[str, str], "ModelSignature | None"], Decoded]

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"


def decode(body: bytes, content_type: str | None, signature: ModelSignature | None) -> Decoded:
    """Parse a body by its content type.

    Args:
        body: the bytes as they came.
        content_type: the header's value, or None when there is none.
        signature: the model's, if it has one.

    Raises:
        UnsupportedMediaType: a type, charset or parameter that is not read here.
        InvalidInput: the body is not what its type says.
    """
    # the spelling of nearly every request, looked up without taking it apart
    decoder, parameters = _PLAIN_JSON if content_type == JSON else _choose(content_type)
    if not body:
        raise InvalidInput("The body is empty: send the rows to score.")
    return decoder(body, parameters, signature)


def _decode_json(
    body: bytes, parameters: Mapping[str, str], signature: ModelSignature | None
) -> Decoded:
    return Decoded(*json_forms.parse(body, signature))


def _decode_csv(
    body: bytes, parameters: Mapping[str, str], signature: ModelSignature | None
) -> Decoded:
    header = parameters.get("header", "present").lower()  # RFC 4180's own parameter
    if header not in ("present", "absent"):
        raise UnsupportedMediaType("The CSV parameter 'header' is 'present' or 'absent'.")
    return Decoded(csv_rows.parse(body, signature, header=header == "present"), None)


def _decode_parquet(
    body: bytes, parameters: Mapping[str, str], signature: ModelSignature | None
) -> Decoded:
    from .parquet import parse

    return Decoded(parse(body), None)


_PLAIN_JSON: tuple[Decoder, Mapping[str, str]] = (_decode_json, {})
_DECODERS: dict[str, Decoder] = {
    JSON: _decode_json,
    CSV: _decode_csv,
    PARQUET: _decode_parquet,
    "application/x-parquet": _decode_parquet,
    "application/parquet": _decode_parquet,
}
_SUPPORTED = f"Send {JSON}, {CSV} or {PARQUET}."


def _choose(content_type: str | None) -> tuple[Decoder, Mapping[str, str]]:
    if content_type is None or not content_type.strip():
        raise UnsupportedMediaType(f"The request has no Content-Type. {_SUPPORTED}")
    media_type, parameters = parse_content_type(content_type)
    decoder = _DECODERS.get(media_type)
    if decoder is None:
        raise UnsupportedMediaType(
            f"The content type {media_type[:80]!r} is not supported. {_SUPPORTED}"
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
