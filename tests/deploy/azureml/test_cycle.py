"""The target `azureml` from the first deployment to its deletion, with the real azure-ai-ml."""

import json
import threading

import pytest

from mlpack.errors import InvalidInput, InvalidState, ModelFailed, NotFound

pytestmark = [pytest.mark.docker, pytest.mark.cloud]


def test_create_predict_update_roll_back_delete(deploy, cloud):
    target = deploy.target
    plan = target.plan(deploy.request())
    assert plan.action == "create"
    assert plan.paid[0].startswith("1 × Standard_DS3_v2")
    assert json.dumps(plan.to_dict())

    made = deploy.create()
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

    before = len(cloud.calls)
    assert target.plan(deploy.request()).action == "none"
    assert target.plan(deploy.request()).paid == []
    assert not cloud.writes(before)

    plan = target.plan(deploy.request("2"))
    assert plan.action == "update"
    assert len(plan.paid) == 2
    updated = deploy.update("2", traffic_steps=[10, 50], step_seconds=0.1, mirror_percentage=20)
    assert deploy.answer() == "2"
    assert updated.endpoint == made.endpoint
    assert updated.details["previous"] == made.details["deployment"]
    for share in ("Copying 20 %", "Sending 10 %", "Sending 50 %", "Sending all"):
        assert any(share in line for line in deploy.seen)

    back = target.rollback(deploy.name, deploy.report)
    assert deploy.answer() == "1"
    assert back.details["previous"] == updated.details["deployment"]
    target.rollback(deploy.name)
    assert deploy.answer() == "2"

    target.delete(deploy.name, deploy.report)
    assert deploy.name not in [each.name for each in target.list()]
    with pytest.raises(NotFound):
        target.get(deploy.name)
    assert not cloud.workspace.below(cloud.workspace.path + "/onlineEndpoints")
