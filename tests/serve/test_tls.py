"""HTTPS: certificates made by openssl, asked by curl; files that will not do; renewals."""

import json
import os
import signal
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlpack.builders.settings import HEALTHCHECK
from mlpack.errors import InvalidInput
from mlpack.serve import tls
from mlpack.serve.tls import Certificate, certificate_from
from mlpack.tests.serve.real import JSON, Server, eventually, save_obedient


def make(folder, name, *options):
    """A certificate for 127.0.0.1 that signs itself; returns its files."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", "subjectAltName=IP:127.0.0.1", *(options or ("-nodes",))),
        ],
        check=True,
        capture_output=True,
    )
    return str(cert), str(key)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def pair(folder):
    return make(folder, "first")


@pytest.fixture(scope="module")
def obedient(tmp_path_factory):
    return save_obedient(tmp_path_factory.mktemp("models") / "obedient")


def test_files_that_will_not_do(pair, folder):
    cert, key = pair
    other = make(folder, "other")
    locked = make(folder, "locked", "-passout", "pass:secret")
    for files, words in (
        (("/nothing/there", key), "certificate /nothing/there cannot be read"),
        ((cert, "/nothing/there"), "key /nothing/there cannot be read"),
        ((cert, other[1]), "is not that of"),
        ((key, cert), "no certificate and key"),
        ((cert, None), "no certificate and key"),
        (locked, "pass phrase"),
        ((None, key), "no --certfile"),
    ):
        with pytest.raises(InvalidInput, match=words) as refused:
            certificate_from(*files)
        assert "secret" not in refused.value.message
    assert certificate_from(None, None) is None


def test_one_file_may_hold_both(pair, folder):
    both = folder / "both.pem"
    both.write_bytes(b"".join(Path(name).read_bytes() for name in pair))
    assert certificate_from(str(both), None).context().minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_renewed_certificate_is_taken_and_a_bad_one_is_not(folder, monkeypatch, caplog):
    monkeypatch.setattr(tls, "_CHECK_SECONDS", 0)
    cert, key = make(folder, "renewed")
    certificate = Certificate(cert, key)
    first = certificate.context()
    assert certificate.context() is first, "kept while the files are"
    make(folder, "renewed")
    second = certificate.context()
    assert second is not first
    Path(cert).write_text("half a fi")
    for _ in range(3):
        assert certificate.context() is second
    assert caplog.text.count("read before stays") == 1


@pytest.fixture
def curl(pair):
    def ask(server, *options, ca=pair[0]):
        return subprocess.run(
            [*("curl", "-sS", "--max-time", "60", "--cacert", ca), *options],
            capture_output=True,
            text=True,
        )

    return ask


@pytest.mark.server
def test_curl_gets_its_prediction(obedient, tmp_path, pair, curl):
    with Server(obedient, tmp_path, "--certfile", pair[0], "--keyfile", pair[1]) as server:
        assert server.scheme == "https"
        url = f"https://127.0.0.1:{server.port}"
        order = ("-H", "Content-Type: application/json", "-d", '{"inputs": ["x"]}')
        for version in ("1.2", "1.3"):
            done = curl(server, f"--tlsv{version}", f"{url}/invocations", *order)
            assert json.loads(done.stdout) == {"predictions": ["x"]}, done.stderr
        done = curl(
            server, "-v", "--tlsv1.1", "--tls-max", "1.1", "--ciphers", "ALL@SECLEVEL=0", url
        )
        assert done.returncode == 35, "too old"
        done = curl(server, f"http://127.0.0.1:{server.port}/ping")
        assert done.returncode and not done.stdout, "no plain HTTP"
        # the health check of an image
        told = {**os.environ, "MLPACK_PORT": str(server.port), "MLPACK_CERTFILE": pair[0]}
        check = [sys.executable, *HEALTHCHECK.command[1:]]
        assert subprocess.run(check, env=told).returncode == 0
        assert subprocess.run(check, env={**told, "MLPACK_CERTFILE": ""}).returncode != 0
        # several on one connection, and one that asks to close it
        done = curl(server, f"{url}/ping", f"{url}/ping", "-H", "Connection: close")
        assert (done.returncode, done.stdout, done.stderr) == (0, "\n\n", "")
        assert "Traceback" not in server.text
        assert server.stop() == 0


@pytest.mark.server
def test_large_bodies_and_many_at_once(obedient, tmp_path, pair):
    with Server(obedient, tmp_path, "--certfile", pair[0], "--keyfile", pair[1]) as server:
        text = "x" * 3_000_000

        def client(number):
            connection = server.connection()
            for i in range(5):
                word = f"{number} {i} {text if i == 2 else ''}"
                connection.request("POST", "/invocations", json.dumps({"inputs": [word]}), JSON)
                assert json.loads(connection.getresponse().read()) == {"predictions": [word]}
            connection.close()

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(client, range(12)))


@pytest.mark.server
def test_limits_hold_under_tls(obedient, tmp_path, pair):
    options = ("--certfile", pair[0], "--keyfile", pair[1], "--timeout", "4", "--workers", "1")
    with Server(obedient, tmp_path, *options, "--threads", "2") as server:
        status, content = server.order("sleep6")
        assert status == 504 and content["error_code"] == "DEADLINE_EXCEEDED"
        context = ssl._create_unverified_context()
        with context.wrap_socket(server.connect()) as slow:
            slow.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{")
            assert ends(slow)
        # clients that begin a handshake and leave it there hold no thread for ever
        hello = b"\x16\x03\x01\x02\x00"
        silent = [server.connect() for _ in range(2)]
        for sock in silent:
            sock.sendall(hello)
        assert all(ends(sock) for sock in silent)
        assert server.order("x") == (200, {"predictions": ["x"]})
        assert server.stop() == 0
        assert "Traceback" not in server.text


def ends(sock):
    """Whether the server ends the connection, whichever way."""
    sock.settimeout(60)
    try:
        while sock.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


@pytest.mark.server
def test_a_renewal_counts_for_new_connections_and_hup_starts_new_workers(
    obedient, tmp_path, folder
):
    cert, key = make(folder, "served")
    with Server(obedient, tmp_path, "--certfile", cert, "--keyfile", key) as server:

        def shown():
            return ssl.get_server_certificate(("127.0.0.1", server.port))

        before = shown()
        make(folder, "served")
        eventually(lambda: shown() != before)
        pid = server.order("pid")[1]["predictions"]
        os.kill(server.process.pid, signal.SIGHUP)
        eventually(lambda: gone(pid))
        assert server.order("x")[0] == 200


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.server
def test_bad_files_stop_the_start(obedient, tmp_path, pair):
    server = Server(obedient, tmp_path, "--certfile", pair[0], "--keyfile", "/nothing")
    assert server.process.wait(60) == 1
    assert server.text == "error: The key /nothing cannot be read: No such file or directory.\n"
