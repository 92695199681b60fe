"""Questions of pages to the registry in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ...tracking.entities import PagedList
from ...tracking.sql.distinct import completed
from ...tracking.sql.paging import (
    SortKey,
    check_max_results,
    read_token,
    sorted_page,
    write_token,
)
from ...tracking.sql.registry_tables import (
    model_versions,
    registered_model_tags,
    registered_models,
)
from ...tracking.sql.tables import START
from .. import names
from .rows import load_versions, model_row
from .search_versions import VersionSearch

_MOST = 50_000  # so many that differ are looked at, to complete what is typed


class Views(VersionSearch):
    """The part of the registry that pages ask (see `registry.views`)."""

    def list_versions(
        self,
        name: str,
        stage: str | None = None,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> PagedList:
        check_max_results(max_results)
        table = model_versions.c
        with self.database.read() as connection:
            model = model_row(connection, name, self.place)
            query = sa.select(table.id).where(table.model == model.id)
            if stage is not None:
                query = query.where(table.stage == names.stage(stage))
            asked = ["versions of", model.id, stage]
            keys = [SortKey(table.version, False, int)]
            start = read_token(page_token, asked)
            rows, place = sorted_page(connection, query, keys, start, max_results)
            found = load_versions(connection, [row.id for row in rows])
        return PagedList(found, write_token(place, asked) if place else None)

    def count_versions(self, names: Sequence[str]) -> dict[str, dict[str, int]]:
        table = model_versions.c
        wanted = sa.select(registered_models.c.id, registered_models.c.name).where(
            registered_models.c.name.in_(names)
        )
        found: dict[str, dict[str, int]] = {name: {} for name in names}
        with self.database.read() as connection:
            of = {row.id: row.name for row in connection.execute(wanted)}
            query = sa.select(table.model, table.stage, sa.func.count().label("many"))
            query = query.where(table.model.in_(of)).group_by(table.model, table.stage)
            for row in connection.execute(query):
                found[of[row.model]][row.stage] = row.many
        return found

    def model_names(self, words: str = "", limit: int = 50) -> list[str]:
        return self._completed((registered_models.c.name,), (), words, limit)

    def model_tag_keys(self, words: str = "", limit: int = 50) -> list[str]:
        return self._completed((registered_model_tags.c.key,), (), words, limit)

    def model_tag_values(self, key: str, words: str = "", limit: int = 20) -> list[str]:
        table = registered_model_tags.c
        found = self._completed((table.key, table.start), (table.key == key,), words, limit)
        return [text for text in found if len(text) < START]  # others nobody types

    def _completed(
        self, index: Sequence[Any], where: Sequence[Any], words: str, limit: int
    ) -> list[str]:
        with self.database.read() as connection:
            return completed(connection, index, [where], words, limit, _MOST)
