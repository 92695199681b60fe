"""One walk through an image's layers, and what it found: packages, distributions, the model.

Each layer is read once, from the base up. What a later layer hides or replaces is not there any
more; sizes of layers count it all the same, as a registry does.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from ...errors import InvalidInput
from ...flavors.integrity import NOTE_OF_MLFLOW
from ..base import Progress, Report, ignore
from ..oci.cache import Cache
from ..oci.image import Image
from ..oci.spec import sha256
from .contents import Base, Distribution, Package, System
from .databases import read_apk, read_dpkg, read_metadata, read_os_release
from .installed import sizes_of
from .layer_files import Budget, LayerFile, files_of
from .through_links import Links

MODEL = "opt/ml/model"
RUNTIME = "opt/mlpack/runtime"
LOCK = "opt/mlpack/lock/requirements.lock"
SBOM = "opt/mlpack/sbom.cdx.json"

_BASE = "base-contents-1"  # changes when the same image would give other contents
_DPKG, _DPKG_PARTS = "var/lib/dpkg/status", "var/lib/dpkg/status.d/"
_APK = ("lib/apk/db/installed", "usr/lib/apk/db/installed")
_OS = ("etc/os-release", "usr/lib/os-release")
REQUIREMENTS = "opt/mlpack/install/requirements.txt"  # what an engine's build was told to install
_KEPT = {_DPKG, *_APK, *_OS, LOCK, SBOM, REQUIREMENTS}
_KEPT_OF_MODEL = {"MLmodel", "requirements.txt", NOTE_OF_MLFLOW}
_LARGEST_OF_MODEL = 4 << 20
_SITE = re.compile(r"(?:^|/)(?:site|dist)-packages/")
_METADATA = re.compile(r"/[^/]+\.(?:dist-info/(?:METADATA|RECORD)|egg-info(?:/PKG-INFO)?)$")
_HEADER = re.compile(r"include/python3\.\d+/patchlevel\.h$")
_INTERPRETER = re.compile(r"(?:^|/)bin/python(3\.\d+)$")
_LARGEST = 64 << 20  # a database of packages
_MOST_DISTRIBUTIONS = 10_000
_FEW = 10
_MOST_FOUND = 500_000  # files of interest, which stay in memory


@dataclass(slots=True)
class Found:
    """A file of interest that can be seen in the finished image.

    Attributes:
        kind: as in `LayerFile`.
        size: bytes.
        layer: that it is in, counted from the base up.
        target: where a link leads.
        content: of databases and metadata.
        checksum: of files of the model.
        below: of databases, what this one replaced.
    """

    kind: str
    size: int
    layer: int
    target: str = ""
    content: bytes | None = None
    checksum: str | None = None
    below: Found | None = None


@dataclass
class LayerFacts:
    """What one layer weighs.

    Attributes:
        digest: as it is stored.
        stored: bytes, as it is stored.
        size: bytes of its files.
        files: how many.
        folders: bytes by folder of the second level (below ``opt`` of the third).
        places: bytes by what of ours it holds.
        hides: files of layers below that it hides or replaces, those of interest.
        astray: entries that links lead into the model, the first few.
    """

    digest: str
    stored: int
    size: int = 0
    files: int = 0
    folders: dict[str, int] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    hides: list[str] = field(default_factory=list)
    astray: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Inventory:
    """What is in an image.

    Attributes:
        layers: from the base up.
        found: files of interest by path, as the finished image shows them.
        environment: variables of its configuration.
    """

    layers: tuple[LayerFacts, ...]
    found: Mapping[str, Found]
    environment: Mapping[str, str]

    @property
    def model_files(self) -> dict[str, Found]:
        """Files of the model by their path in its folder."""
        below = f"{MODEL}/"
        return {
            path.removeprefix(below): each
            for path, each in self.found.items()
            if path.startswith(below) and each.kind != "folder"
        }

    def text(self, path: str) -> str | None:
        """A file of interest as text."""
        each = self.found.get(path)
        return (
            None if each is None or each.content is None else each.content.decode(errors="replace")
        )

    def system(self) -> System | None:
        """The operating system."""
        for path in _OS:
            each = self.found.get(path)
            if each and each.content and (system := read_os_release(each.content)):
                return system
        return None

    def packages(self) -> tuple[Package, ...]:
        """Of the operating system, each with the layer that brought it."""
        return tuple(
            package
            for path, each in sorted(self.found.items())
            for package in _packages(path, each)
        )

    def distributions(self) -> tuple[Distribution, ...]:
        """Python's, with what their files weigh, those of the largest first."""
        sizes = sizes_of(self.found)
        read: list[Distribution] = []
        for path, each in self.found.items():
            is_metadata = path.endswith(("/METADATA", "/PKG-INFO", ".egg-info"))
            if not is_metadata or each.content is None or len(read) >= _MOST_DISTRIBUTIONS:
                continue
            place = posixpath.dirname(path)
            if not path.endswith(".egg-info"):
                place = posixpath.dirname(place)
            made = read_metadata(
                each.content, size=sizes.get(path, 0), layer=each.layer, place=place
            )
            if made is not None:
                read.append(made)
        return tuple(sorted(read, key=lambda each: (-each.size, each.key, each.place)))

    def python(self) -> str | None:
        """The version of Python, as exactly as the image tells."""
        if re.fullmatch(r"3\.\d+\.\d+\w*", self.environment.get("PYTHON_VERSION", "")):
            return self.environment["PYTHON_VERSION"]
        for path, each in self.found.items():
            if _HEADER.search(path) and each.content:
                version = re.search(rb'#define PY_VERSION\s+"([0-9.]+\w*)', each.content)
                if version:
                    return version[1].decode()
        found = [
            match[0]
            for package in self.packages()
            if re.fullmatch(r"(lib)?python3(\.\d+)?(-minimal)?", package.name)
            and (match := re.match(r"3\.\d+\.\d+", package.version))
        ]
        names = [match[1] for path in self.found if (match := _INTERPRETER.search(path))]
        return max(found or names, default=None, key=_numbers)

    def base(self, layers: int) -> Base:
        """What the first so many layers brought, as far as it is still there."""
        return Base(
            self.system(),
            self.python(),
            tuple(each for each in self.packages() if each.layer < layers),
            tuple(each for each in self.distributions() if each.layer < layers),
        )


