from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from docker_push import ci
from docker_push.ci import scaffold
from docker_push.errors import ConfigError

CI = ".github/workflows/ci.yml"


def put(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path):
    outside = put(tmp_path, "outside.yml", "on: push\n")
    root = tmp_path / "repository"
    put(root, ".github/workflows/ours.yml", "on: push\n")
    (root / CI).symlink_to(outside)
    (root / ".gitlab-ci.yml").symlink_to(outside)

    found = ci.find(root)

    assert list(found.texts) == [".github/workflows/ours.yml"]
    assert [said.text for said in found.unread] == [CI, ".gitlab-ci.yml"]
    with pytest.raises(ConfigError, match="leads out of the repository"):
        ci.write_files(root, {CI: "mine\n"})
    assert outside.read_text() == "on: push\n"


def test_a_folder_of_workflows_that_is_elsewhere_is_refused(tmp_path: Path):
    put(tmp_path, "elsewhere/ci.yml", "on: push\n")
    root = tmp_path / "repository"
    (root / ".github").mkdir(parents=True)
    (root / ".github/workflows").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError, match="leads out of the repository"):
        ci.find(root)


def test_an_include_is_followed_inside_the_repository_alone(tmp_path: Path):
    put(tmp_path, "outside.yml", "x: {}\n")
    root = tmp_path / "repository"
    put(
        root,
        ".gitlab-ci.yml",
        "include: [ci/a.yml, /ci/gone.yml, ../outside.yml, 'ci/*.yml', 'https://x.example/y.yml']\n",
    )
    put(root, "ci/a.yml", "include: .gitlab-ci.yml\n")

    found = ci.find(root)

    assert list(found.texts) == [".gitlab-ci.yml", "ci/a.yml"]
    assert {said.text for said in found.unread} == {
        "ci/*.yml",
        "https://x.example/y.yml",
        "/ci/gone.yml",
        "../outside.yml",
    }


def test_a_pipe_is_not_read(tmp_path: Path):
    put(tmp_path, CI, "on: push\n")
    os.mkfifo(tmp_path / ".gitlab-ci.yml")

    assert list(ci.find(tmp_path).texts) == [CI]


def test_a_file_that_is_no_text_is_told_with_its_line(tmp_path: Path):
    put(tmp_path, CI, "").write_bytes(b"on: push\nname: \xff\n")

    with pytest.raises(ConfigError, match=r"ci\.yml:2: not UTF-8"):
        ci.find(tmp_path)


def test_all_files_are_written_or_none(tmp_path: Path):
    first = put(tmp_path, CI, "old\n")
    (tmp_path / "taken").mkdir()  # no file can take a folder's place

    with pytest.raises(ConfigError, match="cannot be written"):
        ci.write_files(tmp_path, {CI: "new\n", "new.yml": "new\n", "taken": "new\n"})

    assert first.read_text() == "old\n"
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["ci.yml"]


def test_a_full_disk_leaves_no_half_of_a_file(tmp_path: Path):
    put(tmp_path, CI, "old\n")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # as a full disk: it ends in the middle of a file
    try:
        with pytest.raises(ConfigError, match="cannot be written"):
            ci.write_files(tmp_path, {CI: "new\n" * 1000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["ci.yml"]


def test_a_file_where_a_folder_should_be_is_told(tmp_path: Path):
    put(tmp_path, "scripts", "a file\n")

    with pytest.raises(ConfigError, match="cannot be written"):
        ci.write_files(tmp_path, {scaffold.SCRIPT: "new\n"})


def test_a_file_keeps_its_mode_and_its_link_and_the_script_can_be_run(tmp_path: Path):
    real = put(tmp_path, "real.yml", "old\n")
    real.chmod(0o640)
    (tmp_path / "link.yml").symlink_to("real.yml")

    ci.write_files(tmp_path, {"link.yml": "new\n", scaffold.SCRIPT: scaffold.shipped(scaffold.SCRIPT)})

    assert (real.read_text(), real.stat().st_mode & 0o777) == ("new\n", 0o640)
    assert (tmp_path / "link.yml").is_symlink()
    assert (tmp_path / scaffold.SCRIPT).stat().st_mode & 0o777 == 0o755
