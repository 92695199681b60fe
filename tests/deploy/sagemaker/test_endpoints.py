"""Endpoints against the emulator, with a small image: what is made, kept, refused and removed."""

from __future__ import annotations

import io
import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from mlpack.deploy_targets.base import ignore
from mlpack.deploy_targets.sagemaker import image, logs, model_data, naming, parts
from mlpack.deploy_targets.sagemaker.aws import Aws
from mlpack.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidState,
    ModelFailed,
    NotFound,
)
from mlpack.tests.serve.real import eventually

from .conftest import Named

pytestmark = [pytest.mark.docker, pytest.mark.cloud]


@pytest.mark.usefixtures("only_documented_rights")
def test_the_whole_cycle(pushing: Named) -> None:
    named = pushing
    target = named.target
    plan = target.plan(named.request(env={"VERSION": "1"}))
    assert plan.action == "create"
    assert "VERSION" in json.dumps(plan.to_dict()) and plan.paid[0].startswith("1 × ml.m5.large")
    made = named.create(env={"VERSION": "1"})
    assert (made.status, made.model_uri) == ("healthy", "models:/churn/3")
    assert made.endpoint and made.endpoint.endswith(f"/endpoints/{named.name}/invocations")
    assert made.image.startswith(named.world.ecr.host) and "@sha256:" in made.image
    assert named.answer() == 1
    assert target.get(named.name) == made
    assert made in target.list()
    assert any("starting 1" in line for line in target.logs(named.name))
    assert len(list(target.logs(named.name, tail=1))) == 1

    assert target.plan(named.request(env={"VERSION": "1"})).action == "none"
    assert target.plan(named.request(env={"VERSION": "2"})).action == "update"
    calls = len(named.world.front.bodies)
    named.update(env={"VERSION": "1"})  # as it is
    changed = [name for name, _ in named.world.front.bodies[calls:]]
    assert not {"CreateModel", "CreateEndpointConfig", "UpdateEndpoint"} & set(changed)

    named.update(env={"VERSION": "2"})
    assert named.answer() == 2
    assert target.rollback(named.name).status == "healthy"
    assert named.answer() == 1
    with pytest.raises(InvalidState, match="no version"):
        target.rollback(named.name)

    target.delete(named.name)
    assert named.left() == []
    with pytest.raises(NotFound):
        target.get(named.name)
    with pytest.raises(NotFound):
        target.delete(named.name)


def test_no_request_is_lost_during_an_update(named: Named) -> None:
    named.create(env={"VERSION": "1"})
    answers: list[Any] = []
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            try:
                answers.append(named.answer())
            except Exception as error:
                answers.append(error)

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    eventually(lambda: answers)
    named.update(env={"VERSION": "2"})
    count = len(answers)
    eventually(lambda: len(answers) >= count + 5)
    done.set()
    for thread in threads:
        thread.join()
    assert set(answers) == {1, 2}


def test_only_so_many_versions_are_kept(named: Named) -> None:
    for version in ("1", "2", "3"):
        act = named.create if version == "1" else named.update
        act(env={"VERSION": version}, keep="1")
    assert len(named.world.names("endpoint-config", named.name)) == 2
    assert len(named.world.names("model", named.name)) == 2
    named.target.rollback(named.name)
    assert named.answer() == 2


@pytest.mark.usefixtures("only_documented_rights")
def test_images_that_no_kept_version_uses_are_removed(pushing: Named, other_image: str) -> None:
    named = pushing
    named.create(keep="1")
    (first,) = named.world.ecr.digests(f"mlpack/{named.name}")
    named.update(other_image, keep="1")
    assert len(named.world.ecr.digests(f"mlpack/{named.name}")) == 2
    named.update(other_image, env={"VERSION": "2"}, keep="1")
    (left,) = named.world.ecr.digests(f"mlpack/{named.name}")
    assert left != first
    assert named.answer() == 2


@pytest.mark.usefixtures("only_documented_rights")
def test_a_canary_and_its_promotion(named: Named) -> None:
    with pytest.raises(InvalidState, match="mode=replace first"):
        named.target.plan(named.request(mode="canary"))
    named.create(env={"VERSION": "1"})
    second = {"env": {"VERSION": "2"}, "mode": "canary"}
    named.update(**second, share="0.2")
    variants = {v["name"]: v["weight"] for v in named.target.get(named.name).details["variants"]}
    assert variants == {"main": 1.0, "canary": 0.25}
    assert named.answer() == 1
    assert named.answer(target_variant="canary") == 2
    assert named.target.plan(named.request(**second, share="0.2")).action == "none"

    before = named.world.names("endpoint-config", named.name)
    assert named.target.plan(named.request(**second, share="0.8")).action == "update"
    named.update(**second, share="0.8")  # shifts weights alone
    assert named.world.names("endpoint-config", named.name) == before
    assert named.answer() == 2
    with pytest.raises(InvalidInput, match="variants canary, main, and would have main"):
        named.update(env={"VERSION": "2"}, traffic="linear", instance_count="2")
    named.update(env={"VERSION": "2"})
    assert [v["name"] for v in named.target.get(named.name).details["variants"]] == ["main"]
    assert named.answer() == 2


