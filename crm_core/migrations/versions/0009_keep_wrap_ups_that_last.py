"""Keep wrap-ups that last; let a queue have its own service level."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("queue_setting", sa.Column("service_level_seconds", sa.Double(), nullable=True))
    op.create_table(
        "wrap_up",
        sa.Column("user_name", KEY, nullable=False),
        sa.Column("call_id", KEY, nullable=False),
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("until", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("user_name", "call_id", name=op.f("pk_wrap_up")),
    )


def downgrade() -> None:
    op.drop_table("wrap_up")
    op.drop_column("queue_setting", "service_level_seconds")
