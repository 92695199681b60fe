"""The lock of one build: given, lying with the model, kept on this machine, or made now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...errors import BuildFailed, InvalidInput, InvalidState, MissingDependency
from ...flavors.staging import write_file
from ..base import BuildSpec, Progress, Report, ignore
from ..oci.spec import sha256
from .lockfile import Lock, Pin, differences
from .resolve import Wanted, recheck, resolve, store_key
from .store import LockStore
from .target import Target
from .uv import Uv

__all__ = ["Lock", "Pin", "lock_file", "lock_for"]

MODEL_LOCK = "requirements.lock"


def lock_for(
    spec: BuildSpec,
    target: Target,
    *,
    here: bool = True,
    store: LockStore | None = None,
    report: Report = ignore,
) -> Lock:
    """The lock that a build installs from.

    The same requirements have the same lock for as long as this machine keeps it, and get
    along without a network. ``spec.relock`` chooses anew, ``spec.locked`` refuses to.

    Args:
        spec: the build.
        target: what its image runs on.
        here: what is locked is installed on this machine, rather than in a container that does
            not reach all that this machine does.
        store: where locks are kept; default: the user's.
        report: told when something is resolved, and why a lock that is there is not used.

    Raises:
        InvalidInput: a requirement or a lock cannot be used.
        InvalidState: the lock must not be made anew, and is missing or out of date.
        NoWheel: something has no wheel for the target.
        BuildFailed: no versions satisfy the requirements, or the index does not answer.
        MissingDependency: there is no uv to make it with.
        StorageFailed: it cannot be kept.
    """
    if spec.locked and spec.relock:
        raise InvalidInput("--locked keeps the lock as it is and --relock makes it anew: take one.")
    store = store or LockStore.of_user()
    wanted = Wanted.of(spec, target.common)
    key = store_key(wanted, spec)
    file = lock_file(spec, target)
    if not spec.relock and (found := _found(spec, wanted, key, file, store, report)):
        return replace(found, options=(*wanted.options, *found.options))
    if spec.locked:
        raise InvalidState(_why_none(wanted, store, file))
    report(Progress("part", f"Choosing versions for {target}", "dependencies"))
    made = resolve(wanted, Uv.for_build(spec, here=here))
    lock = store.put(key, made, replace=spec.relock)
    if file is not None:
        write_file(file, lock.text.encode())
    return replace(lock, options=wanted.options)


def lock_file(spec: BuildSpec, target: Target) -> Path | None:
    """The user's own file for a target: with several platforms each has its own."""
    if spec.lock is None or len(spec.platforms) < 2:
        return spec.lock
    suffix = str(target.platform).replace("/", "-")
    return spec.lock.with_name(f"{spec.lock.stem}-{suffix}{spec.lock.suffix}")


def _found(
    spec: BuildSpec,
    wanted: Wanted,
    key: str,
    file: Path | None,
    store: LockStore,
    report: Report,
) -> Lock | None:
    """A lock that is there already and fits."""
    if file is not None:
        if file.exists():
            return _given(spec, file, wanted, store, report)
        if spec.locked:
            return None
        # a first file says what images of this machine have been built from
        kept = store.get(key, wanted.target)
        if kept is not None:
            write_file(file, kept.text.encode())
        return kept
    with_model = spec.model / MODEL_LOCK
    if with_model.is_file():
        lock = Lock.read(with_model, wanted.target)
        told = _misfit(lock, wanted)
        if not told:
            return _checked(lock, wanted, spec, store, str(with_model))
        if spec.locked and lock.target.runs_on(wanted.target):
            raise InvalidState(f"The model's {MODEL_LOCK} is out of date: {told}.")
        report(Progress("notice", f"The model's {MODEL_LOCK} is not used: {told}."))
    return store.get(key, wanted.target)


def _given(
    spec: BuildSpec, file: Path, wanted: Wanted, store: LockStore, report: Report
) -> Lock | None:
    """The lock in the user's own file; None when it is ours and out of date."""
    lock = Lock.read(file, wanted.target)
    told = _misfit(lock, wanted)
    if not told:
        return _checked(lock, wanted, spec, store, str(file))
    edited = lock.inputs is None or _is_of(lock, wanted)
    if spec.locked or edited or not lock.target.runs_on(wanted.target):
        raise InvalidState(f"The lock {file} does not fit: {told}. --relock makes it anew.")
    report(Progress("notice", f"The lock {file} is out of date and made anew: {told}."))
    return None


def _misfit(lock: Lock, wanted: Wanted) -> str:
    """Why a lock does not fit; empty when it does."""
    if not lock.target.runs_on(wanted.target):
        return f"it is for {lock.target}, the image is for {wanted.target}"
    told = differences(lock, wanted.lines, wanted.requirements.constraints)
    if not told and lock.inputs is not None and not _is_of(lock, wanted):
        told = ["it was made from other requirements than there are now"]
    return "; ".join(told)


def _is_of(lock: Lock, wanted: Wanted) -> bool:
    """Was a lock made from the very same, be it for an older C library?"""
    return lock.inputs == replace(wanted, target=lock.target).inputs


def _checked(lock: Lock, wanted: Wanted, spec: BuildSpec, store: LockStore, name: str) -> Lock:
    """A lock from a file that anybody may have edited, when nothing is missing or wrong in it.

    One that another tool made comes back with the wheels for this target alone.
    """
    key = sha256(f"{lock.digest} {wanted.inputs}".encode()).partition(":")[2]
    if not lock.pins or lock in store:
        return lock
    if kept := store.get(key, lock.target):
        return replace(kept, options=lock.options)
    try:
        chosen = {pin.name: pin for pin in recheck(lock, wanted, Uv.for_build(spec))}
    except MissingDependency:
        return lock  # an engine's build looks at it once more
    except BuildFailed as error:
        raise BuildFailed(f"{name} cannot be installed: {error.message}") from None
    if missing := sorted(chosen.keys() - lock.versions.keys()):
        raise InvalidState(
            f"{name} lacks {', '.join(missing)}, which something in it needs. --relock makes it "
            "anew."
        )
    pins = [_narrowed(pin, chosen[pin.name], name) for pin in lock.pins if pin.name in chosen]
    if lock.inputs is None:
        lock = replace(lock, inputs=replace(wanted, target=lock.target).inputs, pins=tuple(pins))
    return replace(store.put(key, lock), options=lock.options)


def _narrowed(pin: Pin, found: Pin, name: str) -> Pin:
    """A pin with those of its hashes that the package index has for this target."""
    hashes = tuple(each for each in found.hashes if each in pin.hashes)
    if not hashes:
        raise InvalidState(
            f"{name} names another sha256 of {pin.requirement} than the package index has: the "
            "file was edited, or the package was replaced. --relock makes the lock anew."
        )
    return replace(found, hashes=hashes)


def _why_none(wanted: Wanted, store: LockStore, file: Path | None) -> str:
    """What to say when a lock is demanded and there is none, with what is nearest to it."""
    if file is not None:
        return f"There is no lock file {file}. Build once without --locked to make it, and keep it."
    near: list[list[str]] = []
    for lock in store.select(lambda target, _: target == wanted.target):
        told = differences(lock, wanted.lines, wanted.requirements.constraints)
        if told and all("does not have it" not in each for each in told):
            near.append(told)
    near.sort(key=len)
    nearest = f" The nearest differs: {'; '.join(near[0])}." if near else ""
    return (
        f"There is no lock of these requirements for {wanted.target} on this machine.{nearest} "
        "Build once without --locked to make it, or name one with --lock FILE."
    )
