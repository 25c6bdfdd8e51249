"""Create queue settings and pause reasons."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

REASONS = ("Break", "Lunch", "Training", "Meeting")


def upgrade() -> None:
    op.create_table(
        "queue_setting",
        sa.Column("queue", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("wrap_up_seconds", sa.Double(), nullable=True),
        sa.Column("result_required", sa.Boolean(), nullable=False),
        sa.Column("pause_in_wrap_up", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("queue", name=op.f("pk_queue_setting")),
    )
    op.create_table(
        "pause_reason",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pause_reason")),
    )
    op.bulk_insert(
        sa.table("pause_reason", sa.column("name"), sa.column("position")),
        [{"name": name, "position": position} for position, name in enumerate(REASONS)],
    )


def downgrade() -> None:
    op.drop_table("pause_reason")
    op.drop_table("queue_setting")
