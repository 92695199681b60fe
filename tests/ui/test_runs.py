"""The table of runs as HTML: its columns, orders, pages, children, and what is wrong with it."""

import re
from html import unescape
from urllib.parse import parse_qs, urlencode

import pytest

ODD = 'a.b/c d,é`<x>&"'


def log(api, run_id, metrics=(), params=()):
    for key, value in dict(metrics).items():
        api.post("runs/log-metric", run_id=run_id, key=key, value=value, timestamp=1)
    for key, value in dict(params).items():
        api.post("runs/log-parameter", run_id=run_id, key=key, value=value)


def get(api, path="/experiments/0", status=200, **query):
    fields = urlencode({name: value for name, value in query.items() if value}, doseq=True)
    answer = api.client.get(f"{path}?{fields}")
    assert answer.status_code == status, answer.text
    return answer.text


def ask(api, what, status=200, **message):
    given = {"experiments": ["0"], "columns": ["status"], **message}
    answer = api.client.post(f"/ui/runs/{what}", json=given)
    assert answer.status_code == status, answer.text
    return answer.json


def columns(page):
    return [unescape(name) for name in re.findall(r'<th scope="col" data-column="([^"]*)"', page)]


def sort_link(page, name):
    head = page[page.index(f'data-column="{name}"') :]
    return unescape(re.search(r'<a href="([^"]+)"', head)[1])


def test_columns_that_suit(api):
    for i in range(3):
        run_id = api.run(run_name=f"run-{i}")
        log(api, run_id, {f"m{n}": n for n in range(12)} | {"system/cpu": 1})
        log(api, run_id, {}, {"same": "x", "varies": str(i)})
    shown = columns(get(api))
    assert shown[:5] == ["name", "status", "start_time", "duration", "source"]
    assert shown.index("params.varies") < shown.index("params.same")
    assert sum(name.startswith("metrics.") for name in shown) == 8
    assert "metrics.system/cpu" not in shown
    # what is filtered by is seen, too
    assert "metrics.system/cpu" in columns(get(api, filter="metrics.`system/cpu` > 0"))


def test_chosen_columns_with_any_key(api):
    run_id = api.run(run_name="only")
    log(api, run_id, {"m": 0.123456789}, {"long": "y" * 3000})
    api.post("runs/set-tag", run_id=run_id, key="t 1/é:x.y", value="tagged")
    chosen = [
        "tags.t 1/é:x.y",
        "metrics.m",
        "params.long",
        "user",
        'tags.q`"',
        f"params.{ODD}",
        "run_id",
    ]
    page = get(api, column=chosen)
    assert columns(page) == ["name", *chosen]
    assert "tagged" in page and 'title="0.123456789">0.123457<' in page and run_id in page
    assert page.count("y") < 2500  # neither the cell nor what it tells when pointed at is endless
    assert "stage=" not in sort_link(page, "metrics.m")
    assert get(api, column=["none.such"], status=400).count("There is no column") == 1
    assert "at most 100 columns" in get(api, column=[f"tags.{i}" for i in range(101)], status=400)


def test_orders_go_round(api):
    for value in (1, 3, 2):
        log(api, api.run(run_name=f"run-{value}"), {"m": value})
    page = get(api)
    down = api.client.get(sort_link(page, "metrics.m")).text
    assert re.findall(r">(run-\d)<", down) == ["run-3", "run-2", "run-1"]
    assert 'aria-sort="descending"' in down
    up = api.client.get(sort_link(down, "metrics.m")).text
    assert re.findall(r">(run-\d)<", up) == ["run-1", "run-2", "run-3"]
    assert "order_by" not in sort_link(up, "metrics.m")
    by_name = api.client.get(sort_link(page, "name")).text
    assert re.findall(r">(run-\d)<", by_name) == ["run-1", "run-2", "run-3"]


def test_pages_without_scripts(api, monkeypatch):
    monkeypatch.setattr("mlpack.tracking_server.ui.runs_rows.PAGE", 2)
    for i in range(5):
        log(api, api.run(run_name=f"run-{i}"), {"m": i})
    seen, page = [], get(api, filter="metrics.m > 0", order_by="metrics.m")
    while True:
        seen += re.findall(r">(run-\d)<", page)
        more = re.search(r'<a href="([^"]+)">Next runs', page)
        if not more:
            break
        page = api.client.get(unescape(more[1])).text
    assert seen == ["run-1", "run-2", "run-3", "run-4"]
    page = get(api, page_token="nonsense", status=400)
    assert "page token" in page and "Start with the first page" in page
    page = get(api, order_by="metrics.m SIDEWAYS", status=400)
    assert 'role="alert"' in page


def test_a_wrong_filter_is_told_in_place(api):
    page = get(api, filter="metrics.m >> 1", status=400)
    assert 'value="metrics.m &gt;&gt; 1"' in page and 'role="alert"' in page
    assert "must be one of" in get(api, stage="none", status=400)
    wrong = ask(api, "table", filter="metrics.m >> 1", status=400)
    assert "metrics.m >> 1" in wrong["message"]


