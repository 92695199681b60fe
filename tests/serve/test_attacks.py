"""What clients do that mean no good, or do not know better: each against a real server."""

import http.client
import json
import re
import socket
from itertools import pairwise
from threading import Event

import pytest

from mlpack.serve.accepting import Accepting

from .real import JSON, Server, eventually, save_obedient

pytestmark = pytest.mark.server

POST = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = b'{"inputs": ["x"]}'
WHOLE = POST + b"Content-Length: 17\r\n\r\n" + BODY
SMUGGLED = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"11\r\n" + BODY + b"\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def obedient(tmp_path_factory):
    return save_obedient(tmp_path_factory.mktemp("models") / "obedient")


@pytest.fixture(scope="module")
def server(obedient, tmp_path_factory):
    options = ["--workers", "1", "--threads", "2"]
    with Server(obedient, tmp_path_factory.mktemp("server"), *options) as server:
        yield server


def statuses(server, *pieces):
    """Of all answers that a connection gets, until the server closes it or all are here."""
    with server.connect() as sock:
        for piece in pieces:
            sock.sendall(piece)
        sock.shutdown(socket.SHUT_WR)
        answer = sock.makefile("rb").read()
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", answer)]


SLOW = {
    "a head": b"POST /invocations HTTP/1.1\r\nHost: x\r\nX: ",
    "the head of a health check": b"GET /ping HTTP/1.1\r\nHost: x\r\nX: ",
    "a body": POST + b"Content-Length: 4000\r\n\r\n{",
    "the start of a large body": POST + b"Content-Length: 4000000\r\n\r\n{" + b" " * 40_000,
    "chunks": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    "the body of what has none": b"GET /ping HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1",
    "a second request, right behind the first": WHOLE + POST,
}


@pytest.mark.parametrize("beginning", SLOW.values(), ids=SLOW)
def test_requests_that_come_slowly_hold_no_threads(server, beginning):
    slow = [server.connect() for _ in range(12)]
    try:
        for sock in slow:
            sock.sendall(beginning)
        for _ in range(3):
            for sock in slow:  # a byte now and then
                sock.sendall(b"1\r\n \r\n" if b"chunked" in beginning else b" ")
            headers = {
                **JSON,
                "X-Request-Timeout": "8",
            }  # from the arrival: no thread frees earlier
            status, _, content = server.ask("POST", "/invocations", BODY, headers)
            assert (status, json.loads(content)) == (200, {"predictions": ["x"]})
            assert server.request("GET", "/ping")[0] == 200
    finally:
        for sock in slow:
            sock.close()


def test_pieces_of_a_request_become_one(server):
    large = json.dumps({"inputs": ["y" * 300_000]}).encode()
    head = POST + b"Content-Length: %d\r\n\r\n" % len(large)
    for request in (WHOLE, POST + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED, head + large):
        cuts = [0, 1, 20, len(request) - 30, len(request) - 1, len(request)]
        with server.connect() as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for begin, end in pairwise(cuts):
                sock.sendall(request[begin:end])
                assert server.request("GET", "/ping")[0] == 200  # so that it has seen the piece
            response = http.client.HTTPResponse(sock)
            response.begin()
            assert response.status == 200, response.read()
            assert len(json.loads(response.read())["predictions"]) == 1


def test_requests_sent_all_at_once_are_answered_in_turn(server):
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED
    together = (WHOLE + chunked) * 3 + SMUGGLED
    assert statuses(server, together) == [200] * 7
    with server.connect() as sock:  # and no end of the connection is needed for that
        sock.sendall(together)
        stream = sock.makefile("rb")
        for _ in range(7):
            length = 0
            assert b" 200 " in stream.readline()
            while line := stream.readline().strip().lower():
                length = int(line[16:]) if line.startswith(b"content-length:") else length
            stream.read(length)


