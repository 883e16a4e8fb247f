from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answers import Answers, refused, reply
from docker_push.credentials import Credentials
from docker_push.errors import (
    AuthenticationError,
    DockerPushError,
    PermissionDeniedError,
    RateLimitError,
    RegistryError,
    VerificationError,
)
from docker_push.references import Digest, Platform, Registry, Repository, Tag
from docker_push.registry import Client, Manifest, Request, Response
from docker_push.registry.manifests import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST, digest_of

GHCR = Registry("ghcr.io")
LOCAL = Registry("127.0.0.1", 5000)
ADA = Credentials(username="ada", password="s3cret-pw", origin="DOCKER_USER and DOCKER_PASSWORD")
MAIN = Tag("main")
API = "http://127.0.0.1:5000/v2/acme/api"
GH_API = "https://ghcr.io/v2/acme/api"
TOKENS = "https://ghcr.io/token"
BEARER = f'Bearer realm="{TOKENS}",service="ghcr.io",scope="repository:acme/api:pull"'


def repository(registry: Registry = LOCAL, path: str = "acme/api") -> Repository:
    return Repository(registry, path)


def client(
    script: dict[str, list[Response]],
    registry: Registry = LOCAL,
    credentials: Credentials | None = None,
    clock: Callable[[], float] = lambda: 0.0,
    *,
    insecure: bool = False,
) -> tuple[Client, Answers]:
    answers = Answers(script)
    return Client(registry, credentials, send=answers, clock=clock, insecure=insecure), answers


def index(*children: dict[str, object], media_type: str = OCI_INDEX) -> Manifest:
    data = json.dumps({"mediaType": media_type, "manifests": list(children)}).encode()
    return Manifest(data=data, media_type=media_type, digest=digest_of(data))


def sent(manifest: Manifest, **headers: str) -> Response:
    return reply(200, manifest.data, content_type=f"{manifest.media_type}; charset=utf-8", **headers)


def token_url(scope: str) -> str:
    return f"GET {TOKENS}?service=ghcr.io&scope={scope.replace(':', '%3A').replace('/', '%2F').replace(',', '%2C')}"


PULL = token_url("repository:acme/api:pull")
PUSH = token_url("repository:acme/api:pull,push")
EMPTY = index()
ARM = Digest(f"sha256:{'a' * 64}")


class TestHead:
    def test_it_is_what_the_registry_says(self):
        answer = reply(200, b"", content_type=OCI_INDEX, docker_content_digest=str(EMPTY.digest), content_length="77")
        ours, answers = client({f"HEAD {API}/manifests/main": [answer]})

        found = ours.head(repository(), MAIN)

        assert found is not None
        assert (found.media_type, found.digest, found.size) == (OCI_INDEX, EMPTY.digest, 77)
        for media_type in (OCI_INDEX, OCI_MANIFEST, DOCKER_LIST):
            assert media_type in answers.seen[0].headers["Accept"]

    def test_nothing_is_none(self):
        ours, _ = client({f"HEAD {API}/manifests/main": [reply(404)]})

        assert ours.head(repository(), MAIN) is None

    @pytest.mark.parametrize(
        "answer",
        [
            reply(405),
            reply(200, b"", content_length="5"),
            reply(200, b"", docker_content_digest=str(EMPTY.digest)),
            reply(200, b"", docker_content_digest=str(EMPTY.digest), content_length="9" * 5000),
        ],
    )
    def test_without_a_digest_or_a_size_the_bytes_are_read(self, answer):
        ours, _ = client({f"HEAD {API}/manifests/main": [answer], f"GET {API}/manifests/main": [sent(EMPTY)]})

        assert ours.head(repository(), MAIN) == EMPTY.descriptor

    def test_without_head_nothing_is_none_too(self):
        missing = refused(404, "MANIFEST_UNKNOWN")
        ours, _ = client({f"HEAD {API}/manifests/main": [reply(405)], f"GET {API}/manifests/main": [missing]})

        assert ours.head(repository(), MAIN) is None

    def test_an_answer_for_another_digest_is_refused(self):
        answer = reply(200, b"", docker_content_digest=str(EMPTY.digest), content_length="5")
        ours, _ = client({f"HEAD {API}/manifests/{ARM}": [answer]})

        with pytest.raises(VerificationError, match="the registry answers for sha256:"):
            ours.head(repository(), ARM)

    def test_a_digest_that_is_none_is_refused(self):
        answer = reply(200, b"", docker_content_digest="latest", content_length="5")
        ours, _ = client({f"HEAD {API}/manifests/main": [answer]})

        with pytest.raises(RegistryError, match="answered 'latest' for a digest"):
            ours.head(repository(), MAIN)


