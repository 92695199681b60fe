"""The registry: registered models, their versions, aliases, and what happened to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"

_big = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_key = sa.String(250)
_name = sa.String(256)
_start = sa.String(100)
_long_text = sa.Text().with_variant(mysql.MEDIUMTEXT, "mysql")


def upgrade() -> None:
    op.create_table(
        "registered_models",
        sa.Column("id", _big, primary_key=True),
        sa.Column("name", _name, nullable=False, unique=True),
        sa.Column("description", _long_text, nullable=False),
        sa.Column("creation_time", sa.BigInteger, nullable=False),
        sa.Column("last_update_time", sa.BigInteger, nullable=False),
        sa.Column("last_version", sa.Integer, nullable=False),
        sa.Index("ix_registered_models_created", "creation_time"),
        sa.Index("ix_registered_models_updated", "last_update_time"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "registered_model_tags",
        sa.Column("model", _big, sa.ForeignKey("registered_models.id"), primary_key=True),
        sa.Column("key", _key, primary_key=True),
        sa.Column("value", _long_text, nullable=False),
        sa.Column("start", _start, nullable=False),
        sa.Index("ix_registered_model_tags_value", "key", "start", "model"),
        sqlite_with_rowid=False,
    )
    _add_versions()
    op.create_table(
        "registered_model_aliases",
        sa.Column("model", _big, sa.ForeignKey("registered_models.id"), primary_key=True),
        sa.Column("alias", _name, primary_key=True),
        sa.Column("version", _big, sa.ForeignKey("model_versions.id"), nullable=False),
        sa.Index("ix_registered_model_aliases_version", "version"),
        sa.Index("ix_registered_model_aliases_alias", "alias", "version"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "registry_history",
        sa.Column("id", _big, primary_key=True),
        sa.Column("model", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer),
        sa.Column("left_version", sa.Integer),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("key", _name),
        sa.Column("before", _long_text),
        sa.Column("after", _long_text),
        sa.Column("user_id", _name, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("note", _long_text, nullable=False),
        sa.Column("deleted_name", _name),
        sa.Index("ix_registry_history_model", "model", "id"),
        sa.Index("ix_registry_history_version", "model", "version", "id"),
        sa.Index("ix_registry_history_left", "model", "left_version", "id"),
        sa.Index("ix_registry_history_deleted", "deleted_name", "id"),
        sqlite_autoincrement=True,
    )
    # versions of models that were measured on a dataset
    given = sa.text("dataset_name IS NOT NULL")
    op.create_index(
        "ix_logged_model_metrics_dataset",
        "logged_model_metrics",
        ["dataset_name", "dataset_digest", "model"],
        sqlite_where=given,
        postgresql_where=given,
    )


def _add_versions() -> None:
    op.create_table(
        "model_versions",
        sa.Column("id", _big, primary_key=True),
        sa.Column("model", _big, sa.ForeignKey("registered_models.id"), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("creation_time", sa.BigInteger, nullable=False),
        sa.Column("last_update_time", sa.BigInteger, nullable=False),
        sa.Column("description", _long_text, nullable=False),
        sa.Column("user_id", _name, nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("source_hash", sa.BigInteger, nullable=False),
        sa.Column("location", sa.Text),
        sa.Column("run_id", _key),
        sa.Column("run_link", sa.Text),
        sa.Column("status", sa.String(30), nullable=False),
        sa.Column("status_message", sa.Text),
        sa.Column("model_id", _key),
        sa.Column("digest", sa.String(100)),
        sa.UniqueConstraint("model", "version"),
        sa.Index("ix_model_versions_latest", "model", "stage", "version"),
        sa.Index("ix_model_versions_updated", "last_update_time", "model"),
        sa.Index("ix_model_versions_created", "creation_time", "model"),
        sa.Index("ix_model_versions_number", "version", "last_update_time", "model"),
        *(
            sa.Index(f"ix_model_versions_{name}", column, "last_update_time")
            for name, column in {
                "model": "model",
                "stage": "stage",
                "user": "user_id",
                "run": "run_id",
                "logged": "model_id",
                "source": "source_hash",
            }.items()
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "model_version_tags",
        sa.Column("version", _big, sa.ForeignKey("model_versions.id"), primary_key=True),
        sa.Column("key", _key, primary_key=True),
        sa.Column("value", _long_text, nullable=False),
        sa.Column("start", _start, nullable=False),
        sa.Column("last_update_time", sa.BigInteger, nullable=False),
        sa.Index("ix_model_version_tags_value", "key", "start", "last_update_time", "version"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "model_version_files",
        sa.Column("version", _big, sa.ForeignKey("model_versions.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("checksum", sa.String(100), nullable=False),
        sqlite_with_rowid=False,
    )
