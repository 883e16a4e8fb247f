from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push.errors import ConfigError
from docker_push.references import Digest, Platform, Reference, Registry, Repository, Tag, quoted

GOOD_REGISTRIES = ["ghcr.io", "localhost:5000", "127.0.0.1:1", "[::1]:5000", "a-b.example.com:65535", "registry"]
BAD_REGISTRIES = [
    "",
    "https://ghcr.io",
    "ghcr.io/",
    "-ghcr.io",
    "ghcr..io",
    "ghcr.io:0",
    "ghcr.io:65536",
    "gh cr.io",
    "a\nb",
    "user@host",
    ":80",
    "[:::]",
    "[1:2]",
    "[::1",
    "[127.0.0.1]",
    "[fe80::1%eth0]",
]
GOOD_PATHS = ["a", "a/b/c", "a.b/c_d/e__f/g--h", "0/1", "a" * 255]
BAD_PATHS = ["", "/a", "a/", "a//b", ".github/api", "a/-b", "a-", "a._b", "a___b", "ä", "a b", "a" * 256, "a\n"]
GOOD_TAGS = ["latest", "v1.2.3", "_a", "A", "a" * 128, "1.2.3-rc.1_build"]
BAD_TAGS = ["", ".a", "-a", "a" * 129, "a/b", "a+b", "ä", "a\n", "a:b"]
HEX = "0" * 64


@pytest.mark.parametrize("text", GOOD_REGISTRIES)
def test_a_registry_prints_as_it_was_read(text: str):
    assert str(Registry.parse(text)) == text


@pytest.mark.parametrize("text", BAD_REGISTRIES)
def test_what_is_no_registry_is_refused_with_what_is_allowed(text: str):
    with pytest.raises(ConfigError, match="host or host:port"):
        Registry.parse(text)


@pytest.mark.parametrize("text", ["docker.io", "index.docker.io", "registry-1.docker.io", "DOCKER.io"])
def test_docker_hub_has_one_name_and_three_addresses(text: str):
    hub = Registry.parse(text)

    assert (str(hub), hub.api_host, hub.config_key) == (
        "docker.io",
        "registry-1.docker.io",
        "https://index.docker.io/v1/",
    )


def test_another_registry_is_its_own_address():
    registry = Registry.parse("ghcr.io")

    assert (registry.api_host, registry.config_key) == ("ghcr.io", "ghcr.io")


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("localhost:5000", True),
        ("a.localhost", True),
        ("127.1.2.3", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("ghcr.io", False),
    ],
)
def test_loopback_is_this_machine_alone(text: str, loopback: bool):
    assert Registry.parse(text).is_loopback is loopback


@pytest.mark.parametrize("path", GOOD_PATHS)
def test_a_repository_path_by_the_grammar_is_taken(path: str):
    assert Repository.parse(Registry("ghcr.io"), path).path == path


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_repository_path_outside_the_grammar_is_refused(path: str):
    with pytest.raises(ConfigError, match="lower-case letters and digits"):
        Repository.parse(Registry("ghcr.io"), path)


def test_a_repository_path_is_lower_cased_once():
    assert (
        str(Repository.parse(Registry("ghcr.io"), "AtomiCloud/My-Service/api")) == "ghcr.io/atomicloud/my-service/api"
    )


@pytest.mark.parametrize("text", GOOD_TAGS)
def test_a_tag_by_the_grammar_is_taken(text: str):
    assert str(Tag.parse(text)) == text


@pytest.mark.parametrize("text", BAD_TAGS)
def test_a_tag_outside_the_grammar_is_refused(text: str):
    with pytest.raises(ConfigError, match="at most 127"):
        Tag.parse(text)


@pytest.mark.parametrize("text", [f"sha256:{HEX}", f"sha512:{HEX * 2}"])
def test_a_digest_is_taken(text: str):
    assert str(Digest.parse(text)) == text


