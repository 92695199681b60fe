"""The client of servers against a real little server that behaves well or badly on request."""

from __future__ import annotations

import io
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlpack import errors, http_client
from mlpack.http_client import HttpClient, client_for

SECRET = "s3cret-pass"


class Server:
    """Answers with ``behave(handler)``; keeps what it was asked."""

    def __init__(self, behave: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.connections: set[tuple[str, int]] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                while self.headers.get("Transfer-Encoding") == "chunked":
                    size = int(self.rfile.readline(), 16)
                    body += self.rfile.read(size + 2)[:size]
                    if not size:
                        break
                outer.requests.append((self.command, self.path, dict(self.headers), body))
                outer.connections.add(self.client_address)
                behave(self)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


def answer(handler, status=200, body=b"{}", **headers):
    handler.send_response(status)
    for name, value in ({"Content-Length": str(len(body))} | headers).items():
        if value is not None:
            handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def serve(monkeypatch) -> Iterator[Callable[..., Server]]:
    """Starts servers; the environment says nothing, and retries do not wait."""
    for name in list(os.environ):
        if name.startswith(("MLPACK_", "MLFLOW_")) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MLPACK_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    started: list[Server] = []

    def start(behave: Callable[[BaseHTTPRequestHandler], None] = answer) -> Server:
        started.append(Server(behave))
        return started[-1]

    yield start
    for server in started:
        server.close()


def failing(times: int, how: Callable[[BaseHTTPRequestHandler], None]):
    """A behaviour that fails so many times before it answers."""
    left = iter(range(times))

    def behave(handler):
        if next(left, None) is None:
            answer(handler)
        else:
            how(handler)

    return behave


def hang_up(handler):
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


# --- what is sent, what comes back ---


def test_json_goes_out_and_comes_back(serve):
    server = serve(lambda handler: answer(handler, body=b'{"a": [1, "\xc3\xa9"]}'))
    client = HttpClient(f"{server.url}/prefix/")
    query = {"q": "a b", "many": ["1", "2"], "none": None}
    assert client.json("POST", "/x y/z", body={"k": "é"}, query=query) == {"a": [1, "é"]}
    [(method, path, headers, body)] = server.requests
    assert (method, path) == ("POST", "/prefix/x%20y/z?q=a+b&many=1&many=2")
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"k": "é"}


def test_an_empty_answer_is_an_empty_dict(serve):
    assert HttpClient(serve(lambda h: answer(h, body=b"")).url).json("GET", "/") == {}


def test_one_connection_serves_many_calls(serve):
    server = serve()
    client = HttpClient(server.url)
    for _ in range(20):
        client.json("POST", "/x", body={})
    assert len(server.connections) == 1


def test_a_client_is_made_once_an_address(serve):
    url = serve().url
    assert client_for(url) is client_for(url)
    assert client_for(url) is not client_for(url, credentials=False)


def test_threads_share_a_client(serve):
    server = serve()
    client = HttpClient(server.url)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: client.json("POST", f"/{i}", body={"i": i}), range(200)))
    assert answers == [{}] * 200
    assert {path for _, path, _, _ in server.requests} == {f"/{i}" for i in range(200)}


def test_files_stream_both_ways(serve):
    content = os.urandom(3_000_000)
    server = serve(lambda handler: answer(handler, body=content))
    client = HttpClient(server.url)
    with client.stream("PUT", "/file", body=io.BytesIO(content)) as response:
        assert response.status == 200
        chunks = list(response.chunks())
    assert b"".join(chunks) == content
    assert max(map(len, chunks)) <= 1 << 20
    [(_, _, headers, body)] = server.requests
    assert headers["Content-Length"] == str(len(content))
    assert body == content


def test_what_has_no_length_is_sent_in_chunks(serve):
    server = serve()
    with HttpClient(server.url).stream("PUT", "/file", body=(b"a%d" % i for i in range(3))):
        pass
    [(_, _, headers, body)] = server.requests
    assert (headers["Transfer-Encoding"], body) == ("chunked", b"a0a1a2")


def test_an_answer_that_nobody_reads_does_not_cost_the_connection(serve):
    server = serve()
    client = HttpClient(server.url)
    for _ in range(5):
        with client.stream("PUT", "/file", body=io.BytesIO(b"x")):
            pass
    assert len(server.connections) == 1


