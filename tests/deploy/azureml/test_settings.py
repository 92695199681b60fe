"""Which workspace, which cloud, which options: what can be told without a cloud."""

import json
import os
import subprocess
import sys

import pytest

from mlpack.deploy_targets.azureml import documents
from mlpack.deploy_targets.azureml.failures import advice, without_secrets
from mlpack.deploy_targets.azureml.options import AzureMLOptions, check
from mlpack.deploy_targets.azureml.place import CLOUDS, Place, find_cloud, find_place
from mlpack.deploy_targets.azureml.source import Source, for_azure_server
from mlpack.deploy_targets.options import read_options
from mlpack.errors import InvalidInput

SUBSCRIPTION = "12345678-1234-1234-1234-123456789abc"
OTHER = "00000000-1234-1234-1234-123456789abc"


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No variables, no files."""
    for name in list(os.environ):
        if name.startswith(("AZURE_", "AZUREML_", "ARM_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "cli"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def config(file, workspace, **more):
    told = {"subscription_id": SUBSCRIPTION, "resource_group": "g", "workspace_name": workspace}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**told, **more}))
    return file


def test_the_nearest_of_options_variables_files_and_the_cli_wins(nowhere, monkeypatch):
    with pytest.raises(InvalidInput, match=r"no subscription_id.*az configure"):
        find_place({})
    cli = nowhere / "cli"
    cli.mkdir()
    (cli / "config").write_text("[defaults]\ngroup = cli-g\nworkspace = cli-w\n[cloud]\n")
    subscriptions = [{"id": OTHER, "isDefault": False}, {"id": SUBSCRIPTION, "isDefault": True}]
    (cli / "azureProfile.json").write_text(
        json.dumps({"subscriptions": subscriptions}), encoding="utf-8-sig"
    )
    assert find_place({}) == Place(SUBSCRIPTION, "cli-g", "cli-w")

    config(nowhere / ".azureml" / "config.json", "above")
    below = nowhere / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_place({}).workspace == "above"
    config(below / "config.json", "here")
    assert find_place({}).workspace == "here"

    monkeypatch.setenv("AZUREML_WORKSPACE_NAME", "variable")
    assert find_place({}).workspace == "variable"
    chosen = config(nowhere / "chosen.json", "chosen")
    assert find_place({"config_file": chosen}).workspace == "chosen"
    assert find_place({"config_file": chosen, "workspace": "option"}).workspace == "option"


def test_a_config_file_that_cannot_be_read(nowhere):
    (nowhere / "broken.json").write_text("{")
    for name in ("broken.json", "missing.json"):
        with pytest.raises(InvalidInput, match="cannot be read as JSON"):
            find_place({"config_file": nowhere / name})


def test_names_from_files_cannot_lead_elsewhere(nowhere):
    for name in ("w/../../x", "w?x=1", "w#x", ".."):
        with pytest.raises(InvalidInput, match="cannot be the workspace"):
            find_place({"config_file": config(nowhere / "config.json", name)})
    with pytest.raises(InvalidInput, match="cannot be the resource_group"):
        find_place({"config_file": config(nowhere / "config.json", "ws", resource_group="a/b")})


def test_clouds(nowhere, monkeypatch):
    assert find_cloud(None) is CLOUDS["AzureCloud"]
    assert find_cloud("AzureChinaCloud").resource == "https://ml.azure.cn"
    with pytest.raises(InvalidInput, match="ARM_CLOUD_METADATA_URL="):
        find_cloud("Nowhere")
    (nowhere / "cli").mkdir()
    (nowhere / "cli" / "config").write_text("[cloud]\nname = AzureUSGovernment\n")
    assert find_cloud(None).name == "AzureUSGovernment"


@pytest.mark.parametrize(
    "given, says",
    [
        ({"instance_type": "ml.m5.large"}, "look like Standard_DS3_v2"),
        ({"subscription_id": "mine"}, "write it like 12345678"),
        ({"instance_count": 0}, "from 1 to 500"),
        ({"traffic_steps": "50,10"}, "must go up"),
        ({"traffic_steps": "30", "canary_percentage": 20}, "stay below"),
        ({"mirror_percentage": 60}, "from 1 to 50"),
        ({"request_timeout_ms": 999_999}, "from 1 to 180000"),
        ({"compute_kind": "kubernetes"}, "needs -C compute="),
        ({"compute_kind": "kubernetes", "compute": "c", "mirror_percentage": 5}, "no mirror"),
        ({"compute_kind": "kubernetes", "compute": "c", "instance_count": 3, "max_instances": 2},
         "less than"),
        ({"max_instances": 3}, "Azure Monitor"),
        ({"compute": "c"}, "compute_kind=kubernetes"),
        ({"kind": "batch"}, "needs -C compute="),
        ({"kind": "batch", "compute": "c", "way": "image"}, "-C way=mlflow_model"),
        ({"kind": "batch", "compute": "c", "canary_percentage": 5}, "no traffic"),
        ({"tags": {"a<b": "c"}}, "cannot be used"),
        ({"tags": {"mlpack.x": "c"}}, "belongs to mlpack"),
        ({"tags": {str(n): "c" for n in range(50)}}, "at most 40"),
        ({"env": {"A B": "c"}}, "cannot name a variable"),
        ({"identity": "me"}, "write it like /subscriptions"),
        ({"scoring_route": "score"}, "write it like /"),
        ({"liveness": {"period": 0}}, "1 or more"),
        ({"instance_typ": "x"}, "Did you mean 'instance_type'"),
    ],
)  # fmt: skip
def test_options_that_azure_would_refuse(given, says):
    with pytest.raises(InvalidInput, match=says):
        check("churn", read_options(AzureMLOptions, given, "azureml"))


@pytest.mark.parametrize("name", ["ab", "a" * 33, "1abc", "abc-", "a_b"])
def test_names_that_azure_would_refuse(name):
    with pytest.raises(InvalidInput, match="3 to 32"):
        check(name, AzureMLOptions())


def test_a_deployments_name_is_that_of_what_it_runs():
    def name(digest="0" * 64, **options):
        source = Source(digest, None, None, None, "image")
        return documents.deployment_name(source, AzureMLOptions(**options), "churn")

    assert name() == name()
    assert 3 <= len(name()) <= 32
    assert name() != name("1" * 64)
    assert name() != name(env={"A": "1"})
    assert name() != name(instance_count=2)
    # how it comes to its traffic is not what it is
    assert name() == name(canary_percentage=5) == name(keep_previous=False)


def test_requests_for_azures_own_server():
    body = json.dumps({"dataframe_split": {"columns": ["a"], "data": [[1]]}, "params": {"x": 1}})
    told = json.loads(for_azure_server(body.encode(), "application/json; charset=utf-8"))
    assert told == {"input_data": {"columns": ["a"], "data": [[1]]}, "params": {"x": 1}}
    ready = b'{"input_data": [[1]]}'
    assert for_azure_server(ready, "application/json") == ready
    for bad in (b"{", b"[1]"):
        with pytest.raises(InvalidInput):
            for_azure_server(bad, "application/json")


def test_nothing_secret_is_told():
    text = 'Authorization: Bearer eyJ0.abc and {"primaryKey": "kkk"} and ?sv=1&sig=abc%3D&x=1'
    told = without_secrets(text)
    assert not any(secret in told for secret in ("eyJ0", "kkk", "abc%3D"))
    assert "x=1" in told


def test_advice_is_for_what_went_wrong():
    assert "AcrPull" in advice("ImagePull: unauthorized")
    assert "quota" in advice("OutOfQuota")
    assert advice("something new") == ""


def test_help_and_discovery_import_nothing_of_azure():
    code = (
        "import sys; from mlpack.deploy_targets.discovery import get_target; "
        "from mlpack.deploy_targets.options import describe_options; "
        "assert describe_options(get_target('azureml').options); "
        "print([m for m in sys.modules if m.split('.')[0] in ('azure', 'requests', 'docker')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
