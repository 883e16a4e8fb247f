from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push import exposure
from docker_push.errors import Finding, FindingsError
from docker_push.exposure import KnownSecrets
from docker_push.exposure.arguments import credential_in
from examples_of import image

SECRET = "s3cret-value"
KNOWN = KnownSecrets([SECRET], ["ada"])
NONE = KnownSecrets([])


def where(name: str, *keys: str) -> str:
    return f"build.toml:7 [images.{name}] {'.'.join(keys)}"


def found(known: KnownSecrets = NONE, /, *, allowed: tuple[str, ...] = (), **changes: object) -> tuple[Finding, ...]:
    try:
        exposure.refuse_arguments([image(**changes)], allowed, known.finds, where)
    except FindingsError as error:
        return error.findings
    return ()


def test_the_place_of_what_is_no_secret_is_not_looked_for():
    """It costs a reading of build.toml: of a thousand images, half a minute."""
    places: list[str] = []
    images = [image(args={"GREETING": "hello"}, labels={"a": "b"})]

    exposure.refuse_arguments(images, (), KNOWN.finds, lambda name, *_: places.append(name) or "")

    assert places == []


class TestValues:
    @pytest.mark.parametrize(
        ("value", "what"),
        [
            (f"ghp_{'a1B' * 12}", "GitHub"),
            (f"ghs_{'a1B' * 12}", "GitHub"),
            (f"github_pat_{'A' * 22}_{'b' * 59}", "GitHub"),
            (f"glpat-{'x' * 20}", "GitLab"),
            (f"npm_{'a' * 36}", "npm"),
            (f"//registry.npmjs.org/:_authToken=npm_{'a' * 36}", "npm"),
            (f"dckr_pat_{'a' * 27}", "Docker"),
            (f"pypi-{'A' * 60}", "PyPI"),
            ("xoxb-1234567890-abc", "Slack"),
            ("AKIAIOSFODNN7EXAMPLE", "AWS"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII", "private key"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----", "private key"),
            ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "private key"),
            ("https://me:s3cret@example.com/simple", "password"),
            ("redis://:s3cret@cache:6379/0", "password"),
            ("git+HTTPS://x-token:abc@example.com/a.git", "password"),
        ],
    )
    def test_a_credential_is_known_by_its_format(self, value: str, what: str):
        (finding,) = found(args={"GREETING": value})

        assert what in finding.problem
        assert value not in str(finding)

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "hello",
            "ghp_short",
            "xghp_" + "a" * 36,
            "https://example.com:8080/a@b",
            "https://git@example.com/a.git",
            "ssh://git@example.com:22/a.git",
            "https://example.com/?a=b:c@d",
            "https://me:$PASSWORD@example.com/",
            "https://me:***@example.com/",
            "XAKIAIOSFODNN7EXAMPLE",
            "-----BEGIN PUBLIC KEY-----",
            "-----BEGIN CERTIFICATE-----",
            "sha256:" + "a" * 64,
        ],
    )
    def test_other_values_are_none(self, value: str):
        assert credential_in(value) is None

    @pytest.mark.parametrize("text", ["a" * 100_000, "a://" * 30_000, "-----BEGIN " * 10_000, "a:b@" * 30_000])
    def test_a_hostile_value_is_read_in_linear_time(self, text: str):
        assert credential_in(f"{text}\n") is None