def test_a_proxy_of_the_environment_is_used_except_for_this_machine(serve, monkeypatch):
    proxy, server = serve(), serve()
    monkeypatch.setenv("http_proxy", proxy.url)
    HttpClient("http://tracking.example/p").json("GET", "/x", query={"a": 1})
    HttpClient(server.url).json("GET", "/y")
    monkeypatch.setenv("no_proxy", "*")
    HttpClient(server.url).json("GET", "/z")
    assert [path for _, path, _, _ in proxy.requests] == ["http://tracking.example/p/x?a=1"]
    assert [path for _, path, _, _ in server.requests] == ["/y", "/z"]


# --- retries ---


@pytest.mark.parametrize("how", [hang_up, lambda handler: answer(handler, 503)])
def test_what_may_happen_twice_is_repeated(serve, how):
    server = serve(failing(3, how))
    assert HttpClient(server.url).json("POST", "/log", body={}, repeat=True) == {}
    assert len(server.requests) == 4


@pytest.mark.parametrize("how", [hang_up, lambda handler: answer(handler, 503)])
def test_what_must_not_happen_twice_is_not_repeated(serve, how):
    server = serve(failing(1, how))
    with pytest.raises(errors.StorageFailed):
        HttpClient(server.url).json("POST", "/create", body={})
    assert len(server.requests) == 1


def test_a_server_that_did_nothing_is_asked_again(serve):
    server = serve(failing(2, lambda handler: answer(handler, 429, Retry_After="0")))
    assert HttpClient(server.url).json("POST", "/create", body={}) == {}
    assert len(server.requests) == 3


def test_a_kept_connection_that_the_server_closed_is_replaced(serve):
    closed = threading.Event()

    def once(handler):
        answer(handler)
        handler.wfile.flush()
        hang_up(handler)
        closed.set()

    server = serve(once)
    client = HttpClient(server.url)
    for _ in range(5):
        closed.clear()
        assert client.json("POST", "/create", body={}) == {}
        assert closed.wait(60)
    assert len(server.requests) == len(server.connections) == 5


def test_the_number_of_retries_is_a_setting(serve, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    server = serve(lambda handler: answer(handler, 502))
    with pytest.raises(errors.StorageFailed, match="proxy"):
        HttpClient(server.url).json("GET", "/x")
    assert len(server.requests) == 3


def test_a_file_is_sent_again_from_where_it_stood(serve):
    server = serve(failing(2, hang_up))
    body = io.BytesIO(b"skipped, sent")
    body.seek(9)
    with HttpClient(server.url).stream("PUT", "/file", body=body):
        pass
    assert [sent for _, _, _, sent in server.requests] == [b"sent"] * 3


# --- errors in our words ---


def test_nobody_listens():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(
            errors.StorageFailed, match=r"No tracking server answers at .*`mlpack s"
        ):
            HttpClient(url).json("GET", "/")


def test_a_name_that_nobody_knows(serve):
    with pytest.raises(errors.StorageFailed, match="No machine is known by the name"):
        HttpClient("http://no-such-host.invalid").json("GET", "/")


def test_a_server_that_does_not_speak_tls(serve):
    server = serve()
    with pytest.raises(errors.StorageFailed, match="Does it speak https"):
        HttpClient(f"https://127.0.0.1:{server.port}").json("GET", "/")


def test_a_server_that_is_too_slow(serve, monkeypatch):
    monkeypatch.setenv("MLPACK_HTTP_REQUEST_TIMEOUT", "0.1")
    monkeypatch.setenv("MLPACK_HTTP_REQUEST_MAX_RETRIES", "0")
    done = threading.Event()
    server = serve(lambda handler: done.wait(30))
    with pytest.raises(errors.DeadlineExceeded, match=r"within 0\.1 s"):
        HttpClient(server.url).json("GET", "/")
    done.set()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "INVALID_PARAMETER_VALUE", errors.InvalidInput),
        (404, "RESOURCE_DOES_NOT_EXIST", errors.NotFound),
        (400, "RESOURCE_ALREADY_EXISTS", errors.AlreadyExists),
        (500, "TEMPORARILY_UNAVAILABLE", errors.StorageUnavailable),
        (400, "INVALID_STATE", errors.InvalidState),
        (413, "BAD_REQUEST", errors.PayloadTooLarge),
        (400, "BAD_REQUEST", errors.InvalidInput),
        (418, "TEAPOT", errors.MlpackError),
        (500, "INTERNAL_ERROR", errors.MlpackError),
    ],
)
def test_an_error_of_the_server_is_ours(serve, status, code, kind):
    body = json.dumps({"error_code": code, "message": "What is wrong."}).encode()
    server = serve(lambda handler: answer(handler, status, body))
    with pytest.raises(kind, match=r"^What is wrong\.$") as caught:
        HttpClient(server.url).json("POST", "/x", body={})
    assert (type(caught.value), caught.value.error_code) == (kind, code)
    assert caught.value.http_status == status


