from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push import tagging
from docker_push.config import TagsTable, grammar
from docker_push.errors import ConfigError


def accepts(rule, text: str) -> bool:
    try:
        rule(text)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize(
    ("rule", "text", "one_spelling"),
    [
        (grammar.platform, "linux/aarch64", "linux/arm64"),
        (grammar.platform, "Linux/ARM/v7", "linux/arm/v7"),
        (grammar.domain, "GHCR.io", "ghcr.io"),
        (grammar.domain, "index.docker.io", "docker.io"),
        (grammar.domain, "[::1]:5000", "[::1]:5000"),
        (grammar.image, "API", "api"),
        (grammar.image, "jobs/worker_2", "jobs/worker_2"),
        (grammar.address, "host-gateway", "host-gateway"),
        (grammar.address, "2001:0DB8::0001", "2001:db8::1"),
    ],
)
def test_a_value_has_one_spelling(rule, text: str, one_spelling: str):
    assert rule(text) == one_spelling
    assert rule(one_spelling) == one_spelling


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (grammar.repository, "AtomiCloud/my-service"),
        (grammar.repository, "group/sub/.github"),
        (grammar.path_template, "{repository}/{image}"),
        (grammar.path_template, "{owner}/{repo}-{image}"),
        (grammar.path_template, "fixed"),
        (grammar.variable, "_A1"),
        (grammar.name, "0"),
        (grammar.lpsm, ".github"),
        (grammar.lpsm, "-x"),
        (grammar.label, "org.opencontainers.image.title"),
        (grammar.label, "io.k8s/x:y@z+1"),
        (grammar.data, "${x}, -O2\n\x1b"),
        (grammar.data, ""),
        (grammar.branch, "release/2.x"),
        (grammar.branch, "feature/Ünïcode#1"),
        (grammar.size, "1"),
        (grammar.size, "128m"),
        (grammar.size, "2GB"),
        (grammar.host, "mirror_1.local"),
        (grammar.address, "10.0.0.7"),
        (grammar.attestation, "type=sbom"),
        (grammar.attestation, "mode=max,type=provenance,builder-id=https://ci.example/1"),
        (grammar.cache_entry, "type=gha,scope=api"),
        (grammar.cache_entry, "ghcr.io/a/b:cache"),
        (grammar.extra_tag, "nightly"),
        (grammar.extra_tag, "pr-x"),
        (grammar.extra_tag, "Latest"),
        (grammar.filled, "v1.2.3"),
    ],
)
def test_a_value_that_is_right_stays_as_it_is(rule, text: str):
    assert rule(text) == text


@pytest.mark.parametrize(
    ("rule", "texts"),
    [
        (grammar.platform, ["", "linux", "linux/", " linux/amd64", "linux/amd64/v1/x", "linux/amd64,x", "-l/amd64"]),
        (
            grammar.domain,
            ["", "https://ghcr.io", "ghcr.io/x", "ghcr.io:0", "ghcr.io:65536", "-x", "a b", "user@ghcr.io"],
        ),
        (grammar.image, ["", "-api", "api-", "a//b", "/api", "a b", "a:1", "ünï", "a" * 256, "a\n"]),
        (grammar.repository, ["", "service", "/a", "a/", "a//b", "-a/b", "a/-b", "a/b c", "a/b\n", "https://x/a/b"]),
        (
            grammar.path_template,
            ["", "{name}", "{image", "image}", "{}", "{{image}}", "{image.x}", "{image!r}", "/{image}"],
        ),
        (grammar.path_template, ["{image}/", "-{image}", "a b/{image}", "{image}:1", "a" * 256]),
        (grammar.variable, ["", "1A", "A-B", "A B", "$A", "A=1", "A\n"]),
        (grammar.name, ["", "-x", ".x", "a b", "a/b", "a,b", "a" * 256, "ü"]),
        (grammar.lpsm, ["", "a b", "a/b", "ü", "a" * 256]),
        (grammar.label, ["", "-x", "a b", "a=b", "a,b", "${a}", "a\n"]),
        (grammar.data, ["\0", "a\0b"]),
        (
            grammar.branch,
            ["", "a..b", "-a", "/a", "a/", "a.lock", "a.lock/b", "a b", "a~1", "a:b", "@", "a@{b", ".a", "a\0"],
        ),
        (grammar.size, ["", "0", "-1", "1t", "1.5g", "m", "1" * 20]),
        (grammar.host, ["", "-a", "a-", "a:b", "a=b", "a b", "a" * 256]),
        (grammar.address, ["", "x", "10.0.0", "10.0.0.256", "host", "[::1]"]),
        (grammar.semver_template, ["", "{major}.{minor}.{patch}", "v{major}", "{minor}"]),
        (
            grammar.extra_tag,
            [
                "",
                "-x",
                "a b",
                "latest",
                "v1.2.3",
                "1.2.3-rc.1",
                "1.2.3_4",
                "pr-12",
                "a" * 40,
                "a" * 40 + "-main",
                "a" * 64,
            ],
        ),
        (
            grammar.attestation,
            ["", "sbom", "type=x", "type=sbom,", "type=sbom,x", "type=sbom,type=sbom", "type=sbom, a=b"],
        ),
        (
            grammar.cache_entry,
            ["", "type=floppy", "-x", "type=gha,", "ref=x", "type=gha,token=x", "type=s3,access_key_id=x"],
        ),
        (grammar.filled, ["", " ", "a\nb", "\x1b"]),
    ],
)
def test_a_value_that_is_wrong_is_refused_with_what_is_allowed(rule, texts: list[str]):
    assert [text for text in texts if accepts(rule, text)] == []
    with pytest.raises(ConfigError) as caught:
        rule(texts[0])
    assert caught.value.hint.endswith((".", "..."))


TAG = st.from_regex(r"[a-z0-9v.+_-]{1,12}", fullmatch=True) | st.from_regex(
    r"v?[0-9]\.[0-9](\.[0-9])?(-rc)?|pr-[0-9]+|([0-9a-f]{6}|[0-9a-f]{7}|[0-9a-f]{40}|[0-9a-f]{64})(-x)?", fullmatch=True
)


@given(TAG, st.sampled_from([6, 7, 40]), st.lists(st.sampled_from(grammar.SEMVER_TEMPLATES), unique=True).map(tuple))
def test_the_reserved_tags_are_those_that_runs_make(text: str, length: int, semver: tuple[str, ...]):
    reserved = tagging.is_reserved(text, TagsTable(sha_length=length, semver=semver))

    assert accepts(lambda tag: grammar.unreserved(tag, length, semver), text) == (not reserved)


@given(st.text())
def test_no_text_is_more_than_refused(text: str):
    rules = [rule for name, rule in vars(grammar).items() if callable(rule) and rule.__module__ == grammar.__name__]
    for rule in rules:
        if rule.__code__.co_argcount == 1:
            accepts(rule, text)
