"""What goes wrong on Azure's side: one clear error, and the old state or one to go on from."""

import shutil
import threading

import pytest

from mlpack.deploy_targets.azureml import scoring, sdk
from mlpack.deploy_targets.lock import lock
from mlpack.errors import (
    AlreadyExists,
    Busy,
    Conflict,
    DeployFailed,
    EngineUnavailable,
    InvalidInput,
    InvalidState,
    NotFound,
    RegistryFailed,
    Unauthenticated,
)
from mlpack.tests.deploy.azureml.cloud import PATH, Fault, wait_for

pytestmark = [pytest.mark.docker, pytest.mark.cloud]


def endpoints(cloud):
    return [each.name for each in cloud.workspace.below(f"{PATH}/onlineEndpoints")]


def deployments(cloud, name):
    below = cloud.workspace.below(f"{PATH}/onlineEndpoints/{name}/deployments")
    return [each.name for each in below]


@pytest.mark.parametrize(
    "options, reason, what_to_try",
    [
        ({"env": {"CRASH": "1"}}, "ResourceNotReady: User container has crashed", "See its log"),
        (
            {"env": {"SICK": "1"}, "readiness": {"failure_threshold": 2}},
            "Readiness probe failed: /ping answered 503",
            "-C readiness.failure_threshold",
        ),
        (
            {"instance_type": "Standard_XX9_v9"},
            "VM size Standard_XX9_v9",
            "az ml compute list-sizes",
        ),
        ({"instance_count": 40}, "OutOfQuota: Not enough quota", "Ask for more quota"),
    ],
)
def test_a_first_deployment_that_fails_leaves_nothing(deploy, cloud, options, reason, what_to_try):
    with pytest.raises(DeployFailed) as failed:
        deploy.create(**options)
    assert reason in failed.value.reason
    assert "\n" not in failed.value.reason
    assert what_to_try in failed.value.advice
    assert not endpoints(cloud)


def test_the_end_of_the_log_is_told_without_secrets(deploy):
    with pytest.raises(DeployFailed) as failed:
        deploy.create(env={"CRASH": "1"})
    assert any("no module named nonsense" in line for line in failed.value.log)
    assert "abcdef0123456789" not in failed.value.message


def test_what_azure_does_is_told_without_the_values_of_variables(deploy, monkeypatch):
    monkeypatch.setattr(sdk, "_TELL_EVERY", 0.1)
    env = {"SICK": "1", "VERSION": "hunter2"}  # which the server writes into its log
    with pytest.raises(DeployFailed) as failed:
        deploy.create(env=env, readiness={"failure_threshold": 60})
    assert any("Azure is working on the deployment" in line for line in deploy.seen)
    assert any("starting ***" in line for line in deploy.seen)
    assert "starting ***" in failed.value.log
    assert not any("hunter2" in line for line in deploy.seen)


def test_an_image_that_may_not_be_pulled(deploy, cloud):
    cloud.acr_pull = False
    with pytest.raises(DeployFailed, match="Image pull failed") as failed:
        deploy.create()
    assert "--role AcrPull" in failed.value.advice
    cloud.acr_pull = True
    assert deploy.create().status == "healthy"


def test_an_update_that_does_not_come_up_leaves_what_ran(deploy, cloud):
    made = deploy.create()
    with pytest.raises(DeployFailed, match="crashed"):
        deploy.update("2", env={"CRASH": "1"})
    assert deployments(cloud, deploy.name) == [made.details["deployment"]]
    assert deploy.answer() == "1"
    assert deploy.target.get(deploy.name).details["traffic"] == made.details["traffic"]


def test_an_update_that_answers_wrongly_gets_no_requests(deploy, cloud, iris_model):
    made = deploy.create()
    request = deploy.request("2", env={"RAISE": "1"})
    object.__setattr__(request, "model", iris_model)  # its input example is what it is tried with
    with pytest.raises(DeployFailed, match="input example: division by zero"):
        deploy.target.update(request, deploy.report)
    assert deployments(cloud, deploy.name) == [made.details["deployment"]]
    assert deploy.answer() == "1"
    assert not any("Sending" in line for line in deploy.seen[-3:])


