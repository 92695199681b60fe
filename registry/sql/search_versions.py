"""Searching versions of registered models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.expression import UnaryExpression

from ...tracking.entities import PagedList
from ...tracking.filters import Clause, Order
from ...tracking.sql.conditions import begins_as, compare
from ...tracking.sql.paging import SortKey, check_max_results, read_token, write_token
from ...tracking.sql.registry_tables import (
    model_version_tags,
    model_versions,
    registered_model_aliases,
    registered_models,
)
from ...tracking.sql.tables import START
from .. import names
from ..filters import (
    MODEL_VERSIONS,
    VERSION_ORDERS,
    excludes_prompts,
    parse_clauses,
    parse_orders,
)
from .rows import load_versions
from .search_models import ModelSearch, sorted_probes, tag_condition, tag_probe
from .versions import source_hash
from .walk import Course, Walk

_MOST = 200_000  # that MLflow's clients may ask for
_PAGE = 10_000  # that they get at once
_COLUMNS: dict[str, Any] = {
    "version_number": model_versions.c.version,
    "run_id": model_versions.c.run_id,
    "model_id": model_versions.c.model_id,
    "user_id": model_versions.c.user_id,
    "stage": model_versions.c.stage,
    "source_path": model_versions.c.source,
    "creation_timestamp": model_versions.c.creation_time,
    "last_updated_timestamp": model_versions.c.last_update_time,
}
_OWNER = registered_models.alias("owner")  # of a version, where only that is known
_NAME = sa.select(_OWNER.c.name).where(_OWNER.c.id == model_versions.c.model).scalar_subquery()
_UPDATED = model_versions.c.last_update_time
# what an index leads to, besides tags
_STRETCHES = ("run_id", "model_id", "source_path", "version_number", "user_id", "stage")
_IDS = ("run_id", "model_id", "user_id")  # indexes have all of these
_COUNTED = 20_000
_PLUS: Any = sa.sql.operators.custom_op("+")  # SQLite's word for: not by an index


class VersionSearch(ModelSearch):
    """The part of the registry that finds versions."""

    def search_model_versions(
        self,
        filter_string: str = "",
        max_results: int = 10_000,
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> PagedList:
        check_max_results(max_results, _MOST)
        clauses = parse_clauses(filter_string, MODEL_VERSIONS)
        orders = parse_orders(order_by, MODEL_VERSIONS, VERSION_ORDERS)
        asked = ["model versions", filter_string or "", list(order_by)]
        start = read_token(page_token, asked)
        with self.database.read() as connection:
            search = _Search(connection, clauses, orders)
            found, place = search.walk().page(start, min(max_results, _PAGE))
            versions = load_versions(connection, found)
        return PagedList(versions, write_token(place, asked) if place else None)


class _Search:
    """One search: what is asked, and which index leads to it."""

    def __init__(self, connection: Connection, clauses: list[Clause], orders: list[Order]) -> None:
        self.connection = connection
        self.dialect = connection.dialect.name
        self.orders = orders
        # a name is looked up once, and its versions have its key
        self.name = next((c for c in clauses if c.field.key == "name" and c.operator == "="), None)
        self.clauses = [clause for clause in clauses if clause is not self.name]

    def walk(self) -> Walk:
        course, answered = self._course()
        rest = [clause for clause in self.clauses if clause is not answered]
        probes = sorted_probes([(clause, self._probe(clause)) for clause in rest])
        conditions = [self._condition(clause, aside=True) for clause in rest]
        return Walk(self.connection, course, conditions, *probes)

    def _course(self) -> tuple[Course, Clause | None]:
        """Where to walk, and the clause that this answers."""
        table = model_versions
        keys = self._keys()
        if self.name is not None:
            named = sa.select(registered_models.c.id).where(
                registered_models.c.name == self.name.value
            )
            model = self.connection.execute(named).scalar()
            is_unique = keys[0].column is table.c.version
            theirs = [table.c.model == (-1 if model is None else model)]
            number = next((c for c in self.clauses if c.field.key == "version_number"), None)
            if number is not None:
                theirs.append(self._condition(number))
            return Course(table, table.c.id, keys, theirs, is_unique), number
        if keys[0].column is _NAME:
            joined = registered_models.join(table, table.c.model == registered_models.c.id)
            keys[0] = SortKey(registered_models.c.name, keys[0].ascending, str)
            return Course(joined, table.c.id, keys, []), None
        equal = [c for c in self.clauses if _leads(c)]
        if keys[0].column is not _UPDATED or not equal:
            return Course(table, table.c.id, keys, []), None
        courses = [(self._stretch(clause, keys), clause) for clause in equal]
        return min(courses, key=lambda each: self._length(each[0])) if equal[1:] else courses[0]

    def _stretch(self, clause: Clause, keys: list[SortKey]) -> Course:
        """The versions that fit a clause, in the order of their last change."""
        table = model_versions
        if clause.field.kind != "tag":
            return Course(table, table.c.id, keys, [self._condition(clause)])
        tags = model_version_tags.alias()
        value = str(clause.value)
        there: list[Any] = [tags.c.key == clause.field.key, tags.c.start == value[:START]]
        if len(value) >= START:
            there.append(tags.c.value == value)
        first = SortKey(tags.c.last_update_time, keys[0].ascending, int)
        joined = tags.join(table, table.c.id == tags.c.version)
        return Course(joined, table.c.id, [first, *keys[1:]], there)

    def _length(self, course: Course) -> int:
        """How many rows a stretch of an index has, counted no further than it matters."""
        some = sa.select(course.keys[0].column).where(*course.conditions).limit(_COUNTED)
        query = sa.select(sa.func.count()).select_from(some.subquery())
        return int(self.connection.execute(query).scalar_one())

    def _keys(self) -> list[SortKey]:
        """The whole order: as asked, then by name and the newest version."""
        keys = [
            SortKey(_NAME, order.ascending, str)
            if order.field.key == "name"
            else SortKey(_COLUMNS[order.field.key], order.ascending, int)
            for order in self.orders
        ]
        defaults = [SortKey(_NAME, True, str), SortKey(model_versions.c.version, False, int)]
        for default in defaults if keys else [SortKey(_UPDATED, False, int), *defaults]:
            if all(key.column is not default.column for key in keys):
                keys.append(default)
        # the versions of one model all have one name
        return keys if self.name is None else [key for key in keys if key.column is not _NAME]

    def _condition(self, clause: Clause, aside: bool = False) -> Any:
        """On a row of `model_versions`; ``aside`` of the index that is walked."""
        field, table = clause.field, model_versions
        if field.kind == "tag":
            return tag_condition(model_version_tags, table.c.id, clause, self.dialect)
        if field.key == "name":
            named = compare(_OWNER.c.name, clause, self.dialect)
            return sa.exists().where(_OWNER.c.id == table.c.model, named)
        if field.key == "alias":
            aliases = registered_model_aliases
            called = compare(aliases.c.alias, clause, self.dialect)
            return sa.exists().where(aliases.c.version == table.c.id, called)
        if field.key == "stage":
            clause = _with_stages(clause)
        column = _COLUMNS[field.key]
        if aside and self.dialect == "sqlite":
            # it knows nothing of how many rows fit, and would take any index rather than ours
            column = sa.type_coerce(UnaryExpression(column, operator=_PLUS), column.type)
        compared = compare(column, clause, self.dialect)
        if not aside and field.key == "source_path" and clause.operator in ("=", "IN"):
            values = clause.value if isinstance(clause.value, tuple) else (str(clause.value),)
            return table.c.source_hash.in_([source_hash(text) for text in values]) & compared
        return compared

    def _probe(self, clause: Clause) -> Any | None:
        """The inner keys of all versions that fit a clause; None where no index has them."""
        field, operator = clause.field, clause.operator
        if field.kind == "tag":
            return tag_probe(model_version_tags, clause, self.dialect)
        if operator in ("!=", "NOT IN"):
            return None
        if field.key == "alias":
            aliases = registered_model_aliases.c
            called = compare(aliases.alias, clause, self.dialect)
            return sa.select(aliases.version).where(called)
        if field.key == "name":
            named = compare(registered_models.c.name, clause, self.dialect)
            models = sa.select(registered_models.c.id).where(named)
            return sa.select(model_versions.c.id).where(model_versions.c.model.in_(models))
        query = sa.select(model_versions.c.id).where(self._condition(clause))
        if operator == "LIKE" and field.key in _IDS:
            beginning = begins_as(_COLUMNS[field.key], str(clause.value))
            return None if beginning is None else query.where(beginning)
        return query if field.is_numeric or operator in ("=", "IN") else None


def _leads(clause: Clause) -> bool:
    """Whether an index leads to what fits a clause, in the order of changes."""
    if clause.operator != "=" or excludes_prompts(clause):
        return False
    return clause.field.kind == "tag" or clause.field.key in _STRETCHES


def _with_stages(clause: Clause) -> Clause:
    """Stages are found whichever way they are capitalised; patterns are taken as they are."""
    if clause.operator in ("=", "!="):
        return Clause(clause.field, clause.operator, names.stage(clause.value))
    if isinstance(clause.value, tuple):
        return Clause(clause.field, clause.operator, tuple(map(names.stage, clause.value)))
    return clause
