"""What an inspector asks of people, signatures and reviews

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_trail()
    op.create_table(
        "person_passkey",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("credential", sa.String(1400), primary_key=True),
        sa.Column("person", sa.String(64), nullable=False, index=True),
        sa.Column("cose", sa.LargeBinary, nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("uses", sa.BigInteger, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
    )
    op.create_table(
        "person_oidc",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("issuer", sa.String(200), primary_key=True),
        sa.Column("subject", sa.String(64), nullable=False, index=True),
    )
    op.create_table(
        "person_language",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("language", sa.String(8), nullable=False),
    )
    op.create_table(
        "person_standing",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("standing", sa.String(32), primary_key=True),
        sa.Column("told", sa.String(100), nullable=False),
        sa.Column("by_person", sa.String(64), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
    )
    op.create_table(
        "access_request",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("request", sa.String(64), primary_key=True),
        sa.Column("person", sa.String(64), nullable=False, index=True),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("requester", sa.String(64), nullable=False),
        sa.Column("approver", sa.String(64)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("entry_index", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "access_review",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("entry_index", sa.BigInteger, primary_key=True),
        sa.Column("reviewer", sa.String(64), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
    )
    op.create_table(
        "security_alert",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("alert", sa.String(64), primary_key=True),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("terminal", sa.String(64), nullable=False),
        sa.Column("in_a_row", sa.Integer, nullable=False),
        sa.Column("person", sa.String(64)),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("acknowledged_by", sa.String(64)),
    )
    op.create_table(
        "security_event",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("entry_index", sa.BigInteger, primary_key=True),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("type", sa.String(64), nullable=False, index=True),
        sa.Column("person", sa.String(64), index=True),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("terminal", sa.String(64)),
        sa.Column("told", sa.String(200), nullable=False),
    )
    op.create_table(
        "person_training",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("person", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("trainer", sa.String(64), nullable=False),
        sa.Column("recorded_at", sa.String(32), nullable=False),
        sa.Column("valid_until", sa.String(32)),
    )


def downgrade() -> None:
    op.drop_table("trail_item")
    op.drop_table("trail")
    op.drop_table("person_training")
    op.drop_table("security_event")
    op.drop_table("security_alert")
    op.drop_table("access_review")
    op.drop_table("access_request")
    op.drop_table("person_standing")
    op.drop_table("person_language")
    op.drop_table("person_oidc")
    op.drop_table("person_passkey")


def _create_trail() -> None:
    op.create_table(
        "trail",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("gen", sa.Integer, primary_key=True),
        sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("role", sa.Text),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("batch", sa.Text),
        sa.Column("step", sa.Text),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("risk", sa.Text),
    )
    for name in ("at", "actor", "stream", "type"):
        op.create_index(f"trail_{name}", "trail", ["site", name, "gen", "index"])
    for name in ("role", "batch", "step", "risk"):
        there = sa.text(f"{name} IS NOT NULL")
        columns = ["site", name, "gen", "index"]
        op.create_index(f"trail_{name}", "trail", columns, sqlite_where=there, postgresql_where=there)
    there = sa.text("reason IS NOT NULL")
    op.create_index("trail_reason", "trail", ["site", "gen", "index"], sqlite_where=there, postgresql_where=there)
    op.create_table(
        "trail_item",
        sa.Column("site", sa.String(32), primary_key=True),
        sa.Column("item", sa.Text, primary_key=True),
        sa.Column("gen", sa.Integer, primary_key=True),
        sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    )
