from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from answers import refused, reply
from docker_push.errors import (
    AuthenticationError,
    DockerPushError,
    OverwriteError,
    PermissionDeniedError,
    RateLimitError,
    RegistryError,
)
from docker_push.process import Redactor
from docker_push.registry.complaints import complaint, retry_after, span
from docker_push.registry.refusals import Attempt, authentication_hint, refusal
from docker_push.registry.transport import Response

PUT = "put ghcr.io/acme/api:main"
ORIGIN = "DOCKER_USER and DOCKER_PASSWORD"


def attempt(**more: object) -> Attempt:
    return Attempt(**{"purpose": PUT, "registry": "ghcr.io", "origin": ORIGIN, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("response", "kind", "hint"),
    [
        (refused(401, "UNAUTHORIZED", "authentication required"), AuthenticationError, "credentials of DOCKER_USER"),
        (reply(401), AuthenticationError, "docker login ghcr.io"),
        (
            refused(403, "DENIED", "requested access to the resource is denied"),
            PermissionDeniedError,
            "the user of DOC",
        ),
        (reply(403, b"<html><title>403 Forbidden</title>"), PermissionDeniedError, "the user of DOCKER_USER"),
        (
            refused(403, "DENIED", "installation not allowed to Create organization package"),
            PermissionDeniedError,
            "packages: write",
        ),
        (
            refused(403, "DENIED", "permission_denied: write_package"),
            PermissionDeniedError,
            "Manage Actions access",
        ),
        (
            refused(403, "DENIED", "permission_denied: The token provided does not match expected scopes."),
            PermissionDeniedError,
            "write:packages",
        ),
        (refused(403, "DENIED", "the token has expired"), PermissionDeniedError, "has expired"),
        (refused(403, "DENIED", "failed to fetch anonymous token"), AuthenticationError, "without the credentials of"),
        (
            refused(403, "DENIED", "permission_denied: You have exceeded a secondary rate limit"),
            RateLimitError,
            "in a few minutes",
        ),
        (refused(429, "TOOMANYREQUESTS", "slow down", retry_after="7"), RateLimitError, "in 7 s"),
        (refused(429, "TOOMANYREQUESTS", "retry-after: 12.5ms, allowed: 2000/minute"), RateLimitError, "in 1 s"),
        (refused(503, "TOOMANYREQUESTS"), RateLimitError, "rate limit"),
        (reply(429, b"Too Many Requests"), RateLimitError, "rate limit"),
        (refused(400, "DENIED", "no"), PermissionDeniedError, "the owner of the repository"),
        (refused(403, "DENIED", "denied: quota exceeded"), RegistryError, "quota"),
        (
            refused(412, "DENIED", "adding 1.2 MiB will exceed the configured upper limit of 1.0 GiB"),
            RegistryError,
            "quota",
        ),
        (refused(403, "DENIED", "permission_denied: create_package"), PermissionDeniedError, "organization"),
        (refused(403, "DENIED", "denied"), PermissionDeniedError, "personal access token"),
        (refused(404, "NOT_FOUND", "project acme not found"), RegistryError, "project to be created"),
        (refused(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown"), RegistryError, "forgot"),
        (refused(500, "BLOB_UPLOAD_INVALID", "blob upload invalid"), RegistryError, "storage may be full"),
        (reply(503, b"", retry_after="1800"), RegistryError, "in 30 min"),
        (refused(400, "TAG_INVALID", "the tag is immutable"), OverwriteError, "new version"),
        (refused(403, "DENIED", "tag immutability is on"), OverwriteError, "new version"),
        (refused(404, "NAME_UNKNOWN", "repository name not known to registry"), RegistryError, "created before"),
        (refused(404, "MANIFEST_UNKNOWN", "manifest unknown"), RegistryError, "Check the name"),
        (refused(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown"), RegistryError, "--rebuild"),
        (reply(404, b"<html><title>Welcome</title></html>"), RegistryError, "container registry"),
        (reply(413), RegistryError, "raise that limit"),
        (reply(500, b"oops"), RegistryError, "again later"),
        (reply(502, b"<html><body>Bad gateway</body></html>"), RegistryError, "again later"),
        (reply(507), RegistryError, "storage is full"),
        (reply(302), RegistryError, "container registry"),
    ],
)
def test_each_refusal_has_its_class_and_its_next_step(response, kind, hint):
    error = refusal(response, attempt())

    assert type(error) is kind
    assert error.message.startswith(f"cannot {PUT}: ghcr.io answered {response.status}")
    assert hint in error.hint


@pytest.mark.parametrize(("registry", "kind"), [("ghcr.io", AuthenticationError), ("quay.io", PermissionDeniedError)])
def test_without_credentials_githubs_denial_is_a_missing_login(registry, kind):
    error = refusal(refused(403, "DENIED", "denied"), attempt(origin=None, registry=registry))

    assert type(error) is kind
    assert ("Set DOCKER_USER" in error.hint) == (kind is AuthenticationError)


@pytest.mark.parametrize(("origin", "kind"), [(ORIGIN, PermissionDeniedError), (None, AuthenticationError)])
def test_a_token_that_does_not_cover_a_push_is_a_missing_permission_of_someone_known(origin, kind):
    challenge = 'Bearer realm="https://ghcr.io/token",error="insufficient_scope"'

    error = refusal(refused(401, "UNAUTHORIZED", www_authenticate=challenge), attempt(origin=origin))

    assert type(error) is kind


def test_a_token_server_is_named():
    error = refusal(reply(401, {"details": "incorrect username or password"}), attempt(server="the token server x"))

    assert error.message == f"cannot {PUT}: the token server x answered 401 (incorrect username or password)"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", ""),
        (b'{"errors":[{"code":"denied","message":"no"},{"code":"X"}]}', "DENIED: no"),
        (b'{"errors":[{"code":7,"message":["no"]}]}', ""),
        (b'{"errors":["just words"]}', "just words"),
        (b'{"errors":[7]}', ""),
        (b'{"errors":[]}', ""),
        (b'{"errors":{"code":"X"},"message":"gone"}', "gone"),
        (b'{"error":"invalid_grant","error_description":"the token is old"}', "the token is old"),
        (b'{"error":"invalid_grant"}', "invalid_grant"),
        (b'{"details":"wrong"}', "wrong"),
        (b"plain\r\n words\x1b[31m\x00", "plain words?[31m?"),
        (b"<HTML><head><title>Log in - Proxy</title>", "Log in - Proxy"),
        (b"<html><body>no title</body></html>", ""),
        (b"\xff\xfe", "��"),
        (b"[" * 100_000, f"{'[' * 297}..."),
    ],
)
def test_bodies_are_read_leniently(body, expected):
    assert str(complaint(reply(400, body))) == expected


def test_secrets_in_a_body_are_not_shown():
    redact = Redactor(["s3cret-password"], ["ada"])
    body = {"errors": [{"code": "DENIED", "message": "user ada with s3cret-password or YWRhOnMzY3JldC1wYXNzd29yZA=="}]}

    error = refusal(reply(403, body), attempt(redact=redact))

    assert "s3cret" not in str(error)
    assert "YWRhOnMzY3JldC1wYXNzd29yZA" not in str(error)


@given(
    st.binary()
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["errors", "code", "message", "error"]), inner),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    st.integers(300, 599),
)
def test_any_body_is_one_printable_line_of_a_known_class(body, status):
    error = refusal(reply(status, body), attempt())

    assert isinstance(error, DockerPushError)
    assert str(error).isprintable()
    assert len(error.message) < 600


SECRET = "s3cret Pa55-word"
REDACT = Redactor([SECRET], ["ada"])


@given(
    st.sampled_from(
        [SECRET, "czNjcmV0IFBhNTUtd29yZA", "YWRhOnMzY3JldCBQYTU1LXdvcmQ=", "s3cret%20Pa55-word", "s3cret+Pa55-word"]
    ),
    st.sampled_from(
        [
            '{{"errors": [{{"code": "{}", "message": "no"}}]}}',
            '{{"errors": [{{"code": "DENIED", "message": "{}"}}]}}',
            '{{"errors": ["{}"]}}',
            '{{"error_description": "{}"}}',
            '{{"details": "{}"}}',
            "<html><title>{}</title>",
            "{}",
            "[1, {}",
        ]
    ),
    st.text("ab \t\u202e日", max_size=8),
    st.sampled_from([0, 150, 190, 195, 290, 4085, 4090, 16_370]),
    st.sampled_from([" ", "x"]),
)
@example(SECRET, "<html><title>{}</title>", "", 195, " ")
@example(SECRET, '{{"errors": [{{"code": "{}", "message": "no"}}]}}', "", 0, " ")
@example(SECRET, '{{"details": "{}"}}', "", 4085, " ")
@example(SECRET, "{}", "", 4085, " ")
def test_no_secret_of_ours_comes_back_in_a_message_wherever_it_stands(form, page, before, count, filler):
    body = page.format(f"{before}{filler * count}{form}")

    message = str(refusal(reply(403, body.encode()), attempt(redact=REDACT)))

    assert "s3cret" not in message.lower()
    assert "czNjcmV0"[:6] not in message
    assert "YWRhOnMz" not in message


@pytest.mark.parametrize("piece", [b"x", b"<html>", b"\xff", b'{"a":', b" ", b"\x1b[31m", b'"', "日".encode()])
@pytest.mark.parametrize("status", [400, 503])
def test_ten_megabytes_are_one_line(piece, status):
    error = refusal(reply(status, piece * (10_000_000 // len(piece))), attempt(redact=REDACT))

    assert str(error).isprintable()
    assert len(error.message) < 600


def test_half_a_surrogate_pair_is_shown_as_unprintable():
    assert str(complaint(reply(400, b'{"errors":[{"code":"\\ud800x","message":"a\\udfffb"}]}'))) == "?X: a?b"


@given(st.integers(0, 10**30), st.sampled_from(["{}", " {} ", "00{}"]))
def test_a_number_of_seconds_is_waited_for(number, written):
    assert retry_after({"retry-after": written.format(number)}) == pytest.approx(number)


@given(st.integers(1, 10**9), st.sampled_from(["-{}", "{}.5", "+{}", "{}s", "0x{}", "{} s", "{}e3", "NaN{}", "inf"]))
def test_what_is_no_number_of_seconds_is_no_wait(number, written):
    assert retry_after({"retry-after": written.format(number)}) is None


@given(st.datetimes(datetime(1970, 1, 2), datetime(9998, 1, 1)), st.integers(-(10**9), 10**9))  # noqa: DTZ001 - UTC below
@example(datetime(2026, 1, 1), 10**6)  # noqa: DTZ001
def test_a_date_is_measured_by_the_server_s_own_clock(now, seconds):
    now = now.replace(microsecond=0, tzinfo=timezone.utc)
    try:
        then = now + timedelta(seconds=seconds)
    except OverflowError:
        return
    headers = {"retry-after": format_datetime(then, usegmt=True), "date": format_datetime(now, usegmt=True)}

    assert retry_after(headers) == max(0, seconds)


_UNITS = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(sorted(_UNITS))), min_size=1, max_size=4))
def test_a_duration_as_go_writes_it_is_added_up(parts):
    words = f"retry-after: {''.join(f'{number}.25{unit}' for number, unit in parts)}, allowed: 2000/minute"

    assert retry_after({}, words) == pytest.approx(sum((number + 0.25) * _UNITS[unit] for number, unit in parts))


@pytest.mark.parametrize(
    ("headers", "words", "seconds"),
    [
        ({}, "", None),
        ({"retry-after": "5"}, "", 5),
        ({"retry-after": " 0 "}, "", 0),
        ({"retry-after": "-5"}, "", None),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "1000000000"}, "", 1e9),
        ({"retry-after": "9" * 5000}, "", pytest.approx(1e64)),
        (
            {"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"},
            "",
            30,
        ),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, "", 0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, "", None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, "", None),
        ({"retry-after": "soon"}, "retry-after: 2s", 2),
        ({}, "retry-after: 12.5ms, allowed: 2000/minute", 0.0125),
        ({}, "Retry-After: 1h2m3.5s", 3723.5),
        ({}, "retry-after: 1.2.3s", None),
        ({}, "retry-after: 250µs or so", 0.00025),
    ],
)
def test_when_to_come_back(headers, words, seconds):
    assert retry_after(headers, words) == seconds


