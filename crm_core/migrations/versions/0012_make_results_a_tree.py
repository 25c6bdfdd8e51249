"""Make the results of calls a tree, for all queues or some."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "call_result",
        sa.Column("id", ID, nullable=False),
        sa.Column("parent_id", ID, nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("color", sa.Text(), nullable=True),
        sa.Column("icon", sa.Text(), nullable=True),
        sa.Column("retired", sa.Boolean(), nullable=False),
        sa.Column("builtin", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["call_result.id"], name=op.f("fk_call_result_parent_id_call_result")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_result")),
    )
    op.create_index(op.f("ix_call_result_parent_id"), "call_result", ["parent_id"], unique=False)
    op.create_table(
        "call_result_queue",
        sa.Column("disposition_id", ID, nullable=False),
        sa.Column("queue", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["disposition_id"],
            ["call_result.id"],
            name=op.f("fk_call_result_queue_disposition_id_call_result"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("disposition_id", "queue", name=op.f("pk_call_result_queue")),
    )
    op.execute(
        "INSERT INTO call_result (name, position, retired, builtin)"
        " SELECT name, position, FALSE, TRUE FROM disposition ORDER BY position, id"
    )
    op.drop_table("disposition")


def downgrade() -> None:
    op.create_table(
        "disposition",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disposition")),
        sa.UniqueConstraint("name", name=op.f("uq_disposition_name")),
    )
    op.execute(
        "INSERT INTO disposition (name, position) SELECT name, min(position) FROM call_result"
        " WHERE parent_id IS NULL AND NOT retired GROUP BY name"
    )
    op.drop_table("call_result_queue")
    op.drop_table("call_result")
