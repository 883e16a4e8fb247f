#!/bin/sh
# Print the greeting that was built in; with --self-test only check that it is there.
set -eu
[ -s /etc/worker-greeting ] || { echo "worker: no greeting was built in" >&2; exit 1; }
[ "${1:-}" = "--self-test" ] || echo "worker says $(cat /etc/worker-greeting)"
