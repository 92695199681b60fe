"""What a cluster would refuse, or take and never run: said before anything is sent.

Rules: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and …/labels/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...errors import InvalidInput
from ..base import check_name
from .options import ClusterOptions, KServeOptions, KubernetesOptions

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_KEY = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?")
_UNITS = {"": 1.0, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_UNITS |= {"E": 1e18} | {f"{u}i": 1024.0 ** (n + 1) for n, u in enumerate("KMGTPE")}


def check(name: str, options: ClusterOptions) -> None:
    """Raises `InvalidInput` for names, quantities and combinations that no cluster takes."""
    check_name(name)
    if not name[0].isalpha():
        raise InvalidInput(f"{name!r} cannot name a Service: it must begin with a letter.")
    for key in options.env:
        if not _VARIABLE.fullmatch(key):
            raise InvalidInput(f"The option 'env' holds {key!r}, which cannot name a variable.")
    _check_labels("labels", options.labels)
    _check_labels("node_selector", options.node_selector)
    for key in options.annotations:
        _check_key("annotations", key)
    named = {"service_account": options.service_account, "priority_class": options.priority_class}
    named |= {f"pull_secrets[{n}]": each for n, each in enumerate(options.pull_secrets)}
    for option, value in named.items():
        if value is not None and not _SUBDOMAIN.fullmatch(value):
            raise InvalidInput(f"The option {option!r} is {value!r}, which cannot name an object.")
    _check_limits(options)
    _check_scaling(options)


def _check_limits(options: ClusterOptions) -> None:
    pairs = (
        ("cpu", options.cpu, options.cpu_limit),
        ("memory", options.memory, options.memory_limit),
    )
    for what, reserved, limit in pairs:
        if amount(reserved) <= 0:
            raise InvalidInput(f"The option {what!r} is {reserved!r}; reserve more than nothing.")
        if limit is not None and amount(limit) < amount(reserved):
            raise InvalidInput(
                f"The option '{what}_limit' is {limit}, below what {what!r} reserves, {reserved}."
            )
    if amount(options.memory) < 1e6:
        raise InvalidInput(
            f"The option 'memory' is {options.memory!r}, which are bytes; write 512Mi or 1Gi."
        )


def _check_scaling(options: ClusterOptions) -> None:
    least = 0
    if isinstance(options, KubernetesOptions):
        least = options.replicas
        if options.tls_secret and not options.host:
            raise InvalidInput("The option 'tls_secret' needs 'host': which name to answer to.")
        if options.host is None and (options.ingress_class or options.ingress_annotations):
            raise InvalidInput("An Ingress needs the option 'host': which name to answer to.")
    if isinstance(options, KServeOptions):
        least = options.min_replicas
        if options.way == "mlflow" and options.workers is not None:
            raise InvalidInput("The option 'workers' is of our image; KServe's server has none.")
        if options.way == "image" and options.storage_uri:
            raise InvalidInput("The option 'storage_uri' is for -C way=mlflow; our image has it.")
        if options.scale_metric and not options.scale_target:
            raise InvalidInput("The option 'scale_metric' needs 'scale_target': at which value.")
    most = getattr(options, "max_replicas", None)
    if most is not None and most < least:
        raise InvalidInput(f"The option 'max_replicas' is {most}, below the {least} at least.")


def amount(quantity: str) -> float:
    """``500m`` → 0.5, ``1Gi`` → 1073741824."""
    number = quantity.rstrip("mkKMGTPEi")
    unit = quantity[len(number) :]
    if unit not in _UNITS:
        raise InvalidInput(f"{quantity!r} is not a quantity such as 500m or 1Gi.")
    return float(number) * _UNITS[unit]


def _check_labels(option: str, labels: Mapping[str, str]) -> None:
    for key, value in labels.items():
        _check_key(option, key)
        if not _VALUE.fullmatch(value):
            raise InvalidInput(
                f"The option {option!r} has {value!r} for {key!r}; a label's value is up to 63 "
                "letters, digits and - _ . between them."
            )


def _check_key(option: str, key: str) -> None:
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            f"The option {option!r} holds {key!r}; a key is up to 63 letters, digits and - _ . "
            "between them, with a domain and / before it if need be."
        )
