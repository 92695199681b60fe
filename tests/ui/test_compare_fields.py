"""What the charts of a comparison are computed from: types, groups, surfaces, importances."""

import math
import random

import pytest

from mlpack.tracking.views import ComparedKey
from mlpack.tracking_server.ui.compare_fields import column, preferred_metric
from mlpack.tracking_server.ui.compare_forest import forest
from mlpack.tracking_server.ui.compare_groups import box, boxes, groups, quantile_groups, surface
from mlpack.tracking_server.ui.compare_importance import (
    correlation_ratio,
    feature,
    importances,
    spearman,
)
from mlpack.tracking_server.ui.compare_keys import counted
from mlpack.tracking_server.ui.compare_table import (
    difference,
    lower_is_better,
    metric_cells,
    text_cells,
)


@pytest.mark.parametrize(
    ("values", "numeric"),
    [
        (["1", "2.5", "1e-3"], True),
        (["1", None, "-3"], True),
        (["1", "None"], False),
        (["1", "nan"], False),
        (["1", "inf"], False),
        (["1", "1_000"], False),
        (["1", "1" * 6000], False),
        (["1", ""], False),
        (["1", "١"], True),
        ([None, None], False),
    ],
)
def test_a_param_is_a_number_if_all_its_values_are(values, numeric):
    found = column("params.p", values)
    assert found.numeric is numeric
    assert all(isinstance(v, float if numeric else str) for v in found.values if v is not None)


def test_metrics_are_numbers_and_lack_what_is_not_finite():
    assert column("metrics.m", [1.0, math.nan, math.inf, None]).values == [1.0, None, None, None]
    assert column("metrics.m", [math.nan]).numeric
    told = column("params.p", ["x" * 6000, "é{a|b}"]).told()
    assert len(told["values"][0]) == 121 and told["values"][1] == "é{a|b}"


@pytest.mark.parametrize(
    ("name", "lower"),
    [
        ("loss", True),
        ("val/loss", True),
        ("validationLoss", True),
        ("RMSE", True),
        ("mean_absolute_error", True),
        ("test_mae", True),
        ("error", True),
        ("accuracy", False),
        ("f1", False),
        ("log_likelihood", False),
        ("mirror", False),
        ("r2", False),
    ],
)
def test_whether_less_is_better_is_guessed_by_the_name(name, lower):
    assert lower_is_better(name) is lower


def test_the_best_and_distances_from_a_baseline():
    cells = metric_cells([0.5, math.nan, 0.25, None, 0.25], 0, True)
    assert [cell.best for cell in cells] == [False, False, True, False, True]
    assert [cell.delta for cell in cells] == ["", "", "−0.25", "", "−0.25"]
    assert [cell.best for cell in metric_cells([0.5, math.inf, 0.25], None, False)] == [1, 0, 0]
    # all the same, or all NaN: no best
    assert not any(cell.best for cell in metric_cells([1.0, 1.0, None], None, True))
    assert not any(cell.best for cell in metric_cells([math.nan, math.nan], None, True))
    assert difference(1e308, -1e308) == "+inf" and difference(math.nan, 1.0) == ""


def test_cells_of_texts():
    cells = text_cells(["x" * 6000, "x" * 5999 + "y", None, ""], 0)
    assert [cell.other for cell in cells] == [False, True, True, True]
    assert cells[0].cut and len(cells[0].text) == 60 and not cells[3].cut


def test_groups_of_categories_and_of_few_numbers():
    assert groups(column("params.p", ["b", "a", "b", None])) == (
        [("a", [1]), ("b", [0, 2])],
        False,
    )
    assert groups(column("params.p", ["10", "9", "10"])) == ([("9", [1]), ("10", [0, 2])], False)


def test_quantiles_never_part_equal_values():
    found = quantile_groups([(float(v), v) for v in range(20)])
    assert [len(places) for _, places in found] == [5, 5, 5, 5]
    same = quantile_groups([(1.0, i) for i in range(17)] + [(2.0, 17), (3.0, 18), (9.0, 19)])
    assert [label for label, _ in same] == ["1 … 1", "2 … 9"]
    assert [len(places) for _, places in same] == [17, 3]
    by = column("params.p", [str(v / 7) for v in range(50)])
    members, binned = groups(by)
    assert binned and sorted(i for _, places in members for i in places) == list(range(50))


def test_boxes():
    assert box([1.0, 2.0, 3.0, 4.0, 100.0]) == [1.0, 2.0, 3.0, 4.0, 4.0]
    assert box([7.0]) == [7.0] * 5
    assert all(math.isfinite(v) for v in box([-1.7e308, 1.7e308]))
    found = boxes(
        column("metrics.m", [1.0, math.nan, 3.0, 4.0]), column("params.p", ["a", "a", "b", None])
    )
    assert [(g["label"], g["runs"], g["values"]) for g in found["groups"]] == [
        ("a", [0], [1.0]),
        ("b", [2], [3.0]),
    ]
    assert found["left_out"] == 2
    many = boxes(column("metrics.m", [1.0] * 60), column("params.p", [f"v{i}" for i in range(60)]))
    assert len(many["groups"]) == 40 and many["more"] == 20


def test_a_surface_goes_through_the_runs_and_stays_between_them():
    assert surface([0, 1, 1], [0, 0, 1], [1, 2, 3]) is None
    assert surface([0, 0, 0, 1], [0, 0, 0, 1], [1, 2, 3, 4]) is None
    rows = surface([0, 1, 0, 1], [0, 0, 1, 1], [1, 2, 3, 4])
    assert (rows[0][0], rows[0][-1], rows[-1][0], rows[-1][-1]) == (1, 2, 3, 4)
    flat = [value for row in rows for value in row]
    assert len(rows) == len(rows[0]) and min(flat) >= 1 and max(flat) <= 4
    doubled = surface([0, 0, 1, 0, 1], [0, 0, 0, 1, 1], [1, 3, 2, 3, 4])
    assert doubled[0][0] == 2  # two runs at one place: their mean


