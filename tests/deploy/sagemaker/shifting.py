"""How an update may shift requests.

From AWS's API_BlueGreenUpdatePolicy and API_TrafficRoutingConfig, and from the exclusions of
"Deployment guardrails" in its guide.
"""

from __future__ import annotations

from typing import Any

from .strict import invalid

_SIZES = {"CANARY": ("CanarySize", 1, 50), "LINEAR": ("LinearStepSize", 10, 50)}


def check_shift(asked: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
    """Raises `Refused` for a `DeploymentConfig` that cannot be done."""
    if not (config := asked.get("DeploymentConfig")):
        return
    variants = [{each["VariantName"]: each for each in c["ProductionVariants"]}
                for c in (before, after)]  # fmt: skip
    if variants[0].keys() != variants[1].keys():
        raise invalid("The variants of the old and the new configuration must have the same names")
    if any("ServerlessConfig" in each for each in variants[1].values()):
        raise invalid("DeploymentConfig is not supported for serverless endpoints")
    policy = config["BlueGreenUpdatePolicy"]
    routing = policy["TrafficRoutingConfiguration"]
    kind, steps = routing["Type"], 1
    for each, (key, low, high) in _SIZES.items():
        if (kind == each) != (key in routing):
            raise invalid(f"{key} goes with the type {each}")
        if kind == each:
            value = routing[key]["Value"]
            if not low <= value <= high:
                raise invalid(f"{key} must be from {low} to {high} percent")
            steps = 2 if kind == "CANARY" else -(-100 // value)
    waits = steps * routing["WaitIntervalInSeconds"] + policy.get("TerminationWaitInSeconds", 0)
    if policy.get("MaximumExecutionTimeoutInSeconds", 1 << 30) <= waits:
        raise invalid("MaximumExecutionTimeoutInSeconds must be larger than all waiting times")
