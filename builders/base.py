"""What every builder takes, gives and reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

Part = Literal["base", "dependencies", "runtime", "model"]
PARTS: tuple[Part, ...] = ("base", "dependencies", "runtime", "model")


@dataclass(frozen=True)
class BuildSpec:
    """One image to build.

    Attributes:
        model: the model's folder.
        name: the image's name and optional tag, such as ``churn`` or ``registry/churn:2``.
        base_image: what the image starts from; None takes ``python:<minor>-slim`` with the
            Python that saved the model.
        platform: ``linux/amd64`` and the like; None takes the engine's own.
        requirements: a file that replaces the model's own requirements.
        build_args: environment variables for the installation step alone.
        index_url: the package index to use in place of the machine's configured one; may hold
            credentials, which stay out of the image, its history and every log.
        extra_index_urls: further indexes, asked before ``index_url``.
        labels: labels added to the image beside mlpack's own.
        expected_digest: the model's digest as recorded in the user's own store. The folder is
            compared with it now and again whenever the container starts.
        expected_files: the checksums that the digest is of, if they are on record, too.
        registered_name: of the registered model that the folder is a version of.
        registered_version: its number.
        trust: the user vouches for the folder as it is now.
        keep_mlflow: install mlflow if the model's requirements name it.
        no_cache: build every layer anew.
        pull: ask the registry for a newer base image first.
    """

    model: Path
    name: str
    base_image: str | None = None
    platform: str | None = None
    requirements: Path | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    index_url: str | None = None
    extra_index_urls: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    expected_digest: str | None = None
    expected_files: Mapping[str, str] = field(default_factory=dict)
    registered_name: str | None = None
    registered_version: int | None = None
    trust: bool = False
    keep_mlflow: bool = False
    no_cache: bool = False
    pull: bool = False


@dataclass(frozen=True)
class Progress:
    """Something to show while an image is built.

    Attributes:
        kind: ``part`` when work on a part of the image starts (or, when something is deployed,
            the next step), ``cached`` when that part is taken from the cache, ``log`` for a line
            of output, ``notice`` for something that the user should know, ``bytes`` when a
            transfer advanced.
        message: one line.
        part: the part of the image it belongs to, if any.
        done: bytes so far, for ``bytes``.
        total: bytes in all, 0 when unknown.
    """

    kind: Literal["part", "cached", "log", "notice", "bytes"]
    message: str
    part: Part | None = None
    done: int = 0
    total: int = 0


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Layer:
    """One part of a finished image.

    Attributes:
        part: which.
        size: bytes, unpacked.
        cached: taken from an earlier build.
    """

    part: Part
    size: int
    cached: bool


@dataclass(frozen=True)
class BuiltImage:
    """A finished image.

    Attributes:
        name: name and tag.
        id: the image's id.
        size: bytes, unpacked, base included.
        base_image: what it starts from.
        layers: in the order base, dependencies, runtime, model.
        model_digest: what the container checks the model against; None if nobody vouched.
        notices: what the user should know about it.
        seconds: how long the build took.
    """

    name: str
    id: str
    size: int
    base_image: str
    layers: tuple[Layer, ...]
    model_digest: str | None
    notices: tuple[str, ...]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


class Builder(Protocol):
    """Makes images in one way."""

    name: str

    def build(self, spec: BuildSpec, report: Report = ...) -> BuiltImage:
        """Build one image.

        Args:
            spec: what to build.
            report: called with what happens, from the calling thread.

        Raises:
            BadModel: the folder is no model, or not the one that was recorded.
            InvalidInput: something in the spec cannot be used.
            EngineUnavailable: the builder needs something that is not there.
            BuildFailed: the build itself failed; the message says why in one line.
        """


def ignore(_: Progress) -> None:
    """A `Report` for callers who don't look."""
