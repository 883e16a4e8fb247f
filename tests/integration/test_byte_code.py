"""What Python keeps of our modules: a package that was installed without byte code is compiled by the first run alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import docker_push

INVOKE = ("-m", "invoke", "docker.list")
CONSOLE_SCRIPT = ("-c", "from docker_push.program import main; main()", "list")
# what a CI says in place of git
CI = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SHA": "0" * 40,
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REPOSITORY": "acme/shop",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Give a folder that holds our package as an installer leaves it that compiles nothing."""
    site = tmp_path / "site"
    shutil.copytree(
        Path(docker_push.__file__).parent, site / "docker_push", ignore=shutil.ignore_patterns("__pycache__")
    )
    return site


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Give a repository whose tasks.py imports a module of its own."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "build.toml").write_text("[images.api]\n")
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "own.py").write_text("")
    (folder / "tasks.py").write_text("import own\nfrom docker_push.tasks import docker, namespace\n")
    return folder


def list_images(argv: Sequence[str], site: Path, repository: Path, **environ: str) -> None:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ = {**inherited, **CI, "PYTHONPATH": str(site), "RUNNER_TEMP": str(site.parent), **environ}
    done = subprocess.run(
        [sys.executable, *argv], cwd=repository, env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()[:1]) == (0, ["api"]), done.stderr


def compiled(folder: Path) -> set[str]:
    return {path.name.split(".")[0] for path in folder.rglob("*.pyc")}


@pytest.mark.parametrize("argv", [INVOKE, CONSOLE_SCRIPT], ids=["invoke", "console script"])
def test_what_a_task_imports_is_compiled_once(argv: tuple[str, ...], site: Path, repository: Path):
    list_images(argv, site, repository)

    assert {"temporary", "run", "observation", "tables"} <= compiled(site)


def test_nothing_is_left_beside_a_tasks_file(site: Path, repository: Path):
    list_images(INVOKE, site, repository)

    assert compiled(repository) == set()


@pytest.mark.parametrize("argv", [INVOKE, CONSOLE_SCRIPT], ids=["invoke", "console script"])
def test_a_python_that_was_told_to_keep_no_byte_code_keeps_none(argv: tuple[str, ...], site: Path, repository: Path):
    list_images(argv, site, repository, PYTHONDONTWRITEBYTECODE="1")

    assert compiled(site) == set()


def test_a_task_that_runs_after_ours_leaves_no_byte_code_either(site: Path, repository: Path):
    (repository / "later.py").write_text("")
    (repository / "tasks.py").write_text(
        "from invoke import task\nfrom docker_push.tasks import docker, namespace\n\n"
        "@task\ndef after(c):\n    import later\n\nnamespace.add_task(after)\n"
    )
    list_images((*INVOKE, "after"), site, repository)

    assert compiled(repository) == set()
