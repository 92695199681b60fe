"""Models without an image of ours, batch endpoints, Kubernetes, identities: what is sent."""

import json
from dataclasses import replace

import pytest

from mlpack.deploy_targets.azureml.target import AzureMLTarget
from mlpack.deploy_targets.base import DeployRequest
from mlpack.errors import InvalidInput, InvalidState
from mlpack.tests.deploy.azureml.cloud import PATH, wait_for

pytestmark = [pytest.mark.docker, pytest.mark.cloud]
IDENTITY = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/me"
)


def sent(cloud, kind, name):
    """The bodies of an endpoint and of its deployments, as they came."""
    endpoint = cloud.workspace.need(f"{PATH}/{kind}/{name}")
    return endpoint.body, [
        each.body for each in cloud.workspace.below(f"{endpoint.id}/deployments")
    ]


@pytest.mark.peer
def test_our_folder_is_an_mlflow_model_for_azure(no_code, deploy, iris_model):
    options = {"way": "mlflow_model", "max_queue_wait_ms": 500}
    request = replace(deploy.request(**options), model=iris_model)
    plan = deploy.target.plan(request)
    assert plan.details["model"]["type"] == "mlflow_model"
    made = deploy.target.create(request, deploy.report)
    assert any("input example" in line for line in deploy.seen)
    example = (iris_model / "serving_input_example.json").read_bytes()
    answer = deploy.target.predict(deploy.name, example, "application/json")
    assert json.loads(answer.body) == [0, 0]
    with pytest.raises(InvalidInput, match="JSON alone"):
        deploy.target.predict(deploy.name, b"a,b", "text/csv")
    assert made.model_digest
    assert deploy.target.plan(request).action == "none"

    _, [deployment] = sent(no_code, "onlineEndpoints", deploy.name)
    settings = deployment["properties"]["requestSettings"]
    assert settings["maxQueueWait"] == "PT0.5S"
    assert settings["requestTimeout"] == "PT60S" or settings["requestTimeout"] == "PT1M"


def test_a_batch_endpoint_and_its_next_version(no_code, deploy, iris_model, tmp_path):
    options = {"kind": "batch", "compute": "cpu-cluster", "mini_batch_size": 3}
    request = replace(deploy.request(**options), model=iris_model)
    plan = deploy.target.plan(request)
    assert plan.paid == ["1 × a machine of cpu-cluster, while a job runs"]
    made = deploy.target.create(request, deploy.report)
    assert made.status == "healthy"
    assert made.details["kind"] == "batch"
    assert deploy.target.plan(request).action == "none"
    endpoint, [deployment] = sent(no_code, "batchEndpoints", deploy.name)
    assert endpoint["properties"]["defaults"]["deploymentName"] == made.details["deployment"]
    assert deployment["properties"]["miniBatchSize"] == 3
    assert deployment["properties"]["compute"].endswith("/computes/cpu-cluster")

    second = replace(request, options={**options, "mini_batch_size": 4})
    updated = deploy.target.update(second, deploy.report)
    assert updated.details["previous"] == made.details["deployment"]
    back = deploy.target.rollback(deploy.name)
    assert back.details["deployment"] == made.details["deployment"]
    with pytest.raises(InvalidInput, match="az ml batch-endpoint invoke"):
        deploy.answer()
    with pytest.raises(InvalidState, match="az ml job"):
        list(deploy.target.logs(deploy.name))
    assert [each.name for each in deploy.target.list()] == [deploy.name]
    deploy.target.delete(deploy.name)
    assert deploy.target.list() == []


def test_kubernetes(deploy, cloud):
    deploy.create(
        compute_kind="kubernetes",
        compute="my-cluster",
        instance_type="defaultinstancetype",
        max_instances=4,
        cpu="500m",
        memory="1Gi",
    )
    assert deploy.answer() == "1"
    endpoint, [deployment] = sent(cloud, "onlineEndpoints", deploy.name)
    assert endpoint["properties"]["compute"] == f"{PATH}/computes/my-cluster"
    properties = deployment["properties"]
    assert properties["endpointComputeType"] == "Kubernetes"
    assert properties["scaleSettings"]["maxInstances"] == 4
    requests = properties["containerResourceRequirements"]["containerResourceRequests"]
    assert requests == {"cpu": "500m", "memory": "1Gi"}
    deploy.update("2", compute_kind="kubernetes", compute="my-cluster", traffic_steps=[50],
                  step_seconds=0)  # fmt: skip
    assert deploy.answer() == "2"
    endpoint, _ = sent(cloud, "onlineEndpoints", deploy.name)
    assert endpoint["properties"]["compute"] == f"{PATH}/computes/my-cluster"


def test_what_is_sent_is_what_the_options_say(deploy, cloud):
    deploy.create(
        identity=IDENTITY,
        public_network_access="disabled",
        egress_public_network_access="disabled",
        tags={"team": "a"},
        env={"A": "1"},
        instance_count=2,
        liveness={"period": 5},
        app_insights=True,
    )
    endpoint, [deployment] = sent(cloud, "onlineEndpoints", deploy.name)
    assert endpoint["identity"]["type"] == "UserAssigned"
    assert list(endpoint["identity"]["userAssignedIdentities"]) == [IDENTITY]
    assert endpoint["properties"]["publicNetworkAccess"].lower() == "disabled"
    assert endpoint["tags"]["team"] == deployment["tags"]["team"] == "a"
    properties = deployment["properties"]
    assert properties["egressPublicNetworkAccess"].lower() == "disabled"
    assert properties["environmentVariables"] == {"A": "1"}
    assert properties["livenessProbe"]["period"] == "PT5S"
    assert properties["appInsightsEnabled"] is True
    assert deployment["sku"] == {"name": "Default", "capacity": 2}


def test_the_endpoints_settings_may_change_later(deploy, cloud):
    made = deploy.create()
    assert deploy.target.plan(deploy.request(public_network_access="disabled")).action == "update"
    deploy.update(public_network_access="disabled")
    endpoint, deployments = sent(cloud, "onlineEndpoints", deploy.name)
    assert endpoint["properties"]["publicNetworkAccess"].lower() == "disabled"
    assert len(deployments) == 1
    assert deploy.target.get(deploy.name).details["traffic"] == made.details["traffic"]


def test_an_image_that_is_in_the_registry_already(deploy, cloud):
    image = deploy.create().image
    other = AzureMLTarget()
    name = f"{deploy.name}-2"
    made = other.create(DeployRequest(name, "runs:/x/model", image))
    assert made.image == image
    assert made.details["image_digest"] == image.partition("@")[2]
    wait_for(lambda: other.get(name).status == "healthy")


def test_variables_are_not_shown(deploy):
    plan = deploy.target.plan(deploy.request(env={"PASSWORD": "hunter2"}))
    assert plan.details["deployment"]["environment_variables"] == {"PASSWORD": "***"}
    assert "hunter2" not in json.dumps(plan.to_dict())
