"""What an image holds, what each layer weighs, and why each dependency is there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from typing import Any

from ...errors import NotFound
from ..base import Report, ignore
from ..oci.image import Image
from .contents import Distribution, marker_environment, normalized, requirement_names
from .graph import Graph
from .inventory import LOCK, REQUIREMENTS, SBOM, Inventory, read_inventory
from .parts import history_of, parts_of
from .sbom import RUNTIME

OF_MODEL = "requirements.txt of the model"
OF_RUNTIME = "the scoring runtime"
OF_MLFLOW = "added: mlflow would have brought it"
OF_BASE = "the base image"
ALONE = "installed for itself"
_NAMED = 4  # distributions, files and folders that a layer's line names
_CHAINS = 20


@dataclass(frozen=True)
class ExplainedLayer:
    """One layer.

    Attributes:
        part: of the image; '' in an image that we did not make.
        content: what it holds, in a few words.
        files: how many.
        size: bytes of them.
        stored: bytes as it is stored.
        digest: as it is stored.
        made_by: what the image's history says.
    """

    part: str
    content: str
    files: int
    size: int
    stored: int
    digest: str
    made_by: str


@dataclass(frozen=True)
class ExplainedDistribution:
    """One Python distribution.

    Attributes:
        name: of it.
        version: of it.
        size: bytes of its files, bytecode included.
        layer: number of its layer, the lowest is 1.
        license: as it says.
        why: chains from it to who asked for it, the shortest first.
    """

    name: str
    version: str
    size: int
    layer: int
    license: str | None
    why: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Explanation:
    """What is known of an image.

    Attributes:
        name: as it was asked for.
        digest: of its manifest.
        platform: such as ``linux/amd64``.
        size: bytes of the files of all layers.
        stored: bytes of all layers as they are stored.
        created: when, as it says.
        system: its operating system.
        packages: how many of the system's it has.
        python: the version.
        user: who it runs as; '' is root.
        command: what it starts.
        ports: that it listens on.
        labels: of its configuration.
        layers: from the base up.
        distributions: the largest first.
        model: size of each of the model's files.
    """

    name: str
    digest: str
    platform: str
    size: int
    stored: int
    created: str | None
    system: str | None
    packages: int
    python: str | None
    user: str
    command: tuple[str, ...]
    ports: tuple[str, ...]
    labels: Mapping[str, str]
    layers: tuple[ExplainedLayer, ...]
    distributions: tuple[ExplainedDistribution, ...]
    model: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)

    def find(self, name: str) -> ExplainedDistribution:
        """One distribution.

        Raises:
            NotFound: the image does not have it.
        """
        by_name = {normalized(each.name): each for each in self.distributions}
        key = normalized(name)
        if key not in by_name:
            near = difflib.get_close_matches(key, by_name, 1)
            hint = f" Did you mean {by_name[near[0]].name}?" if near else ""
            raise NotFound(f"{self.name} has no Python distribution {name!r}.{hint}")
        return by_name[key]


def explain(image: Image, name: str, report: Report = ignore) -> Explanation:
    """Read an image, of any maker.

    Args:
        image: of one platform.
        name: what it is called in what is said.
        report: told how far it is.

    Raises:
        InvalidInput: the image is damaged, or asks for more than a real one does.
        NotFound: a layer is gone.
    """
    inventory = read_inventory(image, report)
    parts = parts_of(image, inventory)
    distributions = inventory.distributions()
    settings = image.settings.get("config") or {}
    system = inventory.system()
    packages = inventory.packages()
    return Explanation(
        name=name,
        digest=image.descriptor.digest,
        platform=str(image.platform),
        size=sum(layer.size for layer in inventory.layers),
        stored=sum(layer.stored for layer in inventory.layers),
        created=image.settings.get("created"),
        system=system.title if system else None,
        packages=len(packages),
        python=inventory.python(),
        user=str(settings.get("User") or ""),
        command=(*(settings.get("Entrypoint") or ()), *(settings.get("Cmd") or ())),
        ports=tuple(settings.get("ExposedPorts") or ()),
        labels=image.labels,
        layers=tuple(_layers(image, inventory, parts, distributions)),
        distributions=tuple(_distributions(image, inventory, parts, distributions)),
        model={path: each.size for path, each in sorted(inventory.model_files.items())},
    )


def _layers(
    image: Image,
    inventory: Inventory,
    parts: Sequence[str],
    distributions: Sequence[Distribution],
) -> list[ExplainedLayer]:
    made_by = [_step(each.get("created_by")) for each in history_of(image)]
    explained = []
    for number, layer in enumerate(inventory.layers):
        inside = [f"{each.name} {each.version}" for each in distributions if each.layer == number]
        content = _content(inventory, number, parts[number], inside)
        explained.append(
            ExplainedLayer(
                parts[number],
                content,
                layer.files,
                layer.size,
                layer.stored,
                layer.digest,
                made_by[number],
            )
        )
    return explained


def _content(inventory: Inventory, number: int, part: str, inside: list[str]) -> str:
    """The most telling of what a layer holds."""
    told = []
    system = inventory.system()
    if part == "model":
        files = {p: f for p, f in inventory.model_files.items() if f.layer == number}
        told = [_listed(sorted(files, key=lambda path: -files[path].size))] if files else []
    elif part == "system":
        told = [_listed([p.name for p in inventory.packages() if p.layer == number])]
    elif part in ("dependencies", "runtime"):
        told = [_listed(inside)] if inside else []
    elif system and "etc/os-release" in inventory.found:
        packages = sum(each.layer == number for each in inventory.packages())
        holds_it = packages or inventory.found["etc/os-release"].layer == number
        told = [system.title, *([f"{packages} packages"] if packages else [])] if holds_it else []
    if not told and inside:
        told = [_listed(inside)]
    for path, what in ((LOCK, "the lock"), (SBOM, "the bill of materials")):
        file = inventory.found.get(path)
        if file is not None and file.layer == number:
            told.append(what)
    folders = inventory.layers[number].folders
    largest = sorted((folder for folder in folders if folder), key=lambda each: -folders[each])
    return ", ".join(told) or _listed([f"/{folder}" for folder in largest]) or "no files"


def _distributions(
    image: Image,
    inventory: Inventory,
    parts: Sequence[str],
    distributions: Sequence[Distribution],
) -> list[ExplainedDistribution]:
    graph = graph_of(image, inventory, parts, distributions)
    return [
        ExplainedDistribution(
            each.name,
            each.version,
            each.size,
            each.layer + 1,
            each.license,
            ((OF_RUNTIME,),) if each.key == RUNTIME else tuple(graph.chains(each.key, _CHAINS)),
        )
        for each in distributions
    ]


def graph_of(
    image: Image,
    inventory: Inventory,
    parts: Sequence[str],
    distributions: Sequence[Distribution],
) -> Graph:
    """Who needs whom; whatever nobody asked for is asked for by the base, or by nobody."""
    environment = marker_environment(inventory.python(), image.platform)
    others = [each for each in distributions if each.key != RUNTIME]
    runtime = [each for each in distributions if each.key == RUNTIME]
    asked = requirements_of(inventory)
    added = _added(inventory, asked, {each.key for each in others})
    roots: dict[str, Sequence[str]] = {
        OF_MODEL: [line for line in asked if line not in added],
        OF_RUNTIME: runtime[0].requires if runtime else (),
        OF_MLFLOW: added,
    }
    graph = Graph(others, environment, roots)
    left = [each for each in others if each.key not in graph.reached()]
    if not left:
        return graph
    needed = {name for each in left for name in graph.needs[each.key] if name != each.key}
    tops = [each for each in left if each.key not in needed] or left
    in_base = [each.name for each in tops if parts[each.layer] == "base"]
    alone = [each.name for each in tops if parts[each.layer] != "base"]
    return Graph(others, environment, {**roots, OF_BASE: in_base, ALONE: alone})


def _added(inventory: Inventory, asked: Sequence[str], installed: Set[str]) -> list[str]:
    """What was installed in place of mlflow, as `requirements.read_requirements` does."""
    own = requirement_names(_lines(_of_model(inventory)))
    named = requirement_names(asked)
    dropped = "mlflow" in own and "mlflow" not in installed and "pandas" not in own
    # an engine's build notes it as a line of its own, the last; without an engine nothing does
    noted = "pandas" not in named or asked[-1] == "pandas"
    return ["pandas"] if dropped and noted and "pandas" in installed else []


def requirements_of(inventory: Inventory) -> list[str]:
    """The lines that the model's dependencies were asked for with."""
    text = inventory.text(REQUIREMENTS)
    return _lines(_of_model(inventory) if text is None else text)


def _of_model(inventory: Inventory) -> str:
    found = inventory.model_files.get("requirements.txt")
    return found.content.decode(errors="replace") if found and found.content else ""


def _lines(text: str) -> list[str]:
    lines = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _step(created_by: object) -> str:
    """A step of a Dockerfile without what engines put round it."""
    text = re.sub(r"^/bin/sh -c (#\(nop\)\s*)?", "", str(created_by or ""))
    return " ".join(text.removesuffix("# buildkit").split())
