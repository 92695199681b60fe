"""Many runs deleted, restored and tagged at once."""

import json

import pytest


@pytest.fixture
def runs(api):
    return [api.run() for _ in range(3)]


def post(api, path, status=200, **body):
    answer = api.client.post(f"/ui/runs/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json


def stages(api, runs):
    found = [api.get("runs/get", run_id=run)["run"]["info"] for run in runs]
    return [info["lifecycle_stage"] for info in found]


def test_delete_and_restore(api, runs):
    assert post(api, "delete", run_ids=runs[:2]) == {"done": runs[:2], "failed": {}}
    assert stages(api, runs) == ["deleted", "deleted", "active"]
    assert post(api, "delete", run_ids=runs)["done"] == runs  # already deleted is no failure
    assert post(api, "restore", run_ids=[*runs, runs[0]])["done"] == runs
    assert stages(api, runs) == ["active"] * 3


def test_tag_and_untag(api, runs):
    assert post(api, "tag", run_ids=runs, key=" team ", value="blue")["done"] == runs
    found = api.get("runs/get", run_id=runs[2])["run"]["data"]["tags"]
    assert {"key": "team", "value": "blue"} in found
    assert post(api, "untag", run_ids=runs, key="team")["done"] == runs
    assert post(api, "untag", run_ids=runs, key="team") == {"done": runs, "failed": {}}


def test_what_one_refuses_does_not_keep_the_others(api, runs):
    post(api, "delete", run_ids=runs[:1])
    found = post(api, "tag", run_ids=[*runs, "gone"], key="k", value="v")
    assert found["done"] == runs[1:]
    assert "Restore it first" in found["failed"][runs[0]]
    assert found["failed"]["gone"] == "It is not there any more."


def test_runs_of_a_deleted_experiment_stay_deleted(api):
    experiment = api.post("experiments/create", name="e")["experiment_id"]
    run = api.run(experiment)
    api.post("experiments/delete", experiment_id=experiment)
    assert "Restore that first" in post(api, "restore", run_ids=[run])["failed"][run]


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("delete", {}, "run_ids must be a list"),
        ("delete", {"run_ids": "x"}, "run_ids must be a list"),
        ("delete", {"run_ids": [1]}, "run_ids must be a list"),
        ("delete", {"run_ids": []}, "1 to 1000"),
        ("restore", {"run_ids": [str(i) for i in range(1001)]}, "1 to 1000"),
        ("tag", {"run_ids": ["x"], "value": "v"}, "key must be a text"),
        ("tag", {"run_ids": ["x"], "key": "", "value": "v"}, "key"),
        ("tag", {"run_ids": ["x"], "key": "../up", "value": "v"}, "key"),
        ("tag", {"run_ids": ["x"], "key": "k", "value": 5}, "value must be a text"),
        ("tag", {"run_ids": ["x"], "key": "k", "value": "v" * 9000}, "8"),
        ("untag", {"run_ids": ["x"], "key": None}, "key must be a text"),
    ],
)
def test_questions_that_are_none(api, path, body, says):
    assert says in post(api, path, 400, **body)["message"]


def test_pages_of_others_change_nothing(api, runs):
    body = json.dumps({"run_ids": runs[:1]})
    for headers, kind in (
        ({"Origin": "https://evil.example"}, "application/json"),
        ({}, "text/plain"),
        ({}, "application/x-www-form-urlencoded"),
    ):
        answer = api.client.post("/ui/runs/delete", data=body, headers=headers, content_type=kind)
        assert answer.status_code in (400, 403)
    assert stages(api, runs[:1]) == ["active"]
    assert api.client.get("/ui/runs/delete").status_code == 405
