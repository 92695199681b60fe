"""One side of the comparisons: fits the quickstart's pipeline and lets a product keep it.

log_model_worker.py PRODUCT log_model|save_model       measures at every line it reads
log_model_worker.py PRODUCT save FOLDER C                      saves it once, and ends
"""

from __future__ import annotations

import importlib
import logging
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import serve_measurements


def main(product: str, what: str, *more: str) -> None:
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    tracker = importlib.import_module(product)
    flavor = importlib.import_module(f"{product}.sklearn")
    if what == "save":
        folder, C = more
        model, example = fitted_pipeline(float(C))
        flavor.save_model(model, folder, input_example=example)
        return
    tracker.set_tracking_uri(f"sqlite:///{Path.cwd() / what}.db")
    model, example = fitted_pipeline()
    measures: dict[str, Callable[[], None]] = {
        "log_model": lambda: flavor.log_model(model, name="model", input_example=example),
        "save_model": lambda: flavor.save_model(model, "saved", input_example=example),
    }
    measure = measures[what]

    def once() -> float:
        shutil.rmtree("saved", ignore_errors=True)
        with tracker.start_run():
            start = time.perf_counter()
            measure()
            return time.perf_counter() - start

    serve_measurements(once)


def fitted_pipeline(C: float = 0.5) -> tuple[Any, Any]:
    """The pipeline of examples/quickstart.py, and three rows for an example.

    Data are split and the model is judged as there, which loads what a training script has
    loaded when it comes to logging.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    X, progression = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    X["age"] = X["age"].astype(int)
    X["sex"] = X["sex"].map({1.0: "female", 2.0: "male"})
    columns = ColumnTransformer(
        [
            ("number", StandardScaler(), [name for name in X.columns if name != "sex"]),
            ("category", OneHotEncoder(handle_unknown="ignore"), ["sex"]),
        ]
    )
    model = Pipeline([("columns", columns), ("classifier", LogisticRegression(C=C, max_iter=1000))])
    fast = progression > progression.quantile(0.75)
    X_train, X_test, y_train, y_test = train_test_split(X, fast, stratify=fast, random_state=7)
    model.fit(X_train, y_train)
    roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
    return model, X_train.head(3)


if __name__ == "__main__":
    main(*sys.argv[1:])
