"""One training call of scikit-learn on its way into a run."""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from ..data import dataset_of
from ..data.inputs import dataset_input
from ..errors import InvalidInput
from ..evaluation import pictures
from ..tracking import validate
from ..tracking.active import ActiveRun
from ..tracking.entities import Param, Run
from . import sklearn_metrics, sklearn_search

if TYPE_CHECKING:
    from ..data.datasets import Dataset
    from .sklearn import Options

_BATCH = 100  # params a server takes at once
_EXAMPLE_ROWS = 5
_PREFIX = "training_"
_log = logging.getLogger("mlpack.autolog")


class Recording:
    """What `autolog` records of one call.

    Args:
        run: to record in.
        model: the estimator.
        method: its ``fit`` (or ``fit_predict``, ``fit_transform``), unwrapped.
        args: of the call.
        kwargs: of the call.
        options: see `autolog`.
    """

    def __init__(
        self,
        run: ActiveRun,
        model: Any,
        method: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        options: Options,
    ) -> None:
        self.run = run
        self.model = model
        self.options = options
        self.searches = sklearn_search.is_search(model)
        # the seed of a search is not what will be trained
        self.params = model.get_params(deep=not self.searches)
        given = inspect.signature(method).bind(model, *args, **kwargs).arguments
        names = list(given)
        self.features = given[names[1]] if len(names) > 1 else None
        # most are called X and y; the second argument of some is something else
        self.labels = next((given[name] for name in ("y", "Y", "y_true") if name in given), None)
        extra = given.get("fit_params") or given.get("params") or {}
        self.weights = given.get("sample_weight", extra.get("sample_weight"))
        if _changes_its_data(self.params):
            self.features, self.labels = deepcopy((self.features, self.labels))
        self.example = _first_rows(self.features)
        self.dataset: Dataset | None = None
        self.model_id: str | None = None

    # --- before the training ---

    def before(self) -> None:
        """Params, tags, and the data that is read."""
        kind = type(self.model)
        tags = {
            "estimator_name": kind.__name__,
            "estimator_class": f"{kind.__module__}.{kind.__name__}",
        }
        store, run_id = self.run.client.store, self.run.info.run_id
        store.log_batch(run_id, tags=[validate.tag(key, value) for key, value in tags.items()])
        with self.apart("The params"):
            self.log_params(self.params)
        with self.apart("The training data"):
            rows = self.features
            if isinstance(rows, (list, tuple)):
                import numpy as np

                rows = np.asarray(rows)
            self.dataset = dataset_of(rows, targets=self.labels)
            if self.options.log_datasets:
                store.log_inputs(run_id, [dataset_input(self.dataset, "train")])

    def log_params(self, params: Mapping[str, Any], run: Run | None = None) -> None:
        """Params in as few writes as can be; those that cannot be logged only warn."""
        run_id = (run or self.run).info.run_id
        checked, refused = _checked(params)
        store = self.run.client.store
        for start in range(0, len(checked), _BATCH):
            some = checked[start : start + _BATCH]
            try:
                store.log_batch(run_id, params=some)
            except InvalidInput:  # one of them has another value in this run
                for param in some:
                    try:
                        store.log_batch(run_id, params=[param])
                    except InvalidInput:
                        refused.append(param.key)
        if refused:
            names = ", ".join(refused[:5]) + (", …" if len(refused) > 5 else "")
            self.warn(f"{len(refused)} params were cut or not recorded: {names}.")

    # --- after it ---

    def after(self) -> None:
        """The model, its metrics and pictures, and what a search tried."""
        if self.options.log_models:
            with self.apart("The model"):
                best = sklearn_search.best_params(self.model) if self.searches else {}
                self.model_id = self._log_model(self.model, "model", self.params | best)
        if not self.searches or hasattr(self.model, "best_estimator_"):
            self._judge()
        with self.apart("The estimator's page"):
            self._log_page()
        if self.searches:
            sklearn_search.record(self)

    def _judge(self) -> None:
        trained = sklearn_metrics.Trained(
            self.model, self.features, self.labels, self.weights, self.options.pos_label
        )
        with self.apart("The training metrics"):
            self.log_metrics(self._metrics(trained))
        with self.apart("The pictures"):
            self._log_pictures(trained)

    def log_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Metrics of the trained model, measured on the training data."""
        store, moment = self.run.client.store, validate.now()
        store.log_batch(
            self.run.info.run_id,
            metrics=[self.metric(key, value, moment) for key, value in metrics.items()],
        )

    def metric(self, key: str, value: Any, moment: int, model_id: str | None = None) -> Any:
        """A metric that says which model and data it is about."""
        return validate.metric(key, value, moment, 0)._replace(
            model_id=model_id or self.model_id,
            dataset_name=self.dataset.name if self.dataset else None,
            dataset_digest=self.dataset.digest if self.dataset else None,
        )

    def _metrics(self, trained: sklearn_metrics.Trained) -> dict[str, float]:
        found, problems = sklearn_metrics.training_metrics(trained)
        for problem in problems:
            self.warn(problem)
        return {_PREFIX + key: value for key, value in found.items()}

    def _log_model(self, model: Any, name: str, params: Mapping[str, Any]) -> str | None:
        """Log a trained estimator; returns its id."""
        from ..fluent import log_model

        signature = self._signature(model)
        options: dict[str, Any] = {"signature": signature or False}
        if name == "model" and self.options.registered_model_name:
            options["registered_model_name"] = self.options.registered_model_name
        if self.options.log_input_examples:
            options["input_example"] = self.example
        if self.options.serialization_format:
            options["serialization_format"] = self.options.serialization_format
        kept = {param.key: param.value for param in _checked(params)[0]}
        with warnings.catch_warnings():
            if self.options.silent:
                warnings.simplefilter("ignore")
            info = log_model(
                model,
                name,
                run_id=self.run.info.run_id,
                flavor="sklearn",
                params=kept,
                **options,
            )
        return info.model_id

    def log_best(self, model: Any, params: Mapping[str, Any]) -> str | None:
        """The best estimator of a search, beside the search itself."""
        model_id = None
        if self.options.log_models:
            with self.apart("The best estimator"):
                model_id = self._log_model(model, "best_estimator", params)
        return model_id

    def _signature(self, model: Any) -> Any:
        if not self.options.log_model_signatures or self.example is None:
            return None
        from ..flavors import infer_signature

        signature = None
        with self.apart("The signature"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            method = getattr(model, "predict", None) or getattr(model, "transform", None)
            if method is not None:
                signature = infer_signature(self.example, method(deepcopy(self.example)))
        return signature

    def _log_pictures(self, trained: sklearn_metrics.Trained) -> None:
        from sklearn.base import is_classifier

        if not trained.is_judged_by(is_classifier) or not pictures.available():
            return
        for name, figure in sklearn_metrics.pictures_of(trained):
            self.run.client.log_figure(self.run.info.run_id, figure, f"{_PREFIX}{name}.png")

    def _log_page(self) -> None:
        from sklearn.utils import estimator_html_repr

        page = (
            '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="UTF-8"/></head>\n<body>\n'
            f"{estimator_html_repr(self.model)}\n</body>\n</html>\n"
        )
        self.run.client.log_text(self.run.info.run_id, page, "estimator.html")

    # --- trouble ---

    def warn(self, message: str) -> None:
        """Tell the user, unless silence was asked for."""
        if not self.options.silent:
            _log.warning("%s: %s", type(self.model).__name__, message)

    @contextmanager
    def apart(self, what: str) -> Iterator[None]:
        """One part that fails takes no other with it."""
        try:
            yield
        except Exception as error:
            self.warn(f"{what} could not be recorded: {error}")
            _log.debug("autolog", exc_info=True)


def _changes_its_data(params: Mapping[str, Any]) -> bool:
    """Some estimators may overwrite what they are given: ``copy_X=False`` and its like."""
    return any(
        value is False and name.rpartition("__")[2].startswith("copy")
        for name, value in params.items()
    )


def _first_rows(features: Any) -> Any:
    try:
        rows = features.iloc if hasattr(features, "iloc") else features
        return deepcopy(rows[:_EXAMPLE_ROWS])
    except Exception:  # no rows: an iterator, say
        return None


def _checked(params: Mapping[str, Any]) -> tuple[list[Param], list[str]]:
    """Params as the store takes them, and the names of those that were cut or left out."""
    checked, refused = [], []
    for name, value in params.items():
        text = str(value)
        if len(text) > validate.MAX_PARAM_VALUE:
            text = text[: validate.MAX_PARAM_VALUE - 1] + "…"
            refused.append(name)
        try:
            checked.append(validate.param(name, text))
        except InvalidInput:
            refused.append(name)
    return checked, refused
