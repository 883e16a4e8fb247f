"""One registry's API as something to ask: scheme, redirects, authorization and refusals, the same for every call."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn
from urllib.parse import urlsplit

from docker_push.credentials import Credentials
from docker_push.errors import AuthenticationError, PermissionDeniedError, RateLimitError, RegistryError
from docker_push.references import Registry, Repository
from docker_push.registry.authorization import Authorization
from docker_push.registry.complaints import complaint
from docker_push.registry.redirects import next_url, origin
from docker_push.registry.refusals import authentication_hint, lacks_scope, refusal
from docker_push.registry.token import scope
from docker_push.registry.transport import Call, Request, Response, Send

_UNAUTHORIZED, _BAD_REQUEST = 401, 400
_TLS_PORT = re.compile(rb"HTTP request (?:was sent )?to (?:an )?HTTPS", re.IGNORECASE)  # Go's and nginx's words
_NEXT = re.compile(r'<([^<>]{1,8192})>\s*;[^,<]{0,256}?\brel="?next"?', re.IGNORECASE)  # RFC 8288


class Endpoint:
    """Ask one registry, as whoever the credentials say; safe among threads.

    Plain http is spoken where ``plain`` says so; when the answer is that this port wants TLS, TLS it is from then on,
    and never the other way.
    """

    def __init__(
        self,
        registry: Registry,
        credentials: Credentials | None,
        *,
        plain: bool,
        send: Send,
        clock: Callable[[], float],
    ) -> None:
        self.registry = registry
        self._plain = plain
        self._send = send
        self._clock = clock
        self._authorization = Authorization(registry, credentials, send=send, clock=clock)

    def url(self, repository: Repository | None = None, tail: str = "") -> str:
        """Return the URL of a call: ``tail`` is what follows the repository's name, as in ``tags/list``."""
        path = f"{_name(repository)}/{tail}" if repository else ""
        return f"{'http' if self._plain else 'https'}://{self.registry.api_host}/v2/{path}"

    def ask(self, request: Request, repository: Repository, good: Container[int], *, push: bool = False) -> Response:
        """Send ``request`` with the right to read or to push; raises the refusal for any status but the ``good`` ones.

        A push without credentials is refused here, unless the registry is on this machine: registries answer it with a
        puzzling error, and it is always a login that was lost. A request without a call begins one.
        """
        if repository.registry != self.registry:
            raise ValueError(f"{repository} is not in {self.registry}")
        name = _name(repository)
        request = request if request.call else replace(request, call=self.begun(repository))
        if push and self._authorization.is_anonymous and not self.registry.is_loopback:
            message = f"cannot {request.purpose}: there are no credentials for {self.registry}"
            raise AuthenticationError(message, hint=authentication_hint(self._authorization.attempt(request)))
        response = self._authorised(request, scope(name, push=push))
        if not push and not self._authorization.is_anonymous and lacks_scope(response):
            # Docker Hub hides a repository that does not exist yet from all but those who may push to it
            response = self._authorised(request, scope(name, push=True))
        if response.status not in good:
            self.refuse(request, response)
        return response

    def begun(self, repository: Repository) -> Call:
        """Return a call that begins now: all that it needs shares the time that one may take."""
        return Call(repository=repository.path, began=self._clock())

    def redact(self, text: str) -> str:
        """Take our password and tokens out of foreign text."""
        return self._authorization.redact(text)

    def refuse(self, request: Request, response: Response) -> NoReturn:
        """Raise the error for an answer that is a refusal."""
        if response.status == _UNAUTHORIZED and not self._is_own(response.url):
            other = urlsplit(response.url).hostname
            message = (
                f"cannot {request.purpose}: {self.registry} redirects to {other}, which asks for a login of its own"
            )
            raise AuthenticationError(message, hint=f"If {other} is your registry, name it in [registry] domain.")
        raise refusal(response, self._authorization.attempt(request))

    def check_absent(self, request: Request, response: Response) -> None:
        """Take a 404 for "there is none" only where it speaks like a registry: a web server's page is a refusal."""
        if response.body and not complaint(response).code:
            self.refuse(request, response)

    def next_page(self, request: Request, response: Response) -> Request | None:
        """Return the request for the page that the Link header of ``response`` names; raises RegistryError.

        It must be another one, of the same registry: credentials go along.
        """
        link = _NEXT.search(response.headers.get("link", ""))
        if link is None:
            return None
        url = next_url(replace(request, url=response.url), link[1])
        if not self._is_own(url) or url == request.url:
            hint = "Tell the registry's operator: its Link header leads elsewhere."
            raise RegistryError(f"cannot {request.purpose}: the next page is not one of {self.registry}", hint=hint)
        return replace(request, url=url)

    def cancel(self, request: Request, opened: Response, repository: Repository) -> None:
        """Cancel the upload that ``request`` opened (distribution-spec: clients should, and may ignore a failure).

        The registry forgets it in time anyway. Our credentials go along where it is in this registry alone.
        """
        location = opened.headers.get("location")
        if location is None:
            return
        with suppress(AuthenticationError, PermissionDeniedError, RateLimitError, RegistryError):
            url = next_url(replace(request, url=opened.url), location)
            deletion = replace(request, method="DELETE", url=url, body=None)
            wanted = scope(_name(repository), push=True)
            header = self._authorization.header(self._placed(deletion), wanted) if self._is_own(url) else None
            self.deliver(deletion, header)

    def deliver(self, request: Request, header: str | None = None) -> Response:
        """Send ``request`` with the Authorization ``header``, and move to TLS where that is asked."""
        headers = {**request.headers, **({"Authorization": header} if header else {})}
        placed = self._placed(request)
        response = self._send(replace(placed, headers=headers))
        if response.status == _BAD_REQUEST and self._wants_tls(placed, response):
            self._plain = False
            response = self._send(replace(self._placed(request), headers=headers))
        return response

    def _authorised(self, request: Request, wanted: str) -> Response:
        """Send with what serves, answer the challenge, and renew once what no longer serves."""
        sent = self._authorization.header(self._placed(request), wanted)
        response = self.deliver(request, sent)
        for _ in range(1 if sent else 2):
            if response.status != _UNAUTHORIZED or not self._is_own(response.url):
                break
            answer = self._authorization.answer(self._placed(request), response, wanted, sent)
            if answer is None:
                break
            sent = answer
            response = self.deliver(request, sent)
        if sent and response.status != _UNAUTHORIZED:
            self._authorization.accepted()
        return response

    def _wants_tls(self, request: Request, response: Response) -> bool:
        """Tell whether plain http was answered with the wish for TLS; a HEAD has no body to say so and is repeated."""
        if not request.url.startswith("http:"):
            return False
        body = response.body or self._send(replace(request, method="GET", body=None)).body
        return _TLS_PORT.search(body) is not None

    def _placed(self, request: Request) -> Request:
        """Return ``request`` with the scheme that is spoken now; it may have been made before that changed."""
        return request if self._plain else replace(request, url=_with_tls(request.url))

    def _is_own(self, url: str) -> bool:
        return origin(url) == origin(self.url())


def _name(repository: Repository) -> str:
    """Return the repository's name in the API: Docker Hub keeps names without an owner under ``library/``."""
    bare = repository.registry.host == "docker.io" and "/" not in repository.path
    return f"library/{repository.path}" if bare else repository.path


def _with_tls(url: str) -> str:
    return f"https:{url[len('http:') :]}" if url.startswith("http:") else url
