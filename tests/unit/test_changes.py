"""The images as an earlier build.toml has them, by what this run is told."""

from __future__ import annotations

from docker_push import changes
from docker_push.options import Flags

TEXT = b"""
[images.api]
dockerfile = "Dockerfile"
[images.web]
dockerfile = "Dockerfile"
contexts = { api = "target:api" }
"""


def test_without_a_file_there_were_no_images():
    assert changes.images(None, Flags(), {}) == {}


def test_of_a_file_that_cannot_be_used_nothing_is_known():
    assert changes.images(b"what = 1", Flags(), {}) is None
    assert changes.images(b"[", Flags(), {}) is None


def test_all_images_are_known_also_where_the_run_is_about_others():
    for flags in (Flags(), Flags(images=("web",)), Flags(images=("api",)), Flags(images=("new",))):
        found = changes.images(TEXT, flags, {})

        assert found is not None
        assert set(found) == {"api", "web"}


def test_what_the_run_is_told_holds_for_the_earlier_images_too():
    found = changes.images(TEXT, Flags(images=("web",), platforms=("linux/arm64",)), {})

    assert found is not None
    assert [str(platform) for platform in found["web"].platforms.value] == ["linux/arm64"]
    assert found["api"].platforms.value == found["web"].platforms.value
