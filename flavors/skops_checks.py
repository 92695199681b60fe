"""Looking before scikit-learn leaps: the contents of reviewed objects whose code does not look.

Trees of all kinds and sparse matrices are arrays of indices, which compiled code follows without
checking them. A crafted file could make it read anywhere in memory. Here every index is compared
with the length of what it points into; then the object is as safe as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from ..errors import BadModel

_TREE = "sklearn.tree._tree.Tree"
_PREDICTOR = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
_NEIGHBOURS = ("sklearn.neighbors._kd_tree", "KDTree"), ("sklearn.neighbors._ball_tree", "BallTree")
# those whose vector and matrix have no part in the distance
_METRICS = (
    "BrayCurtis Canberra Chebyshev Dice Euclidean Hamming Jaccard Manhattan Minkowski "
    "RogersTanimoto RussellRao SokalMichener SokalSneath"
)
_SPARSE = tuple(
    f"scipy.sparse.{home}.{kind}_{shape}"
    for kind in ("csr", "csc")
    for home, shape in ((f"_{kind}", "matrix"), (f"_{kind}", "array"))
)

# (kind of node in a skops file, full name), as `skops_trust.REVIEWED`
CHECKED_NODES: frozenset[tuple[str, str]] = frozenset(
    {
        ("TreeNode", _TREE),
        ("ObjectNode", _PREDICTOR),
        *(("ObjectNode", f"{m}.{n}{bits}") for m, n in _NEIGHBOURS for bits in ("", "32", "64")),
        *(
            ("ObjectNode", f"sklearn.metrics._dist_metrics.{name}Distance{bits}")
            for name in _METRICS.split()
            for bits in (32, 64)
        ),
        *(("SparseMatrixNode", name) for name in _SPARSE),
    }
)


_DAMAGE = (AttributeError, IndexError, KeyError, MemoryError, TypeError, ValueError)


class _Wrong(Exception):
    """Why an object is refused."""


def check_nodes(path: Path, nodes: Collection[Any]) -> None:
    """Checks before anything is constructed.

    Args:
        path: the file, for the message.
        nodes: all nodes of the file, already found to be of trusted types only.

    Raises:
        BadModel: a tree's constructor would read past the end of its arguments.
    """
    for node in nodes:
        if type(node).__name__ != "TreeNode":
            continue
        # plain numbers and an array: making them early does no harm, and they are made once
        args = node.children["args"].construct()
        try:
            _check_tree_arguments(args)
        except _Wrong as reason:
            raise _refused(path, _TREE, reason) from None


def check_objects(path: Path, nodes: Collection[Any], trusted: Collection[str] = ()) -> None:
    """Checks of what was constructed, before any of it is used.

    Args:
        path: the file, for the message.
        nodes: all nodes of the file; each knows the object that it became.
        trusted: names that the caller vouched for; those are let be.

    Raises:
        BadModel: an index points out of its array, or a method was replaced by data.
    """
    for node in nodes:
        kind = type(node).__name__
        if kind not in ("ObjectNode", "TreeNode", "SparseMatrixNode"):
            continue
        name = f"{node.module_name}.{node.class_name}"
        if name in trusted:
            continue
        instance = node.construct()
        try:
            _check_methods(instance)
            check = _CHECKS.get(type(instance).__name__)
            if check is not None:
                check(instance)
        except _Wrong as reason:
            raise _refused(path, name, reason) from None
        except _DAMAGE as error:
            raise _refused(path, name, f"{type(error).__name__}: {error}") from None


def _refused(path: Path, name: str, reason: object) -> BadModel:
    return BadModel(f"{path} is damaged or was tampered with: a {name} is unusable ({reason}).")


def _check_methods(instance: Any) -> None:
    """An attribute that hides a method of its class turns off whatever that method checks."""
    kind = type(instance)
    for name, value in getattr(instance, "__dict__", {}).items():
        hidden = getattr(kind, name, None)
        if isinstance(hidden, FunctionType | BuiltinFunctionType | MethodType) and callable(value):
            raise _Wrong(f"its method {name!r} is replaced")


def _check_tree_arguments(args: Any) -> None:
    import numpy as np

    if not isinstance(args, tuple) or len(args) != 3:
        raise _Wrong("its constructor takes three arguments")
    n_features, n_classes, n_outputs = args
    if not all(type(n) is int and n >= 0 for n in (n_features, n_outputs)):
        raise _Wrong("counts must be whole numbers")
    if type(n_classes) is not np.ndarray or n_classes.dtype.kind not in "iu":
        raise _Wrong("n_classes is no array of whole numbers")
    if n_classes.shape != (n_outputs,) or n_outputs == 0 or not (n_classes >= 1).all():
        raise _Wrong("n_classes does not fit n_outputs")


def _check_tree(tree: Any) -> None:
    state = tree.__getstate__()
    # the count comes from the file, the arrays are as long as the count says: compare first
    if state["node_count"] != tree.capacity or tree.capacity < 1:
        raise _Wrong("its count of nodes is wrong")
    nodes = state["nodes"]
    left, right, feature = nodes["left_child"], nodes["right_child"], nodes["feature"]
    inner = left != -1
    _check_children(left, right, inner)
    _within(feature[inner], tree.n_features, "a feature")


def _check_children(left: Any, right: Any, inner: Any) -> None:
    """Children lie behind their parents, so that every walk comes to an end."""
    import numpy as np

    parents = np.flatnonzero(inner)
    for children in (left[inner], right[inner]):
        _within(children, len(left), "a node")
        if not (children.astype(np.int64) > parents).all():
            raise _Wrong("its nodes go round in circles")


def _within(indices: Any, length: int, what: str) -> None:
    if len(indices) and (int(indices.min()) < 0 or int(indices.max()) >= length):
        raise _Wrong(f"{what} points outside")


def _check_own_tree(estimator: Any) -> None:
    """A decision tree compares its input with its own number of features, not with the tree's."""
    tree = vars(estimator).get("tree_")
    if tree is not None and tree.n_features != estimator.n_features_in_:
        raise _Wrong("its tree is for another number of features")


