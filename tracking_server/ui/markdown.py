"""Notes and descriptions, which are Markdown, as HTML that is safe to show.

Safe by construction: HTML within a text is shown as text, and links lead to web pages, mail or our
own pages only (markdown-it's own rule refuses ``javascript:`` and the like). Images of other
servers are links, because pages make no request to anywhere else.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_LONGEST = 200_000  # characters that are rendered; the rest is left out


def render(text: str) -> Markup:
    """HTML of a text in Markdown (CommonMark, with tables and strikethrough).

    Args:
        text: from anybody.

    Returns:
        HTML without scripts, styles, frames and requests to elsewhere.
    """
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "\n\n…"
    return Markup(_parser().render(text))  # noqa: S704 - see the module's docstring


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 20})
    parser.enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image)
    parser.add_render_rule("link_open", _link)
    return parser


def _image(renderer: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    source = str(token.attrGet("src") or "")
    words = renderer.renderInlineAsText(token.children or [], options, env) or source
    if _is_ours(source) or source.startswith("data:image/"):
        return str(Markup('<img src="{}" alt="{}">').format(source, words))
    return str(Markup('<a href="{}" rel="noreferrer noopener">{}</a>').format(source, words))


def _link(renderer: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    if not _is_ours(str(token.attrGet("href") or "")):
        token.attrSet("rel", "noreferrer noopener")
        token.attrSet("target", "_blank")
    return str(renderer.renderToken(tokens, index, options, env))


def _is_ours(address: str) -> bool:
    """Whether an address stays on this server."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return not parts.scheme and not parts.netloc and not address.startswith(("//", "/\\", "\\"))
