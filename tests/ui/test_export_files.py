"""Runs as CSV and JSON."""

import csv
import io
import json
import math

import pytest

FORMULA = "=cmd|' /C calc'!A0"


@pytest.fixture
def experiment(api):
    made = api.post("experiments/create", name='a/b "c"; x=1 Set-Cookie: y')["experiment_id"]
    for number, value in enumerate([0.5, math.nan, math.inf, -1.5]):
        run = api.run(made, run_name=f"r{number}", start_time=1_700_000_000_000 + number)
        api.post("runs/log-metric", run_id=run, key="m", value=value, timestamp=1)
        api.post(
            "runs/log-parameter",
            run_id=run,
            key="p",
            value=["-1.5", FORMULA, 'a,"b"\nc', "\t@x"][number],
        )
    api.post("runs/set-tag", run_id=run, key="tag", value="@SUM(A1)")
    end = {"status": "FINISHED", "end_time": 1_700_000_002_503}
    api.post("runs/update", run_id=run, **end)
    return made


def get(api, experiment, kind="csv", **query):
    answer = api.client.get(f"/ui/export.{kind}", query_string={"experiments": experiment, **query})
    assert answer.status_code == 200, answer.text
    return answer


def rows(answer):
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_all_of_it(api, experiment):
    answer = get(api, experiment, order_by="start_time ASC")
    assert answer.content_type == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.text.count("\r\n") == 5
    found = rows(answer)
    assert [row["run_name"] for row in found] == ["r0", "r1", "r2", "r3"]
    assert [row["metrics.m"] for row in found] == ["0.5", "nan", "inf", "-1.5"]
    assert found[3]["start_time"] == "2023-11-14T22:13:20.003Z"
    assert found[3]["duration"] == "2.5" and found[0]["duration"] == ""
    assert found[3]["status"] == "FINISHED" and found[0]["end_time"] == ""


def test_nothing_that_a_spreadsheet_runs(api, experiment):
    found = rows(get(api, experiment, order_by="start_time ASC"))
    assert [row["params.p"] for row in found] == ["-1.5", f"'{FORMULA}", 'a,"b"\nc', "'\t@x"]
    assert found[3]["tags.tag"] == "'@SUM(A1)"


def test_the_name_of_the_file(api, experiment):
    header = get(api, experiment).headers["Content-Disposition"]
    assert header == 'attachment; filename="a-b-c-x-1-Set-Cookie-y-runs.csv"'
    other = api.post("experiments/create", name="Größe ../../" + "x" * 300)["experiment_id"]
    header = get(api, other).headers["Content-Disposition"]
    assert "/" not in header and "filename*=UTF-8''Gr%C3%B6%C3%9Fe" in header and len(header) < 300
    dots = api.post("experiments/create", name="...")["experiment_id"]
    header = get(api, dots, "json").headers["Content-Disposition"]
    assert header == 'attachment; filename="runs.json"'


def test_chosen_columns_and_filters(api, experiment):
    answer = get(api, experiment, column=["status", "params.p"], filter="metrics.m < 0.5")
    (row,) = rows(answer)
    assert row["run_name"] == "r3" and "metrics.m" not in row and "params.p" in row
    assert rows(get(api, experiment, stage="deleted")) == []


def test_json(api, experiment):
    answer = get(api, experiment, "json", order_by="start_time ASC")
    found = json.loads(answer.data)
    assert [run["metrics"] for run in found] == [{"m": 0.5}, {"m": None}, {"m": None}, {"m": -1.5}]
    assert found[1]["params"] == {"p": FORMULA}  # no spreadsheet reads it
    assert json.loads(get(api, experiment, "json", filter="run_name = 'none'").data) == []
    (one,) = json.loads(
        get(api, experiment, "json", column="metrics.m", filter="run_name = 'r0'").data
    )
    assert one["params"] == {} and one["metrics"] == {"m": 0.5}


def test_a_selection(api, experiment):
    found = rows(get(api, experiment))
    ids = [row["run_id"] for row in found[:2]]
    api.post("runs/delete", run_id=ids[0])
    answer = api.client.post(
        f"/ui/export.csv?experiments={experiment}", data={"runs": ",".join([*ids, "gone"])}
    )
    assert sorted(row["run_id"] for row in rows(answer)) == sorted(ids)
    assert {row["stage"] for row in rows(answer)} == {"active", "deleted"}


def test_many_runs_come_in_pages(api, experiment, monkeypatch):
    monkeypatch.setattr("mlpack.tracking_server.ui.export._CELLS", 1)
    for number in range(45):
        api.run(experiment, run_name=f"more {number}")
    found = rows(get(api, experiment))
    assert len({row["run_id"] for row in found}) == len(found) == 49


def test_how_many(api, experiment):
    assert get(api, experiment, check="1").json == {"runs": 4, "or_more": False}
    assert get(api, experiment, "json", check="1", filter="metrics.m > 0").json["runs"] == 2


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ({"experiments": ""}, 400, "experiments"),
        ({"experiments": "999"}, 404, "experiment"),
        ({"filter": "metrics.m >"}, 400, "ends too early"),
        ({"order_by": "x y z"}, 400, "order_by"),
        ({"column": "nothing"}, 400, "no column"),
        ({"stage": "gone"}, 400, "stage"),
        ({"runs": "a'b"}, 400, "ids"),
        ({"runs": ",".join(f"a{i}" for i in range(1001))}, 400, "1000"),
    ],
)
@pytest.mark.parametrize("more", [{}, {"check": "1"}], ids=["file", "check"])
def test_what_is_wrong_is_an_answer(api, query, status, says, more):
    if more and query == {"experiments": "999"}:
        return  # an experiment that is not there has no runs
    answer = api.client.get("/ui/export.csv", query_string={"experiments": "0", **query, **more})
    assert answer.status_code == status and says in answer.json["message"], answer.text


def test_more_columns_than_a_spreadsheet_has(api, experiment, monkeypatch):
    monkeypatch.setattr("mlpack.tracking_server.ui.export._MOST_KEYS", 1)
    run = api.run(experiment)
    api.post("runs/log-metric", run_id=run, key="n", value=1, timestamp=1)
    answer = api.client.get("/ui/export.csv", query_string={"experiments": experiment})
    assert answer.status_code == 400 and "Choose the columns, or export JSON" in answer.text
    assert len(json.loads(get(api, experiment, "json").data)) == 5


def test_a_body_without_end_is_refused(api, experiment):
    answer = api.client.post(
        f"/ui/export.csv?experiments={experiment}", data={"runs": "a" * 2_000_000}
    )
    assert answer.status_code == 400
