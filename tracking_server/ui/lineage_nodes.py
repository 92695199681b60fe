"""What is in the graph of a lineage: datasets, input models, run, model, versions, uses. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .secrets_in_addresses import redacted
from .words import address, runs_where, segment

if TYPE_CHECKING:
    from ...registry.entities import ModelVersion
    from ...registry.lineage import Lineage

COLUMNS = {
    "inputs": "Read",
    "run": "Run",
    "model": "Logged model",
    "versions": "Versions",
    "images": "Images",
    "deployments": "Deployments",
}
_MOST_WORDS = 200  # characters of a search for deployments
_OVER = frozenset({"deleted", "replaced"})  # states of a deployment that runs no more


@dataclass(frozen=True, slots=True)
class Node:
    """One box.

    Attributes:
        key: unlike any other's.
        column: one of `COLUMNS`.
        title: what it is called.
        lines: what else is said of it.
        href: where it leads; an address of ours, or empty.
        gone: what has become of it, where it is there no more.
        is_here: the page is about it.
    """

    key: str
    column: str
    title: str
    lines: tuple[str, ...] = ()
    href: str = ""
    gone: str = ""
    is_here: bool = False

    @property
    def is_fold(self) -> bool:
        """It stands for others."""
        return self.key.startswith("more ")


@dataclass(frozen=True, slots=True)
class Edge:
    """From one node to another, by their keys."""

    start: str
    end: str


def nodes_of(
    whole: Lineage, versions: Sequence[ModelVersion], here: str, names: Mapping[str, str]
) -> tuple[list[Node], list[Edge]]:
    """The boxes and lines of a lineage.

    Args:
        whole: of a version.
        versions: all of the same logged model, the version itself among them.
        here: the address of the version's page.
        names: of models that were read, by their ids, so far as they are known.
    """
    inputs = [*_datasets(whole), *_input_models(whole, names)]
    run, model = _run(whole), _model(whole)
    registered = [_version(each, whole.version) for each in versions]
    before = model or run or inputs
    edges = [
        *_all(inputs, run or model or registered),
        *_all(run, model or registered),
        *_all(before, registered),
    ]
    running = {str(use.get("image")) for use in whole.deployments}
    images = [_image(position, use, here, running) for position, use in enumerate(whole.images)]
    places = {
        each.model_uri.removeprefix("models:/"): node
        for each, node in zip(versions, registered, strict=True)
    }
    origin = [node for node in registered if node.is_here] or registered or before
    built: dict[str, Node] = {}
    for node, use in zip(images, whole.images, strict=True):
        built.setdefault(str(use.get("reference")), node)
        edges += _all(_of(use, places, origin), [node])
    deployed = [_deployment(position, use) for position, use in enumerate(whole.deployments)]
    for node, use in zip(deployed, whole.deployments, strict=True):
        image = built.get(str(use.get("image")))
        edges += _all([image] if image else _of(use, places, origin), [node])
    nodes = [*inputs, *run, *model, *registered, *images, *deployed]
    return nodes, list(dict.fromkeys(edges))


def _all(starts: Sequence[Node], ends: Sequence[Node]) -> list[Edge]:
    return [Edge(start.key, end.key) for start in starts for end in ends]


def _of(use: Mapping[str, Any], places: Mapping[str, Node], origin: Sequence[Node]) -> list[Node]:
    """The version that a use says it is of."""
    found = places.get(str(use.get("of", "")))
    return [found] if found else list(origin)


def _datasets(whole: Lineage) -> list[Node]:
    experiment = whole.experiment.experiment_id if whole.experiment else None
    found = []
    for position, read in enumerate(whole.datasets):
        told = " · ".join(filter(None, (read.context, f"digest {read.digest}")))
        same = {"datasets.name": read.name, "datasets.digest": read.digest}
        href = (runs_where(experiment, same) if experiment is not None else None) or ""
        found.append(
            Node(f"dataset {position}", "inputs", read.name, (told, redacted(read.source)), href)
        )
    return found


def _input_models(whole: Lineage, names: Mapping[str, str]) -> list[Node]:
    found = []
    for model_id in dict.fromkeys(whole.inputs):
        name, page = names.get(model_id, ""), _model_page(model_id)
        lines = tuple(filter(None, ("model that was read", name and _short(model_id))))
        found.append(Node(f"input {model_id}", "inputs", name or model_id, lines, page))
    return found


def _run(whole: Lineage) -> list[Node]:
    if whole.run_id is None:
        return []
    gone = whole.gone.get("run", "")
    if whole.run is None:
        return [Node("run", "run", _short(whole.run_id), ("gone",), gone=gone or "gone")]
    info, code = whole.run.info, whole.code
    lines = []
    if whole.experiment:
        state = " (deleted)" if "experiment" in whole.gone else ""
        lines.append(f"in {whole.experiment.name}{state}")
    if code.commit:
        dirty = " + changes" if code.dirty else ""
        lines.append(f"commit {_short_commit(code.commit)}{dirty}")
    elif code.name:
        lines.append(code.name)
    lines = ["deleted", *lines] if gone else lines
    title = info.run_name or info.run_id
    return [Node("run", "run", title, tuple(lines), f"/runs/{segment(info.run_id)}", gone)]


def _short_commit(commit: str) -> str:
    return commit[:8] if re.fullmatch(r"[0-9a-f]{12,}", commit) else commit


def _short(identifier: str) -> str:
    """The beginning of a digest or an id, by which people tell them apart."""
    return identifier if len(identifier) <= 24 else f"{identifier[:19]}…"


def _model(whole: Lineage) -> list[Node]:
    if whole.model_id is None:
        return []
    gone = whole.gone.get("model", "")
    if whole.model is None:
        return [Node("model", "model", _short(whole.model_id), ("gone",), gone=gone or "gone")]
    kind = whole.model.model_type or str(whole.model.status).lower()
    kind = "files gone or changed" if "files" in whole.gone else kind
    lines = (kind, _short(whole.model.model_id))
    page = _model_page(whole.model.model_id)
    return [Node("model", "model", whole.model.name, lines, page, whole.gone.get("files", ""))]


def _model_page(model_id: str) -> str:
    return f"/models/{segment(model_id)}"


def _version(version: ModelVersion, current: ModelVersion | None) -> Node:
    key = f"{version.name}/{version.version}"
    stage = "" if version.current_stage == "None" else str(version.current_stage)
    aliases = " ".join(f"@{alias}" for alias in version.aliases)
    lines = tuple(filter(None, (stage, aliases))) or ("no stage, no alias",)
    is_here = current is not None and key == f"{current.name}/{current.version}"
    page = f"/registry/{segment(version.name)}/{version.version}"
    return Node(f"version {key}", "versions", key, lines, page, is_here=is_here)


def _image(position: int, use: Mapping[str, Any], here: str, running: Collection[str]) -> Node:
    lines = [_short(str(use[key])) for key in ("digest", "builder") if use.get(key)]
    title = redacted(str(use.get("reference") or "an image"))
    page = deployments_like(title) if title in running else f"{here}#images"
    return Node(f"image {position}", "images", title, tuple(lines), page)


def deployments_like(*words: str) -> str:
    """The address of the deployments that hold these words; also of those that are over."""
    return address("/deployments", words=" ".join(words)[:_MOST_WORDS], all="1")


def _deployment(position: int, use: Mapping[str, Any]) -> Node:
    target, state = str(use.get("target") or ""), str(use.get("status") or use.get("state") or "")
    over = str(use.get("state")) if use.get("state") in _OVER else ""
    lines = tuple(filter(None, (target and f"on {target}", state)))
    title = str(use.get("name") or "a deployment")
    page = deployments_like(str(use.get("name") or ""), target)
    return Node(f"deployment {position}", "deployments", title, lines, page, over)