class TestGet:
    def test_the_very_bytes_are_returned_and_hashed(self):
        ours, _ = client({f"GET {API}/manifests/main": [sent(EMPTY, docker_content_digest=str(EMPTY.digest))]})

        found = ours.get(repository(), MAIN)

        assert (found.data, found.media_type, found.digest) == (EMPTY.data, OCI_INDEX, EMPTY.digest)
        assert found.source == "127.0.0.1:5000/acme/api:main"

    def test_without_a_claim_the_digest_is_counted(self):
        ours, _ = client({f"GET {API}/manifests/main": [sent(EMPTY)]})

        assert ours.get(repository(), MAIN).digest == EMPTY.digest

    def test_the_algorithm_that_was_asked_for_counts(self):
        asked = Digest(f"sha512:{hashlib.sha512(EMPTY.data).hexdigest()}")
        ours, _ = client({f"GET {API}/manifests/{asked}": [sent(EMPTY, docker_content_digest=str(EMPTY.digest))]})

        assert ours.get(repository(), asked).digest == asked

    @pytest.mark.parametrize(
        ("reference", "claimed"), [(MAIN, str(ARM)), (ARM, ""), (ARM, str(EMPTY.digest)), (EMPTY.digest, str(ARM))]
    )
    def test_other_bytes_than_were_asked_for_or_claimed_are_refused(self, reference, claimed):
        headers = {"docker_content_digest": claimed} if claimed else {}
        ours, _ = client({f"GET {API}/manifests/{reference}": [sent(EMPTY, **headers)]})

        with pytest.raises(VerificationError, match=f"its bytes are {EMPTY.digest}, not {ARM}"):
            ours.get(repository(), reference)

    def test_nothing_is_an_error_here(self):
        ours, _ = client({f"GET {API}/manifests/main": [refused(404, "MANIFEST_UNKNOWN")]})

        with pytest.raises(
            RegistryError, match=r"cannot read 127\.0\.0\.1:5000/acme/api:main: .* has no such manifest"
        ):
            ours.get(repository(), MAIN)

    def test_a_web_servers_404_is_not_taken_for_nothing(self):
        ours, _ = client({f"GET {API}/manifests/main": [reply(404, b"<html><title>Not here</title></html>")]})

        with pytest.raises(RegistryError, match=r"answered 404 \(Not here\)"):
            ours.get(repository(), MAIN)

    def test_more_than_four_megabytes_are_refused(self):
        ours, _ = client({f"GET {API}/manifests/main": [replace(sent(EMPTY), complete=False)]})

        with pytest.raises(VerificationError, match="larger than 4194304 bytes"):
            ours.get(repository(), MAIN)


