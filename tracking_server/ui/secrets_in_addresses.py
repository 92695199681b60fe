"""Passwords and tokens within addresses are not shown: pages are looked at together."""

from __future__ import annotations

import re

# none of these begins anew within itself, so texts of any length are read once
_PASSWORD = re.compile(r"(://[^/?#\s\"'<>@:]*):[^/?#\s\"'<>]*@")
_TOKEN = re.compile(r"(https?://)[^/?#\s\"'<>@:]+@")  # in the place of a user
_FIELD = re.compile(
    r"([?&;](?:password|passwd|pwd|sslpassword|secret|token|access_token|api_?key|sig|signature|"
    r"x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential))=)"
    r"[^&#;\s\"'<>]*",
    re.IGNORECASE,
)


def redacted(text: str | None) -> str:
    """A text in which the secrets of all addresses are stars.

    For what tells where something is: repositories, files, data, endpoints, images.
    """
    text = _PASSWORD.sub(r"\1:***@", text or "")
    return _FIELD.sub(r"\1***", _TOKEN.sub(r"\1***@", text))
