"""Searches find what a look at everything finds, in the order that was asked for, page by page."""

import fnmatch
import random
import re

import pytest
import sqlalchemy as sa

from mlpack.errors import InvalidInput
from mlpack.registry.entities import By
from mlpack.registry.filters import (
    MODEL_ORDERS,
    MODEL_VERSIONS,
    REGISTERED_MODELS,
    VERSION_ORDERS,
    parse_clauses,
    parse_orders,
)
from mlpack.registry.sql import search_versions, walk
from mlpack.tracking.sql import narrow
from mlpack.tracking.sql.registry_tables import model_version_tags, model_versions

NAMES = ["churn", "Churn", "chürn", "fraud", "a_b", "a%b", "axb", "z" * 120]
LONG = "s" * 150


def fill(store):
    """Versions whose times and numbers meet in every way."""
    chance = random.Random(5)
    for i, name in enumerate(NAMES):
        tags = {"team": f"t{i % 3}", "wide": "yes", **({"rare": LONG + str(i)} if i > 5 else {})}
        store.create_registered_model(name, tags, "", By("me"))
        for number in range(1, 2 + i):
            store.create_model_version(
                name,
                chance.choice(["s3://bucket/one", "s3://bucket/Two", "models:/m-" + "a" * 32]),
                tags={"wide": "yes", "n": str(number), "long": LONG + chance.choice("ab")},
                description="",
                by=By(chance.choice(["ann", "bob"])),
                run_id=chance.choice([None, "r1", "r2"]),
            )
        if i > 2:
            store.transition_stage(name, 1, chance.choice(["Staging", "Production"]), False, By())
            store.set_alias(name, "champion", 2, By())
            store.delete_model_version(name, 3, By())
    with store.database.write() as connection:
        for (key,) in connection.execute(sa.select(model_versions.c.id)).all():
            moment = chance.randrange(4)
            change = model_versions.update().where(model_versions.c.id == key)
            connection.execute(
                change.values(last_update_time=moment, creation_time=chance.randrange(9))
            )
            tags = model_version_tags.update().where(model_version_tags.c.version == key)
            connection.execute(tags.values(last_update_time=moment))


def value_of(found, field):
    if field.kind == "tag":
        return found.tags.get(field.key)
    if field.key == "alias":
        return found.aliases
    attribute = {"version_number": "version", "source_path": "source", "stage": "current_stage"}
    return getattr(found, attribute.get(field.key, field.key))


def fits(found, clause):
    there, wanted = value_of(found, clause.field), clause.value
    if clause.field.key == "stage":  # in any capitals
        there = there.lower()
        wanted = tuple(map(str.lower, wanted)) if isinstance(wanted, tuple) else wanted.lower()
    if isinstance(there, list):
        return any(compare(each, clause.operator, wanted) for each in there)
    if clause.operator in ("IS NULL", "IS NOT NULL"):
        return (there is None) == (clause.operator == "IS NULL")
    return there is not None and compare(there, clause.operator, wanted)


def compare(there, operator, wanted):
    match operator:
        case "=":
            return there == wanted
        case "!=":
            return there != wanted
        case "IN":
            return there in wanted
        case "NOT IN":
            return there not in wanted
        case "LIKE":
            return like(there, wanted)
        case "ILIKE":
            return like(there.lower(), wanted.lower())
    return eval(f"there {operator} wanted")


def like(text, pattern):
    escaped = re.sub(r"([\[\]*?])", r"[\1]", pattern).replace("%", "*").replace("_", "?")
    return fnmatch.fnmatchcase(text, escaped)


def expected(everything, text, order, subject, allowed):
    clauses = parse_clauses(text, subject)
    found = [each for each in everything if all(fits(each, clause) for clause in clauses)]
    orders = parse_orders(order, subject, allowed)
    if subject is MODEL_VERSIONS:
        orders = orders or parse_orders(["last_updated_timestamp DESC"], subject, allowed)
        orders += parse_orders(["name", "version_number DESC"], subject, allowed)
    else:
        orders += parse_orders(["name"], subject, allowed)
    unique = {}
    for one in orders:
        unique.setdefault(one.field.key, one)
    for one in reversed(unique.values()):
        found.sort(key=lambda each: value_of(each, one.field), reverse=not one.ascending)
    return found


def all_pages(search, text, order, size):
    found, token = [], None
    while True:
        page = search(text, size, order, token)
        found += page
        assert len(page) <= size
        token = page.token
        if token is None:
            return found


