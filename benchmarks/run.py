"""Measure docker-push beside the bare tools, alternating in one run; print medians, ratios and differences.

Needs an engine and a registry: `REGISTRY` names it, as `./scripts/engine up bench --format shell` prints. This machine may
be noisy, so what counts are the ratios of one run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
DOCKERFILE = "FROM busybox:1.37\nCOPY data /data\nRUN uname -m > /machine\n"
BUILD_TOML = '[project]\nrepository = "docker-push/bench"\n[images.api]\n'
PLATFORMS = "linux/arm64,linux/amd64"


def seconds(argv: Sequence[str], folder: Path) -> float:
    """Return the wall time of one command; a command that fails ends the benchmark with what it said."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "CI"))}
    started = time.perf_counter()
    done = subprocess.run(argv, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    elapsed = time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(f"{' '.join(argv)} failed:\n{done.stderr}")
    return elapsed


def side_by_side(name: str, ours: Sequence[str], theirs: Sequence[str], folder: Path, rounds: int) -> None:
    """Run both by turns, after one round that does not count, and print one line."""
    pairs = [(seconds(ours, folder), seconds(theirs, folder)) for _ in range(rounds + 1)][1:]
    our, their = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"{name:<58} {our:6.2f} s {their:6.2f} s   ratio {our / their:4.2f}   difference {our - their:+.2f} s")


def repository(folder: Path) -> Path:
    """Make a git repository with one image of two platforms, and its remote, which knows its commit."""
    remote = folder.with_name("origin") / "docker-push" / "bench.git"
    for name, text in {"Dockerfile": DOCKERFILE, "data": "one\n", "build.toml": BUILD_TOML}.items():
        (folder / name).write_text(text)
    for argv in (
        ["init", "-q", "--bare", str(remote)],
        ["init", "-q", "-b", "main"],
        ["remote", "add", "origin", str(remote)],
        ["add", "-A"],
        ["-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "-qm", "one"],
        ["push", "-q", "origin", "main"],
    ):
        subprocess.run(["git", *argv], cwd=folder, check=True)
    return folder


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    registry = os.environ.get("REGISTRY") or sys.exit(
        "REGISTRY is not set: run ./scripts/engine up bench --format shell"
    )
    print(f"{'':<58} {'ours':>8} {'bare':>8}   (medians of {rounds} rounds)")
    with tempfile.TemporaryDirectory() as parent:
        empty, tasks, push = (Path(parent) / name for name in ("empty", "tasks", "push"))
        for folder in (empty, tasks, push):
            folder.mkdir()
        (empty / "tasks.py").write_text("from invoke import task\n\n\n@task\ndef nothing(c):\n    pass\n")
        (tasks / "tasks.py").write_text("from docker_push.tasks import namespace\n")
        invoke = str(BIN / "invoke")
        side_by_side(
            "invoke --list, beside an empty tasks.py",
            [invoke, "--search-root", str(tasks), "--list"],
            [invoke, "--search-root", str(empty), "--list"],
            empty,
            rounds,
        )
        image = f"{registry}/docker-push/bench"
        bare = ["docker", "buildx", "build", "--push", "--platform", PLATFORMS, "--quiet"]
        bare += [part for tag in ("sha-main", "main", "latest") for part in ("--tag", f"{image}/bare:{tag}")] + ["."]
        ours = [str(BIN / "docker-push"), "push", "--domain", registry]
        repository(push)
        side_by_side(
            "docker.push --rebuild, warm cache, beside buildx build --push", [*ours, "--rebuild"], bare, push, rounds
        )
        side_by_side("docker.push again (adopted), beside buildx build --push", ours, bare, push, rounds)


if __name__ == "__main__":
    main()
