"""What needs no cloud: options, names, bodies against botocore's model, reasons, trust."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from mlpack.deploy_targets.sagemaker import naming, shapes
from mlpack.deploy_targets.sagemaker.explain import hint_for
from mlpack.deploy_targets.sagemaker.options import SagemakerOptions, read
from mlpack.deploy_targets.sagemaker.role import trusts_sagemaker
from mlpack.deploy_targets.sagemaker.wanted import Wanted, deployment_config, paid
from mlpack.errors import InvalidInput

DOCS = Path(__file__).parents[3] / "docs" / "deploy_sagemaker.md"


@pytest.fixture(scope="session")
def model() -> Any:
    return boto3.Session(region_name="eu-central-1").client("sagemaker").meta.service_model


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"instance_tpye": "x"}, "Did you mean 'instance_type'"),
        ({"role": "arn:aws:s3:::x"}, "role"),
        ({"model_data": "bucket/x"}, "s3://bucket/prefix"),
        ({"async_error_topic": "topic"}, "arn:aws:sns"),
        ({"serverless": "true", "mode": "canary"}, "no 'mode' for serverless"),
        ({"serverless": "true", "serverless_memory": "1000"}, "1024, 2048"),
        ({"serverless": "true", "max_instances": "2"}, "scales by itself"),
        ({"subnets": "subnet-1"}, "both options"),
        ({"capture_percentage": "5"}, "capture_uri"),
        ({"batch_input": "s3://abc/x"}, "batch_output"),
        ({"traffic": "canary"}, "instance_count=2"),
        ({"traffic": "linear", "instance_count": "2", "step": "5"}, "10 to 50"),
        ({"serverless": "true", "traffic": "canary"}, "change over all at once"),
        ({"serverless": "true", "rollback_alarms": "a"}, "change over all at once"),
        ({"mode": "canary", "rollback_alarms": "a"}, "the same variants before and after"),
        (
            {"traffic": "linear", "instance_count": "2", "step_wait": "3600"},
            "are 36000 s in all; AWS ends an update after 28800",
        ),
        ({"min_instances": "0", "max_instances": "2"}, "Only asynchronous"),
        ({"min_instances": "3", "max_instances": "2"}, "larger than"),
        ({"variants": [{"name": "a"}, {"name": "a"}]}, "same name"),
        ({"variants": [{"name": "a"}], "mode": "add"}, "mode=replace only"),
        ({"tags": {"mlpack:x": "1"}}, "reserved"),
        ({"share": "1"}, "share"),
    ],
)
def test_what_does_not_fit(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        read(given)


def test_the_platform_follows_the_instances() -> None:
    platforms = {
        kind: SagemakerOptions(instance_type=kind).image_platform
        for kind in ("ml.m5.large", "ml.g4dn.xlarge", "ml.c7g.large", "ml.m6gd.large")
    }
    assert platforms == {
        "ml.m5.large": "linux/amd64",
        "ml.g4dn.xlarge": "linux/amd64",
        "ml.c7g.large": "linux/arm64",
        "ml.m6gd.large": "linux/arm64",
    }


def wanted(**given: Any) -> Wanted:
    options = read(given)
    role = "arn:aws:iam::123456789012:role/x"
    environment = dict(options.env)
    return Wanted("n" * 53, options, role, "ab", "models:/x/1", None, None, environment,
                  variants=options.all_variants)  # fmt: skip


def test_the_longest_name_makes_names_that_aws_takes(model: Any) -> None:
    wanted(env={"A": "1"}).check(model)


def test_names_follow_the_content() -> None:
    def names(**given: Any) -> tuple[str, str]:
        made = wanted(**given)
        return made.model()["ModelName"], made.config()["EndpointConfigName"]

    assert names() == names() == names(tags=["a=b"]) == names(timeout="5")
    assert names(env=["A=1"]) != names(env=["A=2"])
    model, config = names()
    assert names(instance_count="2") == (model, names(instance_count="2")[1])
    assert names(instance_count="2")[1] != config
    assert naming.short("n" * 53, model) and naming.short("other", model) is None


def test_problems_are_found_in_every_kind_of_value(model: Any) -> None:
    def told(**changes: Any) -> list[str]:
        body = {"EndpointName": "a", "EndpointConfigName": "b", **changes}
        return list(shapes.problems(model, "CreateEndpoint", body))

    assert told() == []
    assert "EndpointName" in told(EndpointName="a_b")[0]
    assert "63" in told(EndpointName="a" * 64)[0]
    assert "missing" in told(EndpointName=None)[0]
    assert "unknown" in told(Nonsense=1)[0]
    assert "at most 50" in told(Tags=[{"Key": str(i), "Value": ""} for i in range(51)])[0]
    assert told(Tags=[{"Key": "Größe 1.:/=+-@", "Value": "é"}]) == []
    assert "Tags[0].Key" in told(Tags=[{"Key": "a*b", "Value": ""}])[0]
    body = {"ModelName": "a", "PrimaryContainer": {"Environment": {"A": "s3cret" * 20000}}}
    (problem,) = shapes.problems(model, "CreateModel", body)
    assert "s3cret" not in problem


def test_how_updates_move_requests() -> None:
    assert deployment_config(read({})) is None
    linear = deployment_config(read({"traffic": "linear", "instance_count": "2", "step": "25"}))
    assert linear is not None
    routing = linear["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "LINEAR" and routing["LinearStepSize"]["Value"] == 25
    slow = {"traffic": "linear", "instance_count": "2", "step_wait": "600", "timeout": "900"}
    patient = deployment_config(read(slow))
    assert patient is not None  # AWS wants the limit to be longer than all of its waits
    assert patient["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] == 6900
    alarms = deployment_config(read({"rollback_alarms": "a,b"}))
    assert alarms is not None
    assert alarms["AutoRollbackConfiguration"] == {
        "Alarms": [{"AlarmName": "a"}, {"AlarmName": "b"}]
    }


def test_what_is_paid_for() -> None:
    assert paid(wanted(instance_count="2"))[0] == "2 × ml.m5.large (variant main), until deleted"
    assert paid(wanted(max_instances="4"))[0].startswith("1 to 4 × ml.m5.large")
    assert "per use" in paid(wanted(serverless="true"))[0]


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("did not pass the ping health check", "startup_timeout"),
        ("ResourceLimitExceeded: service limit 'ml.x for endpoint usage' is 0", "'ml.x for"),
        ("InsufficientInstanceCapacity", "Try again later"),
        ("Could not assume role", "must trust"),
        ("Requested image x not found", "ecr:BatchGetImage"),
        ("something else", ""),
    ],
)
def test_what_to_try(reason: str, hint: str) -> None:
    assert hint in hint_for(reason) and bool(hint) == bool(hint_for(reason))


@pytest.mark.parametrize(
    ("statement", "trusts"),
    [
        ({"Principal": {"Service": "sagemaker.amazonaws.com"}}, True),
        ({"Principal": {"Service": ["x", "sagemaker.amazonaws.com"]}}, True),
        ({"Principal": {"Service": "lambda.amazonaws.com"}}, False),
        ({"Principal": {"AWS": "*"}}, False),
        ({"Principal": {"Service": "sagemaker.amazonaws.com"}, "Effect": "Deny"}, False),
    ],
)
def test_trust(statement: dict[str, Any], trusts: bool) -> None:
    whole = {"Effect": "Allow", "Action": "sts:AssumeRole", **statement}
    assert trusts_sagemaker({"Statement": [whole]}) is trusts
    assert trusts_sagemaker(json.dumps({"Statement": whole})) is trusts


def test_the_help_loads_no_client() -> None:
    script = (
        "import sys\nfrom mlpack.deploy_targets.discovery import get_target\n"
        "from mlpack.deploy_targets.options import describe_options\n"
        "describe_options(get_target('sagemaker').options)\n"
        "sys.exit(bool({'boto3', 'botocore', 'docker'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_docs_name_options_that_there_are() -> None:
    text = DOCS.read_text()
    policy = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert policy
    for statement in json.loads(policy[1])["Statement"]:
        assert not any("*" in action for action in statement["Action"])
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    import yaml

    read(yaml.safe_load(example))
    named = set(re.findall(r"\b([a-z]+(?:_[a-z]+)+)=", text))
    assert named <= set(SagemakerOptions.__dataclass_fields__) | {"target_variant", "target_model"}
