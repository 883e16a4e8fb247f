"""The client against real registries: what it reads and puts, compared with crane and skopeo."""

from __future__ import annotations

import hashlib
import http.server
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest

from docker_push.credentials import Credentials
from docker_push.errors import (
    AuthenticationError,
    DockerPushError,
    PermissionDeniedError,
    RegistryError,
    VerificationError,
)
from docker_push.references import Digest, Platform, Registry, Repository, Tag
from docker_push.registry import Client, Limits, Manifest, Network
from image_layout import DOCKER, OCI, Layout, attested_index
from registry_process import BasicRegistry, free_port, registry_process, unavailable
from token_registry import PUSHER, READER, Account, TokenRegistry

pytestmark = pytest.mark.engine
TAG = Tag("one")
NOWHERE = Digest(f"sha256:{'0' * 64}")


@dataclass(frozen=True)
class Pushed:
    """An image that crane pushed, under the tag ``one``."""

    repository: Repository
    layout: Layout

    @property
    def one(self) -> str:
        return f"{self.repository}:one"


def crane(*argv: str) -> bytes:
    return run("crane", *argv)


def skopeo(*argv: str) -> bytes:
    return run("skopeo", *argv)


def run(program: str, *argv: str) -> bytes:
    if shutil.which(program) is None:
        unavailable(f"There is no {program} on the PATH.")
    return subprocess.run([program, *argv], check=True, capture_output=True, timeout=60).stdout


def as_crane_says(reference: object) -> Digest:
    return Digest.parse(crane("digest", str(reference)).decode().strip())


def new_repository(registry: Registry) -> Repository:
    return Repository.parse(registry, f"acme/{uuid4().hex}/api")


def push(registry: Registry, folder: Path, kinds: dict[str, str] = OCI) -> Pushed:
    pushed = Pushed(new_repository(registry), attested_index(folder, uuid4().hex, kinds))
    crane("push", str(pushed.layout.folder), pushed.one)
    return pushed


@contextmanager
def opened(registry: Registry, who: Credentials | Account | None = None, **more: object) -> Iterator[Client]:
    if isinstance(who, Account):
        who = Credentials(username=who.username, password=who.password, origin=f"{who.username}'s variables")
    with Client(registry, who, clock=time.monotonic, **more) as client:  # type: ignore[arg-type]
        yield client


@pytest.fixture
def client(anonymous_registry: Registry) -> Iterator[Client]:
    with opened(anonymous_registry) as client:
        yield client


@pytest.fixture
def image(anonymous_registry: Registry, tmp_path: Path) -> Pushed:
    return push(anonymous_registry, tmp_path / "image")


@pytest.fixture(params=[OCI, DOCKER], ids=["oci", "docker"])
def either(request: pytest.FixtureRequest, anonymous_registry: Registry, tmp_path: Path) -> Pushed:
    return push(anonymous_registry, tmp_path / "either", request.param)


