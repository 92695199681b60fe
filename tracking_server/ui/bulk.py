"""Changing many runs at once: each by the store's own call, so that all of its checks hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response

from ...errors import MlpackError, NotFound
from ...tracking import validate
from ...tracking.entities import LifecycleStage
from ..service import Service
from .part import data_answer, sent, sent_text, sent_texts

MOST_RUNS = 1000


def register(pages: Blueprint, data: Blueprint, service: Service) -> None:
    """``POST /ui/runs/delete``, ``restore``, ``tag``, ``untag``: ``{"run_ids": […], …}``.

    Each answers ``{"done": [ids], "failed": {id: message}}``: what one run refuses does not keep
    others from it.
    """
    store = service.store

    @data.post("/runs/delete")
    def delete_runs() -> Response:
        return _each(sent(), lambda id: store.set_run_stage(id, LifecycleStage.DELETED))

    @data.post("/runs/restore")
    def restore_runs() -> Response:
        return _each(sent(), lambda id: store.set_run_stage(id, LifecycleStage.ACTIVE))

    @data.post("/runs/tag")
    def tag_runs() -> Response:
        message = sent()
        tag = validate.tag(sent_text(message, "key").strip(), sent_text(message, "value", ""))
        return _each(message, lambda id: store.log_batch(id, tags=[tag]))

    @data.post("/runs/untag")
    def untag_runs() -> Response:
        message = sent()
        key = sent_text(message, "key").strip()

        def untag(run_id: str) -> None:
            if key in store.get_run(run_id).data.tags:  # without it there is nothing to do
                store.delete_tag(run_id, key)

        return _each(message, untag)


def _each(message: dict[str, Any], change: Callable[[str], None]) -> Response:
    done, failed = [], {}
    for run_id in sent_texts(message, "run_ids", MOST_RUNS):
        try:
            change(run_id)
        except NotFound:
            failed[run_id] = "It is not there any more."
        except MlpackError as error:
            if error.http_status >= 500:  # the next one would wait as long
                raise
            failed[run_id] = error.message
        else:
            done.append(run_id)
    return data_answer({"done": done, "failed": failed})
