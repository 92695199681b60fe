"""The schema: made at once or by migrations it is the same, and nothing is lost on the way."""

import json
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from click.testing import CliRunner

import mlpack
from mlpack.cli.main import cli
from mlpack.errors import InvalidState, NotFound
from mlpack.tracking.entities import Metric, Param, RunTag
from mlpack.tracking.sql import schema, tables
from mlpack.tracking.sql import upgrade as upgrade_module
from mlpack.tracking.sql.store import SqlStore, open_database
from mlpack.tracking.sql.upgrade import current_version, upgrade

FOLDER = upgrade_module.Path(upgrade_module.__file__).with_name("migrations")


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.db),
        pytest.param("mariadb", marks=pytest.mark.db),
    ]
)
def uri(request, tmp_path):
    """The address of a database in which nothing is yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/some.db"
    return request.getfixturevalue(f"{request.param}_uri")


ROWS = {
    "experiments": [
        {
            "id": i,
            "name": name,
            "lifecycle_stage": "active",
            "creation_time": 1,
            "last_update_time": 2,
        }
        for i, name in enumerate(["Default", "other"])
    ],
    "experiment_tags": [{"experiment": 1, "key": "k", "value": "v"}],
    "runs": [
        {
            "id": i,
            "run_id": f"r{i}",
            "experiment": 1,
            "run_name": "name",
            "user_id": "me",
            "status": "FINISHED",
            "start_time": i,
            "end_time": 9,
            "lifecycle_stage": stage,
        }
        for i, stage in [(1, "active"), (2, "deleted")]
    ],
    "metrics": [
        {"run": 1, "key": key, "timestamp": 1, "step": 0, "value": value, "special": special}
        for key, value, special in [("m", 1.5, 0), ("nan", 0.0, 1)]
    ],
    "latest_metrics": [
        {"run": 1, "key": key, "timestamp": 1, "step": 0, "value": value, "special": special}
        for key, value, special in [("m", 1.5, 0), ("nan", 0.0, 1)]
    ],
    "params": [{"run": 1, "key": "Key", "value": "x" * 6000}],
    "tags": [{"run": 1, "key": "t", "value": "v"}],
    "logged_models": [
        {
            "id": 1,
            "model_id": "m-1",
            "experiment": 1,
            "source_run": 1,
            "name": "model",
            "status": "READY",
            "digest": "d",
            "creation_time": 1,
            "last_update_time": 1,
        }
    ],
    "logged_model_params": [{"model": 1, "key": "k", "value": "v"}],
    "logged_model_tags": [{"model": 1, "key": "k", "value": "v"}],
    "mlpack_meta": [
        {"key": "schema_version", "value": "1"},
        {"key": "artifact_root", "value": "files"},
    ],
}


def make_version_1(uri):
    """A database as the first version left it, with something in every table."""
    database = open_database(uri)
    if uri.startswith("sqlite"):
        database.path.parent.mkdir(exist_ok=True)
    with database.maintenance() as connection:
        first = ScriptDirectory(str(FOLDER)).get_revision("0001").module
        with Operations.context(MigrationContext.configure(connection)):
            first.upgrade()
        for name, rows in ROWS.items():
            table = sa.Table(name, sa.MetaData(), autoload_with=connection)
            connection.execute(table.insert(), rows)


def test_each_version_of_the_schema_has_one_migration():
    scripts = ScriptDirectory(str(FOLDER))
    assert scripts.get_heads() == [schema.revision(tables.SCHEMA_VERSION)]
    assert len(list(scripts.walk_revisions())) == tables.SCHEMA_VERSION


def described(uri):
    """Everything about the tables of a database that two ways of making them must agree on."""
    found = {}
    with open_database(uri).maintenance() as connection:
        inspector = sa.inspect(connection)
        dialect = connection.dialect
        for table in inspector.get_table_names():
            options = inspector.get_table_options(table)
            found[table] = {
                "columns": {
                    column["name"]: (
                        column["type"].compile(dialect=dialect),
                        column["nullable"],
                        column.get("default") if column["name"] != "id" else None,
                        str(column.get("computed")),
                    )
                    for column in inspector.get_columns(table)
                },
                "primary key": inspector.get_pk_constraint(table)["constrained_columns"],
                "foreign keys": sorted(
                    (key["constrained_columns"], key["referred_table"], key["referred_columns"])
                    for key in inspector.get_foreign_keys(table)
                ),
                "indexes": sorted(
                    (index["name"] or "", index["column_names"], bool(index["unique"]))
                    for index in inspector.get_indexes(table)
                ),
                "unique": sorted(
                    unique["column_names"] for unique in inspector.get_unique_constraints(table)
                ),
                "options": {k: v for k, v in options.items() if "auto_increment" not in k},
            }
            if dialect.name == "sqlite":
                query = sa.text("SELECT sql FROM sqlite_master WHERE name = :name")
                made = connection.execute(query, {"name": table}).scalar_one()
                words = ("AUTOINCREMENT", "WITHOUT ROWID", "STORED")
                found[table]["options"] = [word for word in words if word in made]
    return found


def test_migrated_and_new_schemas_are_the_same(uri, request, tmp_path):
    SqlStore(uri).create_experiment("makes the tables")
    new = described(uri)
    if uri.startswith("sqlite"):
        old = f"sqlite:///{tmp_path}/old.db"
    else:
        database = open_database(uri)
        with database.maintenance() as connection:
            tables.metadata.drop_all(connection)
        old = uri
    make_version_1(old)
    assert current_version(open_database(old)) == 1
    upgrade(open_database(old))
    migrated = described(old)
    assert migrated.keys() == new.keys()
    for table, description in migrated.items():
        assert description == new[table], table
    with open_database(old).maintenance() as connection:
        head = connection.execute(sa.select(schema.alembic_version)).scalar_one()
    assert head == schema.revision(tables.SCHEMA_VERSION)


def test_an_upgrade_keeps_everything(uri):
    make_version_1(uri)
    store = SqlStore(uri)
    with pytest.raises(InvalidState, match=r"has schema version 1.*mlpack db upgrade \S+:///?\S+"):
        store.get_run("r1")
    with pytest.raises(InvalidState, match="mlpack db upgrade"):
        store.create_experiment("new")
    done = upgrade(store.database)
    assert (done.before, done.after) == (1, tables.SCHEMA_VERSION)
    assert upgrade(store.database).before == tables.SCHEMA_VERSION

    run = store.get_run("r1")
    assert run.data.metrics["m"] == 1.5 and run.data.metrics["nan"] != run.data.metrics["nan"]
    assert run.data.params == {"Key": "x" * 6000}
    assert run.data.tags == {"t": "v"}
    assert run.info.artifact_uri.endswith("files/1/r1/artifacts")
    assert store.get_run("r2").info.lifecycle_stage == "deleted"
    assert [m.value for m in store.get_metric_history("r1", "m")] == [1.5]
    assert store.get_experiment("1").tags == {"k": "v"}
    model = store.get_logged_model("m-1")
    assert (model.digest, model.status, model.params) == ("d", "READY", {"k": "v"})
    found = store.search_runs(["1"], "metrics.m > 1 and params.Key LIKE 'xx%'")
    assert [r.info.run_id for r in found] == ["r1"]
    # and it takes what is new
    store.log_batch("r1", [Metric("m", 2, 2, 1)], [Param("new", "1")], [RunTag("t", "w")])
    assert store.get_run("r1").data.metrics["m"] == 2
    assert int(store.create_experiment("new")) > 1


def test_sqlite_is_copied_before(tmp_path):
    uri = f"sqlite:///{tmp_path}/some.db"
    make_version_1(uri)
    result = CliRunner().invoke(cli, ["db", "upgrade", uri], catch_exceptions=False)
    copied, changed = result.output.splitlines()
    backup = copied.removeprefix("Copied to ")
    assert (
        changed == f"{tmp_path}/some.db was version 1 and is now version {tables.SCHEMA_VERSION}."
    )
    assert current_version(open_database(f"sqlite:///{backup}")) == 1
    with closing(sqlite3.connect(backup)) as copy:
        assert copy.execute("SELECT count(*) FROM params").fetchone() == (1,)
    again = CliRunner().invoke(cli, ["db", "upgrade", uri], catch_exceptions=False)
    assert again.output == f"{tmp_path}/some.db is up to date (version {tables.SCHEMA_VERSION}).\n"
    assert {p.name for p in tmp_path.iterdir() if "version" in p.name} == {
        upgrade_module.Path(backup).name
    }


def test_upgrades_at_once_are_one(uri):
    make_version_1(uri)
    done = []
    threads = [
        threading.Thread(target=lambda: done.append(upgrade(open_database(uri)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.before for each in done) == [1, *[tables.SCHEMA_VERSION] * 3]


def test_an_upgrade_that_fails_changes_nothing(tmp_path, monkeypatch):
    uri = f"sqlite:///{tmp_path}/some.db"
    make_version_1(uri)
    before = described(uri)
    monkeypatch.setattr(upgrade_module.tables.meta, "update", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        upgrade(open_database(uri))
    assert described(uri) == before


def test_the_current_version(tmp_path, mlruns):
    missing = CliRunner().invoke(cli, ["db", "current", f"sqlite:///{tmp_path}/none.db"])
    assert isinstance(missing.exception, NotFound)
    assert list(tmp_path.iterdir()) == []
    with mlpack.start_run():
        pass
    result = CliRunner().invoke(cli, ["db", "current", "--json"], catch_exceptions=False)
    assert json.loads(result.output) == {
        "database": str(mlruns / "mlpack.db"),
        "version": tables.SCHEMA_VERSION,
        "needed": tables.SCHEMA_VERSION,
    }
    served = CliRunner().invoke(cli, ["db", "upgrade", "http://localhost:5000"])
    assert "is a tracking server" in str(served.exception)


def test_a_store_that_is_up_to_date_needs_no_alembic(mlruns):
    code = """
import sys, mlpack
with mlpack.start_run():
    mlpack.log_metric("m", 1)
assert mlpack.search_runs(output_format="list")
assert "alembic" not in sys.modules
"""
    for _ in ("new", "again"):
        subprocess.run([sys.executable, "-c", code], check=True)
