"""Objects as files: figures, pictures, dictionaries. The suffix of the name chooses the format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InvalidInput, MissingDependency


def write_dict(value: Mapping[str, Any] | list[Any], path: Path) -> None:
    """JSON, or YAML when the suffix is ``.yaml`` or ``.yml``.

    Numpy scalars and arrays are written as what they hold; anything else that the format has no
    word for, as a string.

    Raises:
        InvalidInput: it contains itself, or has keys that are no text or number.
    """
    try:
        text = json.dumps(value, indent=2, default=_plain, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(f"The dict cannot be written as {path.name}: {error}.") from None
    if path.suffix.lower() in (".yaml", ".yml"):
        import yaml

        text = yaml.safe_dump(json.loads(text), sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy, pandas and torch objects
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return str(value)


def write_figure(figure: Any, path: Path, **save_options: Any) -> None:
    """A matplotlib figure in any format it knows; a plotly figure as HTML or a picture.

    Args:
        figure: anything with matplotlib's ``savefig`` or plotly's ``write_html``.
        path: where to; the suffix chooses the format.
        **save_options: for the library's own function.

    Raises:
        InvalidInput: the object is no figure, or the library does not know the suffix.
    """
    if hasattr(figure, "savefig"):
        save = figure.savefig
    elif hasattr(figure, "write_html"):
        html = path.suffix.lower() in (".html", ".htm")
        if html:
            save_options = {"include_plotlyjs": "cdn", "auto_open": False} | save_options
        save = figure.write_html if html else figure.write_image
    else:
        raise InvalidInput(
            f"log_figure takes a matplotlib or plotly figure; got {type(figure).__name__}. "
            "For pictures use log_image."
        )
    try:
        save(str(path), **save_options)
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"The figure cannot be written as {path.suffix!r}: {error}") from error


def write_image(image: Any, path: Path) -> None:
    """A PIL picture, or an array of shape H×W, H×W×1, H×W×3 or H×W×4.

    Arrays of floats are taken as 0…1, integers as 0…255, booleans as black and white.

    Raises:
        InvalidInput: it is neither, has another shape, or values out of range.
        MissingDependency: Pillow is not installed.
    """
    image = as_picture(image)
    try:
        image.save(path)
    except (ValueError, KeyError) as error:
        raise InvalidInput(f"The image cannot be written as {path.suffix!r}: {error}") from error
    except OSError as error:
        if error.errno is None:  # Pillow's way to say that a format cannot hold this mode
            raise InvalidInput(
                f"The image cannot be written as {path.suffix!r}: {error}"
            ) from error
        raise


def as_picture(image: Any) -> Any:
    """A PIL picture as it is; an array of pixels as a PIL picture; see `write_image`."""
    return image if hasattr(image, "save") else _picture(image)


def _picture(array: Any) -> Any:
    if not hasattr(array, "__array__"):
        raise InvalidInput(
            f"log_image takes a PIL image or a numpy array; got {type(array).__name__}."
        )
    try:
        import numpy as np
        from PIL import Image
    except ImportError:
        raise MissingDependency("log_image of an array needs Pillow: pip install pillow") from None
    pixels = np.asarray(array)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2] if pixels.ndim == 3 else 0
    if channels not in (1, 3, 4) or 0 in pixels.shape:
        raise InvalidInput(
            "log_image takes arrays of shape (height, width), or with 1, 3 or 4 channels last; "
            f"got {tuple(np.shape(array))}."
        )
    return Image.fromarray(_bytes(np, pixels))


def _bytes(np: Any, pixels: Any) -> Any:
    if pixels.dtype.kind == "b":
        return pixels.astype(np.uint8) * 255
    if pixels.dtype.kind not in "uif":
        raise InvalidInput(f"log_image takes arrays of numbers; got dtype {pixels.dtype}.")
    top = 1 if pixels.dtype.kind == "f" else 255
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= top):  # also when one of them is NaN
        raise InvalidInput(
            f"log_image takes {pixels.dtype} arrays with values from 0 to {top}; "
            f"these go from {low} to {high}."
        )
    if top == 1:
        pixels = np.rint(pixels * 255)
    return pixels.astype(np.uint8)
