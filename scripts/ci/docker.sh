#!/usr/bin/env bash
# Build, tag and push one image in CI: ./scripts/ci/docker.sh [version]
#
# Which image, from which commit, to which registry comes from the environment:
#   DOMAIN               registry (default: build.toml's, else ghcr.io)
#   DOCKER_USER, DOCKER_PASSWORD   registry login (a registry on loopback needs none)
#   GITHUB_REPO_REF, GITHUB_SHA, GITHUB_BRANCH   repository, commit, branch
#   LATEST_BRANCH        branch that `latest` follows (default: main)
#   CI_DOCKER_IMAGE      image name
#   CI_DOCKER_CONTEXT, CI_DOCKERFILE, CI_DOCKER_PLATFORM   empty: build.toml's, else the defaults
#
# The tool is the `docker-push` on the PATH, else one in a virtual environment that is made once and kept beside the
# runner's temporary files: from this checkout where it is docker-push itself, else from PyPI.
set -euo pipefail

missing=""
for name in GITHUB_REPO_REF GITHUB_SHA GITHUB_BRANCH CI_DOCKER_IMAGE; do
  [ -n "${!name:-}" ] || missing="$missing $name"
done
case "${DOMAIN:-}" in
  localhost | localhost:* | 127.* | '[::1]'*) ;;
  *)
    for name in DOCKER_USER DOCKER_PASSWORD; do
      [ -n "${!name:-}" ] || missing="$missing $name"
    done
    ;;
esac
if [ -n "$missing" ]; then
  echo "docker.sh: not set:$missing. Set them in the job's env, as the reusable workflow does, and run the job again." >&2
  exit 2
fi

root=$(cd "$(dirname "$0")/../.." && pwd)
tool=$(command -v docker-push || true)
if [ -z "$tool" ]; then
  source="docker-push"
  [ ! -d "$root/src/docker_push" ] || source="$root"
  cache="${RUNNER_TEMP:-${XDG_CACHE_HOME:-$HOME/.cache}}/docker-push/ci"
  tool="$cache/bin/docker-push"
  if [ ! -x "$tool" ]; then
    command -v python3 >/dev/null || { echo "docker.sh: Python 3.10 or newer is not installed. Install python3." >&2; exit 2; }
    { python3 -m venv "$cache" && "$cache/bin/python" -m pip install --quiet "$source"; } >&2 || {
      rm -rf "$cache"
      echo "docker.sh: docker-push could not be installed. Install it in an earlier step: pip install docker-push" >&2
      exit 2
    }
  fi
fi

if [ -n "${1:-}" ]; then
  exec "$tool" push --version "$1"
fi
exec "$tool" push
