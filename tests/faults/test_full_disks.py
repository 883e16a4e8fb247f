"""R24, R25: no space left, at the registry or here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fault_proxy import fault_proxy
from proxied_scratch import ProxiedScratch, proxied
from registry_process import registry_process
from small_disk import fill, grow, small_disk

pytestmark = pytest.mark.engine


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder that is a disk of 4 MiB."""
    with small_disk(tmp_path / "small disk", 4096) as folder:
        yield folder


@pytest.fixture
def without_space(engine: dict[str, str], tmp_path: Path) -> Iterator[ProxiedScratch]:  # noqa: ARG001 - it must be there
    """Give a repository with an image of 6 MB and a registry with room for 4."""
    folder = tmp_path / "storage"
    with (
        small_disk(folder, 4096),
        registry_process(folder) as address,
        fault_proxy(address) as proxy,
    ):
        case = proxied(tmp_path / "case", address, proxy, "mark-of-the-full-registry")
        (case.root / "data").write_bytes(os.urandom(6 << 20))
        case.commit_all()
        yield case


def test_r24_a_registry_without_space_is_an_error_that_speaks_of_storage(without_space: ProxiedScratch, tmp_path: Path):
    done = without_space.push()

    without_space.assert_fails(done, 6, "image api", "storage|space|disk")
    assert without_space.state() == {}
    grow(tmp_path / "storage", 64 << 10)
    without_space.assert_heals(built=True)


def test_r25_a_full_disk_for_temporary_files_is_named_with_its_path(case: ProxiedScratch, disk: Path):
    fill(disk)

    done = case.push(RUNNER_TEMP=str(disk))

    assert done.code == 2, done.err
    assert str(disk) in done.last
    assert "no space left" in done.last.lower()
    assert case.state() == {}
    (disk / "filler").unlink()
    assert list(disk.iterdir()) == []
    case.assert_heals(built=True)


def test_r25_a_full_folder_of_the_system_for_temporary_files_is_passed_over(case: ProxiedScratch, disk: Path):
    fill(disk)
    del case.environ["RUNNER_TEMP"]

    done = case.push(TMPDIR=str(disk))

    assert done.code == 0, done.err
    assert [path.name for path in disk.iterdir()] == ["filler"]


def test_r25_a_report_that_finds_no_space_is_as_it_was_before(case: ProxiedScratch, disk: Path):
    report = disk / "report.json"
    assert case.push("--report", str(report)).code == 0
    before = report.read_text()
    fill(disk)

    done = case.run("docker-push", "push", "--report", str(report))

    assert done.code == 2, done.err
    assert "no space left" in done.last.lower()
    assert str(report) in done.last
    assert report.read_text() == before
    (disk / "filler").unlink()
    assert [path.name for path in disk.iterdir()] == ["report.json"]
    case.assert_heals("--report", str(report))
    assert json.loads(report.read_text())["images"]


def plugins(case: ProxiedScratch, folder: Path) -> None:
    """Make a folder a configuration of docker that has the plugins."""
    (folder / "cli-plugins").symlink_to((Path(case.environ["DOCKER_CONFIG"]) / "cli-plugins").resolve())


def test_r25_a_login_that_finds_no_space_leaves_docker_s_configuration_as_it_was(case: ProxiedScratch, disk: Path):
    plugins(case, disk)
    config = disk / "config.json"
    config.write_text('{"auths": {"example.com": {"auth": "dXNlcjpwYXNz"}}}')
    before = config.read_text()
    fill(disk)

    done = case.tool("login", DOCKER_CONFIG=str(disk))

    assert done.code == 2, done.err
    assert str(disk) in done.last
    assert "no space left" in done.last.lower()
    assert config.read_text() == before
    (disk / "filler").unlink()
    assert sorted(path.name for path in disk.iterdir()) == ["cli-plugins", "config.json"]


def test_r25_buildx_without_space_for_its_notes_is_named_with_the_path(case: ProxiedScratch, disk: Path):
    plugins(case, disk)
    fill(disk)

    done = case.push(DOCKER_CONFIG=str(disk))

    assert done.code == 2, done.err
    assert str(disk) in done.last
    assert "no space left" in done.last.lower()
    assert case.state() == {}
    (disk / "filler").unlink()
    case.assert_heals(built=True)
