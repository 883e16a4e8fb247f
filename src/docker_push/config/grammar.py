"""The grammar of single values: each function returns the value in its one spelling, or raises ConfigError.

One grammar for build.toml, flags and variables: a value means the same wherever it is said. Names are held to strict
grammars, since they become parts of command lines and of registry addresses; values of arguments and labels are data and
go through as they are. The patterns are as much of it as a JSON schema can say.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from docker_push.errors import ConfigError
from docker_push.references import Platform, Registry, Repository, Tag, quoted
from docker_push.reserved import is_reserved

PLATFORM = re.compile(r"[A-Za-z0-9_.]+/[A-Za-z0-9_.]+(?:/[A-Za-z0-9_.]+)?")
IMAGE = re.compile(r"[A-Za-z0-9]+(?:[._/-]+[A-Za-z0-9]+)*")
REPOSITORY = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]*(?:/[A-Za-z0-9._][A-Za-z0-9._-]*)+")
DOMAIN = re.compile(r"[A-Za-z0-9.:\[\]-]+")
TEMPLATE = re.compile(r"[A-Za-z0-9._/{}-]+")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
LPSM = re.compile(r"[A-Za-z0-9._-]+")
LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/:@+-]*")
SIZE = re.compile(r"[1-9][0-9]{0,14}(?:[bB]|[kKmMgG][bB]?)?")
HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
IMAGE_REFERENCE = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._:/@\[\]-]*")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
RUNNER = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._/=:+ -]*[A-Za-z0-9_])?")
FIELDS = re.compile(r"(?:[^,]+,)*type=(?:provenance|sbom)(?:,[^,]+)*")
SEMVER_TEMPLATES = ("{major}", "{major}.{minor}")
PATH_VARIABLES = ("repository", "owner", "repo", "image")
NAME_LIMIT = 255

_FIELD = re.compile(r"[a-z][a-z0-9_.-]*=[^,\s\"']*")
_CACHE_TYPES = ("registry", "gha", "s3", "azblob", "local", "inline")
_CACHE_SECRETS = ("token", "ghtoken", "access_key_id", "secret_access_key", "session_token", "account_key")
_ATTEST_TYPES = ("provenance", "sbom")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SAMPLE = {"repository": "owner/repo", "owner": "owner", "repo": "repo", "image": "image"}
_BRANCH_REFUSED = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(?:^|/)\.|\.lock(?:/|$)|^[-/]|[/.]$|^@$")


def refused(text: str, what: str, allowed: str) -> ConfigError:
    """Return the error of a text that is not what it should be."""
    return ConfigError(f"{quoted(text)} is not {what}", hint=allowed)


def matched(pattern: re.Pattern[str], text: str, what: str, allowed: str, limit: int = NAME_LIMIT) -> str:
    """Return a text that has a pattern and is not too long; raises ConfigError."""
    if len(text) > limit or not pattern.fullmatch(text):
        raise refused(text, what, allowed)
    return text


def platform(text: str) -> str:
    """Return a platform in its normalised spelling."""
    allowed = "Give os/architecture or os/architecture/variant, as in linux/arm64, linux/amd64 or linux/arm/v7."
    return str(Platform.parse(matched(PLATFORM, text, "a platform", allowed)))


def domain(text: str) -> str:
    """Return a registry's address in its one spelling."""
    return str(Registry.parse(text))


def image(text: str) -> str:
    """Return the name of an image or a group, lower-cased: one or several path components of the OCI grammar."""
    allowed = "A name is lower-case letters and digits, joined by '.', '_', '-' or '/', as in api or jobs/worker."
    try:
        return Repository.parse(Registry("localhost"), text).path
    except ConfigError:
        raise refused(text, "an image's name", allowed) from None


def repository(text: str) -> str:
    """Return a repository as the forge spells it: ``AtomiCloud/my-service``."""
    allowed = "Give OWNER/NAME as in AtomiCloud/my-service: letters, digits, '.', '_' and '-', at least one '/'."
    return matched(REPOSITORY, text, "a repository", allowed)


def path_template(text: str) -> str:
    """Check the path of images in a registry, with its variables filled in, against the OCI grammar."""
    variables = ", ".join(f"{{{name}}}" for name in PATH_VARIABLES)
    allowed = f"It may hold {variables}; the rest is lower-case letters and digits, joined by '.', '_', '-' and '/'."
    unknown = [name for name in _PLACEHOLDER.findall(text) if name not in PATH_VARIABLES]
    if unknown or set(_PLACEHOLDER.sub("", text)) & set("{}"):
        raise refused(text, "a path of images", allowed)
    try:
        Repository.parse(Registry("localhost"), text.format_map(_SAMPLE))
    except ConfigError:
        raise refused(text, "a path of images", allowed) from None
    return text