def _check_boosting(estimator: Any) -> None:
    """Gradient boosting follows its trees itself: one output each, its own features and columns."""
    trees = vars(estimator).get("estimators_")
    if trees is None:
        return
    for tree in trees.ravel():
        inner = tree.tree_
        if inner.n_features != estimator.n_features_in_:
            raise _Wrong("a tree is for another number of features")
        if inner.n_outputs != 1 or inner.max_n_classes != 1:
            raise _Wrong("a tree has several outputs")
    start = estimator.init_
    if not isinstance(start, str) and type(start).__name__ not in _CONSTANT:
        raise _Wrong("it starts from another estimator's answers, which takes --trust")
    import numpy as np

    # the trees' answers are added to these columns, without looking how many there are
    row = np.zeros((1, estimator.n_features_in_), np.float32)
    if estimator._raw_predict_init(row).shape != (1, trees.shape[1]):
        raise _Wrong("it has trees for other columns than it predicts")


def _check_histogram_boosting(estimator: Any) -> None:
    state = vars(estimator)
    if state.get("_in_fit"):
        raise _Wrong("it takes its input for bins")
    if state.get("_preprocessor") is not None:
        # it alone decides how many columns there are; the one that fitting makes holds a
        # `functools.partial`, which has come this far only if the caller vouched for it
        steps = getattr(state["_preprocessor"], "transformers_", ())
        made = {name: step for name, step, _ in steps}
        if type(getattr(made.get("numerical"), "func", None)) is not partial:
            raise _Wrong("its preprocessor is none of its own")
    predictors = [p for row in state.get("_predictors", ()) for p in row]
    if not predictors:
        return
    import numpy as np

    mapper = estimator._bin_mapper
    categorical = np.asarray(mapper.is_categorical_).astype(bool)
    n_features = estimator.n_features_in_
    if categorical.shape != (n_features,):
        raise _Wrong("its bins are for another number of features")
    for predictor in predictors:
        nodes = predictor.nodes
        inner = nodes["is_leaf"] == 0
        feature = nodes["feature_idx"][inner]
        _within(feature, n_features, "a feature")
        by_category = nodes["is_categorical"][inner] != 0
        if not categorical[feature[by_category]].all():
            raise _Wrong("a split by category is on a number")


