"""The connection to PostgreSQL, and the tables."""

import os

import psycopg2

LOST = (psycopg2.OperationalError, psycopg2.InterfaceError)

TABLES = """
-- The market: what each price series is made of. A changed row is kept.
CREATE TABLE IF NOT EXISTS symbols (
    symbol      text PRIMARY KEY,
    seed        text NOT NULL,
    start       double precision NOT NULL CHECK (start > 0),
    volatility  double precision NOT NULL CHECK (volatility > 0),
    momentum    double precision NOT NULL,
    reversion   double precision NOT NULL
);
CREATE TABLE IF NOT EXISTS prices (
    symbol  text NOT NULL REFERENCES symbols,
    tick    bigint NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    price   double precision NOT NULL CHECK (price > 0),
    PRIMARY KEY (symbol, tick)
);
-- One answer of one model: what it believed at `tick` about the price at `target`.
CREATE TABLE IF NOT EXISTS predictions (
    model    text NOT NULL,
    symbol   text NOT NULL REFERENCES symbols,
    tick     bigint NOT NULL,
    target   bigint NOT NULL,
    made_at  timestamptz NOT NULL DEFAULT now(),
    price    double precision NOT NULL,
    mean     double precision NOT NULL,
    stddev   double precision NOT NULL CHECK (stddev > 0),
    crps     double precision,
    PRIMARY KEY (symbol, tick, model)
);
CREATE INDEX IF NOT EXISTS predictions_unscored ON predictions (symbol, target) WHERE crps IS NULL;
CREATE INDEX IF NOT EXISTS predictions_made_at ON predictions (made_at);
-- Sums over every scored prediction, kept when the predictions themselves are deleted for their age.
CREATE TABLE IF NOT EXISTS standings (
    model          text NOT NULL,
    symbol         text NOT NULL REFERENCES symbols,
    scored         bigint NOT NULL,
    crps           double precision NOT NULL,
    squared_error  double precision NOT NULL,
    last_scored_at timestamptz NOT NULL,
    PRIMARY KEY (model, symbol)
);
"""


def connect():
    """A new connection. No statement may hang for long: a worker that waits for ever looks alive and does nothing."""
    return psycopg2.connect(
        os.environ["DATABASE_URL"],
        connect_timeout=3,
        options="-c statement_timeout=10000 -c lock_timeout=5000",
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=10000,
    )


def close(connection):
    """Closes what may be broken already."""
    if connection is not None:
        try:
            connection.close()
        except LOST:
            pass