class TestArguments:
    def test_an_argument_named_like_a_secret_is_refused_with_the_way_to_pass_it(self):
        (finding,) = found(args={"NPM_TOKEN": "abc"})

        assert finding.where == "build.toml:7 [images.api] args.NPM_TOKEN"
        assert "the name is that of a secret" in finding.problem
        assert 'secret = [{ id = "npm_token", env = "NPM_TOKEN" }]' in finding.allowed
        assert "RUN --mount=type=secret,id=npm_token" in finding.allowed
        assert "--allow-secret-arg NPM_TOKEN" in finding.allowed

    @pytest.mark.parametrize("value", ["", "true", "False", "0", "1", "on"])
    def test_a_switch_is_no_secret(self, value: str):
        assert found(args={"AUTH": value}) == ()

    def test_who_insists_may(self):
        assert found(allowed=("API_TOKEN", "OTHER"), args={"API_TOKEN": "abc", "OTHER": "AKIAIOSFODNN7EXAMPLE"}) == ()

    def test_insisting_is_by_the_exact_name(self):
        assert len(found(allowed=("api_token", "API_TOKEN_"), args={"API_TOKEN": "abc"})) == 1

    def test_every_finding_comes_at_once(self):
        assert len(found(args={"A_TOKEN": "x", "B_TOKEN": "y", "FINE": "z"})) == 2

    def test_a_secret_of_the_run_is_refused_whatever_the_name_and_who_insists(self):
        (finding,) = found(KNOWN, allowed=("GREETING",), args={"GREETING": f"hello {SECRET}"})

        assert SECRET not in str(finding)
        assert "--allow-secret-arg" not in finding.allowed

    @pytest.mark.parametrize("table", ["labels", "annotations"])
    def test_labels_and_annotations_hold_no_secret_of_the_run(self, table: str):
        (finding,) = found(KNOWN, **{table: {"note": base64.b64encode(f"ada:{SECRET}".encode()).decode()}})

        assert finding.where == f"build.toml:7 [images.api] {table}.note"

    @pytest.mark.parametrize(
        ("attest", "refused"),
        [
            ("type=provenance,mode=max", True),
            ("mode=max,type=provenance", True),
            ("type=provenance", True),
            ("type=provenance,mode=min", False),
            ("type=provenance,disabled=true", False),
            ("type=sbom", False),
        ],
    )
    def test_an_insisted_argument_is_in_no_provenance(self, attest: str, refused: bool):
        findings = found(allowed=("API_TOKEN",), args={"API_TOKEN": "x"}, attest=(attest,))

        assert [finding.where for finding in findings] == ["build.toml:7 [images.api] attest"] * refused

    def test_a_full_provenance_beside_ordinary_arguments_is_fine(self):
        assert found(args={"GREETING": "x"}, attest=("type=provenance,mode=max",), allowed=("GREETING",)) == ()


class TestKnown:
    @pytest.mark.parametrize(
        "text",
        [
            SECRET,
            f"x{SECRET}y",
            base64.b64encode(SECRET.encode()).decode(),
            base64.b64encode(f"ada:{SECRET}".encode()).decode(),
            quote("s3cret/value!!", safe=""),
        ],
    )
    def test_a_secret_is_found_in_the_forms_in_which_it_travels(self, text: str):
        assert KnownSecrets([SECRET, "s3cret/value!!"], ["ada"]).finds(text)

    @pytest.mark.parametrize(
        ("secret", "text", "holds"),
        [
            ("hunt3r", "hunt3r", True),
            ("hunt3r", "a hunt3r", False),  # too short to be looked for in ordinary text
            ("true", "true", False),
            ("main", "main", False),
            ("8080", "8080", False),
            ("a1", "a1", False),
            ("hunter22", "a hunter22 b", True),
            ("production", "NODE_ENV=production", True),
            ("", "", False),
        ],
    )
    def test_short_and_ordinary_words_raise_no_false_alarm(self, secret: str, text: str, holds: bool):
        assert KnownSecrets([secret]).finds(text) is holds

    def test_of_a_file_the_tokens_count_and_not_its_settings(self):
        npmrc = "registry=https://npm4.example.com/simple\n//npm4.example.com/:_authToken=abcDEF0123456789xyz\nmachine npm4.example.com\n"
        known = KnownSecrets([npmrc])

        assert known.finds("NPM_TOKEN=abcDEF0123456789xyz")
        assert known.finds(npmrc)
        assert not known.finds("npm config set registry=https://npm4.example.com/simple")
        assert not known.finds("npm4.example.com")

    def test_of_a_key_every_line_counts_and_its_head_does_not(self):
        line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ"
        known = KnownSecrets([f"-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n"])

        assert known.finds(f"x{line}y")
        assert not known.finds("grep -q -- '-----BEGIN PRIVATE KEY-----' key.pem")

    def test_a_line_end_after_the_secret_is_none_of_it(self):
        assert KnownSecrets([f"{SECRET}\n"]).finds(SECRET)


def config(**changes: object) -> bytes:
    return json.dumps(
        {
            "architecture": "amd64",
            "config": {"Env": ["PATH=/bin", "GREETING=hello"], "Labels": {"a": "b"}},
            "history": [{"created_by": "COPY x"}, {"created_by": "RUN make"}],
            **changes,
        }
    ).encode()


