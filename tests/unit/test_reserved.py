from __future__ import annotations

import pytest

from docker_push.reserved import is_reserved

SHA1, SHA256 = "0a1b2c3d" * 5, "0a1b2c3d" * 8


@pytest.mark.parametrize(
    "tag", ["latest", "pr-1", "1.2.3", "v1.2.3", "v1.2.3-rc.1", SHA1, SHA256, f"{SHA1}-main", f"{SHA256}-main"]
)
def test_what_runs_make_is_reserved(tag: str):
    assert is_reserved(tag)


@pytest.mark.parametrize(
    "tag", ["main", "latest-main", "pr-x", "pr-1-x", "1", "1.2", "facade-fix", "abcdef0", "nightly"]
)
def test_any_other_name_is_free(tag: str):
    assert not is_reserved(tag)


@pytest.mark.parametrize(("tag", "reserved"), [("facade-fix", True), ("facade", False), ("facade0-fix", False)])
def test_a_commit_tag_begins_with_as_many_digits_as_commits_have_here(tag: str, reserved: bool):
    assert is_reserved(tag, 6) == reserved


@pytest.mark.parametrize(
    ("tag", "semver", "reserved"),
    [
        ("1", ("{major}",), True),
        ("1.2", ("{major}",), False),
        ("1.2", ("{major}", "{major}.{minor}"), True),
        ("1x2", ("{major}.{minor}",), False),
    ],
)
def test_what_releases_move_is_reserved(tag: str, semver: tuple[str, ...], reserved: bool):
    assert is_reserved(tag, 40, semver) == reserved
