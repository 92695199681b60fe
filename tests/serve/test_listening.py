"""Addresses that cannot be listened on are refused in words, before anything is loaded."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mlpack.errors import EngineUnavailable, InvalidInput, StorageFailed
from mlpack.serve import process
from mlpack.serve.gunicorn_app import ModelSource, run
from mlpack.serve.process import bind, listen
from mlpack.serve.settings import ServeSettings


def test_a_free_port_is_bound_but_not_yet_open():
    listener = bind("127.0.0.1", 0)
    address = listener.getsockname()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    listen(listener)
    socket.create_connection(address).close()
    listener.close()


def test_a_port_in_use_is_found_before_the_model_is_looked_at(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        before = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(EngineUnavailable, match=f"Port {port} on 127.0.0.1 is in use"):
                run([ModelSource(tmp_path / "no model")], ServeSettings(port=port))
        finally:
            signal.signal(signal.SIGTERM, before)


def test_two_that_bound_the_same_port_do_not_both_listen():
    first = bind("127.0.0.1", 0)
    port = first.getsockname()[1]
    second = bind("127.0.0.1", port)
    listen(first)
    with pytest.raises(EngineUnavailable, match="in use"):
        listen(second)
    first.close()


def test_hosts_that_are_none_of_ours():
    with pytest.raises(InvalidInput, match="not known"):
        bind("no.such.host.invalid", 0)
    with pytest.raises(InvalidInput, match="not an address of this machine"):
        bind("192.0.2.1", 0)
    with pytest.raises(InvalidInput, match="not known"):
        bind("x" * 300, 0)


def test_a_privileged_port():
    code = """
import os
from mlpack.serve.process import bind
bind("127.0.0.1", 0).close()  # whatever it imports is read while we still may
if os.geteuid() == 0:
    os.setuid(65534)
bind("127.0.0.1", 80)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    first_free = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if first_free <= 80:
        assert done.returncode == 0, done.stderr
    else:
        assert "choose one above 1023" in done.stderr


def test_ipv6():
    listener = bind("::1", 0)
    assert listener.family is socket.AF_INET6
    listener.close()


def test_the_heartbeat_needs_some_folder(monkeypatch):
    assert process.heartbeat_folder() == "/dev/shm"
    monkeypatch.setattr(os, "access", lambda *args: False)

    def none():
        raise FileNotFoundError

    monkeypatch.setattr("tempfile.gettempdir", none)
    with pytest.raises(StorageFailed, match="mount a small temporary file system"):
        process.heartbeat_folder()
