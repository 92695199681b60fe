"""Datasets, inputs and outputs, metrics of models; what is needed to search without a scan."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

_big = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_key = sa.String(250)
_long_text = sa.Text().with_variant(mysql.MEDIUMTEXT, "mysql")
_stage = sa.String(20).with_variant(sa.String(20, collation="C"), "postgresql")
_NAN = 1


def upgrade() -> None:
    op.add_column("runs", sa.Column("deleted_time", sa.BigInteger))
    _index_anew("runs", "ix_runs_experiment", "experiment lifecycle_stage start_time id")
    by_end = ["experiment", "lifecycle_stage", "end_time", "start_time", "id"]
    op.create_index("ix_runs_end", "runs", by_end)
    op.add_column(
        "logged_models",
        sa.Column("lifecycle_stage", _stage, nullable=False, server_default="active"),
    )
    _index_anew(
        "logged_models",
        "ix_logged_models_experiment",
        "experiment lifecycle_stage creation_time id",
    )
    op.create_index("ix_metrics_step", "metrics", ["run", "key", "step"])
    for name in ("params", "tags"):
        _make_anew(
            name,
            sa.Column("value", sa.Text, nullable=False),
            sa.Column("experiment", sa.BigInteger, nullable=False),
            sa.Column("start", sa.String(100), nullable=False),
            sa.Index(f"ix_{name}_value", "experiment", "key", "start", "run"),
        )
    _make_anew(
        "latest_metrics",
        sa.Column("value", sa.Double),
        sa.Column("special", sa.SmallInteger, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("experiment", sa.BigInteger, nullable=False),
        sa.Index("ix_latest_metrics_value", "experiment", "key", "value", "run"),
    )
    _add_tables()


def _index_anew(table: str, name: str, columns: str) -> None:
    # MySQL does not drop the last index that a foreign key can use
    op.create_index(f"{name}_2", table, columns.split())
    op.drop_index(name, table)
    op.create_index(name, table, columns.split())
    op.drop_index(f"{name}_2", table)


def _make_anew(name: str, *columns: sa.schema.SchemaItem) -> None:
    """Make a table of runs and keys again, with the experiment of each run in it."""
    op.execute(f"CREATE TABLE old_{name} AS SELECT * FROM {name}")  # noqa: S608
    op.drop_table(name)
    table = op.create_table(
        name,
        sa.Column("run", _big, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("key", _key, primary_key=True),
        *columns,
        sqlite_with_rowid=False,
    )
    kept = [c.name for c in table.columns if c.name not in ("experiment", "start")]
    old = sa.table(f"old_{name}", *(sa.column(c) for c in kept))
    runs = sa.table("runs", sa.column("id"), sa.column("experiment"))
    values: dict[str, Any] = {c: old.c[c] for c in kept} | {"experiment": runs.c.experiment}
    if name == "latest_metrics":
        values["value"] = sa.case((old.c.special == _NAN, sa.null()), else_=old.c.value)
    else:
        values["start"] = sa.func.substr(old.c.value, 1, 100)
    select = sa.select(*values.values()).select_from(old.join(runs, runs.c.id == old.c.run))
    op.execute(table.insert().from_select(list(values), select))
    op.drop_table(f"old_{name}")


def _add_tables() -> None:
    op.create_table(
        "logged_model_metrics",
        sa.Column("model", _big, sa.ForeignKey("logged_models.id"), primary_key=True),
        sa.Column("key", _key, primary_key=True),
        sa.Column("timestamp", sa.BigInteger, primary_key=True),
        sa.Column("step", sa.BigInteger, primary_key=True),
        sa.Column("run", _big, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("value", sa.Double),
        sa.Column("special", sa.SmallInteger, nullable=False),
        sa.Column("dataset_name", sa.String(500)),
        sa.Column("dataset_digest", sa.String(64)),
        sa.Index("ix_logged_model_metrics_run", "run"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "datasets",
        sa.Column("id", _big, primary_key=True),
        sa.Column("experiment", _big, sa.ForeignKey("experiments.id"), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("source_type", sa.String(64), nullable=False),
        sa.Column("source", _long_text, nullable=False),
        sa.Column("schema", _long_text),
        sa.Column("profile", _long_text),
        sa.UniqueConstraint("experiment", "name", "digest"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "dataset_inputs",
        sa.Column("run", _big, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("dataset", _big, sa.ForeignKey("datasets.id"), primary_key=True),
        sa.Index("ix_dataset_inputs_dataset", "dataset", "run"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dataset_input_tags",
        sa.Column("run", _big, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("dataset", _big, sa.ForeignKey("datasets.id"), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "model_inputs",
        sa.Column("run", _big, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("model_id", sa.String(64), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "model_outputs",
        sa.Column("run", _big, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("model_id", sa.String(64), primary_key=True),
        sa.Column("step", sa.BigInteger, primary_key=True),
        sqlite_with_rowid=False,
    )
