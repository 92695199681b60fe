"""The target `azureml` from the first deployment to its deletion, with the real azure-ai-ml."""

import json
import os
import ssl
import threading
import urllib.request

import pytest

from mlpack.errors import InvalidInput, InvalidState, ModelFailed, NotFound
from mlpack.tests.deploy.azureml.cloud import PATH

pytestmark = [pytest.mark.docker, pytest.mark.cloud]


def environment_of(cloud, deploy):
    [found] = cloud.workspace.below(f"{PATH}/environments/mlpack-{deploy.name}/versions")
    return found


def test_create_predict_update_roll_back_delete(deploy, cloud):
    target, image = deploy.target, deploy.images["1"]
    plan = target.plan(deploy.request(image))
    assert plan.action == "create"
    assert plan.paid[0].startswith("1 × Standard_DS3_v2")
    assert json.dumps(plan.to_dict())

    made = deploy.create(image)
    assert made.status == "healthy"
    assert made.model_uri == "runs:/abc/model"
    assert made.image.startswith(f"{cloud.login_server}/mlpack/{deploy.name}@sha256:")
    assert made.details["traffic"] == {made.details["deployment"]: 100}
    assert target.get(deploy.name) == made
    assert made in target.list()
    assert deploy.answer() == "1"
    with pytest.raises(InvalidInput, match="column a is missing"):
        deploy.answer(b"bad")
    with pytest.raises(ModelFailed, match="division by zero"):
        deploy.answer(b"raise")
    assert any("starting 1" in line for line in target.logs(deploy.name))
    assert len(list(target.logs(deploy.name, tail=1))) == 1

    target.delete(deploy.name, deploy.report)
    assert deploy.name not in [each.name for each in target.list()]
    with pytest.raises(NotFound):
        target.get(deploy.name)
    assert not cloud.workspace.below(cloud.workspace.path + "/onlineEndpoints")
    assert environment_of(cloud, deploy).body["properties"]["isArchived"] is True
    with pytest.raises(NotFound):
        target.delete(deploy.name)
    deploy.create(image)  # the same again takes it back
    assert not environment_of(cloud, deploy).body["properties"]["isArchived"]


def test_the_same_again_is_nothing_to_do(deploy, cloud):
    deploy.create()
    before = len(cloud.calls)
    plan = deploy.target.plan(deploy.request())
    assert (plan.action, plan.paid) == ("none", [])
    assert not cloud.writes(before)
    assert deploy.target.plan(deploy.request(tags={"team": "a"})).action == "update"


def test_an_update_under_load_loses_no_request_and_can_be_undone(deploy, cloud):
    made = deploy.create()
    plan = deploy.target.plan(deploy.request("2"))
    assert plan.action == "update"
    assert len(plan.paid) == 2
    key = cloud.workspace.keys[deploy.name]
    trust = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
    answers, stop = [], threading.Event()

    def load():
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        while not stop.is_set():
            request = urllib.request.Request(made.endpoint, b"{}", headers)
            with urllib.request.urlopen(request, timeout=60, context=trust) as answer:
                answers.append(answer.read().decode())

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        # each step long enough for requests of a machine that is busy
        updated = deploy.update("2", traffic_steps=[10, 50], step_seconds=1, mirror_percentage=20)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(answers) == {"1", "2"}
    assert answers[0] == "1"
    assert cloud.mirrored
    assert updated.endpoint == made.endpoint
    assert updated.details["previous"] == made.details["deployment"]
    for share in ("Copying 20 %", "Sending 10 %", "Sending 50 %", "Sending all"):
        assert any(share in line for line in deploy.seen)
    assert deploy.answer() == "2"

    back = deploy.target.rollback(deploy.name, deploy.report)
    assert deploy.answer() == "1"
    assert back.details["previous"] == updated.details["deployment"]
    deploy.target.rollback(deploy.name)
    assert deploy.answer() == "2"


def test_a_canary_stays_until_it_is_promoted_or_taken_back(deploy):
    first = deploy.create().details["deployment"]
    canary = deploy.update("2", canary_percentage=20)
    assert sorted(canary.details["traffic"].values()) == [20, 80]
    assert canary.details["deployment"] == first
    plan = deploy.target.plan(deploy.request("2", canary_percentage=20))
    assert plan.action == "none"
    assert deploy.target.plan(deploy.request("2")).action == "update"

    back = deploy.target.rollback(deploy.name)
    assert back.details["traffic"] == {first: 100}
    whole = deploy.update("2")
    assert list(whole.details["traffic"].values()) == [100]
    assert whole.details["previous"] == first


def test_what_ran_before_is_removed_when_it_is_not_to_be_kept(deploy):
    deploy.create()
    now = deploy.update("2", keep_previous=False)
    assert len(now.details["deployments"]) == 1
    with pytest.raises(InvalidState, match="Nothing was kept"):
        deploy.target.rollback(deploy.name)


def test_no_wait_begins_what_the_next_deploy_finishes(deploy, cloud):
    begun = deploy.create(wait=False)
    assert begun.status in ("starting", "healthy")
    assert not any(begun.details["traffic"].values())
    with pytest.raises(InvalidState, match="gets requests yet"):
        deploy.answer()
    assert deploy.target.plan(deploy.request()).action == "update"
    assert deploy.update().status == "healthy"
    assert deploy.answer() == "1"


@pytest.mark.parametrize("mode", ["aml_token", "aad_token"])
def test_tokens_instead_of_keys(deploy, mode):
    assert deploy.create(auth_mode=mode).details["auth_mode"] == mode.replace("_", "")
    assert deploy.answer() == "1"
