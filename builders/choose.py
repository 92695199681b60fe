"""Which builder makes an image."""

from __future__ import annotations

from typing import Literal

from ..errors import EngineUnavailable, InvalidInput, MissingDependency
from .base import Builder, BuildSpec
from .deliver import NOWHERE
from .prepare import of_this_machine

BuilderName = Literal["auto", "docker", "oci"]
NAMES: tuple[BuilderName, ...] = ("auto", "docker", "oci")


def get_builder(name: str, spec: BuildSpec) -> Builder:
    """The builder of a name; ``auto`` is the engine if it is wanted and there, else ``oci``.

    Args:
        name: ``auto``, ``docker`` or ``oci``.
        spec: what is to be built.

    Raises:
        InvalidInput: there is no such builder, or it cannot build this.
        EngineUnavailable: an engine is needed, and none answers; says what to do without one.
    """
    if choose(name, spec) == "docker":
        from .docker import DockerBuilder

        return DockerBuilder()
    from .oci.build import OciBuilder

    return OciBuilder()


def choose(name: str, spec: BuildSpec) -> str:
    """``docker`` or ``oci``; see `get_builder`."""
    if name not in NAMES:
        raise InvalidInput(f"There is no builder {name!r}; there are {', '.join(NAMES)}.")
    return _choose(spec) if name == "auto" else name


def _choose(spec: BuildSpec) -> str:
    if spec.system_packages:
        return "docker"  # the only one that can run their installation
    if len(spec.platforms) > 1 or (spec.base_image and of_this_machine(spec.base_image)):
        return "oci"
    if spec.outputs and not any(output.kind == "engine" for output in spec.outputs):
        return "oci" if _uv_is_here() or not _engine_answers() else "docker"
    if _engine_answers():
        return "docker"
    if not spec.outputs:
        raise EngineUnavailable(f"No Docker engine answers, and no other place is named. {NOWHERE}")
    return "oci"


def _uv_is_here() -> bool:
    from .lock.uv import find_uv

    try:
        return bool(find_uv())
    except MissingDependency:
        return False


def _engine_answers() -> bool:
    from .engine import connect

    try:
        connect().close()
    except EngineUnavailable:
        return False
    return True
