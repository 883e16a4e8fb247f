from __future__ import annotations

from pathlib import Path

import pytest

from docker_push import config
from docker_push.errors import FindingsError
from docker_push.options import Flags, check_files, resolve


def findings(root: Path, text: str = "", **environ: str) -> list[str]:
    found = resolve(config.parse(text.encode(), "build.toml"), Flags(), environ)
    try:
        check_files(found, root)
    except FindingsError as error:
        return list(error.details)
    return []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    (root / "Dockerfile").touch()
    (root / "out").symlink_to(tmp_path)
    return root


def test_what_is_there_is_right(root: Path):
    assert findings(root, "[images.api]\n") == []


def test_a_built_in_dockerfile_that_is_not_there_is_a_finding(tmp_path: Path):
    assert findings(tmp_path, "[images.api]\n") == [
        "image api (built-in): the Dockerfile 'Dockerfile' does not exist. Create it, or name the one that there is."
    ]


def test_a_variable_that_names_no_dockerfile_is_a_finding(root: Path):
    assert findings(root, CI_DOCKER_IMAGE="api", CI_DOCKERFILE="Dockerfil") == [
        "image api (CI_DOCKERFILE): the Dockerfile 'Dockerfil' does not exist. There is Dockerfile."
    ]


def test_variables_lead_out_of_the_repository_by_no_link(root: Path):
    found = findings(root, CI_DOCKER_IMAGE="api", CI_DOCKERFILE="out/x", CI_DOCKER_CONTEXT="out")

    assert [text.partition(". ")[0] for text in found] == [
        "image api (CI_DOCKERFILE): 'out/x' leads out of the repository by a symbolic link",
        "image api (CI_DOCKER_CONTEXT): 'out' leads out of the repository by a symbolic link",
    ]


def test_beside_a_remote_context_nothing_is_looked_for(tmp_path: Path):
    assert findings(tmp_path, CI_DOCKER_IMAGE="api", CI_DOCKER_CONTEXT="https://example.com/x.git") == []


def test_a_dockerfile_that_a_variable_replaces_need_not_be_there(root: Path):
    assert findings(root, "[images.worker]\n", CI_DOCKER_IMAGE="worker", CI_DOCKERFILE="Dockerfile") == []
