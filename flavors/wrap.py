"""Making a model folder of a bare file that people have lying about."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import BadModel, InvalidInput, ModelUntrusted
from .base import Trust
from .descriptor import Model
from .discovery import flavor_for
from .model_files import check_pickle_allowed
from .save import save_model

SUFFIXES = (".pkl", ".pickle", ".sav", ".joblib", ".skops")


def wrap(
    file: str | Path,
    out: str | Path,
    *,
    example_file: str | Path | None = None,
    input_example: Any = None,
    pip_requirements: str | Path | Sequence[str] | None = None,
    trust: Trust | None = None,
    **options: Any,
) -> Model:
    """Load the object in a file, and save it as a model.

    scikit-learn's own models become skops, which is safe to load from then on.

    Args:
        file: a pickle (``.pkl``, ``.sav``), a joblib or a skops file.
        out: the folder to make.
        example_file: some rows as ``.csv`` or ``.json``: input example, and so signature.
        input_example: the same, as data.
        pip_requirements: instead of what the object is found to need.
        trust: what the caller vouches for.
        options: as for `save_model`.

    Raises:
        InvalidInput: no such file, an unknown suffix, or an object that no flavor takes.
        BadModel: the file is damaged.
        ModelUntrusted: a pickle where pickles are forbidden, or a skops file with types that
            nobody vouched for.
    """
    source = Path(file)
    if not source.is_file():
        raise InvalidInput(f"There is no file {source}.")
    if source.suffix.lower() not in SUFFIXES:
        raise InvalidInput(f"{source} must be one of {', '.join(SUFFIXES)}.")
    model = _read(source, trust or Trust())
    flavor_for(model)
    if example_file is not None:
        input_example = _read_example(Path(example_file))
    return save_model(
        model, out, input_example=input_example, pip_requirements=pip_requirements, **options
    )


def _read(path: Path, trust: Trust) -> Any:
    if path.suffix.lower() == ".skops":
        from .skops_trust import load_skops

        return load_skops(path, trust)
    check_pickle_allowed(path, trust)
    try:
        return _unpickle(path)
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"{path} needs {error.name!r}, which is not installed. Try: pip install "
            f"{(error.name or '').partition('.')[0]}"
        ) from error
    except (ModelUntrusted, OSError, MemoryError):
        raise
    except Exception as error:
        raise BadModel(
            f"{path} cannot be loaded: {type(error).__name__}: {error}. A pickle needs the same "
            "versions of its libraries as when it was written."
        ) from error


def _unpickle(path: Path) -> Any:
    """By joblib where it is installed: it reads plain pickles, compressed ones and its own."""
    try:
        import joblib
    except ImportError:
        import pickle

        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301 - allowed by the caller and the environment
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
        return joblib.load(path)


def _read_example(path: Path) -> Any:
    import pandas as pd

    try:
        if path.suffix.lower() == ".csv":
            return pd.read_csv(path)
        if path.suffix.lower() == ".json":
            return pd.DataFrame(_rows(path))
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}.") from error
    raise InvalidInput(f"{path} must be a .csv or .json file.")


def _rows(path: Path) -> Any:
    """Rows as pandas writes them, as records, or as the body of a request."""
    import json

    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, dict):
        if "dataframe_records" in content:
            return content["dataframe_records"]
        content = content.get("dataframe_split", content)
        if set(content) >= {"columns", "data"}:
            import pandas as pd

            return pd.DataFrame(content["data"], columns=content["columns"])
    return content
