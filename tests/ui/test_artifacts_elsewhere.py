"""Files in an object store: the same pages, and what they say when it does not answer."""

import importlib.util
import io
import sys
import zipfile
from pathlib import Path

import pytest

from mlpack.tests.tracking_server.conftest import Api

from .run_files import Files

pytestmark = pytest.mark.cloud


def object_servers():
    # pytest's importlib mode puts no folder of tests on sys.path
    path = Path(__file__).parent.parent / "artifacts" / "servers.py"
    spec = importlib.util.spec_from_file_location("mlpack_tests_object_servers", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def s3(tmp_path, monkeypatch):
    """A bucket called "bucket"; the server is the fixture's value."""
    servers = object_servers()
    with servers.s3(tmp_path / "s3") as server:
        servers.make_bucket(server, "s3", "bucket")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


def test_the_same_pages(s3, make_app):
    app = make_app(artifacts_destination="s3://bucket/runs")
    files = Files(Api(app.test_client()))
    text = "".join(f"line {number}\n" for number in range(4000))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("inside.txt", "x")
    files.put("a/log.txt", text.encode()).put("a/x.zip", archive.getvalue())
    files.put("a/page.html", b"<script>1</script>").put("empty.txt", b"")
    assert "page.html" in files.page("a").text
    page = files.page("a/log.txt")
    assert "<code>line 0</code>" in page.text and 'aria-expanded="true"' in page.text
    more = files.data("lines", "a/log.txt", start=18890, number=2001)
    assert "<code>line 2000</code>" in more.text
    part = files.data("raw", "a/log.txt", headers={"Range": "bytes=7-13"})
    assert (part.status_code, part.text) == (206, "line 1\n")
    assert "inside.txt" in files.page("a/x.zip").text
    assert "The file is empty." in files.page("empty.txt").text
    shown = files.data("show", "a/page.html")
    assert shown.headers["Content-Security-Policy"].startswith("sandbox allow-scripts")
    for path in ("gone.txt", "a/gone/x", "../runs", "a/../../x"):
        assert files.page(path).status_code in (400, 404), path

    s3.process.kill()
    s3.process.wait(10)
    for page in (files.page(), files.page("a/log.txt")):
        assert page.status_code in (500, 502, 503)
        assert "Try again" in page.text and 'role="alert"' in page.text
        assert "The files cannot be listed." in page.text
    answer = files.data("preview", "a/log.txt")
    assert answer.status_code >= 500 and answer.json["message"]
