"""Previews of every kind without a browser: what is shown and cut, what attacks come to."""

import gzip
import html
import io
import json
import re
import tarfile
import time
import zipfile

import pytest

from .run_files import Files


@pytest.fixture
def shown(api):
    """``shown(name, content, **query)``: the preview of a file, as HTML without entities."""
    files = Files(api)

    def show(name, content, **query):
        files.put(name, content if isinstance(content, bytes) else content.encode())
        started = time.thread_time()  # others use the machine, too
        answer = files.data("preview", name, **query)
        assert answer.status_code == 200, answer.text
        assert time.thread_time() - started < 5
        assert len(answer.data) < 2_500_000
        show.raw = answer.text
        return html.unescape(answer.text)

    show.files = files
    return show


def kind_of(page):
    return re.search(r'data-kind="(\w+)"', page)[1]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.png", b"\x89PNG", "image"),
        ("a.svg", "<svg/>", "image"),
        ("a.html", "<p>x", "html"),
        ("a.pdf", "%PDF-1.1", "pdf"),
        ("a.webm", b"\x1a\x45", "media"),
        ("a.ipynb", '{"cells": []}', "notebook"),
        ("a.ipynb", '{"cells": 1}', "json"),
        ("a.json", '{"columns": ["a"], "data": [[1]]}', "table"),
        ("a.json", "[1]", "json"),
        ("a.json", "{broken", "text"),
        ("a.csv", "a,b\n1,2\n", "table"),
        ("a.csv", b"a,\0\xff", "binary"),
        ("a.md", "# x", "markdown"),
        ("a.parquet", b"PAR1", "parquet"),
        ("a.parquet", b"nothing\0", "binary"),
        ("MLmodel", "flavors: {x: {}}", "mlmodel"),
        ("MLmodel", "flavors: [", "text"),
        ("a.yaml", "a: 1", "text"),
        ("noname", "words", "text"),
        ("a.zip", b"PK\x03\x04 broken", "text"),
        ("a.bin", b"\0\1", "binary"),
    ],
)
def test_kinds(shown, name, content, kind):
    assert kind_of(shown(name, content)) == kind


def test_pages_that_want_scripts_of_elsewhere(shown):
    page = shown("a.html", '<script charset="utf-8"\nsrc="https://cdn.example/p.js"></script>')
    assert "It wants scripts from cdn.example, which are not loaded here" in page
    assert "It wants scripts" not in shown("b.html", "<script>x = '//a.example'</script>")
    shown("c.html", "<script " * 32_000)  # answers in time


def test_an_empty_file(shown):
    for name in ("a.txt", "a.csv", "a.png", "a.json", "a.parquet", "MLmodel", "a.ipynb"):
        assert "The file is empty." in shown(name, b"")


def test_a_long_text_comes_in_pieces(shown):
    text = "".join(f"line {number}\n" for number in range(5000))
    page = shown("log.txt", text)
    assert "first 18.9 kB of 48.9 kB" in page
    assert "<code>line 1999</code>" in page and "line 2000" not in page
    start, number = re.search(r'data-start="(\d+)" data-number="(\d+)"', page).groups()
    more = shown.files.data("lines", "log.txt", start=start, number=number).text
    assert more.index('id="L2001"') < more.index("<code>line 2000</code>")
    last = re.search(r'data-start="(\d+)" data-number="(\d+)"', more).groups()
    end = shown.files.data("lines", "log.txt", start=last[0], number=last[1]).text
    assert "<code>line 4999</code>" in end and "data-start" not in end
    assert shown.files.data("lines", "log.txt", start=10**9).text.strip() == ""


