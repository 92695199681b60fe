"""/metrics: on by itself, bounded whatever clients send, and plain about what is missing."""

import os
import subprocess
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


def test_a_counter_that_cannot_be_kept_fails_no_request(client, monkeypatch):
    from prometheus_client import Counter, Gauge

    def broken(*_args, **_kwargs):
        raise FileNotFoundError("the folder is gone")

    monkeypatch.setattr(Counter, "inc", broken)
    monkeypatch.setattr(Gauge, "inc", broken)
    monkeypatch.setattr(Gauge, "dec", broken)
    assert client.get("/health").status_code == 200


def test_it_can_be_switched_off(make_app):
    assert make_app(expose_prometheus=False).test_client().get("/metrics").status_code == 404


def test_what_is_missing_is_told(make_app, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    client = make_app().test_client()
    assert client.get("/health").status_code == 200
    answer = client.get("/metrics")
    assert answer.status_code == 400
    assert "pip install 'mlpack-toolkit[prometheus]'" in answer.json["message"]


def test_folders_of_killed_servers_go_and_those_of_running_ones_stay(tmp_path):
    """Also of those whose parent was killed but whose workers still run."""
    script = (
        "import sys, mlpack.tracking_server.prometheus as p, pathlib\n"
        "p.heartbeat_folder = lambda: sys.argv[1]\n"
        "p.make_folder()\n"
        "print('made', flush=True)\n"
        "sys.stdin.read()\n"
    )

    def server():
        command = [sys.executable, "-c", script, str(tmp_path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen(command, **pipes)
        process.stdout.readline()
        return process

    def age():
        folders = list(tmp_path.iterdir())
        for folder in folders:
            os.utime(folder, (0, 0))
        return folders

    first = server()
    (old,) = age()
    second = server()
    assert old.exists() and len(list(tmp_path.iterdir())) == 2
    first.kill()
    first.communicate()
    age()
    third = server()
    assert not old.exists() and len(list(tmp_path.iterdir())) == 2
    for process in (second, third):
        process.communicate()
    assert list(tmp_path.iterdir()) == []
