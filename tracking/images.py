"""Series of pictures over the steps of a run, under the file names that the ecosystem reads."""

from __future__ import annotations

import re
import uuid
from typing import Any

from ..artifacts.render import as_picture, write_image
from ..errors import InvalidInput
from . import validate
from .client import TrackingClient

LOGGED_IMAGES = "mlflow.loggedImages"
_KEY = re.compile(r"[\w\-./ ]+", re.ASCII)
_THUMBNAIL = 256  # pixels of the longer side


def log_image_step(
    client: TrackingClient,
    run_id: str,
    image: Any,
    key: str,
    step: int | None = None,
    timestamp: int | None = None,
) -> None:
    """Write one picture of a series, and a small copy for overviews.

    Args:
        client: of the run's store.
        run_id: whose.
        image: a PIL image, or an array of pixels.
        key: the name of the series.
        step: default: 0.
        timestamp: milliseconds since 1970; default: now.

    Raises:
        InvalidInput: a key that is not allowed, or no picture.
    """
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            f"The key {key!r} of a series of images may hold letters, digits and _ - . / and "
            "spaces only."
        )
    picture = as_picture(image)
    moment = timestamp if timestamp is not None else validate.now()
    series = key.replace("/", "~")
    stem = f"images/{series}+step+{int(step or 0)}+timestamp+{int(moment)}+{uuid.uuid4()}"
    place = client.artifacts(run_id)
    with place.new_file(f"{stem}.png") as path:
        write_image(picture, path)
    small = picture.copy()
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    with place.new_file(f"{stem}+compressed.webp") as path:
        write_image(small if small.mode in ("RGB", "RGBA") else small.convert("RGB"), path)
    client.set_tag(run_id, LOGGED_IMAGES, True)
