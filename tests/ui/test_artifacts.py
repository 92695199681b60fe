"""The files' browser without a browser: addresses, folders, what is sent, and how."""

import html
import os
import re
from pathlib import Path

import pytest

from .run_files import Files

SANDBOX = "sandbox allow-scripts"


@pytest.fixture
def files(api):
    return Files(api)


def test_an_empty_run_says_what_to_do(files):
    page = files.page()
    assert page.status_code == 200
    assert "No files yet." in page.text
    assert f'mlpack.log_artifact("report.html", run_id="{files.run_id}")' in html.unescape(
        page.text
    )


def test_a_folder_and_a_file(files):
    files.put("a/b/deep.txt", b"hello\n").put("top.bin", b"\0\1\2")
    root = files.page()
    assert "top.bin" in root.text and "a/</a>" in root.text
    deep = files.page("a/b/deep.txt")
    assert 'aria-expanded="true"' in deep.text
    assert "<code>hello</code>" in deep.text
    assert f"runs:/{files.run_id}/a/b/deep.txt" in deep.text
    assert "mlpack.artifacts.load_text(&#34;runs:/" in deep.text


@pytest.mark.parametrize(
    "path", ["nothing.txt", "../secret", "a/%2e%2e/%2e%2e/x", "%252e%252e/x", "x\0y", "/etc/passwd"]
)
def test_what_is_not_there_is_said_in_place(files, path):
    files.put("known.txt", b"x")
    for answer in (files.page(path), files.data("preview", path)):
        assert answer.status_code in (400, 404)
    assert files.data("preview", path).json["message"]
    for what in ("raw", "show", "lines"):
        assert files.data(what, path).status_code in (400, 404)


def test_a_missing_file_keeps_the_tree(files):
    files.put("known.txt", b"x")
    page = files.page("gone.txt")
    assert page.status_code == 404
    assert "There is no file or folder &#39;gone.txt&#39; here." in page.text
    assert "known.txt" in page.text


def test_runs_models_and_versions_that_do_not_exist(client):
    for path in ("/runs/nope", "/models/m-nope", "/registry/nope/1", f"/registry/x/{'9' * 30}"):
        assert client.get(f"{path}/artifacts").status_code in (400, 404), path
        answer = client.get(f"/ui/artifacts{path}/preview?path=x")
        assert answer.status_code in (400, 404) and answer.json["message"]


def test_a_large_folder_comes_in_pages(files):
    files.put("known.txt", b"x")
    folder = files.folder / "many"
    folder.mkdir()
    for number in range(1005):
        (folder / f"f{number:05}.txt").write_text("x")
    page = files.page("many")
    assert "1 – 200 of 1,005" in page.text and "f00200.txt" not in page.text
    assert "805 more…" in page.text
    assert "201 – 400 of 1,005" in files.page("many", **{"from": 200}).text
    rest = files.data("tree", "many", **{"from": 1000}).text
    assert rest.count('role="treeitem"') == 5
    # a chosen file that is far behind is in the tree all the same
    assert 'data-path="many/f00999.txt" aria-current' in files.page("many/f00999.txt").text
    assert files.data("tree", "many", **{"from": "x"}).status_code == 400


def test_links_out_of_the_folder_lead_nowhere(files, tmp_path):
    files.put("known.txt", b"x")
    (tmp_path / "secret.txt").write_text("secret words")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret words")
    os.symlink(tmp_path / "secret.txt", files.folder / "link.txt")
    os.symlink(tmp_path / "outside", files.folder / "door")
    assert "link.txt" not in files.page().text
    for path in ("link.txt", "door/secret.txt", "door"):
        for answer in (files.page(path), files.data("raw", path), files.data("show", path)):
            assert answer.status_code in (400, 404)
            assert "secret words" not in answer.text


def test_downloads_and_ranges(files):
    content = bytes(range(256)) * 10
    files.put("known.txt", content)
    whole = files.data("raw", "known.txt")
    assert whole.data == content
    assert whole.headers["Content-Disposition"].startswith("attachment")
    assert whole.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    part = files.data("raw", "known.txt", headers={"Range": "bytes=256-511"})
    assert part.status_code == 206 and part.data == bytes(range(256))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.png", "image/png"),
        ("a.SVG", "image/svg+xml; charset=utf-8"),
        ("a.html", "text/html; charset=utf-8"),
        ("a.pdf", "application/pdf"),
        ("a.mp3", "audio/mpeg"),
    ],
)
def test_what_is_shown_has_a_type_of_ours_and_a_policy(files, name, kind):
    files.put(name, b"<script>alert(1)</script>")
    answer = files.data("show", name)
    headers = answer.headers
    assert headers["Content-Type"] == kind
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"].startswith("inline")
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'self'" in policy
    assert "allow-same-origin" not in policy and "connect-src" not in policy
    if "html" in kind:
        assert policy.startswith(SANDBOX)
    if "svg" in kind:
        assert policy.startswith("sandbox;") and "script-src" not in policy


@pytest.mark.parametrize(
    "name", ["a.js", "a.xml", "a.xhtml", "a.xht", "a.mhtml", "a.swf", "a.html.txt", "a", "a.svgz"]
)
def test_other_kinds_are_never_shown_by_themselves(files, name):
    files.put(name, b"<script>alert(1)</script>")
    answer = files.data("show", name)
    assert answer.status_code == 400 and "download it" in answer.json["message"]
    page = files.page(name)
    assert "<script>alert(1)" not in page.text and "&lt;script&gt;alert(1)" in page.text


NAMES = [
    "<img src=x onerror=alert(1)>.txt",
    "a\"b'c`{{7*7}}.txt",
    "evil\u202etxt.exe",
    "line\nbreak.txt",
    "tab\tx.txt",
    "ünïcode 文件.txt",
    "per%cent%2e.txt",
    "x" * 200 + ".txt",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names(files, name):
    files.put("known.txt", b"x")
    (files.folder / name).write_text("a marmot")
    root = files.page()
    assert root.status_code == 200
    for answer in (root, files.data("preview", name)):
        assert answer.status_code == 200
        assert "<img src=x" not in answer.text
        assert "\u202e" not in re.sub(r'(href|data-path|data-copy)="[^"]*"', "", answer.text)
    # the page's own link leads to it
    links = re.findall(r'<td><a href="([^"]*)"', root.text)
    pages = [files.client.get(html.unescape(link)) for link in links]
    assert [page.status_code for page in pages] == [200, 200]
    assert sum("a marmot" in page.text for page in pages) == 1


def test_a_name_that_is_no_text(files):
    files.put("known.txt", b"x")
    Path(os.fsdecode(os.fsencode(files.folder) + b"/bad\xffname.txt")).write_text("x")
    page = files.page()
    assert page.status_code == 200 and "bad?name.txt" in page.text
    assert files.page("bad?name.txt").status_code == 400
