"""Comparing runs: which, what the table says of them, what charts are told, and what is refused."""

import csv
import io
import math
import re
from html import unescape

import pytest


def logged(api, metrics=(), params=(), tags=(), **more):
    """A run with what it logged."""
    run_id = api.run(**more)
    api.post(
        "runs/log-batch",
        run_id=run_id,
        metrics=[{"key": k, "value": v, "timestamp": 1, "step": 0} for k, v in metrics],
        params=[{"key": k, "value": v} for k, v in params],
        tags=[{"key": k, "value": v} for k, v in tags],
    )
    return run_id


def page(api, path="/compare", status=200, **query):
    answer = api.client.get(path, query_string=query)
    assert answer.status_code == status, answer.text[-2000:]
    return unescape(answer.text)


def drawn(api, view, runs, **query):
    answer = api.client.get(f"/ui/compare/{view}", query_string={"runs": ",".join(runs), **query})
    assert answer.status_code == 200, answer.text
    return answer.json


@pytest.fixture
def trials(api):
    """Twelve runs, of which ``rate`` and ``kind`` matter for ``loss``."""
    found = []
    for i in range(12):
        rate = 10 ** -(i % 4)
        found.append(
            logged(
                api,
                [("loss", rate + (i % 2) / 10), ("acc", 1 - rate / 10)],
                [("rate", str(rate)), ("kind", "ab"[i % 2]), ("same", "1"), ("n", str(i))],
                run_name=f"trial-{i}",
            )
        )
    return found


def test_the_table(api):
    a = logged(
        api,
        [("loss", 0.5), ("acc", 0.75)],
        [("C", "1"), ("long", "x" * 500), ("same", "s")],
        [("team", "blue"), ("mlflow.source.name", "train.py")],
        run_name="first",
    )
    b = logged(
        api,
        [("loss", 0.25), ("acc", 0.5)],
        [("C", "2"), ("long", "x" * 500), ("same", "s")],
        run_name="second",
    )
    shown = page(api, runs=f"{a},{b}", baseline=a)
    rows = {
        re.search(r'class="key">([^<]+)', row)[1]: row
        for row in re.findall(r"<tr[^>]*>.*?</tr>", shown, re.S)
        if 'class="key"' in row
    }
    assert "differs" in rows["C"] and "differs" not in rows["same"]
    best = [re.sub(r"<[^>]+>|\s+", "", row.split('is-best">')[1])[:5] for row in
            (rows["loss"], rows["acc"])]  # fmt: skip
    assert best == ["★best", "★best"]
    assert rows["loss"].index("0.5") < rows["loss"].index("★") < rows["loss"].index("0.25")
    assert rows["acc"].index("★") < rows["acc"].index("0.75") < rows["acc"].index("0.5")
    assert "−0.25" in rows["loss"] and "Lower is better" in rows["loss"]
    assert "train.py" in rows["source"] and "blue" in rows["team"]
    assert "mlflow.source.name" not in rows and "x" * 61 not in rows["long"]
    link = re.search(r'class="unfold" href="([^"]+)"', rows["long"])[1]
    assert api.client.get(link).text == "x" * 500
    assert api.client.get(link).mimetype == "text/plain"

    only = page(api, runs=f"{a},{b}", differing="1")
    assert '"key">same<' not in only and '"key">C<' in only
    assert '"key">C<' not in page(api, runs=f"{a},{b}", words="LOSS")
    assert "No key has" in page(api, runs=f"{a},{b}", words="nothing<b>")
    across = page(api, runs=f"{a},{b}", transposed="1")
    assert across.index("first") < across.index("second") and "across" in across
    flipped = page(api, "/ui/compare/table", runs=f"{a},{b}", words="loss", flip="loss")
    assert "Higher is better" in flipped and flipped.index("★") < flipped.index("0.5")


def test_as_csv_without_formulas(api):
    a = logged(api, [("m", -0.5), ("n", math.inf)], [("p", "=1+1"), ("q", "-5")], run_name="@a")
    b = logged(api, [], [("p", "x,y\n")], run_name="b")
    answer = api.client.get("/ui/compare/table.csv", query_string={"runs": f"{a},{b}"})
    lines = {row[1]: row for row in csv.reader(io.StringIO(answer.text))}
    assert lines["key"] == ["kind", "key", "'@a", "b"] and lines["run id"][2:] == [a, b]
    assert lines["m"] == ["metric", "m", "-0.5", ""] and lines["n"][2] == "inf"
    assert lines["p"][2:] == ["'=1+1", "x,y\n"] and lines["q"][2:] == ["-5", ""]