def made_up(count, noise=0.05, seed=3):
    chance = random.Random(seed)
    rates = [10 ** chance.uniform(-4, 0) for _ in range(count)]
    kinds = [chance.choice("abc") for _ in range(count)]
    junk = [chance.random() for _ in range(count)]
    effect = {"a": 0.0, "b": 1.2, "c": 0.0}
    target = [
        -math.log10(rate) + effect[kind] + chance.gauss(0, noise)
        for rate, kind in zip(rates, kinds, strict=True)
    ]
    return {
        "metric": column("metrics.y", target),
        "rate": column("params.rate", rates),
        "kind": column("params.kind", kinds),
        "junk": column("params.junk", junk),
        "same": column("params.same", ["1"] * count),
    }


@pytest.mark.parametrize("count", [25, 100])
def test_the_params_that_matter_win(count):
    told = made_up(count)
    metric = told.pop("metric")
    found = importances(metric, list(told.values()))
    by_name = {each.name: each for each in found["params"]}
    assert [each.name for each in found["params"]][:2] == ["params.rate", "params.kind"]
    assert by_name["params.rate"].relation < -0.7 and by_name["params.kind"].importance > 0.1
    assert by_name["params.junk"].importance < 0.05 and by_name["params.same"].importance == 0
    assert by_name["params.same"].relation is None
    assert found["explained"] > 0.6
    assert any("few" in note for note in found["notes"]) is (count == 25)
    assert importances(metric, list(told.values())) == found  # the same again


def test_scales_do_not_matter_and_duplicates_share():
    told = made_up(80)
    metric, rate, kind = told["metric"], told["rate"], told["kind"]
    logs = column("params.rate", [math.log(value) for value in rate.values])
    assert importances(metric, [rate, kind]) == importances(metric, [logs, kind])
    huge = column("metrics.y", [value * 1e307 for value in metric.values])
    assert importances(huge, [rate, kind])["params"] == importances(metric, [rate, kind])["params"]
    alone = importances(metric, [rate, kind])["params"][0].importance
    twin = column("params.twin", rate.values)
    both = {each.name: each for each in importances(metric, [rate, twin, kind])["params"]}
    assert 0 < both["params.twin"].importance < alone
    assert 0 < both["params.rate"].importance < alone


def test_noise_alone_explains_nothing():
    chance = random.Random(5)
    params = [column(f"params.p{i}", [chance.random() for _ in range(60)]) for i in range(10)]
    found = importances(column("metrics.y", [chance.random() for _ in range(60)]), params)
    assert found["explained"] < 0.2
    assert any("hardly better" in note for note in found["notes"])


def test_importance_with_gaps_and_without_enough():
    told = made_up(60)
    gaps = column("params.rate", [v if i % 3 else None for i, v in enumerate(told["rate"].values)])
    found = importances(told["metric"], [gaps, told["junk"]])
    assert found["params"][0].name == "params.rate" and found["params"][0].count == 40
    half = column("metrics.y", [v if i > 4 else None for i, v in enumerate(told["metric"].values)])
    assert importances(half, [told["rate"]])["count"] == 55
    assert "5 or more" in importances(column("metrics.y", [1.0] * 4), [told["junk"]])["empty"]
    assert "same" in importances(column("metrics.y", [1.0] * 60), [told["junk"]])["empty"]
    assert "differ" in importances(told["metric"], [])["empty"]


def test_correlations():
    assert spearman([1, 2, 3, 4], [1, 4, 9, 100]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert spearman([1, 1, 2, 2], [1, 2, 1, 2]) == pytest.approx(0)
    assert spearman([1, 1, 1], [1, 2, 3]) is None and spearman([1, 2], [1, 2]) is None
    assert correlation_ratio(list("aabb"), [1, 1, 2, 2]) == pytest.approx(1)
    assert correlation_ratio(list("abab"), [1, 1, 2, 2]) == pytest.approx(0)
    assert correlation_ratio(list("aaaa"), [1, 1, 2, 2]) is None


def test_the_forest_agrees_with_a_simple_rule():
    values = [float(i % 2) for i in range(40)]
    target = [float(i % 2) for i in range(40)]
    grown = forest([feature(True, values), feature(False, ["x"] * 40)], target)
    assert grown.importances[0] > 1 and grown.importances[1] == 0 and grown.explained > 0.99


def test_keys_in_the_order_in_which_people_count():
    wanted = ["", "2", "10", "Loss", "loss", "loss_2", "Loss_10", "loss_010", "loss_10", "m²", "é١"]
    mixed = wanted[1::2] + wanted[::2]
    assert sorted(mixed, key=counted) == wanted


@pytest.mark.parametrize(
    ("metrics", "preferred"),
    [
        ([("epochs", 3, False), ("loss", 3, True), ("auc", 3, True)], "loss"),
        ([("partly", 2, True), ("loss", 3, True)], "loss"),
        ([("epochs", 3, False), ("partly", 2, True)], "partly"),
        ([("epochs", 3, False), ("once", 1, True)], "epochs"),  # of one run nothing is compared
        ([("system/cpu", 3, True), ("epochs", 3, False)], "epochs"),
        ([("system/cpu", 3, True)], "system/cpu"),
        ([], ""),
    ],
)
def test_a_metric_that_differs_is_preferred(metrics, preferred):
    assert preferred_metric([ComparedKey(*each) for each in metrics], 3) == preferred
