"""Batches as large as servers take: 1,000 values, 100 params, 100 tags, 1 MB a request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..entities import Metric, Param, RunTag
from ..validate import MAX_BATCH, MAX_BATCH_PAIRS

_MAX_BYTES = 900_000  # of the contract's 1 MB, what surrounds the items taken off
_BYTES_A_CHARACTER = 12  # at worst, as two \uXXXX
_BYTES_A_METRIC = 200  # its numbers, and the names of the fields
_BYTES_A_PAIR = 40


@dataclass(slots=True)
class Batch:
    """What one request carries."""

    metrics: list[Metric] = field(default_factory=list)
    params: list[Param] = field(default_factory=list)
    tags: list[RunTag] = field(default_factory=list)


def batches(
    metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[RunTag]
) -> Iterator[Batch]:
    """Few requests, in order; params first, since they are what a server may refuse.

    Yields:
        At least one batch.
    """
    batch, size, items = Batch(), 0, 0
    everything: tuple[Param | RunTag | Metric, ...] = (*params, *tags, *metrics)
    for item in everything:
        if isinstance(item, Metric):
            full = len(batch.metrics) >= MAX_BATCH
            more = _BYTES_A_METRIC + _BYTES_A_CHARACTER * _names(item)
        else:
            same = batch.params if isinstance(item, Param) else batch.tags
            full = len(same) >= MAX_BATCH_PAIRS
            more = _BYTES_A_PAIR + _BYTES_A_CHARACTER * (len(item.key) + len(item.value))
        if full or items >= MAX_BATCH or size + more > _MAX_BYTES:
            yield batch
            batch, size, items = Batch(), 0, 0
        size += more
        items += 1
        if isinstance(item, Metric):
            batch.metrics.append(item)
        elif isinstance(item, Param):
            batch.params.append(item)
        else:
            batch.tags.append(item)
    yield batch


def _names(metric: Metric) -> int:
    """Characters of what is not a number."""
    about = (metric.model_id or "", metric.dataset_name or "", metric.dataset_digest or "")
    return len(metric.key) + sum(map(len, about))
