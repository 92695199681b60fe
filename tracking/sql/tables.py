"""The schema. Runs have a small integer key inside, so that the big tables stay narrow.

A metric's value is kept as a finite number plus ``special``, because not every database keeps
NaN and infinities: see `encode_value`. Infinities sort at the ends; NaN is told by ``special``.
"""

from __future__ import annotations

import math

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

SCHEMA_VERSION = 1

metadata = MetaData()
_big = BigInteger().with_variant(Integer, "sqlite")  # an alias of SQLite's rowid
_key = String(250)

meta = Table(
    "mlpack_meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

experiments = Table(
    "experiments",
    metadata,
    Column("id", _big, primary_key=True),
    Column("name", String(500), nullable=False, unique=True),
    # NULL: below the store's own root, so that the whole folder can be moved
    Column("artifact_location", Text),
    Column("lifecycle_stage", String(20), nullable=False),
    Column("creation_time", BigInteger, nullable=False),
    Column("last_update_time", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

experiment_tags = Table(
    "experiment_tags",
    metadata,
    Column("experiment", ForeignKey(experiments.c.id), primary_key=True),
    Column("key", _key, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

runs = Table(
    "runs",
    metadata,
    Column("id", _big, primary_key=True),
    Column("run_id", String(64), nullable=False, unique=True),
    Column("experiment", ForeignKey(experiments.c.id), nullable=False),
    Column("run_name", String(250), nullable=False),
    Column("user_id", String(256), nullable=False),
    Column("status", String(20), nullable=False),
    Column("start_time", BigInteger, nullable=False),
    Column("end_time", BigInteger),
    Column("lifecycle_stage", String(20), nullable=False),
    Index("ix_runs_experiment", "experiment", "lifecycle_stage", "start_time"),
    sqlite_autoincrement=True,
)

params = Table(
    "params",
    metadata,
    Column("run", ForeignKey(runs.c.id), primary_key=True),
    Column("key", _key, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

tags = Table(
    "tags",
    metadata,
    Column("run", ForeignKey(runs.c.id), primary_key=True),
    Column("key", _key, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

# The history. The unique key makes a repeated request harmless; `id` keeps the order of calls
# within one millisecond.
metrics = Table(
    "metrics",
    metadata,
    Column("id", _big, primary_key=True),
    Column("run", ForeignKey(runs.c.id), nullable=False),
    Column("key", _key, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("value", Double, nullable=False),
    Column("special", SmallInteger, nullable=False),
    UniqueConstraint("run", "key", "timestamp", "step", "value", "special"),
)

# One row per run and key: what `run.data.metrics` shows and what searches look at.
latest_metrics = Table(
    "latest_metrics",
    metadata,
    Column("run", ForeignKey(runs.c.id), primary_key=True),
    Column("key", _key, primary_key=True),
    Column("value", Double, nullable=False),
    Column("special", SmallInteger, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

logged_models = Table(
    "logged_models",
    metadata,
    Column("id", _big, primary_key=True),
    Column("model_id", String(64), nullable=False, unique=True),
    Column("experiment", ForeignKey(experiments.c.id), nullable=False),
    Column("source_run", ForeignKey(runs.c.id)),
    Column("name", String(256), nullable=False),
    Column("status", String(20), nullable=False),
    Column("model_type", String(256)),
    Column("digest", String(100)),
    Column("creation_time", BigInteger, nullable=False),
    Column("last_update_time", BigInteger, nullable=False),
    Index("ix_logged_models_run", "source_run", "name"),
    Index("ix_logged_models_experiment", "experiment"),
    sqlite_autoincrement=True,
)

logged_model_params = Table(
    "logged_model_params",
    metadata,
    Column("model", ForeignKey(logged_models.c.id), primary_key=True),
    Column("key", _key, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

logged_model_tags = Table(
    "logged_model_tags",
    metadata,
    Column("model", ForeignKey(logged_models.c.id), primary_key=True),
    Column("key", _key, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

NAN, PLUS_INFINITY, MINUS_INFINITY = 1, 2, 3
_LARGEST = 1.7976931348623157e308


def encode_value(value: float) -> tuple[float, int]:
    """A float as (finite value, special)."""
    if math.isfinite(value):
        return value, 0
    if math.isnan(value):
        return 0.0, NAN
    return (_LARGEST, PLUS_INFINITY) if value > 0 else (-_LARGEST, MINUS_INFINITY)


def decode_value(value: float, special: int) -> float:
    """The float back."""
    if not special:
        return value
    return {NAN: math.nan, PLUS_INFINITY: math.inf, MINUS_INFINITY: -math.inf}[special]