def variable(text: str) -> str:
    """Check the name of an environment variable, or of a build argument."""
    allowed = "A name is letters, digits and '_', and does not begin with a digit, as in NPM_TOKEN."
    return matched(VARIABLE, text, "the name of a variable", allowed)


def name(text: str) -> str:
    """Check a name of one word: a stage, a secret's id, a builder, an LPSM platform or service."""
    return matched(NAME, text, "a name", "A name is letters, digits, '.', '_' and '-', and begins with none of '.-'.")


def lpsm(text: str) -> str:
    """Check an LPSM platform or service; CI hands over a repository's name, which may begin with a dot."""
    return matched(LPSM, text, "a name", "A name is letters, digits, '.', '_' and '-', as in sulfoxide.")


def label(text: str) -> str:
    """Check the key of a label or annotation."""
    allowed = "A key begins with a letter or digit, then letters, digits and '._-/:@+', as in com.example.team."
    return matched(LABEL, text, "the key of a label", allowed)


def runner_label(text: str) -> str:
    """Check a label of a CI runner: it becomes part of a workflow, whose expressions it must not be able to hold."""
    allowed = "A label is letters, digits, blanks and '._/=:+-', and begins and ends with a letter or digit."
    return matched(RUNNER, text, "a runner's label", allowed)


def data(text: str) -> str:
    """Check a value that is data: anything but NUL, which ends strings in the programs that are run."""
    if "\0" in text:
        raise refused(text, "a value", "Any text is allowed, but not the character NUL.")
    return text


def filled(text: str) -> str:
    """Check a value that is somebody else's to read: there must be one, on one line."""
    if not text.strip() or not text.isprintable():
        raise refused(text, "a value", "Give one, or leave it out.")
    return text


def branch(text: str) -> str:
    """Check the name of a git branch (git-check-ref-format)."""
    if not text or len(text) > NAME_LIMIT or _BRANCH_REFUSED.search(text):
        raise refused(text, "a branch", "Give the branch as git names it, as in main or release/2.x.")
    return text


def size(text: str) -> str:
    """Check a size in bytes with its unit."""
    return matched(SIZE, text, "a size", "Give a number and a unit (b, k, m, g), as in 128m or 1g.")


def host(text: str) -> str:
    """Check a host's name."""
    return matched(HOST, text, "a host's name", "A host's name is letters, digits, '.', '_' and '-'.")


def address(text: str) -> str:
    """Check what a host's name stands for: an IP address, or the machine that builds."""
    try:
        return text if text == "host-gateway" else str(ipaddress.ip_address(text))
    except ValueError:
        raise refused(text, "an address", "Give an IP address as in 10.0.0.7 or ::1, or host-gateway.") from None


def semver_template(text: str) -> str:
    """Check a moving tag of releases."""
    if text not in SEMVER_TEMPLATES:
        raise refused(text, "a tag of releases", "Give {major} or {major}.{minor}; v1.2.3 itself is always tagged.")
    return text


def extra_tag(text: str) -> str:
    """Check a further tag: valid, and none that has a meaning of its own whatever [tags] says."""
    return unreserved(Tag.parse(text).name)


def unreserved(tag: str, sha_length: int = 40, semver: Iterable[str] = ()) -> str:
    """Check that a tag is none that runs make: latest, a version or what follows it, pr-N, a commit or its tag."""
    if is_reserved(tag, sha_length, semver):
        allowed = "A further tag is a name of your own, as in nightly: not latest, a version, pr-N or a commit."
        raise ConfigError(f"{quoted(tag)} has a meaning of its own as a tag", hint=allowed)
    return tag


def attestation(text: str) -> str:
    """Check what BuildKit attests: ``type=provenance,mode=max``, ``type=sbom``."""
    allowed = (
        "Give type=provenance or type=sbom and further NAME=VALUE, joined by commas, as in type=provenance,mode=min."
    )
    if _fields(text).get("type") not in _ATTEST_TYPES:
        raise refused(text, "an attestation", allowed)
    return text


def cache_entry(text: str) -> str:
    """Check where a build cache is: ``type=registry,ref=...`` and the like, or an image's name; never a credential."""
    fields = _fields(text)
    secret = next((key for key in fields if key in _CACHE_SECRETS), None)
    if secret:
        raise ConfigError(f"{secret} is a credential", hint="Leave it out: BuildKit takes it from its environment.")
    if fields.get("type") not in _CACHE_TYPES and not IMAGE_REFERENCE.fullmatch(text):
        allowed = f"Give type={'|'.join(_CACHE_TYPES)} and further NAME=VALUE, joined by commas, or an image's name."
        raise refused(text, "a build cache", allowed)
    return text


def _fields(text: str) -> dict[str, str]:
    """Read ``a=1,b=2``; nothing where a part has another shape or a name comes twice."""
    parts = text.split(",")
    pairs = dict(part.split("=", 1) for part in parts if _FIELD.fullmatch(part))
    return pairs if len(pairs) == len(parts) else {}
