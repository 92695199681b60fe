"""From a model's folder to everything that an image build needs, without an engine."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import AlreadyExists, InvalidInput, ModelChanged
from ..flavors.staging import storage_failed
from .base import BuildSpec, Report, ignore
from .dockerfile import Recipe, render
from .indexes import without_credentials
from .labels import Base, base_name
from .oci.spec import Platform
from .prepare import Prepared, of_this_machine, prepare
from .requirements import Requirements
from .runtime_wheel import runtime_files, runtime_requirements
from .tar_stream import Entry, write_entries

if TYPE_CHECKING:
    from .lock.lock import Lock

# Build arguments that Docker itself knows and keeps to itself.
PREDEFINED = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "FTP_PROXY", "ALL_PROXY"})


@dataclass(frozen=True)
class Context:
    """What a builder sends to an engine, or writes to a folder.

    Attributes:
        entries: the files, the Dockerfile among them.
        base_image: what the image starts from.
        build_args: secret settings of the installation step.
        secrets: what must never be seen in output, history or configuration.
        model_digest: what the container will compare the model with, or None.
        notices: what the user should know.
    """

    entries: tuple[Entry, ...]
    base_image: str
    build_args: Mapping[str, str]
    secrets: tuple[str, ...]
    model_digest: str | None
    notices: tuple[str, ...]


def make_context(spec: BuildSpec, base: Base | None = None, *, lock: Lock | None = None) -> Context:
    """Check a spec and gather what it needs.

    Args:
        spec: what to build.
        base: what is known of the base image.
        lock: what to install; without one the engine resolves the requirements.

    Raises:
        InvalidInput: a name, platform, index or requirement cannot be used.
        BadModel: the folder is no model, is damaged, or is not the recorded one.
    """
    return context_of(prepare(spec), base, lock=lock)


def context_of(
    prepared: Prepared,
    base: Base | None = None,
    pinned: str | None = None,
    lock: Lock | None = None,
) -> Context:
    """What an engine needs for a spec that was checked.

    Args:
        prepared: the spec and its model.
        base: what is known of the base image, for the labels.
        pinned: how to name the base image, if that is known better than by its tag.
        lock: what to install; without one the engine resolves the requirements.
    """
    spec = prepared.spec
    check_for_engine(spec)
    variables = {**prepared.indexes.settings, **_own_arguments(spec)}
    name = engine_name(prepared)
    settings = prepared.settings(base or Base(base_name(name)))
    recipe = Recipe(
        base_image=pinned or name,
        platform=spec.platform,
        install_options=_install_options(prepared, variables),
        system_packages=tuple(spec.system_packages),
        locked=lock is not None,
        labels=settings.labels,
        environment=settings.environment,
    )
    entries = [
        _entry("Dockerfile", render(recipe)),
        *_system_entries(spec),
        *_install_entries(prepared.requirements),
        *_lock_entries(lock),
        *(_entry(f"runtime/{name}", data) for name, data in runtime_files()),
        *model_entries(prepared, "model"),
    ]
    return Context(
        entries=tuple(entries),
        base_image=name,
        build_args=_build_arguments(spec, variables),
        secrets=prepared.secrets,
        model_digest=prepared.digest,
        notices=prepared.notices,
    )


def engine_name(prepared: Prepared) -> str:
    """The base image as an engine knows it."""
    platform = prepared.spec.platform
    for_platform = Platform.parse(platform) if platform else Platform.of_machine()
    return re.sub(r"^(engine|registry):", "", prepared.base_for(for_platform))


def check_for_engine(spec: BuildSpec) -> None:
    """Refuse what only the builder without an engine can do.

    Raises:
        InvalidInput: several platforms, or a base image that no engine has.
    """
    if spec.base_image and of_this_machine(spec.base_image):
        raise InvalidInput(
            f"A Docker engine cannot start from {spec.base_image}; --builder oci can. Or load it: "
            "docker load, and name it."
        )
    if len(spec.platforms) > 1:
        raise InvalidInput(
            f"A Docker engine builds for one platform at a time, not for "
            f"{', '.join(spec.platforms)}. --builder oci builds for several."
        )


def write_context(spec: BuildSpec, folder: Path, report: Report = ignore) -> Context:
    """Write the Dockerfile and everything beside it, for a build by other means.

    Args:
        spec: as for a build; secrets are not written.
        folder: must not exist, or be empty, and not lie inside the model.
        report: told when versions are chosen.

    Raises:
        InvalidInput: the folder lies inside the model.
        AlreadyExists: the folder holds something.
        StorageFailed: it cannot be written; nothing stays behind.
    """
    from .lock.engine import lock_for_engine

    prepared = prepare(spec)
    lock, notices = lock_for_engine(prepared, report)
    made = context_of(prepared, lock=lock)
    context = replace(made, notices=(*made.notices, *notices))
    target = folder.resolve()
    if target.is_relative_to(spec.model.resolve()):
        raise InvalidInput(f"{folder} lies inside the model, which it would change.")
    try:
        exists = target.exists()
        if exists and (not target.is_dir() or any(target.iterdir())):
            raise AlreadyExists(f"{folder} exists and is not empty. Name another folder.")
        target.parent.mkdir(parents=True, exist_ok=True)
        # a folder that is there is filled, not replaced: somebody's shell may stand in it
        place = target if exists else target.parent
        temporary = Path(tempfile.mkdtemp(dir=place, prefix=f".{target.name}-"))
    except OSError as error:
        raise storage_failed(folder, error) from error
    try:
        write_entries(context.entries, temporary)
        temporary.chmod(0o755)
        if exists:
            for part in sorted(temporary.iterdir(), reverse=True):  # the Dockerfile last
                part.rename(target / part.name)
        else:
            temporary.rename(target)
    except OSError as error:
        raise storage_failed(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return context


def _install_options(prepared: Prepared, settings: Mapping[str, str]) -> tuple[str, ...]:
    options = ["--python", prepared.python]
    if prepared.spec.locked:
        options.append("--locked")
    if prepared.holds_code:
        options.append("--code")
    if settings:
        options += ["--key", _settings_key(settings)]
    return tuple(options)


def _settings_key(settings: Mapping[str, str]) -> str:
    """Changes when the settings do, so that the engine's cache notices.

    Credentials of indexes do not count: a new token gives the same packages. The rest may be
    secret too, and this key can be read in the image's history; hence a slow, shortened hash.
    """
    text = without_credentials(json.dumps(settings, sort_keys=True))
    return hashlib.scrypt(text.encode(), salt=b"mlpack", n=2**14, r=8, p=1, dklen=5).hex()


def _own_arguments(spec: BuildSpec) -> dict[str, str]:
    return {k: v for k, v in spec.build_args.items() if k.upper() not in PREDEFINED}


def _build_arguments(spec: BuildSpec, settings: Mapping[str, str]) -> dict[str, str]:
    known = {k: v for k, v in spec.build_args.items() if k.upper() in PREDEFINED}
    return {**known, **({"FTP_PROXY": json.dumps(settings)} if settings else {})}


def _install_entries(requirements: Requirements) -> Iterator[Entry]:
    script = Path(__file__).with_name("install.py").read_bytes()
    yield _entry("install/install.py", script)
    yield _entry("install/requirements.txt", _text(requirements.lines))
    yield _entry("install/runtime.txt", _text(runtime_requirements()))
    if requirements.constraints:
        yield _entry("install/constraints.txt", _text(requirements.constraints))


def _lock_entries(lock: Lock | None) -> Iterator[Entry]:
    if lock is None:
        return
    yield _entry("lock/requirements.lock", lock.text)
    if lock.options:
        yield _entry("install/options.txt", _text(list(lock.options)))


def _text(lines: list[str]) -> str:
    return "".join(line + "\n" for line in lines)


def _system_entries(spec: BuildSpec) -> Iterator[Entry]:
    if spec.system_packages:
        yield _entry("system/system.py", Path(__file__).with_name("system.py").read_bytes())


def model_entries(prepared: Prepared, below: str) -> Iterator[Entry]:
    """The files of the model, each with the checksum that it must have when it is read."""
    for name, checksum in prepared.files.items():
        path = prepared.spec.model / name
        try:
            size = path.stat().st_size
        except OSError:
            raise ModelChanged(f"{path} has gone. Build again when the model rests.") from None
        yield Entry(f"{below}/{name}", path, size, sha256=checksum.removeprefix("sha256:"))


def _entry(path: str, content: str | bytes) -> Entry:
    data = content.encode() if isinstance(content, str) else content
    return Entry(path, data, len(data))
