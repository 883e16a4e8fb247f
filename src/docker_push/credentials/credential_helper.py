"""Credential helpers: the programs ``docker-credential-NAME`` that keep docker's logins in a system's own store.

Protocol: docker-credential-helpers, "get": the server on standard input, a JSON object on standard output; an error is
a status other than 0 with its words on standard output.
"""

from __future__ import annotations

import json
import re

from docker_push.credentials.account import Credentials
from docker_push.errors import AuthenticationError, BuilderError
from docker_push.process import Completed, Runner, one_line
from docker_push.references import Registry, quoted

_TIMEOUT = 10.0  # seconds; a locked keychain may wait for a person who is not there
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_IDENTITY = "<token>"  # the user name under which an identity token is kept
_NOTHING = "credentials not found"
_HALF = re.compile("[\ud800-\udfff]")  # of a surrogate pair: JSON can hold it, no encoding can


def ask(helper: str, registry: Registry, runner: Runner) -> Credentials | None:
    """Return what the helper ``docker-credential-<helper>`` keeps for ``registry``, or ``None`` where it has nothing.

    Raises AuthenticationError, naming the helper and the next step, where it is missing, fails, hangs for ten seconds
    or does not speak its protocol.
    """
    if not _NAME.fullmatch(helper):
        raise _useless(helper, registry, "has a name that no helper can have")
    program = f"docker-credential-{helper}"
    if runner.which(program) is None:
        raise _useless(helper, registry, f"is not installed (there is no {program} on the PATH)")
    try:
        completed = runner.run([program, "get"], input=registry.config_key, timeout=_TIMEOUT)
    except BuilderError:
        raise _useless(helper, registry, f"did not answer within {_TIMEOUT:g} s") from None
    return answer(completed, helper, registry, runner)


def answer(completed: Completed, helper: str, registry: Registry, runner: Runner) -> Credentials | None:
    """Read what a helper left; pure. Raises AuthenticationError; what it printed is shown only where it says it failed."""
    if completed.status != 0:
        words = f"{completed.stdout} {completed.stderr}"
        if _NOTHING in words.lower():
            return None
        raise _useless(helper, registry, f"failed: {one_line(words, runner.redact) or f'status {completed.status}'}")
    try:
        found = json.loads(completed.stdout)
    except (ValueError, RecursionError):
        found = None
    username, secret = (found.get("Username"), found.get("Secret")) if isinstance(found, dict) else (None, None)
    if not isinstance(username, str) or not isinstance(secret, str) or _HALF.search(f"{username}{secret}"):
        raise _useless(helper, registry, "printed something else than a user name and a secret")
    if not secret:
        return None
    origin = f"credential helper {helper}"
    if username == _IDENTITY:
        return Credentials(username="", identity_token=secret, origin=origin)
    return Credentials(username=username, password=secret, origin=origin)


def _useless(helper: str, registry: Registry, problem: str) -> AuthenticationError:
    hint = (
        f"Run `docker-credential-{helper} get` by itself, take the helper out of docker's config.json, or set"
        " DOCKER_USER and DOCKER_PASSWORD."
    )
    shown = helper if _NAME.fullmatch(helper) else quoted(helper)
    return AuthenticationError(f"no credentials for {registry}: the credential helper {shown} {problem}", hint=hint)
