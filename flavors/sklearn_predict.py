"""Asking a scikit-learn estimator: with a matrix where it can be, with a data frame where it must.

Making a DataFrame costs several times what a small model's ``predict`` costs. Only estimators
that look at column names or dtypes get one.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import BadModel
from .table import Table

# These look columns up by name, hand the frame to the user's own function, or read its dtypes.
_BY_NAME = frozenset(
    {
        "ColumnTransformer",
        "FunctionTransformer",
        "HistGradientBoostingClassifier",
        "HistGradientBoostingRegressor",
        "TargetEncoder",
    }
)


class SklearnPredictor:
    """See `Predictor`.

    Args:
        model: the fitted estimator.
        method: the name of the method to call.

    Raises:
        BadModel: the estimator has no such method.
    """

    def __init__(self, model: Any, method: str) -> None:
        if not hasattr(model, method):
            raise BadModel(f"The model, a {type(model).__name__}, has no method {method!r}.")
        self._frames = needs_frame(model)
        self._vector = not self._frames and takes_vector(model)
        # without the names, scikit-learn does not warn that a matrix has none
        nameless = None if self._frames else without_names(model)
        if nameless is None:
            self._frames = True
        self._call = getattr(model if nameless is None else nameless, method)
        self._named_call = getattr(model, method)
        self._known = _keywords(self._named_call)
        names = getattr(model, "feature_names_in_", None)
        self._names = None if names is None else tuple(names)

    def predict(self, data: Any, params: Mapping[str, Any]) -> Any:
        """Score a batch; parameters that the method does not take are left out."""
        options = {name: value for name, value in params.items() if name in self._known}
        if type(data) is not Table:
            return self._call(data, **options)
        # other names or another order are for scikit-learn to judge
        if self._frames or (self._names is not None and data.names != self._names):
            return self._named_call(data.to_pandas(), **options)
        matrix = data.to_matrix()
        if self._vector and matrix.shape[1] == 1:
            return self._call(matrix[:, 0], **options)
        if matrix.dtype.kind == "O":
            # a frame keeps a dtype a column, which encoders go by
            return self._named_call(data.to_pandas(), **options)
        return self._call(matrix, **options)


def needs_frame(model: Any) -> bool:
    """Whether an estimator, or one inside of it, may look at column names or dtypes."""
    return any(
        type(part).__name__ in _BY_NAME
        or type(part).__module__.partition(".")[0] != "sklearn"
        or "_sklearn_output_config" in vars(part)
        for part in _parts(model)
    )


def takes_vector(model: Any) -> bool:
    """Whether the estimator wants a plain sequence (of texts, labels) instead of rows."""
    steps = getattr(model, "steps", None)
    first = steps[0][1] if steps else model
    try:
        from sklearn.utils import get_tags

        tags = get_tags(first).input_tags
    except (ImportError, AttributeError, TypeError):  # before scikit-learn 1.6
        return hasattr(first, "build_analyzer")
    return bool(not tags.two_d_array and (tags.one_d_array or tags.string))


def without_names(model: Any) -> Any:
    """A copy of the estimator that does not know its columns' names, or None if one cannot tell.

    The arrays that it learnt are shared with the original.
    """
    if not _has_names(model):
        return model
    bare = copy.copy(model)
    steps = getattr(model, "steps", None)
    if steps and type(model).__name__ == "Pipeline":
        inner = [(name, without_names(step)) for name, step in steps]
        if any(step is None for _, step in inner):
            return None
        bare.steps = inner
    else:
        vars(bare).pop("feature_names_in_", None)
    return None if _has_names(bare) else bare


def _has_names(part: Any) -> bool:
    """Whether a part of the estimator, however deep, remembers column names."""
    seen: set[int] = set()
    stack = [part]
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, list | tuple):
            stack.extend(value)
        elif isinstance(value, dict):
            stack.extend(value.values())
        elif getattr(getattr(value, "dtype", None), "kind", "") == "O" and hasattr(value, "flat"):
            stack.extend(value.flat)
        elif type(value).__module__.startswith("sklearn.") and hasattr(value, "__dict__"):
            # helpers that are no estimators (`_CalibratedClassifier`) hold some, too
            if "feature_names_in_" in vars(value):
                return True
            stack.extend(vars(value).values())
    return False


def _parts(model: Any) -> Iterator[Any]:
    """The estimator and those that it was made of, fitted or not."""
    yield model
    try:
        params = model.get_params(deep=True)
    except Exception:  # a user's own estimator may not keep to the rules
        return
    for value in params.values():
        if hasattr(value, "get_params") and hasattr(value, "__dict__"):
            yield value


def _keywords(method: Any) -> frozenset[str]:
    try:
        parameters = list(inspect.signature(method).parameters.values())
    except (TypeError, ValueError):
        return frozenset()
    return frozenset(p.name for p in parameters[1:] if p.kind is not p.VAR_KEYWORD)
