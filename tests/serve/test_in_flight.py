"""Time limits and polite closing, on socket pairs."""

import json
import socket
from threading import Event, Thread

import pytest

from mlpack.serve.closer import Closer
from mlpack.serve.in_flight import HEAD_SECONDS, InFlight, Phase


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pair():
    ends = socket.socketpair()
    for end in ends:
        end.settimeout(60)
    yield ends
    for end in ends:
        end.close()


def everything(sock):
    received = b""
    while chunk := sock.recv(65536):
        received += chunk
    return received


def answer(sock):
    head, _, body = everything(sock).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_a_request_in_time_is_left_alone(pair, clock):
    flight = InFlight(5, clock)
    flight.begin(pair[0])
    for phase in (Phase.BODY, Phase.WORK):
        assert flight.enter(phase)
    clock.now += 4.9
    assert flight.expire() == []
    assert flight.enter(Phase.SEND)
    flight.end()
    assert flight.stuck == 0


def test_a_model_over_its_time_is_answered_for_and_its_thread_counts_as_stuck(pair, clock):
    flight = InFlight(5, clock)
    flight.begin(pair[0])
    flight.enter(Phase.BODY)
    clock.now += 3
    flight.enter(Phase.WORK)  # the body's time counts
    clock.now += 2
    (line,) = flight.expire()
    assert "limit of 5 s" in line
    assert flight.stuck == 1
    assert answer(pair[1]) == (504, {"error_code": "DEADLINE_EXCEEDED", "message": line})
    assert flight.expire() == []
    assert not flight.enter(Phase.SEND)
    flight.end()
    assert flight.stuck == 0


@pytest.mark.parametrize(("phase", "after"), [(None, HEAD_SECONDS), (Phase.BODY, 5)])
def test_a_slow_client_is_told_and_frees_its_thread(pair, clock, phase, after):
    flight = InFlight(5, clock)
    flight.begin(pair[0])
    if phase:
        flight.enter(phase)
    clock.now += after
    assert flight.expire() == []
    assert flight.stuck == 0
    assert answer(pair[1])[0] == 408
    assert pair[0].recv(1) == b""  # the thread that reads wakes up
    assert flight.expire() == []
    flight.end()
    assert flight.stuck == 0


def test_a_client_that_does_not_read_is_cut_without_a_word(pair, clock):
    flight = InFlight(5, clock)
    flight.begin(pair[0])
    flight.enter(Phase.SEND)
    clock.now += 5
    flight.expire()
    assert everything(pair[1]) == b""


def test_without_a_limit_clients_have_to_keep_sending(pair, clock):
    flight = InFlight(0, clock, patience=60)
    flight.begin(pair[0])
    for _ in range(3):  # pieces of a large file
        flight.enter(Phase.BODY)
        clock.now += 59
        assert flight.expire() == []
        flight.enter(Phase.WORK)
        clock.now += 1e6
        assert flight.expire() == []
    flight.enter(Phase.BODY)
    clock.now += 60
    assert flight.expire() == [] and flight.stuck == 0
    assert answer(pair[1])[0] == 408
    flight.end()


def test_no_limit(pair, clock):
    flight = InFlight(0, clock)
    flight.begin(pair[0])
    flight.enter(Phase.BODY)
    flight.enter(Phase.WORK)
    clock.now += 1e9
    assert flight.expire() == []
    flight.end()


def test_a_stop_cuts_only_what_has_not_begun(pair, clock):
    flight = InFlight(5, clock)
    begun = Event()
    done = Event()

    def other():
        other_pair = socket.socketpair()
        flight.begin(other_pair[0])
        flight.enter(Phase.BODY)
        begun.set()
        done.wait(60)
        other_pair[1].sendall(b"rest of the body")
        assert other_pair[0].recv(100) == b"rest of the body"
        flight.end()

    thread = Thread(target=other)
    thread.start()
    assert begun.wait(60)
    flight.begin(pair[0])
    flight.cut_heads()
    done.set()
    thread.join(60)
    assert pair[1].recv(1) == b""
    flight.end()


def test_the_closer_lets_the_client_read_on_while_it_still_sends(pair):
    server, client = pair
    server.sendall(b"413 too large")
    Closer().close(server)
    for _ in range(50):
        client.sendall(b"x" * 65536)
    assert everything(client) == b"413 too large"


def test_the_closer_gives_up_on_clients_that_never_close(pair):
    server, client = pair
    Closer(patience=0.1).close(server)
    assert everything(client) == b""
    with pytest.raises(OSError):
        while True:
            client.sendall(b"x" * 65536)


def test_the_closer_takes_connections_that_are_gone(pair):
    closer = Closer(patience=0.1)
    pair[0].close()
    closer.close(pair[0])
    server, client = socket.socketpair()
    client.close()
    closer.close(server)
