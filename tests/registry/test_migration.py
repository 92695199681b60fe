"""A database from before the registry is told what to do, and has one afterwards."""

import pytest

from mlpack.errors import InvalidState
from mlpack.registry.entities import By
from mlpack.registry.sql.store import SqlRegistry
from mlpack.tests.stores import SQL_KINDS
from mlpack.tests.tracking.test_schema import described, make_version_1
from mlpack.tracking.sql import tables
from mlpack.tracking.sql.store import SqlStore
from mlpack.tracking.sql.upgrade import upgrade


@pytest.fixture(params=SQL_KINDS)
def uri(request, tmp_path):
    """The address of a database in which nothing is yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/some.db"
    return request.getfixturevalue(f"{request.param}_uri")


def test_a_database_of_version_2(uri, monkeypatch):
    make_version_1(uri)
    with monkeypatch.context() as before:
        before.setattr(tables, "SCHEMA_VERSION", 2)
        assert upgrade(SqlStore(uri).database).after == 2
        assert SqlStore(uri).get_run("r1").data.metrics["m"] == 1.5
        assert "model_versions" not in described(uri)
    registry = SqlRegistry(SqlStore(uri).database)
    for call in (
        registry.search_registered_models,
        lambda: registry.create_registered_model("churn", {}, "", By()),
    ):
        with pytest.raises(InvalidState, match=r"has schema version 2.*mlpack db upgrade \S+"):
            call()
    done = upgrade(registry.database)
    assert (done.before, done.after) == (2, tables.SCHEMA_VERSION)
    assert SqlStore(uri).get_run("r1").data.params == {"Key": "x" * 6000}

    made = registry.create_model_version(
        "churn",
        "models:/m-1",
        model_id="m-1",
        run_id="r1",
        tags={"k": "v"},
        description="",
        files={"MLmodel": "sha256:1"},
        by=By("me"),
        make_name=True,
    )
    registry.set_alias("churn", "champion", 1, By("me"))
    registry.transition_stage("churn", 1, "Production", True, By("me"))
    assert registry.get_version_by_alias("churn", "champion").digest == made.digest
    assert [v.name for v in registry.versions_of_runs(["r1"])] == ["churn"]
    assert len(registry.search_model_versions("stage = 'Production' AND tags.k = 'v'")) == 1
