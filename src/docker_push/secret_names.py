"""Which variables and build arguments hold a secret, by their names alone. Pure, and light enough for every start."""

from __future__ import annotations

import re
from collections.abc import Mapping

# The idea is BuildKit's check SecretsUsedInArgOrEnv (moby/buildkit, frontend/dockerfile/linter and dockerfile2llb): a word of
# the name says that the value is a secret, unless another says that it is none. Ours reads camel case and digits too, and
# words that are written as one (PGPASSWORD).
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET = re.compile(
    "apikey|accesskey|secretkey|privatekey|signingkey|auth|credentials?|creds|jwt|key|pass|passphrase"
    "|pat|pword|pwd|[a-z]*(?:passwords?|passwd|secrets?|token)"
)
_PUBLIC = re.compile("public|pub")
# as the last word they say that the value is about a secret: where it is, how long, of which kind
_ABOUT = re.compile(
    "algorithm|audience|bits|count|dir|endpoint|expiry|file|host|issuer|length|limit|mode|name|path|port|provider|realm"
    "|server|size|ttl|type|uri|url|version"
)
REMOTE_USERS = ("x-access-token", "gitlab-ci-token")  # whose passwords GitHub's and GitLab's tokens are
_REMOTE = ("GITHUB_TOKEN", "CI_JOB_TOKEN")
_CACHES = ("ACTIONS_RUNTIME_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_NO_SECRET = frozenset({"", "true", "false", "yes", "no", "on", "off", "0", "1"})


def looks_secret(name: str) -> bool:
    """Tell whether a variable or build argument is by its name one that holds a secret.

    ``API_TOKEN``, ``DB_PASSWORD``, ``npmAuthToken`` and ``KEY2`` are; ``TOKENIZER``, ``PUBLIC_KEY`` and ``TOKEN_URL`` are not.
    """
    words = [word.lower() for word in _WORD.findall(name)]
    if words == ["pwd"] or not any(map(_SECRET.fullmatch, words)):  # PWD: the shell's folder
        return False
    return not any(map(_PUBLIC.fullmatch, words)) and not _ABOUT.fullmatch(words[-1])


def is_switch(value: str) -> bool:
    """Tell whether a value is empty or turns something on or off: it is no secret, whatever its name."""
    return value.lower() in _NO_SECRET


def secrets_in(variables: Mapping[str, str]) -> list[str]:
    """Return the values of all variables that are by their names secrets."""
    return [value for name, value in variables.items() if looks_secret(name) and not is_switch(value)]


def tokens(variables: Mapping[str, str]) -> list[str]:
    """Return the tokens with which a CI's git remote, or a build cache, may be reached."""
    return [variables[name] for name in (*_REMOTE, *_CACHES) if variables.get(name)]
