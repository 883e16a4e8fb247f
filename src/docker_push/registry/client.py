"""The client: the handful of OCI distribution calls that publishing safely needs.

OCI distribution-spec v1.1. Reads verify what they read by hashing it; nothing is deleted, and no layer is uploaded:
BuildKit does that.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Container
from dataclasses import replace
from types import TracebackType
from typing import Any

from docker_push.credentials import Credentials
from docker_push.errors import AuthenticationError, ConfigError, RegistryError, VerificationError
from docker_push.references import Digest, Platform, Registry, Repository, Tag, quoted
from docker_push.registry.authorization import Authorization
from docker_push.registry.manifests import (
    ACCEPT,
    MANIFEST_LIMIT,
    Descriptor,
    Manifest,
    digest_of,
    json_object,
    matches,
)
from docker_push.registry.redirects import follow, next_url, origin
from docker_push.registry.refusals import authentication_hint, complaint, refusal
from docker_push.registry.token import scope
from docker_push.registry.transport import Connections, Limits, Request, Response, Send

_OK, _UNAUTHORIZED, _NOT_FOUND, _NO_METHOD = 200, 401, 404, 405
_WRITTEN = frozenset({200, 201, 202, 204})  # the specification says 201; some registries and proxies differ
_BLOB_LIMIT = 8 * 1024 * 1024  # bytes: an image's configuration, not a layer
_PAGE = 1000  # tags asked for at once
_MOST_PAGES = 1000
_NEXT = re.compile(r'<([^<>]{1,8192})>\s*;[^,<]{0,256}?\brel="?next"?', re.IGNORECASE)
_TLS_PORT = re.compile(rb"HTTP request (?:was sent )?to (?:an )?HTTPS", re.IGNORECASE)
_BAD_REQUEST = 400


class Client:
    """Read, verify and tag manifests in one registry; safe among threads.

    Anonymous where ``credentials`` is ``None``: reads of public images, and everything in a registry on this machine.
    Plain http is spoken to a registry on this machine and to one that is called ``insecure``; where such a registry
    answers that it wants TLS, TLS it is, and never the other way. ``clock`` counts seconds and only goes forward
    (``time.monotonic``). ``send`` replaces the connections (see ``Send``); ``tls`` replaces the trusted authorities.

    Every call raises AuthenticationError, PermissionDeniedError, RateLimitError or RegistryError for what the registry
    refuses, and RegistryError where it cannot be reached; each names the reference and the operation.
    """

    def __init__(
        self,
        registry: Registry,
        credentials: Credentials | None = None,
        *,
        clock: Callable[[], float],
        user_agent: str = "docker-push",
        insecure: bool = False,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
        send: Send | None = None,
    ) -> None:
        self.registry = registry
        self._anonymous = credentials is None
        self._connections = None if send else Connections(user_agent=user_agent, clock=clock, limits=limits, tls=tls)
        self._send: Send = send or self._connections  # type: ignore[assignment] - one of the two is there
        self._plain = registry.is_loopback or insecure
        self._authorization = Authorization(registry, credentials, send=self._send, clock=clock)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.registry})"

    def close(self) -> None:
        """Close the connections that are kept open."""
        if self._connections:
            self._connections.close()

    def ping(self) -> None:
        """Check that the registry is reached and speaks the distribution API; says nothing of rights."""
        response = self._deliver(Request(purpose=f"reach {self.registry}", method="GET", url=self._url("")))
        if response.status not in {_OK, _UNAUTHORIZED}:
            raise refusal(response, self._authorization.attempt(f"reach {self.registry}"))

    def head(self, repository: Repository, reference: Tag | Digest) -> Descriptor | None:
        """Return what ``reference`` names, or ``None``; a registry that tells no digest is asked for the bytes."""
        request = self._manifest_request("HEAD", repository, reference)
        response = self._ask(request, repository, {_OK, _NOT_FOUND, _NO_METHOD})
        if response.status == _NOT_FOUND:
            return None
        digest, size = response.headers.get("docker-content-digest", ""), response.headers.get("content-length", "")
        if response.status == _NO_METHOD or not digest or not size.isdigit():
            manifest = self._read(repository, reference)
            return manifest and Descriptor(media_type=manifest.media_type, digest=manifest.digest, size=manifest.size)
        return Descriptor(
            media_type=_media_type(response), digest=self._digest(digest, request.purpose), size=int(size)
        )

    def get(self, repository: Repository, reference: Tag | Digest) -> Manifest:
        """Return the manifest or index that ``reference`` names, as the bytes that were read, hashed by ourselves.

        Raises VerificationError where they are not of the digest that was asked for, or that the registry claims, and
        RegistryError where there is none.
        """
        manifest = self._read(repository, reference)
        if manifest is None:
            message = f"cannot read {_named(repository, reference)}: {self.registry} has no such manifest"
            raise RegistryError(message, hint="Check the name; if it was just published, run the same command again.")
        return manifest

    def put(self, repository: Repository, reference: Tag | Digest, manifest: Manifest) -> None:
        """Name ``manifest`` by ``reference``: the very bytes, with the same media type.

        Only what refers to content that the repository has is taken. The caller verifies with ``head``.
        """
        request = self._manifest_request("PUT", repository, reference)
        request = replace(request, headers={"Content-Type": manifest.media_type}, body=manifest.data)
        response = self._ask(request, repository, _WRITTEN, push=True)
        claimed = response.headers.get("docker-content-digest")
        if claimed and not matches(manifest.data, self._digest(claimed, request.purpose)):
            raise _altered(request.purpose, f"the registry stored {claimed}, not {manifest.digest}")

    def tags(self, repository: Repository) -> tuple[str, ...]:
        """Return the names of all tags, those of a repository that does not exist being none.

        Names outside the grammar of tags are left out: nothing can be read under them.
        """
        purpose = f"list the tags of {repository}"
        url = self._url(f"{_path(repository)}/tags/list?n={_PAGE}")
        found: dict[str, None] = {}
        for _ in range(_MOST_PAGES):
            request = Request(purpose=purpose, method="GET", url=url, limit=MANIFEST_LIMIT)
            response = self._ask(request, repository, {_OK, _NOT_FOUND})
            if response.status == _NOT_FOUND:
                return self._absent(response, purpose, ())
            found.update(dict.fromkeys(filter(Tag.is_valid, self._tag_page(response, purpose))))
            following = self._next_page(request, response)
            if following is None:
                return tuple(found)
            url = following
        raise RegistryError(f"cannot {purpose}: more than {_MOST_PAGES} pages", hint="Delete tags that nobody needs.")

    def blob(self, repository: Repository, digest: Digest) -> bytes:
        """Return a small blob, as an image's configuration, verified; raises VerificationError where it is another."""
        purpose = f"read the blob {digest} of {repository}"
        request = Request(
            purpose=purpose, method="GET", url=self._url(f"{_path(repository)}/blobs/{digest}"), limit=_BLOB_LIMIT
        )
        response = self._ask(request, repository, {_OK})
        if not response.complete:
            raise _altered(purpose, f"it is larger than {_BLOB_LIMIT} bytes")
        if not matches(response.body, digest):
            raise _altered(purpose, f"its bytes are {digest_of(response.body)}")
        return response.body

    def blob_exists(self, repository: Repository, digest: Digest) -> bool:
        """Tell whether the repository has this blob."""
        purpose = f"look for the blob {digest} in {repository}"
        request = Request(purpose=purpose, method="HEAD", url=self._url(f"{_path(repository)}/blobs/{digest}"))
        return self._ask(request, repository, {_OK, _NOT_FOUND}).status == _OK

    def platforms(self, repository: Repository, manifest: Manifest) -> dict[Platform, Digest]:
        """Return the manifest of each platform; a single image's platform is read from its configuration."""
        if manifest.is_index:
            return manifest.platforms()
        config = manifest.config
        assert config is not None  # noqa: S101 - a manifest has one, or raises
        content = json_object(self.blob(repository, config.digest))
        return {manifest.platform_of(content): manifest.digest}

    def _read(self, repository: Repository, reference: Tag | Digest) -> Manifest | None:
        request = self._manifest_request("GET", repository, reference)
        response = self._ask(request, repository, {_OK, _NOT_FOUND})
        if response.status == _NOT_FOUND:
            return self._absent(response, request.purpose, None)
        if not response.complete:
            raise _altered(request.purpose, f"it is larger than {MANIFEST_LIMIT} bytes")
        claimed = response.headers.get("docker-content-digest")
        digests = [self._digest(claimed, request.purpose)] if claimed else []
        digests = [reference, *digests] if isinstance(reference, Digest) else digests
        for digest in digests:
            if not matches(response.body, digest):
                raise _altered(request.purpose, f"its bytes are {digest_of(response.body)}, not {digest}")
        return Manifest(
            data=response.body,
            media_type=_media_type(response),
            digest=digests[0] if digests else digest_of(response.body),
            source=_named(repository, reference),
        )

    def _manifest_request(self, method: str, repository: Repository, reference: Tag | Digest) -> Request:
        return Request(
            purpose=f"{_VERBS[method]} {_named(repository, reference)}",
            method=method,
            url=self._url(f"{_path(repository)}/manifests/{reference}"),
            headers={"Accept": ACCEPT},
            limit=MANIFEST_LIMIT,
        )

    def _ask(self, request: Request, repository: Repository, good: Container[int], *, push: bool = False) -> Response:
        """Send ``request`` as whoever may do this in ``repository``; raises the refusal for any status but ``good``."""
        if repository.registry != self.registry:
            raise ValueError(f"{repository} is not in {self.registry}")
        attempt = self._authorization.attempt(request.purpose)
        if push and self._anonymous and not self.registry.is_loopback:
            message = f"cannot {request.purpose}: there are no credentials for {self.registry}"
            raise AuthenticationError(message, hint=authentication_hint(attempt))
        response = self._authorised(request, scope(_name(repository), push=push))
        if response.status not in good:
            raise refusal(response, attempt)
        return response

    def _authorised(self, request: Request, wanted: str) -> Response:
        """Send with what serves, answer the challenge, and renew once what no longer serves."""
        sent = self._authorization.header(wanted, plain=self._plain)
        response = self._deliver(request, sent)
        for _ in range(1 if sent else 2):
            if response.status != _UNAUTHORIZED or origin(response.url) != origin(self._url("")):
                break
            answer = self._authorization.answer(response, wanted, sent, plain=self._plain)
            if answer is None:
                break
            sent = answer
            response = self._deliver(request, sent)
        return response

    def _deliver(self, request: Request, header: str | None = None) -> Response:
        """Follow redirects, and move from http to https where the registry wants that."""
        headers = {**request.headers, **({"Authorization": header} if header else {})}
        response = follow(replace(request, headers=headers), self._send)
        if self._plain and response.status == _BAD_REQUEST and _TLS_PORT.search(response.body):
            self._plain = False
            response = follow(replace(request, headers=headers, url=f"https{request.url[4:]}"), self._send)
        return response

    def _url(self, path: str) -> str:
        return f"{'http' if self._plain else 'https'}://{self.registry.api_host}/v2/{path}"

    def _absent(self, response: Response, purpose: str, nothing: Any) -> Any:
        """Take a 404 for "there is none" only where it speaks like a registry, not like some web server."""
        said = complaint(response)
        if response.body and not said.code:
            raise refusal(response, self._authorization.attempt(purpose))
        return nothing

    def _tag_page(self, response: Response, purpose: str) -> list[str]:
        content = json_object(response.body) if response.complete else None
        names = None if content is None else content.get("tags") or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            hint = f"Check that {self.registry} is a container registry."
            raise RegistryError(f"cannot {purpose}: the answer is not a list of tags", hint=hint)
        return names

    def _next_page(self, request: Request, response: Response) -> str | None:
        link = _NEXT.search(response.headers.get("link", ""))
        if link is None:
            return None
        url = next_url(replace(request, url=response.url), link[1])
        if origin(url) != origin(self._url("")) or url == request.url:
            hint = "Tell the registry's operator: its Link header leads elsewhere."
            raise RegistryError(f"cannot {request.purpose}: the next page is not in {self.registry}", hint=hint)
        return url

    def _digest(self, text: str, purpose: str) -> Digest:
        try:
            return Digest.parse(text)
        except ConfigError:
            message = f"cannot {purpose}: {self.registry} answered with {quoted(text)} for a digest"
            raise RegistryError(message, hint=f"Check that {self.registry} is a container registry.") from None


_VERBS = {"HEAD": "look up", "GET": "read", "PUT": "put"}


def _named(repository: Repository, reference: Tag | Digest) -> str:
    return f"{repository}{'@' if isinstance(reference, Digest) else ':'}{reference}"


def _name(repository: Repository) -> str:
    """Return the repository's name in the API: Docker Hub keeps names without an owner under ``library/``."""
    bare = repository.registry.host == "docker.io" and "/" not in repository.path
    return f"library/{repository.path}" if bare else repository.path


def _path(repository: Repository) -> str:
    return _name(repository)


def _media_type(response: Response) -> str:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def _altered(purpose: str, what: str) -> VerificationError:
    hint = "Do not use it: something between here and the registry changes content, or the registry lost it."
    return VerificationError(f"cannot {purpose}: {what}", hint=hint)
