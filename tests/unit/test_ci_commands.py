from __future__ import annotations

import pytest

from docker_push.ci.reading.commands import TASKS, commands
from docker_push.tasks import docker

API = {"image": ("api",)}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("docker-push push", [("push", {})]),
        ("exec docker-push push --image api", [("push", API)]),
        ("uvx docker-push@1.2 push --image=api", [("push", API)]),
        ("invoke docker.push -i api", [("push", API)]),
        (
            "python -m invoke docker.login docker.push --image api docker.verify",
            [("login", {}), ("push", API), ("verify", {})],
        ),
        ("set -e; cd x && docker-push \\\n  push --image api || exit 1", [("push", API)]),
        ("docker-push push --keep-going --image api --image worker", [("push", {"image": ("api", "worker")})]),
        ("./scripts/ci/docker.sh", [("push", {})]),
        ('exec ./scripts/ci/docker.sh "$VERSION"', [("push", {"version": ("$VERSION",)})]),
        ('docker-push push ${CI_COMMIT_TAG:+--version "$CI_COMMIT_TAG"}', [("push", {})]),
        ("/opt/bin/docker-push push", [("push", {})]),
        ("exec ./scripts/ci/docker.sh -- merge --image api", [("merge", API)]),
        ("nix develop .#ci -c ./scripts/ci/docker.sh", [("push", {})]),
        ("count=${#names}; docker-push push --image api # all", [("push", API)]),
        ("docker-push push --dry-run --image api", []),
        ("invoke docker.push --dry-run docker.stage --image api", [("stage", API)]),
        ("pip install docker-push", []),
        ("echo docker-push push", []),
        ("shellcheck scripts/ci/docker.sh", []),
        ("docker push ghcr.io/a/b", []),
        ("# docker-push push", []),
        ("docker-push ci.check", []),
        ("docker-push push --image 'unbalanced", [("push", {"image": ("'unbalanced",)})]),
    ],
)
def test_the_tasks_that_a_script_runs(script: str, expected: list[tuple[str, dict[str, tuple[str, ...]]]]):
    assert [(found.task, dict(found.flags)) for found in commands(script)] == expected


@pytest.mark.parametrize(
    "script",
    ["docker-push push $FLAGS", "docker-push push $(cat flags)", "docker-push push ${{ inputs.flags }}"],
)
def test_arguments_that_are_more_than_text_are_not_guessed(script: str):
    (found,) = commands(script)

    assert found.loose


def test_every_task_is_known_where_scripts_are_read():
    assert sorted(TASKS) == sorted(name for name in docker.task_names)