def test_which_runs(api):
    a, b, gone = api.run(run_name="one"), api.run(run_name="two"), api.run(run_name="three")
    api.post("runs/delete", run_id=gone)
    other = api.post("experiments/create", name="elsewhere")["experiment_id"]
    far = api.run(other, run_name="far")

    shown = page(api, runs=f"{a},{b},{gone},nothing-here,{a}")
    assert "Compare 2 runs" in shown
    assert f"This run is deleted, so it is left out: three ({gone})." in shown
    assert "No run has this id, so it is left out: nothing-here." in shown
    shown = page(api, runs=f"{a},{far}")
    assert "of 2 experiments" in shown and "elsewhere" in shown and "Default" in shown
    assert "one run alone" in page(api, runs=a)
    assert "one run alone" in page(api, runs=a, view="scatter")
    assert "No runs to compare" in page(api)
    assert "Compare 1 run<" in page(api, runs=f"{a},{b}", remove=b)
    assert "Compare 2 runs" in page(api, runs=a, add=b)
    assert "Compare 2 runs" in page(api, runs=a, add="far")
    assert "No active run has 'x<y'" in page(api, runs=a, add="x<y")
    assert "Several active runs" in page(api, runs=far, add="o")
    assert "Compare 2 runs" in page(api, experiments="0", filter="attributes.run_name != 'x'")
    assert "The search finds no runs" in page(api, experiments="0", filter="params.x = '1'")
    found = api.client.get("/ui/compare/find", query_string={"words": "far"}).json["found"]
    assert found == [{"id": far, "name": "far"}]


def test_what_is_refused(api):
    a, b = api.run(), api.run()
    both = f"{a},{b}"
    many = ",".join(f"{i:032x}" for i in range(101))
    assert "101 runs are too many" in page(api, runs=many, status=400)
    assert "There is no view 'x'" in page(api, runs=both, view="x", status=400)
    assert "filter" in page(api, experiments="0", filter="metrics.m >>", status=400).lower()
    for path, query in (
        ("parallel", {"axis": "tags.x"}),
        ("parallel", {"axis": [f"params.p{i}" for i in range(25)]}),
        ("scatter", {"x": "params."}),
        ("scatter", {"x": "nothing"}),
        ("table", {"metrics": "-1"}),
    ):
        answer = api.client.get(f"/ui/compare/{path}", query_string={"runs": both, **query})
        assert answer.status_code == 400 and answer.json["message"]
    assert api.client.get(f"/ui/compare/box?runs={a}").status_code == 400
    assert api.client.get(f"/ui/compare/none?runs={both}").status_code == 404
    assert api.client.get(f"/ui/compare/value?run={a}&field=params.x").status_code == 404
    assert api.client.get(f"/ui/compare/value?run={a}&field=metrics.x").status_code == 400


def test_a_hundred_runs_fit_and_rows_come_in_pages(api):
    params = [(f"p{i:03}", "x") for i in range(100)]
    runs = [logged(api, params=params) for _ in range(100)]
    shown = page(api, runs=",".join(runs))
    assert "Compare 100 runs" in shown and shown.count('class="key">p') == 30
    more = page(api, "/ui/compare/table", runs=",".join(runs), params="30")
    assert '"key">p030<' in more and '"key">p029<' not in more
    assert re.search(r'name="params" value="0"', more) and 'name="params" value="60"' in more


def test_parallel_coordinates(api, trials):
    told = drawn(api, "parallel", trials)
    assert [axis["label"] for axis in told["axes"]] == ["kind", "n", "rate", "acc"]
    assert [axis["numeric"] for axis in told["axes"]] == [False, True, True, True]
    assert [axis["log"] for axis in told["axes"]] == [False, False, True, False]
    assert told["colour"]["name"] == "metrics.acc"
    assert [run["name"] for run in told["runs"]] == [f"trial-{i}" for i in range(12)]
    api.post("runs/delete", run_id=trials[0])
    told = drawn(api, "parallel", trials)  # a page that is still open asks for it
    assert len(told["runs"]) == len(told["axes"][0]["values"]) == 11
    api.post("runs/restore", run_id=trials[0])
    lacking = [*trials, logged(api, params=[("rate", "0")], run_name="bare")]
    told = drawn(api, "parallel", lacking, log="params.rate", colour="none")
    assert told["colour"] is None and told["axes"][2]["values"][-1] is None
    assert any("Missing in bare: kind, n, same, acc." in note for note in told["notes"])
    assert any("not above 0" in note for note in told["notes"])
    assert "Two axes" in drawn(api, "parallel", [api.run(), api.run()])["empty"]


