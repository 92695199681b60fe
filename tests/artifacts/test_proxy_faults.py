"""Artifacts through servers that lie, break off, or are not meant to see our credentials."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from mlpack.artifacts.open import open_artifacts
from mlpack.errors import InvalidInput, MlpackError, NotFound, StorageFailed

ROUTE = "/api/2.0/mlflow-artifacts/artifacts"


@contextmanager
def serving(listings, bodies=None, truncate=0):
    """A server that lists and sends what it is told to; gives its address and the requests."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, dict(self.headers)))
            parts = urlsplit(self.path)
            if parts.path == ROUTE:
                folder = parse_qs(parts.query).get("path", [""])[0]
                body = json.dumps({"files": listings.get(folder, [])}).encode()
            else:
                body = (bodies or {}).get(parts.path.removeprefix(ROUTE + "/"), b"")
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) - truncate] if parts.path != ROUTE else body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()


def file(name, size=1):
    return {"path": name, "is_dir": False, "file_size": size}


@pytest.mark.parametrize(
    "name", ["../evil", "..", "a/b", "/etc/passwd", "", ".", "..\\evil", "%2e%2e"]
)
def test_a_server_that_lists_ways_out(name, tmp_path):
    with serving({"x": [file(name)]}, {"x/" + name: b"1"}) as (url, _):
        place = open_artifacts("mlflow-artifacts:/x", tracking_uri=url)
        with pytest.raises(MlpackError):
            place.fetch("", tmp_path / "a" / "out")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(("body", "truncate"), [(b"12", 0), (b"1234", 0), (b"123", 1)])
def test_a_download_that_is_not_all_there_leaves_nothing(body, truncate, tmp_path, monkeypatch):
    monkeypatch.setenv("MLPACK_HTTP_REQUEST_MAX_RETRIES", "0")
    with serving({"x": [file("f", 3)]}, {"x/f": body}, truncate) as (url, _):
        place = open_artifacts("mlflow-artifacts:/x", tracking_uri=url)
        with pytest.raises(StorageFailed):
            place.fetch("f", tmp_path / "out")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_server_that_ignores_ranges():
    with serving({"x": [file("f", 5)]}, {"x/f": b"12345"}) as (url, _):
        place = open_artifacts("mlflow-artifacts:/x", tracking_uri=url)
        assert b"".join(place.read("f", 3)) == b"45"


def test_credentials_go_to_the_tracking_server_only(monkeypatch):
    monkeypatch.setenv("MLPACK_TRACKING_TOKEN", "secret")
    with serving({}) as (ours, at_ours), serving({}) as (theirs, at_theirs):
        host = theirs.removeprefix("http://")
        open_artifacts("mlflow-artifacts:/x", tracking_uri=ours).list()
        open_artifacts(f"{ours}{ROUTE}/x", tracking_uri=ours).list()
        open_artifacts(f"mlflow-artifacts://{host}/x", tracking_uri=ours).list()
        open_artifacts(f"{theirs}{ROUTE}/x", tracking_uri=ours).list()
    assert [headers.get("Authorization") for _, headers in at_ours] == ["Bearer secret"] * 2
    assert [headers.get("Authorization") for _, headers in at_theirs] == [None] * 2


def test_how_addresses_are_read(monkeypatch):
    with serving({}) as (url, seen):
        host = url.removeprefix("http://")
        for address in (
            "mlflow-artifacts:/a/b",
            "mlflow-artifacts:a/b",
            f"mlflow-artifacts://{host}/a/b",
            f"{url}{ROUTE}/a/b/",
        ):
            open_artifacts(address, tracking_uri=url).list("c d")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        open_artifacts("mlflow-artifacts:/").list()
        open_artifacts("mlflow-artifacts:/x", tracking_uri=f"{url}/below").list()
    assert [path for path, _ in seen] == [
        *[f"{ROUTE}?path=a%2Fb%2Fc+d"] * 4,
        ROUTE,
        f"/below{ROUTE}?path=x",
    ]


MALFORMED = ["mlflow-artifacts:/a/../b", "mlflow-artifacts:/%2e%2e/b", "mlflow-artifacts://5000/x"]
MALFORMED += ["http://host/x", f"http://host{ROUTE}/x?path=y", f"http://host{ROUTE}/x#y"]
MALFORMED += [f"http://host{ROUTE}/../../x", "runs:/abc/x", f"models:/m-{'0' * 32}", "ftp://x/y"]


@pytest.mark.parametrize("uri", MALFORMED)
def test_addresses_that_are_malformed(uri):
    with pytest.raises(InvalidInput):
        open_artifacts(uri, tracking_uri="http://127.0.0.1:5000")


@pytest.mark.parametrize("tracking", [None, "", "./mlruns", "sqlite:///x.db"])
def test_no_tracking_server_is_in_use(tracking):
    with pytest.raises(InvalidInput, match="kept by a tracking server, and none is in use"):
        open_artifacts("mlflow-artifacts:/x", tracking_uri=tracking)


@pytest.mark.server
def test_an_upload_that_breaks_off_leaves_nothing(tracking_server):
    place = open_artifacts("mlflow-artifacts:/broken", tracking_uri=tracking_server("local"))

    def pieces():
        yield bytes(3_000_000)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.write("x", pieces())
    assert list(place.walk()) == []
    with pytest.raises(NotFound):
        place.read("x")
