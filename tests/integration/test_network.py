"""The client's way to a registry: certificates of docker's certs.d, and a proxy, both real."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from certificates import Certificate, authority, issue
from docker_push import run
from docker_push.config import RetryTable
from docker_push.credentials import Credentials
from docker_push.errors import RegistryError
from docker_push.options import Flags
from docker_push.references import Registry, Repository, Tag
from docker_push.registry import Client, Manifest, Network, Waiting
from docker_push.registry.certificates import trusted
from docker_push.registry.manifests import OCI_INDEX, digest_of
from docker_push.registry.proxies import proxy_for
from forward_proxy import ForwardProxy, forward_proxy
from recorded_world import RecordedWorld
from registry_process import free_port, registry_process

pytestmark = pytest.mark.engine
FAR = Registry("registry.example", 5000)
ADA = Credentials(username="ada", password="s3cret-value", origin="a test")
EMPTY = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
INDEX = Manifest(data=EMPTY, media_type=OCI_INDEX, digest=digest_of(EMPTY))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return authority(tmp_path_factory.mktemp("authority"))


@contextmanager
def tls_registry(folder: Path, certificate: Certificate, **more: object) -> Iterator[Registry]:
    tls = {"certificate": str(certificate.certificate), "key": str(certificate.key), **more}
    with registry_process(folder, tls=tls) as address:  # type: ignore[arg-type]
        yield Registry.parse(address)


@pytest.fixture(scope="module")
def secured(root: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    certificate = issue(root, "127.0.0.1", "registry.example")
    with tls_registry(tmp_path_factory.mktemp("secured"), certificate) as registry:
        yield registry


def certs_d(folder: Path, registry: Registry, **files: Path) -> Path:
    """Write certs.d for a registry: ``ca_crt=PATH`` is ca.crt."""
    place = folder / "docker" / "certs.d" / str(registry)
    place.mkdir(parents=True)
    for name, path in files.items():
        (place / name.replace("_", ".")).write_bytes(path.read_bytes())
    return place.parent


@contextmanager
def opened(
    registry: Registry, *, waiting: Waiting | None = None, insecure: bool = False, **network: object
) -> Iterator[Client]:
    made = Network(**network)  # type: ignore[arg-type]
    with Client(registry, ADA, clock=time.monotonic, network=made, waiting=waiting, insecure=insecure) as client:
        yield client


def reads_and_writes(client: Client) -> bool:
    repository = Repository.parse(client.registry, f"acme/{uuid4().hex}")
    client.check_push(repository)
    client.put(repository, Tag("main"), INDEX)
    found = client.head(repository, Tag("main"))
    return found is not None and found.digest == INDEX.digest and client.tags(repository) == ("main",)


def failure(client: Client) -> RegistryError:
    with pytest.raises(RegistryError) as raised:
        client.head(Repository(client.registry, "acme/api"), Tag("main"))
    assert "\n" not in str(raised.value)
    return raised.value


class TestCertificates:
    def test_an_authority_in_certs_d_is_trusted(self, secured: Registry, root: Certificate, tmp_path: Path):
        place = certs_d(tmp_path, secured, ca_crt=root.certificate)

        with opened(secured, tls=trusted(secured, [place])) as client:
            assert reads_and_writes(client)

    def test_without_it_the_message_says_which_side_lacks_it(self, secured: Registry):
        with opened(secured) as client:
            error = failure(client)

        assert "is not trusted here (unable to get local issuer certificate)" in error.message
        assert f"certs.d/{secured}/ca.crt" in error.hint
        assert "The builder needs a copy of its own" in error.hint
        assert not error.transient

    def test_a_whole_run_reads_it_from_the_user_s_folder(self, secured: Registry, root: Certificate, tmp_path: Path):
        certs_d(tmp_path / "config", secured, ca_crt=root.certificate)
        (tmp_path / "work").mkdir()
        world = RecordedWorld(tmp_path / "work").write()
        world.environ |= {"DOMAIN": str(secured), "XDG_CONFIG_HOME": str(tmp_path / "config")}

        with run.opened(world.surroundings(client=Client), Flags()) as told:
            told.clients[secured].ping()
            assert reads_and_writes(told.clients[secured])

    def test_the_authorities_of_ssl_cert_file_stay_trusted(
        self, secured: Registry, root: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        (tmp_path / "other").mkdir()
        place = certs_d(tmp_path, secured, ca_crt=authority(tmp_path / "other").certificate)
        monkeypatch.setenv("SSL_CERT_FILE", str(root.certificate))

        with opened(secured, tls=trusted(secured, [place])) as client:
            assert reads_and_writes(client)

    @pytest.mark.parametrize(
        ("hosts", "expired", "reason", "hint"),
        [
            (("127.0.0.1",), True, "certificate has expired", "Renew"),
            (("127.0.0.2",), False, "certificate is not valid for", "name that stands in the certificate"),
        ],
    )
    def test_a_certificate_that_is_wrong_is_told(
        self, root: Certificate, tmp_path: Path, hosts: tuple[str, ...], expired: bool, reason: str, hint: str
    ):
        with tls_registry(tmp_path, issue(root, *hosts, expired=expired)) as registry:
            place = certs_d(tmp_path, registry, ca_crt=root.certificate)
            with opened(registry, tls=trusted(registry, [place])) as client:
                error = failure(client)

        assert reason in error.message
        assert hint in error.hint

    def test_a_client_certificate_is_shown_where_one_is_wanted(self, root: Certificate, tmp_path: Path):
        ours = issue(root, "client.example")
        with tls_registry(tmp_path, issue(root, "127.0.0.1"), clientcas=[str(root.certificate)]) as registry:
            bare = certs_d(tmp_path / "bare", registry, ca_crt=root.certificate)
            full = certs_d(
                tmp_path / "full",
                registry,
                ca_crt=root.certificate,
                ours_cert=ours.certificate,
                ours_key=ours.key,
            )
            with opened(registry, tls=trusted(registry, [bare])) as client:
                error = failure(client)
            with opened(registry, tls=trusted(registry, [full])) as client:
                assert reads_and_writes(client)

        assert "wants a client certificate" in error.message
        assert f"certs.d/{registry}" in error.hint

    def test_tls_is_never_left_for_plain_http(self, anonymous_registry: Registry, root: Certificate, tmp_path: Path):
        far = Registry("registry.example", anonymous_registry.port)
        place = certs_d(tmp_path, far, ca_crt=root.certificate)
        with forward_proxy() as proxy:
            proxy.names[str(far)] = str(anonymous_registry)
            with opened(far, tls=trusted(far, [place]), proxy=through(proxy)) as client:
                error = failure(client)

        assert "does not speak TLS on that port" in error.message
        assert set(proxy.log) == {f"CONNECT {far}"}


def through(proxy: ForwardProxy, login: str = "", **more: str) -> partial[object]:
    url = f"http://{login}{'@' if login else ''}{proxy.address}"
    return partial(proxy_for, environ={"HTTPS_PROXY": url, "http_proxy": url, **more})


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    with forward_proxy() as made:
        yield made


class TestProxies:
    def test_a_plain_registry_is_asked_through_it(self, proxy: ForwardProxy, anonymous_registry: Registry):
        proxy.names[str(FAR)] = str(anonymous_registry)

        with opened(FAR, insecure=True, proxy=through(proxy)) as client:
            assert reads_and_writes(client)

        assert proxy.log
        assert all(line.split(" ")[1].startswith(f"http://{FAR}/v2/") for line in proxy.log)
        assert "DELETE" in {line.split(" ")[0] for line in proxy.log}

    def test_a_tls_registry_is_reached_by_a_tunnel(
        self, proxy: ForwardProxy, secured: Registry, root: Certificate, tmp_path: Path
    ):
        proxy.names[str(FAR)] = str(secured)
        place = certs_d(tmp_path, FAR, ca_crt=root.certificate)

        with opened(FAR, tls=trusted(FAR, [place]), proxy=through(proxy)) as client:
            assert reads_and_writes(client)

        assert set(proxy.log) == {f"CONNECT {FAR}"}

    def test_tls_is_checked_through_a_tunnel_too(self, proxy: ForwardProxy, secured: Registry):
        proxy.names[str(FAR)] = str(secured)

        with opened(FAR, proxy=through(proxy)) as client:
            assert "is not trusted here" in failure(client).message

    def test_what_no_proxy_names_is_asked_directly(self, proxy: ForwardProxy, anonymous_registry: Registry):
        proxy.names[str(FAR)] = str(anonymous_registry)

        with opened(FAR, insecure=True, proxy=through(proxy, NO_PROXY=".example")) as client:
            error = failure(client)

        assert "registry.example:5000 has no address" in error.message
        assert proxy.log == []

    def test_this_machine_is_asked_directly(self, proxy: ForwardProxy, anonymous_registry: Registry):
        with opened(anonymous_registry, proxy=through(proxy)) as client:
            assert reads_and_writes(client)

        assert proxy.log == []

    @pytest.mark.parametrize("plain", [True, False])
    def test_the_password_for_it_is_sent_to_it_alone_and_never_shown(
        self,
        proxy: ForwardProxy,
        secured: Registry,
        anonymous_registry: Registry,
        root: Certificate,
        tmp_path: Path,
        plain: bool,
    ):
        proxy.login = "ada:p@ss-w0rd"
        proxy.names[str(FAR)] = str(anonymous_registry if plain else secured)
        tls = trusted(FAR, [certs_d(tmp_path, FAR, ca_crt=root.certificate)])

        with opened(FAR, insecure=plain, tls=tls, proxy=through(proxy, "ada:p%40ss-w0rd")) as client:
            assert reads_and_writes(client)
        with opened(FAR, insecure=plain, tls=tls, proxy=through(proxy, "ada:wr0ng-w0rd")) as client:
            error = failure(client)

        assert "407" in error.message
        assert "password for the proxy" in error.hint
        assert "w0rd" not in str(error)

    @pytest.mark.parametrize("plain", [True, False])
    def test_one_that_is_not_there_is_told(self, plain: bool):
        nowhere = ForwardProxy(address=f"127.0.0.1:{free_port()}")

        with opened(FAR, insecure=plain, proxy=through(nowhere, "ada:s3cret")) as client:
            error = failure(client)

        assert f"no connection to the proxy {nowhere.address} (Connection refused)" in error.message
        assert "HTTPS_PROXY" in error.hint
        assert "s3cret" not in str(error)
        assert error.transient

    def test_one_that_refuses_the_registry_is_told_and_not_asked_again(self, proxy: ForwardProxy):
        proxy.refuses = 403
        waiting = Waiting(policy=RetryTable(first_wait=0.01), sleep=time.sleep, tell=print)

        with opened(FAR, waiting=waiting, proxy=through(proxy)) as client:
            error = failure(client)

        assert f"the proxy {proxy.address} answered 403 when asked for {FAR}" in error.message
        assert proxy.log == [f"CONNECT {FAR}"]

    def test_one_that_fails_for_a_while_is_asked_again(
        self, proxy: ForwardProxy, secured: Registry, root: Certificate, tmp_path: Path
    ):
        proxy.names[str(FAR)] = str(secured)
        proxy.refuses = 503

        def mended(_seconds: float) -> None:
            proxy.refuses = 0

        waiting = Waiting(policy=RetryTable(), sleep=mended, tell=print)
        tls = trusted(FAR, [certs_d(tmp_path, FAR, ca_crt=root.certificate)])
        with opened(FAR, tls=tls, waiting=waiting, proxy=through(proxy)) as client:
            assert reads_and_writes(client)

            assert client.retries() >= 1


def test_a_context_of_certs_d_checks_names(root: Certificate, tmp_path: Path):
    context = trusted(FAR, [certs_d(tmp_path, FAR, ca_crt=root.certificate)])

    assert context is not None
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
