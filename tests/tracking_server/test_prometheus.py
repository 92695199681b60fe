"""/metrics: on by itself, bounded whatever clients send, and plain about what is missing."""

import sys


def _counts(client):
    lines = client.get("/metrics").text.splitlines()
    return [line for line in lines if line.startswith("mlpack_http_requests_total")]


def test_requests_are_counted_without_being_asked(client):
    client.get("/health")
    client.get("/api/2.0/mlflow/runs/get")
    counts = "\n".join(_counts(client))
    assert 'method="GET",route="/health",status="200"} 1.0' in counts
    assert 'route="/api/2.0/mlflow/runs/get",status="400"} 1.0' in counts


def test_addresses_and_methods_of_clients_make_no_counters(client):
    for number in range(20):
        client.open(f"/nothing/{number}", method=f"METHOD{number}")
    counts = _counts(client)
    assert len(counts) == 1 and 'method="other",route="none"' in counts[0]


def test_it_can_be_switched_off(make_app):
    assert make_app(expose_prometheus=False).test_client().get("/metrics").status_code == 404


def test_what_is_missing_is_told(make_app, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    client = make_app().test_client()
    assert client.get("/health").status_code == 200
    answer = client.get("/metrics")
    assert answer.status_code == 400
    assert "pip install 'mlpack-toolkit[prometheus]'" in answer.json["message"]
