"""Inference parameters against those that the signature declares."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

from ..errors import SchemaMismatch
from .cast import Misfit, check_values, describe
from .column_types import DataType
from .nested import cast_nested
from .schema import ParamSchema, ParamSpec
from .signature import ModelSignature
from .timestamps import to_moment


def enforce_params(
    signature: ModelSignature | None, params: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Check parameters and fill in the defaults of those that were not given.

    Args:
        signature: what the model declares; None declares nothing.
        params: what the caller gave.

    Returns:
        Every declared parameter, in declared order, as plain Python values.

    Raises:
        SchemaMismatch: a parameter is unknown (the nearest known one is named) or of the
            wrong type.
    """
    schema = signature.params if signature is not None else None
    if params is None:
        params = {}
    if not isinstance(params, Mapping):
        raise SchemaMismatch(f"'params' must be an object, got {describe(params)}.")
    if schema is None:
        if params:
            raise SchemaMismatch(
                f"This model declares no params, got {_quoted(next(iter(params)))}. Declare them "
                "in the signature when the model is logged."
            )
        return {}
    for name in params:
        if name not in schema.by_name:
            raise SchemaMismatch(_unknown(name, schema))
    return {
        spec.name: _cast(params[spec.name], spec) if spec.name in params else deepcopy(spec.default)
        for spec in schema
    }


def check_param(value: Any, spec: ParamSpec) -> Any:
    """One parameter's value as a plain Python value of its declared type.

    Raises:
        SchemaMismatch: it is of the wrong type.
    """
    return _cast(value, spec)


def _cast(value: Any, spec: ParamSpec) -> Any:
    try:
        if spec.shape is not None:
            return _cast_list(value, spec)
        if value is None:
            return None
        if isinstance(spec.dtype, DataType):
            return _cast_scalars([value], spec.dtype)[0]
        return cast_nested(value, spec.dtype)
    except Misfit as misfit:
        wanted = f"a list of {spec.dtype!r}" if spec.shape else repr(spec.dtype)
        path = f" at {misfit.path}" if misfit.path else ""
        hint = f" ({misfit.hint})" if misfit.hint else ""
        raise SchemaMismatch(
            f"param {spec.name!r}: expected {wanted}, got {misfit.got}{path}{hint}."
        ) from None


def _cast_list(value: Any, spec: ParamSpec) -> list[Any]:
    if hasattr(value, "tolist") and getattr(value, "ndim", None) == 1:
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise Misfit(None, describe(value))
    assert isinstance(spec.dtype, DataType)
    try:
        return _cast_scalars(list(value), spec.dtype)
    except Misfit as misfit:
        raise Misfit(None, misfit.got, misfit.hint, f"[{misfit.row}]") from None


def _cast_scalars(values: list[Any], dtype: DataType) -> list[Any]:
    checked = check_values(values, dtype, nullable=True)
    if dtype is DataType.datetime:
        return [None if v is None else to_moment(v) for v in checked]
    return checked


def _unknown(name: Any, schema: ParamSchema) -> str:
    known = list(schema.by_name)
    if close := get_close_matches(str(name), known, n=1):
        return f"Unknown param {_quoted(name)}; did you mean {close[0]!r}?"
    return f"Unknown param {_quoted(name)}; this model knows {', '.join(map(repr, known[:10]))}."


def _quoted(name: Any) -> str:
    return repr(str(name)[:80])
