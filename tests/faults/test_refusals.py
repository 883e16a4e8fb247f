"""R01-R04, R12: what a registry refuses, for now or for good, asked by us and by BuildKit."""

from __future__ import annotations

import time
from email.utils import formatdate
from itertools import pairwise

import pytest

from fault_rules import Exchange, errors, status
from proxied_scratch import RETRY, ProxiedScratch, build_toml

pytestmark = pytest.mark.engine

ATTEMPTS = RETRY["attempts"]
SECONDARY = errors(
    "DENIED",
    "permission_denied: You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
)
GHCR_LIMIT = errors("TOOMANYREQUESTS", "retry-after: 12.5ms, allowed: 2000/minute")
LIMIT = errors("TOOMANYREQUESTS", "too many requests")


def test_r01_a_tag_that_cannot_be_put_stops_those_after_it(case: ProxiedScratch):
    assert case.push().code == 0
    old = case.state()["latest"]
    case.change()
    case.proxy.fault("PUT", "/manifests/v1.2.3$", status(500))

    done = case.push("--version", "v1.2.3")

    case.assert_fails(done, 6, r"put .*:v1\.2\.3", "500", "run the same command again")
    state = case.state()
    assert (state["main"], state["latest"]) == (state["commit"], old)
    assert "v1.2.3" not in state
    case.assert_heals("--version", "v1.2.3", tags=("main", "v1.2.3", "latest"))


def test_r01_the_output_lists_what_moved_and_what_did_not(case: ProxiedScratch):
    case.proxy.fault("PUT", "/manifests/v1.2.3$", status(500))

    done = case.push("--version", "v1.2.3")

    details = [line for line in done.err.splitlines() if line.startswith("  | ")]
    assert any("created" in line and ":main " in line for line in details), done.err
    for tag in ("v1.2.3", "latest"):
        assert any(f":{tag}" in line and "created" not in line for line in details), done.err


def test_r01_the_version_is_put_before_latest_and_children_before_parents(case: ProxiedScratch):
    assert case.push("--version", "v1.2.3").code == 0

    order = case.order()
    assert order[-5:] == ["commit", "commit", "main", "v1.2.3", "latest"]  # the builder's, and with the record
    assert all(one.startswith("sha256:") for one in order[:-5])


@pytest.mark.parametrize(
    ("method", "path"),
    [("HEAD", "-main$"), ("GET", "/manifests/sha256:"), ("PUT", "/manifests/main$"), ("HEAD", "/manifests/latest$")],
)
def test_r02_one_503_of_ours_is_asked_again(case: ProxiedScratch, method: str, path: str):
    rule = case.proxy.fault(method, path, status(503), count=1, who="ours")

    done = case.push()

    assert done.code == 0, done.err
    assert rule.hits == 1
    case.assert_heals()


@pytest.mark.parametrize("path", ["/manifests/[0-9a-f]+-main$", "/blobs/uploads/"])
def test_r02_one_503_of_the_engine_s_is_healed(case: ProxiedScratch, path: str):
    rule = case.proxy.fault("PUT", path, status(503), count=1, who="engine")

    assert case.push().code == 0
    assert rule.hits == 1
    case.assert_heals()


@pytest.mark.parametrize(
    ("method", "path", "built"),
    [("HEAD", "-main$", True), ("GET", "/manifests/sha256:", False), ("PUT", "main$", False)],
)
def test_r02_502_forever_ends_and_is_told(case: ProxiedScratch, method: str, path: str, *, built: bool):
    page = b"<html><head><title>502 Bad Gateway</title></head><body></body></html>"
    rule = case.proxy.fault(method, path, status(502, page), who="ours")

    done = case.push()

    case.assert_fails(done, 6, "502", "run the same command again")
    assert rule.hits == ATTEMPTS or method == "GET"  # of an index several are read at once
    assert set(case.state()) == (set() if built else {"commit"})
    case.assert_heals(built=built)


