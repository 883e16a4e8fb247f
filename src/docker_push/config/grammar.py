"""The grammar of single values: each function returns the value in its one spelling, or raises ConfigError.

One grammar for build.toml, flags and variables: a value means the same wherever it is said. Names and paths are held to
strict grammars, since they become parts of command lines and of registry addresses; values of arguments and labels are
data and go through as they are.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Iterable

from docker_push.errors import ConfigError
from docker_push.references import Platform, Registry, Repository, Tag, quoted
from docker_push.versions import Version

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
RELATIVE = re.compile(r"(?![-~/])[^\x00-\x1f\x7f\\,\"]+")
PATH = re.compile(r"[\w.+@()#=/ ~-]+")
REMOTE = re.compile(r"(?:https|git|ssh)://[^\s,\"'\\]+|git@[A-Za-z0-9.-]+:[^\s,\"'\\]+")
IMAGE_REFERENCE = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._:/@\[\]-]*")
SEMVER_TEMPLATES = ("{major}", "{major}.{minor}")
PATH_VARIABLES = ("repository", "owner", "repo", "image")

TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
FIELDS = re.compile(r"(?:[^,]+,)*type=(?:provenance|sbom)(?:,[^,]+)*")

_FIELD = re.compile(r"[a-z][a-z0-9_.-]*=[^,\s\"']*")
_CACHE_TYPES = ("registry", "gha", "s3", "azblob", "local", "inline")
_CACHE_SECRETS = ("token", "ghtoken", "access_key_id", "secret_access_key", "session_token", "account_key")
_ATTEST_TYPES = ("provenance", "sbom")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SAMPLE = {"repository": "owner/repo", "owner": "owner", "repo": "repo", "image": "image"}
_PATH_LIMIT = 1024
_NAME_LIMIT = 255
_COMMIT_TAG = re.compile(r"(?P<sha>[0-9a-f]{6,64})(?P<rest>-.*)?")
_COMMIT_LENGTHS = (40, 64)  # SHA-1 and SHA-256
_NUMBER = re.compile(r"\\\{(?:major|minor)\\\}")  # in a template that re.escape has been over
_PULL_REQUEST = re.compile(r"pr-[0-9]+")
_BRANCH_REFUSED = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(?:^|/)\.|\.lock(?:/|$)|^[-/]|[/.]$|^@$")
_USERINFO = re.compile(r"(?!ssh:)[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@|ssh://[^/?#@]*:[^/?#]*@")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def _refuse(text: str, what: str, allowed: str) -> ConfigError:
    return ConfigError(f"{quoted(text)} is not {what}", hint=allowed)


def _matched(pattern: re.Pattern[str], text: str, what: str, allowed: str, limit: int = _NAME_LIMIT) -> str:
    if len(text) > limit or not pattern.fullmatch(text):
        raise _refuse(text, what, allowed)
    return text


def platform(text: str) -> str:
    """Return a platform in its normalised spelling."""
    allowed = "Give os/architecture or os/architecture/variant, as in linux/arm64, linux/amd64 or linux/arm/v7."
    return str(Platform.parse(_matched(PLATFORM, text, "a platform", allowed)))


def domain(text: str) -> str:
    """Return a registry's address in its one spelling."""
    return str(Registry.parse(text))


def image(text: str) -> str:
    """Return the name of an image or a group, lower-cased: one or several path components of the OCI grammar."""
    allowed = "A name is lower-case letters and digits, joined by '.', '_', '-' or '/', as in api or jobs/worker."
    try:
        return Repository.parse(Registry("localhost"), text).path
    except ConfigError:
        raise _refuse(text, "an image's name", allowed) from None


def repository(text: str) -> str:
    """Return a repository as the forge spells it: ``AtomiCloud/my-service``."""
    allowed = "Give OWNER/NAME as in AtomiCloud/my-service: letters, digits, '.', '_' and '-', at least one '/'."
    return _matched(REPOSITORY, text, "a repository", allowed)


def path_template(text: str) -> str:
    """Check the path of images in a registry, with its variables filled in, against the OCI grammar."""
    variables = ", ".join(f"{{{name}}}" for name in PATH_VARIABLES)
    allowed = f"It may hold {variables}; the rest is lower-case letters and digits, joined by '.', '_', '-' and '/'."
    unknown = [name for name in _PLACEHOLDER.findall(text) if name not in PATH_VARIABLES]
    if unknown or set(_PLACEHOLDER.sub("", text)) & set("{}"):
        raise _refuse(text, "a path of images", allowed)
    try:
        Repository.parse(Registry("localhost"), text.format_map(_SAMPLE))
    except ConfigError:
        raise _refuse(text, "a path of images", allowed) from None
    return text


