"""Which sites' scripts may call: what browsers are told."""

import pytest

from mlpack.errors import InvalidInput
from mlpack.serve.cors import Cors, ForeignPage, own_pages_only
from mlpack.serve.exchange import Exchange

SITE = "https://app.example.com"


def ask(guard, origin=SITE, method="POST", **environ):
    environ["REQUEST_METHOD"] = method
    if origin is not None:
        environ["HTTP_ORIGIN"] = origin
    exchange = Exchange(environ)
    return guard(exchange), dict(exchange.headers)


def preflight(guard, origin=SITE):
    return ask(guard, origin, "OPTIONS", HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST")


def test_a_known_site_may_read_the_answers():
    guard = Cors([SITE, "http://localhost:3000/"], with_auth=True)
    for origin in (SITE, "http://localhost:3000"):
        answer, headers = ask(guard, origin)
        assert answer is None
        assert headers["Access-Control-Allow-Origin"] == origin
        assert headers["Vary"] == "Origin"
        assert "X-Request-Id" in headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "*",
        "",
        SITE + ":444",
        SITE + ".evil.org",
        "http://app.example.com",
        SITE + "/",
    ],
)
def test_others_are_told_nothing(origin):
    guard = Cors([SITE], with_auth=False)
    for found in (ask(guard, origin), preflight(guard, origin)):
        assert found == (None, {"Vary": "Origin"})


def test_a_preflight_is_answered():
    answer, headers = preflight(Cors([SITE], with_auth=True))
    assert answer.status == 204
    assert headers["Access-Control-Allow-Origin"] == SITE
    assert "POST" in headers["Access-Control-Allow-Methods"]
    for name in (
        "Authorization",
        "Content-Type",
        "Traceparent",
        "X-Mlpack-Params",
        "X-Request-Timeout",
    ):
        assert name in headers["Access-Control-Allow-Headers"]
    answer, headers = ask(Cors([SITE], with_auth=True), method="OPTIONS")
    assert answer is None, "a plain OPTIONS is no preflight"


def test_any_site():
    guard = Cors(["*"], with_auth=False)
    assert ask(guard)[1]["Access-Control-Allow-Origin"] == "*"
    assert preflight(guard)[0].status == 204
    assert ask(guard, None) == (None, {})
    with pytest.raises(InvalidInput, match="together with tokens"):
        Cors(["*"], with_auth=True)
    with pytest.raises(InvalidInput, match="alone"):
        Cors(["*", SITE], with_auth=False)


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "app.example.com",
        SITE + "/path",
        "https://*.example.com",
        "https://a b",
        "file://",
        "",
    ],
)
def test_what_is_no_origin_is_refused(text):
    with pytest.raises(InvalidInput, match="no origin"):
        Cors([text], with_auth=False)


def test_names_are_compared_in_lower_case_and_addresses_count():
    assert ask(Cors(["HTTPS://App.Example.com"], with_auth=False))[1]["Access-Control-Allow-Origin"]
    assert ask(Cors(["http://[::1]:80"], with_auth=False), "http://[::1]:80")[1]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_pages_of_others_send_is_refused(site):
    for guard in (own_pages_only(None), own_pages_only(Cors(["https://b.org"], with_auth=False))):
        with pytest.raises(ForeignPage, match="--cors-origin"):
            ask(guard, HTTP_SEC_FETCH_SITE=site)
        with pytest.raises(ForeignPage):
            ask(guard, None, HTTP_SEC_FETCH_SITE=site)
        assert ask(guard, method="GET", HTTP_SEC_FETCH_SITE=site) == (None, {})
    for origins in ([SITE], ["*"]):
        allowed = own_pages_only(Cors(origins, with_auth=False))
        assert ask(allowed, HTTP_SEC_FETCH_SITE=site) == (None, {})


def test_own_pages_and_programs_are_let_in():
    guard = own_pages_only(None)
    for environ in ({}, {"HTTP_SEC_FETCH_SITE": "same-origin"}, {"HTTP_SEC_FETCH_SITE": "none"}):
        assert ask(guard, **environ) == (None, {})
        assert ask(guard, None, **environ) == (None, {})


def test_the_server_has_that_guard(client):
    body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}]}
    app = client(lambda data, params: data)
    path = "/v2/models/model/infer"  # takes any content type, so no browser asks beforehand
    assert app.post(path, json=body).status_code == 200
    answer = app.post(path, json=body, headers={"Sec-Fetch-Site": "cross-site", "Origin": SITE})
    assert answer.status_code == 403
    assert answer.json["error_code"] == "PERMISSION_DENIED"
