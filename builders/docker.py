"""Builds an image through a Docker engine, old or new, without its command line.

The engine's API builder is used, which every engine has. It knows no secrets; how they reach
the build all the same, and leave no trace, is told in install.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import BuildFailed
from .base import PARTS, BuildSpec, BuiltImage, Layer, Part, Progress, Report, ignore
from .build_log import BuildLog
from .context import Context, check_for_engine, context_of, engine_name
from .deliver import Delivered, Delivery
from .docker_base import find_base
from .docker_sbom import Finished, finish
from .engine import connect
from .engine_build import remove_remains, run_build
from .indexes import proxies, secret_parts
from .labels import tagged
from .lock.engine import lock_for_engine
from .oci.engine import explained
from .oci.spec import Platform
from .prepare import prepare
from .record import record_build
from .tar_stream import tar_stream

if TYPE_CHECKING:
    from .oci.image import Bundle
    from .publish import Credentials

_REPORT_EVERY = 1 << 22


class DockerBuilder:
    """The `Builder` that needs a Docker engine."""

    name = "docker"

    def build(
        self,
        spec: BuildSpec,
        report: Report = ignore,
        *,
        credentials: Credentials | None = None,
    ) -> BuiltImage:
        """Build one image; see `Builder.build`. Credentials are those of the registry."""
        built = self.make(spec, report, credentials=credentials)
        digest = built.digest or built.id
        record_build(spec, built.name, digest, built.platforms, self.name, report)
        return built

    def make(
        self,
        spec: BuildSpec,
        report: Report = ignore,
        *,
        credentials: Credentials | None = None,
    ) -> BuiltImage:
        """As `build`, without a note beside the record of the model."""
        started = time.monotonic()
        prepared = prepare(spec)
        check_for_engine(spec)
        client = connect()
        try:
            name, pull = engine_name(prepared), spec.pull
            base = find_base(client, name, spec.platform, pull=pull, report=report)
            lock, told = lock_for_engine(prepared, report)
            context = context_of(prepared, base.labels, base.pinned, lock)
            for notice in told:
                report(Progress("notice", notice))
            log, secrets, notices = self._build(client, spec, context, report)
            try:
                with explained():
                    inner = client.images.get(log.image_id)
                    history = inner.history()
                _assert_clean(client, inner, history, secrets)
                platform = Platform.from_dict(
                    {"os": inner.attrs.get("Os"), "architecture": inner.attrs.get("Architecture")}
                )
                finished = finish(client, inner.id, prepared, base.labels, lock, platform)
                with explained():
                    image = client.images.get(finished.id)
            except BaseException:
                remove_remains(client, log)
                raise
            bundle, sent = self._deliver(client, spec, finished, credentials, report)
        finally:
            client.close()
        return BuiltImage(
            name=tagged(spec.name),
            id=image.id,
            size=int(image.attrs["Size"]),
            base_image=context.base_image,
            layers=_layers(history, log, spec, finished),
            model_digest=context.model_digest,
            notices=(*context.notices, *told, *notices, *log.notices),
            seconds=time.monotonic() - started,
            digest=bundle.digest if bundle else None,
            base_digest=base.digest,
            platforms=(str(platform),),
            lock=lock.digest if lock and finished.locked else None,
            outputs=("docker engine", *sent.places),
            sboms=(finished.bill,),
        )

    def _build(
        self, client: Any, spec: BuildSpec, context: Context, report: Report
    ) -> tuple[BuildLog, tuple[str, ...], list[str]]:
        proxy, notices = proxies()
        for notice in (*context.notices, *notices):
            report(Progress("notice", notice))
        hidden = (part for value in proxy.values() for part in secret_parts(value))
        secrets = (*context.secrets, *hidden)
        base = context.base_image + (f" for {spec.platform}" if spec.platform else "")
        log = BuildLog(report, secrets, base)
        run_build(
            client,
            _counted(context, report),
            log,
            platform=spec.platform,
            arguments={**proxy, **context.build_args},
            no_cache=spec.no_cache,
        )
        return log, secrets, notices

    def _deliver(
        self,
        client: Any,
        spec: BuildSpec,
        finished: Finished,
        credentials: Credentials | None,
        report: Report,
    ) -> tuple[Bundle | None, Delivered]:
        """From the engine to wherever else the image should go."""
        outputs = [output for output in spec.outputs if output.kind != "engine"]
        if not outputs:
            return None, Delivered()
        from .docker_bundle import bundle_of_engine
        from .oci.cache import Cache

        with Cache.of_user().hold() as cache:
            bundle = bundle_of_engine(client, finished.id, finished.bill, spec, cache, report)
            return bundle, Delivery(outputs, credentials).send(bundle, report, cache)


def _counted(context: Context, report: Report) -> Iterator[bytes]:
    """The context as a stream that tells how far it is."""
    total = sum(entry.size for entry in context.entries)
    sent = told = 0
    for piece in tar_stream(context.entries):
        yield piece
        sent += len(piece)
        if sent - told >= _REPORT_EVERY:
            told = sent
            report(Progress("bytes", "Sending the model to the engine", None, sent, total))


def _assert_clean(
    client: Any,
    image: Any,
    history: Sequence[Mapping[str, Any]],
    secrets: tuple[str, ...],
) -> None:
    """No credential in the history or configuration; not every engine is Docker's own."""
    seen = json.dumps([image.attrs, history])
    if any(secret in seen or json.dumps(secret)[1:-1] in seen for secret in secrets):
        with suppress(Exception):
            client.images.remove(image.id, force=True)
        raise BuildFailed(
            "This engine writes build arguments into the image's history, where the credentials "
            "of the package index would be seen. The image was removed. Build with Docker, or "
            "give the index without credentials."
        )


def _layers(
    history: Sequence[Mapping[str, Any]], log: BuildLog, spec: BuildSpec, finished: Finished
) -> tuple[Layer, ...]:
    """Sizes by part: the newest entries of the history are our steps, FROM left out."""
    steps = log.steps[1:]
    present = [part for part in PARTS if part == "base" or part in steps]
    sizes = dict.fromkeys(present, 0)
    for entry, part in zip(history, reversed(steps), strict=False):
        sizes[part] += int(entry["Size"])
    sizes["base"] += sum(int(entry["Size"]) for entry in history[len(steps) :])
    content: dict[Part, str] = {
        "base": finished.system,
        "system": ", ".join(spec.system_packages),
        "dependencies": finished.dependencies,
        "runtime": "mlpack's scoring runtime",
        "model": "the model",
    }
    layers = [
        Layer(part, sizes[part], part not in log.built, content=content[part]) for part in present
    ]
    bill = Layer("model", len(finished.bill), finished.cached, content="the bill of materials")
    return (*layers, bill)
