"""What pages ask of a registry, in every kind of database."""

import pytest

from mlpack.errors import InvalidInput, NotFound
from mlpack.registry.entities import By

ME = By("me", "because")
NAME = "a'b\"c"


def versions(registry, name, count):
    registry.create_registered_model(name, {}, "", ME)
    for _ in range(count):
        registry.create_model_version(name, "s3://b/m", tags={"a": "b"}, description="", by=ME)


def numbers(found):
    return [version.version for version in found]


def test_versions_of_any_name_come_in_pages(sql_registry):
    versions(sql_registry, NAME, 5)
    versions(sql_registry, "other", 1)
    sql_registry.set_alias(NAME, "champion", 4, ME)
    first = sql_registry.list_versions(NAME, max_results=2)
    assert numbers(first) == [5, 4] and first[1].aliases == ["champion"]
    assert first[0].tags == {"a": "b"}
    sql_registry.delete_model_version(NAME, 4, ME)
    second = sql_registry.list_versions(NAME, max_results=2, page_token=first.token)
    assert numbers(second) == [3, 2]
    last = sql_registry.list_versions(NAME, max_results=2, page_token=second.token)
    assert numbers(last) == [1] and last.token is None
    with pytest.raises(InvalidInput, match="page token"):
        sql_registry.list_versions("other", page_token=first.token)
    with pytest.raises(NotFound):
        sql_registry.list_versions("none")


def test_versions_in_a_stage_and_how_many(sql_registry):
    versions(sql_registry, NAME, 3)
    sql_registry.create_registered_model("empty", {}, "", ME)
    sql_registry.transition_stage(NAME, 2, "Production", False, ME)
    assert numbers(sql_registry.list_versions(NAME, "production")) == [2]
    assert numbers(sql_registry.list_versions(NAME, "None")) == [3, 1]
    assert sql_registry.count_versions([NAME, "empty", "none"]) == {
        NAME: {"None": 2, "Production": 1},
        "empty": {},
        "none": {},
    }
    assert sql_registry.count_versions([]) == {}


def test_what_completes_a_search(sql_registry):
    for name, tags in [
        ("churn-old", {"team": "blue"}),
        ("Churn", {"team": "Grün", "ticket": "x" * 300}),
        ("a churn", {}),
    ]:
        sql_registry.create_registered_model(name, tags, "", ME)
    versions(sql_registry, NAME, 1)  # with a tag of the version
    assert sql_registry.model_names("churn") == ["Churn", "churn-old", "a churn"]
    assert sql_registry.model_names("churn", 1) == ["churn-old"]
    assert sql_registry.model_names() == ["Churn", "a churn", NAME, "churn-old"]
    assert sql_registry.model_tag_keys() == ["team", "ticket"]
    assert sql_registry.model_tag_keys("ICK") == ["ticket"]
    assert sql_registry.model_tag_values("team") == ["Grün", "blue"]
    assert sql_registry.model_tag_values("team", "GRÜ") == ["Grün"]
    assert sql_registry.model_tag_values("ticket") == []  # nobody types it
    assert sql_registry.model_tag_values("none") == []