def variable(text: str) -> str:
    """Check the name of an environment variable, or of a build argument."""
    allowed = "A name is letters, digits and '_', and does not begin with a digit, as in NPM_TOKEN."
    return _matched(VARIABLE, text, "the name of a variable", allowed)


def name(text: str) -> str:
    """Check a name of one word: a stage, a secret's id, a builder, an LPSM platform or service."""
    return _matched(NAME, text, "a name", "A name is letters, digits, '.', '_' and '-', and begins with none of '.-'.")


def lpsm(text: str) -> str:
    """Check an LPSM platform or service; CI hands over a repository's name, which may begin with a dot."""
    return _matched(LPSM, text, "a name", "A name is letters, digits, '.', '_' and '-', as in sulfoxide.")


def label(text: str) -> str:
    """Check the key of a label or annotation."""
    allowed = "A key begins with a letter or digit, then letters, digits and '._-/:@+', as in com.example.team."
    return _matched(LABEL, text, "the key of a label", allowed)


def data(text: str) -> str:
    """Check a value that is data: anything but NUL, which ends strings in the programs that are run."""
    if "\0" in text:
        raise _refuse(text, "a value", "Any text is allowed, but not the character NUL.")
    return text


def filled(text: str) -> str:
    """Check a value that is somebody else's to read: there must be one, on one line."""
    if not text.strip() or not text.isprintable():
        raise _refuse(text, "a value", "Give one, or leave it out.")
    return text


def branch(text: str) -> str:
    """Check the name of a git branch (git-check-ref-format)."""
    if not text or len(text) > _NAME_LIMIT or _BRANCH_REFUSED.search(text):
        raise _refuse(text, "a branch", "Give the branch as git names it, as in main or release/2.x.")
    return text


def size(text: str) -> str:
    """Check a size in bytes with its unit."""
    return _matched(SIZE, text, "a size", "Give a number and a unit (b, k, m, g), as in 128m or 1g.")


def host(text: str) -> str:
    """Check a host's name."""
    return _matched(HOST, text, "a host's name", "A host's name is letters, digits, '.', '_' and '-'.")


def address(text: str) -> str:
    """Check what a host's name stands for: an IP address, or the machine that builds."""
    try:
        return text if text == "host-gateway" else str(ipaddress.ip_address(text))
    except ValueError:
        raise _refuse(text, "an address", "Give an IP address as in 10.0.0.7 or ::1, or host-gateway.") from None


def semver_template(text: str) -> str:
    """Check a moving tag of releases."""
    if text not in SEMVER_TEMPLATES:
        raise _refuse(text, "a tag of releases", "Give {major} or {major}.{minor}; v1.2.3 itself is always tagged.")
    return text


def extra_tag(text: str) -> str:
    """Check a further tag: valid, and none that has a meaning of its own whatever [tags] says."""
    return unreserved(Tag.parse(text).name)


def unreserved(tag: str, sha_length: int = 40, semver: Iterable[str] = ()) -> str:
    """Check that a tag is none that runs make: latest, a version or what follows it, pr-N, a commit or its tag."""
    match = _COMMIT_TAG.fullmatch(tag)
    length = len(match["sha"]) if match else 0
    commit = length in _COMMIT_LENGTHS or (match and match["rest"] and length == sha_length)
    moving = any(re.fullmatch(_NUMBER.sub("[0-9]+", re.escape(template)), tag) for template in semver)
    if tag == "latest" or commit or moving or _PULL_REQUEST.fullmatch(tag) or Version.find(tag):
        allowed = "A further tag is a name of your own, as in nightly: not latest, a version, pr-N or a commit."
        raise ConfigError(f"{quoted(tag)} has a meaning of its own as a tag", hint=allowed)
    return tag


def attestation(text: str) -> str:
    """Check what BuildKit attests: ``type=provenance,mode=max``, ``type=sbom``."""
    allowed = (
        "Give type=provenance or type=sbom and further NAME=VALUE, joined by commas, as in type=provenance,mode=min."
    )
    if _fields(text).get("type") not in _ATTEST_TYPES:
        raise _refuse(text, "an attestation", allowed)
    return text


def cache_entry(text: str) -> str:
    """Check where a build cache is: ``type=registry,ref=...`` and the like, or an image's name; never a credential."""
    fields = _fields(text)
    secret = next((key for key in fields if key in _CACHE_SECRETS), None)
    if secret:
        raise ConfigError(f"{secret} is a credential", hint="Leave it out: BuildKit takes it from its environment.")
    if fields.get("type") not in _CACHE_TYPES and not IMAGE_REFERENCE.fullmatch(text):
        allowed = f"Give type={'|'.join(_CACHE_TYPES)} and further NAME=VALUE, joined by commas, or an image's name."
        raise _refuse(text, "a build cache", allowed)
    return text