@pytest.mark.parametrize("line", ["é {}\n", "{}\n", "long " * 500 + "{}\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_last_lines_of_a_log(shown, line, encoding):
    count = 100_000 if len(line) < 50 else 1000
    text = "".join(map(line.format, range(count))) + "unfinished"
    page = shown("log.txt", text.encode(encoding))
    start = re.search(r'data-start="(\d+)" data-number="0">The last lines', page)[1]
    end = html.unescape(shown.files.data("lines", "log.txt", start=start, number=0).text)
    found = re.findall(r"<code>(.*)</code>", end)
    assert 2 < len(found) <= 2000
    assert found[-1] == "unfinished"
    assert [each + "\n" for each in found[:-1]] == [
        line.format(i) for i in range(count - len(found) + 1, count)
    ]
    assert "data-start" not in end and "id=" not in end


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1"])
def test_encodings(shown, encoding):
    text = "näïve é\n" * 40_000
    raw = text.encode(encoding)
    if encoding == "utf-16-be":
        raw = b"\xfe\xff" + raw
    page = shown("a.txt", raw)
    assert "<code>näïve é</code>" in page and "\ufffd" not in page
    start, number = re.search(r'data-start="(\d+)" data-number="(\d+)"', page).groups()
    more = shown.files.data("lines", "a.txt", start=start, number=number).text
    assert more.count("<code>näïve é</code>") == 2000 and "\ufffd" not in more


def test_one_endless_line(shown):
    page = shown("a.txt", "é" * 1_000_000)
    assert "first 262.1 kB of 2.0 MB" in page
    start, number = re.search(r'data-start="(\d+)" data-number="(\d+)"', page).groups()
    assert "\ufffd" not in page and int(start) % 2 == 0 and number == "2"


def test_terminal_colours_and_broken_characters(shown):
    page = shown(
        "a.log",
        b"\x1b[31mred\x1b[0m \x1b]0;title\x07ok\nutf \xc3\xa9\n" + b"x\n" * 3000 + b"\xff\n",
    )
    assert "<code>red ok</code>" in page and "\x1b" not in page


def test_differences_are_marked(shown):
    page = shown("a.patch", "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n same\n")
    for mark in ("head", "hunk", "removed", "added"):
        assert f'class="{mark}"' in page


def test_json(shown):
    page = shown("a.json", json.dumps({"a": [1, "</details><script>x</script>"], "<b>": None}))
    assert "<script>x" not in shown.raw and "<b>" not in shown.raw
    assert page.count("<details open>") == 2
    assert kind_of(shown("a.json", '{"a": 1}', **{"as": "text"})) == "text"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 900 + "]" * 900,
        '{"a":' * 5000 + "1" + "}" * 5000,
        json.dumps(list(range(200_000))),
        json.dumps({"x" * 100_000: "y" * 100_000}),
        "[" + "9" * 10_000 + "]",
        '{"columns": [1], "data": [' + "[" * 900 + "]" * 900 + "]}",
        '{"columns": ["a"], "data": ["x", {"y": 1}]}',
        '{"columns": {"a": 1}, "data": 7}',
        "[NaN, Infinity, 1e999]",
    ],
    ids=str.__len__,
)
def test_json_that_is_too_much(shown, text):
    for name in ("a.json", "a.ipynb"):
        assert kind_of(shown(name, text)) in ("json", "text", "table")


def test_yaml_that_is_too_much(shown):
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
    )
    assert kind_of(shown("MLmodel", bomb)) == "text"
    assert kind_of(shown("MLmodel", "a: " + "[" * 5000)) == "text"
    assert kind_of(shown("MLmodel", "!!python/object/apply:os.system ['x']")) == "text"


def test_csv(shown):
    page = shown("a.csv", 'name,value\n"a,b",1.5\n"<script>x</script>",\n=cmd,3\n"two\nlines",4\n')
    assert "<td>a,b</td>" in page and '<td class="number">1.5</td>' in page
    assert "<script>x" not in shown.raw and "<td>two\nlines</td>" in page
    assert "4 rows, 2 columns" in page
    assert "<td>b;c</td>" in shown("b.csv", 'a;"x;y"\n1;"b;c"\n')
    assert "<td>b c</td>" in shown("c.tsv", "a\tx\n1\tb c\n")


def test_csv_that_is_too_much(shown):
    assert "the first 500 rows of" in shown("a.csv", "a,b\n" + "1,2\n" * 2000)
    wide = shown("b.csv", ",".join(map(str, range(60_000))) + "\n" + "1,2\n")
    assert "the first 100 of 60,000 columns" in wide
    endless = shown("c.csv", "x," * 1_000_000)
    assert kind_of(endless) in ("table", "text")
    assert kind_of(shown("d.csv", "a," + "y" * 300_000)) in ("table", "text")
    assert kind_of(shown("e.csv", 'a,"never closed\n' * 50_000)) in ("table", "text")


def test_a_logged_table(shown):
    rows = [[i, None if i else "<b>", {"k": [i]}] for i in range(700)]
    page = shown("t.json", json.dumps({"columns": ["n", "s", "o"], "data": rows}))
    assert "the first 500 rows of 700" in page
    assert '<td class="number">0</td>' in page and "<b>" not in shown.raw
    assert '<td>{"k": [3]}</td>' in page


def test_markdown_is_clean(shown):
    shown("a.md", "# x\n<script>1</script>\n[a](javascript:alert(1)) ![i](https://e.example/x.png)")
    assert "<script>1" not in shown.raw and 'href="javascript' not in shown.raw
    assert 'src="https://e.example' not in shown.raw


