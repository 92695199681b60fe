"""What is recorded of scikit-learn's training calls, and what is left alone."""

import subprocess
import sys
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn.base
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import mlpack
from mlpack.errors import InvalidInput

X, Y = load_breast_cancer(return_X_y=True, as_frame=True)
X = ((X - X.mean()) / X.std()).iloc[:, :4]  # soon learned
FAST = {"log_models": False}


@pytest.fixture(autouse=True)
def _off_again():
    yield
    mlpack.sklearn.autolog(disable=True)


def runs():
    return mlpack.search_runs(output_format="list")


def files(run):
    return {file.path for file in mlpack.MlpackClient().list_artifacts(run.info.run_id)}


def test_a_classifier():
    mlpack.sklearn.autolog(log_input_examples=True)
    fitted = LogisticRegression(max_iter=5000, C=0.5).fit(X, Y)
    assert isinstance(fitted, LogisticRegression)
    [run] = runs()
    assert run.info.status == "FINISHED"
    assert run.data.params["C"] == "0.5" and run.data.params["max_iter"] == "5000"
    assert run.data.tags["estimator_name"] == "LogisticRegression"
    assert run.data.tags["mlflow.autologging"] == "sklearn"
    assert run.data.metrics["training_score"] == fitted.score(X, Y)
    [read] = run.inputs.dataset_inputs
    assert read.tags == {"mlflow.data.context": "train"}
    assert files(run) == {
        "estimator.html",
        "model",
        "training_confusion_matrix.png",
        "training_precision_recall_curve.png",
        "training_roc_curve.png",
    }
    model = mlpack.load_model(f"runs:/{run.info.run_id}/model")
    assert [column.name for column in model.signature.inputs] == list(X.columns)
    assert model.input_example().equals(X[:5])
    assert (model.predict(X) == fitted.predict(X)).all()
    logged = mlpack.get_logged_model(model.metadata.model_id)
    assert logged.params["C"] == "0.5"
    assert {m.key for m in logged.metrics} >= {"training_f1_score", "training_roc_auc"}
    assert {m.dataset_digest for m in logged.metrics} == {read.dataset.digest}


def test_the_users_run_is_used_and_left_open():
    mlpack.sklearn.autolog(**FAST)
    with mlpack.start_run() as run:
        Ridge().fit(*load_diabetes(return_X_y=True))
        assert mlpack.active_run() is run
    assert [r.info.run_id for r in runs()] == [run.info.run_id]
    assert "training_r2_score" in runs()[0].data.metrics
    mlpack.sklearn.autolog(exclusive=True, **FAST)
    with mlpack.start_run() as other:
        Ridge().fit(*load_diabetes(return_X_y=True))
    assert mlpack.get_run(other.info.run_id).data.metrics == {}


@pytest.mark.parametrize(
    "train",
    [
        lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y),
        lambda: VotingClassifier([("r", RandomForestClassifier(2))], n_jobs=2).fit(X, Y),
        lambda: RandomForestClassifier(3, n_jobs=2).fit(X, Y),
        lambda: PCA(2).fit_transform(X),
        lambda: make_pipeline(StandardScaler(), StandardScaler()).fit_transform(X),
        lambda: KMeans(2).fit_predict(X),
        lambda: KMeans(2).fit(X=X),
    ],
)
def test_one_call_is_one_run(train):
    mlpack.sklearn.autolog(**FAST)
    train()
    [run] = runs()
    assert run.info.status == "FINISHED" and run.data.params


def test_cross_validation_is_not_training():
    mlpack.sklearn.autolog(**FAST)
    cross_val_score(LogisticRegression(max_iter=5000), X, Y, cv=2)
    assert runs() == []


def test_preparing_data_is_not_training():
    mlpack.sklearn.autolog(**FAST)
    StandardScaler().fit_transform(X)
    make_column_transformer((StandardScaler(), ["mean radius"])).fit(X)
    assert runs() == []


def test_threads_of_a_search_are_part_of_it():
    import joblib

    mlpack.sklearn.autolog(max_tuning_runs=0, **FAST)
    with joblib.parallel_backend("threading", n_jobs=2):
        GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2).fit(*load_diabetes(return_X_y=True))
    [run] = runs()
    assert run.data.tags["estimator_name"] == "GridSearchCV"


