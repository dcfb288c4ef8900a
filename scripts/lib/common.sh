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
  # A section for each function, so that link-order/functions.txt can say where it goes, and what nobody calls goes nowhere.
  local release=(
    -c release --static-swift-stdlib -Xswiftc -Xfrontend -Xswiftc -function-sections -Xcc -ffunction-sections -Xcc -fdata-sections
  )
  # Relocations in a hundredth of the space: read from glibc 2.36 on.
  if has_glibc 36; then release+=(-Xlinker -z -Xlinker pack-relative-relocs); fi
  (cd "$repository" && swift build "${release[@]}" --product passenger \
    && swift build "${release[@]}" --product passenger-launch) || die 'the build failed'
  # shellcheck disable=SC2034
  binaries=$(cd "$repository" && swift build "${release[@]}" --show-bin-path)
}

# Whether this machine has glibc 2.$1 or newer.
has_glibc() {
  local found
  found=$(getconf GNU_LIBC_VERSION 2>/dev/null) || return 1
  [[ $found =~ ^glibc\ 2\.([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge "$1" ]
}

build_debug() {
  command -v swift >/dev/null || die 'swift is not on the PATH' 'Install Swift 6.2 or newer: https://www.swift.org/install/linux/'
  (cd "$repository" && swift build --product passenger && swift build --product passenger-launch) || die 'the build failed'
  # shellcheck disable=SC2034
  binaries=$(cd "$repository" && swift build --show-bin-path)
}
