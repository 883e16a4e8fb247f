"""Who we are to one registry: what it asked for, what was answered, and the tokens that still serve."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from docker_push.credentials import Credentials
from docker_push.errors import AuthenticationError
from docker_push.process import Redactor
from docker_push.references import Registry
from docker_push.registry.challenge import Challenge, usable
from docker_push.registry.refusals import Attempt, authentication_hint, refusal
from docker_push.registry.token import Audience, Token, basic, merged, token_of, token_request
from docker_push.registry.transport import Request, Response, Send

_GOOD = range(200, 300)


class Authorization:
    """Answer a registry's challenges, and keep its tokens by realm, service and scopes; safe among threads."""

    def __init__(
        self, registry: Registry, credentials: Credentials | None, *, send: Send, clock: Callable[[], float]
    ) -> None:
        self._registry = registry
        self._credentials = credentials
        self._send = send
        self._clock = clock
        self._lock = threading.Lock()
        self._challenge: Challenge | None = None
        self._served = False
        self._tokens: dict[tuple[str, str, tuple[str, ...]], Token] = {}

    @property
    def is_anonymous(self) -> bool:
        """Tell whether there are no credentials."""
        return self._credentials is None

    def accepted(self) -> None:
        """Remember that the registry took our credentials: a later refusal means that they have ended."""
        self._served = True

    def attempt(self, request: Request, server: str = "") -> Attempt:
        """Return what a refusal's message needs to know of us."""
        return Attempt(
            purpose=request.purpose,
            registry=str(self._registry),
            origin=self._credentials.origin if self._credentials else None,
            served=self._served,
            server=server,
            repository=request.call.repository if request.call else "",
            redact=self.redact,
        )

    def header(self, request: Request, scope: str) -> str | None:
        """Return the Authorization header for ``scope``; ``None`` until the registry asked for one."""
        with self._lock:
            challenge = self._challenge
        return None if challenge is None else self._answer(request, challenge, (scope,), refused=None)

    def answer(self, request: Request, response: Response, scope: str, refused: str | None) -> str | None:
        """Return the header that answers a 401, other than the ``refused`` one; ``None`` where there is no other.

        Raises AuthenticationError where credentials are asked for and there are none, or they are not accepted.
        """
        challenge = usable(response.headers.get("www-authenticate", ""))
        if challenge is None:
            return None
        with self._lock:
            self._challenge = challenge
        header = self._answer(request, challenge, (scope, *challenge.scopes), refused=refused)
        return None if header == refused else header

    def _answer(self, request: Request, challenge: Challenge, wanted: tuple[str, ...], *, refused: str | None) -> str:
        if challenge.scheme == "basic":
            return basic(self._basic_credentials(request))
        scopes = merged(wanted)
        key = (challenge.realm, challenge.parameters.get("service", ""), scopes)
        with self._lock:
            token = self._tokens.get(key)
        if token is None or self._clock() >= token.renew_at or f"Bearer {token.value}" == refused:
            token = self._fetch(request, challenge, scopes)
            with self._lock:
                self._tokens[key] = token
        return f"Bearer {token.value}"

    def _basic_credentials(self, request: Request) -> Credentials:
        if self._credentials is None or not self._credentials.password:
            message = f"cannot {request.purpose}: {self._registry} asks for a user name and a password, there are none"
            raise AuthenticationError(message, hint=authentication_hint(self.attempt(request)))
        return self._credentials

    def _fetch(self, request: Request, challenge: Challenge, scopes: tuple[str, ...]) -> Token:
        """Ask the token server; its refusals are of ``request``, which the token is for."""
        audience = Audience(registry=self._registry, plain=request.url.startswith("http:"))
        asked = token_request(request.purpose, challenge, scopes, self._credentials, audience)
        response = self._send(replace(asked, call=request.call))
        if response.status not in _GOOD:
            raise refusal(response, self.attempt(request, f"the token server {asked.host}"))
        return token_of(response, request.purpose, self._clock())

    def redact(self, text: str) -> str:
        """Take our password and tokens out of foreign text."""
        with self._lock:
            secrets = [token.value for token in self._tokens.values()]
        users = (self._credentials.username,) if self._credentials else ()
        return Redactor([*secrets, *(self._credentials.secrets if self._credentials else ())], users)(text)
