from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push.errors import ConfigError, DockerPushError, VerificationError
from docker_push.options import Options
from docker_push.parts import Part, PartImage, load, match, parse
from docker_push.parts.matching import joined
from docker_push.plan import Plan, plan
from docker_push.record import Record
from docker_push.references import Platform, Tag
from docker_push.tagging import part_tag
from examples_of import AMD64, BOTH, COMMIT, CONTEXT, DIGEST, OTHER, image, options, setting

ARM64, X64 = BOTH
MADE_FROM = Record(key="k", settings="s", bases={"docker.io/library/busybox:1.37": DIGEST}, moving="a URL")
PART = Part(
    repository="AtomiCloud/my-service",
    commit=COMMIT,
    tag=f"{COMMIT}-main",
    slug="main",
    platform=ARM64,
    images={"api": PartImage(plan="p", digest=DIGEST, record=MADE_FROM)},
    origin="parts/a.part.json",
)


def whole(*images, **changes) -> Plan:
    return plan(options(*images, **changes), CONTEXT)


def part(made: Plan, platform: Platform = ARM64, **changes) -> Part:
    images = {
        one.name: PartImage(plan=one.fingerprint, digest=DIGEST) for one in made.images if platform in one.platforms
    }
    return replace(PART, platform=platform, images=images, **changes)


def test_a_part_is_read_as_it_was_written():
    assert parse(PART.text().encode(), PART.origin) == PART


def test_its_name_tells_the_work_apart_and_not_the_run():
    other = {"worker": PART.images["api"]}
    names = {
        PART.name,
        replace(PART, platform=X64).name,
        replace(PART, images=other).name,
        replace(PART, images=PART.images | other).name,
        replace(PART, tag="other").name,
    }

    assert len(names) == 5
    assert PART.name.startswith("linux-arm64-")
    again = {"api": replace(PART.images["api"], digest=OTHER)}
    assert replace(PART, images=again, origin="elsewhere").name == PART.name


def broken(**changes: object) -> bytes:
    return json.dumps({**json.loads(PART.text()), **changes}).encode()


def broken_image(**changes: object) -> bytes:
    content = json.loads(PART.text())
    content["images"]["api"] |= changes
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b"\xff\xfe",
        b"[" * 100_000,
        b"{}",
        broken(schema=None),
        broken(repository=1),
        broken(commit=None),
        broken(tag=[]),
        broken(version=1),
        broken(images=[]),
        broken(images={"api": None}),
        broken(images={"api": {}}),
        broken_image(digest=1),
        broken_image(plan=None),
        broken_image(adopted="yes"),
        broken_image(record={}),
        broken_image(record=[]),
        broken_image(record={"key": "k", "settings": "s", "bases": {"a": "b"}}),
    ],
)
def test_what_is_no_part_is_one_error_that_names_the_file(data: bytes):
    with pytest.raises(ConfigError, match=r"--part x\.part\.json: ") as caught:
        parse(data, "x.part.json")

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [broken(platform="nonsense"), broken_image(digest="sha256:short"), broken_image(digest="x" * 10_000)]
)
def test_what_is_no_platform_and_no_digest_is_one_error_that_names_the_file(data: bytes):
    with pytest.raises(ConfigError, match=r"--part x\.part\.json: ") as caught:
        parse(data, "x.part.json")

    assert len(str(caught.value)) < 400


def test_another_schema_is_named():
    with pytest.raises(ConfigError, match="has the schema '2', and 1 is read"):
        parse(broken(schema=2), "x")


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_bytes_are_more_than_an_error_of_ours(data: bytes):
    with pytest.raises(ConfigError):
        parse(data, "x")


@given(
    st.sampled_from([*json.loads(PART.text())]),
    st.recursive(
        st.none() | st.booleans() | st.text() | st.floats(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
)
def test_no_value_in_any_place_is_more_than_an_error_of_ours(key: str, value: object):
    try:
        read = parse(broken(**{key: value}), "x")
    except ConfigError:
        return
    assert isinstance(read, Part)


def test_parts_are_found_below_a_folder_and_by_name(tmp_path: Path):
    (tmp_path / "artifact" / "deep").mkdir(parents=True)
    (tmp_path / "artifact" / "deep" / PART.name).write_text(PART.text())
    (tmp_path / "artifact" / "report.json").write_text("no part")
    (tmp_path / "file").write_text(PART.text())

    found = load([tmp_path / "artifact", tmp_path / "file"])

    assert [one.images for one in found] == [PART.images, PART.images]
    assert found[0].origin.endswith(PART.name)


def test_an_empty_folder_has_no_part(tmp_path: Path):
    assert load([tmp_path]) == ()


def test_what_cannot_be_read_is_named(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.part.json")
    (tmp_path / "gone.part.json").symlink_to("nowhere")

    for path in (tmp_path, tmp_path / "nothing", tmp_path / "pipe.part.json"):
        with pytest.raises(ConfigError, match="--part "):
            load([path])


def test_every_platform_in_the_plan_s_order():
    made = whole()

    found = match(made, [part(made, X64), part(made, ARM64)])

    assert [*found.parts["api"]] == [*BOTH]
    assert (found.missing, found.adopted) == ({}, {})


def test_the_same_part_twice_is_one():
    made = whole()

    assert not match(made, [part(made), part(made), part(made, X64)]).missing


def refusal(made: Plan, *parts: Part) -> DockerPushError:
    with pytest.raises(VerificationError) as caught:
        match(made, parts)
    assert "No tag was touched" in caught.value.hint
    return caught.value


def test_two_digests_for_one_platform_are_refused_with_both_files():
    made = whole()
    other = replace(part(made, origin="b"), images={"api": PartImage(plan=made.images[0].fingerprint, digest=OTHER)})

    assert "api: a and b are both for linux/arm64" in refusal(made, part(made, origin="a"), other).message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"commit": "f" * 40}, "is of the commit 'ffff"),
        ({"repository": "other/one"}, "is of the repository 'other/one'"),
        ({"tag": f"{COMMIT}-main-dirty"}, "is of the tag"),
        ({"commit": "\x1b[2J"}, r"is of the commit '\x1b[2J'"),
    ],
)
def test_a_part_of_another_run_is_refused(change: dict[str, str], words: str):
    made = whole()

    assert words in refusal(made, part(made, **change)).message


