"""Reading skops files: what may be constructed, and who says so.

skops lists the types that a file would construct and leaves the decision to the caller. Ours:
what skops trusts by itself, the reviewed types below, and what the caller vouches for. A list
in the model's own folder never counts: whoever crafts a model writes that list, too.

How the types below were reviewed. skops can make an object in three ways: without its
constructor, by setting its state; by calling its constructor; by importing it by name, as a
function that the model calls when it predicts, with arguments that the file chooses. So

- a class is listed only if no state makes its methods run code, import, or touch files. Its
  constructor need not be harmless: a listed class is only ever made in the first way;
- a function is listed only if it computes with numbers and does nothing else, whatever its
  arguments (so not ``numpy.load``, ``sklearn.datasets.load_files``, ``joblib.load``);
- what indexes into memory without looking (trees) is listed in `skops_checks`, which looks.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import BadModel, ModelUntrusted
from .base import Trust
from .skops_checks import CHECKED_NODES, check_nodes, check_objects
from .skops_names import prepare

_CLASSES = {
    "scipy.interpolate._bsplines": "BSpline",
    "sklearn._loss.link": "HalfLogitLink IdentityLink Interval LogLink LogitLink MultinomialLogit",
    "sklearn._loss.loss": "AbsoluteError ExponentialLoss HalfBinomialLoss HalfGammaLoss "
    "HalfMultinomialLoss HalfPoissonLoss HalfSquaredError HalfTweedieLoss "
    "HalfTweedieLossIdentity HuberLoss PinballLoss",
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
    "sklearn.cluster._bisect_k_means": "_BisectingTree",
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.gaussian_process._gpc": "_BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels": "CompoundKernel ConstantKernel DotProduct ExpSineSquared "
    "Exponentiation Matern PairwiseKernel Product RBF RationalQuadratic Sum WhiteKernel",
    "sklearn.linear_model._glm.glm": "_GeneralizedLinearRegressor",
    "sklearn.metrics._scorer": "_CurveScorer _MultimetricScorer _PassthroughScorer _Scorer",
    # public only once `enable_halving_search_cv` was imported, so skops may not know them
    "sklearn.model_selection._search_successive_halving": "HalvingGridSearchCV "
    "HalvingRandomSearchCV",
    "sklearn.model_selection._split": "GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut "
    "LeaveOneOut LeavePGroupsOut LeavePOut PredefinedSplit RepeatedKFold RepeatedStratifiedKFold "
    "ShuffleSplit StratifiedGroupKFold StratifiedKFold StratifiedShuffleSplit TimeSeriesSplit",
    "sklearn.multiclass": "_ConstantPredictor",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
}
_FUNCTIONS = {
    "numpy": "max mean median min std sum var",
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",
    "sklearn.cluster._kmeans": "_kmeans_single_elkan _kmeans_single_lloyd",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_regression r_regression",
    "sklearn.metrics._classification": "accuracy_score balanced_accuracy_score brier_score_loss "
    "d2_brier_score d2_log_loss_score f1_score fbeta_score jaccard_score log_loss "
    "matthews_corrcoef precision_score recall_score",
    "sklearn.metrics._ranking": "average_precision_score roc_auc_score top_k_accuracy_score",
    "sklearn.metrics._regression": "d2_absolute_error_score explained_variance_score max_error "
    "mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance "
    "mean_poisson_deviance mean_squared_error mean_squared_log_error median_absolute_error "
    "r2_score root_mean_squared_error root_mean_squared_log_error",
}
_BY_NODE = {
    ("DTypeNode", "numpy.dtype"),
    ("DictNode", "sklearn.utils._bunch.Bunch"),
    *(("ObjectNode", f"{m}.{name}") for m, names in _CLASSES.items() for name in names.split()),
    *(("FunctionNode", f"{m}.{name}") for m, names in _FUNCTIONS.items() for name in names.split()),
}
# (kind of node in the file, full name): a name is reviewed for one way of being made
REVIEWED: frozenset[tuple[str, str]] = frozenset(_BY_NODE) | CHECKED_NODES

_MAX_EXPANSION = 100  # skops stores arrays uncompressed; a file that grows more is a bomb
_ALLOWANCE = 2**30


class NotForSkops(Exception):
    """skops cannot hold this object; the message says why, in half a sentence."""


def save_skops(model: Any, path: Path) -> list[str]:
    """Write an object as skops, and make sure that it can be read back.

    Args:
        model: the object.
        path: the file.

    Returns:
        the types that other tools must be told to trust, by skops' own default.

    Raises:
        NotForSkops: it cannot be written, or not be read back in another process.
        OSError: the file cannot be written.
    """
    prepare()
    import skops.io

    try:
        data = skops.io.dumps(model)
    except OSError:
        raise
    except Exception as error:
        raise NotForSkops(_first_line(error)) from error
    path.write_bytes(data)
    try:
        with _Skops(path) as file:
            homeless = sorted(
                name for name in file.names() if name.startswith("__main__.") or "<" in name
            )
            if homeless:
                raise NotForSkops(
                    f"{homeless[0]} is defined in the script itself, so no other process can "
                    "import it"
                )
            types = sorted(file.unsafe())
            file.tree.construct()
    except NotForSkops:
        raise
    except Exception as error:
        raise NotForSkops(f"it cannot be read back ({_first_line(error)})") from error
    return types


def load_skops(path: Path, trust: Trust) -> Any:
    """Read an object from a skops file.

    Raises:
        ModelUntrusted: it holds types that nobody vouched for; the message names them.
        BadModel: the file is damaged, or its arrays are not what the types need.
    """
    with _Skops(path) as file:
        if trust.everything:
            return file.construct()
        strangers = file.unsafe() - file.reviewed() - trust.types
        if strangers:
            raise ModelUntrusted(_untrusted(path, sorted(strangers)))
        nodes = file.nodes()
        check_nodes(path, nodes)
        instance = file.construct()
        check_objects(path, nodes, trust.types)
        return instance


class _Skops:
    """An open skops file, read but with nothing in it constructed.

    skops' public ``load`` takes names for any way of being made, and reads the file once more
    for the list of types; its tree of nodes is what both are built on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _Skops:
        import json

        prepare()
        from skops.io._audit import get_tree
        from skops.io._protocol import PROTOCOL
        from skops.io._utils import LoadContext

        try:
            self._zip = zipfile.ZipFile(self._path)
        except (zipfile.BadZipFile, ValueError) as error:
            raise BadModel(f"{self._path} is no skops file, or it is damaged: {error}.") from None
        try:
            self._refuse_bomb()
            schema = json.loads(self._zip.read("schema.json"))
            protocol = schema["protocol"]
            if isinstance(protocol, bool) or not isinstance(protocol, int) or protocol < 0:
                raise BadModel(f"{self._path} is damaged: its protocol is {protocol!r}.")
            if protocol > PROTOCOL:
                raise BadModel(
                    f"{self._path} was written by a later version of skops. Upgrade: "
                    "pip install -U skops"
                )
            context = LoadContext(src=self._zip, protocol=protocol)
            self.tree = get_tree(schema, context, trusted=None)
        except BaseException as error:
            self._zip.close()
            if isinstance(error, _DAMAGE):
                raise BadModel(
                    f"{self._path} is no skops file, or it is damaged: {_first_line(error)}."
                ) from None
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def _refuse_bomb(self) -> None:
        expanded = sum(info.file_size for info in self._zip.infolist())
        size = self._path.stat().st_size
        if expanded > _ALLOWANCE + size * _MAX_EXPANSION:
            raise BadModel(f"{self._path} is refused: it expands to {expanded / 2**30:.0f} GB.")

    def construct(self) -> Any:
        """The object itself."""
        try:
            return self.tree.construct()
        except ModuleNotFoundError:
            raise  # what is missing can be installed
        except Exception as error:
            raise BadModel(
                f"{self._path} cannot be read back: {type(error).__name__}: {_first_line(error)}."
            ) from error

    def unsafe(self) -> set[str]:
        """Every name in the file that skops does not trust by itself."""
        unsafe: set[str] = self.tree.get_unsafe_set()
        return unsafe

    def names(self) -> set[str]:
        """The names of everything in the file."""
        return {_name(node) for node in self.nodes()}

    def nodes(self) -> list[Any]:
        """All nodes, each once."""
        return list(_walk(self.tree))

    def reviewed(self) -> set[str]:
        """The names that are reviewed for each way in which this file makes them."""
        good: set[str] = set()
        bad: set[str] = set()
        nodes = self.nodes()
        # the class of a tree is named once more inside of its node, to be called there only
        within = {id(n.children.get("constructor")) for n in nodes if _kind(n) == "TreeNode"}
        for node in nodes:
            name, kind = _name(node), _kind(node)
            if not node.is_self_safe() and id(node) not in within:
                (good if (kind, name) in REVIEWED else bad).add(name)
        # what `unsafe` names beside nodes (a method to be called) is in neither
        return good - bad


_DAMAGE = (
    AttributeError,
    ImportError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
)


def _walk(root: Any) -> Iterator[Any]:
    from skops.io._audit import Node

    seen: set[int] = set()
    stack: list[Any] = [root]
    while stack:
        value = stack.pop()
        if isinstance(value, Node):
            if id(value) not in seen:
                seen.add(id(value))
                yield value
                stack.extend(value.children.values())
                # a repeated object stands in the file as a reference to its first node
                stack.append(getattr(value, "cached", None))
        elif isinstance(value, list | tuple):
            stack.extend(value)
        elif isinstance(value, dict):
            stack.extend(value.values())


def _name(node: Any) -> str:
    return f"{node.module_name}.{node.class_name}"


def _kind(node: Any) -> str:
    return type(node).__name__


def _untrusted(path: Path, names: list[str]) -> str:
    one = len(names) == 1
    return (
        f"{path} would construct {'a type' if one else 'types'} that nobody vouched for: "
        f"{', '.join(names)}. If you know where the model comes from, vouch for "
        f"{'it' if one else 'them'} with Trust(types={{…}}) or --trusted-type, or for all of the "
        "model with Trust(everything=True) or --trust."
    )


def _first_line(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0].rstrip(".")
    return text or type(error).__name__
