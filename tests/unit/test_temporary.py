"""The run's own folder, and what runs that were killed left of theirs."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_push.boundary.temporary import kernel, leftovers, own_folder, remove


@pytest.fixture
def said() -> list[str]:
    return []


def left_behind(place: Path, name: str = "docker-push-left", *, owner: str | None = None) -> Path:
    """Make what a killed run leaves: a folder with credentials whose lock nobody holds."""
    folder = place / name
    (folder / "files").mkdir(parents=True)
    (folder / "files/config.json").write_text("s3cret")
    (folder / "owner").write_text(kernel() if owner is None else owner)
    return folder


def test_it_is_empty_private_and_gone_afterwards(tmp_path: Path, said: list[str]):
    with own_folder(str(tmp_path), said.append) as folder:
        assert list(folder.iterdir()) == []
        assert (folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777) == (0o700, 0o700)
        (folder / "credentials").write_text("s3cret")

    assert list(tmp_path.iterdir()) == []
    assert said == []


def test_it_is_gone_also_after_an_error(tmp_path: Path, said: list[str]):
    with pytest.raises(ZeroDivisionError), own_folder(str(tmp_path), said.append):
        raise ZeroDivisionError

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path, said: list[str]):
    left_behind(tmp_path)
    left_behind(tmp_path, "docker-push-another")

    with own_folder(str(tmp_path), said.append) as folder:
        assert list(tmp_path.iterdir()) == [folder.parent]


def test_a_folder_whose_run_lives_is_never_touched(tmp_path: Path, said: list[str]):
    with own_folder(str(tmp_path), said.append) as living, own_folder(str(tmp_path), said.append) as second:
        assert living.is_dir()
        assert list(leftovers(tmp_path)) == []
        assert second != living


def test_a_folder_that_is_being_removed_by_one_run_is_left_alone_by_another(tmp_path: Path):
    left_behind(tmp_path)

    first = leftovers(tmp_path)
    next(first)

    assert list(leftovers(tmp_path)) == []


def without_owner(folder: Path) -> None:
    (folder / "owner").unlink()


def of_another_kernel(folder: Path) -> None:
    (folder / "owner").write_text("another")


def with_a_link_for_an_owner(folder: Path) -> None:
    (folder / "owner").rename(folder.parent / "real")
    (folder / "owner").symlink_to(folder.parent / "real")


def with_a_pipe_for_an_owner(folder: Path) -> None:
    (folder / "owner").unlink()
    os.mkfifo(folder / "owner")


def with_another_name(folder: Path) -> None:
    folder.rename(folder.parent / "docker-something")


def as_a_link(folder: Path) -> None:
    folder.rename(folder.parent / "elsewhere")
    folder.symlink_to(folder.parent / "elsewhere")


def as_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("")


@pytest.mark.parametrize(
    "change",
    [
        without_owner,
        of_another_kernel,
        with_a_link_for_an_owner,
        with_a_pipe_for_an_owner,
        with_another_name,
        as_a_link,
        as_a_file,
    ],
)
def test_what_is_not_surely_a_dead_run_s_is_left_alone(tmp_path: Path, change):
    change(left_behind(tmp_path))
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))

    assert list(leftovers(tmp_path)) == []
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before


def test_another_user_s_folder_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    left_behind(tmp_path)
    monkeypatch.setattr(os, "getuid", lambda: 12345)

    assert list(leftovers(tmp_path)) == []


def test_links_inside_a_leftover_are_not_followed(tmp_path: Path, said: list[str]):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_text("keep")
    folder = left_behind(tmp_path)
    (folder / "files/link").symlink_to(tmp_path / "precious")
    (folder / "link").symlink_to(tmp_path / "precious")

    for left in leftovers(tmp_path):
        remove(left, said.append)

    assert not folder.exists()
    assert (tmp_path / "precious/file").read_text() == "keep"


def test_without_locks_a_run_goes_on_and_its_folder_is_nobody_s(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with own_folder(str(tmp_path), said.append) as folder:
        assert list(folder.iterdir()) == []
        assert not (folder.parent / "owner").exists()

    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def stubborn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Have the first removals fail, as many as the list says."""
    real, failures = shutil.rmtree, [0]

    def rmtree(path: Path, **given: bool) -> None:
        if failures[0]:
            failures[0] -= 1
            raise OSError(39, "Directory not empty")
        real(path, **given)

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    return failures


def test_a_program_that_still_writes_into_the_folder_does_not_keep_it(
    tmp_path: Path, said: list[str], stubborn: list[int]
):
    folder = left_behind(tmp_path)
    stubborn[0] = 2

    remove(folder, said.append)

    assert (folder.exists(), said) == (False, [])


def test_a_folder_that_cannot_be_removed_is_told(tmp_path: Path, said: list[str], stubborn: list[int]):
    folder = left_behind(tmp_path)
    stubborn[0] = 99

    remove(folder, said.append)

    (line,) = said
    assert str(folder) in line
    assert "Directory not empty" in line
    assert "credentials" in line


def test_a_place_that_is_not_there_has_no_leftovers(tmp_path: Path):
    assert list(leftovers(tmp_path / "nowhere")) == []
