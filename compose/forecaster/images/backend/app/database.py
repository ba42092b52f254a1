"""The database, and whether its schema is that of this code."""

import os
from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

URL = os.environ["DATABASE_URL"]
ROOT = Path(__file__).parent.parent

engine = sa.create_engine(URL, pool_pre_ping=True, connect_args={"connect_timeout": 5})
metadata = sa.MetaData()
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("password", sa.Text, nullable=False),
)
forecasts = sa.Table(
    "forecasts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("made", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("series", sa.Text, nullable=False),
    sa.Column("values", sa.JSON, nullable=False),
)


def schema_state():
    """`head`, or which revision the schema has in its place.

    A revision that this code does not know was made by a later release, before a rollback to this one. Migrations only add, so
    this code still works with it.
    """
    scripts = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
    head = scripts.get_current_head()
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    is_later = current is not None and current not in {script.revision for script in scripts.walk_revisions()}
    return "head" if current == head or is_later else f"{current or 'none'}, not {head}"
