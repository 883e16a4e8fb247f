from __future__ import annotations

from itertools import combinations, pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docker_push.errors import ConfigError
from docker_push.references import Tag
from docker_push.versions import Release, Version, parse_release

VERSIONS = [
    "0.0.0",
    "1.2.3",
    "v1.2.3",
    "10.20.30",
    "v1.2.3-rc.1",
    "1.2.3-RC1",
    "1.0.0-alpha.beta.1",
    "1.0.0-0A.is.legal",
    "1.0.0-x-y-z.--",
    "1.0.0---x",
    "1.2.3+build.5",
    "1.2.3-rc.1+001",
    "v1.2.3+exp.sha-5114f85",
    "99999999999999999999.999999999999999999.99999999999999999",
]
OTHERS = [
    "",
    "1",
    "1.2",
    "v1.2",
    "1.2.3.4",
    "01.2.3",
    "1.02.3",
    "1.2.03",
    "1.2.3-",
    "1.2.3-01",
    "1.2.3-a..b",
    "1.2.3+",
    "1.2.3+a+b",
    "1.2.3-ä",
    "V1.2.3",
    "vv1.2.3",
    "v 1.2.3",
    "v1.2.3 ",
    "v1.2.3\n",
    "-1.2.3",
    "1.2.3_build",
    "latest",
    "\u0663.\u0662.\u0661",  # digits that are not ASCII
    "1.2.3-" + "a" * 200,
    "1" * 5000 + ".0.0",
]
# semver.org, 2.0.0, section 11, and what follows from it for large numbers and mixed identifiers
ASCENDING = [
    "0.9.10",
    "1.0.0-0",
    "1.0.0-9",
    "1.0.0-10",
    "1.0.0--",
    "1.0.0-Alpha",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "v1.0.0",
    "1.9.0",
    "v1.10.0",
    "1.10.1",
    "2.0.0-rc.1",
    "2.0.0",
    "10.0.0",
]

numbers = st.integers(0, 10**6).map(str)
identifiers = numbers | st.from_regex(r"[0-9]{0,3}[A-Za-z-][0-9A-Za-z-]{0,5}", fullmatch=True)
prereleases = st.lists(identifiers, max_size=3).map(".".join).map(lambda text: f"-{text}" if text else "")
builds = st.lists(st.from_regex(r"[0-9A-Za-z-]{1,6}", fullmatch=True), max_size=3).map(".".join)
versions = st.builds(
    lambda v, core, pre, build: f"{v}{'.'.join(core)}{pre}{f'+{build}' if build else ''}",
    st.sampled_from(["", "v"]),
    st.tuples(numbers, numbers, numbers),
    prereleases,
    builds,
)


@pytest.mark.parametrize("text", VERSIONS)
def test_a_version_keeps_the_form_it_was_given(text: str):
    assert str(Version.parse(text)) == text


@pytest.mark.parametrize("text", OTHERS)
def test_anything_else_is_an_error_that_says_what_is_allowed(text: str):
    with pytest.raises(ConfigError, match="is not a version") as refused:
        Version.parse(text)

    assert "v1.2.3" in refused.value.hint
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


def test_a_version_has_parts():
    version = Version.parse("v1.22.333-rc.1+build.5")

    assert (version.major, version.minor, version.patch, version.prerelease) == (1, 22, 333, ("rc", "1"))


@pytest.mark.parametrize(("text", "stable"), [("1.2.3", True), ("v1.2.3+build", True), ("1.2.3-rc.1", False)])
def test_a_prerelease_is_not_stable(text: str, stable: bool):
    assert Version.parse(text).is_stable is stable


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("v1.2.3", "v1.2.3"),
        ("1.2.3-RC.1", "1.2.3-RC.1"),
        ("1.2.3+build.5", "1.2.3_build.5"),
        ("v1.0.0-a+b", "v1.0.0-a_b"),
    ],
)
def test_a_version_is_published_in_the_form_given_but_for_the_plus(text: str, tag: str):
    assert Version.parse(text).tag == Tag(tag)


