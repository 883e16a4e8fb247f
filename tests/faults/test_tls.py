"""R21: certificates that nobody trusts, ports that speak the other protocol: which side it is, and what mends it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from addresses import own_address
from certificates import Certificate, authority, context_for, issue
from fault_proxy import FaultProxy, fault_proxy
from proxied_scratch import ProxiedScratch, proxied

pytestmark = pytest.mark.engine

Make = Callable[..., ProxiedScratch]


@pytest.fixture
def trusted(tmp_path: Path) -> Certificate:
    return authority(tmp_path)


@pytest.fixture
def make(engine: dict[str, str], registry: str, tmp_path: Path) -> Iterator[Make]:  # noqa: ARG001 - it must be there
    """Give a maker of repositories before which a proxy speaks TLS with a certificate, or plain http without one."""
    with ExitStack() as stack:

        def made(certificate: Certificate | None, host: str = "127.0.0.1") -> ProxiedScratch:
            tls = context_for(certificate) if certificate else None
            proxy = stack.enter_context(fault_proxy(registry, tls=tls, host=host))
            return proxied(tmp_path, registry, proxy, "mark-of-the-tls-tests")

        yield made


def nothing_came(proxy: FaultProxy) -> bool:
    """Tell whether no request came through with credentials, and none at all of the engine's."""
    return [seen for seen in proxy.log if seen.authorization or seen.who != "ours"] == []


def test_r21_a_certificate_of_nobody_is_not_trusted(make: Make, trusted: Certificate):
    case = make(issue(trusted, "127.0.0.1"))

    done = case.push()

    case.assert_fails(done, 6, "certificate", "not trusted", "SSL_CERT_FILE")
    assert "Building" not in done.err
    assert nothing_came(case.proxy)
    case.environ["SSL_CERT_FILE"] = str(trusted.certificate)
    case.assert_heals(built=True)


def test_r21_a_certificate_that_expired_is_told_as_such(make: Make, trusted: Certificate):
    case = make(issue(trusted, "127.0.0.1", expired=True))

    done = case.push(SSL_CERT_FILE=str(trusted.certificate))

    case.assert_fails(done, 6, "certificate", "expired")
    assert "Building" not in done.err
    assert nothing_came(case.proxy)


def test_r21_a_certificate_of_another_host_is_told_as_such(make: Make, trusted: Certificate):
    case = make(issue(trusted, "other.example"))

    done = case.push(SSL_CERT_FILE=str(trusted.certificate))

    case.assert_fails(done, 6, "certificate", "mismatch|not valid for")
    assert nothing_came(case.proxy)


def test_r21_plain_http_where_tls_is_expected_is_never_spoken(make: Make):
    case = make(None, own_address())

    done = case.push()

    case.assert_fails(done, 6, "does not speak TLS", "insecure = true")
    assert "Building" not in done.err
    assert case.proxy.log == []


def test_r21_tls_is_spoken_where_plain_http_would_do_and_never_the_other_way(make: Make, trusted: Certificate):
    case = make(issue(trusted, "127.0.0.1"))
    case.environ["SSL_CERT_FILE"] = str(trusted.certificate)

    done = case.push()

    assert done.code == 0, done.err
    case.assert_heals()


def test_r21_a_certificate_that_the_engine_does_not_trust_is_told_with_the_side(make: Make, trusted: Certificate):
    """We trust it and the engine does not: it takes its authorities from a place of its own."""
    case = make(issue(trusted, own_address()), own_address())

    done = case.push(SSL_CERT_FILE=str(trusted.certificate))

    case.assert_fails(done, 6, "certificate", "engine|builder", "certs.d")
    assert case.state() == {}
    assert nothing_came(case.proxy)


def test_r21_the_engine_s_certs_d_makes_it_work(make: Make, trusted: Certificate):
    case = make(issue(trusted, own_address()), own_address())
    case.environ["SSL_CERT_FILE"] = str(trusted.certificate)

    with certs_d(case, trusted):
        case.assert_heals(built=True)


@contextmanager
def certs_d(case: ProxiedScratch, trusted: Certificate) -> Iterator[None]:
    """Give the engine's folder for a registry's authorities, as its administrator would, and take it away again."""
    folder = Path("/etc/docker/certs.d", case.proxy.address)
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if as_root and os.environ.get("CI") != "true":
        pytest.skip(f"{folder} is this machine's: only root, or CI, writes there.")
    for argv in (["mkdir", "-p", str(folder)], ["cp", str(trusted.certificate), str(folder / "ca.crt")]):
        done = case.run(*as_root, *argv)
        assert done.code == 0, done.err
    try:
        yield
    finally:
        case.run(*as_root, "rm", str(folder / "ca.crt"))
        case.run(*as_root, "rmdir", *map(str, made))
