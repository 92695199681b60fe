"""Registered models, their versions, stages and aliases, in every kind of registry."""

import dataclasses

import pytest

from mlpack.errors import AlreadyExists, Conflict, InvalidInput, InvalidState, MlpackError, NotFound
from mlpack.flavors.integrity import digest
from mlpack.registry.entities import By, Stage
from mlpack.tracking.uri import open_store

ME = By("me", "because")


def model(store, name="churn", versions=0, **tags):
    store.create_registered_model(name, tags, "", ME)
    return [version(store, name) for _ in range(versions)]


def version(store, name="churn", source="s3://bucket/model", **more):
    given = {"tags": {}, "description": "", "by": ME, **more}
    return store.create_model_version(name, source, **given)


def numbers(versions):
    return [each.version for each in versions]


def stages(store, name="churn"):
    found = store.search_model_versions(f"name = '{name}'", order_by=["version_number"])
    return [each.current_stage for each in found]


# --- registered models ---


def test_a_model_is_made_and_found(registry):
    made = registry.create_registered_model("churn", {"b": "2", "a": "1"}, "# What it is", ME)
    assert (made.name, made.description, made.tags) == (
        "churn",
        "# What it is",
        {"a": "1", "b": "2"},
    )
    assert made.creation_timestamp == made.last_updated_timestamp > 1_600_000_000_000
    assert registry.get_registered_model("churn") == made
    with pytest.raises(AlreadyExists, match="'churn' exists"):
        model(registry)
    with pytest.raises(NotFound, match="'nothing'"):
        registry.get_registered_model("nothing")


def test_names_compare_by_code_points(registry):
    names = ["Name", "name", "name ", "é", "e\u0301", "模型", "a%2Fb", "a'b\"c"]
    for name in names:
        model(registry, name, 1)
        registry.set_alias(name, "it", 1, ME)
    for name in names:
        assert registry.get_registered_model(name).name == name
        assert registry.get_version_by_alias(name, "it").name == name
    assert [m.name for m in registry.search_registered_models()] == sorted(names)
    with pytest.raises(NotFound):
        registry.get_registered_model("NAME")


def test_a_model_is_described_and_tagged(registry):
    model(registry, a="1")
    assert registry.update_registered_model("churn", "new", ME).description == "new"
    registry.set_registered_model_tag("churn", "a", "2", ME)
    registry.set_registered_model_tag("churn", "long", "ü" * 50_000, ME)
    registry.delete_registered_model_tag("churn", "b", ME)  # as MLflow: nothing to do
    found = registry.get_registered_model("churn")
    assert found.tags == {"a": "2", "long": "ü" * 50_000} and found.description == "new"
    registry.delete_registered_model_tag("churn", "long", ME)
    assert registry.get_registered_model("churn").tags == {"a": "2"}
    for call in (
        lambda: registry.update_registered_model("none", "d", ME),
        lambda: registry.set_registered_model_tag("none", "a", "b", ME),
        lambda: registry.delete_registered_model_tag("none", "a", ME),
        lambda: registry.rename_registered_model("none", "other", ME),
        lambda: registry.delete_registered_model("none", ME),
        lambda: version(registry, "none"),
        lambda: registry.get_latest_versions("none"),
        lambda: registry.get_version_by_alias("none", "a"),
        lambda: registry.set_alias("none", "a", 1, ME),
        lambda: registry.get_history("none"),
    ):
        with pytest.raises(NotFound, match="none"):
            call()


def test_a_renamed_model_keeps_everything(registry):
    model(registry, versions=2, a="1")
    registry.transition_stage("churn", 2, "Production", False, ME)
    registry.set_alias("churn", "champion", 1, ME)
    before = registry.get_registered_model("churn")
    renamed = registry.rename_registered_model("churn", "retention", ME)
    assert renamed.name == "retention" and renamed.aliases == {"champion": 1}
    assert renamed.tags == before.tags and renamed.creation_timestamp == before.creation_timestamp
    assert [v.name for v in renamed.latest_versions] == ["retention"] * 2
    assert registry.get_version_by_alias("retention", "champion").version == 1
    for _ in range(2):  # whoever still has the old name is told
        for call in (registry.get_registered_model, registry.get_history):
            with pytest.raises(NotFound, match="called 'retention' now"):
                call("churn")
        registry.rename_registered_model("retention", "else", ME)
        registry.rename_registered_model("else", "retention", ME)
    assert model(registry, "churn", 1)[0].version == 1
    assert registry.get_registered_model("churn").aliases == {}
    with pytest.raises(AlreadyExists, match="'churn'"):
        registry.rename_registered_model("retention", "churn", ME)
    assert numbers([version(registry, "retention")]) == [3]


