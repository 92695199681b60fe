"""Logged models recorded by a tracking server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ...errors import InvalidInput, NotFound
from ...http_client import HttpClient
from ..entities import LoggedModel, PagedList, Param, RunTag, ViewType
from . import wire

_API = "/api/2.0/mlflow/"
_ID = re.compile(r"[\w-]+")
_ORDER = re.compile(r"\s*(?P<field>.+?)(?:\s+(?P<way>ASC|DESC))?\s*", re.IGNORECASE | re.DOTALL)
_MOST_PARAMS = 100  # a request
_EXPERIMENTS_PAGE = 1000


class RestLoggedModels:
    """The part of the store that keeps logged models, and its way to the server."""

    def __init__(self, http: HttpClient) -> None:
        self.http = http

    def create_logged_model(
        self,
        experiment_id: str,
        name: str,
        source_run_id: str | None = None,
        model_type: str | None = None,
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
    ) -> LoggedModel:
        body = {
            "experiment_id": experiment_id,
            "name": name,
            "source_run_id": source_run_id,
            "model_type": model_type,
            "params": [wire.param_to_json(param) for param in params[:_MOST_PARAMS]],
            "tags": [wire.tag_to_json(tag) for tag in tags],
        }
        made = wire.logged_model_from_json(self._post("logged-models", body, repeat=False)["model"])
        if len(params) > _MOST_PARAMS:
            self.log_logged_model_params(made.model_id, params[_MOST_PARAMS:])
            return self.get_logged_model(made.model_id)
        return made

    def finalize_logged_model(
        self, model_id: str, status: str, digest: str | None = None
    ) -> LoggedModel:
        if digest is not None:
            # before the model is ready, so that nobody sees it ready and unvouched for
            self.set_logged_model_tags(model_id, [RunTag(wire.DIGEST_TAG, digest)])
        path = _of_model(model_id)
        body = {"model_id": model_id, "status": wire.model_status_to_json(status)}
        answer = self.http.json("PATCH", _API + path, body=body, repeat=True)
        return wire.logged_model_from_json(answer["model"])

    def get_logged_model(self, model_id: str) -> LoggedModel:
        return wire.logged_model_from_json(self._get(_of_model(model_id))["model"])

    def search_logged_models(
        self,
        experiment_ids: Sequence[str] = (),
        filter_string: str = "",
        max_results: int = 1000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        body = {
            "experiment_ids": list(experiment_ids) or self._all_experiments(),
            "filter": filter_string,
            "max_results": max_results,
            "order_by": [_order(text) for text in order_by],
            "page_token": page_token,
        }
        answer = self._post("logged-models/search", body)
        models = map(wire.logged_model_from_json, answer.get("models", ()))
        return PagedList(models, answer.get("next_page_token") or None)

    def log_logged_model_params(self, model_id: str, params: Sequence[Param]) -> None:
        path = f"{_of_model(model_id)}/params"
        for start in range(0, len(params), _MOST_PARAMS):
            some = params[start : start + _MOST_PARAMS]
            self._post(path, {"model_id": model_id, "params": [*map(wire.param_to_json, some)]})

    def set_logged_model_tags(self, model_id: str, tags: Sequence[RunTag]) -> None:
        body = {"model_id": model_id, "tags": [wire.tag_to_json(tag) for tag in tags]}
        self.http.json("PATCH", f"{_API}{_of_model(model_id)}/tags", body=body, repeat=True)

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        self.http.json("DELETE", f"{_API}{_of_model(model_id)}/tags/{key}")

    def delete_logged_model(self, model_id: str) -> None:
        self.http.json("DELETE", _API + _of_model(model_id))

    def _all_experiments(self) -> list[str]:
        """Servers search models in named experiments only."""
        found: list[str] = []
        token = None
        while True:
            body = {
                "view_type": ViewType.ACTIVE_ONLY.name,
                "max_results": _EXPERIMENTS_PAGE,
                "page_token": token,
            }
            answer = self._post("experiments/search", body)
            found += (item["experiment_id"] for item in answer.get("experiments", ()))
            token = answer.get("next_page_token")
            if not token:
                return found

    def _get(self, path: str, query: dict[str, Any] | None = None) -> wire.Json:
        return self.http.json("GET", _API + path, query=query)

    def _post(self, path: str, body: wire.Json, repeat: bool = True) -> wire.Json:
        given = {key: value for key, value in body.items() if value is not None}
        return self.http.json("POST", _API + path, body=given, repeat=repeat)


def _of_model(model_id: str) -> str:
    if not _ID.fullmatch(model_id):
        raise NotFound(f"No logged model {model_id!r}: ids are letters and digits.")
    return f"logged-models/{model_id}"


def _order(text: str) -> wire.Json:
    match = _ORDER.fullmatch(text)
    if match is None:
        raise InvalidInput(f"Cannot order by {text!r}. Use such as 'metrics.auc DESC'.")
    return {"field_name": match["field"], "ascending": (match["way"] or "ASC").upper() == "ASC"}