def test_requests_are_given_back_when_a_step_fails(deploy, cloud, iris_model, monkeypatch):
    monkeypatch.setattr(scoring, "_TRIES", 2)
    made = deploy.create()
    request = deploy.request("2", traffic_steps=[20], step_seconds=2)
    object.__setattr__(request, "model", iris_model)

    def break_it(progress):
        if "Sending 20 %" in progress.message:
            # the old one's machine answers for the example; the new one's is gone
            for each in cloud.workspace.below(f"{PATH}/onlineEndpoints/{deploy.name}/deployments"):
                if each.name != made.details["deployment"]:
                    each.state = "Failed"

    with pytest.raises(DeployFailed):
        deploy.target.update(request, break_it)
    now = deploy.target.get(deploy.name)
    assert {k: v for k, v in now.details["traffic"].items() if v} == made.details["traffic"]
    assert deploy.answer() == "1"


def test_throttling_is_waited_for(deploy, cloud):
    quick = {"Retry-After": "0.1"}
    cloud.faults = [
        Fault("GET", "/onlineEndpoints/", 2, 429, "TooManyRequests", headers=quick),
        Fault("PUT", "/onlineEndpoints/[^/]+$", 2, 429, "TooManyRequests", headers=quick),
        Fault("PUT", "/deployments/", 2, 429, "TooManyRequests", headers=quick),
        Fault("GET", "/operations/", 1, 503, "ServerBusy", headers=quick),
    ]
    assert deploy.create().status == "healthy"
    assert not any(fault.times for fault in cloud.faults)


def test_throttling_that_does_not_end(deploy, cloud):
    cloud.faults = [Fault("GET", "", 99, 429, "TooManyRequests", headers={"Retry-After": "0.05"})]
    with pytest.raises(Busy, match="Try again later"):
        deploy.target.plan(deploy.request())


def test_a_connection_that_is_lost_for_a_moment(deploy, cloud):
    cloud.faults = [Fault("PUT", "/deployments/"), Fault("GET", "/operations/")]
    assert deploy.create().status == "healthy"


def test_a_connection_that_is_lost_in_the_middle_and_a_second_try(deploy, cloud, monkeypatch):
    monkeypatch.setattr(sdk, "RETRIES", 1)
    cloud.faults = [Fault("PUT", "/deployments/", 9)]
    with pytest.raises(EngineUnavailable, match="Run it again"):
        deploy.create()
    assert endpoints(cloud) == [deploy.name]
    cloud.faults = []
    assert deploy.target.plan(deploy.request()).action == "update"
    assert deploy.update().status == "healthy"


def test_a_cloud_that_is_not_there(deploy, cloud, monkeypatch):
    deploy.target.plan(deploy.request())
    cloud.faults = [Fault("GET", "", 99)]
    with pytest.raises(EngineUnavailable, match="connection"):
        deploy.target.plan(deploy.request())


def test_time_is_up_and_a_second_try_goes_on(deploy, cloud):
    def stop(progress):
        if "Making the deployment" in progress.message:
            cloud.workspace.hold.clear()

    with pytest.raises(DeployFailed, match=r"not finished .* within 0.5 s") as failed:
        deploy.target.create(deploy.request(timeout=0.5), stop)
    assert "still there" in failed.value.advice
    assert "timeout" in failed.value.advice
    cloud.workspace.hold.set()
    assert deploy.target.plan(deploy.request()).action == "update"
    assert deploy.update().status == "healthy"
    assert deploy.answer() == "1"


def test_a_secret_that_is_wrong(deploy, cloud, monkeypatch):
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "of somebody else")
    with pytest.raises(Unauthenticated, match="does not accept the credentials") as failed:
        deploy.target.plan(deploy.request())
    assert "of somebody else" not in failed.value.message


def test_a_token_that_ends_while_azure_works(deploy, cloud):
    def forget(progress):
        if "Making the deployment" in progress.message:
            cloud.tokens = {}

    with pytest.raises(Unauthenticated, match="az login"):
        deploy.target.create(deploy.request(), forget)
    assert deploy.update().status == "healthy"


def test_no_credentials_at_all(deploy, monkeypatch):
    for name in ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    with pytest.raises(Unauthenticated, match="No Azure credentials: sign in"):
        deploy.target.plan(deploy.request())


def test_a_provider_that_is_not_registered(deploy, cloud):
    said = "The subscription is not registered to use namespace 'Microsoft.MachineLearningServices'"
    cloud.faults = [
        Fault("PUT", "/onlineEndpoints/", 9, 409, "MissingSubscriptionRegistration", said)
    ]
    with pytest.raises(DeployFailed, match="az provider register"):
        deploy.create()


