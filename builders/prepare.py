"""What every builder finds out first: that the spec can be used, and what the model needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadModel, InvalidInput
from .base import BuildSpec
from .indexes import Indexes, find_indexes, secret_parts
from .labels import Base, environment_of, labels_of
from .oci.spec import Platform
from .requirements import Requirements, read_requirements
from .settings import ImageSettings

if TYPE_CHECKING:
    from ..flavors.descriptor import Model

OLDEST_PYTHON = (3, 11)
# in the name of a base image: the processor, as in `linux/amd64`
ARCHITECTURE = "{arch}"

_REFERENCE = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d+)?/)?"
    r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*"
    r"(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
_IMAGE_ID = re.compile(r"sha256:[0-9a-f]{64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# https://www.debian.org/doc/debian-policy/ch-controlfields.html#source; a "-" at the end would
# have apt-get remove the package
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+](?::[a-z0-9]+)?(?:=[A-Za-z0-9.+~:-]+)?")


@dataclass(frozen=True)
class Prepared:
    """A spec that was checked, and what follows from it.

    Attributes:
        spec: as it was given.
        model: the model's descriptor.
        digest: what the container will compare the model with; None if nobody vouched.
        files: the checksum of every file of the model.
        requirements: of the model.
        indexes: where packages come from.
        python: the minor version that the image should have, such as ``3.11``.
        notices: what the user should know.
        secrets: what must never be seen in output, history or configuration.
    """

    spec: BuildSpec
    model: Model
    digest: str | None
    files: Mapping[str, str]
    requirements: Requirements
    indexes: Indexes
    python: str
    notices: tuple[str, ...]
    secrets: tuple[str, ...]

    @property
    def base_image(self) -> str:
        """What the image starts from; may hold ``{arch}``."""
        return self.spec.base_image or f"python:{self.python}-slim"

    def base_for(self, platform: Platform) -> str:
        """What the image of one platform starts from."""
        return self.base_image.replace(ARCHITECTURE, platform.architecture)

    @property
    def holds_code(self) -> bool:
        """Does the model hold bytecode (cloudpickle), which only one minor version reads?"""
        return holds_code(self.model)

    def settings(self, base: Base | None = None) -> ImageSettings:
        """How a container of it runs, and what its image says of itself."""
        spec, base = self.spec, base or Base()
        environment = environment_of(spec, self.digest)
        labels = labels_of(spec, self.model, self.digest, base)
        return ImageSettings(
            {**dict.fromkeys(base.undone, ""), **environment},
            {**dict.fromkeys(base.unsaid, ""), **labels},
        )


def prepare(spec: BuildSpec, *, here: bool = False) -> Prepared:
    """Check a spec and its model.

    Args:
        spec: what to build.
        here: packages are fetched on this machine rather than in a container.

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
    _check_names(files)
    requirements = read_requirements(spec.model, spec.requirements, keep_mlflow=spec.keep_mlflow)
    indexes = find_indexes(spec.index_url, spec.extra_index_urls, here=here)
    python, notice = python_for(model)
    trust = [] if digest else _code_notice(model)
    return Prepared(
        spec=spec,
        model=model,
        digest=digest,
        files=files,
        requirements=requirements,
        indexes=indexes,
        python=python,
        notices=(*notice, *trust, *requirements.notices, *indexes.notices),
        secrets=_secrets(indexes, spec),
    )


def _check_names(files: Iterable[str]) -> None:
    """Refuse what an engine takes for the order to hide another file."""
    for name in files:
        if any(part.startswith(".wh.") for part in name.split("/")):
            raise BadModel(
                f"The model has a file {name!r}. In an image a name that begins with .wh. hides "
                "another file; rename it."
            )


def check_spec(spec: BuildSpec) -> None:
    """Refuse what an engine would refuse later, and what would change the Dockerfile's meaning.

    Raises:
        InvalidInput: says which option, and how it should look.
    """
    check_image_name(spec.name)
    if spec.base_image is not None:
        _check_base_image(spec.base_image)
    for platform in spec.platforms:
        Platform.parse(platform)
    for name in spec.build_args:
        if not _VARIABLE.fullmatch(name):
            raise InvalidInput(f"{name!r} is not the name of a build argument (NAME=VALUE).")
        if name.upper() == "FTP_PROXY":
            raise InvalidInput("The build argument FTP_PROXY is in use by mlpack itself.")
    for package in spec.system_packages:
        if not _PACKAGE.fullmatch(package):
            raise InvalidInput(
                f"{package!r} is not the name of a Debian package, such as libgomp1 or git=1:2.39."
            )


def check_image_name(name: str) -> None:
    """Raises `InvalidInput` unless ``name`` can name an image to be made."""
    _check_reference(name, "image name")
    if "@" in name:
        raise InvalidInput(f"{name!r} holds a digest, which only a finished image has.")


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


def holds_code(model: Model) -> bool:
    """Does it hold bytecode (cloudpickle), which only one minor version of Python reads?"""
    formats = [keys.get("serialization_format") for keys in model.flavors.values()]
    return bool(model.pyfunc.get("python_model")) or "cloudpickle" in formats


def _check_base_image(text: str) -> None:
    """Refuse what is no image's name; folders and files are looked at when they are read."""
    named = text.replace(ARCHITECTURE, "amd64")
    if _IMAGE_ID.fullmatch(named) or of_this_machine(named):
        return
    _check_reference(re.sub(r"^(engine|registry):", "", named), "base image")


def of_this_machine(base_image: str) -> bool:
    """Is a base image a folder or a file, which only the builder without an engine reads?"""
    if re.match(r"(layout|archive|oci|docker-archive|oci-archive):|\.{0,2}/|~", base_image):
        return True
    with suppress(OSError, ValueError):
        for path in map(Path, (base_image, base_image.rpartition(":")[0] or base_image)):
            if path.is_file() or (path / "oci-layout").is_file():
                return True
    return False


def _check_reference(name: str, what: str) -> None:
    if not _REFERENCE.fullmatch(name):
        low = name.lower()
        hint = f" Did you mean {low!r}?" if low != name and _REFERENCE.fullmatch(low) else ""
        raise InvalidInput(
            f"{name!r} is not a valid {what}: lower-case letters, digits and . _ - between "
            f"them, then optionally :tag.{hint}"
        )


def _vouched_digest(spec: BuildSpec) -> tuple[str | None, dict[str, str]]:
    """The digest that somebody vouches for, and the checksums of the files."""
    from ..flavors import integrity

    files = integrity.manifest(spec.model)
    if spec.expected_digest is not None:
        integrity.verify_digest(spec.model, spec.expected_digest, files, spec.expected_files)
        return spec.expected_digest, files
    return integrity.digest(files) if spec.trust else None, files


def _code_notice(model: Model) -> list[str]:
    if not (holds_code(model) or _is_pickle(model)):
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


def _secrets(indexes: Indexes, spec: BuildSpec) -> tuple[str, ...]:
    # a short value ("cpu", "1") is no secret, and hiding it would garble the output
    arguments = [value for value in spec.build_args.values() if len(value) >= 8]
    parts = [part for value in spec.build_args.values() for part in secret_parts(value)]
    return (*indexes.secrets, *arguments, *parts)