def test_a_deleted_model_is_gone_and_its_name_free(registry):
    model(registry, versions=2, a="1")
    version(registry, tags={"k": "v"}, files={"MLmodel": "sha256:1"})
    registry.set_alias("churn", "champion", 1, ME)
    registry.transition_stage("churn", 2, "Staging", False, ME)
    with pytest.raises(InvalidState, match=r"ersion 2 .*Staging"):
        registry.delete_registered_model("churn", ME)
    assert len(registry.search_model_versions("name = 'churn'")) == 3
    registry.transition_stage("churn", 2, "None", False, ME)
    registry.delete_registered_model("churn", ME)
    assert list(registry.search_registered_models()) == []
    assert list(registry.search_model_versions()) == []
    assert model(registry, versions=1)[0].version == 1
    assert registry.get_registered_model("churn").tags == {}


# --- versions ---


def test_a_version_with_everything(registry):
    files = {"MLmodel": "sha256:" + "1" * 64, "data/" + "x" * 300 + " ü": "sha256:" + "2" * 64}
    runs = open_store(registry.uri)
    run_id = runs.create_run("0", "n", "u", 1, []).info.run_id
    model_id = runs.create_logged_model("0", "m", run_id).model_id
    model(registry)
    made = version(
        registry,
        source="s3://bucket/a b/ü",
        run_id=run_id,
        run_link="https://here/run",
        model_id=model_id,
        tags={"k": "v"},
        description="d" * 5000,
        files=files,
    )
    assert (made.name, made.version, made.current_stage) == ("churn", 1, "None")
    assert (made.status, made.user_id) == ("READY", "me")
    assert (made.source, made.run_id) == ("s3://bucket/a b/ü", run_id)
    assert (made.run_link, made.model_id) == ("https://here/run", model_id)
    assert (made.tags, made.description, made.aliases) == ({"k": "v"}, "d" * 5000, [])
    assert registry.get_model_version("churn", 1) == made
    if hasattr(registry, "database"):  # a server believes its own eyes only
        assert made.digest == digest(files)
        assert registry.get_files("churn", 1) == files
    assert registry.get_latest_version("churn") == made
    touched = registry.get_registered_model("churn")
    assert touched.last_updated_timestamp >= made.creation_timestamp


def test_a_version_without_files_has_no_digest(registry):
    model(registry, versions=1)
    assert registry.get_model_version("churn", 1).digest is None
    assert registry.get_files("churn", 1) == {}


def test_numbers_are_never_given_twice(registry):
    assert numbers(model(registry, versions=3)) == [1, 2, 3]
    registry.delete_model_version("churn", 3, ME)
    registry.delete_model_version("churn", 1, ME)
    assert version(registry).version == 4
    for gone in (1, 3, 99):
        with pytest.raises(NotFound, match=rf"no version {gone}\b|ersion {gone}\b"):
            registry.get_model_version("churn", gone)
    assert registry.get_latest_version("churn").version == 4


def test_a_model_without_versions(registry):
    model(registry)
    with pytest.raises(NotFound, match="no version"):
        registry.get_latest_version("churn")
    assert registry.get_latest_versions("churn") == []


def test_a_version_is_described_tagged_and_deleted(registry):
    model(registry, versions=2)
    assert registry.update_model_version("churn", 1, "new", ME).description == "new"
    registry.set_model_version_tag("churn", 1, "k", "v", ME)
    registry.set_model_version_tag("churn", 1, "k", "w", ME)
    registry.delete_model_version_tag("churn", 1, "other", ME)
    registry.set_alias("churn", "a", 1, ME)
    registry.set_alias("churn", "b", 1, ME)
    found = registry.get_model_version("churn", 1)
    assert (found.tags, found.aliases) == ({"k": "w"}, ["a", "b"])
    registry.delete_model_version_tag("churn", 1, "k", ME)
    assert registry.get_model_version("churn", 1).tags == {}
    registry.delete_model_version("churn", 1, ME)
    assert registry.get_registered_model("churn").aliases == {}
    for call in (
        lambda: registry.update_model_version("churn", 1, "d", ME),
        lambda: registry.set_model_version_tag("churn", 1, "a", "b", ME),
        lambda: registry.delete_model_version_tag("churn", 1, "a", ME),
        lambda: registry.delete_model_version("churn", 1, ME),
        lambda: registry.transition_stage("churn", 1, "Staging", False, ME),
        lambda: registry.set_alias("churn", "a", 1, ME),
        lambda: registry.get_files("churn", 1),
    ):
        with pytest.raises(NotFound, match="churn"):
            call()


def test_a_name_is_made_together_with_its_first_version(registry):
    made = version(registry, "new", make_name=True)
    again = version(registry, "new", make_name=True)
    assert [made.version, again.version] == [1, 2]
    assert len(registry.search_registered_models()) == 1


# --- stages ---


def test_promotion_archives_what_was_there(registry):
    model(registry, versions=4)
    for number in (1, 2):
        registry.transition_stage("churn", number, "Production", False, ME)
    registry.transition_stage("churn", 3, "staging", False, ME)
    moved = registry.transition_stage("churn", 3, "PRODUCTION", True, ME)
    assert moved.current_stage == "Production"
    assert stages(registry) == ["Archived", "Archived", "Production", "None"]
    latest = registry.get_registered_model("churn").latest_versions
    assert {v.current_stage: v.version for v in latest} == {
        "None": 4,
        "Production": 3,
        "Archived": 2,
    }
    assert numbers(registry.get_latest_versions("churn", ["production", "Staging"])) == [3]
    assert sorted(numbers(registry.get_latest_versions("churn"))) == [2, 3, 4]


