"""From a model's folder to everything that an image build needs, without an engine."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..errors import AlreadyExists, BadModel, InvalidInput
from ..flavors.staging import storage_failed
from .base import BuildSpec
from .dockerfile import Recipe, render
from .indexes import Indexes, find_indexes, secret_parts, without_credentials
from .oci.spec import Platform
from .requirements import Requirements, read_requirements
from .runtime_wheel import runtime_files, runtime_requirements
from .tar_stream import Entry, write_entries

if TYPE_CHECKING:
    from ..flavors.descriptor import Model

OLDEST_PYTHON = (3, 11)
# Build arguments that Docker itself knows and keeps to itself.
PREDEFINED = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "FTP_PROXY", "ALL_PROXY"})

_REFERENCE = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d+)?/)?"
    r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*"
    r"(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
_IMAGE_ID = re.compile(r"sha256:[0-9a-f]{64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


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


def make_context(spec: BuildSpec) -> Context:
    """Check a spec and gather what it needs.

    Raises:
        InvalidInput: a name, platform, index or requirement cannot be used.
        BadModel: the folder is no model, is damaged, or is not the recorded one.
    """
    from ..flavors.descriptor import Model
    from ..flavors.integrity import verify

    check_spec(spec)
    digest, files = _vouched_digest(spec)
    model = Model.read(spec.model)
    verify(spec.model, model, files)
    requirements = read_requirements(spec.model, spec.requirements, keep_mlflow=spec.keep_mlflow)
    indexes = find_indexes(spec.index_url, spec.extra_index_urls)
    python, notice = python_for(model)
    settings = {**indexes.settings, **_own_arguments(spec)}
    recipe = Recipe(
        base_image=spec.base_image or f"python:{python}-slim",
        platform=spec.platform,
        install_options=_install_options(model, python, settings),
        labels={**_labels(spec, model, digest), **spec.labels},
        environment={
            "MLPACK_MODEL_NAME": _registered(spec) or _title(spec.name),
            **({"MLPACK_MODEL_DIGEST": digest} if digest else {}),
        },
    )
    entries = [
        _entry("Dockerfile", render(recipe)),
        *_install_entries(requirements),
        *(_entry(f"runtime/{name}", data) for name, data in runtime_files()),
        *_model_entries(spec.model),
    ]
    trust = [] if digest else _code_notice(model)
    return Context(
        entries=tuple(entries),
        base_image=recipe.base_image,
        build_args=_build_arguments(spec, settings),
        secrets=_secrets(indexes, spec),
        model_digest=digest,
        notices=(*notice, *trust, *requirements.notices, *indexes.notices),
    )


def write_context(spec: BuildSpec, folder: Path) -> Context:
    """Write the Dockerfile and everything beside it, for a build by other means.

    Args:
        spec: as for a build; secrets are not written.
        folder: must not exist, or be empty, and not lie inside the model.

    Raises:
        InvalidInput: the folder lies inside the model.
        AlreadyExists: the folder holds something.
        StorageFailed: it cannot be written; nothing stays behind.
    """
    context = make_context(spec)
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


def check_spec(spec: BuildSpec) -> None:
    """Refuse what an engine would refuse later, and what would change the Dockerfile's meaning.

    Raises:
        InvalidInput: says which option, and how it should look.
    """
    check_image_name(spec.name)
    if spec.base_image is not None and not _IMAGE_ID.fullmatch(spec.base_image):
        _check_reference(spec.base_image, "base image")
    for platform in spec.platforms:
        Platform.parse(platform)
    for name in spec.build_args:
        if not _VARIABLE.fullmatch(name):
            raise InvalidInput(f"{name!r} is not the name of a build argument (NAME=VALUE).")
        if name.upper() == "FTP_PROXY":
            raise InvalidInput("The build argument FTP_PROXY is in use by mlpack itself.")


def check_image_name(name: str) -> None:
    """Raises `InvalidInput` unless ``name`` can name an image to be made."""
    _check_reference(name, "image name")
    if "@" in name:
        raise InvalidInput(f"{name!r} holds a digest, which only a finished image has.")


def _check_reference(name: str, what: str) -> None:
    if not _REFERENCE.fullmatch(name):
        low = name.lower()
        hint = f" Did you mean {low!r}?" if low != name and _REFERENCE.fullmatch(low) else ""
        raise InvalidInput(
            f"{name!r} is not a valid {what}: lower-case letters, digits and . _ - between "
            f"them, then optionally :tag.{hint}"
        )


def python_for(model: Model) -> tuple[str, list[str]]:
    """The minor version of Python that an image for this model should have, and notices."""
    match = re.match(r"^(\d+)\.(\d+)", str(model.pyfunc.get("python_version") or ""))
    oldest = ".".join(map(str, OLDEST_PYTHON))
    if match is None:
        return oldest, [f"The model does not say which Python saved it; the image has {oldest}."]
    saved = (int(match[1]), int(match[2]))
    if saved < OLDEST_PYTHON:
        return oldest, [
            f"The model was saved with Python {match[0]}; mlpack needs {oldest} or later, so "
            f"the image has {oldest}. If it does not load there, save it again."
        ]
    return match[0], []


def _holds_code(model: Model) -> bool:
    """Does it hold bytecode (cloudpickle), which only one minor version of Python reads?"""
    formats = [keys.get("serialization_format") for keys in model.flavors.values()]
    return bool(model.pyfunc.get("python_model")) or "cloudpickle" in formats


def _vouched_digest(spec: BuildSpec) -> tuple[str | None, dict[str, str]]:
    """The digest that somebody vouches for, and the checksums of the files."""
    from ..flavors import integrity

    files = integrity.manifest(spec.model)
    if spec.expected_digest is not None:
        integrity.verify_digest(spec.model, spec.expected_digest, files, spec.expected_files)
        return spec.expected_digest, files
    return integrity.digest(files) if spec.trust else None, files


def _code_notice(model: Model) -> list[str]:
    if not (_holds_code(model) or _is_pickle(model)):
        return []
    return [
        "Loading this model runs the code in it, and nobody vouched for this folder. If you know "
        "where it comes from, build with --trust: the container then accepts no other model."
    ]


def _is_pickle(model: Model) -> bool:
    names = [
        str(value) for f in model.flavors.values() if hasattr(f, "values") for value in f.values()
    ]
    return any(name.endswith((".pkl", ".pickle", ".sav", ".joblib")) for name in names)


def _install_options(model: Model, python: str, settings: Mapping[str, str]) -> tuple[str, ...]:
    options = ["--python", python]
    if _holds_code(model):
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


def _secrets(indexes: Indexes, spec: BuildSpec) -> tuple[str, ...]:
    # a short value ("cpu", "1") is no secret, and hiding it would garble the output
    arguments = [value for value in spec.build_args.values() if len(value) >= 8]
    parts = [part for value in spec.build_args.values() for part in secret_parts(value)]
    return (*indexes.secrets, *arguments, *parts)


def _labels(spec: BuildSpec, model: Model, digest: str | None) -> dict[str, str]:
    found = {
        "org.opencontainers.image.title": _title(spec.name),
        "org.opencontainers.image.created": _timestamp(model.utc_time_created),
        "org.opencontainers.image.version": model.model_id or model.model_uuid,
        "mlpack.version": __version__,
        "mlpack.model.name": spec.registered_name,
        "mlpack.model.version": spec.registered_version,
        "mlpack.model.id": model.model_id,
        "mlpack.model.uuid": model.model_uuid,
        "mlpack.model.digest": digest,
        "mlpack.model.flavors": ",".join(sorted(model.flavors)),
        "mlpack.run.id": model.run_id,
    }
    return {key: str(value) for key, value in found.items() if value}


def _registered(spec: BuildSpec) -> str | None:
    """The address of the version that the image holds."""
    if spec.registered_name is None or spec.registered_version is None:
        return None
    return f"models:/{spec.registered_name}/{spec.registered_version}"


def _title(name: str) -> str:
    """An image's name without registry, tag and digest."""
    return re.split(r"[:@]", name.rpartition("/")[2], maxsplit=1)[0]


def _timestamp(created: object) -> str | None:
    """The descriptor's naive UTC time as RFC 3339."""
    match = re.match(r"^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)$", str(created or ""))
    return f"{match[1]}T{match[2]}Z" if match else None


def _install_entries(requirements: Requirements) -> Iterator[Entry]:
    script = Path(__file__).with_name("install.py").read_bytes()
    yield _entry("install/install.py", script)
    yield _entry("install/requirements.txt", _text(requirements.lines))
    yield _entry("install/runtime.txt", _text(runtime_requirements()))
    if requirements.constraints:
        yield _entry("install/constraints.txt", _text(requirements.constraints))


def _text(lines: list[str]) -> str:
    return "".join(line + "\n" for line in lines)


def _model_entries(folder: Path) -> Iterator[Entry]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise BadModel(f"{path} is a symbolic link; a model's folder holds its files itself.")
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            yield Entry(f"model/{name}", path, path.stat().st_size)
        elif not path.is_dir():
            raise BadModel(f"{path} is neither a file nor a folder.")


def _entry(path: str, content: str | bytes) -> Entry:
    data = content.encode() if isinstance(content, str) else content
    return Entry(path, data, len(data))
