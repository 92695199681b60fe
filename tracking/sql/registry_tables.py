"""The registry's part of the schema, in the same database as runs.

A registered model has an integer key inside, so a new name is one changed row, and the history
of a name that was given up does not become that of the next model of this name.

Searches walk indexes (see `registry.sql.walk`): those on model versions end with the time of the
last change, which is their default order; so do the tags, which repeat it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from .tables import BIG, KEY, START, LongText, metadata

NAME = String(256)

registered_models = Table(
    "registered_models",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("name", NAME, nullable=False, unique=True),
    Column("description", LongText, nullable=False),
    Column("creation_time", BigInteger, nullable=False),
    Column("last_update_time", BigInteger, nullable=False),
    # the number that was given last: no number is given twice
    Column("last_version", Integer, nullable=False),
    Index("ix_registered_models_created", "creation_time"),
    Index("ix_registered_models_updated", "last_update_time"),
    sqlite_autoincrement=True,
)

registered_model_tags = Table(
    "registered_model_tags",
    metadata,
    Column("model", ForeignKey(registered_models.c.id), primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("value", LongText, nullable=False),
    Column("start", String(START), nullable=False),  # of the value
    Index("ix_registered_model_tags_value", "key", "start", "model"),
    sqlite_with_rowid=False,
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("model", ForeignKey(registered_models.c.id), nullable=False),
    Column("version", Integer, nullable=False),
    Column("creation_time", BigInteger, nullable=False),
    Column("last_update_time", BigInteger, nullable=False),
    Column("description", LongText, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("stage", String(20), nullable=False),
    Column("source", Text, nullable=False),
    Column("source_hash", BigInteger, nullable=False),  # no database indexes texts of any length
    Column("location", Text),
    Column("run_id", KEY),
    Column("run_link", Text),
    Column("status", String(30), nullable=False),
    Column("status_message", Text),
    Column("model_id", KEY),
    Column("digest", String(100)),
    UniqueConstraint("model", "version"),
    # the latest version of a stage is the end of a stretch of this one
    Index("ix_model_versions_latest", "model", "stage", "version"),
    # with the model, so that names are looked at without the row
    Index("ix_model_versions_updated", "last_update_time", "model"),
    Index("ix_model_versions_created", "creation_time", "model"),
    Index("ix_model_versions_model", "model", "last_update_time"),
    Index("ix_model_versions_number", "version", "last_update_time", "model"),
    Index("ix_model_versions_stage", "stage", "last_update_time"),
    Index("ix_model_versions_user", "user_id", "last_update_time"),
    Index("ix_model_versions_run", "run_id", "last_update_time"),
    Index("ix_model_versions_logged", "model_id", "last_update_time"),
    Index("ix_model_versions_source", "source_hash", "last_update_time"),
    sqlite_autoincrement=True,
)

model_version_tags = Table(
    "model_version_tags",
    metadata,
    Column("version", ForeignKey(model_versions.c.id), primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("value", LongText, nullable=False),
    Column("start", String(START), nullable=False),  # of the value
    Column("last_update_time", BigInteger, nullable=False),  # of the version
    Index("ix_model_version_tags_value", "key", "start", "last_update_time", "version"),
    sqlite_with_rowid=False,
)

# What the files of a version were when it was registered. Numbered, as a path may be of any length.
model_version_files = Table(
    "model_version_files",
    metadata,
    Column("version", ForeignKey(model_versions.c.id), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("checksum", String(100), nullable=False),
    sqlite_with_rowid=False,
)

registered_model_aliases = Table(
    "registered_model_aliases",
    metadata,
    Column("model", ForeignKey(registered_models.c.id), primary_key=True),
    Column("alias", NAME, primary_key=True),
    Column("version", ForeignKey(model_versions.c.id), nullable=False),
    Index("ix_registered_model_aliases_version", "version"),
    Index("ix_registered_model_aliases_alias", "alias", "version"),
    sqlite_with_rowid=False,
)

# No foreign keys: what happened outlives what it happened to.
registry_history = Table(
    "registry_history",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("model", BigInteger, nullable=False),
    Column("version", Integer),  # its number; NULL for the model itself
    Column("left_version", Integer),  # that an alias pointed at before
    Column("kind", String(20), nullable=False),
    Column("key", NAME),
    Column("before", LongText),
    Column("after", LongText),
    Column("user_id", NAME, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("note", LongText, nullable=False),
    Column("deleted_name", NAME),  # that a model gave up: renamed, or deleted
    Index("ix_registry_history_model", "model", "id"),
    Index("ix_registry_history_version", "model", "version", "id"),
    Index("ix_registry_history_left", "model", "left_version", "id"),
    Index("ix_registry_history_deleted", "deleted_name", "id"),
    sqlite_autoincrement=True,
)
