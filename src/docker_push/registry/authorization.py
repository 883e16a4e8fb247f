"""Who we are to one registry: what it asked for, what was answered, and the tokens that still serve."""

from __future__ import annotations

import threading
from collections.abc import Callable

from docker_push.credentials import Credentials
from docker_push.errors import AuthenticationError
from docker_push.process import Redactor
from docker_push.references import Registry
from docker_push.registry.challenge import Challenge, usable
from docker_push.registry.redirects import follow
from docker_push.registry.refusals import Attempt, authentication_hint, refusal
from docker_push.registry.token import Token, basic, merged, token_of, token_request
from docker_push.registry.transport import Response, Send

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
        self._tokens: dict[tuple[str, str, tuple[str, ...]], Token] = {}

    def attempt(self, purpose: str) -> Attempt:
        """Return what a refusal's message needs to know of us."""
        origin = self._credentials.origin if self._credentials else None
        return Attempt(purpose=purpose, registry=str(self._registry), origin=origin, redact=self.redact)

    def redact(self, text: str) -> str:
        """Take our password and tokens out of foreign text."""
        with self._lock:
            secrets = [token.value for token in self._tokens.values()]
        users = []
        if self._credentials:
            secrets += [self._credentials.password, self._credentials.identity_token]
            users = [self._credentials.username]
        return Redactor(secrets, users)(text)

    def header(self, scope: str, *, plain: bool) -> str | None:
        """Return the Authorization header for ``scope``; ``None`` until the registry asked for one."""
        with self._lock:
            challenge = self._challenge
        return None if challenge is None else self._answer(challenge, (scope,), None, plain=plain)

    def answer(self, response: Response, scope: str, refused: str | None, *, plain: bool) -> str | None:
        """Return the header that answers a 401, other than the ``refused`` one; ``None`` where there is no other.

        Raises AuthenticationError where credentials are asked for and there are none, or they are not accepted.
        """
        challenge = usable(response.headers.get("www-authenticate", ""))
        if challenge is None:
            return None
        with self._lock:
            self._challenge = challenge
        header = self._answer(challenge, (scope, *challenge.scopes), refused, plain=plain)
        return None if header == refused else header

    def _answer(self, challenge: Challenge, wanted: tuple[str, ...], refused: str | None, *, plain: bool) -> str:
        if challenge.scheme == "basic":
            return basic(self._basic_credentials())
        scopes = merged(wanted)
        key = (challenge.realm, challenge.parameters.get("service", ""), scopes)
        with self._lock:
            token = self._tokens.get(key)
        if token is not None and self._clock() < token.renew_at and f"Bearer {token.value}" != refused:
            return f"Bearer {token.value}"
        token = self._fetch(challenge, scopes, plain=plain)
        with self._lock:
            self._tokens[key] = token
        return f"Bearer {token.value}"

    def _basic_credentials(self) -> Credentials:
        if self._credentials is None or not self._credentials.password:
            message = f"{self._registry} asks for a user name and a password, and there are none"
            raise AuthenticationError(message, hint=authentication_hint(self.attempt("log in")))
        return self._credentials

    def _fetch(self, challenge: Challenge, scopes: tuple[str, ...], *, plain: bool) -> Token:
        request = token_request(challenge, scopes, self._credentials, self._registry, plain=plain)
        response = follow(request, self._send)
        if response.status not in _GOOD:
            raise refusal(response, self.attempt(request.purpose))
        return token_of(response, self._registry, self._clock())
