"""A disk that is full, wherever a run writes: one line that says so and names the path, and nothing half-written is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from registry_process import BasicRegistry
from scratch import SMALL, Ran, Scratch
from small_disk import fill, fill_inodes, small_disk

pytestmark = pytest.mark.engine
OWNER = 1  # the file that says whose a run's folder is: with less a run does not begin


@pytest.fixture
def small(scratch: Scratch) -> Scratch:
    scratch.write({**SMALL, "build.toml": '[images.api]\nplatforms = ["linux/amd64"]\n'})
    scratch.commit_all()
    return scratch


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


def says_so(done: Ran, path: Path) -> bool:
    """Tell whether the last line, and it alone is the tool's, names the full disk and where it is."""
    lines = [line for line in done.err.splitlines() if line.startswith("docker-push: ")]
    return lines == [done.last] and "no space left" in done.last.lower() and str(path) in done.last


@pytest.mark.parametrize("fill_it", [fill, fill_inodes], ids=["no byte", "no file"])
def test_without_room_for_a_single_file_the_run_does_not_begin(
    small: Scratch, disk: Path, fill_it: Callable[[Path], None]
):
    fill_it(disk)
    there = set(disk.iterdir())

    done = small.tool("push", "--domain", small.registry, RUNNER_TEMP=str(disk))

    assert (done.code, says_so(done, disk)) == (2, True), done.err
    assert set(disk.iterdir()) == there


def test_a_full_disk_for_temporary_files_is_found_before_anything_is_built(small: Scratch, disk: Path):
    fill(disk, files=OWNER)

    done = small.tool("push", "--domain", small.registry, "--debug", RUNNER_TEMP=str(disk))

    assert (done.code, "buildx bake" in done.err) == (7, False), done.err
    assert says_so(done, disk), done.last
    assert small.tags("api") == set()


def test_buildx_s_own_file_on_a_full_disk_fails_the_build(small: Scratch, disk: Path):
    fill(disk, files=OWNER)

    done = small.tool("push", "--domain", small.registry, "--no-preflight", RUNNER_TEMP=str(disk))

    assert (done.code, says_so(done, disk)) == (7, True), done.err
    assert not {"main", "latest"} & small.tags("api")


def test_the_same_command_heals_when_there_is_room_again(small: Scratch, disk: Path):
    fill(disk, files=OWNER)
    assert small.tool("push", "--domain", small.registry, "--no-preflight", RUNNER_TEMP=str(disk)).code == 7
    (disk / "filler").unlink()

    done = small.tool("push", "--domain", small.registry, "--no-preflight", RUNNER_TEMP=str(disk))

    assert done.code == 0, done.err
    assert {"main", "latest"} <= small.tags("api")


def test_a_login_of_the_run_s_own_needs_room(small: Scratch, disk: Path, basic_registry: BasicRegistry):
    fill(disk, files=OWNER)

    done = small.tool(
        "push",
        "--domain",
        basic_registry.address,
        "--no-preflight",
        RUNNER_TEMP=str(disk),
        DOCKER_USER=basic_registry.username,
        DOCKER_PASSWORD=basic_registry.password,
    )

    assert (done.code, says_so(done, disk)) == (2, True), done.err
    assert list(disk.iterdir()) == [disk / "filler"]


def test_a_login_of_the_user_s_needs_room(small: Scratch, disk: Path, basic_registry: BasicRegistry):
    fill(disk)

    done = small.tool(
        "login",
        "--domain",
        basic_registry.address,
        DOCKER_CONFIG=str(disk),
        DOCKER_USER=basic_registry.username,
        DOCKER_PASSWORD=basic_registry.password,
    )

    assert (done.code, says_so(done, disk)) == (2, True), done.err


def test_a_report_that_finds_no_room_leaves_the_old_one_and_what_was_pushed(small: Scratch, disk: Path):
    report = disk / "report.json"
    report.write_text('{"old": true}')
    fill(disk)

    done = small.tool("push", "--domain", small.registry, "--report", str(report))

    assert (done.code, says_so(done, report)) == (2, True), done.err
    assert {"main", "latest"} <= small.tags("api")
    assert done.out.startswith(f"{small.path}/api:")
    assert json.loads(report.read_text()) == {"old": True}
    assert sorted(path.name for path in disk.iterdir()) == ["filler", "report.json"]


def test_a_run_that_failed_says_so_although_its_report_finds_no_room(small: Scratch, disk: Path):
    small.write({"Dockerfile": "FROM busybox:1.37\nRUN exit 3\n"})
    small.commit_all()
    fill(disk)

    done = small.tool("push", "--domain", small.registry, "--report", str(disk / "report.json"))

    assert (done.code, "image api: the build failed" in done.last) == (7, True), done.err
    assert "No space left on device" in done.err


def test_the_doctor_names_the_full_disk(small: Scratch, disk: Path):
    fill(disk, files=OWNER)

    done = small.tool("doctor", "--domain", small.registry, RUNNER_TEMP=str(disk))

    assert (done.code, says_so(done, disk)) == (7, True), done.err
    assert "FAIL  disk for temporary files" in done.out
