#!/usr/bin/env bash
# What quickstart and test share: a Python, git, and the virtual environment in .venv. To be sourced, in the repository.

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "${0##*/}: $*"
  exit 1
}

# Install a package of the system: needs root and apt-get; $2 says what to do without them.
install_package() {
  if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then fail "$2"; fi
  say "installing $1 with apt-get"
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$1" > /dev/null 2>&1 ||
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$1"; } >&2 ||
    fail "apt-get cannot install $1 (see above)"
}

is_recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' > /dev/null 2>&1; }

# Print a Python of at least 3.10.
find_python() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
    if is_recent "$name"; then
      command -v "$name"
      return
    fi
  done
  fail "Python 3.10 or later is needed and not on PATH: install it (Debian: apt-get install python3, macOS: brew install python)"
}

# Make .venv with pip in it by the Python $1, where there is none that works. One that somebody else made is kept.
make_venv() {
  local python=$1 version
  if is_recent .venv/bin/python && .venv/bin/python -m pip --version > /dev/null 2>&1; then return; fi
  if [ -e .venv ] && [ ! -e .venv/made-by-scripts ]; then
    fail "the folder .venv is not a Python 3.10+ environment with pip: move it away, then try again"
  fi
  rm -rf .venv
  say "making the virtual environment .venv"
  if ! "$python" -c 'import ensurepip' 2> /dev/null; then
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    install_package "$version-venv" "$version has no ensurepip: install $version-venv, then try again"
  fi
  mkdir .venv && touch .venv/made-by-scripts # first, so that an interrupted run is put right by the next one
  "$python" -m venv .venv >&2 || fail "cannot make .venv (see above)"
}

# Install into .venv what $1 names, when it was not installed yet or the project changed since.
install() {
  local stamp=".venv/installed-$1" state
  shift
  state="$PWD $* $(cksum < pyproject.toml)"
  if [ "$(cat "$stamp" 2> /dev/null)" = "$state" ]; then return; fi
  say "installing $* into .venv"
  .venv/bin/python -m pip install -q --disable-pip-version-check "$@" >&2 || fail "pip cannot install $* (see above)"
  printf '%s\n' "$state" > "$stamp"
}

# Make sure of the program $1, which the system package $2 has.
need() {
  command -v "$1" > /dev/null || install_package "$2" "$1 is missing: install $2, then try again"
}
