"""R13-R15, R20: tokens that end, logins that are revoked, clocks that are wrong, realms that nobody should trust."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from addresses import own_address
from fault_proxy import FaultProxy, fault_proxy
from fault_rules import after, delayed, status
from proxied_scratch import ProxiedScratch, build_toml
from token_registry import TokenRegistry

pytestmark = pytest.mark.engine

COMMIT = "/manifests/[0-9a-f]+-main$"


@pytest.fixture
def tokens(token_case: ProxiedScratch) -> TokenRegistry:
    assert token_case.proxy.tokens
    return token_case.proxy.tokens


def asked(case: ProxiedScratch, who: str) -> int:
    """Return how often a token was given."""
    return len([seen for seen in case.proxy.requests("GET|POST", "^/token$", who) if seen.status == 200])


@pytest.mark.parametrize("tag", ["main", "latest"])
def test_r13_a_token_that_ended_is_renewed_once(token_case: ProxiedScratch, tokens: TokenRegistry, tag: str):
    assert token_case.push().code == 0
    before = asked(token_case, "ours")
    token_case.change()
    token_case.proxy.clear()
    token_case.proxy.fault("PUT", f"/manifests/{tag}$", after(tokens.forget_tokens), count=1, who="ours")

    done = token_case.push()

    assert done.code == 0, done.err
    assert asked(token_case, "ours") <= before + 2  # for what is left to write, and to read
    token_case.assert_heals()


@pytest.mark.parametrize("path", ["/blobs/uploads/", COMMIT])
def test_r13_a_token_of_the_engine_s_that_ended_is_renewed(
    token_case: ProxiedScratch, tokens: TokenRegistry, path: str
):
    rule = token_case.proxy.fault("PUT", path, after(tokens.forget_tokens), count=1, who="engine")

    done = token_case.push()

    assert done.code == 0, done.err
    assert rule.hits == 1
    token_case.assert_heals()


def test_r13_a_token_that_lives_shorter_than_it_says_is_renewed(token_case: ProxiedScratch, tokens: TokenRegistry):
    tokens.lifetime, tokens.claimed = 1.0, 300
    token_case.proxy.fault("PUT", f"/blobs/uploads/|{COMMIT}|main$|latest$", delayed(1.1), count=4)

    done = token_case.push()

    assert done.code == 0, done.err
    token_case.assert_heals()


def revoked(tokens: TokenRegistry):
    """End the account, and every token of it, in the middle of a run."""

    def end() -> None:
        tokens.calls = 0
        tokens.forget_tokens()

    return after(end)


@pytest.mark.parametrize(
    ("who", "path", "state"),
    [
        ("ours", COMMIT, set()),
        ("engine", COMMIT, set()),
        ("ours", "/manifests/main$", {"commit"}),
        ("ours", "/manifests/latest$", {"commit"}),  # looked at before any tag moves
    ],
)
def test_r14_a_login_that_is_revoked_on_the_way_stops_the_run(
    token_case: ProxiedScratch, tokens: TokenRegistry, who: str, path: str, state: set[str]
):
    token_case.proxy.fault("HEAD|PUT", path, revoked(tokens), count=1, who=who)

    done = token_case.push()

    token_case.assert_fails(done, 3, "DOCKER_USER|docker.login|renew")
    assert set(token_case.state()) == state
    tokens.calls = None
    token_case.assert_heals(built=not state)


def test_r14_a_builder_that_waits_for_ever_for_a_token_is_ended(token_case: ProxiedScratch, tokens: TokenRegistry):
    """BuildKit asks for a token again and again while a layer is under way, and says nothing.

    Its daemon goes on with that upload, so that only the end of our run is in our hands.
    """
    token_case.write({"build.toml": build_toml(silence=4)})
    token_case.commit_all()
    token_case.proxy.fault("HEAD|PUT", "/blobs/uploads/", revoked(tokens), count=1, who="engine")

    done = token_case.push()

    assert done.code in {3, 7}, done.err
    token_case.assert_fails(done, done.code, "no sign of life for 4 s|DOCKER_USER|docker.login|renew")
    assert token_case.state() == {}


def test_r14_a_wrong_password_builds_nothing(token_case: ProxiedScratch):
    done = token_case.push(DOCKER_PASSWORD="another-password")

    token_case.assert_fails(done, 3, "DOCKER_USER and DOCKER_PASSWORD")
    assert "Building" not in done.err
    assert "another-password" not in done.err
    assert len(token_case.proxy.requests("GET|POST", "^/token$")) <= 2


DAYS = {"yesterday": -1, "tomorrow": 1, "long-ago": -20000}


@pytest.mark.parametrize("day", DAYS)
def test_r15_when_a_token_was_issued_is_not_believed(token_case: ProxiedScratch, tokens: TokenRegistry, day: str):
    issued = datetime.now(timezone.utc) + timedelta(days=DAYS[day])
    tokens.issued_at = issued.strftime("%Y-%m-%dT%H:%M:%SZ")

    done = token_case.push()

    assert done.code == 0, done.err
    assert asked(token_case, "ours") <= 4
    token_case.assert_heals()


@pytest.mark.parametrize("claimed", [0, -1, 10**12, None])
def test_r15_how_long_a_token_is_said_to_live_is_not_believed(
    token_case: ProxiedScratch, tokens: TokenRegistry, claimed: int | None
):
    tokens.claimed = claimed
    token_case.proxy.fault("PUT", "/manifests/main$", after(tokens.forget_tokens), count=1, who="ours")

    done = token_case.push()

    assert done.code == 0, done.err
    assert asked(token_case, "ours") <= 6
    token_case.assert_heals()


@pytest.mark.parametrize(
    "realm",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://user@tokens.example/token",
        "ftp://127.0.0.1/token",
        "file:///etc/passwd",
        "//127.0.0.1/token",
        "http://tokens.example/token",
    ],
)
def test_r20_a_realm_that_is_not_to_be_trusted_is_named_and_gets_nothing(
    token_case: ProxiedScratch, tokens: TokenRegistry, realm: str
):
    tokens.realm = realm

    done = token_case.push()

    token_case.assert_fails(
        done, 6, "for a token", realm.partition("//")[2].partition("/")[0], "no credentials were sent"
    )
    assert "Building" not in done.err
    assert {seen.authorization for seen in token_case.proxy.log} == {""}
    tokens.realm = None
    token_case.assert_heals(built=True)


def test_r20_another_host_of_this_network_in_plain_http_gets_nothing(
    token_case: ProxiedScratch, tokens: TokenRegistry, registry: str
):
    with fault_proxy(registry, host=own_address()) as sink:
        tokens.realm = f"http://{sink.address}/token"
        done = token_case.push()

    token_case.assert_fails(done, 6, "for a token", sink.address, "no credentials were sent")
    assert sink.log == []
    tokens.realm = None
    token_case.assert_heals(built=True)


def test_r20_a_token_server_that_redirects_elsewhere_takes_no_credentials_along(
    token_case: ProxiedScratch, token_proxy: FaultProxy, registry: str
):
    with fault_proxy(registry, host=own_address()) as sink:
        token_proxy.fault(
            "GET", "^/token", status(307, headers={"Location": f"http://{sink.address}/token"}), who="ours"
        )
        done = token_case.push()

    token_case.assert_fails(done, 6, "token")
    assert [seen for seen in sink.log if seen.authorization] == []
    assert "Building" not in done.err
    token_case.assert_heals(built=True)
