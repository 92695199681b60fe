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


def test_files_of_a_page_as_one(api):
    script = static_files.script_of("page.js charts_page.js")
    text = api.client.get(script).text
    for name in ("elements.js", "page.js", "curve_draw.js"):
        assert (static_files.FOLDER / "js" / name).read_text().splitlines()[0] in text
    told = text.rstrip().rpartition("sourceMappingURL=")[2]
    assert "page.js" in api.client.get(f"{script.rpartition('/')[0]}/{told}").json["sources"]
    library = static_files.address("lib/curves.js")
    assert static_files.libraries_of("page.js charts_page.js") == [library]
    assert static_files.libraries_of("page.js") == []

    style = api.client.get(static_files.style_of("style.css charts.css"))
    assert style.mimetype == "text/css" and "immutable" in style.headers["Cache-Control"]
    files = [static_files.FOLDER / name for name in ("style.css", "charts.css")]
    assert style.text == "\n".join(file.read_text() for file in files)


@pytest.mark.parametrize(
    "name",
    ["+", "+none.css", "js/+none.js", "js/+../../app.js", "js/+none.js.map", "js/+page.css", "+x"],
)
def test_what_cannot_be_joined(name, api):
    assert api.client.get(static_files.address(name)).status_code == 404


@pytest.mark.parametrize("name", ["none.css", "x/none.css", "x/..%2fapp.py", "..%2fapp.py"])
def test_what_is_no_file(name, api):
    assert api.client.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize("path", ["/runs/none", "/experiments/77", "/models/m-1", "/registry/x"])
def test_pages_of_what_is_not_there(path, api):
    answer = api.client.get(path)
    assert answer.status_code == 404 and answer.mimetype == "text/html"
