"""The wheel as a user gets it: installed into a clean environment, used from another repository."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# what `docker-push plan --offline` imports beyond Invoke and a model of pydantic's: a little of Python, and TOML
PLANNING = {"concurrent", "encodings", "graphlib", "pwd", "queue", "tomli", "unicodedata"}
# of ours, what is imported by a run that builds, asks for the remote's history, or is told --changed-since
ASKED_FOR = {"docker_push.changes", "docker_push.progress", "docker_push.remote", "docker_push.sources"}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the sources, as pip does."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT], check=True
    )
    (built,) = folder.glob("docker_push-*.whl")
    return built


@pytest.fixture(scope="session")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the programs of an environment that holds the wheel and what it asks for; its path has a space in it."""
    folder = tmp_path_factory.mktemp("an environment") / "of its own"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    programs = folder / "bin"
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", wheel], check=True)
    return programs


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "build.toml").write_text("[images.api]\n")
    for argv in (
        ["init", "-q", "-b", "main"],
        ["remote", "add", "origin", "https://github.com/acme/shop.git"],
        ["add", "-A"],
        ["commit", "-qm", "one"],
    ):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *argv], cwd=tmp_path, check=True)
    return tmp_path


def run(programs: Path, folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)}
    return subprocess.run(argv, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_it_holds_the_package_and_nothing_else(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0] for name in names} == {
        "docker_push",
        next(name for name in names if ".dist-info" in name).split("/")[0],
    }
    schemas = {"docker_push/build.schema.json", "docker_push/result.schema.json"}
    assert {
        "docker_push/py.typed",
        "docker_push/tasks/__init__.py",
        "docker_push/ci/shipped/docker.sh",
    } | schemas <= set(names)


def test_its_metadata_is_whole(wheel: Path):
    archive = zipfile.ZipFile(wheel)
    text = archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))).decode()
    metadata = Parser().parsestr(text)

    assert (metadata["Name"], metadata["Requires-Python"]) == ("docker-push", ">=3.10")
    assert {"invoke", "docker", "pyyaml", "ruamel-yaml", "tomli"} <= {
        line.split(">")[0] for line in metadata.get_all("Requires-Dist", [])
    }
    assert all(">=" in line for line in metadata.get_all("Requires-Dist", []))


def test_what_it_asks_for_fits_together(clean: Path, tmp_path: Path):
    assert run(clean, tmp_path, "python", "-m", "pip", "check").returncode == 0


def test_it_is_imported_without_a_warning(clean: Path, tmp_path: Path):
    assert (
        run(clean, tmp_path, "python", "-W", "error", "-c", "import docker_push.pipeline, docker_push.program").stderr
        == ""
    )


def test_the_console_script_lists_its_tasks(clean: Path, repository: Path):
    done = run(clean, repository, "docker-push", "--list")

    assert "push" in done.stdout, done.stderr


def test_the_console_script_tells_its_version(clean: Path, repository: Path, wheel: Path):
    assert wheel.name.split("-")[1] in run(clean, repository, "docker-push", "--version").stdout


def test_a_repository_without_a_tasks_py_is_planned(clean: Path, repository: Path):
    done = run(clean, repository, "docker-push", "plan", "--offline")

    assert done.returncode == 0, done.stderr
    assert "ghcr.io/acme/shop/api" in done.stdout


def test_two_lines_in_tasks_py_are_enough(clean: Path, repository: Path):
    (repository / "tasks.py").write_text("from docker_push.tasks import docker, namespace\n")

    assert "docker.push" in run(clean, repository, "invoke", "--list").stdout


def modules(programs: Path, folder: Path, script: str, *argv: str) -> set[str]:
    """Return the modules that a Python program has loaded when it ends."""
    script = f"import sys\ntry:\n    {script}\nexcept SystemExit:\n    pass\nprint('LOADED', *sys.modules)"
    done = run(programs, folder, "python", "-B", "-c", script, *argv)
    assert "LOADED" in done.stdout, done.stderr
    return set(done.stdout.rsplit("LOADED", 1)[1].split())


def test_listing_tasks_imports_their_declarations_and_nothing_else(clean: Path, repository: Path):
    """The start-up of `invoke --list` is measured by the benchmarks; what it imports decides it."""
    script = "from invoke.main import program; program.run(sys.argv, exit=False)"
    loaded: list[set[str]] = []
    for tasks in (
        "from docker_push.tasks import namespace\n",
        "from invoke import task\n\n@task\ndef push(c): ...\n",
    ):
        (repository / "tasks.py").write_text(tasks)
        loaded.append(modules(clean, repository, script, "--list"))

    ours, empty = loaded
    declarations = {name for name in ours if name.startswith("docker_push.tasks")}
    assert ours - empty - declarations == {"__future__", "docker_push", "docker_push.flags"}


def test_planning_imports_nothing_that_only_pushing_needs(clean: Path, repository: Path):
    needed = "import invoke.program, json, pydantic; type('Model', (pydantic.BaseModel,), {})"
    script = "from docker_push.program import main; main()"
    ours = modules(clean, repository, script, "plan", "--offline")

    assert "docker_push.plan" in ours
    assert ASKED_FOR & ours == set()
    further = {name.split(".")[0].lstrip("_") for name in ours - modules(clean, repository, needed)}
    assert {name for name in further if not name.endswith("__mypyc")} <= PLANNING | {"docker_push"}
