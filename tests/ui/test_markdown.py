"""Notes as HTML: what is shown, that nothing of it can act, and that none takes long."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlpack.tracking_server.ui.markdown import render

_TAGS = set(
    re.findall(
        r"\w+",
        "a blockquote br code div em h3 h4 h5 h6 hr img input li ol p pre s strong "
        "table tbody td th thead tr ul",
    )
)
_ATTRIBUTES = set(
    re.findall(
        r"[\w-]+",
        "alt aria-label checked class disabled href loading rel role src start tabindex "
        "target title type",
    )
)
_CLASSES = {"task", "wide", "left", "right", "center", "as-written"}


class Strict(HTMLParser):
    """Collects everything in a page that could act."""

    def __init__(self, html):
        super().__init__()
        self.faults = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.faults += [tag] if tag not in _TAGS else []
        self.faults += sorted(given.keys() - _ATTRIBUTES)
        self.faults += sorted(set((given.get("class") or "").split()) - _CLASSES)
        link = (given.get("href") or "").strip().lower()
        if ":" in re.split(r"[/?#]", link, maxsplit=1)[0]:
            self.faults += [] if re.match(r"(https?|mailto):", link) else [link]
        source = given.get("src") or ""
        if re.match(r"(?i)([a-z][a-z0-9+.-]*:|//|[/\\]\\)", source):
            self.faults += (
                [] if re.match(r"(?i)data:image/(png|gif|jpeg|webp);", source) else [source]
            )
        if tag == "a" and re.match(r"https?:|//", link):
            self.faults += [] if "noopener" in (given.get("rel") or "") else ["no rel"]

    def handle_decl(self, decl):
        self.faults.append(decl)


PIECES = [
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<!--"),
    *("[a](javascript:alert(1))", "![b](https://evil.example/x.png)", "[c](data:text/html,x)", "<"),
    *("[d]: javascript:x", "[d]", "<javascript:alert(1)>", "&#106;avascript:", "\\", '"', "'", "&"),
    *("# h", "#### h", "- [ ] t", "- [x] t", "> q", "```", "    code", "| a | b |", "|:-:|--:|"),
    *("*", "**", "~~", "_", "`", "[", "](", ")", "!", "(", "\n", "\n\n", " ", "\t", "1. ", "- "),
    *("//evil.example", "/ours", "data:image/png;base64,x", "\0", "\u202e", "a", "é"),
]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=40).map("".join))
@example("![a](//evil.example/x)")
@example("![a](/\\evil.example/x)")
@example("[a](data:image/svg+xml;base64,x)")
@example("|a|\n|:-:|\n|b|")
@settings(max_examples=300, deadline=None)
def test_nothing_can_act(text):
    assert Strict(str(render(text))).faults == []


def _filled(piece, length=100_000):
    return piece * (length // len(piece))


BOMBS = {
    "quotes": _filled(">"),
    "lists": "".join("  " * depth + "- a\n" for depth in range(400)),
    "list in list": _filled("* "),
    "emphasis": _filled("*a **b "),
    "closing": _filled("a**"),
    "mixed": _filled("*_"),
    "brackets": "[" * 50_000 + "]" * 50_000,
    "pictures": _filled("!["),
    "links": _filled("[a]("),
    "parentheses": "[a](" + "(" * 90_000,
    "backticks": "".join("`" * count + " " for count in range(440)),
    "long rows": "|a" * 1000 + "|\n" + "|-" * 1000 + "|\n" + ("|a" * 1000 + "|\n") * 40,
    "short rows": "|a" * 1000 + "|\n" + "|-" * 1000 + "|\n" + "x\n" * 45_000,
    "tables": _filled("a|b\n-|-\n"),
    "references": "".join(f"[a{i}]: /x\n" for i in range(6000)) + _filled("[a1]", 20_000),
    "headings": _filled("# a\n"),
    "lines": _filled("a\n"),
    "comments": _filled("<!--"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_none_takes_long(name):
    render("warm")
    start = time.thread_time()
    html = str(render(BOMBS[name]))
    # no claim of speed: what is not bounded takes minutes
    assert time.thread_time() - start < 10
    assert Strict(html).faults == []


def test_a_bomb_is_shown_as_it_was_written():
    assert 'class="as-written"' in render(BOMBS["pictures"]) and "![![" in render(BOMBS["pictures"])
    plain = "Some **words** and a [link](https://example.org).\n\n- one\n- two\n\n" * 600
    assert "as-written" not in render(plain)


def test_what_people_write():
    html = render("# A\n\n### B\n\n## C\n\n- [x] done\n- [ ] not *yet*\n\n|a|b|\n|-|-:|\n|1|2|")
    assert "<h3>A</h3>" in html and "<h4>B</h4>" in html and "<h4>C</h4>" in html
    assert html.count('type="checkbox"') == 2 and 'checked aria-label="done"' in html
    assert '<td class="right">2</td>' in html and "style=" not in html
    assert '<a href="/runs/1">x</a>' in render("[x](/runs/1)")
    assert 'src="/get-artifact?path=a.png"' in render("![x](/get-artifact?path=a.png)")
    assert "<img" not in render("![x](https://example.org/a.png)")
    assert render("x" * 200_000).endswith("…</p>\n")
