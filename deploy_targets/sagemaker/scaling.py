"""The autoscaling policy of an endpoint's variant."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from ...builders.base import Progress, Report
from .aws import Aws, code, is_denied, is_missing
from .options import SagemakerOptions

_SPACE = "sagemaker"
_POLICY = "mlpack"


def bodies(name: str, options: SagemakerOptions) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """``RegisterScalableTarget`` and ``PutScalingPolicy`` of each variant; none without scaling."""
    if options.max_instances is None:
        return []
    dimension = "sagemaker:variant:DesiredInstanceCount"
    if options.serverless:
        dimension = "sagemaker:variant:DesiredProvisionedConcurrency"
    made = []
    for each in options.all_variants:
        common = {
            "ServiceNamespace": _SPACE,
            "ResourceId": f"endpoint/{name}/variant/{each.name}",
            "ScalableDimension": dimension,
        }
        target = {**common, "MinCapacity": options.min_instances}
        target["MaxCapacity"] = options.max_instances
        policy = {
            **common,
            "PolicyName": _POLICY,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                **_metric(name, options),
                "ScaleInCooldown": options.scale_in_cooldown,
                "ScaleOutCooldown": options.scale_out_cooldown,
            },
        }
        made.append((target, policy))
    return made


def is_so(aws: Aws, name: str, options: SagemakerOptions) -> bool:
    """Is the scaling as the options want it?"""
    wanted = bodies(name, options)
    client = aws.client("application-autoscaling")
    try:
        there = _targets(client, name)
        if {each["ResourceId"] for each in there} != {each["ResourceId"] for each, _ in wanted}:
            return False
        for target, policy in wanted:
            found = client.describe_scaling_policies(
                ServiceNamespace=_SPACE, ResourceId=target["ResourceId"]
            )["ScalingPolicies"]
            limits = [(e["MinCapacity"], e["MaxCapacity"]) for e in there
                      if e["ResourceId"] == target["ResourceId"]]  # fmt: skip
            if limits != [(target["MinCapacity"], target["MaxCapacity"])]:
                return False
            key = "TargetTrackingScalingPolicyConfiguration"
            there_now = [each.get(key, {}) for each in found if each["PolicyName"] == _POLICY]
            # AWS adds its defaults to what was sent
            if not there_now or not policy[key].items() <= there_now[0].items():
                return False
    except ClientError as error:
        if is_denied(error) and not wanted:
            return True  # nothing was asked for, and nothing can be seen
        raise
    return True


def apply(aws: Aws, name: str, options: SagemakerOptions, report: Report) -> None:
    """Make the scaling as the options want it."""
    if is_so(aws, name, options):
        return
    wanted = bodies(name, options)
    client = aws.client("application-autoscaling")
    _deregister(client, name, {each["ResourceId"] for each, _ in wanted})
    for target, policy in wanted:
        report(Progress("part", f"Autoscaling: {target['MinCapacity']} to {target['MaxCapacity']}"))
        client.register_scalable_target(**target)
        client.put_scaling_policy(**policy)


def remove(aws: Aws, name: str) -> None:
    """Remove the scaling of all variants; its alarms go with it."""
    try:
        _deregister(aws.client("application-autoscaling"), name, set())
    except ClientError as error:
        if not is_denied(error):
            raise


def _targets(client: Any, name: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("describe_scalable_targets").paginate(ServiceNamespace=_SPACE)
    return [
        each
        for page in pages
        for each in page["ScalableTargets"]
        if each["ResourceId"].startswith(f"endpoint/{name}/variant/")
    ]


def _deregister(client: Any, name: str, keep: set[str]) -> None:
    for each in _targets(client, name):
        if each["ResourceId"] in keep:
            continue
        key = {k: each[k] for k in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
        try:
            client.deregister_scalable_target(**key)
        except ClientError as error:
            if not is_missing(error) and code(error) != "ObjectNotFoundException":
                raise


def _metric(name: str, options: SagemakerOptions) -> dict[str, Any]:
    if options.serverless:
        kind = "SageMakerVariantProvisionedConcurrencyUtilization"
        share = min(options.target_invocations / 100, 0.9)
        return {"TargetValue": share, "PredefinedMetricSpecification": _predefined(kind)}
    if options.async_output:
        return {
            "TargetValue": options.target_invocations,
            "CustomizedMetricSpecification": {
                "MetricName": "ApproximateBacklogSizePerInstance",
                "Namespace": "AWS/SageMaker",
                "Dimensions": [{"Name": "EndpointName", "Value": name}],
                "Statistic": "Average",
            },
        }
    kind = "SageMakerVariantInvocationsPerInstance"
    return {
        "TargetValue": options.target_invocations,
        "PredefinedMetricSpecification": _predefined(kind),
    }


def _predefined(kind: str) -> dict[str, str]:
    return {"PredefinedMetricType": kind}


def is_on(aws: Aws, name: str) -> bool:
    """Does anything scale this endpoint?"""
    try:
        return bool(_targets(aws.client("application-autoscaling"), name))
    except ClientError as error:
        if is_denied(error):
            return False
        raise
