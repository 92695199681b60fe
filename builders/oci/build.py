"""Builds an image without an engine, without root, without running anything of it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InvalidInput
from ...flavors.staging import storage_failed
from ..base import BuildSpec, BuiltImage, Layer, Part, Progress, Report, ignore
from ..deliver import Delivered, prepare_delivery
from ..labels import CREATED, EARLIEST, Base, base_name, tagged
from ..lock.lock import Lock, lock_for
from ..lock.target import Target
from ..lock.wheels import dependency_layers
from ..prepare import Prepared, prepare
from ..record import record_build
from .base_image import BaseFacts, check_base, facts_of
from .base_source import open_base
from .blob_reader import BlobDamaged
from .bundle import NewLayer, assemble, make_index
from .cache import Cache
from .image import Attachment, Bundle, Image
from .layers import make_layer
from .runtime_layer import runtime_layer
from .sbom_layer import bill_of_materials
from .spec import Platform, canonical, sha256
from .venv import LOCK, MODEL, SBOM, file_entry
from .workroom import workroom

if TYPE_CHECKING:
    from ..publish import Credentials

_SBOM_TYPE = "application/vnd.cyclonedx+json"


@dataclass(frozen=True)
class Made:
    """An image of one platform, and how it came to be.

    Attributes:
        image: the image.
        layers: those of ours.
        base: what it starts from.
        facts: of the base.
        lock: that the dependencies came from.
        sbom: its bill of materials.
        notices: what the user should know.
    """

    image: Image
    layers: tuple[NewLayer, ...]
    base: Image
    facts: BaseFacts
    lock: Lock
    sbom: bytes
    notices: tuple[str, ...]


class OciBuilder:
    """The `Builder` that needs no engine."""

    name = "oci"

    def build(
        self,
        spec: BuildSpec,
        report: Report = ignore,
        *,
        credentials: Credentials | None = None,
    ) -> BuiltImage:
        """Build one image; see `Builder.build`. Credentials are those of the registry."""
        started = time.monotonic()
        prepared = prepared_here(spec)
        with prepare_delivery(spec, credentials) as delivery, Cache.of_user().hold() as cache:
            try:
                bundle, made = make_bundle(prepared, cache, report)
                sent = delivery.send(bundle, report, cache)
            except BlobDamaged as damage:  # it is not in the cache any more
                report(Progress("notice", f"{damage.message} It is made anew."))
                bundle, made = make_bundle(prepared, cache, report)
                sent = delivery.send(bundle, report, cache)
        built = _result(prepared, bundle, made, sent, time.monotonic() - started)
        record_build(spec, built.name, bundle.digest, built.platforms, self.name, report)
        return built


def prepared_here(spec: BuildSpec) -> Prepared:
    """Check a spec for this builder.

    Raises:
        InvalidInput: it wants something that only an engine can do.
    """
    if spec.system_packages:
        raise InvalidInput(
            f"--system-package {spec.system_packages[0]} needs a Docker engine (--builder docker): "
            "without one nothing runs while an image is built. Or take a --base-image that has it."
        )
    return prepare(spec, here=True)


def make_bundle(
    prepared: Prepared, cache: Cache, report: Report = ignore
) -> tuple[Bundle, tuple[Made, ...]]:
    """Make an image for every platform of a spec; nothing leaves this machine."""
    spec = prepared.spec
    for notice in prepared.notices:
        report(Progress("notice", notice))
    platforms = [Platform.parse(each) for each in spec.platforms] or [Platform.of_machine()]
    try:
        made = tuple(_make(prepared, each, cache, report) for each in dict.fromkeys(platforms))
    except OSError as error:  # of a temporary folder: what is written elsewhere is told there
        raise storage_failed(Path(error.filename or tempfile.gettempdir()), error) from error
    images = tuple(each.image for each in made)
    index = None
    if len(images) > 1:
        index = make_index(images, prepared.settings().clean_labels)
    attachments = [Attachment(e.image.descriptor, _SBOM_TYPE, e.sbom) for e in made]
    return Bundle(tagged(spec.name), images, index, tuple(attachments)), made


def _make(prepared: Prepared, platform: Platform, cache: Cache, report: Report) -> Made:
    spec = prepared.spec
    name = prepared.base_for(platform)
    report(Progress("part", f"{name} for {platform}", "base"))
    base = open_base(spec, name, platform, cache, report)
    facts = facts_of(base, cache, report)
    notice = check_base(
        facts,
        name,
        base.platform,
        asked=platform,
        python=prepared.python,
        code=prepared.holds_code,
    )
    if notice:
        report(Progress("notice", notice, "base"))
    assert facts.libc is not None
    lock = lock_for(spec, Target(facts.python_text, platform, facts.libc), report=report)
    layers = [*_clearing(spec, facts, cache), *_dependencies(spec, lock, cache, report)]
    layers.append(_runtime(spec, facts, cache, report))
    settings = prepared.settings(Base(base_name(name), base.known_as))
    bill = bill_of_materials(prepared, base, layers, lock, settings, cache, report)
    layers.append(_model(prepared, cache, report))
    # names and labels are in it, so it lies on the model, which may be large, not the model on it
    layers.append(_small("model", "the bill of materials", SBOM, bill, spec, cache))
    created = settings.labels.get(CREATED, EARLIEST)
    image = assemble(base, layers, settings, created=created, ours=cache)
    notices = (notice,) if notice else ()
    return Made(image, tuple(layers), base, facts, lock, bill, notices)


def _clearing(spec: BuildSpec, facts: BaseFacts, cache: Cache) -> Iterator[NewLayer]:
    """Takes away what a base image (one of ours, perhaps) has where ours goes."""
    if not facts.occupied:
        return
    places = [path.rpartition("/") for path in facts.occupied]
    entries = [file_entry(f"{folder}/.wh.{name}", b"") for folder, _, name in places]
    made = make_layer(entries, cache, compression=spec.compression, part="dependencies")
    told = ", ".join(f"/{path}" for path in facts.occupied)
    yield NewLayer("dependencies", f"without the base's {told}", made)


def _dependencies(spec: BuildSpec, lock: Lock, cache: Cache, report: Report) -> Iterator[NewLayer]:
    """The wheels of the lock, and the lock itself."""
    report(Progress("part", "dependencies", "dependencies"))
    with workroom(cache.folder) as work:
        for each in dependency_layers(lock, spec, work, report=report):
            report(Progress("part", each.name, "dependencies"))
            made = make_layer(
                each.entries,
                cache,
                compression=spec.compression,
                key=None if spec.no_cache else each.key,
                report=report,
                part="dependencies",
            )
            yield _told(NewLayer("dependencies", each.name, made), report)
    yield _small("dependencies", "the lock", LOCK, lock.text, spec, cache)


def _runtime(spec: BuildSpec, facts: BaseFacts, cache: Cache, report: Report) -> NewLayer:
    report(Progress("part", "runtime", "runtime"))
    made = runtime_layer(
        facts, cache, compression=spec.compression, anew=spec.no_cache, report=report
    )
    return _told(NewLayer("runtime", "mlpack's scoring runtime", made), report)


def _model(prepared: Prepared, cache: Cache, report: Report) -> NewLayer:
    """The model's files: all that is new with a new model."""
    report(Progress("part", "model", "model"))
    from ..context import model_entries

    spec = prepared.spec
    made = make_layer(
        lambda: model_entries(prepared, MODEL),
        cache,
        compression=spec.compression,
        key=None if spec.no_cache else sha256(canonical({"model": 1, **prepared.files})),
        report=report,
        part="model",
    )
    return _told(NewLayer("model", "the model", made), report)


