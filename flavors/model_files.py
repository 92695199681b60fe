"""What flavors share: finding a model's file below its folder, and whether pickles may run."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import BadModel, InvalidInput, ModelUntrusted
from ..uris import safe_join
from .base import Trust

ALLOW_PICKLE = ("MLPACK_ALLOW_PICKLE", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION")


def model_file(folder: Path, config: Mapping[str, Any], *keys: str) -> Path:
    """The file or folder that a descriptor's key names.

    Args:
        folder: the model folder.
        config: the flavor's keys.
        keys: looked up in this order; the first that is there counts.

    Raises:
        BadModel: none is there, the path leads out of the folder, or nothing is at it.
    """
    for key in keys:
        value = config.get(key)
        if value is None:
            continue
        if not isinstance(value, str):
            raise BadModel(f"The model at {folder} is damaged: {key!r} must be text.")
        path = below(folder, value, key)
        if not path.exists():
            raise BadModel(f"The model at {folder} is damaged: its file {value!r} is missing.")
        return path
    raise BadModel(f"The model at {folder} is damaged: it does not say where its {keys[0]!r} is.")


def below(folder: Path, relative: str, what: str) -> Path:
    """A path of the descriptor, held below the model folder.

    Raises:
        BadModel: it leads out.
    """
    try:
        return safe_join(folder, relative)
    except InvalidInput as error:
        raise BadModel(f"The model at {folder} is refused: in {what!r}: {error}") from None


def check_pickle_allowed(path: Path, trust: Trust) -> None:
    """Stop before a pickle is loaded where that is forbidden.

    Raises:
        ModelUntrusted: the environment forbids pickles, or the caller does.

    Warns:
        UserWarning: nobody vouched for the pickle.
    """
    _check_runs_code(path, "is a pickle: loading it runs", trust)


def check_code_allowed(path: Path, trust: Trust) -> None:
    """The same before the code that a model brings is run.

    Raises:
        ModelUntrusted: the environment forbids pickles, and with them any code, or the caller does.

    Warns:
        UserWarning: nobody vouched for the code.
    """
    _check_runs_code(path, "is code: loading the model runs", trust)


def _check_runs_code(path: Path, what: str, trust: Trust) -> None:
    for name in ALLOW_PICKLE:
        if os.environ.get(name, "").strip().lower() in ("0", "false", "no", "off"):
            raise ModelUntrusted(
                f"{path} {what} whatever is in it, and {name}=false forbids that here. Save the "
                "model in a format that is data only (skops for scikit-learn), or unset the "
                "variable."
            )
    if not trust.everything:
        if not trust.warned:
            raise ModelUntrusted(
                f"{path} {what} whatever is in it, and nobody vouches for it here. Let its digest "
                "be trusted, or save the model in a format that is data only."
            )
        warnings.warn(
            f"{path} {what} whatever is in it. Load it only if you know where it comes from.",
            stacklevel=7,
        )
