"""The console script: the same tasks for a repository that has no tasks.py (``docker-push push --image api``)."""

from __future__ import annotations


def main() -> None:
    """Run the tasks of this package from the command line; ends the process with their exit code."""
    from importlib.metadata import version  # noqa: PLC0415

    from docker_push.boundary import default_signals  # noqa: PLC0415

    default_signals()

    from invoke.program import Program  # noqa: PLC0415

    from docker_push.tasks import tasks_by_name  # noqa: PLC0415

    tasks = tasks_by_name()
    Program(name="docker-push", binary="docker-push", namespace=tasks, version=version("docker-push")).run()
