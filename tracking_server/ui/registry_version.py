"""One version of a registered model, and its lineage."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from flask import Blueprint, redirect, render_template
from werkzeug.wrappers import Response

from ...errors import InvalidInput, MlpackError
from ...registry import names
from ...registry.entities import ModelVersion, RegisteredModel
from ...registry.lineage import Lineage, lineage_of
from ...tracking.filters import quoted
from ..service import Service
from .deployed import moment_of
from .lineage_graph import Graph, drawn
from .lineage_nodes import deployments_like, nodes_of
from .model_commands import server_address
from .part import asked
from .registry_model import STAGES, changeable, use_of
from .registry_subject import readme_of, subject_of
from .words import address, segment

_RECENT = 8
_MOST_VERSIONS = 100  # of one logged model, in a graph
_MOST_NAMES = 20  # of models that a run read
_OURS = ("mlpack.image.", "mlpack.deployment.")  # tags that are shown as what they mean


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``/registry/<name>/<version>``, its lineage, and what its files say."""

    @pages.get("/registry/<name>/<int:number>")
    def model_version(name: str, number: int) -> str:
        model, version, here = _found(service, name, number)
        whole = lineage_of(subject_of(service, version, with_files=False))
        files = service.registry.get_files(name, number)
        return render_template(
            "registry_version.html",
            room="models",
            model=model,
            version=version,
            here=here,
            whole=whole,
            files=len(files),
            graph=_graph(service, whole, version, here, is_whole=False),
            stages=STAGES,
            newest={each.current_stage: each.version for each in model.latest_versions},
            images=[_dated(use) for use in whole.images],
            deployments=[_dated(use) for use in whole.deployments],
            deployments_like=deployments_like,
            other=_other(service, version),
            tags={key: v for key, v in version.tags.items() if not key.startswith(_OURS)},
            history=service.registry.get_history(name, number, _RECENT),
            changeable=changeable(version.tags),
            use=use_of(version.model_uri, server_address(service)),
        )

    @pages.get("/registry/<name>/@<alias>")
    def version_by_alias(name: str, alias: str) -> Response:
        """Leads to the version that it points at now."""
        found = service.registry.get_version_by_alias(name, alias)
        return redirect(f"/registry/{segment(name)}/{found.version}")

    @pages.get("/registry/<name>/<int:number>/lineage")
    def version_lineage(name: str, number: int) -> str:
        _, version, here = _found(service, name, number)
        whole = lineage_of(subject_of(service, version, with_files=True))
        is_whole = asked("all") == "1"
        return render_template(
            "lineage.html",
            room="models",
            version=version,
            here=here,
            whole=whole,
            is_whole=is_whole,
            graph=_graph(service, whole, version, here, is_whole),
        )

    @data.get("/registry/readme")
    def version_readme() -> str:
        """What a page asks for after it is drawn, because files may be far away."""
        version = service.registry.get_model_version(asked("name"), names.version(asked("version")))
        try:
            text, problem = readme_of(service, version), None
        except MlpackError as error:
            text, problem = None, error.message
        return render_template("registry_readme.html", text=text, problem=problem)


def _found(service: Service, name: str, number: int) -> tuple[RegisteredModel, ModelVersion, str]:
    version = service.registry.get_model_version(name, names.version(number))
    model = service.registry.get_registered_model(name)
    return model, version, f"/registry/{segment(name)}/{number}"


def _other(service: Service, version: ModelVersion) -> int | None:
    """The version to compare with: the newest, or the one before it."""
    newest = service.registry.list_versions(version.name, None, 2)
    return next((each.version for each in newest if each.version != version.version), None)


def _dated(use: dict[str, Any]) -> dict[str, Any]:
    """A use with its time in milliseconds."""
    return {**use, "moment": moment_of(use.get("when"))}


def _names(service: Service, model_ids: Sequence[str]) -> dict[str, str]:
    """What models are called; the first of many, without those that are gone."""
    found = {}
    for model_id in model_ids[:_MOST_NAMES]:
        with suppress(MlpackError):
            found[model_id] = service.store.get_logged_model(model_id).name
    return found


def _graph(
    service: Service, whole: Lineage, version: ModelVersion, here: str, is_whole: bool
) -> Graph:
    versions = [version]
    if whole.model_id:
        try:
            text = f"model_id = {quoted(whole.model_id)}"
            found = service.registry.search_model_versions(text, _MOST_VERSIONS)
            same = (version.name, version.version)
            versions += [each for each in found if (each.name, each.version) != same]
        except InvalidInput:  # an id of somebody else's that no filter holds
            pass
        versions.sort(key=lambda each: (each.name, each.version))
    nodes, edges = nodes_of(whole, versions, here, _names(service, whole.inputs))
    return drawn(nodes, edges, is_whole, address(f"{here}/lineage", all="1"))