class TestReading:
    def test_the_bytes_are_those_that_crane_and_skopeo_read(self, client: Client, either: Pushed):
        manifest = client.get(either.repository, TAG)

        assert manifest.data == crane("manifest", either.one)
        assert manifest.data == skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{either.one}")
        assert manifest.digest == as_crane_says(either.one)
        assert manifest.media_type == either.layout.kinds["index"]

    def test_a_look_up_says_the_same_as_reading(self, client: Client, either: Pushed):
        descriptor = client.head(either.repository, TAG)

        assert descriptor == client.get(either.repository, TAG).descriptor
        assert descriptor is not None
        assert descriptor.digest == as_crane_says(either.one)

    def test_every_child_is_read_by_its_digest(self, client: Client, either: Pushed):
        children = client.get(either.repository, TAG).children

        assert len(children) == 4
        for child in children:
            assert client.get(either.repository, child.digest).data == crane(
                "manifest", f"{either.repository}@{child.digest}"
            )

    def test_platforms_of_an_index_leave_attestations_out(self, client: Client, either: Pushed):
        found = client.platforms(either.repository, client.get(either.repository, TAG))

        assert found == {
            Platform("linux", name): as_crane_says_of(either, f"linux/{name}{variant}")
            for name, variant in (("amd64", ""), ("arm64", "/v8"))
        }

    def test_the_platform_of_a_single_image_is_in_its_configuration(self, client: Client, either: Pushed):
        arm = as_crane_says_of(either, "linux/arm64/v8")

        found = client.platforms(either.repository, client.get(either.repository, arm))

        assert found == {Platform("linux", "arm64"): arm}
        assert json.loads(crane("config", f"{either.repository}@{arm}"))["architecture"] == "arm64"

    def test_a_blob_is_read_whole(self, client: Client, image: Pushed):
        config = client.get(image.repository, as_crane_says_of(image, "linux/amd64")).config

        assert client.blob(image.repository, config.digest) == crane("blob", f"{image.repository}@{config.digest}")
        assert client.blob_exists(image.repository, config.digest)
        assert not client.blob_exists(image.repository, NOWHERE)

    def test_tags_are_those_that_crane_lists(self, client: Client, image: Pushed):
        for number in range(30):
            crane("tag", image.one, f"v1.0.{number}")

        assert sorted(client.tags(image.repository)) == sorted(crane("ls", str(image.repository)).decode().split())

    def test_what_is_not_there_is_nothing(self, client: Client, image: Pushed):
        nowhere = new_repository(client.registry)

        assert client.tags(nowhere) == ()
        assert client.head(nowhere, TAG) is None
        assert client.head(image.repository, Tag("two")) is None
        assert client.head(image.repository, NOWHERE) is None

    def test_reading_what_is_not_there_names_it(self, client: Client, image: Pushed):
        with pytest.raises(
            RegistryError, match=rf"cannot read {image.repository}:two: .* has no such manifest"
        ) as raised:
            client.get(image.repository, Tag("two"))
        assert "\n" not in str(raised.value)

    def test_a_registry_whose_content_was_changed_is_not_believed(self, tmp_path: Path):
        with registry_process(tmp_path) as address, opened(Registry.parse(address)) as client:
            image = push(Registry.parse(address), tmp_path / "image")
            digest = as_crane_says(image.one)
            stored = next((tmp_path / "storage").rglob(f"{digest.value[7:]}/data"))
            stored.write_bytes(stored.read_bytes().replace(b"arm64", b"ppc64"))

            with pytest.raises(VerificationError, match=f"not {digest}"):
                client.get(image.repository, TAG)
            with pytest.raises(VerificationError, match=f"not {digest}"):
                client.get(image.repository, digest)


def as_crane_says_of(image: Pushed, platform: str) -> Digest:
    return Digest.parse(crane("digest", "--platform", platform, image.one).decode().strip())


class TestPutting:
    def test_a_tag_is_put_on_the_very_bytes(self, client: Client, either: Pushed):
        manifest = client.get(either.repository, TAG)

        client.put(either.repository, Tag("latest"), manifest)

        assert as_crane_says(f"{either.repository}:latest") == manifest.digest == as_crane_says(either.one)
        assert client.head(either.repository, Tag("latest")) == manifest.descriptor
        skopeo("inspect", "--tls-verify=false", "--override-arch=arm64", f"docker://{either.repository}:latest")

    def test_a_tag_is_moved(self, client: Client, image: Pushed):
        old, new = (
            client.get(image.repository, TAG),
            client.get(image.repository, as_crane_says_of(image, "linux/amd64")),
        )
        client.put(image.repository, Tag("main"), old)

        client.put(image.repository, Tag("main"), new)

        assert as_crane_says(f"{image.repository}:main") == new.digest
        assert as_crane_says(image.one) == old.digest

    def test_an_index_whose_images_are_not_there_is_refused(self, client: Client, image: Pushed):
        manifest = client.get(image.repository, TAG)

        with pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN") as raised:
            client.put(new_repository(client.registry), Tag("main"), manifest)
        assert "--rebuild" in raised.value.hint

    def test_content_that_is_no_manifest_is_refused(self, client: Client, image: Pushed):
        data = b"no manifest"
        digest = Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")

        with pytest.raises(RegistryError, match=f"cannot put {image.repository}:bad: .*MANIFEST_INVALID"):
            client.put(image.repository, Tag("bad"), Manifest(data=data, media_type=OCI["index"], digest=digest))

    def test_many_at_once_are_many(self, client: Client, image: Pushed):
        manifest = client.get(image.repository, TAG)
        tags = [Tag(f"v{number}") for number in range(40)]

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda tag: client.put(image.repository, tag, manifest), tags))

        assert {tag.name for tag in tags} < set(crane("ls", str(image.repository)).decode().split())


