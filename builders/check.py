"""Is an image what the model and its lock make? Builds it again, from nothing, and compares."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, MlpackError, NotFound
from .base import BuildSpec, Output, Progress, Report, ignore
from .inspect.layer_files import Budget, files_of
from .labels import BASE_DIGEST, BASE_NAME
from .oci.build import Made, make_bundle, prepared_here
from .oci.bundle import MADE_BY
from .oci.cache import Cache
from .oci.image import Image
from .oci.open import open_image
from .oci.spec import Descriptor, Platform
from .oci.venv import LOCK

if TYPE_CHECKING:
    from .publish import Credentials

_SHOWN = 5  # files of a layer
_LARGEST_LOCK = 10_000_000
_SMALL = 1_000_000  # bytes of a layer that may be the one of the lock


@dataclass(frozen=True)
class Difference:
    """One part of two images that is not the same.

    Attributes:
        part: ``base``, ``dependencies``, …, or ``configuration``.
        content: what it holds, in a few words.
        details: what differs, one line each: the first few files or keys.
    """

    part: str
    content: str
    details: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """An image, and what was built again.

    Attributes:
        where: the image was.
        platform: of both.
        digest: of the image's manifest.
        built: of the manifest that was built again; empty when the image itself is damaged.
        differences: none when they are the same.
        note: what matters, and is no difference in content.
    """

    where: str
    platform: str
    digest: str
    built: str
    differences: tuple[Difference, ...] = ()
    note: str = ""

    @property
    def same(self) -> bool:
        """Does the image hold, and do, exactly what was built again?"""
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {**asdict(self), "same": self.same}


def check(
    spec: BuildSpec,
    report: Report = ignore,
    *,
    credentials: Credentials | None = None,
) -> tuple[Comparison, ...]:
    """Build an image again without layers of before, and compare it with what is there.

    It is built from the lock that is in the image, unless the spec names another; so another day
    and another machine give the same.

    Args:
        spec: how the image was built; its outputs say where it is (default: the engine). A name
            with a digest is looked up in its registry.
        report: told what happens.
        credentials: of the registry.

    Returns:
        One for each place and platform.

    Raises:
        NotFound: there is no such image.
        InvalidInput: the spec cannot be used, or is of an image that only an engine can make.
    """
    if spec.system_packages:
        raise InvalidInput(
            "An image with --system-package cannot be compared: what an engine installs differs "
            "from day to day. Take a base image that has the packages, and --builder oci."
        )
    places = list(_places(spec))
    platforms = [Platform.parse(each) for each in spec.platforms] or [Platform.of_machine()]
    found = []
    with Cache.of_user().hold() as cache:
        again = _Again(spec, cache, report)
        for platform in dict.fromkeys(platforms):
            for place in places:
                image = _there(place, platform, spec, cache, report)
                _check_maker(place, image)
                if damage := tuple(_damage(image)):
                    where = place.removeprefix("registry:"), str(platform)
                    found.append(Comparison(*where, image.descriptor.digest, "", damage))
                    continue
                found.append(_compare(place, platform, image, again.like(image, platform)))
    return tuple(found)


def _places(spec: BuildSpec) -> Iterator[str]:
    """Where the image is, as `open_image` reads it."""
    if "@" in spec.name:
        yield f"registry:{spec.name}"
        return
    for output in tuple(spec.outputs) or (Output("engine"),):
        if output.kind in ("engine", "registry"):
            yield f"{output.kind}:{spec.name}"
        else:
            from .labels import tagged

            tag = tagged(spec.name).rpartition(":")[2]
            yield f"{output.kind}:{output.path}:{tag}"


def _there(place: str, platform: Platform, spec: BuildSpec, cache: Cache, report: Report) -> Image:
    try:
        return open_image(place, platform, cache, compression="none", report=report)
    except NotFound as error:
        if spec.outputs or "@" in spec.name:
            raise
        raise NotFound(
            f"{error.message.partition('. ')[0]}. If it is elsewhere, say where, as for the build: "
            "--push for its registry, or --output."
        ) from None


def _check_maker(place: str, image: Image) -> None:
    """What an engine builds has another time in it every time; only ours can be made again."""
    steps = [str(each.get("created_by")) for each in image.settings.get("history") or ()]
    if not any(step.startswith(MADE_BY) for step in steps):
        raise InvalidInput(
            f"{place} was not built by --builder oci, the only one whose images can be built again "
            "to the byte."
        )


class _Again:
    """Builds a spec again, once for each platform, lock and base."""

    def __init__(self, spec: BuildSpec, cache: Cache, report: Report) -> None:
        self._spec, self._cache, self._report = spec, cache, report
        self._made: dict[tuple[Platform, str | None, str | None], Made] = {}

    def like(self, image: Image, platform: Platform) -> Made:
        """From the lock that an image has, and the base that it had."""
        lock = None if self._spec.lock else _lock_of(image)
        made = self._build(platform, lock, self._spec.base_image)
        before = _base_of(image)
        if before is None or image.labels[BASE_DIGEST] == made.base.known_as:
            return made
        try:  # a tag may lead elsewhere by now
            return self._build(platform, lock, before)
        except MlpackError:
            return made

    def _build(self, platform: Platform, lock: str | None, base: str | None) -> Made:
        key = (platform, lock, base)
        if key not in self._made:
            self._report(Progress("part", f"Building again for {platform}"))
            with tempfile.TemporaryDirectory(prefix="mlpack-check-") as folder:
                file = self._spec.lock
                if lock is not None:
                    file = Path(folder, "requirements.lock")
                    file.write_text(lock)
                again = replace(
                    self._spec,
                    name=self._spec.name.partition("@")[0],
                    base_image=base,
                    platforms=(str(platform),),
                    no_cache=True,
                    relock=False,
                    lock=file,
                )
                _, (made,) = make_bundle(prepared_here(again), self._cache, self._report)
            self._made[key] = made
        return self._made[key]


def _base_of(image: Image) -> str | None:
    """The base that an image's labels name, if others can find it."""
    name, digest = image.labels.get(BASE_NAME), image.labels.get(BASE_DIGEST)
    return f"registry:{name}@{digest}" if name and digest and "@" not in name else None


