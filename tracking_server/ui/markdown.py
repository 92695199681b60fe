"""Notes and descriptions, which are Markdown, as HTML that is safe to show.

Safe by construction: HTML within a text is shown as text, and links lead to web pages, mail or our
own pages only. Images of other servers are links, because pages make no request to anywhere else.
What the parser emits as ``style`` becomes a class, which the pages' policy asks for.

A text cannot take more than a bounded number of steps of the parser: one that would (thousands of
unclosed brackets, tables of nothing) is shown as it was written.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_LONGEST = 80_000  # characters that are rendered; the rest is left out
_MOST_STEPS = 15_000  # of the parser, which 80 kB of notes take as people write them
_PICTURE = re.compile(r"data:image/(png|gif|jpeg|webp);", re.IGNORECASE)
_TASK = re.compile(r"\[([ xX])\]\s+")
_FIRST_LEVEL = 3  # of headings: notes stand below a heading of the page


class _TooEntangled(Exception):
    """The steps are used up."""


def render(text: str) -> Markup:
    """HTML of a text in Markdown (CommonMark, with tables, strikethrough and task lists).

    Args:
        text: from anybody.

    Returns:
        HTML without scripts, styles, frames and requests to elsewhere.
    """
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "\n\n…"
    try:
        return Markup(_parser().render(text, {"steps": 0}))  # noqa: S704 - see the docstring above
    except _TooEntangled:
        return Markup('<pre class="as-written" tabindex="0">{}</pre>').format(text)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 20})
    parser.enable(["table", "strikethrough"])
    parser.validateLink = _is_harmless  # type: ignore[assignment, method-assign]
    # asked before every other rule, wherever the parser goes on; they never match
    every = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    parser.block.ruler.at("table", _find_table, {"alt": ["paragraph", "reference"]})
    parser.block.ruler.before("table", "steps", _block_step, every)  # type: ignore[arg-type]
    parser.inline.ruler.before("text", "steps", _inline_step)
    parser.core.ruler.push("tidy", _tidy)
    for name, rule in _RULES.items():
        parser.add_render_rule(name, rule)
    return parser


def _step(env: Any, cost: int = 1) -> bool:
    env["steps"] += cost
    if env["steps"] > _MOST_STEPS:
        raise _TooEntangled
    return False


def _find_table(state: Any, start: int, end: int, silent: bool) -> bool:
    from markdown_it.rules_block import table

    # a row costs what a row of its table has cells, for short ones are filled up
    state.env["cells"] = state.src.count("|", state.bMarks[start], state.eMarks[start]) + 1
    return table(state, start, end, silent)


def _block_step(state: Any, start: int, end: int, silent: bool) -> bool:
    return _step(state.env, state.env["cells"] if state.parentType == "table" else 1)


def _inline_step(state: Any, silent: bool) -> bool:
    return _step(state.env)


# --- what the parser found, before it is written ---
def _tidy(state: Any) -> None:
    """Headings in order, cells without styles, tasks as boxes."""
    levels: list[int] = []
    tokens: list[Token] = state.tokens
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            tokens[index + 2].tag = token.tag = _level(levels, int(token.tag[1:]))
        elif token.type in ("th_open", "td_open"):
            style = str(token.attrs.pop("style", ""))
            if style:
                token.attrs["class"] = style.removeprefix("text-align:")
        elif token.type == "list_item_open":
            _make_task(tokens[index : index + 3])


def _level(above: list[int], level: int) -> str:
    """The tag of a heading that is no more than one level below the heading that it is under."""
    while above and above[-1] >= level:
        above.pop()
    above.append(level)
    return f"h{min(_FIRST_LEVEL + len(above) - 1, 6)}"


def _make_task(tokens: list[Token]) -> None:
    if [token.type for token in tokens] != ["list_item_open", "paragraph_open", "inline"]:
        return
    children = tokens[2].children or []
    found = _TASK.match(children[0].content) if children and children[0].type == "text" else None
    if found:
        from markdown_it.token import Token

        children[0].content = children[0].content[found.end() :]
        done = found[1] != " "
        children.insert(0, Token("task", "input", 0, meta={"done": done}))
        tokens[0].attrJoin("class", "task")


# --- how it is written ---
def _task(renderer: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    if tokens[index].meta["done"]:
        return '<input type="checkbox" disabled checked aria-label="done"> '
    return '<input type="checkbox" disabled aria-label="to do"> '


def _image(renderer: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    source = str(token.attrGet("src") or "")
    words = renderer.renderInlineAsText(token.children or [], options, env) or source
    if _is_ours(source) or _PICTURE.match(source):
        return str(Markup('<img src="{}" alt="{}" loading="lazy">').format(source, words))
    return str(Markup('<a href="{}" {}>{}</a>').format(source, _ELSEWHERE, words))


def _link(renderer: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    address = str(tokens[index].attrGet("href") or "")
    if _PICTURE.match(address):
        return "<a>"
    where = "" if _is_ours(address) else Markup(" ") + _ELSEWHERE
    return str(Markup('<a href="{}"{}>').format(address, where))


def _code(renderer: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    # wide ones scroll, also by keys
    return str(Markup('<pre tabindex="0"><code>{}</code></pre>\n').format(tokens[index].content))


def _table(renderer: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    return '<div class="wide" tabindex="0" role="group" aria-label="Table"><table>\n'


def _end_of_table(renderer: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


_ELSEWHERE = Markup('rel="noreferrer noopener" target="_blank"')
_RULES = {
    "task": _task,
    "image": _image,
    "link_open": _link,
    "fence": _code,
    "code_block": _code,
    "table_open": _table,
    "table_close": _end_of_table,
}


def _is_harmless(address: str) -> bool:
    """Whether an address may stand in a link at all; it has no spaces at its ends."""
    if _PICTURE.match(address):
        return True
    try:
        scheme = urlsplit(address).scheme.lower()
    except ValueError:
        return False
    return scheme in ("", "http", "https", "mailto")


def _is_ours(address: str) -> bool:
    """Whether an address stays on this server."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc and not address.startswith(("//", "/\\", "\\"))
