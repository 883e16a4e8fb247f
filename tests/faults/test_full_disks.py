"""R24, R25: no space left, at the registry or here; more of R25 is in tests/integration/test_disk_full.py."""

from __future__ import annotations

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
    """Give a folder that is a small disk."""
    with small_disk(tmp_path / "small disk") as folder:
        yield folder


@pytest.fixture
def without_space(engine: dict[str, str], tmp_path: Path) -> Iterator[ProxiedScratch]:  # noqa: ARG001 - it must be there
    """Give a repository with an image of 6 MB and a registry with room for 4."""
    folder = tmp_path / "storage"
    with (
        small_disk(folder, size="4m", inodes=1000),
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
    grow(tmp_path / "storage", "64m")
    without_space.assert_heals(built=True)


def test_r25_a_full_folder_of_the_system_for_temporary_files_is_passed_over(case: ProxiedScratch, disk: Path):
    fill(disk)
    del case.environ["RUNNER_TEMP"]

    done = case.push(TMPDIR=str(disk))

    assert done.code == 0, done.err
    assert [path.name for path in disk.iterdir()] == ["filler"]


def plugins(case: ProxiedScratch, folder: Path) -> None:
    """Make a folder a configuration of docker that has the plugins."""
    (folder / "cli-plugins").symlink_to((Path(case.environ["DOCKER_CONFIG"]) / "cli-plugins").resolve())


def test_r25_buildx_without_space_for_its_notes_is_named_with_the_path(case: ProxiedScratch, disk: Path):
    plugins(case, disk)
    fill(disk)

    done = case.push(DOCKER_CONFIG=str(disk))

    assert done.code == 7, done.err
    assert str(disk) in done.last
    assert "no space left" in done.last.lower()
    assert case.state() == {}
    (disk / "filler").unlink()
    case.assert_heals(built=True)
