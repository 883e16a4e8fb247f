"""The two tasks on the command line: what is printed where, and how they end."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
from invoke.program import Program

import docker_push.run
from docker_push.tasks import tasks_by_name
from recorded_world import RecordedWorld

REPOSITORY = Path(__file__).parents[2]
CI = ".github/workflows/ci.yml"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordedWorld:
    """Give a repository without files of a CI; its doors lead to recorded programs."""
    world = RecordedWorld(tmp_path).write()
    doors = functools.partial(docker_push.run.Surroundings, runner=world.runner, client=world.client)
    monkeypatch.setattr(docker_push.run, "Surroundings", doors)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    (tmp_path / ".git").mkdir()
    return world


def invoke(*argv: str) -> int:
    try:
        Program(name="docker-push", namespace=tasks_by_name()).run(["docker-push", *argv])
    except SystemExit as error:
        return int(error.code or 0)
    return 0


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.y*ml")}


def test_a_dry_run_prints_a_difference_and_writes_nothing(world: RecordedWorld, capsys: pytest.CaptureFixture[str]):
    assert invoke("ci.write", "--dry-run") == 0

    out, err = capsys.readouterr()
    assert out.startswith("--- /dev/null\n+++ b/.github/workflows/ci.yml\n@@ ")
    assert "Dry run: nothing was written." in err
    assert files(world.folder) == set()


def test_the_first_files_are_named_and_agree_with_build_toml(world: RecordedWorld, capsys: pytest.CaptureFixture[str]):
    assert invoke("ci.write") == 0
    assert capsys.readouterr().out.split() == [
        CI,
        ".github/workflows/cd.yml",
        ".github/workflows/⚡reusable-docker.yaml",
        "scripts/ci/docker.sh",
    ]

    assert invoke("ci.check") == 0
    assert capsys.readouterr().out == ""
    assert invoke("ci.write") == 0
    assert capsys.readouterr().out == ""
    assert len(files(world.folder)) == 3


def test_findings_are_on_standard_output_and_end_with_2(world: RecordedWorld, capsys: pytest.CaptureFixture[str]):
    (world.folder / ".github/workflows").mkdir(parents=True)
    (world.folder / CI).write_text("on: push\njobs: {test: {runs-on: x}}\n")

    assert invoke("ci.check") == 2
    out, err = capsys.readouterr()
    assert out.startswith("build.toml:")
    assert "[image-without-job]" in out
    assert err.strip().splitlines()[-1].startswith("docker-push: the files of the CI: 1 error. ")

    assert invoke("ci.check", "--json") == 2
    document = json.loads(capsys.readouterr().out)
    assert (document["errors"], document["findings"][0]["rule"]) == (1, "image-without-job")


@pytest.mark.parametrize(
    ("origin", "environ", "expected"),
    [
        ("https://gitlab.example/a/b.git", {}, ".gitlab-ci.yml"),
        ("https://github.com/a/b.git", {"GITLAB_CI": "true"}, ".gitlab-ci.yml"),
        ("https://gitlab.example/a/b.git", {"GITHUB_ACTIONS": "true"}, CI),
        ("https://example.com/a/b.git", {}, CI),
    ],
)
def test_a_repository_without_any_gets_those_of_its_host(
    world: RecordedWorld, monkeypatch: pytest.MonkeyPatch, origin: str, environ: dict[str, str], expected: str
):
    monkeypatch.setattr("docker_push.git.origin", lambda _runner: origin)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert invoke("ci.write") == 0
    assert expected in files(world.folder)


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("argv", [("ci.check",), ("ci.check", "--ci", "jenkins"), ("ci.write", "--ci", "")])
def test_what_cannot_be_done_is_one_line(capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]):
    assert invoke(*argv) == 2

    out, err = capsys.readouterr()
    assert (out, err.strip().splitlines()[-1].startswith("docker-push: ")) == ("", True)


def test_without_files_and_images_there_is_nothing_to_write(world: RecordedWorld, capsys: pytest.CaptureFixture[str]):
    (world.folder / "build.toml").unlink()

    assert invoke("ci.write") == 2

    assert "build.toml lists no images" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_never_written(world: RecordedWorld, capsys: pytest.CaptureFixture[str]):
    (world.folder / ".gitlab-ci.yml").write_text("a: [\n")

    assert invoke("ci.write") == 0

    assert (world.folder / ".gitlab-ci.yml").read_text() == "a: [\n"
    assert "left: .gitlab-ci.yml:2: not YAML" in capsys.readouterr().err


def test_this_repository_s_own_files_agree(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(REPOSITORY)

    assert invoke("ci.check") == 0
    assert capsys.readouterr().out == ""
