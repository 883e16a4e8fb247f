"""The right to push, and a registry that fails or lags for a while: the client against real registries."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from docker_push.config import RetryTable
from docker_push.credentials import Credentials
from docker_push.errors import AuthenticationError, PermissionDeniedError, RegistryError
from docker_push.references import Registry, Repository, Tag
from docker_push.registry import Client, Manifest, Waiting
from docker_push.registry.manifests import OCI_INDEX, digest_of
from fault_proxy import FaultProxy, fault_proxy
from fault_rules import lagging, lost, redirected, reset, sequence, stale, status, truncated
from registry_process import BasicRegistry, registry_process
from token_registry import PUSHER, READER, Account, TokenRegistry

pytestmark = pytest.mark.engine
MAIN = Tag("main")


def index(note: str = "") -> Manifest:
    content = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [],
        "annotations": {"note": note or uuid4().hex},
    }
    data = json.dumps(content).encode()
    return Manifest(data=data, media_type=OCI_INDEX, digest=digest_of(data))


def known(account: Account) -> Credentials:
    return Credentials(username=account.username, password=account.password, origin=f"{account.username}'s variables")


@contextmanager
def opened(
    address: Registry | str, who: Credentials | None = None, **policy: float
) -> Iterator[tuple[Client, Repository]]:
    registry = address if isinstance(address, Registry) else Registry.parse(address)
    waits = RetryTable(**{"first_wait": 0.02, "attempts": 4, **policy})  # type: ignore[arg-type]
    waiting = Waiting(policy=waits, sleep=time.sleep, tell=print)
    with Client(registry, who, clock=time.monotonic, waiting=waiting) as client:
        yield client, Repository.parse(registry, f"acme/{uuid4().hex}")


class TestCheckPush:
    def test_nothing_is_left_of_the_upload(self, tmp_path: Path):
        with registry_process(tmp_path) as address, opened(address) as (client, repository):
            client.check_push(repository)

            # docker-registry 2.8 forgets an upload and still writes the state of its hash once more
            uploads = list((tmp_path / "storage").rglob("_uploads/*/startedat"))
            assert client.tags(repository) == ()

        assert uploads == []

    def test_who_may_push_is_let_in_and_who_may_only_read_is_not(self, token_registry: TokenRegistry):
        with opened(token_registry.address, known(PUSHER)) as (client, repository):
            client.check_push(repository)
            assert client.retries() == 0
        with (
            opened(token_registry.address, known(READER)) as (client, repository),
            pytest.raises(PermissionDeniedError, match=f"cannot push to {repository}: ") as raised,
        ):
            client.check_push(repository)

        assert "reader's variables" in raised.value.hint

    def test_wrong_credentials_are_told_with_where_they_are_from(self, basic_registry: BasicRegistry):
        who = Credentials(username=basic_registry.username, password="wr0ng:password", origin="DOCKER_PASSWORD")

        with (
            opened(basic_registry.address, who) as (client, repository),
            pytest.raises(AuthenticationError, match=r"DOCKER_PASSWORD were refused"),
        ):
            client.check_push(repository)

    def test_the_right_user_of_a_registry_with_passwords_is_let_in(self, basic_registry: BasicRegistry):
        who = Credentials(username=basic_registry.username, password=basic_registry.password, origin="a test")

        with opened(basic_registry.address, who) as (client, repository):
            client.check_push(repository)

    def test_a_redirected_cancellation_takes_no_credentials_along(self, registry: str):
        with fault_proxy(registry) as elsewhere, fault_proxy(registry, tokens=TokenRegistry()) as proxy:
            proxy.fault("DELETE", "/uploads/", redirected(elsewhere.address))
            with opened(proxy.address, known(PUSHER)) as (client, repository):
                client.check_push(repository)

            (cancelled,) = proxy.requests("DELETE")
            (followed,) = elsewhere.requests("DELETE")

        assert (cancelled.authorization, followed.authorization) == ("Bearer", "")
        assert "authorization" not in followed.headers


@pytest.fixture
def proxy(registry: str) -> Iterator[FaultProxy]:
    with fault_proxy(registry) as made:
        yield made


class TestFaults:
    @pytest.mark.parametrize(
        "fault", [status(503), status(429, b"", {"Retry-After": "0"}), status(502, b"<html></html>"), reset, lost]
    )
    @pytest.mark.parametrize("count", [1, 3])
    def test_a_tag_is_put_although_it_fails_for_a_while(self, proxy: FaultProxy, fault, count: int):
        rule = proxy.fault("PUT", "/manifests/main$", fault, count=count)
        manifest = index()

        with opened(proxy.address) as (client, repository):
            client.put(repository, MAIN, manifest)
            found = client.head(repository, MAIN)

            assert client.retries(repository) == count == rule.hits
        assert found is not None
        assert found.digest == manifest.digest

    @pytest.mark.parametrize("cut", [0, 10])
    def test_a_manifest_that_breaks_off_is_read_again(self, proxy: FaultProxy, cut: int):
        manifest = index()
        with opened(proxy.address) as (client, repository):
            client.put(repository, MAIN, manifest)
            proxy.fault("GET", "/manifests/main$", truncated(cut), count=2)

            assert client.get(repository, MAIN).data == manifest.data
            assert client.retries(repository) == 2

    def test_what_never_works_ends_after_the_attempts(self, proxy: FaultProxy):
        rule = proxy.fault("PUT", "/manifests/main$", sequence(status(503), reset, status(500), reset))

        with (
            opened(proxy.address) as (client, repository),
            pytest.raises(RegistryError, match="the last of 4 attempts in") as raised,
        ):
            client.put(repository, MAIN, index())

        assert rule.hits == 4
        assert raised.value.transient

    def test_what_is_refused_for_good_is_asked_once(self, proxy: FaultProxy):
        rule = proxy.fault("PUT", "/manifests/main$", status(413))

        with opened(proxy.address) as (client, repository), pytest.raises(RegistryError, match="413"):
            client.put(repository, MAIN, index())

        assert rule.hits == 1

    def test_a_login_that_ends_in_the_middle_is_asked_for(self, token_registry: TokenRegistry):
        with opened(token_registry.address, known(PUSHER)) as (client, repository):
            client.check_push(repository)
            token_registry.forget_tokens()
            token_registry.calls = 0
            with pytest.raises(AuthenticationError, match=r"pusher's variables .* log in again"):
                client.check_push(repository)

    @pytest.mark.parametrize("fault", [lagging, stale])
    def test_a_registry_that_lags_is_waited_for(self, proxy: FaultProxy, fault):
        old, new = index(), index()
        with opened(proxy.address) as (client, repository):
            client.put(repository, MAIN, old)
            client.head(repository, MAIN)
            proxy.fault("HEAD", "/manifests/main$", fault(1.2))
            client.put(repository, MAIN, new)

            found = client.wait_for(repository, MAIN, new.digest, 20)

        assert found is not None
        assert found.digest == new.digest
        assert len(proxy.requests("HEAD", "/manifests/main$")) >= 3

    def test_and_not_for_longer_than_its_time(self, proxy: FaultProxy):
        old, new = index(), index()
        with opened(proxy.address) as (client, repository):
            client.put(repository, MAIN, old)
            client.head(repository, MAIN)

            found = client.wait_for(repository, MAIN, new.digest, 0.7)

        assert found is not None
        assert found.digest == old.digest


def test_an_origin_is_told_with_a_password_that_was_changed(token_registry: TokenRegistry):
    wrong = replace(PUSHER, password="wr0ng:password")

    with (
        opened(token_registry.address, known(wrong)) as (client, repository),
        pytest.raises(AuthenticationError, match="were refused") as raised,
    ):
        client.check_push(repository)

    assert "wr0ng" not in str(raised.value)
