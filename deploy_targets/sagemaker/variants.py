"""One variant more, or another share of the traffic: the modes ``add`` and ``canary``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...errors import InvalidInput, InvalidState
from .options import SagemakerOptions, Variant
from .state import Endpoint, weights
from .wanted import Wanted

_DEFAULT = "main"  # of the option `variant`
_KEPT = ("DataCaptureConfig", "AsyncInferenceConfig", "KmsKeyId")


def place(wanted: Wanted, existing: Endpoint | None) -> Wanted:
    """Put this model's variants beside those that stay.

    Raises:
        InvalidState: there is no endpoint to add to.
        InvalidInput: the variant's name is taken by another model.
    """
    options = wanted.options
    if wanted.replaces and existing is not None:
        return _in_place(wanted, existing)
    if options.mode == "replace":
        return replace(wanted, variants=options.all_variants)
    if existing is None or not existing.config:
        raise InvalidState(
            f"There is no endpoint {wanted.name!r} to add a variant to. Deploy it with "
            "-C mode=replace first."
        )
    here: list[Mapping[str, Any]] = list(existing.config["ProductionVariants"])
    name = variant_name(options)
    model = wanted.model()["ModelName"]
    same = [each for each in here if each["VariantName"] == name]
    if options.mode == "add" and same and same[0].get("ModelName") != model:
        raise InvalidInput(
            f"The endpoint {wanted.name!r} has a variant {name!r} already. "
            "Name the new one: -C variant=…"
        )
    others = tuple(_stays(each) for each in here if each["VariantName"] != name)
    if not others:
        raise InvalidInput(
            f"{name!r} is the only variant of {wanted.name!r}. Name the new one: -C variant=…"
        )
    weight = options.weight
    if options.mode == "canary":
        # the same configuration for every share: shares are shifted, not configured
        weight = 0.0
    made = Variant(name, weight, options.instance_type, options.instance_count)
    kept = {key: existing.config[key] for key in _KEPT if existing.config.get(key)}
    return replace(wanted, current=others, variants=(made,), inherited=kept)


def check_shift(wanted: Wanted, existing: Endpoint | None) -> None:
    """Raises `InvalidInput` where AWS would not shift requests: between other variants.

    Source: AWS's guide, "Deployment guardrails", exclusions.
    """
    update = wanted.update()
    if existing is None or not existing.config or "DeploymentConfig" not in update:
        return
    if existing.config_name == update["EndpointConfigName"]:
        return
    before = {str(each["VariantName"]) for each in existing.config["ProductionVariants"]}
    after = {each.name for each in wanted.variants}
    if before != after:
        raise InvalidInput(
            f"The endpoint {wanted.name!r} has the variants {', '.join(sorted(before))}, and would "
            f"have {', '.join(sorted(after))}. AWS shifts requests between the same ones only: "
            "leave out 'traffic', 'termination_wait' and 'rollback_alarms' this time."
        )


def variant_name(options: SagemakerOptions) -> str:
    """Of the variant that is added."""
    if options.mode == "canary" and options.variant == _DEFAULT:
        return "canary"
    return options.variant


def share_weights(options: SagemakerOptions, now: Mapping[str, float]) -> dict[str, float]:
    """Weights that give the canary its share and leave the others' proportions.

    Args:
        options: with the share.
        now: the weights of all variants.
    """
    name = variant_name(options)
    others = sum(weight for each, weight in now.items() if each != name)
    if others <= 0:
        raise InvalidState("All other variants have the weight 0; use -C mode=replace instead.")
    return {**now, name: round(options.share / (1 - options.share) * others, 6)}


def shifted(options: SagemakerOptions, endpoint: Endpoint) -> dict[str, float] | None:
    """The weights to set on an endpoint that has the canary; None if they are right."""
    if options.mode != "canary":
        return None
    now = weights(endpoint)
    then = share_weights(options, now)
    name = variant_name(options)
    return None if abs(then[name] - now.get(name, -1.0)) < 1e-5 else then


def _in_place(wanted: Wanted, existing: Endpoint) -> Wanted:
    """The same variants, with this model where the one was that it replaces."""
    model = wanted.model()["ModelName"]
    variants = tuple(
        {**_stays(each), **({"ModelName": model} if each["ModelName"] == wanted.replaces else {})}
        for each in existing.config["ProductionVariants"]
    )
    kept = {key: existing.config[key] for key in _KEPT if existing.config.get(key)}
    return replace(wanted, current=variants, variants=(), inherited=kept)


def _stays(variant: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in variant.items() if value is not None}