@pytest.mark.parametrize(("status", "words"), [(401, "asks who you are"), (403, "does not allow")])
def test_who_are_you(serve, status, words):
    server = serve(lambda handler: answer(handler, status, b"<html>no</html>"))
    with pytest.raises(errors.MlpackError, match=f"{words}.*MLPACK_TRACKING_TOKEN"):
        HttpClient(server.url).json("GET", "/x")


def test_a_page_of_html_is_no_explanation(serve):
    server = serve(lambda handler: answer(handler, 500, b"<html><body>Oops</body></html>"))
    with pytest.raises(errors.StorageFailed, match="proxy in front"):
        HttpClient(server.url).json("GET", "/x")


@pytest.mark.parametrize(
    "body", [b"<html>Not Found</html>", b'{"error_code": "ENDPOINT_NOT_FOUND", "message": "No."}']
)
def test_a_route_that_is_not_there_is_no_missing_run(serve, body):
    server = serve(lambda handler: answer(handler, 404, body))
    with pytest.raises(errors.MlpackError, match="does not know GET /x") as caught:
        HttpClient(server.url).json("GET", "/x")
    assert not isinstance(caught.value, errors.NotFound)


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"[1]", b"{", b"[" * 100_000, b"\xff"])
def test_an_answer_that_is_not_json(serve, body):
    server = serve(lambda handler: answer(handler, body=body))
    with pytest.raises(errors.StorageFailed, match="not JSON"):
        HttpClient(server.url).json("GET", "/x")


def test_an_answer_that_ends_early(serve):
    def cut(handler):
        answer(handler, body=b"half", Content_Length="8")
        hang_up(handler)

    client = HttpClient(serve(cut).url)
    with pytest.raises(errors.StorageFailed, match="broke before"):
        client.json("GET", "/x")
    with (
        pytest.raises(errors.StorageFailed, match="broke before"),
        client.stream("GET", "/x") as response,
    ):
        list(response.chunks())


def test_an_answer_without_end_is_refused(serve, monkeypatch):
    monkeypatch.setattr(http_client, "_MAX_ANSWER", 1000)
    server = serve(lambda handler: answer(handler, body=b" " * 5000))
    with pytest.raises(errors.StorageFailed, match="fewer results"):
        HttpClient(server.url).json("GET", "/x")


@pytest.mark.parametrize(
    "url",
    [f"ftp://u:{SECRET}@h", f"http://u:{SECRET}@h:99999999", f"http://:{SECRET}@", f"//{SECRET}@h"],
)
def test_an_address_that_is_none(url):
    with pytest.raises(errors.InvalidInput, match="not of the form") as caught:
        HttpClient(url)
    assert SECRET not in str(caught.value)


# --- credentials ---


@pytest.mark.parametrize("prefix", ["MLPACK", "MLFLOW"])
def test_credentials_of_the_environment(serve, monkeypatch, prefix):
    server = serve()
    client = HttpClient(server.url)
    monkeypatch.setenv(f"{prefix}_TRACKING_TOKEN", "first")
    client.json("GET", "/")
    monkeypatch.setenv(f"{prefix}_TRACKING_TOKEN", "second\n")
    client.json("GET", "/")
    monkeypatch.setenv(f"{prefix}_TRACKING_USERNAME", "me")
    monkeypatch.setenv(f"{prefix}_TRACKING_PASSWORD", "pw")
    client.json("GET", "/")
    HttpClient(server.url, credentials=False).json("GET", "/")
    sent = [headers.get("Authorization") for _, _, headers, _ in server.requests]
    assert sent == ["Bearer first", "Bearer second", "Basic bWU6cHc=", None]


def test_credentials_in_the_address_come_first(serve, monkeypatch):
    monkeypatch.setenv("MLPACK_TRACKING_TOKEN", "other")
    server = serve()
    client = HttpClient(server.url.replace("//", "//m%40e:p%3Aw@"))
    client.json("GET", "/")
    assert server.requests[0][2]["Authorization"] == "Basic bUBlOnA6dw=="
    assert "p%3Aw" not in client.base_url


