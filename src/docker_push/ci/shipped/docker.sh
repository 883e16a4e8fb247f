#!/usr/bin/env bash
# Build, tag and push one image in CI: ./scripts/ci/docker.sh [version]
# Carry out another task of docker-push: ./scripts/ci/docker.sh -- TASK [FLAG...]
#
# Which image, from which commit, to which registry comes from the environment:
#   DOMAIN               registry (default: build.toml's, else ghcr.io)
#   DOCKER_USER, DOCKER_PASSWORD   registry login; without one (a pull request from a fork) the image is built and not
#                        pushed, and a version fails; a registry on loopback needs none
#   GITHUB_REPO_REF, GITHUB_SHA, GITHUB_BRANCH   repository, commit, branch
#   LATEST_BRANCH        branch that `latest` follows (default: main)
#   CI_DOCKER_IMAGE      image name
#   CI_DOCKER_CONTEXT, CI_DOCKERFILE, CI_DOCKER_PLATFORM   empty: build.toml's, else the defaults
#
# The tool is the `docker-push` on the PATH, else one in a virtual environment that is made once for each version and kept
# among the runner's temporary files: from this checkout where it is docker-push itself, else from PyPI, in the version
# DOCKER_PUSH_VERSION (default: the one that this script came with). Where this checkout is a GitHub action, its ref is the
# version, and no other `docker-push` is looked for.
set -euo pipefail

missing=""
for name in GITHUB_REPO_REF GITHUB_SHA GITHUB_BRANCH CI_DOCKER_IMAGE; do
  [ -n "${!name:-}" ] || [ "${1:-}" = -- ] || missing="$missing $name"
done
if [ -n "$missing" ]; then
  echo "docker.sh: not set:$missing. Set them in the job's env, as the reusable workflow does, and run the job again." >&2
  exit 2
fi

fail() {
  echo "docker.sh: $1" >&2
  exit 2
}

# End the installation and this shell by the signal that came, so that whoever waits for us sees which it was.
stop() {
  trap - INT TERM HUP
  kill -KILL -- "-$job" 2>/dev/null || true
  wait "$job" 2>/dev/null || true
  rm -rf "$made"
  kill "-$1" $$
}

root=$(cd "$(dirname "$0")/../.." && pwd)
tool=""
is_action=""
[ ! "$root" -ef "${GITHUB_ACTION_PATH:-}" ] || is_action=yes
[ -n "$is_action" ] || tool=$(command -v docker-push || true)
if [ -z "$tool" ]; then
  version=${DOCKER_PUSH_VERSION:-0.1.0}
  source="docker-push==$version"
  if [ -d "$root/src/docker_push" ]; then
    files=$(cd "$root" && find src pyproject.toml -type f ! -name '*.pyc' -exec cksum {} +)
    version=$(LC_ALL=C sort <<<"$files" | cksum | tr ' ' -)
    source=$root
  fi
  cache="${RUNNER_TEMP:-${XDG_CACHE_HOME:-$HOME/.cache}}/docker-push"
  { mkdir -p "$cache" && cache=$(cd "$cache" && pwd)/ci-$version; } || fail "Set RUNNER_TEMP to a folder that may be written to."
  tool="$cache/bin/docker-push"
  if [ ! -x "$tool" ]; then
    command -v python3 >/dev/null || fail "Python 3.10 or newer is not installed. Install python3."
    # Scripts of a virtual environment name its folder: each job makes one of its own, and the first to end links it.
    made=$(mktemp -d "$cache.XXXXXX")
    trap 'rm -rf "$made"' EXIT
    mkdir "$made/tmp"
    # A signal reaches this shell alone, and a shell sees to it only when what it waits for has ended. So the installation
    # is a job (with -m in a process group of its own): `wait` ends at once, and the whole job is ended with it.
    set -m
    (
      unset DOCKER_USER DOCKER_PASSWORD GITHUB_TOKEN ACTIONS_RUNTIME_TOKEN
      export TMPDIR="$made/tmp"
      python3 -m venv "$made" && exec "$made/bin/python" -m pip install --quiet "$source"
    ) </dev/null >&2 &
    job=$!
    set +m
    for signal in INT TERM HUP; do
      # shellcheck disable=SC2064  # the signal's name is meant now
      trap "stop $signal" "$signal"
    done
    needs="It takes Python 3.10 or newer with venv (python3-venv on Debian and Ubuntu), and a package index"
    [ -n "$is_action" ] || needs="$needs; or install it in an earlier step: pip install $source"
    wait "$job" || fail "docker-push could not be installed. $needs"
    trap - INT TERM HUP
    rm -rf "$made/tmp"
    if [ -x "$tool" ]; then
      rm -rf "$made"
    else
      trap - EXIT # from here on others may use it
      ln -sfn "$made" "$cache"
      tool="$made/bin/docker-push"
    fi
    trap - EXIT
  fi
fi

if [ "${1:-}" = -- ]; then
  shift
  exec "$tool" "$@"
fi
exec "$tool" push ${1:+--version "$1"}
