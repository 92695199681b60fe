"""A registry behind a server: ours, or MLflow's of any generation.

What MLflow's servers do not know is asked for all the same: they overlook fields, and where a whole
call is unknown to them, the answer is what can be known without it. So nothing here asks whose
server it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from ...errors import Conflict, InvalidInput, InvalidState, MlpackError, NotFound
from ...http_client import client_for
from ...tracking.entities import PagedList
from ...tracking.rest.wire import pairs_to_json
from ...uris import LoggedModelUri, RegisteredModelUri, RunUri, Uri, parse
from ..entities import DIGEST_TAG, By, ModelVersion, RegisteredModel, Stage
from . import wire

_API = "/api/2.0/mlflow/"
_ACTIVE = (Stage.STAGING, Stage.PRODUCTION)
_MOST_MODELS, _MOST_VERSIONS = 1000, 200_000  # a page, as servers have it
_RUNS = 100  # that one search of a server of MLflow's names


class RestRegistry:
    """A `RegistryStore` behind a server.

    Calls that say the same again when repeated are repeated when the connection breaks; those that
    make something, or depend on what is there, only if they cannot have arrived.

    MLflow's servers compare nothing: there, what is ``expected`` is looked at just before the
    change, and so are the stages of what is deleted. They keep no history and no checksums.

    Args:
        uri: ``http(s)://host[:port][/prefix]``.
    """

    def __init__(self, uri: str) -> None:
        self.http = client_for(uri)
        self._uri = uri

    @property
    def uri(self) -> str:
        return self._uri

    # --- registered models ---

    def create_registered_model(
        self, name: str, tags: Mapping[str, str], description: str, by: By
    ) -> RegisteredModel:
        body = {"name": name, "tags": pairs_to_json(tags), "description": description}
        return _model(self._change("POST", "registered-models/create", body, by, repeat=False))

    def get_registered_model(self, name: str) -> RegisteredModel:
        return _model(self._get("registered-models/get", name=name))

    def search_registered_models(
        self,
        filter_string: str = "",
        max_results: int = 100,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        answer = self._get(
            "registered-models/search",
            filter=filter_string or None,
            max_results=_at_most(max_results, _MOST_MODELS),
            order_by=list(order_by),
            page_token=page_token,
        )
        return _page(answer, "registered_models", wire.registered_model_from_json)

    def rename_registered_model(self, name: str, new_name: str, by: By) -> RegisteredModel:
        body = {"name": name, "new_name": new_name}
        return _model(self._change("POST", "registered-models/rename", body, by, repeat=False))

    def update_registered_model(self, name: str, description: str, by: By) -> RegisteredModel:
        body = {"name": name, "description": description}
        return _model(self._change("PATCH", "registered-models/update", body, by))

    def delete_registered_model(self, name: str, by: By) -> None:
        for version in self.get_registered_model(name).latest_versions:
            _refuse_active(version)
        self._change("DELETE", "registered-models/delete", {"name": name}, by, repeat=False)

    def set_registered_model_tag(self, name: str, key: str, value: str, by: By) -> None:
        body = {"name": name, "key": key, "value": value}
        self._change("POST", "registered-models/set-tag", body, by)

    def delete_registered_model_tag(self, name: str, key: str, by: By) -> None:
        body = {"name": name, "key": key}
        self._change("DELETE", "registered-models/delete-tag", body, by)

    # --- versions ---

    def create_model_version(
        self,
        name: str,
        source: str,
        *,
        location: str | None = None,
        run_id: str | None = None,
        run_link: str | None = None,
        model_id: str | None = None,
        tags: Mapping[str, str],
        description: str,
        files: Mapping[str, str] | None = None,
        by: By,
        make_name: bool = False,
    ) -> ModelVersion:
        """The server finds out itself where the files are; ``location`` is not sent."""
        from ...flavors.integrity import digest

        offered = {DIGEST_TAG: digest(files)} if files else {}
        # servers want to be told what an address says already, and nothing beside a run's
        parsed = _parsed(source)
        if isinstance(parsed, RunUri):
            run_id, model_id = parsed.run_id, None
        elif isinstance(parsed, LoggedModelUri):
            model_id = parsed.model_id
        elif isinstance(parsed, RegisteredModelUri):  # a copy: as they know the original
            run_id, model_id = None, None
        body = {
            "name": name,
            "source": source,
            "run_id": run_id,
            "run_link": run_link,
            "model_id": model_id,
            "tags": pairs_to_json({**tags, **offered}),
            "description": description,
            "files": pairs_to_json(files) if files else None,
            "make_name": make_name or None,
        }
        try:
            return self._create_version(body, by)
        except MlpackError as error:
            missing = error.http_status in (404, 500)  # of the second generation, 500
            if not make_name or not missing or self._is_there(name):
                raise
        # a server that makes no names by the way
        self.create_registered_model(name, {}, "", by)
        try:
            return self._create_version(body, by)
        except BaseException:
            with suppress(MlpackError):
                if not self.get_latest_versions(name):
                    self.delete_registered_model(name, by)
            raise

    def _create_version(self, body: wire.Json, by: By) -> ModelVersion:
        return _version(self._change("POST", "model-versions/create", body, by, repeat=False))

    def _is_there(self, name: str) -> bool:
        try:
            self.get_registered_model(name)
        except NotFound:
            return False
        return True

    def get_model_version(self, name: str, version: int) -> ModelVersion:
        found = self._get("model-versions/get", name=name, version=str(version))
        return self._located(_version(found))

    def get_download_uri(self, name: str, version: int) -> str:
        asked = {"name": name, "version": str(version)}
        answer = self._get("model-versions/get-download-uri", **asked)
        return str(answer.get("artifact_uri", ""))

    def get_files(self, name: str, version: int) -> dict[str, str]:
        try:
            answer = self._get("model-versions/files", name=name, version=str(version))
        except MlpackError as error:
            if not _is_unknown(error):
                raise
            return {}
        return {item["key"]: item["value"] for item in answer.get("files", ())}

    def search_model_versions(
        self,
        filter_string: str = "",
        max_results: int = 10_000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        answer = self._get(
            "model-versions/search",
            filter=filter_string or None,
            max_results=_at_most(max_results, _MOST_VERSIONS),
            order_by=list(order_by),
            page_token=page_token,
        )
        return _page(answer, "model_versions", wire.version_from_json)

    def get_latest_versions(self, name: str, stages: Sequence[str] = ()) -> list[ModelVersion]:
        answer = self._get("registered-models/get-latest-versions", name=name, stages=list(stages))
        return [wire.version_from_json(item) for item in answer.get("model_versions", ())]

    def get_latest_version(self, name: str) -> ModelVersion:
        newest = max(self.get_latest_versions(name), key=lambda one: one.version, default=None)
        if newest is None:
            raise NotFound(f"The registered model {name!r} has no versions.")
        return self._located(newest)

    def update_model_version(
        self, name: str, version: int, description: str, by: By
    ) -> ModelVersion:
        body = {"name": name, "version": str(version), "description": description}
        return _version(self._change("PATCH", "model-versions/update", body, by))

    def transition_stage(
        self,
        name: str,
        version: int,
        stage: str,
        archive_existing: bool,
        by: By,
        expected: int | None = None,
    ) -> ModelVersion:
        if expected is not None:
            there = max((one.version for one in self.get_latest_versions(name, [stage])), default=0)
            _compare(there, (expected, version), f"In {stage} of {name!r} is")
        body = {
            "name": name,
            "version": str(version),
            "stage": str(stage),
            "archive_existing_versions": archive_existing,
            "expected": expected,
        }
        path = "model-versions/transition-stage"
        return _version(self._change("POST", path, body, by))

    def delete_model_version(self, name: str, version: int, by: By) -> None:
        _refuse_active(self.get_model_version(name, version))
        body = {"name": name, "version": str(version)}
        self._change("DELETE", "model-versions/delete", body, by, repeat=False)

    def set_model_version_tag(self, name: str, version: int, key: str, value: str, by: By) -> None:
        body = {"name": name, "version": str(version), "key": key, "value": value}
        self._change("POST", "model-versions/set-tag", body, by)

    def delete_model_version_tag(self, name: str, version: int, key: str, by: By) -> None:
        body = {"name": name, "version": str(version), "key": key}
        self._change("DELETE", "model-versions/delete-tag", body, by)

    # --- aliases ---

    def set_alias(
        self, name: str, alias: str, version: int, by: By, expected: int | None = None
    ) -> None:
        if expected is not None:
            there = self.get_registered_model(name).aliases.get(alias, 0)
            _compare(there, (expected, version), f"The alias {alias!r} of {name!r} points at")
        body = {"name": name, "alias": alias, "version": str(version), "expected": expected}
        self._change("POST", "registered-models/alias", body, by)

    def delete_alias(self, name: str, alias: str, by: By) -> None:
        body = {"name": name, "alias": alias}
        self._change("DELETE", "registered-models/alias", body, by, repeat=False)

    def get_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        try:
            found = self._get("registered-models/alias", name=name, alias=alias)
        except InvalidInput as error:  # that is how MLflow's servers say it
            raise NotFound(error.message) from None
        return self._located(_version(found))

    # --- what happened ---

    def get_history(
        self,
        name: str,
        version: int | None = None,
        max_results: int = 1000,
        page_token: str | None = None,
    ) -> PagedList:
        try:
            answer = self._get(
                "registered-models/history",
                name=name,
                version=None if version is None else str(version),
                max_results=max_results,
                page_token=page_token,
            )
        except MlpackError as error:
            if not _is_unknown(error):
                raise
            raise NotFound(
                f"{self.http.base_url} keeps no history of its models; `mlpack server` does."
            ) from None
        return _page(answer, "entries", wire.entry_from_json)

    # --- the way back ---

    def versions_of_runs(self, run_ids: Sequence[str]) -> list[ModelVersion]:
        try:
            body = {"run_ids": list(run_ids)}
            answer = self.http.json("POST", f"{_API}model-versions/of-runs", body=body, repeat=True)
        except MlpackError as error:
            if not _is_unknown(error):
                raise
            safe = [run_id for run_id in run_ids if run_id.isalnum()]  # to stand in a filter
            parts = (safe[i : i + _RUNS] for i in range(0, len(safe), _RUNS))
            return [version for part in parts for version in self._versions_of_few(part)]
        return [wire.version_from_json(item) for item in answer.get("model_versions", ())]

    def _versions_of_few(self, run_ids: Sequence[str]) -> list[ModelVersion]:
        listed = ", ".join(f"'{run_id}'" for run_id in run_ids)
        found: list[ModelVersion] = []
        token = None
        while True:
            page = self.search_model_versions(f"run_id IN ({listed})", page_token=token)
            found += page
            if (token := page.token) is None:
                # servers of the first generation overlook the filter
                return [version for version in found if version.run_id in run_ids]

    def _located(self, version: ModelVersion) -> ModelVersion:
        """A copy says which version it is of, and that may be gone: the server knows more."""
        if version.location or not isinstance(_parsed(version.source), RegisteredModelUri):
            return version
        location = self.get_download_uri(version.name, version.version)
        return replace(version, location=location or None)

    def _get(self, path: str, **query: Any) -> wire.Json:
        return self.http.json("GET", _API + path, query=query)

    def _change(
        self, method: str, path: str, body: wire.Json, by: By, *, repeat: bool = True
    ) -> wire.Json:
        given = {key: value for key, value in body.items() if value is not None}
        told = {**given, **wire.by_to_json(by)}
        return self.http.json(method, _API + path, body=told, repeat=repeat)


def _model(answer: wire.Json) -> RegisteredModel:
    return wire.registered_model_from_json(answer["registered_model"])


def _version(answer: wire.Json) -> ModelVersion:
    return wire.version_from_json(answer["model_version"])


def _page(answer: wire.Json, name: str, read: Callable[[wire.Json], Any]) -> PagedList:
    return PagedList(map(read, answer.get(name, ())), answer.get("next_page_token") or None)


def _at_most(asked: int, most: int) -> int:
    """What a page can have; what is no number is for the server to refuse."""
    return min(asked, most) if isinstance(asked, int) else asked


def _parsed(source: str) -> Uri | None:
    try:
        return parse(source)
    except InvalidInput:
        return None  # the server says what is wrong with it


def _is_unknown(error: MlpackError) -> bool:
    return error.error_code == "ENDPOINT_NOT_FOUND"


def _compare(there: int, fine: tuple[int, int], what: str) -> None:
    """What is there must be what was expected, unless all is as it shall be already."""
    if there not in fine:
        found = f"version {there}" if there else "no version"
        wanted = f"version {fine[0]}" if fine[0] else "none"
        raise Conflict(f"{what} {found}, not {wanted} as expected. Look again, then decide.")


def _refuse_active(version: ModelVersion) -> None:
    if version.current_stage in _ACTIVE:
        raise InvalidState(
            f"Version {version.version} of {version.name!r} is in {version.current_stage}; move "
            "it to Archived or None before it is deleted."
        )
