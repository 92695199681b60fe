"""The scoring form: what it may make the server ask, and what comes back of it."""

from __future__ import annotations

import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager

import pytest

from mlpack.errors import InvalidInput
from mlpack.tests.ports import free_port
from mlpack.tracking_server.security import Forbidden
from mlpack.tracking_server.settings import ServerSettings
from mlpack.tracking_server.ui import scoring_call
from mlpack.tracking_server.ui.scoring_rule import (
    Endpoint,
    allowed_addresses,
    may_reach_local,
    parse_endpoint,
)

EXAMPLE = '{"inputs": [1, 2]}'


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.path, dict(self.headers), body))
        self.server.answer(self)

    def log_message(self, *_):
        pass


def _answer(status=200, kind="application/json", body=b'{"predictions": [1]}', **headers):
    def send(handler):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


@contextmanager
def _endpoint(answer=None):
    """A server that notes what it is asked: itself, and its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.asked, server.answer, server.daemon_threads = [], answer or _answer(), True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}/invocations"
    finally:
        server.shutdown()
        server.server_close()


def _score(client, endpoint, content=EXAMPLE, **more):
    return client.post("/ui/score", json={"endpoint": endpoint, "content": content, **more})


# --- addresses ---


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("http://127.0.0.1:5001", "http://127.0.0.1:5001/invocations"),
        ("  http://LOCALHOST:80/ \n", "http://localhost/invocations"),
        ("https://a.example/score", "https://a.example/score"),
        ("http://a.example./ns/churn-1/invocations", "http://a.example/ns/churn-1/invocations"),
        ("http://[::1]:8080/models/m/invocations", "http://[::1]:8080/models/m/invocations"),
        ("https://a.example:443/models/x/invoke", "https://a.example/models/x/invoke"),
    ],
)
def test_addresses_of_scoring_servers(text, meant):
    assert str(parse_endpoint(text)) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "invocations",
        "file:///etc/passwd",
        "ftp://a/invocations",
        "gopher://127.0.0.1:6379/invocations",
        "javascript:alert(1)//invocations",
        "http://user:secret@127.0.0.1/invocations",
        "http://127.0.0.1@evil.example/invocations",
        "http://127.0.0.1/latest/meta-data",
        "http://127.0.0.1/admin?x=/invocations",
        "http://127.0.0.1/x#/invocations",
        "http://127.0.0.1/../admin/invocations",
        "http://127.0.0.1/%2e%2e/invocations",
        "http://127.0.0.1//evil/invocations",
        "http://127.0.0.1\\@evil.example/invocations",
        "http://127.0.0.1/a b/invocations",
        "http://127.0.0.1/invocations\r\nX: y",
        "http://127.0.0.1:99999/invocations",
        "http://127.0.0.1:0/invocations",
        "http://127.0.0.1:1:2/invocations",
        "http:///invocations",
        "http://[::1/invocations",
        "http://[fe80::1%25eth0]/invocations",
        "http://ｅvil.example/invocations",
        "http://a" + "a" * 1000 + "/invocations",
    ],
)
def test_addresses_of_anything_else(text):
    with pytest.raises(InvalidInput):
        parse_endpoint(text)


def _named(monkeypatch, **hosts):
    """Names that stand for addresses; returns what was looked up."""
    asked = []
    real = socket.getaddrinfo

    def look_up(host, port, *rest, **more):
        asked.append(host)
        if host in hosts:
            return [info for each in hosts[host] for info in real(each, port, *rest, **more)]
        return real(host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def _allowed(host, /, *patterns, port=80, **settings):
    endpoint = Endpoint("http", host, port, "/invocations")
    return allowed_addresses(endpoint, ServerSettings(scoring_endpoints=patterns, **settings))


def test_a_server_for_this_machine_asks_this_machine(monkeypatch):
    asked = _named(monkeypatch, localhost=["::1", "127.0.0.1"], evil=["127.0.0.1"])
    assert _allowed("127.0.0.1") == ["127.0.0.1"]
    assert _allowed("localhost") == ["::1", "127.0.0.1"]
    assert _allowed("::1") == ["::1"]
    assert _allowed("::ffff:127.0.0.1") == ["::ffff:7f00:1"]
    asked.clear()
    for host in ("evil", "10.0.0.5", "192.168.0.1", "8.8.8.8", "::ffff:10.0.0.5", "2130706433"):
        with pytest.raises(Forbidden, match="--scoring-endpoints"):
            _allowed(host)
    assert asked == []  # names of elsewhere are not even looked up


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "0.0.0.0"},
        {"host": "192.0.2.1"},
        {"allowed_hosts": ("ml.example.com",)},
        {"public_url": "https://ml.example.com"},
    ],
)
def test_a_server_for_others_asks_nobody_that_is_not_listed(settings):
    assert not may_reach_local(ServerSettings(**settings))
    for host in ("127.0.0.1", "localhost", "::1"):
        with pytest.raises(Forbidden, match="is started with"):
            _allowed(host, **settings)
    assert _allowed("127.0.0.1", "127.0.0.1:80", **settings) == ["127.0.0.1"]
    with pytest.raises(Forbidden):
        _allowed("127.0.0.1", "127.0.0.1:81", **settings)


def test_listed_hosts(monkeypatch):
    _named(monkeypatch, **{"churn.ml.example": ["10.0.0.5"], "a.example": ["192.0.2.7"]})
    assert _allowed("churn.ml.example", "*.ML.example") == ["10.0.0.5"]
    assert _allowed("a.example", "b.example", "a.example:8080", port=8080) == ["192.0.2.7"]
    assert _allowed("10.1.2.3", "10.1.2.*") == ["10.1.2.3"]
    for patterns in ((), ("example",), ("a.example:8080",), ("[ab].example",), ("?.example",)):
        with pytest.raises(Forbidden):
            _allowed("a.example", *patterns)
    with pytest.raises(InvalidInput, match="There is no host"):
        _allowed("nothing.invalid", "*")


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "255.255.255.255",
    ],
)
def test_what_is_never_asked_even_if_it_is_listed(address, monkeypatch):
    _named(monkeypatch, **{"model.example": [address], "both.example": ["192.0.2.7", address]})
    for host in ("model.example", "both.example", address):
        with pytest.raises(Forbidden, match="never asked"):
            _allowed(host, "*")


def test_a_name_cannot_lead_from_a_pattern_to_this_machine(monkeypatch):
    _named(monkeypatch, **{"x.example": ["127.0.0.1"], "own.example": ["127.0.0.1"]})
    with pytest.raises(Forbidden):
        _allowed("x.example", "*.example", host="0.0.0.0")
    assert _allowed("own.example", "own.example", host="0.0.0.0") == ["127.0.0.1"]


def test_a_name_is_looked_up_once(make_app, monkeypatch):
    """Whatever the name stands for a moment later (DNS rebinding)."""
    with _endpoint() as (server, _):
        host = "rebound.example"
        asked = _named(monkeypatch, **{host: ["127.0.0.1"]})
        client = make_app(scoring_endpoints=(host,)).test_client()
        answer = _score(client, f"http://{host}:{server.server_port}/invocations")
        assert answer.json["status"] == 200
        assert asked.count(host) == 1
        assert server.asked[0][1]["Host"] == f"{host}:{server.server_port}"


# --- calls ---


def test_a_score(client):
    with _endpoint() as (server, address):
        answer = _score(client, address, token=" abc.def ").json
        [(path, headers, body)] = server.asked
    assert (answer["status"], answer["reason"], answer["endpoint"]) == (200, "OK", address)
    assert json.loads(answer["content"]) == {"predictions": [1]}
    assert 0 < answer["milliseconds"] < 10_000
    assert (path, body) == ("/invocations", EXAMPLE.encode())
    assert headers["Authorization"] == "Bearer abc.def"


def test_nothing_of_the_browser_is_passed_on(client):
    given = {"Cookie": "secret=1", "Authorization": "Basic eDp5", "X-Own": "1", "Referer": "x"}
    with _endpoint() as (server, address):
        client.post("/ui/score", json={"endpoint": address, "content": EXAMPLE}, headers=given)
        [(_, headers, _)] = server.asked
    known = {"Host", "Accept-Encoding", "Content-Length", "Content-Type", "Accept"}
    assert set(headers) == known
    assert headers["Content-Type"] == headers["Accept"] == "application/json"


def test_a_page_elsewhere_cannot_use_it(client):
    call = {"json": {"endpoint": "http://127.0.0.1:1", "content": EXAMPLE}}
    evil = client.post("/ui/score", headers={"Origin": "https://evil.example"}, **call)
    assert evil.status_code == 403
    plain = client.post("/ui/score", data='{"endpoint": 1}', content_type="text/plain")
    assert plain.status_code == 400


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"content": "{"}, "not JSON"),
        ({"content": "[1]"}, "must be a JSON object"),
        ({"content": "[" * 100_000}, "not JSON"),
        ({"content": '{"a": "' + "x" * (1 << 20) + '"}'}, "larger than 1 MB"),
        ({"content": 3}, "content must be a text"),
        ({"endpoint": ["x"]}, "endpoint must be a text"),
        ({"token": "a b"}, "token"),
        ({"token": "a\r\nX-Own: 1"}, "token"),
        ({"token": "é"}, "token"),
        ({"token": "x" * 9000}, "token"),
    ],
)
def test_bad_calls(client, more, said):
    with _endpoint() as (server, address):
        answer = client.post("/ui/score", json={"endpoint": address, "content": EXAMPLE, **more})
        assert server.asked == []
    assert answer.status_code in (400, 413)
    assert said in answer.json["message"]
    if isinstance(more.get("token"), str):
        assert more["token"] not in answer.json["message"]


def test_redirects_are_not_followed(client):
    with _endpoint() as (inner, secret):
        with _endpoint(_answer(307, Location=secret)) as (_, address):
            answer = _score(client, address, token="t").json
        assert inner.asked == []
    assert answer["status"] == 307
    assert "not followed" in answer["note"]
    assert answer["content"] == ""


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("text/html", b"<script>alert(1)</script>", "text/html, not JSON, and is not shown"),
        ("text/plain", b"secret of the house", "is not shown"),
        ("application/json", b"<script>", "is not"),
        ("application/json", b"[" * 200_000, "is not"),
        ("application/json", b" " * (3 << 20), "larger than 2 MB"),
    ],
)
def test_answers_that_are_no_json(client, kind, body, said):
    with _endpoint(_answer(kind=kind, body=body)) as (_, address):
        response = _score(client, address)
    assert response.mimetype == "application/json"
    assert said in response.json["note"]
    assert response.json["content"] == ""


def test_answers_that_json_holds_and_others_do_not(client):
    body = b'{"a": "\\ud800", "b": NaN, "c": 123456789012345678901234567890, "d": "<b>"}'
    with _endpoint(_answer(body=body)) as (_, address):
        told = _score(client, address).json["content"]
    assert "123456789012345678901234567890" in told
    assert "?" in told


def test_errors_of_the_endpoint(client):
    body = b'{"error_code": "BAD", "message": "column age is missing"}'
    with _endpoint(_answer(400, body=body)) as (_, address):
        answer = _score(client, address).json
    assert answer["status"] == 400
    assert "column age" in answer["content"]


def test_nobody_is_there(client):
    answer = _score(client, f"http://127.0.0.1:{free_port()}/invocations")
    assert answer.status_code == 200
    assert "Nothing answers at" in answer.json["failure"]


def test_an_endpoint_that_is_none(client):
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]

        def speak():
            for line in (b"220 mail.example ESMTP\r\n", b"\x16\x03\x01"):
                other, _ = door.accept()
                other.sendall(line)
                other.close()

        threading.Thread(target=speak, daemon=True).start()
        plain = _score(client, f"http://127.0.0.1:{port}/invocations").json
        tls = _score(client, f"https://127.0.0.1:{port}/invocations").json
    assert "does not speak HTTP" in plain["failure"]
    assert "TLS" in tls["failure"] or "cannot be reached" in tls["failure"]


def test_an_endpoint_that_drips(monkeypatch):
    """One byte now and then does not hold a thread for long."""

    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.1)

    with _endpoint(drip) as (server, _):
        endpoint = Endpoint("http", "127.0.0.1", server.server_port, "/invocations")
        started = time.monotonic()
        with pytest.raises(scoring_call.Failure, match="did not answer within 1 s"):
            scoring_call.post(endpoint, ["127.0.0.1"], b"{}", {}, whole=0.7)
        assert time.monotonic() - started < 8  # all of it takes ten


def test_a_handshake_that_never_ends():
    with socket.create_server(("127.0.0.1", 0)) as door:
        endpoint = Endpoint("https", "localhost", door.getsockname()[1], "/invocations")
        with pytest.raises(scoring_call.Failure, match="did not answer within"):
            scoring_call.post(endpoint, ["127.0.0.1"], b"{}", {}, whole=0.3)


def test_certificates(tmp_path, monkeypatch):
    """The name that is checked is the endpoint's, though an address is connected to."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2"]
    command += ["-subj", "/CN=model.example", "-addext", "subjectAltName=DNS:model.example"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with _endpoint() as (server, _):
        server.socket = context.wrap_socket(server.socket, server_side=True)

        def ask(host):
            endpoint = Endpoint("https", host, server.server_port, "/invocations")
            return scoring_call.post(endpoint, ["127.0.0.1"], b"{}", {})

        with pytest.raises(scoring_call.Failure, match="is not trusted"):
            ask("model.example")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert ask("model.example").status == 200
        with pytest.raises(scoring_call.Failure, match="is not trusted"):
            ask("other.example")
        [(_, headers, _)] = server.asked
        assert headers["Host"] == f"model.example:{server.server_port}"


def test_slow_endpoints_do_not_take_all_threads(make_app):
    go = threading.Event()

    def wait(handler):
        go.wait(20)
        _answer()(handler)

    app = make_app()
    with _endpoint(wait) as (server, address):
        calls = [threading.Thread(target=_score, args=(app.test_client(), address)) for _ in "1234"]
        for call in calls:
            call.start()
        until = time.monotonic() + 10
        while len(server.asked) < 4 and time.monotonic() < until:
            time.sleep(0.01)
        busy = _score(app.test_client(), address)
        go.set()
        for call in calls:
            call.join()
        assert busy.status_code == 429
        assert _score(app.test_client(), address).json["status"] == 200


def test_a_proxy_of_the_environment_is_not_asked(client, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with _endpoint() as (_, address):
        assert _score(client, address).json["status"] == 200


# --- in a browser ---


@contextmanager
def _served(folder, model_id):
    """The story's model behind `mlpack serve`: its address."""
    port = free_port()
    command = [sys.executable, "-m", "mlpack", "serve", "-m", f"models:/{model_id}"]
    command += ["-p", str(port), "--workers", "1"]
    environment = {"MLPACK_TRACKING_URI": str(folder / "mlruns")}
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env={**os.environ, **environment}
        )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "serve.log").read_text()[-3000:]
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/invocations", process
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.server
def test_scoring_the_example(story, watched, look_at):
    page, model = watched.page, story.names["model"]
    with _served(story.folder, model) as (address, process):
        page.goto(f"{story.address}/models/{model}")
        form = page.locator("#score")
        form.get_by_label("Endpoint").fill(address)
        form.get_by_role("button", name="Score").click()
        answer = page.get_by_role("region", name="Answer")
        answer.get_by_text("200 OK").wait_for()
        rows = answer.get_by_role("row")
        assert rows.count() == 4
        assert rows.nth(1).inner_text().split() == ["1", "0"]
        page.evaluate("scrollTo(0, 0)")  # nothing half below the bar at the top
        look_at(page, "model-scored")
        # a mistake in the request is told at its place, and nothing is sent
        request = form.get_by_label("Request")
        request.fill('{"dataframe_split": ')
        form.get_by_role("button", name="Score").click()
        assert "not JSON" in page.locator("#score-problem").inner_text()
        # one in the data is the endpoint's to tell
        request.fill('{"dataframe_split": {"columns": ["sepal length (cm)"], "data": [[1]]}}')
        form.get_by_role("button", name="Score").click()
        answer.get_by_text("400").wait_for()
        assert "sepal width" in answer.locator(".error").inner_text()
        # by keyboard: the example again, and on to the button
        form.get_by_role("button", name="Back to the example").press("Enter")
        assert "5.1" in request.input_value()
        form.get_by_label("Endpoint").fill(address)
        form.get_by_label("Endpoint").press("Enter")
        answer.get_by_text("200 OK").wait_for()
        process.terminate()
        process.wait(30)
        form.get_by_role("button", name="Score").click()
        answer.get_by_text("Nothing answers at").wait_for()
        assert answer.get_by_role("button", name="Try again").is_visible()


@pytest.mark.server
def test_what_the_form_may_not_ask(story, watched):
    page = watched.page
    watched.expected.append("403")
    page.goto(f"{story.address}/models/{story.names['model']}")
    page.get_by_label("Endpoint").fill("http://10.0.0.5/invocations")
    page.locator("#score").get_by_role("button", name="Score").click()
    page.locator("#score-answer").get_by_text("--scoring-endpoints 10.0.0.5:80").wait_for()
    # the recorded deployment is a choice
    page.get_by_label("Deployment", exact=True).select_option(label="iris-prod on local")
    assert page.get_by_label("Endpoint").input_value() == "http://127.0.0.1:9"
