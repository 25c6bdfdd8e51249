"""Remember until when a PBX was heard."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pbx_heard",
        sa.Column("pbx", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("pbx", name="pk_pbx_heard"),
    )


def downgrade() -> None:
    op.drop_table("pbx_heard")
