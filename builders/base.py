"""What every builder takes, gives and reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

Part = Literal["base", "system", "dependencies", "runtime", "model"]
PARTS: tuple[Part, ...] = ("base", "system", "dependencies", "runtime", "model")
Compression = Literal["gzip", "zstd", "none"]


@dataclass(frozen=True)
class Output:
    """Where an image goes.

    Attributes:
        kind: a Docker engine, the registry in the image's name, an OCI image layout (a folder),
            or a file for ``docker load``.
        path: the folder or file.
    """

    kind: Literal["engine", "registry", "layout", "archive"]
    path: Path | None = None


@dataclass(frozen=True)
class BuildSpec:
    """One image to build.

    Attributes:
        model: the model's folder.
        name: the image's name and optional tag, such as ``churn`` or ``registry/churn:2``.
        base_image: what the image starts from; None takes ``python:<minor>-slim`` with the
            Python that saved the model.
        platforms: ``linux/amd64`` and the like; none takes the engine's or this machine's own,
            several make one image index.
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
        model_id: of the logged model that the folder is, where builds of it are recorded.
        revision: the commit of git that the run ran that made it.
        trust: the user vouches for the folder as it is now.
        keep_mlflow: install mlflow if the model's requirements name it.
        system_packages: Debian packages to install below everything else.
        lock: a lock file to install from, in place of the one that is kept for this model.
        locked: refuse to build when the lock is missing or out of date, rather than make it.
        relock: choose versions anew, and replace the lock that is kept.
        compression: of the layers that are made here.
        outputs: where the image goes; none is the engine.
        no_cache: build every layer anew.
        pull: ask the registry for a newer base image first.
    """

    model: Path
    name: str
    base_image: str | None = None
    platforms: Sequence[str] = ()
    requirements: Path | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    index_url: str | None = None
    extra_index_urls: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    expected_digest: str | None = None
    expected_files: Mapping[str, str] = field(default_factory=dict)
    registered_name: str | None = None
    registered_version: int | None = None
    model_id: str | None = None
    revision: str | None = None
    trust: bool = False
    keep_mlflow: bool = False
    system_packages: Sequence[str] = ()
    lock: Path | None = None
    locked: bool = False
    relock: bool = False
    compression: Compression = "gzip"
    outputs: Sequence[Output] = ()
    no_cache: bool = False
    pull: bool = False

    @property
    def platform(self) -> str | None:
        """The only platform, None when none is named."""
        return self.platforms[0] if self.platforms else None


@dataclass(frozen=True)
class Progress:
    """Something to show while an image is built.

    Attributes:
        kind: ``part`` when work on a part of the image, or on one of several layers of it, starts
            (or, when something is deployed, the next step), ``cached`` when it is taken from the
            cache, or a registry has it, ``log`` for a line of output, ``notice`` for something
            that the user should know, ``bytes`` when a transfer advanced.
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
        digest: of the layer as it is stored, where that is known.
        stored: bytes as it is stored (compressed), where that is known.
        content: what it holds, in a few words.
        sent: bytes that went to a registry; 0 when it had them.
        mounted: the registry took it from another of its repositories.
        platform: of the image that it is a layer of, where the build made one of several.
    """

    part: Part
    size: int
    cached: bool
    digest: str | None = None
    stored: int | None = None
    content: str = ""
    sent: int | None = None
    mounted: bool = False
    platform: str | None = None


@dataclass(frozen=True)
class BuiltImage:
    """A finished image.

    Attributes:
        name: name and tag.
        id: the image's id.
        size: bytes, unpacked, base included.
        base_image: what it starts from.
        base_digest: of the base's manifest, where it has one.
        layers: from the base up.
        model_digest: what the container checks the model against; None if nobody vouched.
        notices: what the user should know about it.
        seconds: how long the build took.
        builder: that made it.
        digest: what the name leads to in a registry or layout: of the manifest, or of the index
            of several platforms; None where only an engine knows the image.
        platforms: that it runs on.
        lock: digest of the lock that the dependencies came from.
        outputs: where it went, in words: ``docker engine``, ``registry.example/churn:2``, a path.
        sboms: the bill of materials for each platform.
    """

    name: str
    id: str
    size: int
    base_image: str
    layers: tuple[Layer, ...]
    model_digest: str | None
    notices: tuple[str, ...]
    seconds: float
    builder: str = "docker"
    digest: str | None = None
    base_digest: str | None = None
    platforms: tuple[str, ...] = ()
    lock: str | None = None
    outputs: tuple[str, ...] = ()
    sboms: tuple[bytes, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``, without the bills of materials."""
        return {key: value for key, value in asdict(self).items() if key != "sboms"}


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