VERSION_CLAUSES = [
    "name = 'churn'",
    f"name = '{'z' * 120}'",
    "name = 'nothing'",
    "name != 'fraud'",
    "name LIKE 'a_b'",
    "name LIKE 'a%'",
    "name ILIKE 'CH_RN'",
    "name IN ('Churn', 'axb')",
    "name NOT IN ('Churn', 'axb')",
    "attributes.version_number = 2",
    "version > 2",
    "version_number <= '3'",
    "version_number != 1",
    "run_id = 'r1'",
    "run_id != 'r1'",
    "run_id IN ('r2')",
    "run_id LIKE 'r_'",
    "run_id LIKE 'r1'",
    "run_id LIKE '%1'",
    "user_id LIKE 'an%'",
    "user_id LIKE '\ud7ff%'",
    "source_path = 's3://bucket/one'",
    "source_path LIKE '%bucket%'",
    "source_path ILIKE '%TWO'",
    "source_path IN ('s3://bucket/Two', 'x')",
    "user_id = 'ann'",
    "stage = 'production'",
    "current_stage != 'None'",
    "stage IN ('staging', 'Production')",
    "alias = 'champion'",
    "aliases LIKE 'ch%'",
    "tags.wide = 'yes'",
    "tags.wide != 'yes'",
    "tags.n = '2'",
    "tags.n != '2'",
    "tag.n IN ('2', '5')",
    "tags.n NOT IN ('2', '5')",
    f"tags.long = '{LONG}a'",
    f"tags.long != '{LONG}a'",
    "tags.long LIKE '%b'",
    "tags.none IS NULL",
    "tags.`wide` IS NOT NULL",
    "tag.`mlflow.prompt.is_prompt` IS NULL",
    "last_updated_timestamp >= 2",
    "creation_timestamp < 5",
]
MODEL_CLAUSES = [
    *VERSION_CLAUSES[:9],
    "tags.team = 't1'",
    "tags.team != 't1'",
    "tags.team LIKE 't%'",
    "tag.team IN ('t0', 't2')",
    "tags.wide = 'yes'",
    "tags.wide != 'yes'",
    f"tags.rare = '{LONG}7'",
    f"tags.rare != '{LONG}7'",
    "tags.rare IS NOT NULL",
    "tags.rare IS NULL",
    "last_updated_timestamp > 0",
]


def some_orders(allowed, chance):
    if chance.random() < 0.4:
        return []
    keys = chance.sample(allowed, chance.randint(1, 2))
    return [f"{key} {chance.choice(['ASC', 'DESC'])}" for key in keys]


@pytest.mark.parametrize("limits", [(2000, 4000), (3, 2), (4, 1000)], ids=str)
def test_searches_find_what_a_look_at_everything_finds(sql_registry, monkeypatch, limits):
    """On every way of a search: along the index, along a tag's, or by the few that are left."""
    fill(sql_registry)
    monkeypatch.setattr(walk, "_STEPS", limits[0])
    monkeypatch.setattr(walk, "_FAR", limits[0])
    monkeypatch.setattr(walk, "_MANY", limits[1] + 1)
    monkeypatch.setattr(narrow, "FEW", limits[1])
    versions = list(sql_registry.search_model_versions())
    models = list(sql_registry.search_registered_models())
    assert len(versions) == sum(range(1, len(NAMES) + 1)) - 5 and len(models) == len(NAMES)
    chance = random.Random(limits[0])
    cases = [[clause] for clause in VERSION_CLAUSES]
    cases += [chance.sample(VERSION_CLAUSES, chance.randint(2, 3)) for _ in range(40)]
    for clauses in [[], [], *cases]:
        text, order = " AND ".join(clauses), some_orders(VERSION_ORDERS, chance)
        wanted = expected(versions, text, order, MODEL_VERSIONS, VERSION_ORDERS)
        size = chance.choice([1, 2, 5, 1000])
        found = all_pages(sql_registry.search_model_versions, text, order, size)
        assert [(v.name, v.version) for v in found] == [(v.name, v.version) for v in wanted], (
            text,
            order,
            size,
        )
    cases = [[clause] for clause in MODEL_CLAUSES]
    cases += [chance.sample(MODEL_CLAUSES, 2) for _ in range(10)]
    for clauses in [[], [], *cases]:
        text, order = " AND ".join(clauses), some_orders(MODEL_ORDERS, chance)
        wanted = expected(models, text, order, REGISTERED_MODELS, MODEL_ORDERS)
        size = chance.choice([1, 3, 1000])
        found = all_pages(sql_registry.search_registered_models, text, order, size)
        assert [m.name for m in found] == [m.name for m in wanted], (text, order, size)


