"""Remember which calls became part of others: their ids go on leading there."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "call_absorbed",
        sa.Column("id", key, nullable=False),
        sa.Column("call_id", key, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_absorbed")),
    )
    op.create_index(op.f("ix_call_absorbed_call_id"), "call_absorbed", ["call_id"])


def downgrade() -> None:
    op.drop_table("call_absorbed")
