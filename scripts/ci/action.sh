#!/usr/bin/env bash
# What the step of action.yml runs: the task TASK, with flags from IMAGE, PLATFORM, VERSION and ARGUMENTS. In all but TASK and
# VERSION each line is one value, whatever is in it; an empty line is none.
set -euo pipefail

arguments=("${TASK:-push}")

# Add a flag for each line of a text; without a flag, the lines as they are.
add() {
  local line
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line%$'\r'}
    [ -z "$line" ] || arguments+=("${2:+$2=}$line")
  done <<<"$1"
}

add "${IMAGE:-}" --image
add "${PLATFORM:-}" --platform
add "${VERSION:-}" --version
add "${ARGUMENTS:-}"
unset TASK IMAGE PLATFORM VERSION ARGUMENTS

exec "$(dirname "$0")/docker.sh" -- "${arguments[@]}"
