"""The schema. Runs have a small integer key inside, so that the big tables stay narrow.

A metric's value is kept as a finite number plus ``special``, because not every database keeps
NaN and infinities: see `encode_value`. Infinities sort at the ends; NaN is told by ``special``.

What searches look at (latest metrics, params, tags) repeats the run's experiment, so that an index
can start with it. Texts are indexed by their beginning (``start``), because no database indexes
texts of any length; texts must compare by code points (a binary collation) for that to be true.
"""

from __future__ import annotations

import math
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.compiler import compiles

SCHEMA_VERSION = 4

metadata = MetaData()


class LongText(Text):
    """Up to 16 MB on every database."""


@compiles(LongText, "mysql")
def _medium_text(element: LongText, compiler: Any, **options: Any) -> str:
    return "MEDIUMTEXT"  # its TEXT ends at 64 KB


BIG = BigInteger().with_variant(Integer, "sqlite")  # an alias of SQLite's rowid
KEY = String(250)
START = 100  # so many characters of a text are in its index

meta = Table(
    "mlpack_meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

experiments = Table(
    "experiments",
    metadata,
    Column("id", BIG, primary_key=True),
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
    Column("key", KEY, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

runs = Table(
    "runs",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("run_id", String(64), nullable=False, unique=True),
    Column("experiment", ForeignKey(experiments.c.id), nullable=False),
    Column("run_name", String(250), nullable=False),
    Column("user_id", String(256), nullable=False),
    Column("status", String(20), nullable=False),
    Column("start_time", BigInteger, nullable=False),
    Column("end_time", BigInteger),
    Column("lifecycle_stage", String(20), nullable=False),
    Column("deleted_time", BigInteger),
    Index("ix_runs_experiment", "experiment", "lifecycle_stage", "start_time", "id"),
    Index("ix_runs_end", "experiment", "lifecycle_stage", "end_time", "start_time", "id"),
    sqlite_autoincrement=True,
)

params = Table(
    "params",
    metadata,
    Column("run", ForeignKey(runs.c.id), primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("value", Text, nullable=False),
    Column("experiment", BigInteger, nullable=False),
    Column("start", String(START), nullable=False),  # of the value
    Index("ix_params_value", "experiment", "key", "start", "run"),
    sqlite_with_rowid=False,
)

tags = Table(
    "tags",
    metadata,
    Column("run", ForeignKey(runs.c.id), primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("value", Text, nullable=False),
    Column("experiment", BigInteger, nullable=False),
    Column("start", String(START), nullable=False),  # of the value
    Index("ix_tags_value", "experiment", "key", "start", "run"),
    sqlite_with_rowid=False,
)

# The history. The unique key makes a repeated request harmless; `id` keeps the order of calls
# within one millisecond.
metrics = Table(
    "metrics",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("run", ForeignKey(runs.c.id), nullable=False),
    Column("key", KEY, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("value", Double, nullable=False),
    Column("special", SmallInteger, nullable=False),
    UniqueConstraint("run", "key", "timestamp", "step", "value", "special"),
    Index("ix_metrics_step", "run", "key", "step"),
)

# One row per run and key: what `run.data.metrics` shows and what searches look at. The value of NaN
# is NULL here: unequal to every number, in no order with any, and at one end of the index.
latest_metrics = Table(
    "latest_metrics",
    metadata,
    Column("run", ForeignKey(runs.c.id), primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("value", Double),
    Column("special", SmallInteger, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("experiment", BigInteger, nullable=False),
    Index("ix_latest_metrics_value", "experiment", "key", "value", "run"),
    sqlite_with_rowid=False,
)

# Long curves in so few buckets as charts show: see `curve_summaries`.
metric_summaries = Table(
    "metric_summaries",
    metadata,
    Column("run", ForeignKey(runs.c.id), primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("axis", String(10), nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("width", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("is_all", Boolean, nullable=False),
    Column("buckets", LargeBinary(2**24 - 1), nullable=False),
)

logged_models = Table(
    "logged_models",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("model_id", String(64), nullable=False, unique=True),
    Column("experiment", ForeignKey(experiments.c.id), nullable=False),
    Column("source_run", ForeignKey(runs.c.id)),
    Column("name", String(256), nullable=False),
    Column("status", String(20), nullable=False),
    Column("model_type", String(256)),
    Column("digest", String(100)),
    Column("creation_time", BigInteger, nullable=False),
    Column("last_update_time", BigInteger, nullable=False),
    Column("lifecycle_stage", String(20), nullable=False, server_default="active"),
    Index("ix_logged_models_run", "source_run", "name"),
    Index("ix_logged_models_experiment", "experiment", "lifecycle_stage", "creation_time", "id"),
    sqlite_autoincrement=True,
)

logged_model_params = Table(
    "logged_model_params",
    metadata,
    Column("model", ForeignKey(logged_models.c.id), primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

logged_model_tags = Table(
    "logged_model_tags",
    metadata,
    Column("model", ForeignKey(logged_models.c.id), primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Every value that was measured on a model, by whichever run and on whichever dataset.
logged_model_metrics = Table(
    "logged_model_metrics",
    metadata,
    Column("model", ForeignKey(logged_models.c.id), primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("timestamp", BigInteger, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("run", ForeignKey(runs.c.id), primary_key=True),
    Column("value", Double),
    Column("special", SmallInteger, nullable=False),
    Column("dataset_name", String(500)),
    Column("dataset_digest", String(64)),
    Index("ix_logged_model_metrics_run", "run"),
    Index(
        "ix_logged_model_metrics_dataset",
        *("dataset_name", "dataset_digest", "model"),
        sqlite_where=text("dataset_name IS NOT NULL"),
        postgresql_where=text("dataset_name IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("experiment", ForeignKey(experiments.c.id), nullable=False),
    Column("name", String(500), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("source_type", String(64), nullable=False),
    Column("source", LongText, nullable=False),
    Column("schema", LongText),
    Column("profile", LongText),
    UniqueConstraint("experiment", "name", "digest"),
    sqlite_autoincrement=True,
)

dataset_inputs = Table(
    "dataset_inputs",
    metadata,
    Column("run", ForeignKey(runs.c.id), primary_key=True),
    Column("dataset", ForeignKey(datasets.c.id), primary_key=True),
    Index("ix_dataset_inputs_dataset", "dataset", "run"),
    sqlite_with_rowid=False,
)

dataset_input_tags = Table(
    "dataset_input_tags",
    metadata,
    Column("run", ForeignKey(runs.c.id), primary_key=True),
    Column("dataset", ForeignKey(datasets.c.id), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

# No foreign key to the model: it may lie in another store.
model_inputs = Table(
    "model_inputs",
    metadata,
    Column("run", ForeignKey(runs.c.id), primary_key=True),
    Column("model_id", String(64), primary_key=True),
    sqlite_with_rowid=False,
)

model_outputs = Table(
    "model_outputs",
    metadata,
    Column("run", ForeignKey(runs.c.id), primary_key=True),
    Column("model_id", String(64), primary_key=True),
    Column("step", BigInteger, primary_key=True),
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


def decode_value(value: float | None, special: int) -> float:
    """The float back."""
    if special:
        return {NAN: math.nan, PLUS_INFINITY: math.inf, MINUS_INFINITY: -math.inf}[special]
    assert value is not None
    return value
