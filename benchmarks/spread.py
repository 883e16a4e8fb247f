"""Two machines with BuildKit, as `nox -s distributed` makes them, and the same repository built over one of them or both."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from measure import Cost, Side, cost

_TESTS = Path(__file__).parents[1] / "tests"
# arithmetic of a shell: what an emulator has to translate is all that it does
_DOCKERFILE = """\
FROM busybox:1.37
COPY data /data
RUN i=0; while [ $i -lt {turns} ]; do i=$((i + 1)); done
"""


@contextmanager
def sides(folder: Path, environ: Mapping[str, str], turns: int) -> Iterator[tuple[Side, Side]]:
    """Give what publishes a changed image over both machines, and what does it over the first alone.

    Each machine has one core of its own. A step takes so many ``turns`` of a loop, for each platform.
    """
    sys.path += [str(_TESTS), *(str(_TESTS / name) for name in ("integration", "faults", "distributed"))]
    two_machines = importlib.import_module("machines").two_machines  # the tests' own, which no other row needs
    scratch = importlib.import_module("scratch").Scratch

    root = folder / "spread"
    root.mkdir()
    with two_machines(root) as machines:
        for core, node in enumerate(machines.nodes):
            pid = str(node.process.pid) if node.process else ""
            argv = ["taskset", "--all-tasks", "--cpu-list", "--pid", str(core % (os.cpu_count() or 1)), pid]
            subprocess.run(argv, check=True, capture_output=True)

        def side(name: str, builder: str) -> Side:
            repo = scratch(root / name, machines.registry)
            repo.environ = {**repo.environ, **environ, "BUILDX_CONFIG": str(root / "buildx")}
            repo.write({"Dockerfile": _DOCKERFILE.format(turns=turns), "build.toml": f"[images.api]\n{builder}"})
            rounds = iter(range(1000))

            def push() -> Cost:
                repo.write({"data": str(next(rounds))})
                repo.commit_all()
                return cost(["docker-push", "push", "--domain", machines.registry], repo.root, repo.environ)

            return push

        both = machines.builder()
        one = both.partition("[[builder.nodes]]")
        alone = (
            one[0]
            + one[1]
            + one[2].partition("[[builder.nodes]]")[0].replace('["linux/amd64"]', '["linux/amd64", "linux/arm64"]')
        )
        yield side("both", both), side("alone", alone)
