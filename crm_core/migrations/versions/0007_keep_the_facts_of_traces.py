"""Keep the facts of traces: what stood there as English text is still told as it stands."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE call_trace RENAME COLUMN detail TO facts")


def downgrade() -> None:
    op.execute("ALTER TABLE call_trace RENAME COLUMN facts TO detail")