def test_a_token_that_is_none_is_not_repeated(serve, monkeypatch):
    monkeypatch.setenv("MLPACK_TRACKING_TOKEN", f"{SECRET}\r\nX-Evil: 1")
    server = serve()
    with pytest.raises(errors.InvalidInput, match="no token can have") as caught:
        HttpClient(server.url).json("GET", "/")
    assert SECRET not in str(caught.value)
    assert server.requests == []


def test_no_failure_tells_a_secret(serve, monkeypatch):
    monkeypatch.setenv("MLPACK_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLPACK_HTTP_REQUEST_TIMEOUT", "0.1")
    done = threading.Event()
    behaviours = [
        hang_up,
        lambda handler: done.wait(30),
        lambda handler: answer(handler, 500, b"<html>"),
        lambda handler: answer(handler, 401, b""),
        lambda handler: answer(handler, 404, b""),
        lambda handler: answer(handler, 200, b"nope"),
        lambda handler: answer(handler, 302, Location=f"https://u:{SECRET}@other/{SECRET}"),
    ]
    urls = [serve(behave).url for behave in behaviours]
    urls += ["http://127.0.0.1:1", "http://no-such-host.invalid", urls[0].replace("http", "https")]
    for url in urls:
        with pytest.raises(errors.MlpackError) as caught:
            HttpClient(url.replace("//", f"//user:{SECRET}@")).json("GET", "/x")
        told = "".join(map(str, (caught.value, caught.value.__cause__, caught.value.args)))
        assert SECRET not in told, url
    done.set()


# --- redirects ---


def test_a_redirect_to_another_server_is_not_followed(serve, monkeypatch):
    monkeypatch.setenv("MLPACK_TRACKING_TOKEN", SECRET)
    thief = serve()
    for place in (thief.url, f"//localhost:{thief.port}", f"http://127.0.0.1:{thief.port}@x"):
        server = serve(lambda handler, to=place: answer(handler, 307, Location=f"{to}/steal"))
        for method in ("GET", "POST"):
            with pytest.raises(errors.StorageFailed, match="is not followed"):
                HttpClient(server.url).json(method, "/x", body={"a": 1})
    assert thief.requests == []


def test_a_redirect_on_the_same_server_is_followed(serve):
    def behave(handler):
        if handler.path == "/old":
            answer(handler, 308, Location="/new")
        else:
            answer(handler, body=b'{"at": "new"}')

    server = serve(behave)
    assert HttpClient(server.url).json("POST", "/old", body={"a": 1}) == {"at": "new"}
    assert [body for _, _, _, body in server.requests] == [b'{"a":1}'] * 2


def test_a_redirect_that_would_lose_the_body_is_not_followed(serve):
    server = serve(lambda handler: answer(handler, 301, Location="/new"))
    with pytest.raises(errors.StorageFailed, match="is not followed"):
        HttpClient(server.url).json("POST", "/old", body={})


@pytest.mark.parametrize("body", [io.BytesIO(b"abc"), iter([b"abc"])], ids=["file", "pieces"])
def test_a_redirect_of_a_file_that_was_sent_is_not_followed(serve, body):
    server = serve(lambda handler: answer(handler, 307, Location="/new"))
    with (
        pytest.raises(errors.StorageFailed, match="is not followed"),
        HttpClient(server.url).stream("PUT", "/old", body=body),
    ):
        pass
    assert len(server.requests) == 1


def test_redirects_in_circles_end(serve):
    server = serve(lambda handler: answer(handler, 302, Location="/again"))
    with pytest.raises(errors.StorageFailed, match="circles"):
        HttpClient(server.url).json("GET", "/")


# --- processes ---


def test_a_forked_child_uses_connections_of_its_own(serve):
    server = serve(lambda handler: answer(handler, body=json.dumps({"at": handler.path}).encode()))
    client = HttpClient(server.url)
    client.json("GET", "/parent")
    child = os.fork()
    if child == 0:
        try:
            wrong = [i for i in range(50) if client.json("GET", f"/c{i}") != {"at": f"/c{i}"}]
        except BaseException:
            wrong = [-1]
        os._exit(bool(wrong))
    for i in range(50):
        assert client.json("GET", f"/p{i}") == {"at": f"/p{i}"}
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(server.connections) == 2