def test_a_variant_is_added_and_several_are_listed(named: Named) -> None:
    several = [{"name": "a", "weight": 3}, {"name": "b", "weight": 1, "instance_count": 2}]
    named.create(variants=several)
    found = named.target.get(named.name).details["variants"]
    assert [(v["name"], v["weight"], v["instances"]) for v in found] == [("a", 3, 1), ("b", 1, 2)]
    named.update(env={"VERSION": "9"}, mode="add", variant="c", weight="7")
    assert named.answer() == 9
    with pytest.raises(InvalidInput, match="has a variant 'a' already"):
        named.update(env={"VERSION": "8"}, mode="add", variant="a")


def test_a_serverless_endpoint(named: Named) -> None:
    options = {"serverless": "true", "serverless_memory": "1024", "kms_key": "alias/x"}
    plan = named.target.plan(named.request(**options))
    assert plan.paid[0] == "serverless, 1024 MB: per use"
    named.create(**options)
    assert named.answer() == 1
    (config,) = [b for name, b in named.world.front.bodies if name == "CreateEndpointConfig"]
    (variant,) = config["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 1024, "MaxConcurrency": 20}
    assert "InstanceType" not in variant


def test_an_image_that_is_too_large(pushing: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    named = pushing
    monkeypatch.setattr(image, "_SERVERLESS_LIMIT", 10**6)
    with pytest.raises(InvalidInput, match="serverless endpoints take 10"):
        named.create(serverless="true")
    assert not named.world.names("model", named.name)


def test_the_log_is_followed(named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_PAUSE", 0.05)
    named.create()
    for tail in (None, 1):
        lines = named.target.logs(named.name, tail=tail, follow=True)
        assert "starting 1" in next(lines) or tail
        named.world.write_log(f"/aws/sagemaker/Endpoints/{named.name}", "main/i-2", ["more"])
        assert next(line for line in lines if line == "more")


@pytest.mark.usefixtures("only_documented_rights")
def test_an_asynchronous_endpoint(named: Named) -> None:
    output = f"s3://{named.world.bucket}/{named.name}"
    named.create(async_output=output, async_failures=f"{output}-failed", async_concurrency="4")
    assert named.answer() == 1
    with pytest.raises(ModelFailed, match="division by zero"):
        named.target.predict(named.name, b"raise", "application/json")
    listed = named.world.client("s3").list_objects_v2(Bucket=named.world.bucket, Prefix=named.name)
    assert not any("mlpack-requests" in each["Key"] for each in listed["Contents"])


def test_a_multi_model_endpoint(named: Named, tmp_path: Path) -> None:
    prefix = f"s3://{named.world.bucket}/many/"
    named.create(multi_model=prefix)
    archive = io.BytesIO()
    model_data.write_tar(tmp_path, archive)
    s3 = named.world.client("s3")
    s3.put_object(Bucket=named.world.bucket, Key="many/one.tar.gz", Body=archive.getvalue())
    answer = named.target.predict(named.name, b"{}", "application/json", target_model="one.tar.gz")
    assert re.fullmatch(rb"/models/[0-9a-f]{32}/invoke", answer.body)
    (body,) = [b for name, b in named.world.front.bodies if name == "CreateModel"]
    assert body["PrimaryContainer"]["Mode"] == "MultiModel"


@pytest.mark.usefixtures("only_documented_rights")
def test_all_that_can_be_set_has_the_form_that_aws_takes(pushing: Named) -> None:
    named = pushing
    bucket = f"s3://{named.world.bucket}"
    named.create(
        instance_count="2",
        capture_percentage="10",
        capture_uri=f"{bucket}/captured",
        kms_key="alias/key",
        volume="30",
        startup_timeout="120",
        download_timeout="600",
        subnets="subnet-1,subnet-2",
        security_groups="sg-1",
        network_isolation="true",
        tags=["team=fraud", "cost centre=a b"],
        max_instances="4",
        min_instances="2",
    )
    scaling = named.world.client("application-autoscaling")
    (policy,) = scaling.describe_scaling_policies(
        ServiceNamespace="sagemaker", ResourceId=f"endpoint/{named.name}/variant/main"
    )["ScalingPolicies"]
    tracked = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracked["TargetValue"] == 1000
    repository = named.world.ecr.repositories[f"mlpack/{named.name}"]["asked"]
    assert repository["encryptionConfiguration"] == {"encryptionType": "KMS", "kmsKey": "alias/key"}
    named.update(
        env={"VERSION": "2"},
        instance_count="2",
        traffic="canary",
        step="50",
        step_wait="60",
        termination_wait="30",
        rollback_alarms="errors",
        max_instances="4",
        min_instances="2",
    )
    (update,) = [b for name, b in named.world.front.bodies if name == "UpdateEndpoint"]
    policy = update["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"]["CanarySize"] == {
        "Type": "CAPACITY_PERCENT",
        "Value": 50,
    }
    assert update["RetainAllVariantProperties"] is True
    named.target.delete(named.name)
    left = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert not [each for each in left if named.name in each["ResourceId"]]


def test_an_alarm_undoes_an_update(named: Named) -> None:
    named.create(env={"VERSION": "1"})
    named.world.cloud.alarms.add("errors")
    with pytest.raises(Exception, match=r"alarms are in ALARM(.|\n)*goes on answering"):
        named.update(env={"VERSION": "2"}, rollback_alarms="errors")
    assert named.answer() == 1
    assert len(named.world.names("endpoint-config", named.name)) == 1


def test_data_that_another_model_needs_stay(named: Named) -> None:
    cloud, s3, bucket = named.world.cloud, named.world.client("s3"), named.world.bucket
    key = f"models/{named.name}/abc/model.tar.gz"
    s3.put_object(Bucket=bucket, Key=key, Body=b"")
    tags = [{"Key": naming.DEPLOYMENT, "Value": named.name}]
    for each in (f"{named.name}-0000000a", f"{named.name}-0000000b"):
        container = {"Image": "x", "ModelDataUrl": f"s3://{bucket}/{key}"}
        cloud._make("model", each, {"ModelName": each, "PrimaryContainer": container, "Tags": tags})
        variants = [{"VariantName": "main", "ModelName": each}]
        made = {"EndpointConfigName": each, "ProductionVariants": variants, "Tags": tags}
        cloud._make("endpoint-config", each, made)
    aws = Aws()
    parts.prune(aws, named.name, {f"{named.name}-0000000b"}, ignore)
    assert named.world.names("model", named.name) == [f"{named.name}-0000000b"]
    assert model_data.read(aws, f"s3://{bucket}/{key}") == b""
    named.target.delete(named.name)
    assert model_data.read(aws, f"s3://{bucket}/{key}") is None


def test_taken_by_a_stranger(named: Named) -> None:
    named.create()
    arn = f"arn:aws:sagemaker:eu-central-1:123456789012:endpoint/{named.name}"
    tags = named.world.cloud.tags[arn]
    kept = dict(tags)
    tags.clear()
    for call in (named.target.plan, named.target.create, named.target.update):
        with pytest.raises(AlreadyExists, match="not made by mlpack"):
            call(named.request())
    with pytest.raises(AlreadyExists):
        named.target.delete(named.name)
    assert named.name not in [each.name for each in named.target.list()]
    assert f"endpoint {named.name}" in named.left()
    tags |= kept


def test_a_model_of_its_name_that_is_a_strangers(named: Named) -> None:
    plan = named.target.plan(named.request())
    name = plan.details["requests"]["CreateModel"]["ModelName"]
    cloud = named.world.cloud
    cloud._make("model", name, {"ModelName": name, "PrimaryContainer": {"Image": "x"}})
    with pytest.raises(AlreadyExists, match="did not make it"):
        named.create()
    assert named.world.names("model", named.name) == [name]
    with pytest.raises(NotFound):
        named.target.delete(named.name)
    assert named.world.names("model", named.name) == [name]
    del cloud.things["model"][name]


def test_a_repository_that_the_user_named_stays(pushing: Named) -> None:
    named = pushing
    named.create(repository=f"team/{named.name}")
    named.target.delete(named.name)
    assert named.left() == [f"team/{named.name}"]


def test_errors_of_the_model_come_through(named: Named) -> None:
    named.create()
    with pytest.raises(InvalidInput, match="column a is missing"):
        named.target.predict(named.name, b"bad", "application/json")
    with pytest.raises(ModelFailed, match="division by zero"):
        named.target.predict(named.name, b"raise", "application/json")
    with pytest.raises(NotFound):
        named.target.predict("t-nothing", b"{}", "application/json")