def test_scatter_and_contour(api, trials):
    told = drawn(api, "scatter", trials)
    assert (told["x"]["name"], told["y"]["name"], told["x"]["log"]) == (
        "params.n",
        "metrics.acc",
        0,
    )
    asked = {"contour": "1", "x": "params.rate", "y": "params.n", "colour": "metrics.loss"}
    told = drawn(api, "scatter", trials, **asked, log="params.rate")
    assert told["surface"]["x"] == [0.001, 1.0] and len(told["surface"]["rows"]) > 20
    assert "3 runs have all" in drawn(api, "scatter", trials[:3], **asked)["empty"]
    line = drawn(api, "scatter", trials, **{**asked, "y": "params.same"})
    assert "no surface" in line["empty"]
    kinds = drawn(api, "scatter", trials, **{**asked, "y": "params.kind"})
    assert "needs numbers" in kinds["empty"]
    assert "None of these runs" in drawn(api, "scatter", trials, x="params.none")["empty"]


def test_box_plots(api, trials):
    told = drawn(api, "box", trials, metric="metrics.loss", by="params.kind")
    assert [(g["label"], len(g["values"])) for g in told["groups"]] == [("a", 6), ("b", 6)]
    assert drawn(api, "box", trials, by="params.n")["binned"]
    assert "no number" in drawn(api, "box", trials, metric="params.kind")["empty"]
    bare = [api.run(), api.run()]
    assert "no metric" in drawn(api, "box", bare)["empty"]
    assert "do not differ" in drawn(api, "box", [logged(api, [("m", 1)]) for _ in "ab"])["empty"]


def test_importance(api, trials):
    told = drawn(api, "importance", trials, metric="metrics.loss")
    assert told["params"][0]["name"] == "params.rate" and told["count"] == 12
    assert [each["name"] for each in told["params"]].count("params.same") == 0
    assert any("12 runs are few" in note for note in told["notes"])
    assert "no metric" in drawn(api, "importance", [api.run(), api.run()])["empty"]


def test_without_the_library_of_charts(make_app):
    app = make_app()
    app.jinja_env.globals["has_static"] = lambda name: False
    client = app.test_client()
    made = [client.post("/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}) for _ in "ab"]
    runs = ",".join(answer.json["run"]["info"]["run_id"] for answer in made)
    for view in ("parallel", "scatter", "box", "importance"):
        text = client.get(f"/compare?runs={runs}&view={view}").text
        assert "built without" in text and 'id="answer"' not in text
    for address in (f"/compare?runs={runs}&view=curves", f"/charts?runs={runs}"):
        assert "/lib/" not in client.get(address).text


def test_hostile_and_odd_values(api):
    evil = "</script><img src=x onerror=alert(1)>{a|b}é"
    runs = [
        logged(
            api,
            [("m", [math.nan, math.inf, 1.0, 2.0, -math.inf, 3.0][i]), (f"k{i}", 1e308)],
            [("p", evil + str(i)), ("long", "y" * 6000), ("q", str(10.0 ** (300 * (-1) ** i)))],
            [("t", evil)],
            run_name=evil,
        )
        for i in range(6)
    ]
    for view in ("table", "curves", "parallel", "scatter", "box", "importance"):
        text = api.client.get(
            "/compare", query_string={"runs": ",".join(runs), "view": view, "words": evil[:50]}
        ).text
        assert "<img src=x" not in text, view
        if view not in ("table", "curves"):
            drawn(api, view, runs)
            drawn(api, view, runs, x="params.q", y="metrics.m", by="params.q", contour="1")
            drawn(api, view, runs, axis=["params.p", "params.q", "metrics.m"], log="params.q")


def test_keys_are_counted_and_come_in_pages(api):
    keys = [f"loss_{i}" for i in range(40)]
    runs = [logged(api, [(key, i) for key in keys]) for i in range(99)]

    def shown(**query):
        text = page(api, "/ui/compare/table.csv", runs=",".join(runs), **query)
        return [row[1] for row in csv.reader(io.StringIO(text)) if row and row[0] == "metric"]

    assert shown() == keys
    first = page(api, runs=",".join(runs))
    second = page(api, runs=",".join(runs), metrics="30")
    found = [re.findall(r'name="flip" value="(\w+)"', text) for text in (first, second)]
    assert found == [keys[:30], keys[30:]]
