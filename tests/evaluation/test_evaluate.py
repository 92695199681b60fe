"""`mlpack.evaluate`: what it takes, what it computes, what it leaves in the run."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

import mlpack
from mlpack.errors import InvalidInput, InvalidState, MissingDependency, NotFound

X, Y = load_breast_cancer(return_X_y=True, as_frame=True)
X = X.iloc[:, :5]
DATA = X.assign(y=Y)
MODEL = LogisticRegression(max_iter=5000).fit(X, Y)
REGRESSION = load_diabetes(return_X_y=True)


def files(run_id):
    return {file.path for file in mlpack.MlpackClient().list_artifacts(run_id)}


def test_a_logged_classifier():
    with mlpack.start_run() as run:
        info = mlpack.sklearn.log_model(MODEL, "model", input_example=X[:2])
        result = mlpack.evaluate(info.model_uri, DATA, targets="y", model_type="classifier")
    assert result.run_id == run.info.run_id
    recorded = mlpack.get_run(run.info.run_id)
    assert recorded.data.metrics == result.metrics
    assert result.metrics["accuracy_score"] == MODEL.score(X, Y) == result.metrics["score"]
    cells = ("true_negatives", "false_positives", "false_negatives", "true_positives")
    assert sum(result.metrics[cell] for cell in cells) == len(X) == result.metrics["example_count"]
    pictures = {
        "calibration_curve_plot",
        "confusion_matrix",
        "lift_curve_plot",
        "precision_recall_curve_plot",
        "roc_curve_plot",
    }
    assert set(result.artifacts) == pictures
    assert files(run.info.run_id) >= {f"{name}.png" for name in pictures}
    table = mlpack.load_table("eval_results_table.json")
    assert table.prediction.tolist() == MODEL.predict(X).tolist()
    assert table.target.tolist() == Y.tolist()
    [read] = recorded.inputs.dataset_inputs
    assert read.tags == {"mlflow.data.context": "eval"}
    assert [model.model_id for model in recorded.inputs.model_inputs] == [info.model_id]
    about = {m.key: m for m in mlpack.get_logged_model(info.model_id).metrics}
    assert about["roc_auc"].dataset_digest == read.dataset.digest


@pytest.mark.parametrize(
    ("model", "data", "targets"),
    [
        (MODEL, DATA, "y"),
        (MODEL, X, Y),
        (MODEL, mlpack.data.from_pandas(DATA, targets="y"), None),
        (MODEL.predict, DATA, "y"),
        (None, DATA.assign(p=MODEL.predict(X)), "y"),
        (None, mlpack.data.from_pandas(DATA.assign(p=MODEL.predict(X)), predictions="p"), "y"),
    ],
)
def test_models_and_data_in_every_shape(model, data, targets):
    made = "p" if model is None and isinstance(data, pd.DataFrame) else None
    result = mlpack.evaluate(
        model, data, targets=targets, predictions=made, model_type="classifier"
    )
    assert result.metrics["accuracy_score"] == MODEL.score(X, Y)
    assert mlpack.active_run() is None
    assert mlpack.get_run(result.run_id).info.status == "FINISHED"


def test_more_than_two_classes_of_an_array():
    features, labels = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(features, labels)
    data = mlpack.data.from_numpy(features, targets=labels)
    result = mlpack.evaluate(model, data, model_type="classifier")
    classes = result.tables["per_class_metrics"]
    assert classes.positive_class.tolist() == [0, 1, 2]
    assert "per_class_metrics.csv" in files(result.run_id)
    assert "roc_curve_plot" in result.artifacts and "lift_curve_plot" not in result.artifacts
    some = mlpack.evaluate(model, features[:60], targets=labels[:60], model_type="classifier")
    assert np.isnan(some.tables["per_class_metrics"].roc_auc[2])  # there is no such row


def test_a_regressor_and_options():
    features, target = REGRESSION
    weights = np.linspace(1, 2, len(target))
    config = {"metric_prefix": "val_", "sample_weights": weights}
    result = mlpack.evaluate(
        Ridge().fit(features, target),
        features,
        targets=target,
        model_type="regressor",
        evaluator_config=config,
    )
    assert result.metrics["val_example_count"] == len(target)
    assert result.metrics["val_r2_score"] == result.metrics["val_score"]
    assert {"val_residuals_plot.png", "val_predicted_vs_true_plot.png"} <= files(result.run_id)


def test_metrics_and_files_of_the_users_own():
    def off(predictions, targets, metrics, threshold, spare=1):
        assert metrics["mean_absolute_error"].aggregate_results and spare == 1
        return float((abs(predictions - targets) > threshold).mean())

    def old_form(eval_df, builtin_metrics):
        assert "off" in builtin_metrics
        return mlpack.evaluation.MetricValue(
            scores=eval_df.prediction - eval_df.target, aggregate_results={"p90": 2.0}
        )

    def extras(eval_df, metrics, folder):
        with open(f"{folder}/note.txt", "w") as file:
            file.write("hello")
        picture, numbers = Figure(), {"a": metrics["off"]}
        return {"fig": picture, "rows": eval_df, "nums": numbers, "note": f"{folder}/note.txt"}

    metrics = [
        mlpack.make_metric(eval_fn=off, greater_is_better=False),
        mlpack.make_metric(eval_fn=old_form, greater_is_better=False, name="miss"),
    ]
    result = mlpack.evaluate(
        Ridge().fit(*REGRESSION),
        REGRESSION[0],
        targets=REGRESSION[1],
        model_type="regressor",
        extra_metrics=metrics,
        custom_artifacts=[extras],
        evaluator_config={"threshold": 50},
    )
    assert 0 < result.metrics["off"] < 1 and result.metrics["miss/p90"] == 2.0
    assert "miss/score" in result.tables["eval_results_table"]
    assert {"fig.png", "rows.csv", "nums.json", "note.txt"} <= files(result.run_id)
    only = mlpack.evaluate(
        lambda frame: frame.sum(axis=1),
        X,
        extra_metrics=[
            mlpack.make_metric(
                eval_fn=lambda predictions: predictions.max(), name="top", greater_is_better=True
            )
        ],
    )
    assert set(only.metrics) == {"top"}


def test_pyplot_stays_as_the_user_left_it():
    import matplotlib.pyplot as plt

    mine = plt.figure()
    backend = plt.get_backend()
    mlpack.evaluate(MODEL, DATA, targets="y", model_type="classifier")
    assert plt.get_fignums() == [mine.number] and plt.get_backend() == backend
    plt.close(mine)


def test_without_matplotlib_there_are_numbers(monkeypatch, caplog):
    monkeypatch.setattr("mlpack.evaluation.pictures.available", lambda: False)
    result = mlpack.evaluate(MODEL, DATA, targets="y", model_type="classifier")
    assert result.metrics and not result.artifacts
    assert "pip install matplotlib" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model_type": "text"}, "model_type must be"),
        ({}, "needs model_type="),
        ({"model_type": "classifier"}, "needs targets="),
        ({"model_type": "classifier", "targets": "z"}, "no column 'z' given as targets"),
        ({"model_type": "classifier", "targets": [0, 1]}, "569 rows of data and 2 targets"),
        ({"model_type": "classifier", "targets": np.zeros(569)}, "at least two labels"),
        ({"model_type": "regressor", "targets": "y", "evaluators": "shap"}, "no evaluator 'shap'"),
        ({"model_type": "regressor", "targets": "y", "extra_metrics": [len]}, "make_metric"),
        ({"model_type": "classifier", "targets": np.ones((569, 2))}, "one label .* a row"),
        ({"model_type": "classifier", "targets": np.full(569, "a")}, "of different kinds"),
        ({"model_type": "regressor", "targets": np.full(569, np.nan)}, "569 of 569 targets"),
        (
            {"model_type": "classifier", "targets": "y", "evaluator_config": {"pos_label": 7}},
            "positive label 7 is none of",
        ),
    ],
)
def test_mistakes(arguments, message):
    named = isinstance(arguments.get("targets"), str)
    one_label = "at least two" in message
    model = (lambda frame: np.zeros(len(frame))) if one_label else MODEL
    data = DATA if named else X
    with pytest.raises(InvalidInput, match=message):
        mlpack.evaluate(model, data, **arguments)
    assert mlpack.search_runs(output_format="list") == []  # nothing was begun


@pytest.mark.parametrize("package", ["pandas", "sklearn"])
def test_what_to_install(package, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else find(name)
    )
    with pytest.raises(MissingDependency, match=r"mlpack-toolkit\[evaluation\]"):
        mlpack.evaluate(MODEL, DATA, targets="y", model_type="classifier")


def test_no_rows_at_all():
    with pytest.raises(InvalidInput, match="no rows"):
        mlpack.evaluate(MODEL, DATA[:0], targets="y", model_type="classifier")


def test_a_sparse_matrix_and_several_targets_a_row():
    sparse = scipy.sparse.csr_matrix(X.to_numpy())
    model = LogisticRegression(max_iter=5000).fit(sparse, Y)
    result = mlpack.evaluate(model, sparse, targets=Y, model_type="classifier")
    assert result.metrics["accuracy_score"] == model.score(sparse, Y)
    features, target = REGRESSION
    both = np.c_[target, target]
    result = mlpack.evaluate(
        LinearRegression().fit(features, both), features, targets=both, model_type="regressor"
    )
    assert result.metrics["r2_score"] > 0.4


def test_settings_by_the_name_of_the_evaluator():
    options = {"default": {"pos_label": 0, "metric_prefix": "val_"}}
    result = mlpack.evaluate(
        MODEL, DATA, targets="y", model_type="classifier", evaluator_config=options
    )
    assert result.metrics["val_true_positives"] < len(Y) / 2  # label 0 is the rarer one


def test_a_model_whose_files_came_from_another_store(tmp_path):
    with mlpack.start_run():
        logged = mlpack.sklearn.log_model(MODEL, name="model")
    folder = mlpack.artifacts.download_artifacts(logged.model_uri, dst_path=tmp_path)
    before = mlpack.get_tracking_uri()
    mlpack.set_tracking_uri(tmp_path / "other")
    try:
        result = mlpack.evaluate(
            mlpack.load_model(folder), DATA, targets="y", model_type="classifier"
        )
        assert mlpack.get_run(result.run_id).inputs.model_inputs == []
    finally:
        mlpack.set_tracking_uri(before)


def test_a_model_that_is_not_there():
    with pytest.raises(NotFound):
        mlpack.evaluate("models:/m-" + "0" * 32, DATA, targets="y", model_type="classifier")
    with pytest.raises(InvalidInput, match="needs a model, or predictions="):
        mlpack.evaluate(None, DATA, targets="y", model_type="classifier")


def test_thresholds():
    good = mlpack.evaluation.EvaluationResult({"acc": 0.9, "mae": 2.0})
    base = mlpack.evaluation.EvaluationResult({"acc": 0.88, "mae": -0.0})
    at_least = mlpack.MetricThreshold(threshold=0.8, greater_is_better=True)
    mlpack.validate_evaluation_results({"acc": at_least}, good)
    better = mlpack.MetricThreshold(
        threshold=0.95, min_absolute_change=0.05, greater_is_better=True
    )
    less = mlpack.MetricThreshold(min_relative_change=0.1, greater_is_better=False)
    with pytest.raises(InvalidState) as caught:
        mlpack.validate_evaluation_results(
            {"acc": better, "mae": less, "none": at_least}, good, base
        )
    assert caught.value.message == (
        "The model is not good enough: acc is 0.9, and must be at least 0.95; acc is 0.9, and "
        "must be at least 0.93 (baseline 0.88); mae is 2, and must be at most -1e-10 (baseline "
        "-0); none was not computed."
    )
    with pytest.raises(InvalidInput, match="give baseline_result"):
        mlpack.validate_evaluation_results({"acc": better}, good)
    for wrong in ({}, {"greater_is_better": True}, {"threshold": 1}):
        with pytest.raises(InvalidInput, match="MetricThreshold needs"):
            mlpack.MetricThreshold(**wrong)


def test_a_metric_needs_a_name():
    with pytest.raises(InvalidInput, match="needs name="):
        mlpack.make_metric(eval_fn=lambda predictions: 1, greater_is_better=True)