@pytest.mark.soak
def test_r02_502_forever_of_the_engine_s_ends_and_is_told(case: ProxiedScratch):
    rule = case.proxy.fault("PUT", "/manifests/[0-9a-f]+-main$", status(502), who="engine")

    done = case.push()

    case.assert_fails(done, 6, "image api", "502", "run the same command again")
    assert rule.hits <= 3 * 8
    assert case.state() == {}
    case.assert_heals(built=True)


def limited(case: ProxiedScratch, retry_after: str | None, *, count: int, body: bytes = LIMIT):
    """Let our first writes of ``main`` be too many."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return case.proxy.fault("PUT", "/manifests/main$", status(429, body, headers), count=count, who="ours")


def gaps(case: ProxiedScratch) -> list[float]:
    """Return the seconds between our writes of ``main``."""
    times = [seen.at for seen in case.proxy.requests("PUT", "/manifests/main$", "ours")]
    return [later - earlier for earlier, later in pairwise(times)]


def test_r03_retry_after_is_waited_for(case: ProxiedScratch):
    limited(case, "1", count=2)

    done = case.push()

    assert done.code == 0, done.err
    assert len(gaps(case)) == 2
    assert all(gap >= 1.0 for gap in gaps(case))
    case.assert_heals()


def test_r03_a_date_is_waited_for(case: ProxiedScratch):
    def act(exchange: Exchange) -> None:
        status(429, LIMIT, {"Retry-After": formatdate(time.time() + 2, usegmt=True)})(exchange)

    case.proxy.fault("PUT", "/manifests/main$", act, count=1)

    assert case.push().code == 0
    assert [gap >= 1.0 for gap in gaps(case)] == [True]  # a date has whole seconds


@pytest.mark.parametrize("value", ["-5", "soon", "", "1e3", "NaN", "99999999999999999999999999x"])
def test_r03_a_wait_that_is_none_is_replaced_by_ours(case: ProxiedScratch, value: str):
    limited(case, value, count=1)

    assert case.push().code == 0
    assert len(gaps(case)) == 1


def test_r03_github_says_it_in_words_alone(case: ProxiedScratch):
    limited(case, None, count=2, body=GHCR_LIMIT)

    assert case.push().code == 0
    assert len(gaps(case)) == 2


@pytest.mark.parametrize("value", ["1000000000", "1" * 60])
def test_r03_a_wait_that_is_too_long_is_told_and_not_waited_for(case: ProxiedScratch, value: str):
    rule = limited(case, value, count=1)

    done = case.push()

    case.assert_fails(done, 5, "put .*:main", "rate limit", "again (in|after) ")
    assert rule.hits == 1
    assert gaps(case) == []
    assert set(case.state()) == {"commit"}
    case.assert_heals()


@pytest.mark.parametrize("value", [None, "1"])
def test_r03_429_forever_ends_and_is_told(case: ProxiedScratch, value: str | None):
    rule = limited(case, value, count=10**6)

    done = case.push()

    case.assert_fails(done, 5, "put .*:main", "rate limit", "run the same command again")
    assert 2 <= rule.hits <= 6
    assert set(case.state()) == {"commit"}
    case.assert_heals()


def test_r03_the_engine_gives_up_at_once_and_we_do_not(case: ProxiedScratch):
    """BuildKit asks six times within milliseconds and takes no heed of Retry-After."""
    rule = case.proxy.fault(
        "PUT", "/manifests/[0-9a-f]+-main$", status(429, LIMIT, {"Retry-After": "1"}), count=7, who="engine"
    )

    done = case.push()

    assert done.code == 0, done.err
    assert rule.hits == 7
    case.assert_heals()


def test_r03_429_forever_of_the_engine_s_ends_and_is_told(case: ProxiedScratch):
    rule = case.proxy.fault("PUT", "/blobs/uploads/", status(429, LIMIT, {"Retry-After": "5"}), who="engine")

    done = case.push()

    case.assert_fails(done, 5, "image api", "too ?many|rate limit", "run the same command again")
    assert rule.hits > 0
    assert case.state() == {}
    case.assert_heals(built=True)


FORBIDDEN = {
    "secondary": (SECONDARY, 5, "rate limit, not .*permission"),
    "write_package": (errors("DENIED", "permission_denied: write_package"), 4, "package.* settings"),
    "installation": (
        errors("DENIED", "installation not allowed to Write organization package"),
        4,
        "packages: write",
    ),
    "anonymous": (errors("DENIED", "anonymous access is denied"), 3, "DOCKER_USER|docker login|docker.login"),
}


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_r04_a_403_of_ours_is_told_by_its_words(case: ProxiedScratch, kind: str):
    body, code, words = FORBIDDEN[kind]
    rule = case.proxy.fault("PUT", "/manifests/main$", status(403, body), who="ours")

    done = case.push()

    case.assert_fails(done, code, "put .*:main", "403", words)
    assert [other for other, (_, _, theirs) in FORBIDDEN.items() if other != kind and theirs in done.last] == []
    assert (rule.hits > 1) is (kind == "secondary")
    assert set(case.state()) == {"commit"}
    case.assert_heals()


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_r04_a_403_of_the_engine_s_is_told_by_its_words(case: ProxiedScratch, kind: str):
    body, code, words = FORBIDDEN[kind]
    rule = case.proxy.fault("PUT", "/manifests/[0-9a-f]+-main$", status(403, body), who="engine")

    done = case.push()

    case.assert_fails(done, code, "image api", words)
    assert (rule.hits > 1) is (kind == "secondary")
    assert case.state() == {}
    case.assert_heals(built=True)


def test_r04_a_secondary_limit_that_ends_is_waited_for(case: ProxiedScratch):
    rules = [
        case.proxy.fault("PUT", "/manifests/main$", status(403, SECONDARY), count=1, who="ours"),
        case.proxy.fault("PUT", "/manifests/[0-9a-f]+-main$", status(403, SECONDARY), count=1, who="engine"),
    ]

    done = case.push()

    assert done.code == 0, done.err
    assert [rule.hits for rule in rules] == [1, 1]


@pytest.mark.parametrize(("code", "words"), [(413, "limit"), (507, "storage|disk|room|space")])
def test_r12_what_is_too_much_for_the_registry_is_for_good(case: ProxiedScratch, code: int, words: str):
    rule = case.proxy.fault("PUT", "/manifests/main$", status(code), who="ours")

    done = case.push()

    case.assert_fails(done, 6, "put .*:main", str(code), words)
    assert rule.hits == 1
    assert set(case.state()) == {"commit"}
    case.assert_heals()


def test_r12_413_of_the_engine_s_is_for_good(case: ProxiedScratch):
    page = b"<html><head><title>413 Request Entity Too Large</title></head></html>"
    rule = case.proxy.fault("PUT", "/blobs/uploads/", status(413, page), who="engine")

    done = case.push()

    case.assert_fails(done, 6, "image api", "413", "limit")
    assert rule.hits <= 8  # each blob once
    assert case.state() == {}
    case.assert_heals(built=True)


@pytest.mark.soak
def test_r12_507_of_the_engine_s_names_the_storage(case: ProxiedScratch):
    case.proxy.fault("PUT", "/blobs/uploads/", status(507), who="engine")

    done = case.push()

    case.assert_fails(done, 6, "image api", "507", "storage|disk|room|space")
    assert case.state() == {}
    case.assert_heals(built=True)


def test_the_waits_of_a_run_have_an_end_together(case: ProxiedScratch):
    case.write({"build.toml": build_toml(attempts=10, first_wait=0.4, longest_wait=0.4, total=1)})
    case.commit_all()
    rule = case.proxy.fault("PUT", "/manifests/main$", status(503), who="ours")

    case.assert_fails(case.push(), 6, "503")

    assert 2 <= rule.hits <= 4