def test_a_part_of_another_plan_is_refused():
    made = whole()

    assert "staged by another plan" in refusal(made, part(whole(image(args={"A": "1"})))).message


def test_an_image_that_is_not_in_the_run_is_refused():
    made = whole()

    assert "'worker', no image of this run" in refusal(made, part(whole(image("worker")))).message


def test_a_platform_that_the_image_is_not_for_is_refused():
    made = whole(image(platforms=setting(AMD64)))
    images = {"api": PartImage(plan=made.images[0].fingerprint, digest=DIGEST)}

    assert "which it is not for" in refusal(made, replace(PART, images=images)).message


def test_a_missing_platform_says_what_to_stage():
    made = whole()

    error = match(made, [part(made)]).missing["api"]

    assert error.message == "image api: nothing was staged for linux/amd64"
    assert "--image api --platform linux/amd64 --part FOLDER" in error.hint
    assert match(made, []).missing.keys() == {"api"}


def test_what_a_runner_adopted_stands_in_for_parts_that_are_missing():
    made = whole()
    images = {"api": PartImage(plan=made.images[0].fingerprint, digest=OTHER, adopted=True)}
    noted = replace(PART, images=images)

    assert match(made, [noted]).adopted == {"api": OTHER}
    assert match(made, [noted, part(made), part(made, X64)]).adopted == {}
    assert match(made, [noted, part(made), replace(noted, platform=X64)]).adopted == {"api": OTHER}


def test_runners_that_adopted_different_images_stand_in_for_nothing():
    made = whole()
    digests = (DIGEST, OTHER)
    notes = [
        replace(PART, images={"api": PartImage(plan=made.images[0].fingerprint, digest=one, adopted=True)})
        for one in digests
    ]

    found = match(made, notes)

    assert (found.adopted, found.missing.keys()) == ({}, {"api"})


def record(**changes: object) -> Record:
    return replace(Record(key="k", settings="s", bases={"a": DIGEST}), **changes)  # type: ignore[arg-type]


def test_the_record_of_the_whole_has_the_bases_of_all_parts():
    found = joined({"x": record(), "y": record(bases={"b": OTHER})})

    assert found == record(bases={"a": DIGEST, "b": OTHER})


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (record(bases={"a": OTHER}), "a was several images within one build"),
        (record(moving="a URL"), "a URL"),
        (record(key="other"), "different files"),
    ],
)
def test_what_differs_between_parts_moves(other: Record, words: str):
    found = joined({"x": record(), "y": other})

    assert found is not None
    assert words in found.moving


def test_a_part_of_which_nothing_is_known_leaves_the_whole_without_a_record():
    assert joined({"x": record(), "y": None}) is None


@given(
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True),
    st.sampled_from([*BOTH, Platform("linux", "arm", "v7")]),
)
def test_a_part_s_tag_is_a_tag_and_names_its_platform(name: str, platform: Platform):
    tag = part_tag(Tag(name), platform)

    assert Tag.is_valid(str(tag))
    assert str(tag).endswith(f".{str(platform).replace('/', '-')}")
    assert tag != part_tag(Tag(name[:-1] + ("a" if name[-1] != "a" else "b")), platform)


def test_the_plan_of_a_part_is_that_of_the_whole():
    made, parted = whole(), whole(part=X64)

    assert parted.images[0].fingerprint == made.images[0].fingerprint
    assert parted.images[0].tags == made.images[0].tags
    assert parted.images[0].labels == made.images[0].labels
    assert parted.images[0].platforms == AMD64
    assert parted.images[0].cache_to != made.images[0].cache_to


def test_an_image_that_is_not_for_the_platform_is_no_work_of_the_part():
    made = whole(image("api"), image("worker", platforms=setting(AMD64)), part=ARM64)

    assert [one.name for one in made.published] == ["api"]
    assert made.images[1].why == "it is not built for linux/arm64"


def test_options_without_a_part_have_none():
    assert Options.__dataclass_fields__["part"].default is None
