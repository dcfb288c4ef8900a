# Sourced after common.sh: what is installed besides the programs themselves, put into directories that are empty so far.
# shellcheck shell=bash

# copy_library BINARIES LIBRARY: this version's own files, as they lie in PREFIX/lib/passenger/VERSION.
copy_library() {
  local language file
  mkdir -p "$2"
  cp "$1/passenger-launch" "$2/"
  # shellcheck disable=SC2154 # common.sh has it
  cp -R "$repository/templates" "$2/templates"
  for language in ruby python node; do
    mkdir -p "$2/loaders/$language"
    (cd "$repository/scripts/loaders/$language" && find . -name test -prune -o -name __pycache__ -prune -o -type f -print) \
      | while read -r file; do
        mkdir -p "$(dirname "$2/loaders/$language/$file")"
        cp "$repository/scripts/loaders/$language/$file" "$2/loaders/$language/$file"
      done
  done
}

# copy_manual PROGRAM SHARE: what the commands say of themselves, for man(1) and the shells.
copy_manual() {
  python3 -B "$repository/scripts/lib/manual.py" "$1" "$2/man/man1" || die 'the man pages could not be made'
  mkdir -p "$2/bash-completion/completions" "$2/zsh/site-functions" "$2/fish/vendor_completions.d"
  # It is read by a shell, not run by one.
  "$1" --generate-completion-script bash | sed '1{/^#!/d}' >"$2/bash-completion/completions/passenger"
  "$1" --generate-completion-script zsh >"$2/zsh/site-functions/_passenger"
  "$1" --generate-completion-script fish >"$2/fish/vendor_completions.d/passenger.fish"
}

# Phusion Passenger's tools, which this program is when it is called by their names.
# shellcheck disable=SC2034 # for who sources this
tools=(passenger-status passenger-memory-stats passenger-config)