class TestBasic:
    @pytest.fixture
    def guarded(self, basic_registry: BasicRegistry) -> Registry:
        return Registry.parse(basic_registry.address)

    @pytest.fixture
    def owner(self, basic_registry: BasicRegistry) -> Credentials:
        return Credentials(username=basic_registry.username, password=basic_registry.password, origin="a test")

    def test_the_right_password_reads_and_puts(
        self, guarded: Registry, owner: Credentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))  # crane's login
        crane("auth", "login", str(guarded), "-u", owner.username, "-p", owner.password)
        image = push(guarded, tmp_path / "image")

        with opened(guarded, owner) as client:
            manifest = client.get(image.repository, TAG)
            client.put(image.repository, Tag("main"), manifest)

        assert as_crane_says(f"{image.repository}:main") == manifest.digest == as_crane_says(image.one)

    def test_a_wrong_password_is_told_with_where_it_is_from(self, guarded: Registry, owner: Credentials):
        wrong = replace(owner, password="wr0ng:password", origin="DOCKER_USER and DOCKER_PASSWORD")

        with opened(guarded, wrong) as client, pytest.raises(AuthenticationError) as raised:
            client.head(new_repository(guarded), TAG)

        assert "DOCKER_USER and DOCKER_PASSWORD" in str(raised.value)
        assert "wr0ng" not in str(raised.value)
        assert "\n" not in str(raised.value)

    def test_no_password_is_told_with_what_to_do(self, guarded: Registry):
        with opened(guarded) as client, pytest.raises(AuthenticationError, match=f"docker login {guarded}"):
            client.tags(new_repository(guarded))


@pytest.fixture
def tokens(token_registry: TokenRegistry) -> Registry:
    return Registry.parse(token_registry.address)


@pytest.fixture
def behind(image: Pushed, tokens: Registry) -> Repository:
    """Give the image's repository as it is called through the token registry."""
    return Repository.parse(tokens, image.repository.path)


