"""Waiting for the cloud, with what it says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from ...builders.base import Progress, Report
from ...errors import DeadlineExceeded
from .aws import Aws, is_missing

_REPEAT = 30  # seconds after which an unchanged status is told again


@dataclass(frozen=True)
class Patience:
    """How often to ask, and for how long.

    Attributes:
        first: seconds until the second question; each next pause is longer.
        longest: seconds between two questions.
        total: seconds in all.
    """

    first: float = 1.0
    longest: float = 15.0
    total: float = 3600.0


def wait(
    ask: Callable[[], Mapping[str, Any]],
    status: Callable[[Mapping[str, Any]], str],
    stage: Callable[[Mapping[str, Any]], str],
    busy: tuple[str, ...],
    what: str,
    patience: Patience,
    report: Report,
) -> Mapping[str, Any]:
    """Ask until the status is none of ``busy``.

    A connection that breaks meanwhile is not the end: the cloud goes on, and so does this.

    Args:
        ask: the question.
        status: of an answer.
        stage: more about it, '' for nothing.
        busy: statuses to wait on.
        what: is waited for.
        patience: how often, and how long.
        report: called with what happens.

    Returns:
        The last answer.

    Raises:
        DeadlineExceeded: it takes longer than the patience lasts; the cloud goes on.
    """
    started = told_at = time.monotonic()
    pause, told = patience.first, ""
    while True:
        now = time.monotonic()
        try:
            answer = ask()
        except (ConnectionError, HTTPClientError) as error:
            said = f"{what}: AWS does not answer ({type(error).__name__}), asking again"
        else:
            word = status(answer)
            if word not in busy:
                return answer
            more = stage(answer)
            said = f"{what}: {word}" + (f" ({more})" if more else "")
        if said != told or now - told_at > _REPEAT:
            spent = f" ({now - started:.0f} s)" if told else ""
            report(Progress("part" if said != told else "log", said + spent))
            told, told_at = said, now
        if now - started > patience.total:
            raise DeadlineExceeded(
                f"{said} after {patience.total:g} s. AWS goes on; run the same command again to "
                "go on waiting, or wait longer with -C timeout=…"
            )
        time.sleep(pause)
        pause = min(pause * 1.3, patience.longest)


def wait_endpoint(aws: Aws, name: str, patience: Patience, report: Report) -> Mapping[str, Any]:
    """Wait until nothing changes at an endpoint any more; its description."""
    client = aws.client("sagemaker")
    busy = ("Creating", "Updating", "SystemUpdating", "RollingBack")
    return wait(
        lambda: client.describe_endpoint(EndpointName=name),
        lambda answer: str(answer["EndpointStatus"]),
        _stage,
        busy,
        f"Endpoint {name}",
        patience,
        report,
    )


def wait_gone(aws: Aws, name: str, patience: Patience, report: Report) -> None:
    """Wait until an endpoint is deleted."""
    client = aws.client("sagemaker")

    def ask() -> Mapping[str, Any]:
        try:
            return dict(client.describe_endpoint(EndpointName=name))
        except ClientError as error:
            if is_missing(error):
                return {"EndpointStatus": "gone"}
            raise

    def status(answer: Mapping[str, Any]) -> str:
        return str(answer["EndpointStatus"])

    wait(ask, status, lambda _: "", ("Deleting",), f"Endpoint {name}", patience, report)


def _stage(answer: Mapping[str, Any]) -> str:
    """What the variants of an update under way are doing: Baking, ActivatingTraffic, …"""
    pending = answer.get("PendingDeploymentSummary") or {}
    stages = {
        str(status.get("StatusMessage") or status.get("Status"))
        for variant in pending.get("ProductionVariants", ())
        for status in variant.get("VariantStatus", ())
    }
    return ", ".join(sorted(stages))
