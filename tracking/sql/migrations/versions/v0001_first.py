"""The first schema, as it was: frozen here, whatever `tables` says today."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_big = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_key = sa.String(250)


def upgrade() -> None:
    op.create_table(
        "mlpack_meta",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "experiments",
        sa.Column("id", _big, primary_key=True),
        sa.Column("name", sa.String(500), nullable=False, unique=True),
        sa.Column("artifact_location", sa.Text),
        sa.Column("lifecycle_stage", sa.String(20), nullable=False),
        sa.Column("creation_time", sa.BigInteger, nullable=False),
        sa.Column("last_update_time", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "runs",
        sa.Column("id", _big, primary_key=True),
        sa.Column("run_id", sa.String(64), nullable=False, unique=True),
        sa.Column("experiment", _big, sa.ForeignKey("experiments.id"), nullable=False),
        sa.Column("run_name", sa.String(250), nullable=False),
        sa.Column("user_id", sa.String(256), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("start_time", sa.BigInteger, nullable=False),
        sa.Column("end_time", sa.BigInteger),
        sa.Column("lifecycle_stage", sa.String(20), nullable=False),
        sa.Index("ix_runs_experiment", "experiment", "lifecycle_stage", "start_time"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "metrics",
        sa.Column("id", _big, primary_key=True),
        sa.Column("run", _big, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("key", _key, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("special", sa.SmallInteger, nullable=False),
        sa.UniqueConstraint("run", "key", "timestamp", "step", "value", "special"),
    )
    op.create_table(
        "latest_metrics",
        sa.Column("run", _big, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("key", _key, primary_key=True),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("special", sa.SmallInteger, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "logged_models",
        sa.Column("id", _big, primary_key=True),
        sa.Column("model_id", sa.String(64), nullable=False, unique=True),
        sa.Column("experiment", _big, sa.ForeignKey("experiments.id"), nullable=False),
        sa.Column("source_run", _big, sa.ForeignKey("runs.id")),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("model_type", sa.String(256)),
        sa.Column("digest", sa.String(100)),
        sa.Column("creation_time", sa.BigInteger, nullable=False),
        sa.Column("last_update_time", sa.BigInteger, nullable=False),
        sa.Index("ix_logged_models_run", "source_run", "name"),
        sa.Index("ix_logged_models_experiment", "experiment"),
        sqlite_autoincrement=True,
    )
    _of("experiment_tags", "experiment", "experiments.id")
    _of("params", "run", "runs.id")
    _of("tags", "run", "runs.id")
    _of("logged_model_params", "model", "logged_models.id")
    _of("logged_model_tags", "model", "logged_models.id")


def _of(table: str, owner: str, target: str) -> None:
    """A table of keys and values of an owner."""
    op.create_table(
        table,
        sa.Column(owner, _big, sa.ForeignKey(target), primary_key=True),
        sa.Column("key", _key, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
