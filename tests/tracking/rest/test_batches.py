"""Batches stay below what servers take, and lose nothing."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlpack.tracking.entities import Metric, Param, RunTag
from mlpack.tracking.rest import wire
from mlpack.tracking.rest.batches import batches


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=30)
@given(
    st.integers(0, 2500),
    st.integers(0, 250),
    st.integers(0, 250),
    st.sampled_from(["x", "é", "😀"]),
)
def test_every_batch_is_one_that_servers_take(metrics, params, tags, letter):
    given_metrics = [Metric(letter * 250, 1 / 3, i, i) for i in range(metrics)]
    given_params = [Param(f"p{i}", letter * 6000) for i in range(params)]
    given_tags = [RunTag(f"t{i}", letter * 8000) for i in range(tags)]
    found = list(batches(given_metrics, given_params, given_tags))
    assert [metric for batch in found for metric in batch.metrics] == given_metrics
    assert [param for batch in found for param in batch.params] == given_params
    assert [tag for batch in found for tag in batch.tags] == given_tags
    for batch in found:
        assert len(batch.params) <= 100 and len(batch.tags) <= 100
        assert len(batch.metrics) + len(batch.params) + len(batch.tags) <= 1000
        body = {
            "metrics": [*map(wire.metric_to_json, batch.metrics)],
            "params": [*map(wire.param_to_json, batch.params)],
            "tags": [*map(wire.tag_to_json, batch.tags)],
        }
        assert len(json.dumps(body)) < 1_000_000


def test_what_fits_is_one_batch():
    points = [Metric(f"metric_{i % 10}", float(i), 1_700_000_000_000 + i, i) for i in range(1000)]
    assert len(list(batches(points, (), ()))) == 1
    assert len(list(batches((), (), ()))) == 1
