"""What completes a filter: names, values, and whether it parses."""

import pytest


@pytest.fixture
def run(api):
    """A run with a metric, a param and a tag, among others."""
    made = api.run()
    for key in ("accuracy", "val loss", "zeta"):
        api.post("runs/log-metric", run_id=made, key=key, value=1, timestamp=1)
    api.post("runs/log-parameter", run_id=made, key="C", value="it's")
    api.post("runs/set-tag", run_id=made, key="team", value="blue")
    return made


def get(api, path, status=200, **query):
    answer = api.client.get(f"/ui/{path}", query_string=query)
    assert answer.status_code == status, answer.text
    return answer.json


def test_names(api, run):
    found = get(api, "names", experiments="0")["names"]
    assert found == {
        "metric": ["accuracy", "val loss", "zeta"],
        "param": ["C"],
        "tag": ["mlflow.runName", "team"],
    }
    assert get(api, "names", experiments="0,1", kind="metric", words="LOSS")["names"] == {
        "metric": ["val loss"]
    }
    assert get(api, "names", experiments="7", kind="tag")["names"] == {"tag": []}


def test_values(api, run):
    query = {"experiments": "0", "kind": "param", "key": "C"}
    assert get(api, "values", **query)["values"] == ["it's"]
    assert get(api, "values", **query, words="nothing")["values"] == []


@pytest.mark.parametrize(
    ("path", "query", "says"),
    [
        ("names", {"kind": "metrics"}, "must be one of metric, param, tag"),
        ("names", {"experiments": ",".join(map(str, range(300)))}, "At most 200 experiments"),
        ("names", {"limit": "1000"}, "limit must be a whole number from 1 to 200"),
        ("values", {"kind": "metric", "key": "accuracy"}, "must be one of param, tag"),
        ("filter", {"text": "x" * 30_000}, "not completed"),
    ],
)
def test_questions_that_are_none(api, path, query, says):
    answer = get(api, path, 400, **{"experiments": "0", **query})
    assert says in answer["message"] and len(answer["message"]) < 300


def test_hostile_words(api, run):
    for words in ("\0", "'; DROP TABLE runs --", "%", "_", "[a-z]", "x" * 5000, "\U0001f600"):
        assert get(api, "names", experiments="0", words=words).keys() == {"names"}
        found = get(api, "values", experiments="0", kind="tag", key="team", words=words)
        assert found["values"] in ([], ["blue"])


def test_a_filter_that_is_wrong(api):
    text = "tags.t = '😀' AND metrcs.a > 1"
    found = get(api, "filter", text=text)
    units = text.encode("utf-16-le")
    assert units[2 * found["start"] : 2 * found["stop"]].decode("utf-16-le") == "metrcs.a"
    assert found["short"].endswith("did you mean metrics?") and text not in found["short"]
    assert "character 18" in found["message"]
    early = get(api, "filter", text="metrics.a >")
    assert early["start"] == early["stop"] == 11
    order = get(api, "filter", text="", order_by="metrics.a DOWN")
    assert order["in"] == "order_by" and "Expected ASC or DESC" in order["short"]


def test_hints(api, run):
    def hints(text):
        found = get(api, "filter", text=text, experiments="0", hints="1")
        assert found["ok"]
        return found["hints"]

    assert hints("metrics.accuracy > 0.5 AND params.C = 'x' AND params.q IS NULL") == []
    assert hints("metrics.acuracy > 1") == [
        "No run here has the metric 'acuracy'; did you mean 'accuracy'?"
    ]
    assert "there is a param of that name: params.C" in hints("metrics.C > 1")[0]
    assert hints("tags.`nothing like it` = ''") == ["No run here has the tag 'nothing like it'."]
    assert "one of RUNNING" in hints("attributes.status = 'DONE'")[0]
    assert get(api, "filter", text="metrics.acuracy > 1")["hints"] == []  # nobody asked
