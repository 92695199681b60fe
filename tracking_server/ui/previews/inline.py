"""Which files a browser may draw, as what, and what they may do then.

The content type comes from this list, never from the file, and `nosniff` holds browsers to it. So
what is sent as a picture can only be a picture. Pages and drawings, which may hold scripts, have a
policy that takes them out of our origin even when their address is opened by itself.
"""

from __future__ import annotations

import re
from typing import Any

from .file import File
from .kind import Kind, by_suffix

_NOTHING = "default-src 'none'"
# A report may run its own scripts: plotly, bokeh and the like write them into the page and make
# functions of texts (so 'unsafe-eval', which gives nothing to scripts that may be inline anyway).
# It is of no origin, so it has no cookies, no storage, and cannot read the page around it; it can
# ask for nothing over the network, send no form, open no window. Its frame may not leave our server
# (frame-src of the page around it). What no policy can forbid yet is WebRTC: a report could tell
# another machine what it knows itself, which is what stands in it.
_PAGE = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' data: "
    "blob:; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data: blob:; "
    "worker-src blob:; form-action 'none'; base-uri 'none'"
)
_DRAWING = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
# viewers of browsers are plugins, which a sandbox keeps from starting
_PDF = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'"

_PICTURES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
    ".ico": "image/x-icon",
    ".avif": "image/avif",
}
_SOUNDS = {".mp3": "audio/mpeg", ".wav": "audio/wav", ".ogg": "audio/ogg", ".flac": "audio/flac"}
_FILMS = {".mp4": "video/mp4", ".webm": "video/webm"}
_PAGES = (".html", ".htm")
_LOOKED_AT = 256 << 10  # bytes of a page, in which it names its scripts
_ELSEWHERE = re.compile(
    rb"""<script\b[^>]{0,300}?\bsrc\s*=\s*["']?\s*(?:https?:)?//([\w.:-]{1,100})""", re.IGNORECASE
)
_MOST_HOSTS = 5

INLINE: dict[str, tuple[str, str]] = {
    **{suffix: (kind, _NOTHING) for suffix, kind in (_PICTURES | _SOUNDS | _FILMS).items()},
    ".svg": ("image/svg+xml", _DRAWING),
    ".pdf": ("application/pdf", _PDF),
    **dict.fromkeys(_PAGES, ("text/html", _PAGE)),
}
"""Suffix -> content type and Content-Security-Policy."""

PICTURES = frozenset({*_PICTURES, ".svg"})


def _page(file: File) -> dict[str, Any]:
    """Of a report: the machines that it wants scripts of, without which it may stay empty."""
    found = {host.decode(errors="replace") for host in _ELSEWHERE.findall(file.head(_LOOKED_AT))}
    return {"hosts": sorted(found)[:_MOST_HOSTS]}


_IMAGE = "mlpack.artifacts.load_image({uri})"
PICTURE = Kind("image", by_suffix(*_PICTURES), lambda file: {}, _IMAGE)
DRAWING = Kind("image", by_suffix(".svg"), lambda file: {"vector": True}, is_text=True)
PDF = Kind("pdf", by_suffix(".pdf"), lambda file: {})
SOUND = Kind("media", by_suffix(*_SOUNDS), lambda file: {"element": "audio"})
FILM = Kind("media", by_suffix(*_FILMS), lambda file: {"element": "video"})
HTML = Kind("html", by_suffix(*_PAGES), _page, "mlpack.artifacts.load_text({uri})", is_text=True)
