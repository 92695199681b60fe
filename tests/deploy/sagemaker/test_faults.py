"""What goes wrong in AWS and on the way there: one clear error, nothing half made in the way."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from mlpack.deploy_targets.sagemaker import apply
from mlpack.deploy_targets.sagemaker.target import SagemakerTarget
from mlpack.errors import (
    Busy,
    Conflict,
    DeadlineExceeded,
    DeployFailed,
    EngineUnavailable,
    InvalidInput,
    InvalidState,
    Unauthenticated,
)
from mlpack.tests.serve.real import eventually

from .conftest import Named
from .rights import documented

pytestmark = [pytest.mark.docker, pytest.mark.cloud]


def test_a_failed_health_check_shows_the_log_and_leaves_nothing(pushing: Named) -> None:
    named = pushing
    with pytest.raises(DeployFailed) as failed:
        named.create(env={"CRASH": "1"})
    assert "did not pass the ping health check" in failed.value.reason
    assert "cannot load the model" in failed.value.log
    assert "startup_timeout" in failed.value.advice
    assert named.left() == [f"mlpack/{named.name}"]  # the image, for the next try


def test_an_update_that_fails_leaves_what_ran(named: Named) -> None:
    named.create(env={"VERSION": "1"})
    before = named.left()
    named.world.cloud.ping_seconds = 1.0
    with pytest.raises(DeployFailed, match=r"ping health check(.|\n)*goes on answering"):
        named.update(env={"VERSION": "2", "SICK": "1"})
    assert named.answer() == 1
    assert named.left() == before


@pytest.mark.parametrize(
    ("fault", "reason", "advice"),
    [
        ("capacity", "InsufficientInstanceCapacity", "no such instances free now"),
        ("quota", "service limit 'ml.m5.large for endpoint usage' is 0", "Service Quotas"),
        ("image", "make sure all images", "ecr:BatchGetImage"),
    ],
)
def test_reasons_and_what_to_try(named: Named, fault: str, reason: str, advice: str) -> None:
    cloud = named.world.cloud
    if fault == "capacity":
        cloud.capacity.add("ml.m5.large")
    elif fault == "quota":
        cloud.quota["ml.m5.large"] = 0
    else:
        # it was there when the model was made
        exists = cloud._image_exists
        cloud._image_exists = lambda _: True
        image = f"{named.world.ecr.host}/gone@sha256:{'0' * 64}"
    try:
        with pytest.raises(DeployFailed) as failed:
            named.create(image if fault == "image" else None)
    finally:
        if fault == "image":
            cloud._image_exists = exists
    assert reason in failed.value.reason
    assert advice in failed.value.advice
    assert not [each for each in named.left() if each != f"mlpack/{named.name}"]


def test_throttling_and_lost_connections_are_outlived(pushing: Named) -> None:
    named = pushing
    named.fault("sagemaker:.*", "throttle", 2)
    named.fault("sagemaker:CreateModel", "drop")
    named.fault("sagemaker:CreateEndpointConfig", "lose")
    named.fault("sagemaker:CreateEndpoint", "lose")
    named.fault("ecr:.*", "drop", 1)
    named.create(env={"VERSION": "1"})
    assert named.answer() == 1
    assert len(named.left()) == 4
    named.fault("sagemaker:UpdateEndpoint", "lose")
    named.update(env={"VERSION": "2"})
    assert named.answer() == 2
    named.fault("sagemaker:DeleteEndpoint", "lose")
    named.target.delete(named.name)
    assert named.left() == []


def test_throttling_without_end(named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    named.fault("sagemaker:DescribeEndpoint", "throttle", 99)
    with pytest.raises(Busy, match="asked too often"):
        named.target.plan(named.request())


def test_credentials_that_expire_in_the_middle(named: Named) -> None:
    named.fault("sagemaker:CreateEndpoint", "expired")
    with pytest.raises(Unauthenticated, match=r"have expired(.|\n)*goes on where this one stopped"):
        named.create()
    made = [each for each in named.left() if each.startswith("model")]
    assert made  # what there is costs nothing, and the next run takes it up
    named.create()
    assert [each for each in named.left() if each.startswith("model")] == made
    assert named.answer() == 1


def test_killed_while_it_waits_and_run_again(named: Named) -> None:
    go = named.world.cloud.go
    go.clear()
    started = named.target.create(named.request(wait=False))
    assert started.status == "starting"
    assert named.target.plan(named.request()).action == "create"
    with pytest.raises(InvalidState, match="to something else"):
        named.update(env={"VERSION": "2"})
    go.set()
    assert named.create().status == "healthy"

    go.clear()
    named.target.update(named.request(wait=False, env={"VERSION": "2"}))
    with pytest.raises(InvalidState, match="to something else"):
        named.update(env={"VERSION": "3"})
    go.set()
    assert named.update(env={"VERSION": "2"}).status == "healthy"
    assert named.answer() == 2
    named.target.rollback(named.name)  # it is known what ran before
    assert named.answer() == 1


def test_two_at_once(named: Named) -> None:
    go = named.world.cloud.go
    go.clear()
    results: list[object] = []

    def deploy() -> None:
        try:
            results.append(named.create())
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=deploy) for _ in range(2)]
    for thread in threads:
        thread.start()
    eventually(lambda: results)
    go.set()
    for thread in threads:
        thread.join()
    refused = [each for each in results if isinstance(each, Exception)]
    assert all(isinstance(each, InvalidState) for each in refused), refused
    assert len(refused) == 1


def test_somebody_elsewhere_is_faster(named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud, make_parts = named.world.cloud, apply.make_parts
    tags = [{"Key": "mlpack:deployment", "Value": named.name}]
    theirs = {"EndpointConfigName": f"{named.name}-00000000", "EndpointStatus": "Creating"}

    def slower(*arguments: Any, **also: Any) -> str:
        made = make_parts(*arguments, **also)
        cloud._make("endpoint", named.name, {**theirs, "Tags": tags})
        return made

    monkeypatch.setattr(apply, "make_parts", slower)
    with pytest.raises(Conflict, match="Somebody else is deploying"):
        named.create()
    del cloud.things["endpoint"][named.name]


def test_it_takes_too_long(named: Named) -> None:
    go = named.world.cloud.go
    go.clear()
    with pytest.raises(DeadlineExceeded, match=r"AWS goes on(.|\n)*timeout="):
        named.create(timeout="1")
    go.set()
    assert named.create().status == "healthy"


def test_one_that_is_being_made_is_deleted(named: Named) -> None:
    named.world.cloud.slow = 0.5
    named.target.create(named.request(wait=False))
    named.target.delete(named.name)
    assert named.left() == []


def test_a_delete_that_broke_off_is_finished_by_the_next(named: Named) -> None:
    named.create()
    named.fault("sagemaker:DeleteModel", "expired")
    with pytest.raises(Unauthenticated):
        named.target.delete(named.name)
    assert named.left()
    named.target.delete(named.name)
    assert named.left() == []


def test_no_credentials(named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Unauthenticated, match=r"no AWS credentials\. .*aws sso login"):
        named.target.plan(named.request())


def test_nobody_there(named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(EngineUnavailable, match="Is the network there, and the region right"):
        named.target.plan(named.request())


def test_places_that_are_not(named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="'region' is 'Frankfurt'"):
        named.target.plan(named.request(region="Frankfurt"))
    with pytest.raises(InvalidInput, match=r"could not be found.*list-profiles"):
        named.target.plan(named.request(profile="nobody"))
    with pytest.raises(InvalidInput, match="of the account 123456789012, not of 210987654321"):
        named.target.plan(named.request(account="210987654321"))
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with pytest.raises(InvalidInput, match="Did you mean eu-central-1"):
        named.target.plan(named.request(region="eu-centrel-1"))
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(InvalidInput, match="No AWS region is set"):
        SagemakerTarget().plan(named.request())


def test_profiles_and_regions_of_the_configuration(
    named: Named, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (tmp_path / "config").write_text("[profile work]\nregion = eu-central-1\n")
    (tmp_path / "credentials").write_text(
        "[work]\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    assert named.target.plan(named.request(profile="work")).action == "create"
    assert named.target.at({"profile": "work", "region": "eu-west-1"}).list() == []


def test_roles(named: Named) -> None:
    with pytest.raises(InvalidInput, match="-C role="):
        named.target.plan(named.request(role=None))
    with pytest.raises(InvalidInput, match="no role 'nobody'"):
        named.target.plan(named.request(role="nobody"))
    other = "arn:aws:iam::999999999999:role/sagemaker"
    with pytest.raises(InvalidInput, match="of the account 999999999999"):
        named.target.plan(named.request(role=other))
    trust = {"Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
                           "Action": "sts:AssumeRole"}, "Version": "2012-10-17"}  # fmt: skip
    named.world.client("iam").create_role(
        RoleName=f"other-{named.name}", AssumeRolePolicyDocument=json.dumps(trust)
    )
    with pytest.raises(InvalidInput, match="does not trust sagemaker"):
        named.target.plan(named.request(role=f"other-{named.name}"))
    named.fault("iam:GetRole", "denied")
    plan = named.target.plan(named.request(role="sagemaker"))
    assert "not checked" in plan.steps[0]


def test_what_is_denied_is_named(named: Named) -> None:
    front = named.world.front
    front.policy = [
        {
            **each,
            "Action": [action for action in each["Action"] if action != "sagemaker:CreateModel"],
        }
        for each in documented(named.world.bucket)
    ]
    with pytest.raises(DeployFailed, match=r"does not allow CreateModel(.|\n)*deploy_sagemaker"):
        named.create()
    (denied,) = front.denied
    assert denied.startswith("sagemaker:CreateModel arn:aws:sagemaker:eu-central-1:123456789012:")
    assert not named.world.names("model", named.name)


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"instance_type": "m5.large"}, "'instance_type' is 'm5.large'"),
    ({"instance_type": "ml.m5.larg"}, "Did you mean 'ml.m5.large'"),
    ({"volume": "9999"}, "at most 512"),
    ({"startup_timeout": "5"}, "60 or more"),
    ({"subnets": "a b", "security_groups": "sg-1"}, "does not have the form"),
    ({"kms_key": "key with spaces"}, "does not have the form"),
    ({"env": {"A-B": "secret"}}, "'A-B'"),
    ({"serverless": "true", "serverless_concurrency": "500"}, "at most 200"),
    ({"batch_input": "s3://nothing-here/x", "batch_output": "s3://y-y-y/z"}, "no bucket"),
    ({"tags": ["aws:x=1"]}, "reserved"),
]


def test_what_aws_would_refuse_is_refused_before_anything_is_made(named: Named) -> None:
    for options, told in REFUSED:
        with pytest.raises(InvalidInput, match=told) as refused:
            named.create(**options)
        assert "secret" not in str(refused.value)
    made = [call for call in named.world.front.calls if ":Create" in call or ":Put" in call]
    assert made == []
