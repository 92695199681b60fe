"""Large files through a tracking server in parts, by our own client."""

import io
import json
import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from mlpack.artifacts.open import open_artifacts
from mlpack.artifacts.proxy_parts import Slice
from mlpack.errors import MlpackError, NotFound
from mlpack.http_client import HttpClient
from mlpack.tests.serve.real import eventually

MPU = "/api/2.0/mlflow-artifacts/mpu/"
PART = "/api/2.0/mlflow-artifacts/mpu-part/"
SIZE = 1_000_003


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A file of 16 parts."""
    monkeypatch.setenv("MLPACK_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "100000")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", "65536")
    monkeypatch.setenv("MLPACK_HTTP_REQUEST_BACKOFF_FACTOR", "0.01")
    path = tmp_path / "source" / "big ü.bin"
    path.parent.mkdir()
    path.write_bytes(os.urandom(SIZE))
    return path


@contextmanager
def answering(answer):
    """A server whose answers a function makes: (method, path, body) -> (status, headers, body)."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen.append((self.command, self.path, dict(self.headers), body))
            status, headers, content = answer(self.command, self.path, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = answer

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()


def scripted(url, parts=16, fail=lambda number, time: 0):
    """Answers of a server that takes parts; ``url`` gives where each one goes."""
    times = {}

    def answer(method, path, body):
        if "/mpu/create/" in path:
            found = [{"part_number": n, "url": url(n), "headers": {}} for n in range(1, parts + 1)]
            return 200, {}, json.dumps({"upload_id": "id", "credentials": found}).encode()
        if method == "PUT":
            number = int(path.partition("?")[0].rpartition("/")[2])
            times[number] = times.get(number, 0) + 1
            return (
                (status := fail(number, times[number])) or 200,
                {"ETag": f'"{number}"'},
                (b"" if not status else b"{}"),
            )
        return 200, {}, b"{}"

    return answer


def sent_parts(seen):
    parts = {}
    for method, path, _, body in seen:
        if method == "PUT":
            parts.setdefault(int(path.partition("?")[0].rpartition("/")[2]), []).append(body)
    return parts


@pytest.mark.parametrize("way", ["here", "behind a proxy that is not known to the server"])
def test_each_part_once_and_in_full(source, way, monkeypatch):
    monkeypatch.setenv("MLPACK_TRACKING_TOKEN", "secret")
    host = "http://inside.invalid:1" if way != "here" else ""
    with answering(scripted(lambda n: f"{host}{PART}id/{n}")) as (url, seen):
        open_artifacts("mlflow-artifacts:/run", tracking_uri=url).put_file(source, "sub")
    assert b"".join(parts[0] for _, parts in sorted(sent_parts(seen).items())) == (
        source.read_bytes()
    )
    assert {headers["Authorization"] for _, _, headers, _ in seen} == {"Bearer secret"}
    first, last = seen[0], seen[-1]
    assert first[1] == f"{MPU}create/run/sub" and last[1] == f"{MPU}complete/run/sub"
    assert json.loads(first[3]) == {"path": source.name, "num_parts": 16}
    parts = [{"part_number": n, "etag": f'"{n}"'} for n in range(1, 17)]
    assert json.loads(last[3]) == {"path": source.name, "upload_id": "id", "parts": parts}


def test_parts_that_go_to_an_object_store_carry_no_credentials(source, monkeypatch):
    monkeypatch.setenv("MLPACK_TRACKING_TOKEN", "secret")
    with answering(scripted(None)) as (store, at_store):
        sign = "X-Amz-Credential=a%2Fb%2Fs3&X-Amz-Signature=0&x=a%20b"
        with answering(scripted(lambda n: f"{store}/bucket/ke%20y/{n}?{sign}")) as (url, seen):
            open_artifacts("mlflow-artifacts:/run", tracking_uri=url).put_file(source)
    assert [path.rpartition("/")[0] for _, path, *_ in seen] == [f"{MPU}create", f"{MPU}complete"]
    assert len(at_store) == 16
    for _, path, headers, _ in at_store:
        assert "Authorization" not in headers
        assert path.startswith("/bucket/ke%20y/") and "X-Amz-Credential=a%2Fb%2Fs3&" in path


def test_a_part_that_breaks_is_sent_again_by_itself(source):
    fail = {(3, 1): 503, (7, 1): 502, (7, 2): 429}
    script = scripted(lambda n: f"{PART}id/{n}", fail=lambda n, time: fail.get((n, time), 0))
    with answering(script) as (url, seen):
        open_artifacts("mlflow-artifacts:/run", tracking_uri=url).put_file(source)
    parts = sent_parts(seen)
    assert {number: len(bodies) for number, bodies in parts.items() if len(bodies) > 1} == {
        3: 2,
        7: 3,
    }
    assert all(len(set(bodies)) == 1 for bodies in parts.values())
    assert b"".join(parts[number][-1] for number in sorted(parts)) == source.read_bytes()


def test_a_part_that_is_refused_aborts_the_upload(source):
    script = scripted(lambda n: f"{PART}id/{n}", fail=lambda n, _: 400 if n == 5 else 0)
    with answering(script) as (url, seen):
        place = open_artifacts("mlflow-artifacts:/run", tracking_uri=url)
        with pytest.raises(MlpackError):
            place.put_file(source)
    assert [path for method, path, *_ in seen if method == "POST"][1:] == [f"{MPU}abort/run"]


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_server_that_takes_no_parts_gets_the_file_whole(source, status):
    def answer(method, path, body):
        return (status if method == "POST" else 200), {}, b"{}"

    with answering(answer) as (url, seen):
        open_artifacts("mlflow-artifacts:/run", tracking_uri=url).put_file(source)
    assert [method for method, *_ in seen] == ["POST", "PUT"]
    assert seen[1][3] == source.read_bytes()


@pytest.mark.parametrize("credentials", [None, [], [{"url": "x"}], [{"part_number": 1, "url": ""}]])
def test_a_server_that_makes_no_sense(source, credentials):
    def answer(method, path, body):
        return 200, {}, json.dumps({"upload_id": "id", "credentials": credentials}).encode()

    with answering(answer) as (url, seen):
        place = open_artifacts("mlflow-artifacts:/run", tracking_uri=url)
        with pytest.raises(MlpackError, match="form not understood"):
            place.put_file(source)
    assert seen[-1][1] == f"{MPU}abort/run"


@pytest.mark.parametrize(
    ("name", "value"),
    [("MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1000004"), ("ENABLE_PROXY_MULTIPART_UPLOAD", "false")],
)
def test_files_that_go_whole(source, monkeypatch, name, value):
    monkeypatch.setenv(f"MLPACK_{name}", value)
    with answering(scripted(None)) as (url, seen):
        (source.parent / "1").write_bytes(source.read_bytes())
        open_artifacts("mlflow-artifacts:/run", tracking_uri=url).put_file(source.parent / "1")
    assert [method for method, *_ in seen] == ["PUT"]


def test_a_slice_of_a_file():
    told = []
    part = Slice(io.BytesIO(b"0123456789"), 2, 5, told.append)
    assert part.read(2) == b"23" and part.tell() == 2
    assert part.seek(0, 2) == 5 and part.read() == b""
    assert part.seek(0) == 0 and part.read(100) == b"23456" and part.read(1) == b""
    assert part.seek(-1, 1) == 4 and part.read() == b"6"
    assert sum(told) == 5


KINDS = [
    pytest.param("local", marks=pytest.mark.server),
    pytest.param("s3", marks=[pytest.mark.server, pytest.mark.cloud]),
]


@pytest.mark.parametrize("kind", KINDS)
def test_through_our_server(source, tracking_server, kind, tmp_path):
    url = tracking_server(kind)
    place = open_artifacts("mlflow-artifacts:/in parts", tracking_uri=url)
    place.put_file(source, "sub")
    place.put_folder(source.parent, "folder")
    for path in (f"sub/{source.name}", f"folder/{source.name}"):
        assert place.fetch(path, tmp_path / "out").read_bytes() == source.read_bytes()
    everything = open_artifacts("mlflow-artifacts:/", tracking_uri=url)
    assert not [entry for entry in everything.list() if "mlpack" in entry.path]
    assert place.size(f"sub/{source.name}") == SIZE
    place.delete("")
    with pytest.raises(NotFound):
        place.size(f"sub/{source.name}")


@pytest.mark.server
def test_a_large_file_takes_little_memory(
    tmp_path, object_servers_module, monkeypatch, record_property
):
    monkeypatch.setenv("MLPACK_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1000000")
    monkeypatch.setenv("MLPACK_MULTIPART_UPLOAD_CHUNK_SIZE", str(32 << 20))
    source = tmp_path / "large.bin"
    with source.open("wb") as file:
        file.truncate(300 << 20)
        file.seek(123_456_789)
        file.write(b"something")
    files = tmp_path / "files"
    with object_servers_module.tracking(tmp_path / "server", str(files), {}) as server:
        place = open_artifacts("mlflow-artifacts:/0", tracking_uri=server.url)
        place.put_file(source)
        _, worker = _family(server.process.pid)
        record_property("rss", worker.memory_info().rss)
        assert worker.memory_info().rss < 100 << 20
        peak = _peak(worker.pid)
    record_property("peak", peak)
    assert peak < 100 << 20
    sent = files / "0" / "large.bin"
    assert sent.stat().st_size == 300 << 20
    with sent.open("rb") as file:
        file.seek(123_456_789)
        assert file.read(9) == b"something"
    assert [path.name for path in (files / ".mlpack-uploads").rglob("*") if path.is_file()] == [
        "manifest"
    ]


def _family(pid):
    parent = psutil.Process(pid)
    return [parent, *parent.children()]


def _peak(pid):
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


@pytest.mark.server
@pytest.mark.cloud
def test_ranges_of_a_file_in_an_object_store(tracking_server):
    place = open_artifacts("mlflow-artifacts:/ranges", tracking_uri=tracking_server("s3"))
    content = os.urandom(3_000_000)
    place.write("f", [content])
    client, path = HttpClient(tracking_server("s3")), "/api/2.0/mlflow-artifacts/artifacts/ranges/f"
    for asked, start, stop in [
        ("bytes=0-0", 0, 1),
        ("bytes=5-1999999", 5, 2_000_000),
        ("bytes=2999999-", 2_999_999, 3_000_000),
        ("bytes=-7", 2_999_993, 3_000_000),
        ("bytes=10-99999999", 10, 3_000_000),
    ]:
        with client.stream("GET", path, headers={"Range": asked}) as response:
            assert b"".join(response.chunks()) == content[start:stop]
            assert response.status == 206
            assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/3000000"
    for asked in ("bytes=0-1,5-6", "lines=1-2", "bytes=x"):  # all of it, as the rules allow
        with client.stream("GET", path, headers={"Range": asked}) as response:
            assert response.status == 200 and b"".join(response.chunks()) == content
    with (
        pytest.raises(MlpackError) as error,
        client.stream("GET", path, headers={"Range": "bytes=3000000-"}),
    ):
        pass
    assert error.value.http_status == 416
    assert b"".join(place.read("f", 2_000_000)) == content[2_000_000:]


@pytest.mark.server
@pytest.mark.cloud
def test_large_files_come_from_the_object_store(
    source, object_server, object_servers_module, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLPACK_MULTIPART_DOWNLOAD_MINIMUM_FILE_SIZE", "100000")
    monkeypatch.setenv("MLPACK_TRACKING_TOKEN", "secret")
    store = object_server("s3")
    with object_servers_module.tracking(
        tmp_path / "server",
        "s3://bucket/signed ü",
        store.environment,
        options=["--presigned-downloads", "--access-log"],
    ) as server:
        place = open_artifacts("mlflow-artifacts:/a b", tracking_uri=server.url)
        place.put_file(source)
        (source.parent / "small").write_text("small")
        place.put_file(source.parent / "small")
        got = place.fetch("", tmp_path / "out")
        assert (got / source.name).read_bytes() == source.read_bytes()
        assert (got / "small").read_text() == "small"
        written = tmp_path / "server" / "server.log"  # each line after its answer
        eventually(lambda: "mlflow-artifacts/artifacts/a%20b/small" in written.read_text())
    log = written.read_text()
    assert log.count("GET /api/2.0/mlflow-artifacts/presigned/") == 1
    assert log.count("GET /api/2.0/mlflow-artifacts/artifacts/a%20b/") == 1  # the small one


def test_a_signed_address_that_leads_nowhere(tmp_path, monkeypatch):
    """The server sends the file itself, then."""
    monkeypatch.setenv("MLPACK_MULTIPART_DOWNLOAD_MINIMUM_FILE_SIZE", "1")
    monkeypatch.setenv("MLPACK_TRACKING_TOKEN", "secret")
    monkeypatch.setenv("MLPACK_HTTP_REQUEST_MAX_RETRIES", "0")
    elsewhere = []

    def answer(method, path, body):
        if "/presigned/" in path:
            return 200, {}, json.dumps({"url": f"{elsewhere[0]}/x?Signature=1"}).encode()
        if "?path=" in path:
            listing = {"files": [{"path": "f", "is_dir": False, "file_size": 3}]}
            return 200, {}, json.dumps(listing).encode()
        return 200, {}, b"123"

    with answering(lambda *_: (403, {}, b"expired")) as (url, seen):
        elsewhere.append(url)
        with answering(answer) as (url, _):
            place = open_artifacts("mlflow-artifacts:/x", tracking_uri=url)
            assert place.fetch("f", tmp_path / "out").read_bytes() == b"123"
    [(_, path, headers, _)] = seen
    assert path == "/x?Signature=1" and "Authorization" not in headers


def test_ctrl_c_ends_the_parts_on_their_way_and_aborts(source, monkeypatch):
    from mlpack.artifacts import transfer

    begun, over = threading.Event(), threading.Event()

    class Pool(transfer.ThreadPoolExecutor):
        def shutdown(self, *args, **options):
            super().shutdown(wait=False, cancel_futures=True)
            over.set()
            super().shutdown(*args, **options)

    def wait(calls, **_):
        begun.wait(60)
        raise KeyboardInterrupt

    def slow(number, _):
        begun.set()
        over.wait(60)  # else all parts could be through before the interrupt is heard
        return 0

    monkeypatch.setattr(transfer, "wait", wait)
    monkeypatch.setattr(transfer, "ThreadPoolExecutor", Pool)
    with answering(scripted(lambda n: f"{PART}id/{n}", fail=slow)) as (url, seen):
        place = open_artifacts("mlflow-artifacts:/run", tracking_uri=url)
        with pytest.raises(KeyboardInterrupt):
            place.put_file(source)
    steps = [path for method, path, *_ in seen if method == "POST"]
    assert steps == [f"{MPU}create/run", f"{MPU}abort/run"]
    assert len(sent_parts(seen)) < 16
