"""The console script: the same tasks for a repository that has no tasks.py (``docker-push push --image api``)."""

from __future__ import annotations

from importlib.metadata import version

from invoke.program import Program

from docker_push.tasks import docker


def main() -> None:
    """Run the tasks of this package from the command line; ends the process with their exit code."""
    Program(name="docker-push", binary="docker-push", namespace=docker, version=version("docker-push")).run()
