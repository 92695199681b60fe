"""The points of curves: what may be asked, and what the pages say without scripts."""

import csv
import io
import math

import pytest

START = 1_700_000_000_000


def curves(client, **query):
    return client.get("/ui/curves", query_string=query)


@pytest.fixture
def run(api):
    """A run with a curve, a value, and what is no number."""
    run_id = api.post("runs/create", experiment_id="0", start_time=START, run_name="first")["run"][
        "info"
    ]["run_id"]
    points = [("loss", 1 / (step + 1), step) for step in range(50)]
    points += [("f1", 0.5, 0), ("odd", math.nan, 0), ("odd", 1.0, 1), ("odd", math.inf, 2)]
    api.post(
        "runs/log-batch",
        run_id=run_id,
        metrics=[
            {
                "key": key,
                "value": str(value) if not math.isfinite(value) else value,
                "step": step,
                "timestamp": START + 1000 * step,
            }
            for key, value, step in points
        ],
    )
    return run_id


def test_few_points_come_as_they_are(client, run):
    answer = curves(client, runs=run, keys=["loss", "odd", "none"]).json
    assert [(each["key"], each["exact"]) for each in answer["curves"]] == [
        ("loss", True),
        ("odd", True),
    ]
    loss, odd = answer["curves"]
    assert loss["steps"] == list(range(50)) and loss["elapsed"] == [1000 * i for i in range(50)]
    assert loss["mean"][1] == 0.5 and "low" not in loss
    assert (odd["mean"], odd["gaps"]) == ([None, 1.0, None], 2)
    assert answer["runs"] == [
        {"id": run, "name": "first", "status": "RUNNING", "live": True, "start": START}
    ]


def test_many_points_are_joined_and_a_range_of_them_is_not(client, run):
    (curve,) = curves(client, runs=run, keys="loss", points=10).json["curves"]
    assert (curve["exact"], curve["count"], sum(curve["counts"])) == (False, 50, 50)
    assert (max(curve["high"]), min(curve["low"])) == (1.0, 1 / 50)
    query = {"runs": run, "keys": "loss", "points": 10, "from": 20, "to": 29}
    (part,) = client.get("/ui/curves", query_string=query).json["curves"]
    assert part["exact"] and part["steps"] == list(range(20, 30))
    query |= {"axis": "elapsed", "from": 40_000}
    (later,) = client.get("/ui/curves", query_string=query | {"to": ""}).json["curves"]
    assert later["steps"] == list(range(40, 50))


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"keys": "a"}, 400, "1 to 100 runs"),
        ({"runs": ",".join(f"r{i}" for i in range(101)), "keys": "a"}, 400, "got 101"),
        ({"runs": "nobody", "keys": "a"}, 404, "no run 'nobody'"),
        ({"runs": "RUN"}, 400, "1 to 50 metrics"),
        ({"runs": "RUN", "keys": [f"k{i}" for i in range(51)]}, 400, "got 51"),
        ({"runs": "RUN", "keys": "a", "points": 1}, 400, "from 2 to 4000"),
        ({"runs": "RUN", "keys": "a", "points": "9" * 5000}, 400, "from 2 to 4000"),
        ({"runs": "RUN", "keys": "a", "points": "²"}, 400, "whole number"),
        ({"runs": "RUN", "keys": "a", "from": "1.5"}, 400, "from must be a whole number"),
        ({"runs": "RUN", "keys": "a", "to": str(2**70)}, 400, "to must be a whole number"),
        ({"runs": "RUN", "keys": "a", "axis": "x" * 999}, 400, "one of step, time, elapsed"),
    ],
)
def test_what_cannot_be_asked(client, run, query, status, words):
    if query.get("runs") == "RUN":
        query = query | {"runs": run}
    answer = curves(client, **query)
    assert answer.status_code == status and words in answer.json["message"]


def test_all_together_are_bounded(api, client, run):
    others = [api.post("runs/create", experiment_id="0")["run"]["info"]["run_id"] for _ in range(9)]
    query = {"runs": ",".join([run, *others]), "keys": [f"k{i}" for i in range(50)], "points": 4000}
    answer = curves(client, **query)
    assert answer.status_code == 400 and "Ask for fewer points" in answer.json["message"]


def test_every_point_as_a_file(client, run):
    answer = client.get("/ui/curves.csv", query_string={"runs": run, "keys": ["loss", "odd"]})
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["run_id", "key", "step", "timestamp", "value"]
    assert len(rows) == 54 and rows[3] == [run, "loss", "2", str(START + 2000), str(1 / 3)]
    assert [row[4] for row in rows[51:]] == ["nan", "1.0", "inf"]
    assert "attachment" in answer.headers["Content-Disposition"]


def test_a_name_is_no_formula_in_a_spreadsheet(api, client, run):
    api.post("runs/log-metric", run_id=run, key="-1 cmd", value=1, timestamp=1)
    answer = client.get("/ui/curves.csv", query_string={"runs": run, "keys": "-1 cmd"})
    assert "'-1 cmd" in answer.text


def test_pages_tell_the_last_values_without_scripts(api, client, run):
    second = api.post("runs/create", experiment_id="0", run_name="<b>")["run"]["info"]["run_id"]
    api.post("runs/log-metric", run_id=second, key="loss", value=0.125, timestamp=1)
    one = client.get(f"/runs/{run}/charts").text
    two = client.get("/charts", query_string={"runs": f"{run},{second}"}).text
    assert "Charts need scripts" in one and '<td class="number">0.02</td>' in one
    assert "0.125" in two and "&lt;b&gt;" in two and "<b>" not in two
    assert client.get("/charts?runs=nobody").status_code == 404
    rest = client.get(f"/charts?runs={run},nobody").text
    assert "1 of the runs that were asked for is gone" in rest and '<td class="number">0.02' in rest
    assert client.get("/ui/curves").status_code == 400
    without = client.get("/charts", follow_redirects=True)
    assert without.status_code == 200 and "No runs to compare" in without.text


def test_a_run_without_metrics_says_how_to_log_one(api, client):
    run = api.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]
    api.post("runs/update", run_id=run, status="FINISHED")
    assert "mlpack.log_metric" in client.get(f"/runs/{run}/charts").text
