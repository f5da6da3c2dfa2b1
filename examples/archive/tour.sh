# The tour of `make demo`. Sourced by run.sh: uses its functions.

# Prints a command as one would type it, runs it, and keeps what it said in $said and its code in
# $code.
try() {
  echo "\$ holdfast $*"
  code=0
  said=$("$bin/holdfast" "$@" 2>&1) || code=$?
  sed 's/^/  /' <<<"$said"
}

expect() { # what it is, what is wanted, what was seen
  [ "$2" = "$3" ] || fail "the tour expected $1 to be $2, and saw $3"
}

count() { "$bin/holdfast" list "suites/$suite/$1" -o name | wc -l; }

milliseconds() { date +%s%3N; }

tour() {
  data=$PWD/build/demo
  rm -rf "$data"
  mkdir -p "$data"
  trap stop_all EXIT
  start_database "$data"
  write_config "$data" 0 0
  start_server "$data"
  examples/archive/apt-list.sh >"$data/Packages"
  facts=$(examples/archive/facts.pl <"$data/Packages")

  "$bin/holdfast" watch "suites/$suite/packages" --quiet >"$data/watch_events" &
  watcher=$!

  say "1. Import: every package with what it depends on, in atomic batches through the public API"
  import "$data"
  jq . "$data/import.json"
  expect packages "$(jq .packages <<<"$facts")" "$(count packages)"
  expect references "$(jq .references <<<"$facts")" "$(jq .references "$data/import.json")"
  rss=$(awk '/^VmRSS/ {printf "%.1f", $2 / 1024}' "/proc/$server/status")

  tour_refuse
  tour_delete
  tour_transact

  say "6. Nothing dangles, nothing is half done"
  try fsck
  expect "fsck's exit code" 0 "$code"
  kill "$watcher"
  wait "$watcher"
  say "Done. What was measured:"
  report
}

tour_refuse() {
  say "2. Who refers to libc6?"
  try refs "suites/$suite/packages/libc6" --limit 3
  libc6_referrers=$("$bin/holdfast" refs "suites/$suite/packages/libc6" -o json 2>/dev/null |
    jq -s 'map(select(.onDelete == "BLOCK")) | length')
  expect "libc6's referrers" "$(jq .libc6_referrers <<<"$facts")" "$libc6_referrers"

  say "3. What others stand on can't go: refused as a whole, with the reason"
  local start
  start=$(milliseconds)
  try delete "suites/$suite/packages/libc6"
  delete_ms=$(($(milliseconds) - start))
  libc6_delete=$(sed -n '1s/^holdfast: \([A-Z_]*\):.*/\1/p' <<<"$said")
  expect "the refusal" FAILED_PRECONDITION "$libc6_delete"
  echo "  (in $delete_ms ms, program start included)"
}

tour_delete() {
  local leaf family before
  leaf=$(jq -r .leaf <<<"$facts")
  family=$(jq -r .family <<<"$facts")
  say "4. A package that nothing needs, and a source with all that is built from it"
  before=$(($(count packages) + $(count sources)))
  try delete "suites/$suite/packages/$leaf"
  leaf_deleted=$((before - $(count packages) - $(count sources)))
  expect "deleted leaves" 1 "$leaf_deleted"
  try explain delete "suites/$suite/sources/$family"
  local planned
  planned=$("$bin/holdfast" explain delete "suites/$suite/sources/$family" -o json |
    jq -r '.deletedCount | tonumber')
  before=$(($(count packages) + $(count sources)))
  try delete "suites/$suite/sources/$family"
  cascade_deleted=$((before - $(count packages) - $(count sources)))
  expect "the cascade" "$(jq .family_size <<<"$facts")" "$cascade_deleted"
  expect "what explain said" "$planned" "$cascade_deleted"
}

tour_transact() {
  say "5. Several things at once, or none: a project comes with its network"
  cat >"$data/organization.yaml" <<'YAML'
- create: {name: organizations/acme, displayName: ACME}
- create: {name: organizations/acme/projects/web, displayName: Web}
YAML
  sed 's/^/  /' "$data/organization.yaml"
  try transact -f "$data/organization.yaml"
  expect "transact's exit code" 0 "$code"
  try tree organizations/acme
}

report() {
  jq -c -n --slurpfile imported "$data/import.json" --argjson watch "$(cat "$data/watch_events")" \
    --argjson rss "$rss" --argjson libc6 "$libc6_referrers" --arg refused "$libc6_delete" \
    --argjson leaf "$leaf_deleted" --argjson cascade "$cascade_deleted" \
    '$imported[0] as $i | {packages: $i.packages, references: $i.references,
      import_seconds: $i.seconds, requests_per_second: $i.requests_per_second,
      server_rss_mb: $rss, libc6_referrers: $libc6, libc6_delete: $refused,
      cycles_imported: $i.cycles, leaf_deleted: $leaf, cascade_deleted: $cascade,
      watch_events: $watch}'
}
