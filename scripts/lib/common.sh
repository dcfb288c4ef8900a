# Sourced by the scripts beside this folder: where things are, and how they are said.
# shellcheck shell=bash

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck disable=SC2034 # for who sources this
version=$(sed -n 's/.*current = "\([^"]*\)".*/\1/p' "$repository/Sources/AdminAPI/ProductVersion.swift")

say() {
  if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then printf '\033[1m%s\033[0m\n' "$*"; else printf '%s\n' "$*"; fi
}

die() {
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  hint: %s\n' "$2" >&2
  exit 1
}

# The release build: one file that needs no Swift on the machine it runs on. Reports where it is in $binaries.
build_release() {
  command -v swift >/dev/null || die 'swift is not on the PATH' 'Install Swift 6.2 or newer: https://www.swift.org/install/linux/'
  say 'Building the release; the first time this takes some minutes.'
  (cd "$repository" && swift build -c release --static-swift-stdlib --product passenger \
    && swift build -c release --static-swift-stdlib --product passenger-launch) || die 'the build failed'
  # shellcheck disable=SC2034
  binaries=$(cd "$repository" && swift build -c release --static-swift-stdlib --show-bin-path)
}

build_debug() {
  command -v swift >/dev/null || die 'swift is not on the PATH' 'Install Swift 6.2 or newer: https://www.swift.org/install/linux/'
  (cd "$repository" && swift build --product passenger && swift build --product passenger-launch) || die 'the build failed'
  # shellcheck disable=SC2034
  binaries=$(cd "$repository" && swift build --show-bin-path)
}