@given(st.text(), st.text(), st.text())
def test_any_answer_waits_a_real_time_or_none(value, date, words):
    seconds = retry_after({"retry-after": value, "date": date}, words)

    assert seconds is None or 0 <= seconds < float("inf")


def test_the_error_carries_the_seconds():
    error = refusal(Response(status=429, url="", headers={"retry-after": "7"}), attempt())

    assert isinstance(error, RateLimitError)
    assert error.retry_after == 7


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        *[(0.0, "0 s"), (0.5, "0.5 s"), (7.0, "7 s"), (9.96, "10.0 s"), (15.5, "16 s"), (120, "120 s"), (121, "3 min")],
        *[
            (7200, "120 min"),
            (7201, "3 h"),
            (172_801, "3 days"),
            (1e9, "more than 1000 days"),
            (1e64, "more than 1000 days"),
        ],
    ],
)
def test_a_time_is_said_as_people_say_it(seconds, said):
    assert span(seconds) == said


def test_when_to_come_back_is_said_however_long_it_is():
    error = refusal(refused(429, "TOOMANYREQUESTS", retry_after="9" * 60), attempt())

    assert error.hint.endswith("again in more than 1000 days.")


def test_a_refusal_after_several_attempts_says_how_many_and_how_long():
    response = replace(refused(503, "UNAVAILABLE", "busy"), attempts=6, seconds=17.2)

    error = refusal(response, attempt())

    assert error.message == f"cannot {PUT}: ghcr.io answered 503 (UNAVAILABLE: busy), the last of 6 attempts in 18 s"


