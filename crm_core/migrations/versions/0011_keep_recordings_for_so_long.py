"""Remember when recordings and messages were deleted, and which calls' are kept.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("recording", sa.Column("gone_at", sa.Double(), nullable=True))
    op.add_column("voicemail", sa.Column("gone_at", sa.Double(), nullable=True))
    op.create_table(
        "call_kept",
        sa.Column("call_id", KEY, nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["call.id"], name=op.f("fk_call_kept_call_id_call"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_call_kept")),
    )


def downgrade() -> None:
    op.drop_table("call_kept")
    op.drop_column("voicemail", "gone_at")
    op.drop_column("recording", "gone_at")
