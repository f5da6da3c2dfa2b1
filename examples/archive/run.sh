#!/bin/bash
# The main job: serves both example services, and imports the package archive of this machine.
#
#   run.sh          keeps everything in ./data, prints what to try, serves until Ctrl-C
#   run.sh --demo   in a folder of its own: a tour that checks what it sees, prints it, and ends with
#                   one line of JSON
#
# $DB says on which database: sqlite (embedded, the default), or postgres: a private PostgreSQL
# server that is started here and stopped with the service.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${HOLDFAST_BIN:-$PWD/build/release/bin}
# shellcheck disable=SC1091
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
fail() {
  echo "$*" >&2
  exit 1
}

# What the configuration says about a deployment's database: folder, name.
database() {
  if [ "$DB" = sqlite ]; then
    echo "{sqlite: $1/$2.db}"
  else
    echo "{postgres: {dsn: \"host='$sockets' port=$port user=postgres dbname=postgres\"}}"
  fi
}

# Writes the server's configuration: folder, port of gRPC, port of HTTP.
write_config() {
  cat >"$1/holdfastd.yaml" <<YAML
listen:
  grpc: 127.0.0.1:$2
  http: 127.0.0.1:$3
deployments:
  - service: archive.example.com
    region: local
    protos: [examples/archive/proto]
    database: $(database "$1" archive)
  - service: network.example.com
    region: local
    protos: [examples/network/proto]
    database: $(database "$1" network)
YAML
}

server=0
stop_server() {
  if [ "$server" != 0 ]; then kill "$server" 2>/dev/null && wait "$server" || true; fi
  server=0
}

# Starts the database server, if there is one, and sets where it listens: folder, --keep or nothing.
# It ends when its input does: with stop_database, or with us, however that comes.
start_database() {
  if [ "$DB" = sqlite ]; then
    exec {postgres_in}>/dev/null
    return
  fi
  say "Starting PostgreSQL in $1/postgres"
  rm -f "$1/postgres.stdin"
  mkfifo "$1/postgres.stdin"
  # shellcheck disable=SC2086
  exec {postgres_out}< <(tools/postgres-cluster "$1/postgres" ${2:-} <"$1/postgres.stdin")
  exec {postgres_in}>"$1/postgres.stdin"
  rm "$1/postgres.stdin"
  read -r _ port _ sockets <&"$postgres_out" || fail "PostgreSQL didn't start"
}

stop_database() {
  if [ "$DB" = sqlite ] || [ -z "${postgres_in:-}" ]; then return; fi
  exec {postgres_in}>&-
  cat <&"$postgres_out" >/dev/null  # until it has ended
}

stop_all() {
  stop_server
  stop_database
}

# Starts the server and waits for its word that it is ready; sets grpc and http.
start_server() {
  : >"$1/holdfastd.out"
  "$bin/holdfastd-examples" --config "$1/holdfastd.yaml" {postgres_in}>&- \
    >"$1/holdfastd.out" 2>"$1/holdfastd.log" &
  server=$!
  for _ in $(seq 700); do  # it waits a minute for its database
    if ready=$(grep -o 'ready grpc=.*' "$1/holdfastd.out"); then
      grpc=$(sed 's/.*grpc=\([^ ]*\).*/\1/' <<<"$ready")
      http=$(sed 's/.*http=\([^ ]*\).*/\1/' <<<"$ready")
      export HOLDFAST_SERVER=$grpc
      return
    fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  tail -20 "$1/holdfastd.log" >&2
  fail "holdfastd didn't start; all it said is in $1/holdfastd.log"
}

import() {
  "$bin/archive-import" --server "$grpc" --suite "$suite" --packages "$1/Packages" \
    >"$1/import.json" || fail "the import failed; see $1/holdfastd.log"
}

serve() {
  local data=$PWD/data
  mkdir -p "$data"
  trap stop_all EXIT
  trap 'exit 0' INT TERM
  start_database "$data" --keep
  write_config "$data" 7443 7080
  start_server "$data"
  say "Importing the package archive of this machine ($suite)"
  examples/archive/apt-list.sh >"$data/Packages"
  import "$data"
  jq -r '"\(.packages) packages, \(.references) references in \(.seconds) s"' "$data/import.json"
  cat <<TEXT

Serving gRPC on $grpc and JSON on http://$http (data in $data). Try:

  $bin/holdfast refs suites/$suite/packages/libc6 --limit 5
  $bin/holdfast delete suites/$suite/packages/libc6
  $bin/holdfast explain delete suites/$suite/sources/bash
  $bin/holdfast list suites/$suite/packages --filter 'section = "shells"' --fields name,version
  curl http://$http/v1/suites/$suite/packages/bash

Ctrl-C ends it.
TEXT
  wait "$server"
}

source "$(dirname "$0")/tour.sh"

DB=${DB:-sqlite}
case $DB in sqlite | postgres) ;; *) fail "DB=$DB: sqlite or postgres" ;; esac

case ${1:-} in
  "") serve ;;
  --demo) tour ;;
  *) fail "usage: run.sh [--demo]" ;;
esac