def read_inventory(image: Image, report: Report = ignore, *, check: bool = False) -> Inventory:
    """Walk through all layers of an image.

    Args:
        image: of any maker.
        report: told how far it is.
        check: compare the unpacked layers with the configuration, too.

    Raises:
        InvalidInput: the image is damaged, or asks for more than a real one does.
        NotFound: a layer is gone.
    """
    found: dict[str, Found] = {}
    layers = []
    budget, links = Budget(), Links()
    total = sum(layer.size for layer in image.layers)
    for number, layer in enumerate(image.layers):
        done = sum(each.size for each in image.layers[:number])
        report(Progress("bytes", "Reading layers", None, done, total))
        facts = LayerFacts(layer.digest, layer.size)
        diff_id = image.diff_ids[number] if check and number < len(image.diff_ids) else None
        _read_layer(files_of(image, layer, budget, diff_id), number, facts, found, budget, links)
        layers.append(facts)
    report(Progress("bytes", "Reading layers", None, total, total))
    settings = image.settings.get("config") or {}
    pairs = (str(each).partition("=") for each in settings.get("Env") or ())
    return Inventory(tuple(layers), found, {name: value for name, _, value in pairs})


def _read_layer(
    entries: Iterator[LayerFile],
    number: int,
    facts: LayerFacts,
    found: dict[str, Found],
    budget: Budget,
    links: Links,
) -> None:
    """Add a layer to what was found below it."""
    above = _ancestors(found)
    here: dict[str, Found] = {}
    hidden: set[str] = set()  # paths of the layers below, with all that is under them
    emptied: set[str] = set()  # folders whose content in the layers below is gone
    taken: set[str] = set()  # whiteouts
    for entry in entries:
        if links.lands(entry.path) != entry.path and len(facts.astray) < _FEW:
            facts.astray += _astray(links.lands(entry.path), entry)
        if entry.kind == "symlink":
            links.add(entry.path, entry.target)
        if entry.kind == "opaque":
            emptied.add(entry.path)
            continue
        if entry.kind == "whiteout":
            hidden.add(entry.path)
            taken.add(entry.path)
            continue
        if entry.path in found or (entry.kind != "folder" and entry.path in above):
            replaced = entry.kind != "folder" or found[entry.path].kind != "folder"
            if replaced:
                hidden.add(entry.path)
        _weigh(entry, facts)
        if is_of_interest(entry.path):
            here[entry.path] = _keep(entry, number, budget)
            if len(here) + len(found) > _MOST_FOUND:
                raise InvalidInput(
                    f"The image has more than {_MOST_FOUND:,} files of Python packages and of the "
                    "model; it is not read further."
                )
    for path, each in here.items() if taken else ():
        if path.startswith(MODEL) and _is_hidden(path, taken, set()):
            each.kind = "whiteout"  # here and gone at once: engines differ in what comes of it
    for path in (_DPKG, *_APK):
        if path in here and path in found:
            here[path].below = found[path]
    if hidden or emptied:
        for path in [path for path in found if _is_hidden(path, hidden, emptied)]:
            if found[path].kind != "folder":
                facts.hides.append(path)
            del found[path]
    found.update(here)