def test_an_endpoint_of_somebody_else_is_left_alone(deploy, cloud):
    body = {"location": "westeurope", "properties": {"authMode": "Key"}}
    path = f"{PATH}/onlineEndpoints/{deploy.name}"
    cloud.workspace.put_endpoint(path, "onlineEndpoints", body)
    wait_for(lambda: cloud.workspace.need(path).state == "Succeeded")
    for act in (deploy.target.plan, deploy.target.create, deploy.target.update):
        with pytest.raises(AlreadyExists, match="not made by mlpack"):
            act(deploy.request())
    with pytest.raises(AlreadyExists, match="not made by mlpack"):
        deploy.target.delete(deploy.name)
    with pytest.raises(NotFound, match="not made by mlpack"):
        deploy.target.get(deploy.name)
    assert deploy.target.list() == []
    deploy.target.delete(deploy.name, force=True)
    assert endpoints(cloud) == []


def test_a_strange_deployment_behind_ours_is_not_deleted_unasked(deploy, cloud):
    made = deploy.create()
    path = f"{PATH}/onlineEndpoints/{deploy.name}/deployments"
    cloud.workspace.need(f"{path}/{made.details['deployment']}").body["tags"] = {}
    with pytest.raises(InvalidState, match="that mlpack did not make"):
        deploy.target.delete(deploy.name)
    deploy.target.delete(deploy.name, force=True)


def test_two_at_once_on_one_machine(deploy):
    with lock(deploy.name, "azureml"), pytest.raises(InvalidState, match="Another mlpack"):
        deploy.create()


def test_an_environment_that_may_not_be_archived_is_told(deploy, cloud):
    deploy.create()
    cloud.faults = [Fault("PUT", "/environments/", 9, 403, "AuthorizationFailed", "You may not.")]
    deploy.target.delete(deploy.name, deploy.report)
    assert any("still registered" in line and "You may not" in line for line in deploy.seen)
    cloud.faults = []
    deploy.target.delete(deploy.name)  # what the first one left
    with pytest.raises(NotFound):
        deploy.target.delete(deploy.name)


def test_two_at_once_on_two_machines(deploy, cloud):
    deploy.create()
    cloud.workspace.hold.clear()
    path = f"{PATH}/onlineEndpoints/{deploy.name}"
    body = cloud.workspace.need(path).body | {"identity": {"type": "SystemAssigned"}}
    cloud.workspace.put_endpoint(path, "onlineEndpoints", body)
    timer = threading.Timer(100, cloud.workspace.hold.set)
    timer.start()
    try:
        with pytest.raises(Conflict, match="Somebody else is changing it"):
            deploy.update("2")
    finally:
        timer.cancel()
        cloud.workspace.hold.set()
    wait_for(lambda: cloud.workspace.need(path).state == "Succeeded")
    assert deploy.answer() == "1"
    assert deploy.update("2").status == "healthy"


def test_a_registry_that_lets_nobody_in(deploy, cloud):
    cloud.faults = [Fault("POST", "/oauth2/exchange", 1, 401, "UNAUTHORIZED")]
    with pytest.raises(Unauthenticated, match="--role AcrPush"):
        deploy.create(deploy.images["1"])
    assert not endpoints(cloud)


def test_a_registry_that_is_not_azures_gets_no_token_of_azure(deploy, cloud):
    with pytest.raises(RegistryFailed):
        deploy.create(deploy.images["1"], acr=cloud.login_server)
    assert not [path for _, path in cloud.calls if "oauth2/exchange" in path]


def test_a_workspace_that_is_not_there_or_has_no_registry(deploy, cloud):
    cloud.registry_attached = False
    with pytest.raises(InvalidState, match="-C acr="):
        deploy.target.plan(deploy.request(deploy.images["1"]))
    with pytest.raises(NotFound, match="There is no Azure ML workspace rg-tests/other"):
        deploy.target.plan(deploy.request(workspace="other"))


def test_a_model_without_a_signature_is_not_for_azures_own_server(deploy, iris_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(iris_model, folder)
    text = (folder / "MLmodel").read_text()
    start, end = text.index("signature:"), text.index("type_hint_from_example")
    (folder / "MLmodel").write_text(text[:start] + text[end:])
    request = deploy.request(way="mlflow_model")
    object.__setattr__(request, "model", folder)
    with pytest.raises(InvalidInput, match="no signature"):
        deploy.target.plan(request)