def _compare(place: str, platform: Platform, image: Image, made: Made) -> Comparison:
    built = made.image
    differences = tuple(_differences(image, built, made))
    note = ""
    if not differences and built.descriptor.digest != image.descriptor.digest:
        note = (
            "The content is the same, its packing is not: another compressor made it, or it was "
            "in an engine, which keeps no compressed layers."
        )
    return Comparison(
        place.removeprefix("registry:"),
        str(platform),
        image.descriptor.digest,
        built.descriptor.digest,
        differences,
        note,
    )


def _lock_of(image: Image) -> str | None:
    """The lock in an image; None when it has none."""
    for layer in reversed(image.layers):
        if layer.size > _SMALL:
            continue
        for entry in files_of(image, layer, Budget()):
            if entry.path == LOCK and entry.kind == "file":
                return entry.read(_LARGEST_LOCK).decode(errors="replace")
    return None


def _differences(image: Image, built: Image, made: Made) -> Iterator[Difference]:
    """From the base up, then the configuration."""
    below = len(made.base.layers)
    if image.diff_ids[:below] != built.diff_ids[:below]:
        here = image.labels.get("org.opencontainers.image.base.digest", "an unknown one")
        yield Difference(
            "base",
            "",
            (f"the image starts from {here}, what was built from {made.base.known_as}",),
        )
    ours = len(built.diff_ids) - below
    theirs = len(image.diff_ids) - below
    if theirs != ours:
        yield Difference("layers", "", (f"the image has {theirs} of ours, not {ours}",))
        return
    for number, layer in enumerate(made.layers, below):
        if image.diff_ids[number] != built.diff_ids[number]:
            files = _files(image, image.layers[number]), _files(built, built.layers[number])
            yield Difference(layer.part, layer.content, tuple(_unlike(*files)))
    keys = [
        f"{key}: {_short(old)} in the image, {_short(new)} built"
        for key, old, new in _unlike_keys(image.settings, built.settings)
    ]
    if keys:
        yield Difference("configuration", "", tuple(keys[:_SHOWN]))
    elif image.config != built.config and image.diff_ids == built.diff_ids:
        yield Difference("configuration", "", ("its history, or something that no engine reads",))
    noted = json.loads(image.manifest).get("annotations")
    if noted and noted != json.loads(built.manifest).get("annotations"):
        yield Difference("annotations", "", ("the manifest says something else of the image",))


def _damage(image: Image) -> Iterator[Difference]:
    """Layers that are not what manifest and configuration say, which is all that is compared."""
    for number, layer in enumerate(image.layers):
        try:
            for _ in files_of(image, layer, Budget(), image.diff_ids[number]):
                pass  # to its end, where the digests are compared
        except (InvalidInput, NotFound) as error:
            yield Difference("layers", f"layer {number + 1}", (error.message,))


_Facts = tuple[str, int, int, str, str]


def _files(image: Image, layer: Descriptor) -> dict[str, _Facts]:
    return {
        entry.path: (
            entry.kind,
            entry.mode,
            entry.size,
            entry.target,
            entry.checksum() if entry.kind == "file" else "",
        )
        for entry in files_of(image, layer, Budget())
    }


def _unlike(image: dict[str, _Facts], built: dict[str, _Facts]) -> Iterator[str]:
    found = []
    for path in sorted(image.keys() | built.keys()):
        if path not in built:
            found.append(f"{path} is in the image alone")
        elif path not in image:
            found.append(f"{path} is missing in the image")
        elif image[path] != built[path]:
            found.append(f"{path} differs")
    yield from found[:_SHOWN]
    if len(found) > _SHOWN:
        yield f"and {len(found) - _SHOWN} more"
    if not found:
        yield "the same files, in another order or with other times"


def _unlike_keys(image: Any, built: Any) -> Iterator[tuple[str, Any, Any]]:
    """Keys of two configurations with different values; layers and history were told already."""
    for key in sorted({*image, *built} - {"rootfs", "history", "config", "created", "container"}):
        if key in ("architecture", "os", "variant") and image.get(key) != built.get(key):
            yield key, image.get(key), built.get(key)
    old, new = image.get("config") or {}, built.get("config") or {}
    for key in sorted({*old, *new}):
        if isinstance(old.get(key), dict) and isinstance(new.get(key), dict):
            for name in sorted({*old[key], *new[key]}):
                if old[key].get(name) != new[key].get(name):
                    yield f"{key}.{name}", old[key].get(name), new[key].get(name)
        elif (old.get(key) or None) != (new.get(key) or None):
            yield key, old.get(key), new.get(key)
    if image.get("created") != built.get("created"):
        yield "created", image.get("created"), built.get("created")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