def test_each_thread_of_the_user_has_its_run():
    mlpack.sklearn.autolog(**FAST)
    data = load_diabetes(return_X_y=True)
    threads = [threading.Thread(target=lambda: Ridge().fit(*data)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [run.info.status for run in runs()] == ["FINISHED"] * 4


def test_a_search():
    mlpack.sklearn.autolog(max_tuning_runs=2)
    search = GridSearchCV(LogisticRegression(max_iter=5000), {"C": [0.1, 1, 10, 100]}, cv=2)
    with mlpack.start_run() as run:
        search.fit(X, Y)
    parent = mlpack.get_run(run.info.run_id)
    assert parent.data.params["best_C"] == str(search.best_params_["C"])
    assert parent.data.metrics["best_cv_score"] == search.best_score_
    assert "C" not in parent.data.params  # of the seed, which is not what was trained
    assert {"model", "best_estimator", "cv_results.csv"} <= files(parent)
    table = pd.read_csv(
        mlpack.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="cv_results.csv")
    )
    assert table.param_C.tolist() == [0.1, 1, 10, 100]
    children = [child for child in runs() if child.info.run_id != run.info.run_id]
    assert sorted(child.data.metrics["rank_test_score"] for child in children) == [1, 2]
    best = min(children, key=lambda child: child.data.metrics["rank_test_score"])
    assert best.data.params["C"] == str(search.best_params_["C"])
    assert best.data.params["max_iter"] == "5000"
    assert best.data.metrics["mean_test_score"] == search.best_score_
    for child in children:
        assert child.data.tags["mlflow.parentRunId"] == run.info.run_id
        assert child.info.status == "FINISHED"
        assert not [key for key in child.data.metrics if key.startswith(("split", "param"))]


def test_halving_and_several_scores():
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingGridSearchCV

    mlpack.sklearn.autolog(max_tuning_runs=None, **FAST)
    HalvingGridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2).fit(*load_diabetes(return_X_y=True))
    assert {run.data.tags["estimator_name"] for run in runs()} == {"HalvingGridSearchCV", "Ridge"}
    scoring = {"r2": "r2", "mae": "neg_mean_absolute_error"}
    mlpack.sklearn.autolog(max_tuning_runs=1, **FAST)
    mlpack.set_experiment("several")
    GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2, scoring=scoring, refit="r2").fit(
        *load_diabetes(return_X_y=True)
    )
    assert len(runs()) == 2


def test_a_training_that_fails_fails_as_ever():
    mlpack.sklearn.autolog(**FAST)
    with pytest.raises(ValueError, match="contains NaN"):
        LinearRegression().fit([[np.nan]], [1])
    assert runs()[0].info.status == "FAILED"
    with pytest.raises(TypeError):
        LinearRegression().fit()


@pytest.mark.parametrize("broken", ["before", "after", "__init__"])
def test_our_own_trouble_never_reaches_the_training(broken, monkeypatch):
    from mlpack.autolog import sklearn_record

    def raises(*args, **kwargs):
        raise RuntimeError("ours")

    monkeypatch.setattr(sklearn_record.Recording, broken, raises)
    mlpack.sklearn.autolog(**FAST)
    with pytest.warns(UserWarning, match="not recorded .*by mlpack: ours"):
        fitted = Ridge().fit(*load_diabetes(return_X_y=True))
    assert fitted.coef_ is not None and mlpack.active_run() is None
    mlpack.sklearn.autolog(silent=True, **FAST)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Ridge().fit(*load_diabetes(return_X_y=True))


def test_a_store_that_is_gone_never_reaches_the_training(tmp_path):
    (tmp_path / "file").write_text("")
    mlpack.set_tracking_uri(tmp_path / "file" / "below")
    mlpack.sklearn.autolog(**FAST)
    with pytest.warns(UserWarning, match="not recorded by mlpack"):
        assert Ridge().fit(*load_diabetes(return_X_y=True)).coef_ is not None


def test_params_that_are_too_long_or_taken(caplog):
    mlpack.sklearn.autolog(**FAST)
    with mlpack.start_run() as run:
        make_pipeline(FunctionTransformer(kw_args={"a": "x" * 7000})).fit(X)
        Ridge(alpha=1).fit(*load_diabetes(return_X_y=True))
        Ridge(alpha=2).fit(*load_diabetes(return_X_y=True))
    params = mlpack.get_run(run.info.run_id).data.params
    long = params["functiontransformer__kw_args"]
    assert len(long) == 6000 and long.endswith("…")
    assert params["alpha"] == "1"
    assert "1 params were cut or not recorded: alpha." in caplog.text


def test_weights_and_a_positive_label():
    weights = np.linspace(1, 2, len(Y))
    mlpack.sklearn.autolog(pos_label=0, **FAST)
    fitted = LogisticRegression(max_iter=5000).fit(X, Y, sample_weight=weights)
    from sklearn.metrics import precision_score

    expected = precision_score(Y, fitted.predict(X), pos_label=0, sample_weight=weights)
    assert runs()[0].data.metrics["training_precision_score"] == expected


