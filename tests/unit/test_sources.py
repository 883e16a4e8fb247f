"""What an image was made from: over events that BuildKit really sent, and over names that imitate them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docker_push.printable import printable
from docker_push.progress import Progress
from docker_push.references import Digest
from docker_push.sources import Collector, Sources, collector, normalised

EVENTS = Path(__file__).parents[1] / "resources" / "events"
BUSYBOX = Digest.parse("sha256:d1dfdcb060c1fcff6d213a8fa0f9d8d70fe047efcaa24613bf85030b02cfcd26")
OTHER = Digest.parse(f"sha256:{'2' * 64}")
HUB = {"docker.io/library/busybox:1.37": BUSYBOX}
HEX = "ede4dca8ee4d26fca660f45007fe9916f5eff88f2287bf417d72b8fce5ba40c1"
FROM = f"FROM docker.io/library/busybox:1.37@{BUSYBOX}"
METADATA = "[internal] load metadata for docker.io/library/busybox:1.37"


def recorded(name: str) -> list[str]:
    return (EVENTS / f"{name}.jsonl").read_text("utf-8").splitlines()


def fed(
    lines: Iterable[str], targets: Mapping[str, str] | None = None, needs: Mapping[str, Iterable[str]] | None = None
) -> dict[str, Sources]:
    """Feed lines as buildx prints them, for the image "api" alone unless other targets are given."""
    found = Collector(targets or {"api": "api"}, needs or {})
    progress = Progress(follow=found.take)
    for line in lines:
        list(progress.feed(line))
    return found.sources()


def step(name: str, *inputs: str, digest: str = "") -> str:
    return json.dumps({"vertexes": [{"digest": digest or name[:150] or "d", "name": name, "inputs": [*inputs]}]})


def of(*names: str) -> Sources:
    """Return what an image with these steps was made from; none of them has inputs."""
    return fed([step(name) for name in names])["api"]


@pytest.mark.parametrize(
    ("name", "bases"),
    [
        ("from", HUB),
        ("provenance", HUB),
        ("from-tag-and-digest", {}),
        ("from-digest", {}),
        ("copy-from", HUB),
        ("mount-from", {**HUB, "docker.io/library/busybox:latest": BUSYBOX}),
        ("platforms", HUB),
        ("imitated-from", HUB),
        ("unused-stage", HUB),
        ("add-url-checksum", HUB),
        ("add-git-commit", HUB),
        ("add-git-checksum", {}),
        ("context-git-commit", HUB),
        ("sbom-pinned", HUB),
    ],
)
def test_bases_are_told_with_the_digest_that_was_used_and_nothing_moves(name: str, bases: Mapping[str, Digest]):
    assert fed(recorded(name))["api"] == Sources(bases=bases)


def test_the_images_that_a_base_s_triggers_copy_from_are_bases_too():
    found = fed(recorded("onbuild"))["api"]

    assert (set(found.bases), found.moving) == ({"registry.example:5000/team/onb:1", *HUB}, None)


def test_an_image_of_the_engine_s_own_store_is_a_base_under_its_name():
    assert set(fed(recorded("local-store"))["api"].bases) == {"docker.io/library/localonly:1"}


def test_the_image_that_reads_the_dockerfile_is_a_base():
    assert fed(recorded("syntax"))["api"] == Sources(bases={"registry.example:5000/team/docker/dockerfile:1": BUSYBOX})


def test_an_image_has_the_sources_of_those_it_is_built_on():
    found = fed(recorded("needs"), {"base": "plain", "api": "dep"}, {"api": ["base"], "base": []})

    assert found == {"base": Sources(bases=HUB), "api": Sources(bases=HUB)}


def test_what_is_told_for_a_need_alone_counts_for_all_that_are_built_on_it():
    lines = [
        step("[one internal] load metadata for docker.io/library/busybox:1.37"),
        step(f"[one 1/1] {FROM}"),
        step("[one 1/1] ADD https://files.example/x /x"),
        *(step(f"[{name} internal] load build context") for name in ("two", "three", "four")),
    ]

    found = fed(lines, {name: name for name in ("one", "two", "three", "four")}, {"three": ["two"], "two": ["one"]})

    assert [bool(found[name].bases) and bool(found[name].moving) for name in found] == [True, True, True, False]
    assert found["four"] == Sources(bases={})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("add-url", "what is at an address may change: [2/2] ADD https://files.example/www/file /f"),
        ("add-git-branch", "what is at an address may change: [2/2] ADD https://files.example/git/r.git#main /g"),
        ("add-imitated-checksum", "what is at an address may change: [1/1] ADD --checksum="),
        ("context-git-branch", "no commit pins the git context https://files.example/git/r.git#main"),
        ("context-local-and-git", "no commit pins the git context https://files.example/git/r.git#main"),
        ("context-http", "the build context is an address whose content may change"),
        ("context-images", "BuildKit does not tell the digest of docker.io/library/busybox:1.37"),
        ("empty-image", "BuildKit does not tell the digest of registry.example:5000/team/empty:1"),
        ("sbom", "BuildKit does not tell the digest of registry.example:5000/team/scanner:1"),
    ],
)
def test_what_cannot_be_relied_on_is_said_in_words(name: str, words: str):
    assert words in (fed(recorded(name))["api"].moving or "")


def test_without_any_event_nothing_is_known():
    assert fed([]) == {"api": Sources(bases={}, moving="BuildKit told nothing of it")}


@pytest.mark.parametrize(
    "line",
    [
        '{"vertexes":[{"digest":"d","na',
        '{"vertexes": 3}',
        '{"vertexes": [7]}',
        '{"vertexes": [{"digest": "d"}]}',
        '{"vertexes": [{"digest": "d", "name": 1}]}',
        '{"vertexes": [{"digest": "d", "name": "n", "inputs": {}}]}',
        json.dumps({"vertexes": [{"digest": "d" * 300, "name": "n"}]}),
    ],
)
def test_an_event_that_cannot_be_read_may_have_named_a_source(line: str):
    found = fed([*recorded("from"), line])["api"]

    assert (found.bases, found.moving) == (HUB, "an event of BuildKit's could not be read")


def test_other_lines_and_other_events_name_no_source():
    lines = ["WARNING: something of buildx's", "", '{"logs": [{"vertex": "d", "data": ""}]}', '{"vertexes": null}']

    assert fed([*lines, *recorded("from")])["api"] == Sources(bases=HUB)


@pytest.mark.parametrize(("limit", "value"), [("_STEPS", 6), ("_INPUTS", 2)])
def test_too_many_steps_are_no_longer_told_apart(monkeypatch: pytest.MonkeyPatch, limit: str, value: int):
    monkeypatch.setattr(collector, limit, value)

    assert "too many sources" in (fed(recorded("from"))["api"].moving or "")


def test_a_name_too_long_to_be_read_is_a_source_that_moves():
    assert "too long" in (of(f"[1/1] RUN {'x' * 5000}").moving or "")
    assert fed([step(f"[1/1] RUN {'x' * 5000}", "d")])["api"].moving is None


def test_a_tag_that_moved_within_one_build_moves():
    found = of(METADATA, f"[1/2] {FROM}", f"[linux/arm64 1/2] FROM docker.io/library/busybox:1.37@{OTHER}")

    assert "several images within one build" in (found.moving or "")


def test_a_tag_beside_the_same_tag_with_a_digest_is_the_other_one():
    pinned = f"docker.io/library/busybox:1.37@{OTHER}"

    found = of(METADATA, f"[internal] load metadata for {pinned}", f"[1/2] {FROM}", f"FROM {pinned}")

    assert found == Sources(bases=HUB)
    same = f"docker.io/library/busybox:1.37@{BUSYBOX}"
    assert of(METADATA, f"[internal] load metadata for {same}", f"[1/2] {FROM}") == Sources(bases=HUB)


@pytest.mark.parametrize(
    "name",
    [
        f"[1/2] RUN echo {FROM}",
        f"[1/2] RUN [2/2] {FROM}",
        f"[1/2] WORKDIR /x] {FROM}",
        "[internal 1/2] RUN docker-image://docker.io/library/evil:1",
    ],
)
def test_a_step_that_quotes_another_is_no_base(name: str):
    assert of(name) == Sources(bases={})


@pytest.mark.parametrize(
    "name",
    [
        f"[2/2] ADD --exclude=a --checksum=sha256:{HEX} https://files.example/x /x",
        f"[2/2] ADD --checksum=sha256:{HEX} https://files.example/x https://files.example/y /x",
        f"[2/2] ADD --checksum=sha256:{HEX[:60]} https://files.example/x /x",
        f"[2/2] ADD https://files.example/x#{HEX} /x",
        f"[2/2] ADD https://files.example/r.git?ref=main#{HEX} /x",
        f"[2/2] ADD https://files.example/r.git#main https://files.example/r.git#{HEX} /x",
        f"[2/2] ADD  https://files.example/r.git#{HEX} /x",
        "[2/2] ADD https://files.example/r.git#ba251d4 /x",
        f'[2/2] ADD ["https://files.example/r.git#{HEX}", "/x"]',
        "[2/2] ADD\thttps://files.example/x /x",
        "[2/2] FETCH x",
        "[2/2 x] RUN y",
        "[2/2] FROM docker.io/library/busybox:1.37",
        f"[2/2] FROM docker.io/library/busybox:1.37@{BUSYBOX} ",
        f"[2/2] FROM docker.io/library/busybox:1.37@{BUSYBOX}\nx",
        "[context base] https://files.example/x",
        "[context base] busybox",
        "[context a b] load from client",
        "[internal] load git source https://files.example/r.git#main",
        "[internal] helper image for file operations",
        "docker-image://docker.io/docker/dockerfile:1",
        f"docker-image://docker.io/team/frontend:1@{BUSYBOX}",
        "https://files.example/x",
        "git://files.example/r.git",
        "something new",
        "[something] new",
    ],
)
def test_a_name_that_is_not_understood_in_full_is_a_source_that_moves(name: str):
    taken = [
        step(name, digest="source"),
        step(f"[1/2] {FROM}", digest="base"),
        step(name, "base", "source", digest="taker"),
    ]

    assert of(name).moving
    assert fed(taken)["api"].moving


@pytest.mark.parametrize(
    "name",
    [
        "[internal] load build definition from a Dockerfile",
        "[linux/arm/v7 internal] load .dockerignore",
        "[internal] settings cache mount permissions",
        "[context base::linux/amd64] load from client",
        "[context base] load .dockerignore",
        f"[context base] busybox:1.37@{BUSYBOX}",
        "[auth] library/busybox:pull token for registry-1.docker.io",
        "importing cache manifest from ghcr.io/a/b:c",
        "exporting cache to registry",
        "exporting to docker image format",
        "merging manifest list ghcr.io/a/b:c",
        f"[2/2] ADD --keep-git-dir=true https://files.example/r.git#{HEX}:sub /x",
        f"[2/2] ONBUILD ADD git@files.example:r.git#{HEX} /x",
    ],
)
def test_what_brings_in_nothing_that_moves_is_known(name: str):
    assert of(name).moving is None


def test_what_no_target_is_named_for_may_be_any_image_s():
    targets = {"api": "api", "worker": "worker"}
    known = [step(f"[{name} internal] load build context") for name in targets]

    whole = fed([*known, step("[internal] load local bake definitions from stdin")], targets)
    torn = fed([*known, step(f"[1/2] {FROM}")], targets)
    stranger = fed([*known, step("[other 1/1] ADD https://files.example/x /x")], targets)

    assert [found.moving for found in whole.values()] == [None, None]
    assert all(found.moving for found in (*torn.values(), *stranger.values()))


def test_a_lone_target_s_stage_may_be_named_like_it():
    assert of(METADATA, f"[api 1/2] {FROM}") == Sources(bases=HUB)


def test_an_address_whose_checksum_another_build_claims_moves():
    """BuildKit gives a step that two builds share the first one's name; what takes it is each build's own."""
    claim = f"ADD --checksum=sha256:{HEX} https://files.example/x /x"
    base = step(f"[1/2] {FROM}", digest="base")

    own = fed([base, step(f"[2/2] {claim}", "base", "url"), step(f"[other 2/2] {claim}", digest="url")])["api"]
    foreign = fed(
        [base, step("[2/2] ADD https://files.example/x /x", "base", "url"), step(f"[2/2] {claim}", digest="url")]
    )

    assert own.moving is None
    assert foreign["api"].moving


def test_words_for_a_reader_are_one_line_without_escapes():
    found = of("[2/2] ADD https://files.example/\x1b[31mx\n::error::forged /x")

    assert found.moving == "what is at an address may change: [2/2] ADD https://files.example/x : :error::forged /x"


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("team/app:1", "docker.io/team/app:1"),
        ("index.docker.io/busybox:1", "docker.io/library/busybox:1"),
        ("localhost/app", "localhost/app:latest"),
        ("registry.example:5000/app:1", "registry.example:5000/app:1"),
        (f"busybox@{BUSYBOX}", f"docker.io/library/busybox@{BUSYBOX}"),
        (f"busybox:1@{BUSYBOX}", f"docker.io/library/busybox:1@{BUSYBOX}"),
        ("Busybox", None),
        ("busybox:", None),
        ("busybox@sha256:1", None),
        ("", None),
        ("a b", None),
    ],
)
def test_a_reference_is_written_as_buildkit_writes_it(text: str, full: str | None):
    assert normalised(text) == full


words = st.sampled_from(
    [
        "[",
        "]",
        " ",
        "1/2",
        "internal",
        "FROM ",
        "ADD ",
        "load metadata for ",
        "docker-image://",
        "a:1",
        f"@{BUSYBOX}",
        "api",
    ]
)


@given(st.lists(words, max_size=12).map("".join) | st.text(max_size=30))
@example(f"[1/2] {FROM}")
def test_whatever_a_step_is_called_its_digests_are_those_in_its_name(name: str):
    for targets in ({"api": "api"}, {"api": "api", "worker": "worker"}):
        for found in fed([step(name)], targets).values():
            why = found.moving or ""
            assert printable(why) == why
            assert "\n" not in why
            assert all(str(digest) in name for digest in found.bases.values())