def test_versions_are_ordered_by_precedence():
    in_order = [Version.parse(text) for text in ASCENDING]

    for lower, higher in combinations(in_order, 2):
        assert lower < higher, (lower, higher)
        assert higher > lower
        assert lower != higher
    assert sorted([*in_order[10:], *in_order[:10]]) == in_order


@pytest.mark.parametrize("one", ["1.2.3", "v1.2.3", "1.2.3+a", "v1.2.3+b.c"])
def test_the_leading_v_and_the_build_count_for_nothing(one: str):
    assert Version.parse(one) == Version.parse("1.2.3")
    assert hash(Version.parse(one)) == hash(Version.parse("1.2.3"))


@given(versions)
def test_every_version_is_a_tag_that_is_read_back_as_that_version(text: str):
    version = Version.parse(text)
    found = Version.find(str(version.tag))

    assert Tag.is_valid(str(version.tag))
    assert found is not None
    assert (found, str(found)) == (version, text)


@settings(max_examples=40)
@given(st.lists(versions.map(Version.parse), min_size=3, max_size=3))
def test_the_order_is_one(some: list[Version]):
    for one, other in product(some, some):
        assert (one < other) + (one == other) + (one > other) == 1
    assert all(not (higher < lower) for lower, higher in pairwise(sorted(some)))


@given(st.text(max_size=30) | versions.map(lambda text: f"{text}x!"))
def test_a_name_is_a_version_or_none_and_never_a_crash(text: str):
    found = Version.find(text)

    assert found is None or str(found) == text.replace("_", "+", 1)


@pytest.mark.parametrize("text", ["v1.2.3", "1.2.3", "v1.2.3-rc.1", "1.2.3+build"])
def test_a_version_alone_releases_every_image(text: str):
    assert parse_release(text, ["api"]) == Release(Version.parse(text))


@pytest.mark.parametrize("text", ["api-v1.2.3", "api/v1.2.3", "api@v1.2.3", "api-1.2.3", "api/1.2.3", "api@1.2.3"])
def test_a_component_release_names_its_image(text: str):
    release = parse_release(text, ["worker", "api"])

    assert (release.image, str(release.version)) == ("api", text[4:])


@pytest.mark.parametrize(
    ("text", "image"),
    [("api-v1.2.3", "api"), ("api-v2-v1.2.3", "api-v2"), ("api-v2-1.2.3", "api-v2"), ("api-v2/1.2.3-rc.1", "api-v2")],
)
def test_the_longest_name_wins(text: str, image: str):
    for names in (["api", "api-v2"], ["api-v2", "api"]):
        assert parse_release(text, names).image == image


def test_the_longest_name_wins_also_where_a_shorter_one_has_a_version_too():
    assert parse_release("api-1.0.0-rc-1.2.3", ["api", "api-1.0.0-rc"]) == Release(
        Version.parse("1.2.3"), "api-1.0.0-rc"
    )


def test_a_name_that_only_begins_like_an_image_s_may_be_a_shorter_one_s_release():
    assert parse_release("api-1.2.3-rc.1", ["api", "api-1.2.3"]).image == "api"


@pytest.mark.parametrize(
    "text",
    [
        "web-v1.2.3",
        "api",
        "api-",
        "api-latest",
        "apiv1.2.3",
        "api_v1.2.3",
        "api:1.2.3",
        "api//1.2.3",
        "x/api-v1.2.3",
        "",
    ],
)
def test_anything_else_is_an_error_that_names_it_and_the_images(text: str):
    with pytest.raises(ConfigError) as refused:
        parse_release(text, ["api", "worker"])

    assert f"'{text}'" in refused.value.message
    assert "api, worker" in refused.value.hint
    assert all(form in refused.value.hint for form in ("v1.2.3", "1.2.3", "api-v1.2.3", "api/v1.2.3", "api@1.2.3"))


def test_without_images_there_are_none_to_name():
    with pytest.raises(ConfigError) as refused:
        parse_release("next", ())

    assert "images are" not in refused.value.hint


def test_a_very_long_value_is_refused_at_once():
    with pytest.raises(ConfigError, match="'api-111") as refused:
        parse_release("api-" + "1" * 100_000 + ".0.0", ["api"])

    assert "The images are: api" in refused.value.hint
