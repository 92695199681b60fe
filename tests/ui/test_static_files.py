"""Scripts and styles: kept for good under today's digest, and nothing beside them."""

import gzip

import pytest

from mlpack.tracking_server.ui import static_files


def test_a_file_of_today_is_kept(api):
    answer = api.client.get(static_files.address("style.css"), headers={"Accept-Encoding": "gzip"})
    assert "immutable" in answer.headers["Cache-Control"]
    assert gzip.decompress(answer.data) == (static_files.FOLDER / "style.css").read_bytes()
    old = api.client.get("/static/0123456789ab/style.css")
    assert old.headers["Cache-Control"] == "no-store" and b"--accent" in old.data


@pytest.mark.parametrize("name", ["none.css", "x/none.css", "x/..%2fapp.py", "..%2fapp.py"])
def test_what_is_no_file(name, api):
    assert api.client.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize("path", ["/runs/none", "/experiments/77", "/models/m-1", "/registry/x"])
def test_pages_of_what_is_not_there(path, api):
    answer = api.client.get(path)
    assert answer.status_code == 404 and answer.mimetype == "text/html"
