"""Who did what, when and why; and the way back from runs."""

import pytest

from mlpack.errors import InvalidInput, NotFound
from mlpack.registry.entities import By
from mlpack.tracking.sql.store import SqlStore

ANN, BOB = By("ann", "first"), By("bob", "better: ☃")


def new(store, name="churn", versions=1, **more):
    store.create_registered_model(name, {}, "", ANN)
    for _ in range(versions):
        store.create_model_version(name, "s3://bucket/m", tags={}, description="", by=ANN, **more)


def lines(store, *where):
    return [(e.version, e.kind, e.key, e.before, e.after) for e in store.get_history(*where)]


def test_every_change_is_kept(registry):
    new(registry, versions=2)
    registry.transition_stage("churn", 1, "Production", True, ANN)
    registry.transition_stage("churn", 2, "Production", True, BOB)
    registry.set_alias("churn", "champion", 1, ANN)
    registry.set_alias("churn", "champion", 2, BOB)
    registry.delete_alias("churn", "champion", ANN)
    registry.update_model_version("churn", 2, "text", BOB)
    registry.update_registered_model("churn", "about", BOB)
    registry.rename_registered_model("churn", "retention", BOB)
    for value in ("v", "v", "w"):  # what changes nothing is no change
        registry.set_model_version_tag("retention", 1, "k", value, BOB)
    for _ in range(2):
        registry.delete_model_version_tag("retention", 1, "k", ANN)
    registry.set_registered_model_tag("retention", "team", "a", BOB)
    registry.delete_registered_model_tag("retention", "team", BOB)
    told = lines(registry, "retention")
    assert told == [
        (None, "tag", "team", "a", None),
        (None, "tag", "team", None, "a"),
        (1, "tag", "k", "w", None),
        (1, "tag", "k", "v", "w"),
        (1, "tag", "k", None, "v"),
        (None, "renamed", None, "churn", "retention"),
        (None, "description", None, "", "about"),
        (2, "description", None, "", "text"),
        (2, "alias", "champion", "2", None),
        (2, "alias", "champion", "1", "2"),
        (1, "alias", "champion", None, "1"),
        (2, "stage", None, "None", "Production"),
        (1, "stage", None, "Production", "Archived"),
        (1, "stage", None, "None", "Production"),
        (2, "created", None, None, "s3://bucket/m"),
        (1, "created", None, None, "s3://bucket/m"),
        (None, "created", None, None, "churn"),
    ]
    entry = registry.get_history("retention")[12]
    assert (entry.name, entry.user_id, entry.note) == ("retention", "bob", "better: ☃")
    assert entry.timestamp > 1_600_000_000_000
    # of one version, also how it lost an alias
    assert lines(registry, "retention", 1) == [
        line for line in told if line[0] == 1 or line[3] == "1"
    ]
    with pytest.raises(NotFound):
        registry.get_history("retention", 3)


def test_a_name_used_again_has_a_history_of_its_own(registry):
    new(registry, versions=1)
    registry.set_alias("churn", "champion", 1, ANN)
    registry.delete_model_version("churn", 1, BOB)
    assert lines(registry, "churn")[:2] == [
        (1, "deleted", None, "s3://bucket/m", None),
        (1, "alias", "champion", "1", None),
    ]
    assert len(lines(registry, "churn", 1)) == 4
    registry.delete_registered_model("churn", BOB)
    gone = lines(registry, "churn")
    assert gone[0] == (None, "deleted", None, "churn", None)
    assert len(gone) == 6
    new(registry, versions=0)
    assert lines(registry, "churn") == [(None, "created", None, None, "churn")]
    registry.rename_registered_model("churn", "other", ANN)
    assert lines(registry, "churn") == gone


def test_pages_of_a_history(registry):
    new(registry, versions=6)
    found, token = [], None
    while page := registry.get_history("churn", None, 3, token):
        found += page
        token = page.token
        if token is None:
            break
    assert found == list(registry.get_history("churn"))
    with pytest.raises(InvalidInput, match="token"):
        registry.get_history("churn", 1, 3, registry.get_history("churn", None, 3).token)
    with pytest.raises(InvalidInput, match="max_results"):
        registry.get_history("churn", None, 0)


def test_versions_of_runs(sql_registry):
    registry = sql_registry
    store = SqlStore(registry.uri)
    run = store.create_run("0", "n", "u", 1, []).info.run_id
    other = store.create_run("0", "n", "u", 1, []).info.run_id
    logged = store.create_logged_model("0", "m", run).model_id
    new(registry, "b", versions=1, run_id=run)
    new(registry, "a", versions=2, model_id=logged)
    new(registry, "c", versions=1, run_id=other)
    found = registry.versions_of_runs([run])
    assert [(v.name, v.version) for v in found] == [("a", 1), ("a", 2), ("b", 1)]
    assert len(registry.versions_of_runs([run, other, "none"])) == 4
    assert registry.versions_of_runs([]) == registry.versions_of_runs(["none"]) == []
