"""Create voicemail messages, and who heard them.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "voicemail",
        sa.Column("id", ID, nullable=False),
        sa.Column("pbx", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("msg_id", KEY, nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("ending", sa.Text(), nullable=False),
        sa.Column("size", ID, nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("presence", sa.Text(), nullable=False),
        sa.Column("number_raw", sa.Text(), nullable=False),
        sa.Column("number_e164", sa.Text(), nullable=True),
        sa.Column("number_kind", sa.Text(), nullable=False),
        sa.Column("number_key", KEY, nullable=True),
        sa.Column("caller_name", sa.Text(), nullable=True),
        sa.Column("call_id", KEY, nullable=True),
        sa.Column("heard_at", sa.Double(), nullable=True),
        sa.Column("heard_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voicemail")),
    )
    op.create_index("ix_voicemail_key", "voicemail", ["pbx", "context", "mailbox", "msg_id"], unique=True)
    op.create_index("ix_voicemail_received_at_id", "voicemail", ["received_at", "id"], unique=False)
    op.create_index("ix_voicemail_call_id", "voicemail", ["call_id"], unique=False)
    op.create_index("ix_voicemail_number_key", "voicemail", ["number_key"], unique=False)
    op.create_table(
        "voicemail_access",
        sa.Column("id", ID, nullable=False),
        sa.Column("voicemail_id", ID, nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voicemail_access")),
    )
    op.create_index("ix_voicemail_access_voicemail_id_at", "voicemail_access", ["voicemail_id", "at"], unique=False)


def downgrade() -> None:
    op.drop_table("voicemail_access")
    op.drop_table("voicemail")