def places(data: bytes, known: KnownSecrets = KNOWN) -> tuple[str, ...]:
    return exposure.scan([("linux/arm64", data)], known.finds)


class TestScan:
    def test_a_clean_configuration_is_clean(self):
        assert places(config()) == ()

    @pytest.mark.parametrize(
        ("changes", "place"),
        [
            ({"config": {"Env": ["PATH=/bin", f"NPM_TOKEN={SECRET}"]}}, "Env NPM_TOKEN"),
            ({"config": {"Labels": {"note": f"x {SECRET}"}}}, "Label note"),
            ({"config": {"Labels": {SECRET: "x"}}}, "Label a key"),
            ({"history": [{}, {}, {"created_by": f"RUN |1 T={SECRET} make"}]}, "history entry 3"),
            ({"config": {"Cmd": ["a", SECRET]}}, "config.Cmd[1]"),
            ({"author": SECRET}, "author"),
            ({"annotations": {"note": SECRET}}, "annotation note"),
            ({"config": {"Env": [f"{SECRET}=x"]}}, "config.Env"),
            ({"a": {"b": [{"c": {"d": [SECRET]}}]}}, "a.b[0].c.d[0]"),
        ],
    )
    def test_a_secret_is_found_anywhere_and_its_place_named(self, changes: dict, place: str):
        assert places(config(**changes)) == (f"linux/arm64: {place}",)

    def test_escapes_hide_nothing(self):
        escaped = "".join(f"\\u{ord(character):04x}" for character in SECRET)

        assert places(f'{{"config": {{"Env": ["T={escaped}"]}}}}'.encode()) == ("linux/arm64: Env T",)

    def test_a_key_that_stands_twice_hides_nothing(self):
        assert places(f'{{"author": "{SECRET}", "author": "me"}}'.encode()) == ("linux/arm64: author",)

    @pytest.mark.parametrize(
        "text",
        [
            json.dumps({"auth": SECRET}),
            json.dumps({"inner": json.dumps({"auth": SECRET})}),
            base64.b64encode(f'{{"auths": {{"x": "{SECRET}"}}}}'.encode()).decode(),
            "/path/" + base64.b64encode(f"abc{SECRET}abc".encode()).decode(),
            base64.urlsafe_b64encode(f"\xff\xfe{SECRET}".encode()).decode(),
            f"https://example.com/?t={SECRET.replace('-', '%2D')}",
            SECRET.replace("s", "%73"),
        ],
    )
    def test_encodings_hide_nothing(self, text: str):
        assert places(config(author=text)) == ("linux/arm64: author",)

    def test_a_short_secret_is_found_as_a_whole_value(self):
        known = KnownSecrets(["hunt3r"])

        assert places(config(config={"Env": ["DB_PASSWORD=hunt3r"]}), known) == ("linux/arm64: Env DB_PASSWORD",)
        assert places(config(author="the hunt3r"), known) == ()

    def test_a_number_can_be_a_secret(self):
        assert places(b'{"pin": 1234567890}', KnownSecrets(["1234567890"])) == ("linux/arm64: pin",)

    @pytest.mark.parametrize(
        "data", [f"not JSON: {SECRET}".encode(), b"\xff\xfe" + SECRET.encode(), b"[" * 100_000 + SECRET.encode()]
    )
    def test_what_is_no_json_is_looked_through_as_text(self, data: bytes):
        assert places(data) == ("linux/arm64: its text",)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
            max_leaves=12,
        ),
        st.sampled_from(["{}", "x{}", "{}y", "A={}"]),
    )
    def test_no_place_ever_shows_the_value(self, around: object, pattern: str):
        text = pattern.format(SECRET)

        for document in ([around, text], {"config": {"Env": [text, around]}}, {text: around, "x": {text: text}}):
            shown = places(json.dumps(document).encode())
            assert shown
            assert SECRET not in " ".join(shown)

    @given(st.binary(max_size=200))
    def test_any_bytes_are_read(self, data: bytes):
        assert isinstance(places(data), tuple)

    @given(st.binary(max_size=20), st.binary(max_size=20), st.sampled_from(["", "/", "ab", "x="]))
    def test_base64_hides_it_at_no_offset(self, before: bytes, after: bytes, prefix: str):
        text = prefix + base64.b64encode(before + SECRET.encode() + after).decode()

        assert places(json.dumps([text]).encode()) == ("linux/arm64: [0]",)
