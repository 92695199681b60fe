"""``/metrics`` in Prometheus' text format, read by Prometheus' own parser."""

import os

from prometheus_client.parser import text_string_to_metric_families

from mlpack.errors import Busy, DeadlineExceeded, ModelFailed
from mlpack.serve.exchange import Answer, Exchange
from mlpack.serve.metrics import Metrics


def samples(metrics):
    text = metrics.render().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found, name, **labels):
    return found[name, tuple(sorted(labels.items()))]


def exchange(model="m", route="/invocations", error=None, body=b"12345", **facts):
    return Exchange({}, body=body, route=route, model=model, error=error, facts=facts)


def test_shadow_calls_are_no_requests():
    metrics = Metrics(1)
    metrics.observe(exchange(shadow=True), Answer(b""))
    metrics.observe(exchange(shadow=True, error=ModelFailed("no")), Answer(b""))
    found = samples(metrics)
    assert value(found, "mlpack_shadow_calls_total", model="m", outcome="ok") == 1
    assert value(found, "mlpack_shadow_calls_total", model="m", outcome="failed") == 1
    assert not [name for name, _ in found if name == "mlpack_requests_total"]


def test_requests_rows_and_bytes():
    metrics = Metrics(1)
    facts = {"rows": 3, "model_seconds": 0.02, "queue_seconds": 0.001, "batch_rows": 30}
    for _ in range(2):
        metrics.observe(exchange(**facts), Answer(b"ab"))
    metrics.observe(exchange("", "", body=b""), Answer(b"", status=404))
    found = samples(metrics)
    where = {"route": "/invocations", "model": "m"}
    assert value(found, "mlpack_requests_total", status="2xx", **where) == 2
    assert value(found, "mlpack_requests_total", status="4xx", route="other", model="") == 1
    assert value(found, "mlpack_request_duration_seconds_count", **where) == 2
    assert value(found, "mlpack_request_duration_seconds_bucket", le="+Inf", **where) == 2
    assert value(found, "mlpack_model_duration_seconds_bucket", model="m", le="0.01") == 0
    assert value(found, "mlpack_model_duration_seconds_bucket", model="m", le="0.025") == 2
    assert value(found, "mlpack_queue_duration_seconds_sum", model="m") == 0.002
    assert value(found, "mlpack_request_rows_sum", model="m") == 6
    assert value(found, "mlpack_batch_rows_bucket", model="m", le="16") == 0
    assert value(found, "mlpack_batch_rows_bucket", model="m", le="32") == 2
    assert value(found, "mlpack_request_bytes_total", model="m") == 10
    assert value(found, "mlpack_response_bytes_total", model="m") == 4


def test_errors_by_kind_and_what_is_counted_apart():
    metrics = Metrics(1)
    for error in (ModelFailed("no"), Busy("full"), DeadlineExceeded("late"), ValueError("bug")):
        status = getattr(error, "http_status", 500)
        metrics.observe(exchange(error=error), Answer(b"", status=status))
    found = samples(metrics)
    assert value(found, "mlpack_errors_total", model="m", code="INTERNAL_ERROR") == 2
    assert value(found, "mlpack_errors_total", model="m", code="RESOURCE_EXHAUSTED") == 1
    assert value(found, "mlpack_requests_refused_total", model="m") == 1
    assert value(found, "mlpack_requests_expired_total", model="m") == 1


def test_what_never_happened_is_shown_as_zero():
    found = samples(Metrics(1))
    for name in ("in_flight", "timed_out_total"):
        assert value(found, f"mlpack_requests_{name}") == 0
    assert value(found, "mlpack_worker_restarts_total") == 0


def test_names_that_need_escaping_come_through():
    metrics = Metrics(1)
    odd = 'a"b\\c\nd {e="f"} ü'
    metrics.tell_of_model(odd, "3", "sha256:0", "run")
    metrics.captured.add(1, (odd,))
    found = samples(metrics)
    assert value(found, "mlpack_captured_total", model=odd) == 1
    assert (
        value(found, "mlpack_model_info", model=odd, version="3", digest="sha256:0", run_id="run")
        == 1
    )


def test_units_and_kinds_keep_prometheus_rules():
    for family in Metrics(1).meters.families:
        assert family.name.startswith("mlpack_")
        assert family.name.endswith("_total") == (family.kind == "counter"), family.name
        if family.kind == "histogram":
            assert family.name.endswith(("_seconds", "_rows"))
        assert family.help.endswith(".")


def test_memory_of_each_worker():
    metrics = Metrics(2)
    metrics.meters.enter_slot(metrics.meters.take_slot())
    found = samples(metrics)
    resident = value(found, "mlpack_worker_resident_memory_bytes", worker="1")
    assert resident >= value(found, "mlpack_worker_proportional_memory_bytes", worker="1") > 1e6
    assert [pid for _, pid in metrics.meters.processes()] == [os.getpid()]
