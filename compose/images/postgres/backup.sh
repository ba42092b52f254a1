#!/bin/bash
# Dumps $DATABASE_URL into $BACKUP_FOLDER at once and then every $BACKUP_EVERY_HOURS, and removes what is older than
# $BACKUP_KEEP_DAYS. `once` dumps and ends; `is-fresh` tells whether the last backup came when it was due.
# Back with: pg_restore --clean --if-exists --dbname="$DATABASE_URL" FILE
set -euo pipefail

folder=${BACKUP_FOLDER:-/backups}
every=${BACKUP_EVERY_HOURS:-24}
keep=${BACKUP_KEEP_DAYS:-30}
for number in "$every" "$keep"; do
  [[ $number =~ ^[1-9][0-9]*$ ]] || { echo "BACKUP_EVERY_HOURS and BACKUP_KEEP_DAYS are whole numbers from 1" >&2; exit 2; }
done

# The file gets its name when it is whole: a dump that was cut short never looks like a backup.
dump() {
  local file
  file=$folder/$(date -u +%Y%m%dT%H%M%SZ).dump
  rm -f "$folder"/*.part
  if ! pg_dump --format=custom --file="$file.part" --dbname="${DATABASE_URL:?}"; then
    rm -f "$file.part"
    return 1
  fi
  mv "$file.part" "$file" || return 1
  echo "wrote $file, $(stat -c %s "$file") bytes"
}

# Only after a new one was written: a database that cannot be dumped keeps the backups it has.
remove_old() {
  find "$folder" -name '*.dump' -mmin "+$((keep * 24 * 60))" -print -delete | sed 's/^/removed /'
}

case ${1:-} in
  is-fresh) find "$folder" -name '*.dump' -mmin "-$((every * 60 + 60))" | grep -q . ;;
  once) dump && remove_old ;;
  '')
    trap 'exit 0' INT TERM
    while :; do
      # A failure is tried again soon; `is-fresh` sees it when it lasts.
      if dump && remove_old; then pause=$((every * 3600)); else pause=60; fi
      sleep "$pause" & wait $!
    done
    ;;
  *) echo "usage: postgres-backup [once | is-fresh]" >&2; exit 2 ;;
esac