def _fields(text: str) -> dict[str, str]:
    """Read ``a=1,b=2``; nothing where a part has another shape or a name comes twice."""
    parts = text.split(",")
    pairs = dict(part.split("=", 1) for part in parts if _FIELD.fullmatch(part))
    return pairs if len(pairs) == len(parts) else {}


def local_path(text: str) -> str:
    """Return a path inside the repository, normalised; symbolic links are another check, on disk."""
    allowed = "Give a path inside the repository, relative to build.toml's folder, as in infra/Dockerfile."
    path = posixpath.normpath(text) if text else ""
    outside = path == ".." or path.startswith(("../", "/"))
    if outside:
        raise ConfigError(f"{quoted(text)} leads out of the repository", hint=allowed)
    if path.startswith("github.com/"):  # docker takes it for an address
        raise _refuse(text, "a path", "Write https://github.com/... for the repository there.")
    if path.startswith(("-", "~")) or text != text.strip() or not PATH.fullmatch(path):
        allowed += " It begins with none of '-~' and holds letters, digits, spaces and '._-+@()#=/' alone."
        raise _refuse(text, "a path", allowed)
    if len(path) > _PATH_LIMIT or any(len(part) > _NAME_LIMIT for part in path.split("/")):
        raise ConfigError(f"{quoted(text)} is too long for a path", hint=allowed)
    return path


def is_remote(text: str) -> bool:
    """Tell whether a build context is fetched by BuildKit instead of sent from this machine."""
    return text.startswith("git@") or "://" in text


def remote(text: str) -> str:
    """Check the address of a remote build context; one with credentials in it is refused."""
    if _USERINFO.match(text):
        # not quoted: it may hold a password
        raise ConfigError("the address holds a name or password", hint="Leave it out, and give BuildKit a secret.")
    allowed = "Give a folder of the repository, or https://..., git://..., ssh://... or git@HOST:PATH."
    return _matched(REMOTE, text, "an address of a build context", allowed, _PATH_LIMIT)


def context(text: str) -> str:
    """Return a build context: a folder of the repository, or the address of a remote one."""
    return remote(text) if is_remote(text) else local_path(text)


def context_name(text: str) -> str:
    """Check the name by which a Dockerfile knows a further context: a stage or an image."""
    allowed = "Give the name of a stage or of an image as the Dockerfile has it, as in base or busybox:1.37."
    return _matched(IMAGE_REFERENCE, text, "the name of a context", allowed)


def named_context(text: str) -> str:
    """Return what a further context stands for, in its one spelling."""
    kind, colon, rest = text.partition(":")
    if kind == "target" and colon:
        return f"target:{image(rest)}"
    if text.startswith("docker-image://"):
        allowed = "Give docker-image:// and an image, as in docker-image://busybox:1.37."
        _matched(IMAGE_REFERENCE, text.removeprefix("docker-image://"), "the name of an image", allowed, _PATH_LIMIT)
        return text
    if text.startswith("oci-layout://"):
        return _oci_layout(text.removeprefix("oci-layout://"))
    if is_remote(text) or not _SCHEME.match(text):
        return context(text)
    allowed = "Give target:IMAGE, docker-image://IMAGE, oci-layout://PATH, https://... or a folder of the repository."
    raise _refuse(text, "a context", allowed)


def _oci_layout(text: str) -> str:
    path, mark, rest = text, "", ""
    for separator in ("@", ":"):
        head, found, tail = path.partition(separator)
        if found:
            path, mark, rest = head, separator, f"{tail}{mark}{rest}"
    allowed = "Give oci-layout:// and a folder of the repository, then :TAG or @DIGEST."
    if mark and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._:@-]*", rest):
        raise _refuse(text, "an OCI layout", allowed)
    return f"oci-layout://{local_path(path)}{mark}{rest}"


def local_folder(text: str) -> str | None:
    """Return the path on this machine that a further context (``named_context``'s spelling) reads, if it reads one."""
    if text.startswith("oci-layout://"):
        return re.split("[:@]", text.removeprefix("oci-layout://"), maxsplit=1)[0]
    return None if is_remote(text) or text.startswith("target:") else text


def agent_path(text: str) -> str:
    """Check a socket or key of an SSH agent; it may be outside the repository."""
    if not text or text.startswith("-") or not text.isprintable() or set(text) & set(',"'):
        raise _refuse(text, "a path", "Give the path of a key or of an agent's socket, without commas and quotes.")
    return text
