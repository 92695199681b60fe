"""Searching against a real database: every operator, orders, pages, the DataFrame."""

import math
import shutil
import subprocess
import sys

import pandas as pd
import pytest

import mlpack
from mlpack import MlpackClient
from mlpack.errors import InvalidInput
from mlpack.tracking.entities import ViewType

RUNS = {
    "one": ({"auc": 0.1, "nan": math.nan}, {"model": "rf", "C": "1"}, {"team": "Blau"}),
    "two": ({"auc": 0.5, "nan": 1.0}, {"model": "RF", "C": "10"}, {"team": "Größe"}),
    "three": ({"auc": 0.9, "nan": -math.inf}, {"model": "r*f"}, {}),
    "four": ({"nan": math.inf}, {}, {"team": "x_y%z"}),
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Made once; each test gets a copy (a store can be copied and moved)."""
    folder = tmp_path_factory.mktemp("search") / "mlruns"
    mlpack.set_tracking_uri(folder)
    for name, (metrics, params, tags) in RUNS.items():
        with mlpack.start_run(run_name=name, tags=tags):
            mlpack.log_params(params)
            mlpack.log_metric("auc", 77, step=-1)  # not the latest, but for "four"
            mlpack.log_metrics(metrics)
    mlpack.set_tracking_uri("")
    return folder


@pytest.fixture(autouse=True)
def runs(recorded, mlruns):
    shutil.copytree(recorded, mlruns)


def names(filter_string="", **options):
    found = mlpack.search_runs(filter_string=filter_string, output_format="list", **options)
    return [run.info.run_name for run in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metrics.auc > 0.5", {"three", "four"}),
        ("metrics.auc >= 0.5", {"two", "three", "four"}),
        ("metrics.auc < 0.5", {"one"}),
        ("metrics.auc <= 0.5", {"one", "two"}),
        ("metrics.auc = 0.5", {"two"}),
        ("metrics.auc != 0.5", {"one", "three", "four"}),
        ("metrics.auc < 99999999999999999999999", set(RUNS)),
        ("start_time < 99999999999999999999999", set(RUNS)),
        ("metrics.missing != 1", set()),
        ("metrics.nan > 0", {"two", "four"}),
        ("metrics.nan < 0", {"three"}),
        ("metrics.nan = 0", set()),
        ("metrics.nan != 1", {"one", "three", "four"}),
        ("params.model = 'rf'", {"one"}),
        ("params.model != 'rf'", {"two", "three"}),
        ("params.model LIKE 'r%'", {"one", "three"}),
        ("params.model ILIKE 'r%'", {"one", "two", "three"}),
        ("params.model LIKE 'r*f'", {"three"}),
        ("params.model LIKE '_f'", {"one"}),
        ("params.model LIKE 'f'", set()),
        ("params.C IS NULL", {"three", "four"}),
        ("params.C IS NOT NULL", {"one", "two"}),
        ("params.C IS NOT NULL AND metrics.auc > 0.2", {"two"}),
        ("tags.team ILIKE '%GRÖSSE%'", set()),
        ("tags.team ILIKE 'GRÖ%'", {"two"}),
        ("tags.team LIKE 'x_y%z'", {"four"}),
        ("tags.`team` = 'Blau' and params.C = '1'", {"one"}),
        ("tags.mlflow.runName = 'three'", {"three"}),
        ("run_name LIKE 't%'", {"two", "three"}),
        ("attributes.run_name IN ('one', 'four', 'five')", {"one", "four"}),
        ("run_name NOT IN ('one', 'four')", {"two", "three"}),
        ("status = 'FINISHED'", set(RUNS)),
        ("status = 'RUNNING'", set()),
        ("start_time > 0 AND end_time > 0", set(RUNS)),
        ("artifact_uri LIKE '%/artifacts'", set(RUNS)),
        ("params.model = ''' OR 1=1 --'", None),
    ],
)
def test_filters(text, expected):
    if expected is None:
        with pytest.raises(InvalidInput, match="expected AND"):
            names(text)
    else:
        assert set(names(text)) == expected


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        (None, ["four", "three", "two", "one"]),
        (["start_time"], ["one", "two", "three", "four"]),
        (["metrics.nan"], ["three", "two", "four", "one"]),
        (["metrics.nan DESC"], ["four", "two", "three", "one"]),
        (["params.C"], ["one", "two", "four", "three"]),
        (["params.C DESC"], ["two", "one", "four", "three"]),
        (["attributes.run_name"], ["four", "one", "three", "two"]),
        (["tags.missing", "metrics.auc DESC"], ["four", "three", "two", "one"]),
        ("metrics.auc", ["one", "two", "three", "four"]),
    ],
)
def test_orders(order_by, expected):
    # runs that start in the same millisecond are told apart by the order of their making
    assert names(order_by=order_by) == expected


def test_pages_do_not_shift_when_runs_start():
    client = MlpackClient()
    seen, token = [], None
    while True:
        page = client.search_runs(["0"], max_results=1, page_token=token)
        seen += [run.info.run_name for run in page]
        token = page.token
        if token is None:
            break
        with mlpack.start_run(run_name="later"):
            pass
    assert seen == ["four", "three", "two", "one"]


def test_tokens_belong_to_their_search():
    client = MlpackClient()
    token = client.search_runs(["0"], max_results=1).token
    with pytest.raises(InvalidInput, match="not one that this search returned"):
        client.search_runs(["0"], "metrics.auc > 1", page_token=token)
    for bad in ("x", "é", "eyJ4IjogMX0=", "WzEsIDJd", "WyItMSIsIDEsICJ4Il0="):
        with pytest.raises(InvalidInput, match="page token"):
            client.search_runs(["0"], page_token=bad)


@pytest.mark.parametrize("count", [0, -1, 50_001])
def test_a_page_has_bounds(count):
    with pytest.raises(InvalidInput, match="max_results must be 1 to 50000"):
        MlpackClient().search_runs(["0"], max_results=count)


def test_deleted_runs_are_found_only_when_asked_for():
    [gone] = mlpack.search_runs(filter_string="run_name = 'two'", output_format="list")
    mlpack.delete_run(gone.info.run_id)
    assert "two" not in names()
    assert names(run_view_type=ViewType.DELETED_ONLY) == ["two"]
    assert len(names(run_view_type=ViewType.ALL)) == 4


def test_which_experiments_are_searched():
    made = mlpack.set_experiment("other").experiment_id
    with mlpack.start_run(run_name="five"):
        pass
    assert names() == ["five"]
    assert len(names(search_all_experiments=True)) == 5
    assert len(names(experiment_ids=["0", made])) == 5
    assert names(experiment_ids=made) == ["five"]
    assert len(names(experiment_names=["Default", "nonsense"])) == 4
    assert names(experiment_ids=["77", "x"]) == []
    with pytest.raises(InvalidInput, match="not both"):
        mlpack.search_runs(["0"], experiment_names=["other"])


def test_the_frame():
    frame = mlpack.search_runs(order_by=["start_time"])
    assert list(frame.columns[:6]) == [
        "run_id",
        "experiment_id",
        "status",
        "artifact_uri",
        "start_time",
        "end_time",
    ]
    assert list(frame["tags.mlflow.runName"]) == list(RUNS)
    assert list(frame["metrics.auc"]) == [0.1, 0.5, 0.9, 77.0]
    assert frame["params.model"].tolist()[:3] == ["rf", "RF", "r*f"]
    assert pd.isna(frame["params.model"][3])
    assert str(frame["start_time"].dt.tz) == "UTC"
    assert frame["metrics.nan"].tolist()[1:] == [1.0, -math.inf, math.inf]
    assert len(mlpack.search_runs(max_results=2)) == 2


def test_an_empty_frame_and_open_runs():
    assert len(mlpack.search_runs(filter_string="metrics.auc > 1000")) == 0
    with mlpack.start_run():
        frame = mlpack.search_runs()
    assert pd.isna(frame["end_time"][0])


def test_without_pandas_it_is_a_list():
    code = """
import sys
sys.modules["pandas"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name == "pandas" else find(name, *a)
import mlpack
print(type(mlpack.search_runs()).__name__)
try:
    mlpack.search_runs(output_format="pandas")
except mlpack.MlpackError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["list", "A DataFrame needs pandas: pip install pandas"]


def test_an_output_format_that_is_none():
    with pytest.raises(InvalidInput, match="'pandas' or 'list'"):
        mlpack.search_runs(output_format="polars")