def base_of(image: Image, cache: Cache, report: Report = ignore) -> Base:
    """What an image brings that others are built on; read once, then remembered by its digest.

    Raises:
        InvalidInput: the image is damaged, or asks for more than a real one does.
        NotFound: a layer is gone.
    """
    key = image.config_descriptor.digest  # an engine's copy has the same one as the registry's
    known = cache.recall(_BASE, key)
    if known is not None:
        return Base.from_dict(known)
    base = read_inventory(image, report, check=True).base(len(image.layers))
    cache.remember(_BASE, key, base.to_dict())
    return base


def is_of_interest(path: str) -> bool:
    """Whether a file tells something about the image, or belongs to the model or a distribution."""
    return (
        path.startswith((f"{MODEL}/", f"{RUNTIME}/", _DPKG_PARTS))
        or path in (_KEPT | {MODEL})
        or MODEL.startswith(f"{path}/")
        or bool(_SITE.search(path) or _HEADER.search(path) or _INTERPRETER.search(path))
    )


def _packages(path: str, found: Found) -> Iterator[Package]:
    """In a database; those that it has from the one that it replaced came with that one's layer."""
    brought: dict[tuple[str, str, str], int] = {}
    for each in (*_chain(found.below), found):
        last = list(_read_packages(path, each))
        for package in last:
            key = (package.name, package.version, package.architecture)
            brought.setdefault(key, each.layer)
    for package in last:
        key = (package.name, package.version, package.architecture)
        yield replace(package, layer=brought[key])


def _chain(found: Found | None) -> list[Found]:
    """A database and all that it replaced, the oldest first."""
    chain = []
    while found is not None:
        chain.append(found)
        found = found.below
    return chain[::-1]


def _read_packages(path: str, found: Found) -> Iterator[Package]:
    if found.content is None:
        return
    if path == _DPKG or (path.startswith(_DPKG_PARTS) and not path.endswith(".md5sums")):
        yield from read_dpkg(found.content)
    elif path in _APK:
        yield from read_apk(found.content)


def _keep(entry: LayerFile, number: int, budget: Budget) -> Found:
    made = Found(entry.kind, entry.size, number, entry.target)
    if entry.kind != "file":
        return made
    path = entry.path
    if path.startswith(f"{MODEL}/"):
        if path.removeprefix(f"{MODEL}/") in _KEPT_OF_MODEL and entry.size <= _LARGEST_OF_MODEL:
            budget.keep(entry.size)
            made.content = entry.read(_LARGEST_OF_MODEL)
            made.checksum = sha256(made.content)
        else:
            made.checksum = entry.checksum()
    elif (
        path in _KEPT
        or path.startswith(_DPKG_PARTS)
        or _METADATA.search(path)
        or _HEADER.search(path)
    ):
        budget.keep(entry.size)
        made.content = entry.read(_LARGEST)
    return made


def _astray(lands: str, entry: LayerFile) -> Iterator[str]:
    """An entry that is one of the model's, or takes its folder's place, where it lands."""
    above = entry.kind != "folder" and MODEL.startswith(f"{lands}/")
    if above or lands == MODEL or lands.startswith(f"{MODEL}/"):
        yield entry.path


def _weigh(entry: LayerFile, facts: LayerFacts) -> None:
    if entry.kind == "folder":
        return
    facts.files += 1
    facts.size += entry.size
    depth = 3 if entry.path.startswith("opt/") else 2
    folder = "/".join(entry.path.split("/")[:-1][:depth])
    facts.folders[folder] = facts.folders.get(folder, 0) + entry.size
    for place in (MODEL, RUNTIME, "opt/mlpack", "opt/venv", "var/lib/dpkg"):
        if entry.path.startswith(f"{place}/"):
            facts.places[place] = facts.places.get(place, 0) + max(entry.size, 1)
            break


def _ancestors(paths: Mapping[str, Found]) -> set[str]:
    above: set[str] = set()
    for path in paths:
        while (path := posixpath.dirname(path)) and path not in above:
            above.add(path)
    return above


def _is_hidden(path: str, hidden: set[str], emptied: set[str]) -> bool:
    if path in hidden:
        return True
    while path:
        path = posixpath.dirname(path)
        if path in hidden or path in emptied:
            return True
    return False


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
