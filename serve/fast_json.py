"""Large JSON through orjson (a model in an environment of its own may lack it).

It reads numbers three times as fast as Python does, but lets pass what is an error here: a key
that comes twice, and integers beyond 64 bits, of which it makes floats. So it only reads for
models of plain numbers, where such an integer fails or fits all the same, and its result counts
only if no key can have come twice: then the text has exactly one colon a key.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..flavors.schema import ColSpec, DataType, Schema

if TYPE_CHECKING:
    from ..flavors.signature import ModelSignature

_WORTH_IT = 4096  # bytes
_WORTH_IT_OUT = 256  # numbers
_NUMBERS = frozenset(
    {DataType.double, DataType.float, DataType.long, DataType.integer, DataType.boolean}
)


def loads(body: bytes, signature: ModelSignature | None) -> Any:
    """Parse a body, or leave it to Python's own parser.

    Args:
        body: the bytes as they came.
        signature: the model's.

    Returns:
        What Python's parser would have made of it; None if that has to do it, because the body
        is small, because it may be wrong, or because orjson is not there.
    """
    if len(body) < _WORTH_IT or signature is None or not _takes_numbers(signature.inputs):
        return None
    parse = _parser()
    if parse is None:
        return None
    try:
        payload = parse(body)
    except ValueError:
        return None  # Python's parser says what is wrong, or lets it pass
    return payload if _count_keys(payload) == body.count(b":") else None


@lru_cache(maxsize=1)
def _parser() -> Callable[[bytes], Any] | None:
    try:
        import orjson
    except ImportError:
        return None
    return orjson.loads


def _takes_numbers(schema: Schema | None) -> bool:
    if schema is None:
        return False
    return all(
        spec.type in _NUMBERS if isinstance(spec, ColSpec) else spec.dtype[:5] in _TENSORS
        for spec in schema
    )


def dumps(value: Any) -> bytes | None:
    """A large array of doubles as JSON, with null for what is not finite; None for all else.

    Args:
        value: what a model returned.
    """
    np = sys.modules.get("numpy")
    if np is None or type(value) is not np.ndarray or value.size < _WORTH_IT_OUT:
        return None
    if value.dtype != np.float64 or _parser() is None:
        return None
    import orjson

    return orjson.dumps(np.ascontiguousarray(value), option=orjson.OPT_SERIALIZE_NUMPY)


_TENSORS = frozenset({"float", "int8", "int16", "int32", "int64", "bool"})


def _count_keys(payload: Any) -> int:
    """Keys of the objects that the forms consist of; deeper ones are not counted, and so lead
    to Python's parser."""
    if type(payload) is not dict:
        return -1
    count = len(payload)
    for value in payload.values():
        if type(value) is dict:
            count += len(value)
        elif type(value) is list and set(map(type, value)) == {dict}:
            count += sum(map(len, value))
    return count