def test_children_below_their_parents(api):
    parent = api.run(run_name="sweep")
    tags = [{"key": "mlflow.parentRunId", "value": parent}]
    child = api.run(run_name="child", tags=tags)
    api.run(run_name="grandchild", tags=[{"key": "mlflow.parentRunId", "value": child}])
    api.run(run_name="orphan", tags=[{"key": "mlflow.parentRunId", "value": "<b>'\""}])
    flat = get(api)
    assert "<small>in sweep</small>" in flat and "4 runs" in flat
    page = get(api, group="1")
    assert "1 run below sweep" in page and ">child<" not in page and "1 run" in page
    below = ask(api, "children", group="1", parent=parent)
    assert ">child<" in below["html"] and "1 run below child" in below["html"]
    assert "in sweep" not in below["html"] and not below["next"]
    found = get(api, group="1", filter="run_name = 'child'")
    assert "<small>in sweep</small>" in found and "beside their parents now" in found
    ask(api, "children", parent="a'b\"c", status=400)


def test_several_experiments(api):
    other = api.post("experiments/create", name="other & more")["experiment_id"]
    api.run(run_name="first"), api.run(other, run_name="second")
    page = get(api, f"/experiments/0,{other},0")
    assert columns(page)[1] == "experiment"
    assert "first" in page and "second" in page and "other &amp; more" in page
    assert get(api, f"/experiments/0,{other + '1'}", status=404).count("There is nothing here")
    get(api, f"/experiments/{','.join(map(str, range(51)))}", status=400)


def test_empty_tables_say_what_to_do(api):
    page = get(api)
    assert "No runs yet" in page and "mlpack.start_run" in page and "data-copy" in page
    api.run()
    assert "No run fits" in get(api, filter="metrics.x > 1")
    assert "No run of this experiment is deleted" in get(api, stage="deleted")


def test_deleted_experiments_and_runs(api):
    number = api.post("experiments/create", name="gone")["experiment_id"]
    api.run(number, run_name="left")
    api.post("experiments/delete", experiment_id=number)
    page = get(api, f"/experiments/{number}")
    assert "deleted-banner" in page and "left" in page and "status deleted" in page
    run_id = api.run(run_name="thrown")
    api.post("runs/delete", run_id=run_id)
    assert "thrown" not in get(api) and "thrown" in get(api, stage="deleted")
    assert "status deleted" in get(api, stage="all")


def test_numbers_and_names_of_any_kind(api):
    attack = "<script>alert(1)</script>\"'"
    run_id = api.run(start_time=2**62, run_name=attack)
    log(api, run_id, {"nan": "NaN", "inf": "-Infinity"}, {"p": attack})
    page = get(api)
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
    assert str(2**62) in page and ">nan<" in page and ">-inf<" in page
    assert ask(api, "live", run_ids=[run_id], since=0)["new"] == 0  # no clock says that


def test_a_run_with_thousands_of_metrics(api):
    run_id = api.run(run_name="wide")
    for start in range(0, 10_000, 1000):
        metrics = [
            {"key": f"m{i:05}", "value": i, "timestamp": 1, "step": 0}
            for i in range(start, start + 1000)
        ]
        api.post("runs/log-batch", run_id=run_id, metrics=metrics)
    page = get(api)
    assert len(page) < 20_000 and "m00003" in page and "m09999" not in page


def test_what_goes_on(api):
    first = api.run(run_name="first", start_time=1000)
    page = get(api)
    assert "data-live" in page and 'data-since="1000"' in page
    api.run(run_name="second", start_time=2000)
    api.post("runs/update", run_id=first, status="FINISHED", end_time=3000)
    answer = ask(api, "live", run_ids=[first, "none", "'\""], since=1000)
    assert answer["new"] == 1 and "finished" in answer["html"] and "data-live" not in answer["html"]
    assert ask(api, "live", run_ids=[first], since=1000, filter="run_name = 'first'")["new"] == 0
    ask(api, "live", run_ids="x", status=400)
    ask(api, "live", run_ids=["x"] * 301, status=400)
    ask(api, "live", since="now", status=400)
    assert ask(api, "count", filter="run_name = 'first'") == {"count": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"experiments": "0"},
        {"experiments": []},
        {"columns": [1]},
        {"filter": 5},
        {"order_by": ["m"]},
    ],
)
def test_messages_that_no_page_sends(api, wrong):
    assert ask(api, "table", status=400, **wrong)["message"]


def test_keys_in_the_order_that_people_count_in(api):
    run_id = api.run()
    log(api, run_id, {f"loss_{n}": n for n in (10, 2, 1)}, {"p10": "x", "p9": "y"})
    shown = columns(get(api))
    assert [name for name in shown if "loss" in name] == [
        "metrics.loss_1",
        "metrics.loss_2",
        "metrics.loss_10",
    ]
    assert shown.index("params.p9") < shown.index("params.p10")


def test_all_that_is_found_can_be_compared(api):
    for number in range(3):
        log(api, api.run(run_name=f"run-{number}"), {"a/b c": number})
    order = "metrics.`a/b c` DESC"
    found = get(api, filter="metrics.`a/b c` > 0", order_by=order)
    link = unescape(re.search(r'id="compare-found" href="([^"]+)"', found)[1])
    fields = parse_qs(link.partition("?")[2])
    compared = get(api, "/compare", **fields)
    assert compared.index(">run-2</a>") < compared.index(">run-1</a>")
    assert ">run-0</a>" not in compared