def test_a_page_has_everything_of_its_models(registry):
    for name in ("a", "b"):
        registry.create_registered_model(name, {"t": name}, f"about {name}", By("me"))
        for number in (1, 2):
            registry.create_model_version(
                name, "s3://bucket/m", tags={"k": name}, description=f"d{number}", by=By("me")
            )
        registry.set_alias(name, "champion", 1, By("me"))
        registry.transition_stage(name, 1, "Production", False, By("me"))
    assert list(registry.search_registered_models()) == [
        registry.get_registered_model(name) for name in ("a", "b")
    ]
    versions = registry.search_model_versions(order_by=["name", "version_number"])
    assert list(versions) == [
        registry.get_model_version(name, number) for name in ("a", "b") for number in (1, 2)
    ]
    page = registry.search_registered_models("", 1)
    assert [m.name for m in page] == ["a"] and page.token
    [b] = registry.search_registered_models("", 1, (), page.token)
    assert b.name == "b"
    assert [
        v.version for v in registry.search_model_versions("name = 'a' AND tags.k = 'a'", 1)
    ] == [1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense = 'x'", "nonsense"),
        ("metrics.m > 1", "tags"),
        ("name = churn", "quotes"),
        ("name = 'a' OR name = 'b'", "OR is not supported"),
        ("name > 'a'", "can be compared with"),
        ("name = 'a", "not closed"),
        ("version_number = 'x'", "expected a number"),
        ("version_number = 1.5", "integers only"),
        ("version_number LIKE '1%'", "can be compared with"),
        ("stage = 'live'", "None, Staging, Production, Archived"),
        ("name = 'a' AND", "ends too early"),
    ],
)
def test_filters_that_are_refused(registry, text, says):
    with pytest.raises(InvalidInput, match=says):
        registry.search_model_versions(text)


@pytest.mark.parametrize("key", ["run_id", "tags.k", "user_id", "nonsense", "name UP", "stage"])
def test_orders_that_are_refused(sql_registry, key):
    with pytest.raises(InvalidInput, match="order_by"):
        sql_registry.search_model_versions(order_by=[key])
    with pytest.raises(InvalidInput, match="order_by"):
        sql_registry.search_registered_models(order_by=[key])


def test_sizes_and_tokens_that_are_refused(sql_registry):
    for name in ("a", "b", "c"):
        sql_registry.create_registered_model(name, {}, "", By())
        sql_registry.create_model_version(name, "s", tags={}, description="", by=By())
    models, versions = sql_registry.search_registered_models, sql_registry.search_model_versions
    for search, most in ((models, 1000), (versions, 200_000)):
        for wrong in (0, -1, most + 1, "3", None):
            with pytest.raises(InvalidInput, match="max_results"):
                search("", wrong)
        token = search("", 1).token
        for text, order in (("name != 'x'", []), ("", ["name DESC"])):
            with pytest.raises(InvalidInput, match="token"):
                search(text, 1, order, token)
        for wrong in ("x", "e30=", token[:-4], token + "AAAA"):
            with pytest.raises(InvalidInput, match="token"):
                search("", 1, (), wrong)
    with pytest.raises(InvalidInput, match="token"):
        versions("", 1, (), models("", 1).token)


def test_what_a_client_of_mlflow_asks_for(sql_registry):
    """It asks for models that are no prompts in these words."""
    sql_registry.create_registered_model("model", {}, "", By())
    version = sql_registry.create_model_version("model", "s", tags={}, description="", by=By())
    sql_registry.create_registered_model("prompt", {"mlflow.prompt.is_prompt": "true"}, "", By())
    found = sql_registry.search_registered_models
    for text in (
        "tag.`mlflow.prompt.is_prompt` != 'true'",
        "tags.`mlflow.prompt.is_prompt` = 'false'",
        "name LIKE '%o%' AND tag.`mlflow.prompt.is_prompt` != 'true'",
    ):
        assert [m.name for m in found(text)] == ["model"]
        assert list(sql_registry.search_model_versions(text)) == [version]
    assert [m.name for m in found("tags.`mlflow.prompt.is_prompt` = 'true'")] == ["prompt"]
    sorted_by_time = found(order_by=["timestamp DESC", "name ASC"])
    assert sorted(m.name for m in sorted_by_time) == ["model", "prompt"]


def test_large_pages_of_versions_come_in_parts(sql_registry, monkeypatch):
    """A client may ask for 200,000, as MLflow has it; it gets fewer at once and goes on."""
    monkeypatch.setattr(search_versions, "_PAGE", 2)
    sql_registry.create_registered_model("a", {}, "", By())
    for _ in range(5):
        sql_registry.create_model_version("a", "s", tags={}, description="", by=By())
    first = sql_registry.search_model_versions("", 200_000)
    second = sql_registry.search_model_versions("", 200_000, (), first.token)
    last = sql_registry.search_model_versions("", 3, (), second.token)
    assert [v.version for page in (first, second, last) for v in page] == [5, 4, 3, 2, 1]
    assert last.token is None
