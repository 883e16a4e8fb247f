from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from docker_push import metadata
from docker_push.references import Registry, Repository, Tag
from examples_of import AMD64, BOTH, CONTEXT

API = Repository(Registry("ghcr.io"), "acme/api")


def name(scope=("a", "b"), platforms=AMD64, branch="main") -> str:
    return str(metadata.cache_reference(API, scope, platforms, branch).tag)


def test_labels_leave_out_what_is_not_known():
    assert set(metadata.labels("api", replace(CONTEXT, source_url=None, created=None), {})) == {
        "org.opencontainers.image.revision",
        "org.opencontainers.image.title",
    }


def test_a_time_is_rfc_3339_in_utc():
    assert metadata.timestamp(0) == "1970-01-01T00:00:00Z"


def test_the_cache_lies_beside_the_image():
    assert (
        str(metadata.cache_reference(API, ("a", "b"), BOTH, "main"))
        == "ghcr.io/acme/api-cache:a.b.linux-amd64_linux-arm64.main"
    )


def test_the_order_of_platforms_does_not_matter():
    assert name(platforms=BOTH) == name(platforms=tuple(reversed(BOTH)))


def test_two_scopes_never_meet():
    assert len({name(("a", "b")), name(("a.b", "")), name(("a-b", "")), name(("", "a.b")), name(("a", "b."))}) == 5


parts = st.text(max_size=80)


@given(parts, parts, parts)
def test_every_name_is_a_tag(platform: str, service: str, branch: str):
    assert Tag.is_valid(name((platform, service), BOTH, branch))


@given(st.tuples(parts, parts, parts), st.tuples(parts, parts, parts))
def test_different_parts_have_different_names(one: tuple[str, str, str], other: tuple[str, str, str]):
    same = [part.lower() for part in one[:2]] + [one[2]] == [part.lower() for part in other[:2]] + [other[2]]

    assert (name(one[:2], AMD64, one[2]) == name(other[:2], AMD64, other[2])) is same
