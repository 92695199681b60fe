"""What web pages of others try through a user's browser."""

import re

import pytest

from mlpack.tracking_server.security import host_is_allowed
from mlpack.tracking_server.settings import ServerSettings

CREATE = "/api/2.0/mlflow/experiments/create"
SEARCH = "/api/2.0/mlflow/experiments/search"


@pytest.mark.parametrize(
    ("host", "local", "everywhere", "named"),
    [
        ("localhost", True, True, True),
        ("localhost:5000", True, True, True),
        ("LOCALHOST:5000", True, True, True),
        ("127.0.0.1:5000", True, True, True),
        ("127.8.9.1", True, True, True),
        ("[::1]:5000", True, True, True),
        ("evil.example", False, False, False),
        ("localhost.evil.example", False, False, False),
        ("127.0.0.1.evil.example", False, False, False),
        ("evil.example:5000", False, False, False),
        ("192.168.1.7:5000", False, True, True),
        ("10.0.0.3", False, True, True),
        ("8.8.8.8", False, True, True),
        ("ml.corp.example", False, False, True),
        ("ml.corp.example:8443", False, False, True),
        ("a.wild.example", False, False, True),
        ("a.wild.example.evil.example", False, False, False),
        ("", False, False, False),
        ("localhost@evil.example", False, False, False),
        ("localhost/evil", False, False, False),
        ("evil.example#localhost", False, False, False),
        ("localhost:5000:6000", False, False, False),
        ("0x7f.1", False, False, False),
        ("2130706433", False, False, False),
    ],
)
def test_which_hosts_are_ours(host, local, everywhere, named):
    assert host_is_allowed(host, ServerSettings()) == local
    assert host_is_allowed(host, ServerSettings(host="0.0.0.0")) == everywhere
    names = ("ml.corp.example", "*.wild.example")
    assert host_is_allowed(host, ServerSettings(host="0.0.0.0", allowed_hosts=names)) == named


def test_any_host_but_no_nonsense():
    anything = ServerSettings(allowed_hosts=("*",))
    assert host_is_allowed("whatever.example:80", anything)
    assert not host_is_allowed("a@b", anything) and not host_is_allowed("", anything)


def test_a_rebound_name_gets_nothing(client):
    """DNS rebinding (CVE-2025-14279): the page's own name is made to point here."""
    for path in ("/", SEARCH, "/get-artifact?run_id=a&path=b", "/static/0/style.css"):
        response = client.get(path, headers={"Host": "evil.example"})
        assert response.status_code == 403 and "--allowed-hosts" in response.text
    response = client.post(CREATE, json={"name": "a"}, headers={"Host": "evil.example:80"})
    assert (response.status_code, response.json["error_code"]) == (403, "PERMISSION_DENIED")
    # probes of load balancers
    assert client.get("/health", headers={"Host": "anything"}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://evil.example@localhost"}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_writes_from_other_sites_are_refused(client, headers, status):
    """Cross-site request forgery (CVE-2025-1473)."""
    response = client.post(CREATE, json={"name": "a"}, headers=headers)
    assert response.status_code == status
    response = client.put("/api/2.0/mlflow-artifacts/artifacts/a", data=b"x", headers=headers)
    assert response.status_code == status
    assert client.get(SEARCH, headers=headers).status_code == 200


def test_pages_that_are_allowed(make_app):
    client = make_app(cors_allowed_origins=("https://app.example",)).test_client()
    headers = {"Origin": "https://app.example"}
    asked = client.options(CREATE, headers={**headers, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    made = client.post(CREATE, json={"name": "a"}, headers=headers)
    assert made.status_code == 200
    assert made.headers["Access-Control-Allow-Origin"] == "https://app.example"
    other = {"Origin": "https://other.example"}
    assert client.post(CREATE, json={"name": "b"}, headers=other).status_code == 403
    assert "Access-Control-Allow-Origin" not in client.get(SEARCH, headers=other).headers


def test_every_answer_has_the_headers(client):
    for path in ("/", "/health", SEARCH, "/nothing", "/static/0/style.css"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_names_are_text_on_the_pages(api):
    """XSS through everything that a client may write."""
    attack = "<script>alert(1)</script>"
    number = api.post("experiments/create", name=attack)["experiment_id"]
    run_id = api.run(number, run_name=attack, user_id=attack)
    api.post("runs/log-parameter", run_id=run_id, key="p", value=attack)
    api.post("runs/set-tag", run_id=run_id, key="mlflow.note.content", value=attack)
    for path in ("/", f"/experiments/{number}", f"/runs/{run_id}"):
        page = api.client.get(path).text
        assert attack not in page and "&lt;script&gt;" in page
    page = api.client.get(f"/experiments/{number}", query_string={"filter": f'"{attack}'}).text
    assert attack not in page
    page = api.client.get("/runs/<b>")
    assert page.status_code == 404 and page.mimetype == "text/html" and "<b>" not in page.text


def test_a_page_among_the_artifacts_does_not_run(client):
    """XSS through a logged HTML file (GHSA-3v79-q7ph-j75h)."""
    address = "/api/2.0/mlflow-artifacts/artifacts/0/page.html"
    client.put(address, data=b"<script>alert(1)</script>")
    headers = client.get(address).headers
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["worker.js", "a.mjs", "style.css", "a.wasm", "a.jsx", "a.vbs"])
def test_a_script_among_the_artifacts_is_none_for_a_page(client, name):
    """Pages load scripts and styles of this server only: nothing logged may pass for one."""
    address = f"/api/2.0/mlflow-artifacts/artifacts/0/{name}"
    client.put(address, data=b"self.addEventListener('fetch', steal)")
    headers = client.get(address).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not any(word in headers["Content-Type"] for word in ("script", "css", "wasm"))
    assert "Service-Worker-Allowed" not in headers


def test_no_page_elsewhere_can_change_anything(client):
    """CSRF, through every route that takes more than GET."""
    rules = client.application.url_map.iter_rules()
    changing = [(r, m) for r in rules for m in r.methods - {"GET", "HEAD", "OPTIONS"}]
    assert len(changing) > 100
    for rule, method in changing:
        path = re.sub(r"<[^>]*>", "1", rule.rule)
        elsewhere = [{"Origin": "https://evil.example"}, {"Origin": "null"}]
        elsewhere += [{"Sec-Fetch-Site": site} for site in ("cross-site", "same-site")]
        for headers in elsewhere:
            answer = client.open(path, method=method, headers=headers, data=b"{}")
            assert answer.status_code == 403, (method, path, headers)
        if rule.endpoint.startswith("ui.") and "export" not in path:
            form = client.open(path, method=method, data=b"{}", content_type="text/plain")
            assert form.status_code in (400, 404), path
