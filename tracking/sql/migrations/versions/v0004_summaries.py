"""Summaries of long curves, so that charts need not read every point."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "metric_summaries",
        sa.Column("run", run, sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("key", sa.String(250), primary_key=True),
        sa.Column("axis", sa.String(10), nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("width", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("is_all", sa.Boolean, nullable=False),
        sa.Column("buckets", sa.LargeBinary(2**24 - 1), nullable=False),
    )
