"""A lock for a build that gets along without one: an engine can resolve and compile itself."""

from __future__ import annotations

from ...errors import BuildFailed, MissingDependency, StorageFailed
from ..base import Report, ignore
from ..oci.spec import Platform
from ..prepare import Prepared
from .lock import Lock, lock_for
from .target import COMMON_GLIBC, NoWheel, Target


def lock_for_engine(
    prepared: Prepared, report: Report = ignore, *, python: str | None = None
) -> tuple[Lock | None, tuple[str, ...]]:
    """The lock that an engine's build shall install from, if one can be made here.

    It is made for what the base image is thought to be. If that proves wrong inside, what is
    asked for is resolved there, as it is without a lock.

    Args:
        prepared: the build.
        report: see `lock_for`.
        python: minor version in the base image, if it is known.

    Returns:
        the lock, and what the user should know.

    Raises:
        InvalidInput: a lock that is there cannot be used.
        InvalidState: the lock must not be made anew, and is missing or out of date.
        BuildFailed, MissingDependency, StorageFailed: as `lock_for`, when it must be locked or
            a lock was given.
    """
    spec = prepared.spec
    platform = Platform.parse(spec.platform) if spec.platform else Platform.of_machine()
    target = Target(python or prepared.python, platform, COMMON_GLIBC)
    try:
        return lock_for(spec, target, here=False, report=report), ()
    except (BuildFailed, MissingDependency, StorageFailed) as error:
        if spec.locked or (spec.lock is not None and spec.lock.exists()):
            raise
        why = error.why if isinstance(error, NoWheel) else error.message
        return None, (f"Built without a lock, so the next build may differ. {why}",)
