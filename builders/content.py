"""What an image will consist of, known without building it.

Targets that keep images in a registry name them by it, and so recognise what is there already.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict

from .base import BuildSpec

# what does not change the image, or must not be hashed where a hash can be guessed back
_NOT_CONTENT = frozenset(
    {"model", "name", "outputs", "no_cache", "pull", "index_url", "extra_index_urls", "builder"}
    | {
        "build_args",
        "expected_files",
        "requirements",
        "lock",
        "locked",
        "relock",
        "platforms",
        "compression",
    }
)


def content_key(spec: BuildSpec, platform: str | None = None, *, with_model: bool = True) -> str:
    """A digest, in hexadecimal, of all that decides what the image of a spec will hold.

    It is of what goes in, not of the image: an unpinned requirement may be resolved otherwise on
    another day. ``pull``, ``relock`` and
    ``no_cache`` ask for just that, and make it new each time.

    Args:
        spec: what would be built.
        platform: that it is for; default: the spec's own.
        with_model: whether the model's files count; without them it is the key of what a new
            version of the model leaves as it is.

    Raises:
        StorageFailed: the model or a requirements file cannot be read.
    """
    from .. import __version__
    from ..flavors import integrity
    from ..flavors.hashing import checksum
    from .runtime_wheel import runtime_files

    content = {key: value for key, value in asdict(spec).items() if key not in _NOT_CONTENT}
    named = [spec.requirements or spec.model / "requirements.txt", spec.lock]
    content["files"] = [checksum(each) if each and each.is_file() else None for each in named]
    content["platforms"] = [platform] if platform else list(spec.platforms)
    if with_model:
        content["model"] = integrity.digest(integrity.manifest(spec.model))
    else:
        for key in ("expected_digest", "registered_version", "labels", "trust", "revision"):
            content.pop(key, None)
    runtime = [(name, hashlib.sha256(data).hexdigest()) for name, data in runtime_files()]
    fresh = time.time() if spec.pull or spec.no_cache or spec.relock else None
    text = json.dumps([content, __version__, runtime, fresh], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