def _check_predictor(predictor: Any) -> None:
    import numpy as np

    nodes = predictor.nodes
    if type(nodes) is not np.ndarray or nodes.ndim != 1 or len(nodes) < 1:
        raise _Wrong("it has no nodes")
    inner = nodes["is_leaf"] == 0
    _check_children(nodes["left"], nodes["right"], inner)
    by_category = inner & (nodes["is_categorical"] != 0)
    for bitsets in (predictor.raw_left_cat_bitsets, predictor.binned_left_cat_bitsets):
        if type(bitsets) is not np.ndarray or bitsets.ndim != 2 or bitsets.shape[1] != 8:
            raise _Wrong("its sets of categories are damaged")
        _within(nodes["bitset_idx"][by_category], len(bitsets), "a set of categories")


def _check_votes(estimator: Any) -> None:
    """A neighbour's label is where its vote is counted."""
    labels = vars(estimator).get("_y")
    if labels is None:
        return
    fitted, classes = estimator._fit_X, estimator.classes_
    if labels.dtype.kind not in "iu" or len(labels) != fitted.shape[0]:
        raise _Wrong("its labels do not fit its samples")
    outputs = [labels] if labels.ndim == 1 else list(labels.T)
    for column, known in zip(outputs, classes if labels.ndim > 1 else [classes], strict=True):
        _within(column, len(known), "a label")


def _check_neighbours(tree: Any) -> None:
    import numpy as np

    state = tree.__getstate__()
    data, index, nodes, bounds = (np.asarray(part) for part in state[:4])
    n_levels, n_nodes, metric, weights = state[5], state[6], state[11], state[12]
    n_samples, n_features = data.shape
    if not 1 <= n_levels <= 60 or n_nodes != 2**n_levels - 1 or nodes.shape != (n_nodes,):
        raise _Wrong("its count of nodes is wrong")
    if index.shape != (n_samples,) or bounds.shape[1:] != (n_nodes, n_features):
        raise _Wrong("its arrays do not fit each other")
    if len(bounds) != (2 if type(tree).__name__.startswith("KDTree") else 1):
        raise _Wrong("its bounds do not fit its kind")
    _within(index, n_samples, "a sample")
    start, end = nodes["idx_start"], nodes["idx_end"]
    if not ((start >= 0) & (start <= end) & (end <= n_samples)).all():
        raise _Wrong("a node points outside")
    # the last level has no children
    if not (nodes["is_leaf"][n_nodes // 2 :] != 0).all():
        raise _Wrong("its last level is not made of leaves")
    if weights is not None and np.shape(weights) != (n_samples,):
        raise _Wrong("its weights do not fit its data")
    # the tree follows the metric's vector blindly, too
    _check_metric(metric)


def _check_metric(metric: Any) -> None:
    _, vector, matrix = metric.__getstate__()[:3]
    if vector.size > 1 or matrix.size > 1:
        raise _Wrong("its metric has weights")


def _check_sparse(matrix: Any) -> None:
    matrix.check_format(full_check=True)


def _check_spline(spline: Any) -> None:
    import numpy as np

    # the constructor is what checks
    type(spline)(np.asarray(spline.t), np.asarray(spline.c), int(spline.k))


# what gradient boosting starts from by itself: the same answer for every row
_CONSTANT = ("DummyClassifier", "DummyRegressor")

_CHECKS: dict[str, Callable[[Any], None]] = {
    "BSpline": _check_spline,
    "Tree": _check_tree,
    "TreePredictor": _check_predictor,
    **dict.fromkeys(("KDTree", "KDTree64", "KDTree32"), _check_neighbours),
    **dict.fromkeys(("BallTree", "BallTree64", "BallTree32"), _check_neighbours),
    **dict.fromkeys(
        (f"{name}Distance{bits}" for name in _METRICS.split() for bits in (32, 64)), _check_metric
    ),
    **dict.fromkeys(("csr_matrix", "csc_matrix", "csr_array", "csc_array"), _check_sparse),
    **dict.fromkeys(
        (
            "DecisionTreeClassifier",
            "DecisionTreeRegressor",
            "ExtraTreeClassifier",
            "ExtraTreeRegressor",
        ),
        _check_own_tree,
    ),
    **dict.fromkeys(("KNeighborsClassifier", "RadiusNeighborsClassifier"), _check_votes),
    **dict.fromkeys(("GradientBoostingClassifier", "GradientBoostingRegressor"), _check_boosting),
    **dict.fromkeys(
        ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"),
        _check_histogram_boosting,
    ),
}