class TestPut:
    def test_the_very_bytes_go_with_their_media_type(self):
        manifest = index(media_type=DOCKER_LIST)
        ours, answers = client({f"PUT {API}/manifests/main": [reply(201)]})

        ours.put(repository(), MAIN, manifest)

        assert answers.seen[0].body == manifest.data
        assert answers.seen[0].headers["Content-Type"] == DOCKER_LIST

    def test_a_registry_that_stored_other_bytes_is_told(self):
        ours, _ = client({f"PUT {API}/manifests/main": [reply(201, b"", docker_content_digest=str(ARM))]})

        with pytest.raises(VerificationError, match=f"the registry stored {ARM}, not {EMPTY.digest}"):
            ours.put(repository(), MAIN, EMPTY)

    def test_what_it_claims_rightly_is_fine(self):
        ours, _ = client({f"PUT {API}/manifests/main": [reply(201, b"", docker_content_digest=str(EMPTY.digest))]})

        ours.put(repository(), MAIN, EMPTY)

    def test_nobody_pushes_without_credentials_but_to_this_machine(self):
        ours, answers = client({}, GHCR)

        with pytest.raises(AuthenticationError, match=r"cannot put ghcr\.io/acme/api:main: there are no credentials"):
            ours.put(repository(GHCR), MAIN, EMPTY)
        assert answers.seen == []

    def test_another_registrys_repository_is_a_mistake_of_the_caller(self):
        ours, _ = client({})

        with pytest.raises(ValueError, match="is not in 127"):
            ours.put(repository(GHCR), MAIN, EMPTY)

    def test_a_refusal_names_reference_operation_and_cause(self):
        ours, _ = client({f"PUT {API}/manifests/main": [refused(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown")]})

        with pytest.raises(RegistryError) as caught:
            ours.put(repository(), MAIN, EMPTY)

        assert caught.value.message == (
            "cannot put 127.0.0.1:5000/acme/api:main: 127.0.0.1:5000 answered 400 (MANIFEST_BLOB_UNKNOWN: blob unknown)"
        )


class TestTags:
    FIRST = f"GET {API}/tags/list?n=1000"

    def test_pages_are_followed_within_the_registry(self):
        ours, _ = client(
            {
                self.FIRST: [
                    reply(200, {"tags": ["a", "b"]}, link='</v2/acme/api/tags/list?n=1000&last=b>; rel="next"')
                ],
                f"GET {API}/tags/list?n=1000&last=b": [
                    reply(200, {"tags": ["b", "not a tag", "c"]}, link="<x>; rel=up")
                ],
            }
        )

        assert ours.tags(repository()) == ("a", "b", "c")

    @pytest.mark.parametrize("answer", [refused(404, "NAME_UNKNOWN"), reply(404), reply(200, {"tags": None})])
    def test_no_repository_and_no_tags_are_nothing(self, answer):
        ours, _ = client({self.FIRST: [answer]})

        assert ours.tags(repository()) == ()

    @pytest.mark.parametrize(
        "answer",
        [
            reply(200, b"<html>"),
            reply(200, []),
            reply(200, {"tags": {"a": 1}}),
            reply(200, {"tags": [1]}),
            replace(reply(200, {"tags": ["a"]}), complete=False),
        ],
    )
    def test_what_is_no_list_is_an_error(self, answer):
        ours, _ = client({self.FIRST: [answer]})

        with pytest.raises(RegistryError, match=r"cannot list the tags of 127\.0\.0\.1:5000/acme/api: .* not a list"):
            ours.tags(repository())

    @pytest.mark.parametrize(
        "link", ['<http://127.0.0.1:6000/x>; rel="next"', "</v2/acme/api/tags/list?n=1000>; rel=next"]
    )
    def test_a_next_page_elsewhere_or_again_is_refused(self, link):
        ours, _ = client({self.FIRST: [reply(200, {"tags": []}, link=link)]})

        with pytest.raises(RegistryError, match=r"the next page is not one of 127\.0\.0\.1:5000"):
            ours.tags(repository())

    def test_pages_without_end_come_to_an_end(self):
        class Endless:
            count = 0

            def __call__(self, request: Request) -> Response:
                self.count += 1
                return replace(reply(200, {"tags": ["a"]}, link=f"<?last={self.count}>; rel=next"), url=request.url)

        ours = Client(LOCAL, send=Endless(), clock=lambda: 0.0)

        with pytest.raises(RegistryError, match="more than 1000 pages"):
            ours.tags(repository())


class TestBlobs:
    DATA = b'{"os": "linux", "architecture": "arm64"}'
    DIGEST = digest_of(DATA)

    def test_a_blob_is_followed_to_its_store_without_credentials(self):
        ours, answers = client(
            {
                f"GET {GH_API}/blobs/{self.DIGEST}": [
                    reply(401, b"", www_authenticate="Basic"),
                    reply(307, b"", location="https://store.example/x?sig=1"),
                ],
                "GET https://store.example/x?sig=1": [reply(200, self.DATA)],
            },
            GHCR,
            ADA,
        )

        assert ours.blob(repository(GHCR), self.DIGEST) == self.DATA
        assert answers.authorizations == ["", "Basic YWRhOnMzY3JldC1wdw==", ""]

    def test_other_bytes_and_too_many_are_refused(self):
        key = f"GET {API}/blobs/{self.DIGEST}"

        with pytest.raises(VerificationError, match="its bytes are sha256"):
            client({key: [reply(200, b"other")]})[0].blob(repository(), self.DIGEST)
        with pytest.raises(VerificationError, match="larger than 8388608 bytes"):
            client({key: [replace(reply(200, self.DATA), complete=False)]})[0].blob(repository(), self.DIGEST)

    @pytest.mark.parametrize(("status", "there"), [(200, True), (404, False)])
    def test_a_blob_is_there_or_not(self, status, there):
        ours, _ = client({f"HEAD {API}/blobs/{self.DIGEST}": [reply(status)]})

        assert ours.blob_exists(repository(), self.DIGEST) is there


class TestPlatforms:
    CONFIG = b'{"os": "linux", "architecture": "arm64", "variant": "v8"}'
    IMAGE_DATA = json.dumps(
        {"config": {"mediaType": "c", "digest": str(digest_of(CONFIG)), "size": len(CONFIG)}, "layers": []}
    ).encode()
    IMAGE = Manifest(data=IMAGE_DATA, media_type=OCI_MANIFEST, digest=digest_of(IMAGE_DATA))
    ARM64 = Platform("linux", "arm64")

    def entry(self, digest: Digest, **more: object) -> dict[str, object]:
        return {"mediaType": OCI_MANIFEST, "digest": str(digest), "size": 1, **more}

    def test_an_index_says_them_and_attestations_are_none(self):
        manifest = index(
            self.entry(ARM, platform={"os": "linux", "architecture": "amd64"}),
            self.entry(EMPTY.digest, platform={"os": "linux", "architecture": "amd64"}),
            self.entry(EMPTY.digest, platform={"os": "unknown", "architecture": "unknown"}),
        )

        assert client({})[0].platforms(repository(), manifest) == {Platform("linux", "amd64"): ARM}

    def test_a_single_image_says_it_in_its_configuration(self):
        ours, _ = client({f"GET {API}/blobs/{digest_of(self.CONFIG)}": [reply(200, self.CONFIG)]})

        assert ours.platforms(repository(), self.IMAGE) == {self.ARM64: self.IMAGE.digest}

    def test_so_does_a_child_whose_index_is_silent(self):
        ours, _ = client(
            {
                f"GET {API}/manifests/{self.IMAGE.digest}": [sent(self.IMAGE)],
                f"GET {API}/blobs/{digest_of(self.CONFIG)}": [reply(200, self.CONFIG)],
            }
        )

        assert ours.platforms(repository(), index(self.entry(self.IMAGE.digest))) == {self.ARM64: self.IMAGE.digest}

    @pytest.mark.parametrize("config", [b"[]", b"{}", b"<html>", b'{"os": 1}'])
    def test_a_configuration_that_says_none_is_refused(self, config):
        data = json.dumps({"config": {"mediaType": "c", "digest": str(digest_of(config)), "size": 1}}).encode()
        image = Manifest(data=data, media_type=OCI_MANIFEST, digest=digest_of(data))
        ours, _ = client({f"GET {API}/blobs/{digest_of(config)}": [reply(200, config)]})

        with pytest.raises(VerificationError, match="platform"):
            ours.platforms(repository(), image)


class TestTokens:
    GET = f"GET {GH_API}/manifests/main"

    def test_the_challenge_is_answered_and_the_token_kept(self):
        ours, answers = client(
            {self.GET: [reply(401, b"", www_authenticate=BEARER), sent(EMPTY)], PULL: [reply(200, {"token": "t1"})]},
            GHCR,
            ADA,
        )

        ours.get(repository(GHCR), MAIN)
        ours.get(repository(GHCR), MAIN)

        assert answers.authorizations == ["", "Basic YWRhOnMzY3JldC1wdw==", "Bearer t1", "Bearer t1"]

    def test_each_repository_and_right_has_a_token_of_its_own(self):
        other = "repository:acme/worker:pull"
        ours, answers = client(
            {
                self.GET: [reply(401, b"", www_authenticate=BEARER), sent(EMPTY)],
                "GET https://ghcr.io/v2/acme/worker/manifests/main": [sent(EMPTY)],
                f"PUT {GH_API}/manifests/main": [reply(201)],
                PULL: [reply(200, {"token": "reads"})],
                PUSH: [reply(200, {"token": "writes"})],
                token_url(other): [reply(200, {"token": "others"})],
            },
            GHCR,
            ADA,
        )

        ours.get(repository(GHCR), MAIN)
        ours.get(repository(GHCR, "acme/worker"), MAIN)
        ours.put(repository(GHCR), MAIN, EMPTY)

        assert [header for header in answers.authorizations if header.startswith("Bearer")] == [
            "Bearer reads",
            "Bearer others",
            "Bearer writes",
        ]

    def test_it_is_renewed_before_it_ends(self):
        now = [0.0]
        ours, answers = client(
            {
                self.GET: [reply(401, b"", www_authenticate=BEARER), sent(EMPTY)],
                PULL: [reply(200, {"token": "t1", "expires_in": 100}), reply(200, {"token": "t2"})],
            },
            GHCR,
            ADA,
            lambda: now[0],
        )

        for seconds in (0.0, 89.0, 91.0):
            now[0] = seconds
            ours.get(repository(GHCR), MAIN)

        assert [header for header in answers.authorizations if header.startswith("Bearer")] == [
            "Bearer t1",
            "Bearer t1",
            "Bearer t2",
        ]

    def test_one_that_ended_too_early_is_renewed_once(self):
        challenge = reply(401, b"", www_authenticate=BEARER)
        ours, answers = client(
            {
                self.GET: [challenge, sent(EMPTY), challenge, sent(EMPTY), challenge],
                PULL: [reply(200, {"token": f"t{number}"}) for number in range(1, 5)],
            },
            GHCR,
            ADA,
        )

        ours.get(repository(GHCR), MAIN)
        ours.get(repository(GHCR), MAIN)
        tokens = [header for header in answers.authorizations if header.startswith("Bearer")]
        assert tokens == ["Bearer t1", "Bearer t1", "Bearer t2"]
        with pytest.raises(AuthenticationError, match="answered 401"):
            ours.get(repository(GHCR), MAIN)

    def test_the_scope_that_the_registry_names_is_asked_for_too(self):
        named = BEARER.replace("acme/api:pull", "mirror/acme/api:pull")
        both = f"{PULL}&scope=repository%3Amirror%2Facme%2Fapi%3Apull"
        ours, answers = client(
            {self.GET: [reply(401, b"", www_authenticate=named), sent(EMPTY)], both: [reply(200, {"token": "t1"})]},
            GHCR,
            ADA,
        )

        ours.get(repository(GHCR), MAIN)

        assert answers.authorizations[-1] == "Bearer t1"

    def test_a_repository_that_is_hidden_from_readers_is_asked_for_with_the_right_to_push(self):
        hidden = refused(401, "UNAUTHORIZED", www_authenticate=f'{BEARER},error="insufficient_scope"')
        ours, _ = client(
            {
                f"HEAD {GH_API}/manifests/main": [hidden, hidden, hidden, reply(404)],
                PULL: [reply(200, {"token": "t1"}), reply(200, {"token": "t2"})],
                PUSH: [reply(200, {"token": "p1"})],
            },
            GHCR,
            ADA,
        )

        assert ours.head(repository(GHCR), MAIN) is None

    def test_nobody_reads_with_an_anonymous_token(self):
        ours, answers = client(
            {self.GET: [reply(401, b"", www_authenticate=BEARER), sent(EMPTY)], PULL: [reply(200, {"token": "t1"})]},
            GHCR,
        )

        ours.get(repository(GHCR), MAIN)

        assert answers.authorizations == ["", "", "Bearer t1"]

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (reply(401, {"details": "incorrect username or password"}), AuthenticationError),
            (refused(403, "DENIED", "installation not allowed"), PermissionDeniedError),
            (refused(429, "TOOMANYREQUESTS"), RateLimitError),
            (reply(500), RegistryError),
            (reply(200, b"<html>"), RegistryError),
        ],
    )
    def test_a_token_servers_refusal_is_of_what_was_asked(self, answer, kind):
        ours, _ = client({self.GET: [reply(401, b"", www_authenticate=BEARER)], PULL: [answer]}, GHCR, ADA)

        with pytest.raises(DockerPushError, match=r"cannot read ghcr\.io/acme/api:main: the .*token server") as caught:
            ours.get(repository(GHCR), MAIN)
        assert type(caught.value) is kind

    def test_a_realm_in_plain_http_gets_no_credentials(self):
        challenge = reply(401, b"", www_authenticate='Bearer realm="http://ghcr.io/token"')
        ours, answers = client({self.GET: [challenge]}, GHCR, ADA)

        with pytest.raises(RegistryError, match="is not https"):
            ours.get(repository(GHCR), MAIN)
        assert answers.authorizations == [""]

    def test_identity_tokens_go_in_a_form(self):
        user = Credentials(username="", identity_token="idt", origin="credential helper x")
        ours, answers = client(
            {
                self.GET: [reply(401, b"", www_authenticate=BEARER), sent(EMPTY)],
                f"POST {TOKENS}": [reply(200, {"access_token": "t1"})],
            },
            GHCR,
            user,
        )

        ours.get(repository(GHCR), MAIN)

        assert answers.seen[1].body is not None
        assert b"refresh_token=idt" in answers.seen[1].body

    def test_our_secrets_are_not_shown_where_a_server_repeats_them(self):
        said = refused(403, "DENIED", "s3cret-pw YWRhOnMzY3JldC1wdw== token-value")
        ours, _ = client(
            {self.GET: [reply(401, b"", www_authenticate=BEARER), said], PULL: [reply(200, {"token": "token-value"})]},
            GHCR,
            ADA,
        )

        with pytest.raises(PermissionDeniedError) as caught:
            ours.get(repository(GHCR), MAIN)
        assert "***" in caught.value.message
        for secret in ("s3cret", "YWRhOn", "token-value"):
            assert secret not in str(caught.value)


class TestBasic:
    def test_it_is_sent_again_without_being_asked(self):
        key = f"GET {GH_API}/manifests/main"
        ours, answers = client({key: [reply(401, b"", www_authenticate='Basic realm="x"'), sent(EMPTY)]}, GHCR, ADA)

        ours.get(repository(GHCR), MAIN)
        ours.get(repository(GHCR), MAIN)

        assert answers.authorizations == ["", *["Basic YWRhOnMzY3JldC1wdw=="] * 2]

    def test_a_refused_password_is_not_sent_for_ever(self):
        key = f"PUT {GH_API}/manifests/main"
        ours, answers = client({key: [refused(401, "UNAUTHORIZED", www_authenticate="Basic realm=x")]}, GHCR, ADA)

        with pytest.raises(AuthenticationError) as caught:
            ours.put(repository(GHCR), MAIN, EMPTY)
        assert "The credentials of DOCKER_USER and DOCKER_PASSWORD were refused" in caught.value.hint
        assert len(answers.seen) == 2

    @pytest.mark.parametrize("user", [None, Credentials(username="", identity_token="idt", origin="x")])
    def test_without_a_password_the_next_step_is_a_login(self, user):
        key = f"GET {API}/manifests/main"
        ours, _ = client({key: [reply(401, b"", www_authenticate="Basic realm=x")]}, LOCAL, user)

        with pytest.raises(AuthenticationError, match="asks for a user name and a password"):
            ours.get(repository(), MAIN)

    def test_a_challenge_that_nobody_knows_is_a_refusal(self):
        key = f"GET {API}/manifests/main"
        ours, _ = client({key: [reply(401, b"", www_authenticate="Negotiate")]}, LOCAL, ADA)

        with pytest.raises(AuthenticationError, match="answered 401"):
            ours.get(repository(), MAIN)


class TestEndpoint:
    TLS = reply(400, b"Client sent an HTTP request to an HTTPS server.\n")

    @pytest.mark.parametrize(
        ("registry", "insecure", "url"),
        [
            (GHCR, False, "https://ghcr.io/v2/"),
            (GHCR, True, "http://ghcr.io/v2/"),
            (LOCAL, False, "http://127.0.0.1:5000/v2/"),
            (Registry("docker.io"), False, "https://registry-1.docker.io/v2/"),
        ],
    )
    def test_plain_http_is_for_this_machine_and_for_insecure_ones(self, registry, insecure, url):
        ours, answers = client({f"GET {url}": [reply(401)]}, registry, insecure=insecure)

        ours.ping()

        assert answers.asked == [f"GET {url}"]

    @pytest.mark.parametrize("body", [TLS.body, b"<title>400 The plain HTTP request was sent to HTTPS port</title>"])
    def test_a_port_that_wants_tls_gets_tls_from_then_on(self, body):
        ours, answers = client(
            {
                "GET http://127.0.0.1:5000/v2/": [reply(400, body)],
                "GET https://127.0.0.1:5000/v2/": [reply(200)],
                f"HEAD {API.replace('http:', 'https:')}/manifests/main": [reply(404)],
            }
        )

        ours.ping()
        ours.head(repository(), MAIN)

        assert [urlsplit(request.url).scheme for request in answers.seen] == ["http", "https", "https"]

    def test_a_call_that_meets_tls_goes_on_with_tokens_over_tls(self):
        secure = API.replace("http:", "https:")
        challenge = 'Bearer realm="https://127.0.0.1:5000/token"'
        ours, answers = client(
            {
                f"GET {API}/manifests/main": [self.TLS],
                f"GET {secure}/manifests/main": [reply(401, b"", www_authenticate=challenge), sent(EMPTY)],
                "GET https://127.0.0.1:5000/token?scope=repository%3Aacme%2Fapi%3Apull": [reply(200, {"token": "t1"})],
            },
            LOCAL,
            ADA,
        )

        assert ours.get(repository(), MAIN).data == EMPTY.data
        assert all(request.url.startswith("https:") for request in answers.seen if request.headers.get("Authorization"))

    def test_a_look_up_has_no_body_to_ask_for_tls_with_and_is_repeated(self):
        ours, answers = client(
            {
                f"HEAD {API}/manifests/main": [reply(400)],
                f"GET {API}/manifests/main": [self.TLS],
                f"HEAD {API.replace('http:', 'https:')}/manifests/main": [reply(404)],
            }
        )

        assert ours.head(repository(), MAIN) is None
        assert len(answers.asked) == 3

    def test_a_look_up_that_is_refused_stays_in_plain_http(self):
        ours, _ = client({f"HEAD {API}/manifests/main": [reply(400)], f"GET {API}/manifests/main": [reply(400)]})

        with pytest.raises(RegistryError, match=r"127\.0\.0\.1:5000 answered 400"):
            ours.head(repository(), MAIN)

    def test_tls_is_never_left(self):
        ours, answers = client({"GET https://ghcr.io/v2/": [self.TLS]}, GHCR)

        with pytest.raises(RegistryError, match=r"cannot reach ghcr\.io: ghcr\.io answered 400"):
            ours.ping()
        assert answers.asked == ["GET https://ghcr.io/v2/"]

    def test_a_redirect_to_a_server_with_a_login_of_its_own_is_named(self):
        ours, answers = client(
            {
                f"GET {GH_API}/manifests/main": [reply(307, b"", location="https://mirror.example/v2/x")],
                "GET https://mirror.example/v2/x": [reply(401, b"", www_authenticate=BEARER)],
            },
            GHCR,
            ADA,
        )

        with pytest.raises(AuthenticationError, match=r"redirects to mirror\.example, which asks for a login"):
            ours.get(repository(GHCR), MAIN)
        assert set(answers.authorizations) == {""}

    def test_hubs_own_images_are_under_library(self):
        hub = Registry("docker.io")
        ours, _ = client({"HEAD https://registry-1.docker.io/v2/library/busybox/manifests/main": [reply(404)]}, hub)

        assert ours.head(repository(hub, "busybox"), MAIN) is None

    def test_real_connections_are_closed_at_the_end(self):
        with Client(GHCR, clock=lambda: 0.0) as real:
            assert repr(real) == "Client(ghcr.io)"
        ours, _ = client({})
        ours.close()


@given(
    st.sampled_from([200, 201, 301, 307, 400, 401, 403, 404, 405, 429, 500]),
    st.binary(max_size=40),
    st.dictionaries(
        st.sampled_from(
            ["location", "link", "content-type", "docker-content-digest", "content-length", "www-authenticate"]
        ),
        st.text(max_size=40) | st.sampled_from([BEARER, "Basic realm=x", OCI_INDEX, str(ARM), "5"]),
    ),
)
def test_any_answer_is_a_value_or_one_line(status, body, headers):
    def send(request: Request) -> Response:
        return Response(status=status, url=request.url, headers=headers, body=body)

    ours = Client(GHCR, ADA, send=send, clock=lambda: 0.0)
    calls: list[Callable[[], object]] = [
        lambda: ours.head(repository(GHCR), MAIN),
        lambda: ours.get(repository(GHCR), ARM),
        lambda: ours.put(repository(GHCR), MAIN, EMPTY),
        lambda: ours.tags(repository(GHCR)),
        lambda: ours.blob(repository(GHCR), ARM),
    ]
    for call in calls:
        try:
            call()
        except DockerPushError as error:
            assert str(error).isprintable()
            assert "s3cret" not in str(error)


def test_the_query_of_a_token_is_what_the_registry_named():
    assert parse_qs(urlsplit(PUSH.removeprefix("GET ")).query)["scope"] == ["repository:acme/api:pull,push"]


UPLOADS = "https://ghcr.io/v2/acme/api/blobs/uploads/"
GITHUB_REPOSITORY = Repository(GHCR, "acme/api")
LET_IN = {
    token_url("repository:acme/api:pull,push"): [reply(200, {"token": "push-token"})],
}


def pushing(
    *answers: Response, credentials: Credentials | None = ADA, **more: list[Response]
) -> tuple[Client, Answers]:
    challenge = reply(401, www_authenticate=BEARER.replace(":pull", ":pull,push"))
    script = {f"POST {UPLOADS}": [challenge, *answers], **LET_IN, **more}
    return client(script, GHCR, credentials)


class TestCheckPush:
    @pytest.mark.parametrize(
        "location", ["/v2/acme/api/blobs/uploads/1?_state=x", "https://ghcr.io/v2/acme/api/blobs/uploads/1?_state=x"]
    )
    def test_an_upload_is_opened_and_cancelled(self, location):
        ours, answers = pushing(reply(202, location=location), **{f"DELETE {UPLOADS}1?_state=x": [reply(204)]})

        ours.check_push(GITHUB_REPOSITORY)

        assert [text.split("?")[0] for text in answers.asked] == [
            f"POST {UPLOADS}",
            f"GET {TOKENS}",
            f"POST {UPLOADS}",
            f"DELETE {UPLOADS}1",
        ]
        assert answers.authorizations[2:] == ["Bearer push-token", "Bearer push-token"]
        assert answers.seen[2].body == b""

    @pytest.mark.parametrize("answer", [reply(404), reply(401), reply(403), reply(500), reply(405)])
    def test_that_it_cannot_be_cancelled_is_no_failure(self, answer):
        ours, answers = pushing(reply(202, location="1"), **{f"DELETE {UPLOADS}1": [answer]})

        ours.check_push(GITHUB_REPOSITORY)

        assert answers.asked[-1] == f"DELETE {UPLOADS}1"
        assert len(answers.asked) == 4

    @pytest.mark.parametrize(
        "answer",
        [reply(202), reply(201), reply(202, location="http://ghcr.io/v2/x"), reply(202, location="https://127.0.0.1/")],
    )
    def test_where_there_is_nothing_to_cancel_nothing_is_sent(self, answer):
        ours, answers = pushing(answer)

        ours.check_push(GITHUB_REPOSITORY)

        assert len(answers.asked) == 3

    @pytest.mark.parametrize("place", ["https://storage.example/1", "https://ghcr.io:444/1"])
    def test_an_upload_elsewhere_is_cancelled_without_our_credentials(self, place):
        ours, answers = pushing(reply(202, location=place), **{f"DELETE {place}": [reply(204)]})

        ours.check_push(GITHUB_REPOSITORY)

        assert answers.asked[-1] == f"DELETE {place}"
        assert answers.authorizations[-1] == ""

    def test_credentials_do_not_follow_a_redirected_cancellation(self):
        away = "https://storage.example/1"
        ours, answers = pushing(
            reply(202, location="1"),
            **{f"DELETE {UPLOADS}1": [reply(307, location=away)], f"DELETE {away}": [reply(204)]},
        )

        ours.check_push(GITHUB_REPOSITORY)

        assert answers.authorizations[-2:] == ["Bearer push-token", ""]

    @pytest.mark.parametrize("status", [307, 308])
    def test_another_host_cannot_grant_it(self, status):
        ours, _ = pushing(reply(status, location="https://other.example/v2/acme/api/blobs/uploads/"))

        with pytest.raises(RegistryError, match="redirects a write to another host"):
            ours.check_push(GITHUB_REPOSITORY)

    @pytest.mark.parametrize(
        ("answer", "kind", "hint"),
        [
            (refused(403, "DENIED", "installation not allowed to Create organization package"), PermissionDeniedError, "packages: write"),
            (refused(403, "DENIED", "permission_denied: write_package"), PermissionDeniedError, "https://github.com/orgs/acme/packages/container/api/settings"),
            (refused(403, "DENIED", "The token provided does not match expected scopes."), PermissionDeniedError, "write:packages"),
            (refused(403, "DENIED", "the token has expired"), PermissionDeniedError, "make a new one"),
            (refused(403, "DENIED", "failed to fetch anonymous token"), AuthenticationError, "docker login"),
            (refused(403, "DENIED", "You have exceeded a secondary rate limit"), RateLimitError, "not a missing permission"),
            (refused(404, "NAME_UNKNOWN", "not known to registry"), RegistryError, "created before"),
            (refused(403, "DENIED", "denied: quota exceeded"), RegistryError, "quota"),
            (reply(413), RegistryError, "raise that limit"),
            (reply(507), RegistryError, "storage is full"),
            (reply(200, b"<html><title>Welcome</title></html>"), RegistryError, "is a container registry"),
        ],
    )  # fmt: skip
    def test_each_cause_is_told_apart(self, answer, kind, hint):
        ours, _ = pushing(answer)

        with pytest.raises(kind, match=r"cannot push to ghcr\.io/acme/api: ") as raised:
            ours.check_push(GITHUB_REPOSITORY)

        assert type(raised.value) is kind
        assert hint in raised.value.hint

    def test_lost_credentials_are_told_before_anything_is_sent(self):
        ours, answers = pushing(credentials=None)

        with pytest.raises(AuthenticationError, match=r"there are no credentials for ghcr\.io"):
            ours.check_push(GITHUB_REPOSITORY)

        assert answers.asked == []

    def test_a_token_server_that_refuses_is_named(self):
        ours, _ = client(
            {
                f"POST {UPLOADS}": [reply(401, www_authenticate=BEARER.replace(":pull", ":pull,push"))],
                PUSH: [refused(403, "DENIED", "denied")],
            },
            GHCR,
            ADA,
        )

        with pytest.raises(PermissionDeniedError, match=r"the token server ghcr\.io answered 403"):
            ours.check_push(GITHUB_REPOSITORY)
