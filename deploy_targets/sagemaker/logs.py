"""What the containers wrote, from CloudWatch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .aws import Aws, is_missing

_STREAMS = 20  # the newest containers; older ones ended long ago
_PAUSE = 2.0


def group(name: str) -> str:
    """The log group of an endpoint."""
    return f"/aws/sagemaker/Endpoints/{name}"


def last_lines(aws: Aws, log_group: str, count: int, prefix: str = "") -> list[str]:
    """The end of a log; empty when there is none, or it may not be read: it only explains."""
    try:
        return [event["message"] for event in _newest(aws, log_group, count, prefix)]
    except (ClientError, BotoCoreError):
        return []


def lines(aws: Aws, log_group: str, tail: int | None, follow: bool) -> Iterator[str]:
    """A log, oldest line first; with ``follow`` without end."""
    seen: set[str] = set()
    since = 0
    if tail is None:
        for event in _all(aws, log_group, 0):
            since = event["timestamp"]
            seen.add(event["eventId"])
            yield event["message"].rstrip("\n")
    else:
        for event in _newest(aws, log_group, tail) if tail else ():
            since = max(since, event["timestamp"] + 1)
            yield event["message"].rstrip("\n")
        since = since or int(time.time() * 1000)
    while follow:
        time.sleep(_PAUSE)
        for event in _all(aws, log_group, since):
            if event["eventId"] not in seen:
                since = max(since, event["timestamp"])
                seen.add(event["eventId"])
                yield event["message"].rstrip("\n")


def _all(aws: Aws, log_group: str, since: int) -> Iterator[Any]:
    pages = (
        aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=log_group, startTime=since)
    )
    try:
        for page in pages:
            yield from page["events"]
    except ClientError as error:
        if not is_missing(error):
            raise


def _newest(aws: Aws, log_group: str, count: int, prefix: str = "") -> list[Any]:
    client = aws.client("logs")
    found: list[Any] = []
    by_time = {} if prefix else {"orderBy": "LastEventTime", "descending": True}
    named = {"logStreamNamePrefix": prefix} if prefix else {}
    try:
        streams = client.describe_log_streams(
            logGroupName=log_group, limit=_STREAMS, **by_time, **named
        )["logStreams"]
        for stream in streams:
            found += client.get_log_events(
                logGroupName=log_group,
                logStreamName=stream["logStreamName"],
                limit=count,
                startFromHead=False,
            )["events"]
    except ClientError as error:
        if not is_missing(error):
            raise
    return sorted(found, key=lambda event: event["timestamp"])[-count:]
