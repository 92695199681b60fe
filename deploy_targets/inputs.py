"""What is sent to a deployment: files by their names, and a model's own example."""

from __future__ import annotations

from pathlib import Path

from ..errors import InvalidInput, NotFound
from .base import Deployment

# all that the scoring server reads; see `serve.codecs`
CONTENT_TYPES = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".arrow": "application/vnd.apache.arrow.file",
    ".arrows": "application/vnd.apache.arrow.stream",
    ".npy": "application/x-npy",
}


def content_type_of(path: Path) -> str:
    """By the end of a file's name; standard input is JSON.

    Raises:
        InvalidInput: it does not tell.
    """
    if str(path) == "-":
        return "application/json"
    suffix = path.suffix.lower()
    if suffix not in CONTENT_TYPES:
        raise InvalidInput(
            f"{path} does not end in {', '.join(CONTENT_TYPES)}: say what it is, such as "
            "--content-type text/csv"
        )
    return CONTENT_TYPES[suffix]


def example_of(deployment: Deployment) -> bytes:
    """The input example of the model that is deployed, as a request.

    Raises:
        NotFound: the model cannot be found here, or was saved without one.
    """
    from ..flavors.examples import SERVING_FILE
    from ..registry.resolve import resolve

    try:
        file = resolve(deployment.model_uri).path / SERVING_FILE
    except InvalidInput as error:
        raise NotFound(f"The model cannot be found here: {error.message}") from None
    if not file.is_file():
        raise NotFound(
            f"The model {deployment.model_uri} was saved without an input example. "
            "Give a file instead: -i rows.json"
        )
    return file.read_bytes()