BROKEN = {
    "both lengths": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "both lengths, other order": POST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 17\r\nContent-Length: 3\r\n\r\n" + BODY,
    "a list of lengths": POST + b"Content-Length: 17, 17\r\n\r\n" + BODY,
    "a length with a sign": POST + b"Content-Length: +17\r\n\r\n" + BODY,
    "a length with other digits": POST + "Content-Length: \u0661\u0667\r\n\r\n".encode() + BODY,
    "a length of many digits": POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + BODY,
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n" + CHUNKED,
    "not chunked after all": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKED,
    "a space in the name": POST + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKED,
    "bare line feeds": WHOLE.replace(b"\r\n", b"\n"),
    "a folded header": POST + b"X: a\r\n b\r\nContent-Length: 17\r\n\r\n" + BODY,
    "a zero byte": POST + b"X: a\0b\r\nContent-Length: 17\r\n\r\n" + BODY,
    "two hosts": b"GET /version HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a chunk's length with a prefix": POST + b"Transfer-Encoding: chunked\r\n\r\n0x" + CHUNKED,
    "a chunk that is longer": POST
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + CHUNKED.replace(b"\r\n0", b"XX0"),
}


@pytest.mark.parametrize("request_", BROKEN.values(), ids=BROKEN)
def test_what_two_servers_could_read_differently_is_refused(server, request_):
    """And the connection ends, so that nothing behind it is taken for a request."""
    assert statuses(server, request_ + SMUGGLED) == [400]


def test_headers_do_not_move_a_request_elsewhere(server):
    for name in (b"SCRIPT_NAME", b"PATH_INFO", b"Script-Name", b"X-Original-URL"):
        request = WHOLE.replace(b"Host: x", b"Host: x\r\n" + name + b": /version")
        assert statuses(server, request) == [200]
        assert statuses(server, SMUGGLED.replace(b"Host: x", name + b": /invocations")) == [200]


def test_idle_connections_make_room_for_others(obedient, tmp_path):
    """Whoever opens more than there is room for closes its own oldest ones."""
    options = ["--workers", "1", "--threads", "1", "--max-queue", "9"]
    with Server(obedient, tmp_path, *options) as server:
        idle = [server.connect() for _ in range(4100)]
        for sock in idle[:50]:
            sock.sendall(b"POST ")
        assert server.order("x") == (200, {"predictions": ["x"]})
        for sock in idle:
            sock.close()


def test_a_server_that_is_up_is_ready(obedient, tmp_path):
    """The banner comes when one worker is warm; the others take nothing before they are."""
    with Server(obedient, tmp_path, "--workers", "3") as server:
        assert {server.request("GET", "/ping")[0] for _ in range(30)} == {200}


def test_connections_are_shared_out(obedient, tmp_path):
    with Server(obedient, tmp_path, "--workers", "3") as server:
        order = json.dumps({"inputs": ["pid"]})

        def ask(connection):
            connection.request("POST", "/invocations", order, JSON)
            return json.loads(connection.getresponse().read())["predictions"]

        def all_are_warm():
            pids = {server.order("pid")[1]["predictions"] for _ in range(12)}
            return len(pids) == 3

        eventually(all_are_warm)
        kept = [server.connection() for _ in range(24)]
        pids = [ask(connection) for connection in kept]
        counts = sorted(pids.count(pid) for pid in set(pids))
        assert len(counts) == 3 and counts[0] >= 3, counts
        for connection in kept:
            connection.close()


class Worker:
    def __init__(self, age):
        self.age = age


def test_who_takes_a_connection(monkeypatch):
    waited = Event()
    monkeypatch.setattr("mlpack.serve.accepting.time.sleep", lambda seconds: waited.set())
    shared = Accepting(2)
    first, second, third = map(Worker, (1, 2, 3))
    for worker in (first, second, third):
        shared.before_fork(worker)

    def as_worker(worker, connections, takes=True):
        """What it does when a connection comes: whether it holds back."""
        waited.clear()
        shared.after_fork(worker)
        shared.show(connections, takes)
        shared.leave_it_to_others()
        return waited.is_set()

    assert not shared.others_take()
    assert not as_worker(first, 5)
    assert shared.others_take()
    assert not as_worker(second, 3)
    assert as_worker(first, 5)
    as_worker(second, 3, takes=False)
    assert not as_worker(first, 5), "the other one takes nothing any more"
    shared.after_death(first)
    assert not shared.others_take()
    shared.before_fork(third)
    assert not as_worker(third, 0)
    assert shared.others_take()
