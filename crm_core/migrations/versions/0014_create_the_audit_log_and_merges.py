"""Create the audit log, the merges of clients and the pairs that may be one; tell a bin from what is gone for good."""

import sqlalchemy as sa
from alembic import op

from crm_core.columns import ID, KEY

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contact", sa.Column("purged", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_contact_deleted_at", "contact", ["deleted_at"])
    op.create_table(
        "audit_entry",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("by", KEY, nullable=False),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("area", KEY, nullable=False),
        sa.Column("record", KEY, nullable=False),
        sa.Column("deed", sa.Text(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entry"),
    )
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"])
    op.create_index("ix_audit_entry_area_record_id", "audit_entry", ["area", "record", "id"])
    op.create_index("ix_audit_entry_by_id", "audit_entry", ["by", "id"])
    op.create_table(
        "contact_merge",
        sa.Column("id", ID, nullable=False),
        sa.Column("kept_id", ID, nullable=False),
        sa.Column("gone_id", ID, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("kept_before", sa.Text(), nullable=False),
        sa.Column("gone_before", sa.Text(), nullable=False),
        sa.Column("kept_after", sa.Text(), nullable=False),
        sa.Column("calls", sa.Text(), nullable=False),
        sa.Column("undone_at", sa.Double(), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["kept_id"], ["contact.id"], name="fk_contact_merge_kept_id_contact"),
        sa.ForeignKeyConstraint(["gone_id"], ["contact.id"], name="fk_contact_merge_gone_id_contact"),
        sa.PrimaryKeyConstraint("id", name="pk_contact_merge"),
    )
    op.create_index("ix_contact_merge_kept_id", "contact_merge", ["kept_id"])
    op.create_index("ix_contact_merge_gone_id", "contact_merge", ["gone_id"])
    op.create_table(
        "contact_duplicate",
        sa.Column("first_id", ID, nullable=False),
        sa.Column("second_id", ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("found_at", sa.Double(), nullable=False),
        sa.Column("dismissed", sa.Boolean(), nullable=False),
        sa.Column("dismissed_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["first_id"], ["contact.id"], name="fk_contact_duplicate_first_id_contact", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["second_id"], ["contact.id"], name="fk_contact_duplicate_second_id_contact", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("first_id", "second_id", name="pk_contact_duplicate"),
    )
    op.create_index("ix_contact_duplicate_second_id", "contact_duplicate", ["second_id"])
    op.create_index("ix_contact_duplicate_rank", "contact_duplicate", ["dismissed", "rank", "first_id", "second_id"])


def downgrade() -> None:
    op.drop_table("contact_duplicate")
    op.drop_table("contact_merge")
    op.drop_table("audit_entry")
    op.drop_index("ix_contact_deleted_at", "contact")
    op.drop_column("contact", "purged")