@pytest.mark.parametrize("text", ["", HEX, "sha256:", f"sha256:{HEX}0", f"sha256:{'A' * 64}", f"md5:{HEX}"])
def test_what_is_no_digest_is_refused(text: str):
    with pytest.raises(ConfigError, match="64 hexadecimal"):
        Digest.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "ghcr.io/a/b:v1",
        f"ghcr.io/a/b@sha256:{HEX}",
        f"localhost:5000/a:b@sha256:{HEX}",
        "localhost/a",
        "[::1]:5000/a/b/c:t",
    ],
)
def test_a_reference_prints_as_it_was_read(text: str):
    assert str(Reference.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "api", "a/b:c", "ghcr.io", "ghcr.io/A", "ghcr.io/a:", "ghcr.io/a@", "ghcr.io/a:b:c", "ghcr.io/"]
)
def test_what_is_no_reference_is_refused(text: str):
    with pytest.raises(ConfigError):
        Reference.parse(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/x86-64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/arm/v6", "linux/arm/v6"),
        (" Linux/ARM64 ", "linux/arm64"),
        ("windows/amd64", "windows/amd64"),
    ],
)
def test_a_platform_has_one_spelling(text: str, shown: str):
    assert str(Platform.parse(text)) == shown


@pytest.mark.parametrize(
    "text", ["", "linux", "linux/", "/amd64", "linux/amd64/v1/x", "linux/am d64", "-/x", "linux/amd64,linux/arm64"]
)
def test_what_is_no_platform_is_refused(text: str):
    with pytest.raises(ConfigError, match="os/architecture"):
        Platform.parse(text)


hosts = st.sampled_from(["ghcr.io", "localhost", "127.0.0.1", "[::1]", "[2001:DB8::1]", "a-b.Example.com", "docker.io"])
registries = st.tuples(hosts, st.none() | st.integers(1, 65535)).map(
    lambda pair: Registry.parse(pair[0] if pair[1] is None else f"{pair[0]}:{pair[1]}")
)


@given(registries)
def test_a_registry_that_was_printed_is_read_as_the_same(registry: Registry):
    assert Registry.parse(str(registry)) == registry


component = st.from_regex(r"\A[a-z0-9]+((\.|_|__|-+)[a-z0-9]+){0,2}\Z")
references = st.builds(
    Reference,
    st.builds(
        Repository,
        registries.filter(lambda registry: registry.port or registry.host == "localhost" or "." in registry.host),
        st.lists(component, min_size=1, max_size=4).map("/".join).filter(lambda path: len(path) <= 255),
    ),
    st.none() | st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z").map(Tag),
    st.none() | st.from_regex(r"\A(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})\Z").map(Digest),
)


@given(references)
def test_parsing_what_was_printed_gives_the_same_reference(reference: Reference):
    assert Reference.parse(str(reference)) == reference


@given(references, st.integers(0, 200), st.sampled_from([*":@/._-A[]ä \n\x00\u202e", "", "__", "///", "@sha256:"]))
def test_a_reference_with_one_thing_changed_is_parsed_or_refused(reference: Reference, place: int, piece: str):
    text = str(reference)
    text = text[: place % len(text)] + piece + text[place % len(text) + 1 :]
    try:
        found = Reference.parse(text)
    except ConfigError as error:
        assert str(error).isprintable()
    else:
        assert Reference.parse(str(found)) == found


@given(st.text())
def test_any_text_is_parsed_or_refused_with_one_clear_error(text: str):
    for kind in (Registry, Tag, Digest, Platform, Reference):
        try:
            kind.parse(text)
        except ConfigError as error:
            assert error.hint
            assert str(error).isprintable()


def test_foreign_text_is_cut_and_made_printable():
    assert quoted("a\x1b[31m") == r"'a\x1b[31m'"
    assert quoted("x" * 100) == f"'{'x' * 77}...'"
