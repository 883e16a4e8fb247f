"""The client: the handful of OCI distribution calls that publishing safely needs.

OCI distribution-spec v1.1. Reads verify what they read by hashing it; nothing that was published is deleted, and no layer
is uploaded: BuildKit does that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import TracebackType

from docker_push.credentials import Credentials
from docker_push.errors import (
    AuthenticationError,
    ConfigError,
    OverwriteError,
    PermissionDeniedError,
    RateLimitError,
    RegistryError,
    VerificationError,
)
from docker_push.references import Digest, Platform, Registry, Repository, Tag, quoted
from docker_push.registry import listing
from docker_push.registry.complaints import date_of
from docker_push.registry.endpoint import Endpoint
from docker_push.registry.lag import settled
from docker_push.registry.manifests import (
    ACCEPT,
    MANIFEST_LIMIT,
    Descriptor,
    Manifest,
    digest_of,
    json_object,
    matches,
)
from docker_push.registry.redirects import follow
from docker_push.registry.retry import Retrying, Waiting
from docker_push.registry.transport import Call, Connections, Limits, Network, Request, Response, Send, pooled

_OK, _UNAUTHORIZED, _NOT_FOUND, _NO_METHOD = 200, 401, 404, 405
_WRITTEN = frozenset({200, 201, 202, 204})  # the specification says 201; some registries and proxies differ
_OPENED = frozenset({201, 202})  # an upload; 200 would be some web page
_BLOB_LIMIT = 8 * 1024 * 1024  # bytes: an image's configuration, not a layer
_SIZE = re.compile(r"[0-9]{1,15}")
_VERBS = {"HEAD": "look up", "GET": "read", "PUT": "put"}


class Client:
    """Read, verify and tag manifests in one registry; safe among threads.

    Anonymous where ``credentials`` is ``None``: reads of public images, and everything in a registry on this machine.
    Plain http is spoken to a registry on this machine and to one that is called ``insecure``; where such a registry
    answers that it wants TLS, TLS it is, and never the other way. ``clock`` counts seconds and only goes forward
    (``time.monotonic``). What fails for a while is repeated as ``waiting`` says, and without it no call ever waits.
    ``send`` replaces the connections (see ``Send``); ``network`` says how they are made, ``connections`` how many at most.

    Every call raises AuthenticationError, PermissionDeniedError, RateLimitError or RegistryError for what the registry
    refuses, and RegistryError where it cannot be reached; each names the reference and the operation.
    """

    def __init__(
        self,
        registry: Registry,
        credentials: Credentials | None = None,
        *,
        clock: Callable[[], float],
        insecure: bool = False,
        limits: Limits | None = None,
        network: Network | None = None,
        waiting: Waiting | None = None,
        send: Send | None = None,
    ) -> None:
        self.registry, limits = registry, limits or Limits()
        self.connections = limits.connections
        deliver = send or pooled(clock=clock, limits=limits, network=network or Network())
        self._connections = deliver if isinstance(deliver, Connections) else None
        self._waiting, self._clock = waiting, clock
        self._retrying = Retrying(partial(follow, send=deliver), waiting, clock=clock, redact=self._redact)
        plain = registry.is_loopback or insecure
        self._endpoint = Endpoint(registry, credentials, plain=plain, send=self._retrying, clock=clock)

    def __enter__(self) -> Client:  # noqa: PYI034 - typing.Self came with Python 3.11
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

    def retries(self, repository: Repository | None = None) -> int:
        """Return how many requests had to be sent again so far, those for ``repository`` or all."""
        return self._retrying.repeated(repository.path if repository else None)

    def ping(self) -> None:
        """Check that the registry is reached and speaks the distribution API; says nothing of rights."""
        self._reached()

    def server_time(self) -> float | None:
        """Return the registry's time of day in seconds since the epoch, ``None`` where it does not say."""
        return date_of(self._reached().headers)

    def _reached(self) -> Response:
        request = Request(purpose=f"reach {self.registry}", method="GET", url=self._endpoint.url())
        response = self._endpoint.deliver(request)
        if response.status not in {_OK, _UNAUTHORIZED}:
            self._endpoint.refuse(request, response)
        return response

    def check_push(self, repository: Repository) -> None:
        """Prove that a push to ``repository`` is granted: an upload is opened, and cancelled; nothing is written.

        Raises AuthenticationError or PermissionDeniedError where it is not, RegistryError where there must be a
        repository first.
        """
        url = self._endpoint.url(repository, "blobs/uploads/")
        request = Request(purpose=f"push to {repository}", method="POST", url=url, body=b"")
        response = self._endpoint.ask(request, repository, _OPENED, push=True)
        self._endpoint.cancel(request, response, repository)

    def head(self, repository: Repository, reference: Tag | Digest) -> Descriptor | None:
        """Return what ``reference`` names, or ``None``; a registry that tells no digest is asked for the bytes."""
        return self._head(repository, reference)

    def _head(self, repository: Repository, reference: Tag | Digest, call: Call | None = None) -> Descriptor | None:
        request = replace(self._manifest_request("HEAD", repository, reference), call=call)
        response = self._endpoint.ask(request, repository, {_OK, _NOT_FOUND, _NO_METHOD})
        if response.status == _NOT_FOUND:
            return None
        claimed, size = response.headers.get("docker-content-digest"), response.headers.get("content-length", "")
        if response.status == _NO_METHOD or not claimed or not _SIZE.fullmatch(size):
            manifest = self.find(repository, reference)
            return manifest.descriptor if manifest else None
        digest = self._digest(claimed, request)
        if isinstance(reference, Digest) and digest != reference:
            raise _altered(request, f"the registry answers for {digest}")
        return Descriptor(media_type=_media_type(response), digest=digest, size=int(size))

    def get(self, repository: Repository, reference: Tag | Digest) -> Manifest:
        """Return the manifest or index that ``reference`` names, as the bytes that were read, hashed by ourselves.

        Raises VerificationError where they are not of the digest that was asked for, or that the registry claims, and
        RegistryError where there is none.
        """
        if (manifest := self.find(repository, reference)) is None:
            message = f"cannot read {_named(repository, reference)}: {self.registry} has no such manifest"
            raise RegistryError(message, hint="Check the name; if it was just published, run the same command again.")
        return manifest

    def put(
        self,
        repository: Repository,
        reference: Tag | Digest,
        manifest: Manifest,
        before_again: Callable[[], None] | None = None,
    ) -> None:
        """Name ``manifest`` by ``reference``: the very bytes, with the same media type.

        The registry takes it only where it has what the manifest names. The caller verifies with ``head``; raises
        VerificationError where the registry says by itself that it stored other bytes. A write whose answers are lost is
        done where the registry holds it, and so is one that is then called an overwrite. ``before_again`` is called before
        the write is repeated, which may be minutes later; what it raises ends the call.
        """
        call = self._endpoint.begun(repository)
        request, headers = self._manifest_request("PUT", repository, reference), {"Content-Type": manifest.media_type}
        request = replace(request, headers=headers, body=manifest.data, call=call, before_again=before_again)
        try:
            response = self._endpoint.ask(request, repository, _WRITTEN, push=True)
        except (OverwriteError, RegistryError) as error:
            with suppress(AuthenticationError, PermissionDeniedError, RateLimitError, RegistryError):
                lost = isinstance(error, OverwriteError) or error.transient
                found = self._head(repository, reference, call) if lost else None
                if found is not None and found.digest == manifest.digest:
                    return
            raise
        claimed = response.headers.get("docker-content-digest")
        if claimed and not matches(manifest.data, self._digest(claimed, request)):
            raise _altered(request, f"the registry stored {claimed}, not {manifest.digest}")

    def wait_for(
        self, repository: Repository, reference: Tag | Digest, digest: Digest, lag: float
    ) -> Descriptor | None:
        """Return what ``reference`` names as soon as that is ``digest``, else what it names after ``lag`` seconds.

        A registry may lag behind its own writes; a client that does not wait looks once.
        """
        if self._waiting is None:
            return self.head(repository, reference)
        look = partial(self.head, repository, reference)
        return settled(look, digest, lag, self._waiting, self._clock, _named(repository, reference))

    def tags(self, repository: Repository) -> tuple[str, ...]:
        """Return the names of all tags; a repository that does not exist has none.

        Names outside the grammar of tags are left out: nothing can be read under them.
        """
        return listing.tags(self._endpoint, repository)

    def blob(self, repository: Repository, digest: Digest) -> bytes:
        """Return a small blob, as an image's configuration, verified; raises VerificationError where it is another."""
        request = self._blob_request("GET", repository, digest)
        response = self._endpoint.ask(request, repository, {_OK})
        if not response.complete:
            raise _altered(request, f"it is larger than {_BLOB_LIMIT} bytes")
        if not matches(response.body, digest):
            raise _altered(request, f"its bytes are {digest_of(response.body)}")
        return response.body

    def blob_exists(self, repository: Repository, digest: Digest) -> bool:
        """Tell whether the repository has this blob."""
        request = self._blob_request("HEAD", repository, digest)
        return self._endpoint.ask(request, repository, {_OK, _NOT_FOUND}).status == _OK

    def platforms(self, repository: Repository, manifest: Manifest) -> dict[Platform, Digest]:
        """Return the manifest of each platform.

        A manifest whose index does not say its platform, and a single image, say it in their configuration.
        """
        found: dict[Platform, Digest] = {}
        for child in manifest.children:
            if not child.is_attestation:
                platform = child.platform or self._platform(repository, self.get(repository, child.digest))
                found.setdefault(platform, child.digest)
        return found if manifest.is_index else {self._platform(repository, manifest): manifest.digest}

    def _redact(self, text: str) -> str:
        return self._endpoint.redact(text)

    def _platform(self, repository: Repository, manifest: Manifest) -> Platform:
        return manifest.platform_of(json_object(self.blob(repository, manifest.config.digest)))

    def find(self, repository: Repository, reference: Tag | Digest) -> Manifest | None:
        """Return what ``get`` returns, or ``None`` where there is none; raises VerificationError for other bytes."""
        request = self._manifest_request("GET", repository, reference)
        response = self._endpoint.ask(request, repository, {_OK, _NOT_FOUND})
        if response.status == _NOT_FOUND:
            self._endpoint.check_absent(request, response)
            return None
        if not response.complete:
            raise _altered(request, f"it is larger than {MANIFEST_LIMIT} bytes")
        claimed = response.headers.get("docker-content-digest")
        digests = [reference] if isinstance(reference, Digest) else []
        digests += [self._digest(claimed, request)] if claimed else []
        for digest in digests:
            if not matches(response.body, digest):
                raise _altered(request, f"its bytes are {digest_of(response.body)}, not {digest}")
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
            url=self._endpoint.url(repository, f"manifests/{reference}"),
            headers={"Accept": ACCEPT},
            limit=MANIFEST_LIMIT,
        )

    def _blob_request(self, method: str, repository: Repository, digest: Digest) -> Request:
        return Request(
            purpose=f"{_VERBS[method]} the blob {_named(repository, digest)}",
            method=method,
            url=self._endpoint.url(repository, f"blobs/{digest}"),
            limit=_BLOB_LIMIT,
        )

    def _digest(self, text: str, request: Request) -> Digest:
        try:
            return Digest.parse(text)
        except ConfigError:
            message = f"cannot {request.purpose}: {self.registry} answered {quoted(text)} for a digest"
            raise RegistryError(message, hint=f"Check that {self.registry} is a container registry.") from None


def _named(repository: Repository, reference: Tag | Digest) -> str:
    return f"{repository}{'@' if isinstance(reference, Digest) else ':'}{reference}"


def _media_type(response: Response) -> str:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()


def _altered(request: Request, what: str) -> VerificationError:
    hint = "Do not use it: something between here and the registry changes content, or the registry lost it."
    return VerificationError(f"cannot {request.purpose}: {what}", hint=hint)
