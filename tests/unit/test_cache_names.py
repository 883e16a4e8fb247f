from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push import cache_names
from docker_push.cache_names import Refs
from docker_push.context import Event
from docker_push.references import Platform, Registry, Repository, Tag
from examples_of import AMD64, BOTH, CONTEXT

ARM = (Platform("linux", "arm64"),)


def name(service=("a", "b"), image="api", platforms=AMD64, ref="main") -> str:
    return cache_names.name(service, image, platforms, ref)


def test_the_cache_lies_beside_the_image():
    image = Repository(Registry("ghcr.io"), "acme/api")

    assert str(cache_names.repository_of(image)) == "ghcr.io/acme/api-cache"


def test_a_name_says_whose_cache_it_is():
    assert name(platforms=BOTH) == "a.b.api.linux-amd64_linux-arm64.main"


def test_the_order_of_platforms_and_the_case_of_a_service_do_not_matter():
    assert name(platforms=BOTH) == name(platforms=tuple(reversed(BOTH)))
    assert name(("Sulfoxide", "Hydrogen")) == name(("sulfoxide", "hydrogen"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"ref": "feature/A"}, {"ref": "feature-a"}),
        ({"ref": "Main"}, {"ref": "main"}),
        ({"ref": "pr:12"}, {"ref": "pr-12"}),
        ({"ref": "slug:main"}, {"ref": "main"}),
        ({"ref": "a.b"}, {"ref": "a-b"}),
        ({"service": ("a", "b")}, {"service": ("a", "c")}),
        ({"service": ("a", "b")}, {"service": ("c", "b")}),
        ({"service": ("a.b", "c")}, {"service": ("a", "b.c")}),
        ({"service": ("-a", "b")}, {"service": ("a", "b")}),
        ({"service": (".a", "b")}, {"service": ("a", "b")}),
        ({"image": "jobs/worker"}, {"image": "jobs-worker"}),
        ({"image": "jobs.worker"}, {"image": "jobs-worker"}),
        ({"platforms": AMD64}, {"platforms": ARM}),
        ({"platforms": AMD64}, {"platforms": BOTH}),
        ({"platforms": (Platform("linux", "amd64_linux", "arm64"),)}, {"platforms": BOTH}),
    ],
)
def test_what_differs_has_names_that_differ(one: dict[str, object], other: dict[str, object]):
    assert name(**one) != name(**other)


def test_no_branch_can_be_called_so_that_it_meets_another_one_s_hash():
    """Whoever may push branches chooses their names: one that spells out a name with a hash must not get that name."""
    hashed = name(ref="release/2.x").rpartition("linux-amd64.")[2]

    assert hashed.startswith("release-2.x-")
    assert name(ref=hashed) != name(ref="release/2.x")


parts = st.text(max_size=80)
tuples = st.tuples(parts, parts, parts, parts)


@given(tuples)
def test_every_name_is_a_tag_and_a_file_s_name_and_a_field_s_value(given_parts: tuple[str, str, str, str]):
    platform, service, image, ref = given_parts

    found = name((platform, service), image, BOTH, ref)

    assert Tag.is_valid(found)
    assert not set(found) & set("/,;=\"'")


@given(tuples, tuples)
def test_different_parts_have_different_names(one: tuple[str, ...], other: tuple[str, ...]):
    same = [part.lower() for part in one[:2]] + [*one[2:]] == [part.lower() for part in other[:2]] + [*other[2:]]

    assert (name(one[:2], one[2], AMD64, one[3]) == name(other[:2], other[2], AMD64, other[3])) is same


@pytest.mark.parametrize(
    ("changes", "own"),
    [
        ({}, "main"),
        ({"branch": "feature/A"}, "feature/A"),
        ({"branch": "feature/A", "event": Event.MANUAL}, "feature/A"),
        ({"branch": "main", "event": Event.PULL_REQUEST, "pull_request": 12}, "pr:12"),
        ({"branch": "gh-readonly-queue/main/pr-1-a", "event": Event.MERGE_QUEUE}, None),
        ({"branch": None, "tag": "v1.2.3", "event": Event.TAG}, None),
    ],
)
def test_a_run_reads_its_own_cache_then_the_default_branch_s(changes: dict[str, object], own: str | None):
    assert cache_names.refs(replace(CONTEXT, **changes)) == Refs(own=own, default="main")  # type: ignore[arg-type]


def test_where_only_a_slug_is_known_the_default_branch_is_its_slug_too():
    found = cache_names.refs(replace(CONTEXT, branch="release-2", slug_only=True, default_branch="release/2"))

    assert found.chain == ("slug:release-2",)
