"""R05-R07, R11: answers that are lost, connections that break, uploads that have to begin again."""

from __future__ import annotations

import secrets
import threading

import pytest

from fault_rules import Exchange, errors, held, lost, passed, reset, reset_after, sequence, status, truncated
from proxied_scratch import RETRY, ProxiedScratch, build_toml

pytestmark = pytest.mark.engine

ATTEMPTS = RETRY["attempts"]
COMMIT = "/manifests/[0-9a-f]+-main$"
LAYER = 300_000  # bytes that do not compress: more than a socket takes at once


@pytest.fixture
def large(case: ProxiedScratch) -> ProxiedScratch:
    case.write({"data": secrets.token_hex(LAYER)})
    case.commit_all()
    return case


@pytest.mark.parametrize("first", [1, 3, 5])
def test_r05_a_lost_answer_to_a_layer_is_healed(case: ProxiedScratch, first: int):
    rule = case.proxy.fault("PUT", "/blobs/uploads/", lost, first=first, count=1)

    done = case.push()

    assert done.code == 0, done.err
    assert rule.hits == 1
    case.assert_heals()


def test_a_registry_that_takes_a_layer_and_never_answers_ends_the_run(case: ProxiedScratch):
    """BuildKit has no limit of its own for that answer."""
    case.write({"build.toml": build_toml(silence=3)})
    case.commit_all()
    over = threading.Event()
    rule = case.proxy.fault("PUT", "/blobs/uploads/", held(over, 60), who="engine")

    try:
        done = case.push()
    finally:
        over.set()

    assert rule.hits
    case.assert_fails(done, 7, "building api: no sign of life for 3 s", "silence in \\[retry\\]")
    assert set(case.tags("api")) == set()
    case.assert_heals(built=True)


def test_r05_an_upload_that_the_registry_has_forgotten_is_begun_again(case: ProxiedScratch):
    """Some registries answer a repeated PUT, whose first answer was lost, with 404 BLOB_UPLOAD_UNKNOWN."""
    unknown = status(404, errors("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"))
    case.proxy.fault("PUT", "/blobs/uploads/", sequence(lost, unknown), count=2)

    done = case.push()

    assert done.code == 0, done.err
    case.assert_heals()


@pytest.mark.parametrize("tag", ["main", "v1.2.3", "latest"])
def test_r06_a_lost_answer_to_a_tag_is_read_back(case: ProxiedScratch, tag: str):
    rule = case.proxy.fault("PUT", f"/manifests/{tag}$", lost, count=1)

    done = case.push("--version", "v1.2.3")

    assert done.code == 0, done.err
    assert rule.hits == 1
    case.assert_heals("--version", "v1.2.3", tags=("main", "v1.2.3", "latest"))


def test_r06_what_stands_there_counts_even_where_every_answer_is_lost(case: ProxiedScratch):
    case.proxy.fault("PUT", "/manifests/(main|latest)$", lost, who="ours")

    done = case.push()

    assert done.code == 0, done.err
    assert len(set(case.state().values())) == 1
    assert set(case.state()) == {"commit", "main", "latest"}


def test_r06_a_lost_answer_to_the_commit_s_tag_is_healed(case: ProxiedScratch):
    rule = case.proxy.fault("PUT", COMMIT, lost, count=1, who="engine")

    assert case.push().code == 0
    assert rule.hits == 1
    case.assert_heals()


def test_r06_a_tag_that_never_arrives_stops_the_run(case: ProxiedScratch):
    rule = case.proxy.fault("PUT", "/manifests/main$", reset, who="ours")

    done = case.push()

    case.assert_fails(done, 6, "put .*:main", "closed|reset|broke", "run the same command again")
    assert rule.hits <= 2 * ATTEMPTS
    assert set(case.state()) == {"commit"}
    case.assert_heals()


@pytest.mark.parametrize("count", [1, 2])
def test_r07_a_layer_that_breaks_off_is_sent_again(large: ProxiedScratch, count: int):
    rule = large.proxy.fault("PUT", "/blobs/uploads/", reset_after(1), count=count)

    done = large.push()

    assert done.code == 0, done.err
    assert rule.hits == count
    large.assert_heals()


def test_r07_a_large_layer_that_breaks_off_in_its_middle_is_sent_again(large: ProxiedScratch):
    large_bodies: list[int] = []

    def middle(exchange: Exchange) -> None:
        size = int(exchange.seen.headers.get("content-length", "0"))
        if size > LAYER // 2:
            large_bodies.append(size)
        (reset_after(size // 2) if large_bodies == [size] and size > LAYER // 2 else passed)(exchange)

    large.proxy.fault("PUT", "/blobs/uploads/", middle)

    done = large.push()

    assert done.code == 0, done.err
    assert len(large_bodies) > 1
    large.assert_heals()


@pytest.mark.parametrize("action", [reset, lost, truncated(20), truncated(0)], ids=["reset", "eof", "cut", "empty"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/manifests/sha256:"), ("HEAD", "/manifests/main$")])
def test_r07_an_answer_of_ours_that_breaks_off_is_asked_for_again(case: ProxiedScratch, action, method: str, path: str):
    if method == "HEAD" and action not in {reset, lost}:
        action = lost  # there is no body to cut
    rule = case.proxy.fault(method, path, action, count=1, who="ours")

    done = case.push()

    assert done.code == 0, done.err
    assert rule.hits == 1
    case.assert_heals()


def test_r07_answers_that_always_break_off_end_the_run(case: ProxiedScratch):
    case.proxy.fault("GET", "/manifests/sha256:", truncated(20), who="ours")

    done = case.push()

    case.assert_fails(done, 6, "read .*@sha256:", "closed|whole|broke", "run the same command again")
    assert set(case.state()) == {"commit"}
    case.assert_heals()


UPLOADS = {
    "416": (416, b""),
    "BLOB_UPLOAD_INVALID": (400, errors("BLOB_UPLOAD_INVALID", "blob upload invalid")),
    "BLOB_UPLOAD_UNKNOWN": (404, errors("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")),
}


@pytest.mark.parametrize("kind", UPLOADS)
def test_r11_a_broken_upload_is_begun_again(case: ProxiedScratch, kind: str):
    rule = case.proxy.fault("PUT", "/blobs/uploads/", status(*UPLOADS[kind]), count=1)

    done = case.push()

    assert done.code == 0, done.err
    assert rule.hits == 1
    case.assert_heals()


@pytest.mark.parametrize("kind", UPLOADS)
def test_r11_an_upload_that_always_breaks_ends_the_run(case: ProxiedScratch, kind: str):
    rule = case.proxy.fault("PUT", "/blobs/uploads/", status(*UPLOADS[kind]))

    done = case.push()

    case.assert_fails(done, 6, "image api", kind.replace("_", "[_ ]"), "run the same command again")
    assert 1 <= rule.hits <= 3 * 8  # three runs of buildx at most, each of the blobs once
    assert case.state() == {}
    case.assert_heals(built=True)