def test_predictions_are_made_once(monkeypatch):
    asked = []
    predict = RandomForestClassifier.predict

    def counted(self, features):
        asked.append(len(features))
        return predict(self, features)

    monkeypatch.setattr(RandomForestClassifier, "predict", counted)
    mlpack.sklearn.autolog(**FAST)
    RandomForestClassifier(2).fit(X, Y)
    assert asked.count(len(X)) == 1
    [run] = runs()
    assert run.data.metrics["training_score"] == run.data.metrics["training_accuracy_score"]


@pytest.mark.parametrize("shape", [(-1, 1), (-1, 2)])
def test_labels_of_several_columns(shape, caplog):
    mlpack.sklearn.autolog(**FAST)
    labels = Y.to_numpy()[:568].reshape(shape)
    RandomForestClassifier(2).fit(X.iloc[: len(labels)], labels)
    [run] = runs()
    assert "training_accuracy_score" in run.data.metrics
    assert ("training_confusion_matrix.png" in files(run)) == (shape == (-1, 1))
    assert caplog.text == ""


def test_many_classes_cost_no_comparison_of_each_with_each():
    mlpack.sklearn.autolog(**FAST)
    RandomForestClassifier(1, max_depth=3).fit(X, np.arange(len(X)) % 50)
    [run] = runs()
    assert "training_log_loss" in run.data.metrics
    assert "training_roc_auc" not in run.data.metrics


def test_a_search_without_a_winner_is_not_measured(caplog):
    mlpack.sklearn.autolog(**FAST)
    search = GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2, refit=False)
    search.fit(X, Y)
    assert len(runs()) == 3
    assert caplog.text == ""


def test_data_that_the_estimator_overwrites_is_measured_as_it_was():
    data, target = load_diabetes(return_X_y=True)
    kept = data.copy()
    mlpack.sklearn.autolog(**FAST)
    fitted = LinearRegression(copy_X=False).fit(data + 1, target)
    measured = runs()[0].data.metrics["training_r2_score"]
    assert measured == pytest.approx(fitted.score(kept + 1, target))


def test_subclasses_of_the_user_and_classes_that_come_later():
    class Mine(Ridge):
        def fit(self, features, labels):
            return super().fit(features, labels)

    class Bare(sklearn.base.BaseEstimator):
        def fit(self, features, labels=None):
            return self

    mlpack.sklearn.autolog(**FAST)
    Mine().fit(*load_diabetes(return_X_y=True))
    Bare().fit([[1]])  # nothing of scikit-learn's trains here
    assert [run.data.tags["estimator_name"] for run in runs()] == ["Mine"]


def test_turning_off_leaves_no_trace():
    before = Ridge.fit, vars(sklearn.base.TransformerMixin)["fit_transform"]
    for _ in range(3):
        mlpack.autolog(**FAST)
    wrapped = Ridge.fit
    mlpack.autolog(**FAST)
    assert Ridge.fit is wrapped is not before[0]
    mlpack.autolog(disable=True)
    assert (Ridge.fit, vars(sklearn.base.TransformerMixin)["fit_transform"]) == before
    assert "__init_subclass__" not in vars(sklearn.base.BaseEstimator)
    Ridge().fit(*load_diabetes(return_X_y=True))
    assert runs() == []


def test_a_trained_model_is_registered():
    mlpack.sklearn.autolog(registered_model_name="m")
    Ridge().fit(*load_iris(return_X_y=True))
    GridSearchCV(Ridge(), {"alpha": [1, 2]}).fit(*load_iris(return_X_y=True))
    versions = mlpack.search_model_versions(filter_string="name = 'm'")
    assert sorted(version.version for version in versions) == [1, 2]
    assert {version.run_id for version in versions} <= {run.info.run_id for run in runs()}


def test_arguments():
    with pytest.raises(InvalidInput, match="has a slash"):
        mlpack.sklearn.autolog(registered_model_name="a/m")
    with pytest.raises(InvalidInput, match="max_tuning_runs"):
        mlpack.sklearn.autolog(max_tuning_runs=-1)
    mlpack.sklearn.autolog(extra_tags={"team": "a"}, log_datasets=False, **FAST)
    Ridge().fit(*load_iris(return_X_y=True))
    [run] = runs()
    assert run.data.tags["team"] == "a" and run.inputs.dataset_inputs == []


def test_before_scikit_learn_is_imported():
    code = """
import sys, mlpack
mlpack.autolog(log_models=False)
assert "sklearn" not in sys.modules
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor  # a module that is loaded later still
Ridge().fit([[1], [2]], [1, 2])
DecisionTreeRegressor().fit([[1], [2]], [1, 2])
import sklearn.base
assert type(sklearn.base.__spec__.loader).__module__ == "_frozen_importlib_external"
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    names = {run.data.tags["estimator_name"] for run in runs()}
    assert names == {"Ridge", "DecisionTreeRegressor"}
