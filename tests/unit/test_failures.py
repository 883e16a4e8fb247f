from __future__ import annotations

import pytest

from docker_push.builder import Baked, FailedStep
from docker_push.errors import (
    AuthenticationError,
    BuilderError,
    BuildError,
    DockerPushError,
    PermissionDeniedError,
    RateLimitError,
    RegistryError,
)
from docker_push.failures import Failure, failures
from docker_push.progress import Step

REFERENCE = "ghcr.io/acme/app/api:0123-main"
URL = "https://ghcr.io/v2/acme/app/api/manifests/0123-main"


def step(error: str, name: str = "[api] exporting to image") -> Step:
    return Step(name=name, cached=False, seconds=1.0, error=error)


def failed(
    *steps: tuple[str | None, str], stray: tuple[str, ...] = (), origin: str | None = "X and Y"
) -> tuple[Failure, ...]:
    baked = Baked(
        ok=False,
        names=("api", "worker"),
        digests={},
        failed=tuple(FailedStep(image=image, step=step(error), log=("a log",)) for image, error in steps),
        stray=stray,
    )
    return failures(baked, {"ghcr.io": origin})


def pushed(words: str, **more: object) -> Failure:
    (one,) = failed(("api", f"failed to push {REFERENCE}: {words}"), **more)  # type: ignore[arg-type]
    return one


@pytest.mark.parametrize(
    ("words", "kind", "transient"),
    [
        ("toomanyrequests: retry-after: 12.5ms, allowed: 2000/minute", RateLimitError, True),
        ("denied: You have exceeded a secondary rate limit", RateLimitError, True),
        (f"unexpected status from PUT request to {URL}: 429 Too Many Requests", RateLimitError, True),
        ("denied: permission_denied: write_package", PermissionDeniedError, False),
        ("denied: installation not allowed to Create organization package", PermissionDeniedError, False),
        ("server message: insufficient_scope: authorization failed", PermissionDeniedError, False),
        (f"unexpected status from PUT request to {URL}: 403 Forbidden", PermissionDeniedError, True),
        ("unauthorized", AuthenticationError, False),
        ("unauthorized: authentication required", AuthenticationError, False),
        (f"unexpected status from HEAD request to {URL}: 401 Unauthorized", AuthenticationError, False),
        ("failed to authorize: failed to fetch anonymous token: unexpected status", AuthenticationError, False),
        ("unknown: blob upload unknown to registry", RegistryError, True),
        ("unknown: blob upload invalid", RegistryError, True),
        ("unknown: blob unknown to registry", RegistryError, True),
        (f"unexpected status from PUT request to {URL}: 502 Bad Gateway: <html>x</html>", RegistryError, True),
        (f"unexpected status from PUT request to {URL}: 413 Request Entity Too Large: too large", RegistryError, False),
        ("unknown: no space left on device", RegistryError, False),
        ("name unknown: repository name not known to registry", RegistryError, False),
        (
            'failed commit on ref "index-sha256:1": failed to do request: Put "https://x": read: connection reset by peer',
            RegistryError,
            True,
        ),
        ('failed to do request: Head "https://ghcr.io/v2/x": EOF', RegistryError, True),
        (
            'failed to do request: Put "https://ghcr.io/v2/x": dial tcp: lookup ghcr.io: no such host',
            RegistryError,
            True,
        ),
        ("something that nobody has seen before", RegistryError, False),
    ],
)
def test_a_failed_push_is_of_the_class_that_its_words_mean(words: str, kind: type[DockerPushError], transient: bool):
    one = pushed(words)

    assert (type(one.error), one.transient) == (kind, transient)
    assert one.error.message.startswith(f"image api: cannot push {REFERENCE}: ")
    assert one.error.hint


def test_a_missing_login_is_told_with_the_way_to_log_in():
    assert "DOCKER_USER" in pushed("denied: denied", origin=None).error.hint


def test_the_state_of_an_upload_is_not_shown():
    one = pushed(
        "unexpected status from PUT request to https://h/v2/x/blobs/uploads/1?_state=s3cret&digest=sha256%3Aa: 413 Too"
    )

    assert "s3cret" not in str(one.error)


@pytest.mark.parametrize(
    "words",
    [
        "unknown: blob upload invalid",
        "unknown: unknown error",
        f'unexpected status from PUT request to {URL}: 500: {{"errors":[{{"code":"UNKNOWN","message":"unknown error"}}]}}',
    ],
)
def test_a_full_registry_is_thought_of_where_an_upload_breaks(words: str):
    assert "out of disk space" in pushed(words).error.hint


@pytest.mark.parametrize(
    "error",
    [
        'process "/bin/sh -c make" did not complete successfully: exit code: 2',
        'process "/bin/sh -c curl https://x" did not complete successfully: connection reset by peer',
        'failed to compute cache key: "/nope": not found',
    ],
)
def test_what_the_dockerfile_does_wrong_is_never_tried_again(error: str):
    (one,) = failed(("api", error))

    assert (type(one.error), one.transient, one.error.details) == (BuildError, False, ("a log",))
    assert one.error.message.startswith("image api: the build failed at [api] exporting to image: ")


def test_a_base_image_that_cannot_be_had_right_now_may_be_tried_again():
    words = "failed to resolve source metadata for docker.io/library/x:1: unexpected status from HEAD request to https://registry-1.docker.io/v2/x: 503 Service Unavailable"
    (one,) = failed(("api", f"x:1: {words}"))

    assert (type(one.error), one.transient) == (RegistryError, True)


def test_a_base_image_behind_a_login_points_at_the_from_line():
    words = "failed to resolve source metadata for ghcr.io/x/y:1: unexpected status from HEAD request to https://ghcr.io/v2/x: 401 Unauthorized"
    (one,) = failed(("api", f"x:1: {words}"))

    assert (type(one.error), one.transient) == (AuthenticationError, False)
    assert "FROM" in one.error.hint


@pytest.mark.parametrize(
    "words", ["rpc error: code = Unavailable desc = error reading from server: EOF", 'no such job "x"']
)
def test_a_builder_that_went_away_may_be_back(words: str):
    found = failed(stray=(f"ERROR: failed to receive status: {words}",))

    assert [(one.image, type(one.error), one.transient) for one in found] == [
        ("api", BuilderError, True),
        ("worker", BuilderError, True),
    ]


def test_without_a_step_buildx_is_quoted_for_all_images():
    found = failed(stray=("ERROR: no such thing", " "))

    assert {str(one.error.message) for one in found} == {"images api, worker: buildx failed: no such thing"}
    assert not any(one.transient for one in found)


def test_without_a_word_that_is_told():
    assert "buildx gave no reason" in failed()[0].error.message


def test_each_image_is_told_once_and_those_that_were_cancelled_are_not():
    found = failed(("api", "exit code: 1"), ("api", "exit code: 2"))

    assert [one.image for one in found] == ["api"]
