"""Which locks this machine has for a model."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import MlpackError
from ..base import BuildSpec
from ..oci.spec import Platform
from .lock import MODEL_LOCK
from .lockfile import Lock
from .resolve import Wanted
from .store import LockStore
from .target import Target


def known_locks(model: Path, store: LockStore | None = None) -> list[dict[str, Any]]:
    """The locks that builds of a model would install from, the newest first.

    Args:
        model: the model's folder.
        store: where locks are kept; default: the user's.

    Returns:
        of each its ``target``, ``digest``, ``packages`` (name → version) and ``place``; none
        when the model's requirements cannot be read, which a build says.
    """
    found: list[tuple[str, Lock]] = []
    target = Target("3.11", Platform.of_machine())  # for what does not say
    with suppress(MlpackError):
        if (model / MODEL_LOCK).is_file():
            lying = Lock.read(model / MODEL_LOCK, target)
            found.append(("with the model", lying))
        specs = (BuildSpec(model, "any", keep_mlflow=keep) for keep in (False, True))
        asked = [Wanted.of(each, target) for each in specs]

        def fits(target: Target, inputs: str) -> bool:
            return any(inputs == replace(each, target=target).inputs for each in asked)

        for lock in (store or LockStore.of_user()).select(fits):
            found.append(("on this machine", lock))
    return [
        {
            "target": str(lock.target),
            "digest": lock.digest,
            "packages": lock.versions,
            "place": place,
        }
        for place, lock in found
    ]
