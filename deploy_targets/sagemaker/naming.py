"""Names and tags: by what a thing consists of, so that the same thing has the same name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

DEPLOYMENT = "mlpack:deployment"
CONTENT = "mlpack:content"
URI = "mlpack:model-uri"
DIGEST = "mlpack:model-digest"
IMAGE = "mlpack:image"
PURPOSE = "mlpack:purpose"  # "batch" on models that no endpoint uses
HISTORY = "mlpack:history"  # digests of the endpoint's configurations, the newest first

_SHORT = 8
_NOT_IN_TAGS = re.compile(r"[^\w\s.:/=+@-]")


def digest_of(content: Any) -> str:
    """A digest of anything JSON-like, in hexadecimal."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def named(deployment: str, digest: str) -> str:
    """The name of a model or endpoint configuration; at most 62 of SageMaker's 63 characters."""
    return f"{deployment}-{digest[:_SHORT]}"


def short(deployment: str, name: str) -> str | None:
    """The digest in a name that `named` made, None for other names."""
    head, _, tail = name.rpartition("-")
    return tail if head == deployment and re.fullmatch(r"[0-9a-f]{8}", tail) else None


def tag_list(tags: Mapping[str, str | None]) -> list[dict[str, str]]:
    """Tags in AWS's form; characters that it refuses become hyphens."""
    return [
        {"Key": key, "Value": _NOT_IN_TAGS.sub("-", value)[:256]}
        for key, value in tags.items()
        if value is not None
    ]


def tag_dict(tags: list[dict[str, str]]) -> dict[str, str]:
    """Tags as a mapping."""
    return {each["Key"]: each["Value"] for each in tags}