def test_a_hostile_notebook(shown):
    png = "iVBORw0KGgo="
    cell = {
        "cell_type": "code",
        "execution_count": "<b>",
        "source": ["</code><script>1</script>"],
        "outputs": [
            {"output_type": "display_data", "data": {"text/html": "<script>2</script>"}},
            {"output_type": "display_data", "data": {"image/png": png}},
            {"output_type": "display_data", "data": {"image/png": '" onerror="alert(3)'}},
            {"output_type": "display_data", "data": {"image/svg+xml": "<svg onload=alert(4)>"}},
            {"output_type": "error", "traceback": ["\x1b[31m<i>bad</i>\x1b[0m"]},
            {"output_type": "stream", "text": [1, None]},
            "no output",
        ],
    }
    page = shown(
        "a.ipynb",
        json.dumps({"cells": [cell, 7, {"cell_type": "markdown", "source": "<script>5</script>"}]}),
    )
    assert "Output not shown: text/html." in page
    assert f'src="data:image/png;base64,{png}"' in page
    assert not re.search(
        r"<script|onerror=\"|<svg onload|<i>|\x1b", shown.raw.replace("<svg class", "")
    )
    many = shown("b.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": "x"}] * 1000}))
    assert "the first 300 of 1,000 cells" in many
    large = [{"output_type": "display_data", "data": {"image/png": "A" * 6_000_000}}] * 2
    shown.files.put(
        "c.ipynb", json.dumps({"cells": [{"cell_type": "code", "outputs": large}]}).encode()
    )
    assert shown.files.data("preview", "c.ipynb").text.count("<img") == 1


def test_tables_of_a_notebook(shown):
    frame = """<style>td {color: red}</style><table border="1" onclick="alert(1)"><thead>
    <tr style="x"><th></th><th colspan=2>length <i>(cm)</i></th></tr></thead><tbody>
    <tr><th rowspan='3'>a&amp;b</th><td>1.50</td><td>&lt;b&gt;x<br>y<script>alert(2)</script></td>
    </tr><tr><td><table><tr><td>in</td></tr></table></td></tr></tbody></table><p>2 rows</p>"""
    outputs = [
        {"output_type": "execute_result", "data": {"text/html": [frame], "text/plain": "as words"}},
        {"output_type": "display_data", "data": {"text/html": "<table>", "text/plain": "empty"}},
        {"output_type": "display_data", "data": {"text/html": "<table><tr>" + "<td>1" * 20_000}},
    ]
    book = {"cells": [{"cell_type": "code", "source": "x", "outputs": outputs}]}
    page = shown("a.ipynb", json.dumps(book))
    assert '<th colspan="2">length (cm)</th>' in page
    assert '<th rowspan="3">a&amp;b</th>' in shown.raw
    assert '<td class="number">1.50</td>' in page and "<td>&lt;b&gt;x y</td>" in shown.raw
    assert "<td>in</td>" in page and "as words" not in page and "empty" in page
    assert "alert" not in shown.raw and "color: red" not in shown.raw
    assert "Only the beginning of the table is shown." in page
    assert shown.raw.count('<td class="number">1</td>') < 10_000


def test_a_model(shown):
    text = """
flavors: {python_function: {python_version: 3.11.7}, sklearn: {a: "<b>"}}
signature:
  inputs: '[{"type": "double", "name": "<i>x</i>", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: '[{"name": "k", "type": "long", "default": 3, "shape": null}]'
model_size_bytes: 1234
run_id: "javascript:alert(1)"
"""
    shown.files.put("m/requirements.txt", b"scikit-learn==1.9\n# no\n")
    page = shown("m/MLmodel", text)
    for words in ("3.11.7", "int64 [-1]", "scikit-learn==1.9", "1.2 kB", "<code>3</code>"):
        assert words in page
    assert "<i>" not in shown.raw and "<b>" not in shown.raw
    assert 'href="/runs/javascript%3Aalert%281%29"' in page
    assert f'mlpack.pyfunc.load_model("runs:/{shown.files.run_id}/m")' in page


def test_archives_are_only_listed(shown):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../<b>up.txt", "x")
        archive.writestr("bomb", b"\0" * 50_000_000)
        for number in range(600):
            archive.writestr(f"f{number}", "")
    page = shown("a.zip", made.getvalue())
    assert "../../<b>up.txt" in page and "<b>up" not in shown.raw
    assert "50.0 MB" in page and "the first 500 entries" in page
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name in ("one.txt", "two.txt"):
            info = tarfile.TarInfo(name)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"abc"))
    assert "two.txt" in shown("a.tar.gz", made.getvalue())
    bomb = gzip.compress(b"\0" * 200_000_000, 9)
    assert kind_of(shown("b.tar.gz", bomb)) in ("binary", "archive")
    # a zip whose end says that its list takes gigabytes
    lie = b"PK\x03\x04" + b"\0" * 100 + b"PK\x05\x06" + b"\xff" * 18
    assert kind_of(shown("c.zip", lie)) == "binary"


def test_bytes(shown):
    page = shown("a.pkl", b"\x80\x04\x95" + b"<script>" + bytes(1000))
    assert "a pickle, which runs code when it is loaded" in page
    assert "0000</span>  80 04 95 3c" in page and "<script>" not in shown.raw