@pytest.mark.parametrize("stage", ["None", "archived"])
def test_only_what_goes_live_archives(registry, stage):
    model(registry, versions=1)
    with pytest.raises(InvalidInput, match="Production"):
        registry.transition_stage("churn", 1, stage, True, ME)


def test_unknown_stages(registry):
    model(registry, versions=1)
    for call in (
        lambda: registry.transition_stage("churn", 1, "live", False, ME),
        lambda: registry.get_latest_versions("churn", ["live"]),
    ):
        with pytest.raises(InvalidInput, match="None, Staging, Production, Archived"):
            call()


def test_what_is_so_already_is_written_nowhere(registry):
    model(registry, versions=1)
    registry.transition_stage("churn", 1, "Production", True, ME)
    registry.set_alias("churn", "a", 1, ME)
    registry.update_model_version("churn", 1, "d", ME)
    registry.update_registered_model("churn", "d", ME)
    before = registry.get_registered_model("churn"), list(registry.get_history("churn"))
    for expected in (None, 1, 7):
        registry.transition_stage("churn", 1, "Production", True, ME, expected)
        registry.set_alias("churn", "a", 1, ME, expected)
    registry.transition_stage("churn", 1, "Production", False, ME)
    registry.update_model_version("churn", 1, "d", ME)
    registry.update_registered_model("churn", "d", ME)
    registry.rename_registered_model("churn", "churn", ME)
    registry.delete_alias("churn", "none", ME)
    assert before == (registry.get_registered_model("churn"), list(registry.get_history("churn")))


def test_a_promotion_that_expects_something_else(registry):
    model(registry, versions=3)
    registry.transition_stage("churn", 1, "Production", True, ME, expected=0)
    with pytest.raises(Conflict, match="version 1"):
        registry.transition_stage("churn", 2, "Production", True, ME, expected=0)
    with pytest.raises(Conflict, match="version 1"):
        registry.transition_stage("churn", 2, "Production", True, ME, expected=3)
    registry.transition_stage("churn", 2, "Production", True, ME, expected=1)
    assert stages(registry) == ["Archived", "Production", "None"]
    with pytest.raises(Conflict):
        registry.transition_stage("churn", 3, "Staging", False, ME, expected=2)


@pytest.mark.parametrize("stage", [Stage.STAGING, Stage.PRODUCTION])
def test_a_version_in_use_is_not_deleted(registry, stage):
    model(registry, versions=1)
    registry.transition_stage("churn", 1, stage, False, ME)
    for call in (
        lambda: registry.delete_model_version("churn", 1, ME),
        lambda: registry.delete_registered_model("churn", ME),
    ):
        with pytest.raises(InvalidState, match=f"{stage}"):
            call()
    registry.transition_stage("churn", 1, "Archived", False, ME)
    registry.delete_model_version("churn", 1, ME)


# --- aliases ---


def test_aliases_move_and_go(registry):
    model(registry, versions=2)
    registry.set_alias("churn", "champion", 1, ME)
    registry.set_alias("churn", "Champion", 2, ME)  # another one, as in MLflow
    assert registry.get_registered_model("churn").aliases == {"Champion": 2, "champion": 1}
    registry.set_alias("churn", "champion", 2, ME, expected=1)
    found = registry.get_version_by_alias("churn", "champion")
    assert (found.version, sorted(found.aliases)) == (2, ["Champion", "champion"])
    with pytest.raises(Conflict, match="version 2"):
        registry.set_alias("churn", "champion", 1, ME, expected=1)
    with pytest.raises(Conflict, match="at no version"):
        registry.set_alias("churn", "new", 1, ME, expected=2)
    registry.set_alias("churn", "new", 1, ME, expected=0)
    registry.delete_alias("churn", "champion", ME)
    registry.delete_alias("churn", "champion", ME)
    with pytest.raises(NotFound, match="champion"):
        registry.get_version_by_alias("churn", "champion")


# --- places ---


def test_messages_of_a_server_do_not_name_its_disk(registry):
    if hasattr(registry, "database"):
        registry = type(registry)(registry.database, proxied=True)
        place = registry.database.name
    else:
        place = "/"
    for call in (
        lambda: registry.get_registered_model("none"),
        lambda: registry.get_model_version("none", 1),
        lambda: registry.get_history("none"),
    ):
        with pytest.raises(MlpackError) as caught:
            call()
        assert place not in str(caught.value).replace("http://", "")


def test_entities_are_values(registry):
    model(registry, versions=1)
    found = registry.get_model_version("churn", 1)
    assert found == dataclasses.replace(found)
    assert found.model_uri == "models:/churn/1"
