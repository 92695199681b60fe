"""Our image behind azure-ai-ml's own local endpoint: an independent client of the container.

What it is given are the documents that the target sends. Two things are the SDK's: it wants a
`code_configuration` even for a container of one's own, and `inference_config` from YAML alone.
"""

import io
import json
import uuid

import pytest
import yaml

from mlpack.deploy_targets.azureml import documents
from mlpack.deploy_targets.azureml.options import AzureMLOptions
from mlpack.deploy_targets.azureml.source import Source

pytestmark = [pytest.mark.docker, pytest.mark.cloud]


@pytest.fixture
def client(azure_ai_ml, tmp_path, monkeypatch):
    from azure.ai.ml import MLClient
    from azure.ai.ml._local_endpoints import docker_client
    from azure.core.credentials import AccessToken

    class Nobody:
        def get_token(self, *scopes, **options):
            return AccessToken("none", 1 << 40)

    monkeypatch.setenv("HOME", str(tmp_path))
    constants = docker_client.LocalEndpointConstants
    monkeypatch.setattr(constants, "DEFAULT_STARTUP_WAIT_TIME_SECONDS", 4)
    return MLClient(Nobody(), "s", "g", "w", enable_telemetry=False, show_progress=False)


def load(loader, document, tmp_path):
    import azure.ai.ml as ml

    return getattr(ml, loader)(
        io.StringIO(yaml.safe_dump(document)), relative_origin=str(tmp_path / "x.yaml")
    )


@pytest.mark.filterwarnings("ignore")
def test_our_image_behind_a_local_endpoint(client, iris_image, iris_model, tmp_path):
    from mlpack.tests.deploy.azureml.cloud import wait_for

    options, name = AzureMLOptions(env={"MLPACK_WORKERS": "1"}), f"t-{uuid.uuid4().hex[:10]}"
    source = Source("0" * 64, iris_model, None, None, iris_image.name)
    environment = documents.environment(name, iris_image.name, options)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "score.py").touch()
    document = {
        **documents.deployment(name, "blue", "", source, options, {}),
        "environment": environment,
        "model": {"name": "iris", "version": "1", "path": str(iris_model)},
        "code_configuration": {"code": "code", "scoring_script": "score.py"},
    }
    document.pop("type")
    endpoint = load("load_online_endpoint", documents.endpoint(name, options), tmp_path)
    client.online_endpoints.begin_create_or_update(endpoint, local=True)
    try:
        deployment = load("load_online_deployment", document, tmp_path)
        client.online_deployments.begin_create_or_update(deployment, local=True)

        def answer():
            from azure.core.exceptions import AzureError

            try:
                return client.online_endpoints.invoke(
                    name, request_file=str(iris_model / "serving_input_example.json"), local=True
                )
            except (AzureError, OSError):
                return None

        assert json.loads(wait_for(answer)) == {"predictions": [0, 0]}
        log = client.online_deployments.get_logs("blue", name, lines=50, local=True)
        assert "mlpack is serving" in log
        shown = client.online_deployments.get("blue", name, local=True)
        assert shown.provisioning_state == "Succeeded"
    finally:
        client.online_endpoints.begin_delete(name, local=True)
