"""The forecasts that were asked for."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.create_table(
        "forecasts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("series", sa.Text, nullable=False),
        sa.Column("values", sa.JSON, nullable=False),
    )


def downgrade():
    op.drop_table("forecasts")
