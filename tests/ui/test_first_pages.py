"""The plain pages: what they show, and that a wrong filter is told where it was typed."""

import re
from html import unescape

FILES = "/api/2.0/mlflow-artifacts/artifacts"


def test_from_the_list_to_a_file(api):
    number = api.post("experiments/create", name="quick & start")["experiment_id"]
    run_id = api.run(number, run_name="first")
    api.post("runs/log-metric", run_id=run_id, key="auc/test", value=0.91234567, timestamp=1)
    api.post("runs/log-parameter", run_id=run_id, key="depth", value="3")
    api.client.put(f"{FILES}/{number}/{run_id}/artifacts/plots/a b.txt", data=b"hello")

    page = api.client.get("/").text
    assert "quick &amp; start" in page and f'href="/experiments/{number}"' in page
    page = api.client.get(f"/experiments/{number}").text
    assert "first" in page and "0.912346" in page and "auc/test" in page
    page = api.client.get(f"/runs/{run_id}").text
    assert "depth" in page and "plots/a b.txt" in page and "5 B" in page
    link = unescape(re.search(r'href="(/get-artifact[^"]+)"', page)[1])
    assert api.client.get(link).data == b"hello"


def test_a_model(api):
    run_id = api.run()
    made = api.post("logged-models", experiment_id="0", name="forest", source_run_id=run_id)
    model_id = made["model"]["info"]["model_id"]
    api.post("runs/outputs", run_id=run_id, models=[{"model_id": model_id}])
    place = made["model"]["info"]["artifact_uri"].removeprefix("mlflow-artifacts:/")
    api.client.put(f"{FILES}/{place}/MLmodel", data=b"x")
    assert f"/models/{model_id}" in api.client.get(f"/runs/{run_id}").text
    page = api.client.get(f"/models/{model_id}").text
    assert "forest" in page and "pending" in page
    link = unescape(re.search(r'href="(/ajax-api[^"]+)"', page)[1])
    assert api.client.get(link).data == b"x"


def test_numbers_that_are_no_moments(api):
    run_id = api.run(start_time=2**62)
    assert str(2**62) in api.client.get(f"/runs/{run_id}").text
    assert api.client.get("/experiments/0").status_code == 200


def test_what_is_not_there(api):
    for path in ("/runs/none", "/experiments/77", "/models/m-1"):
        answer = api.client.get(path)
        assert answer.status_code == 404 and answer.mimetype == "text/html"
    assert api.client.get("/static/none.css").status_code == 404
    assert api.client.get("/static/..%2fapp.py").status_code == 404