class TestTokens:
    def test_a_user_reads_and_puts(self, tokens: Registry, behind: Repository, image: Pushed):
        with opened(tokens, PUSHER) as client:
            manifest = client.get(behind, TAG)
            client.put(behind, Tag("main"), manifest)
            names = client.tags(behind)

        assert set(names) == {"one", "main"}
        assert as_crane_says(f"{image.repository}:main") == manifest.digest

    def test_one_token_serves_many_requests_and_threads(
        self, tokens: Registry, behind: Repository, token_registry: TokenRegistry
    ):
        with opened(tokens, PUSHER) as client:
            client.head(behind, TAG)
            asked = len(token_registry.token_requests())
            with ThreadPoolExecutor(8) as pool:
                found = set(pool.map(lambda _: client.get(behind, TAG).digest, range(40)))

        assert len(found) == 1
        assert asked == len(token_registry.token_requests()) == 1

    def test_the_password_goes_to_the_token_server_alone(
        self, tokens: Registry, behind: Repository, token_registry: TokenRegistry
    ):
        with opened(tokens, PUSHER) as client:
            client.put(behind, Tag("main"), client.get(behind, TAG))

        assert {(seen.path == "/token", seen.authorization) for seen in token_registry.log} == {
            (True, "Basic"),
            (False, ""),
            (False, "Bearer"),
        }

    def test_the_right_to_push_is_asked_for_when_it_is_needed(
        self, tokens: Registry, behind: Repository, token_registry: TokenRegistry
    ):
        with opened(tokens, PUSHER) as client:
            manifest = client.get(behind, TAG)
            pulls = [seen.query["scope"] for seen in token_registry.token_requests()]
            client.put(behind, Tag("main"), manifest)

        assert pulls == [[f"repository:{behind.path}:pull"]]
        last = token_registry.token_requests()[-1].query["scope"]
        assert last[0] == f"repository:{behind.path}:pull,push"

    def test_an_identity_token_is_traded_for_one(
        self, tokens: Registry, behind: Repository, token_registry: TokenRegistry, image: Pushed
    ):
        who = Credentials(username="", identity_token=PUSHER.identity_token, origin="credential helper test")

        with opened(tokens, who) as client:
            client.put(behind, Tag("main"), client.get(behind, TAG))

        assert {seen.method for seen in token_registry.token_requests()} == {"POST"}
        assert as_crane_says(f"{image.repository}:main") == as_crane_says(image.one)

    @pytest.mark.parametrize(
        ("name", "claimed"), [("token", None), ("access_token", 300), ("token", -1), ("token", 10**30)]
    )
    def test_every_form_of_a_good_answer_serves(
        self, tokens: Registry, behind: Repository, token_registry: TokenRegistry, name: str, claimed: int | None
    ):
        token_registry.field_name, token_registry.claimed = name, claimed

        with opened(tokens, PUSHER) as client:
            assert client.head(behind, TAG) is not None
            assert client.head(behind, TAG) is not None

        assert len(token_registry.token_requests()) == 1

    def test_a_token_that_ended_early_is_renewed_once(
        self, tokens: Registry, behind: Repository, token_registry: TokenRegistry
    ):
        with opened(tokens, PUSHER) as client:
            client.head(behind, TAG)
            token_registry.forget_tokens()

            assert client.head(behind, TAG) is not None

        assert len(token_registry.token_requests()) == 2

    def test_a_token_is_renewed_before_it_ends(
        self, tokens: Registry, behind: Repository, token_registry: TokenRegistry
    ):
        now = [0.0]
        who = Credentials(username=PUSHER.username, password=PUSHER.password, origin="a test")
        with Client(tokens, who, clock=lambda: now[0]) as client:
            client.head(behind, TAG)
            now[0] = 299.0
            client.head(behind, TAG)

        assert len(token_registry.token_requests()) == 2
        assert [seen.authorization for seen in token_registry.log] == ["", "Basic", "Bearer", "Basic", "Bearer"]

    def test_tokens_that_never_serve_end_in_an_error(
        self, tokens: Registry, behind: Repository, token_registry: TokenRegistry
    ):
        token_registry.lifetime = 0.0

        with opened(tokens, PUSHER) as client, pytest.raises(AuthenticationError, match="cannot look up"):
            client.head(behind, TAG)

        assert len(token_registry.log) < 12

    def test_who_may_only_read_is_denied_a_push(self, tokens: Registry, behind: Repository, image: Pushed):
        with opened(tokens, READER) as client:
            manifest = client.get(behind, TAG)
            with pytest.raises(PermissionDeniedError, match=f"cannot put {behind}:main") as raised:
                client.put(behind, Tag("main"), manifest)

        assert READER.password not in str(raised.value)
        assert b"main" not in crane("ls", str(image.repository))

    def test_a_wrong_password_is_told_with_where_it_is_from(self, tokens: Registry, behind: Repository):
        wrong = replace(PUSHER, password="wr0ng:password")

        with opened(tokens, wrong) as client, pytest.raises(AuthenticationError, match="pusher's variables") as raised:
            client.head(behind, TAG)

        assert "wr0ng" not in str(raised.value)

    def test_anybody_reads_what_is_public(self, tokens: Registry, behind: Repository, token_registry: TokenRegistry):
        token_registry.anonymous_pull = True

        with opened(tokens) as client:
            assert client.head(behind, TAG) is not None

    def test_nobody_pushes_without_a_login(self, tokens: Registry, behind: Repository, token_registry: TokenRegistry):
        token_registry.anonymous_pull = True

        with opened(tokens) as client:
            manifest = client.get(behind, TAG)
            with pytest.raises(AuthenticationError, match="DOCKER_USER and DOCKER_PASSWORD"):
                client.put(behind, Tag("main"), manifest)

    def test_crane_gets_into_this_registry_in_the_same_way(
        self, tokens: Registry, behind: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        """The stand-in keeps the rules: a client that is not ours is let in by them, and turned away without."""
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        with pytest.raises(subprocess.CalledProcessError):
            crane("digest", f"{behind}:one")

        crane("auth", "login", str(tokens), "-u", PUSHER.username, "-p", PUSHER.password)
        with opened(tokens, PUSHER) as client:
            assert client.get(behind, TAG).digest == as_crane_says(f"{behind}:one")


Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def serving(answer: Answer) -> Iterator[Registry]:
    """Run a server that is no good registry."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        do_HEAD = do_PUT = do_GET  # noqa: N815 - http.server's names

        def log_message(self, *_arguments: object) -> None:
            """Stay silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield Registry("127.0.0.1", server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def redirecting_to(place: Callable[[str], str]) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(307)
        handler.send_header("Location", place(handler.path))
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def look_up(registry: Registry, **more: object) -> DockerPushError:
    """Look a tag up where that cannot go well, and return the error."""
    with opened(registry, PUSHER, **more) as client, pytest.raises(DockerPushError) as raised:
        client.head(Repository.parse(registry, "acme/api"), TAG)
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(f"cannot look up {registry}/acme/api:one: ")
    assert raised.value.hint
    return raised.value


class TestRedirects:
    def test_credentials_stay_with_the_registry_they_are_for(self, image: Pushed):
        seen: dict[str, list[str | None]] = {"registry": [], "storage": []}

        def storage(handler: http.server.BaseHTTPRequestHandler) -> None:
            seen["storage"].append(handler.headers.get("Authorization"))
            redirecting_to(lambda path: f"http://{image.repository.registry}{path}")(handler)

        def guarded(handler: http.server.BaseHTTPRequestHandler) -> None:
            seen["registry"].append(handler.headers.get("Authorization"))
            if seen["registry"][-1]:
                redirecting_to(lambda path: f"http://{elsewhere}{path}")(handler)
                return
            handler.send_response(401)
            handler.send_header("WWW-Authenticate", 'Basic realm="tests"')
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        with ExitStack() as stack:
            elsewhere = stack.enter_context(serving(storage))
            registry = stack.enter_context(serving(guarded))
            client = stack.enter_context(opened(registry, PUSHER))
            found = client.get(Repository.parse(registry, image.repository.path), TAG)

        assert found.digest == as_crane_says(image.one)
        assert seen["registry"][0] is None
        assert str(seen["registry"][1]).startswith("Basic ")
        assert seen["storage"] == [None]

    def test_a_ring_of_redirects_ends(self):
        with serving(redirecting_to(lambda path: path)) as registry:
            error = look_up(registry)

        assert isinstance(error, RegistryError)
        assert "more than 10 redirects" in error.message


class TestUnreachable:
    def test_a_port_where_nothing_listens(self):
        error = look_up(Registry("127.0.0.1", free_port()))

        assert isinstance(error, RegistryError)
        assert "no connection to 127.0.0.1:" in error.message

    def test_a_name_that_has_no_address(self):
        error = look_up(Registry("registry.invalid", 5000))

        assert isinstance(error, RegistryError)
        assert "registry.invalid:5000 has no address" in error.message

    def test_a_server_that_stays_silent(self):
        done = threading.Event()
        with serving(lambda _handler: done.wait(20) and None) as registry:
            error = look_up(registry, limits=Limits(read=0.3))
            done.set()

        assert isinstance(error, RegistryError)
        assert "sent nothing for 0.3 s" in error.message

    def test_a_server_that_never_ends_its_answer(self):
        def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000000")
            handler.end_headers()
            for _ in range(100):
                try:
                    handler.wfile.write(b" ")
                    handler.wfile.flush()
                except OSError:
                    return
                time.sleep(0.05)

        with ExitStack() as stack:
            registry = stack.enter_context(serving(drip))
            client = stack.enter_context(opened(registry, limits=Limits(total=0.5)))
            stack.enter_context(pytest.raises(RegistryError, match=r"still answering after 0\.5 s"))
            client.get(Repository.parse(registry, "acme/api"), TAG)

    def test_a_server_that_hangs_up(self):
        def hang_up(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)

        with serving(hang_up) as registry:
            error = look_up(registry)

        assert isinstance(error, RegistryError)
        assert "closed the connection" in error.message

    def test_an_answer_of_any_size_is_cut(self):
        sent = [0]

        def flood(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", OCI["index"])
            handler.send_header("Content-Length", str(10**12))
            handler.end_headers()
            try:
                while sent[0] < 10**9:
                    sent[0] += handler.wfile.write(b" " * 65536)
            except OSError:
                pass
            handler.close_connection = True

        with (
            serving(flood) as registry,
            opened(registry) as client,
            pytest.raises(VerificationError, match="larger than"),
        ):
            client.get(Repository.parse(registry, "acme/api"), TAG)

        assert sent[0] < 64 * 1024 * 1024

    def test_a_page_of_a_web_server_is_not_taken_for_an_empty_registry(self):
        def page(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_error(404, "There is no such page")

        with serving(page) as registry, opened(registry) as client, pytest.raises(RegistryError, match="404"):
            client.tags(Repository.parse(registry, "acme/api"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificate")
    made = ["-keyout", str(folder / "key"), "-out", str(folder / "crt")]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    argv = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *made]
    run("openssl", *argv)
    return folder


@pytest.fixture(scope="module")
def secured(certificate: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    tls = {"certificate": str(certificate / "crt"), "key": str(certificate / "key")}
    with registry_process(tmp_path_factory.mktemp("secured"), tls=tls) as address:
        yield Registry.parse(address)


class TestTls:
    def test_a_trusted_registry_on_this_machine_is_spoken_to_in_tls(self, secured: Registry, certificate: Path):
        trusted = ssl.create_default_context(cafile=str(certificate / "crt"))

        with opened(secured, network=Network(tls=trusted)) as client:
            client.ping()
            assert client.tags(new_repository(secured)) == ()

    def test_a_certificate_that_is_not_trusted_is_told(self, secured: Registry):
        error = look_up(secured)

        assert isinstance(error, RegistryError)
        assert f"the TLS certificate of {secured} is not trusted here (self-signed certificate" in error.message
        assert "SSL_CERT_FILE" in error.hint

    def test_the_file_that_the_message_names_is_read(
        self, secured: Registry, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "crt"))

        with opened(secured) as client:
            assert client.head(new_repository(secured), TAG) is None

    def test_plain_http_is_spoken_to_nobody_else_unless_it_is_allowed(
        self, anonymous_registry: Registry, image: Pushed, monkeypatch: pytest.MonkeyPatch
    ):
        real = socket.getaddrinfo

        def resolve(host: str, *rest: object, **more: object) -> object:
            return real("127.0.0.1" if host == "registry.example" else host, *rest, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        far = Registry("registry.example", anonymous_registry.port)

        error = look_up(far)
        with opened(far, insecure=True) as client:
            found = client.head(Repository.parse(far, image.repository.path), TAG)

        assert isinstance(error, RegistryError)
        assert f"{far} does not speak TLS on that port" in error.message
        assert "insecure = true" in error.hint
        assert found is not None
        assert found.digest == as_crane_says(image.one)
