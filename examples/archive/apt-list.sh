#!/bin/bash
# Prints the Packages list of this machine's release (main, binary-amd64; not security, not
# updates), as apt keeps it. Runs `apt-get update` first if there is none.
set -euo pipefail

find_list() {
  # shellcheck disable=SC1091
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(ARCHITECTURE) $(FILENAME)' \
    'Created-By: Packages' |
    awk -v release="$release" '$1 == release && $2 == "main" && $3 == "amd64" {print $4; exit}'
}

list=$(find_list)
if [ -z "$list" ] || ! ls "$list"* >/dev/null 2>&1; then
  echo "no package list yet: running apt-get update" >&2
  if [ "$(id -u)" = 0 ]; then apt-get -qq update >&2; else sudo apt-get -qq update >&2; fi
  list=$(find_list)
fi
[ -n "$list" ] || { echo "apt knows no main binary-amd64 Packages list; see /etc/apt/sources.list" >&2; exit 1; }
exec /usr/lib/apt/apt-helper cat-file "$list"
