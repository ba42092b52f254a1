#!/bin/bash
# Starts PostgreSQL on $PGDATA, after making a cluster there when there is none.
# POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB are read for a new cluster only.
set -euo pipefail

# As root: the folders (/run is empty in a new container, a new volume belongs to root); the rest as postgres.
if [ "$(id -u)" = 0 ]; then
  install -d -o postgres -g postgres -m 2775 /run/postgresql
  install -d -o postgres -g postgres "$(dirname "$PGDATA")"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

# The cluster is made aside and moved into place when it is whole: a start that was cut short leaves nothing half-made.
make_cluster() {
  local new=$PGDATA.new user=${POSTGRES_USER:-postgres}
  local database=${POSTGRES_DB:-$user}
  rm -rf "$new"
  initdb --pgdata="$new" --username="$user" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:?a new database needs one}") \
    --encoding=UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=scram-sha-256 --no-instructions >/dev/null
  echo 'host all all all scram-sha-256' >>"$new/pg_hba.conf"
  if [ "$database" != postgres ]; then
    printf 'CREATE DATABASE "%s";\n' "${database//\"/\"\"}" | postgres --single -D "$new" -j postgres >/dev/null
  fi
  mv "$new" "$PGDATA"
  echo "made a new cluster with the database $database"
}

[ -s "$PGDATA/PG_VERSION" ] || make_cluster
exec postgres -D "$PGDATA" -c listen_addresses='*' "$@"