@pytest.mark.parametrize(
    ("response", "transient"), [(reply(503), True), (reply(501), False), (reply(507), False), (reply(404), False)]
)
def test_what_passes_by_itself_is_transient(response, transient):
    error = refusal(response, attempt())

    assert isinstance(error, RegistryError)
    assert error.transient == transient


def test_a_package_of_another_repository_is_told_with_its_settings_page():
    denied = refused(403, "DENIED", "permission_denied: write_package")

    hint = refusal(denied, attempt(repository="acme/web/api")).hint

    assert "https://github.com/orgs/acme/packages/container/web%2Fapi/settings" in hint
    assert "https:" not in refusal(denied, attempt(registry="ghe.example", repository="acme/web/api")).hint


def test_ecr_is_told_how_a_repository_is_made():
    missing = refused(404, "NAME_UNKNOWN", "The repository with name 'acme/api' does not exist in the registry")

    error = refusal(missing, attempt(registry="123.dkr.ecr.eu-west-1.amazonaws.com", repository="acme/api"))

    assert "aws ecr create-repository --repository-name acme/api" in error.hint


def test_credentials_that_served_before_ask_for_a_new_login():
    ended = authentication_hint(attempt(served=True))

    assert "log in again" in ended
    assert ORIGIN in ended
    assert "log in again" not in authentication_hint(attempt())