def _small(
    part: Part, content: str, path: str, data: str | bytes, spec: BuildSpec, cache: Cache
) -> NewLayer:
    """A layer of one file that says something of the others."""
    entry = file_entry(path, data)
    assert isinstance(entry.content, bytes)
    key = None if spec.no_cache else f"{path} {sha256(entry.content)}"
    made = make_layer([entry], cache, compression=spec.compression, key=key, part=part)
    return NewLayer(part, content, made)


def _told(layer: NewLayer, report: Report) -> NewLayer:
    if layer.made.cached:
        report(Progress("cached", layer.content, layer.part))
    return layer


def _result(
    prepared: Prepared, bundle: Bundle, made: Sequence[Made], sent: Delivered, seconds: float
) -> BuiltImage:
    first = made[0]
    layers = [layer for each in made for layer in _layers(each, sent)]
    return BuiltImage(
        name=bundle.name,
        id=first.image.config_descriptor.digest,
        size=sum(layer.size for layer in _layers(first, sent)),
        base_image=prepared.base_image,
        layers=tuple(layers),
        model_digest=prepared.digest,
        notices=tuple(dict.fromkeys([*prepared.notices, *(n for m in made for n in m.notices)])),
        seconds=seconds,
        builder=OciBuilder.name,
        digest=bundle.digest,
        base_digest=first.base.known_as,
        platforms=tuple(str(image.platform) for image in bundle.images),
        lock=first.lock.digest,
        outputs=sent.places,
        sboms=tuple(each.sbom for each in made),
    )


def _layers(made: Made, sent: Delivered) -> Iterator[Layer]:
    base = made.base.layers
    yield Layer(
        "base",
        made.facts.size,
        cached=True,
        stored=sum(layer.size for layer in base),
        content=made.facts.system.get("PRETTY_NAME", ""),
        sent=sent.of(layer.digest for layer in base),
        mounted=any(layer.digest in sent.mounted for layer in base),
        platform=str(made.image.platform),
    )
    for layer in made.layers:
        blob = layer.made.descriptor
        yield Layer(
            layer.part,
            layer.made.size,
            layer.made.cached,
            blob.digest,
            blob.size,
            layer.content,
            sent.of([blob.digest]),
            blob.digest in sent.mounted,
            str(made.image.platform),
        )
