"""The grammar of paths and build contexts: inside the repository, or an address that BuildKit fetches.

Each function returns the value in its one spelling, or raises ConfigError.
"""

from __future__ import annotations

import posixpath
import re

from docker_push.config.grammar import IMAGE_REFERENCE, NAME_LIMIT, image, matched, refused
from docker_push.errors import ConfigError
from docker_push.references import quoted

RELATIVE = re.compile(r"(?![-~/])[^\x00-\x1f\x7f\\,\"]+")
PATH = re.compile(r"[\w.+@()#=/ ~-]+")
REMOTE = re.compile(r"(?:https|git|ssh)://[^\s,\"'\\]+|git@[A-Za-z0-9.-]+:[^\s,\"'\\]+")

_PATH_LIMIT = 1024
_USERINFO = re.compile(r"(?!ssh:)[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@|ssh://[^/?#@]*:[^/?#]*@")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def local_path(text: str) -> str:
    """Return a path inside the repository, normalised; symbolic links are another check, on disk."""
    allowed = "Give a path inside the repository, relative to build.toml's folder, as in infra/Dockerfile."
    path = posixpath.normpath(text) if text else ""
    outside = path == ".." or path.startswith(("../", "/"))
    if outside:
        raise ConfigError(f"{quoted(text)} leads out of the repository", hint=allowed)
    if path.startswith("github.com/"):  # docker takes it for an address
        raise refused(text, "a path", "Write https://github.com/... for the repository there.")
    if path.startswith(("-", "~")) or text != text.strip() or not PATH.fullmatch(path):
        allowed += " It begins with none of '-~' and holds letters, digits, spaces and '._-+@()#=/' alone."
        raise refused(text, "a path", allowed)
    if len(path) > _PATH_LIMIT or any(len(part) > NAME_LIMIT for part in path.split("/")):
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
    return matched(REMOTE, text, "an address of a build context", allowed, _PATH_LIMIT)


def context(text: str) -> str:
    """Return a build context: a folder of the repository, or the address of a remote one."""
    return remote(text) if is_remote(text) else local_path(text)


def context_name(text: str) -> str:
    """Check the name by which a Dockerfile knows a further context: a stage or an image."""
    allowed = "Give the name of a stage or of an image as the Dockerfile has it, as in base or busybox:1.37."
    return matched(IMAGE_REFERENCE, text, "the name of a context", allowed)


def named_context(text: str) -> str:
    """Return what a further context stands for, in its one spelling."""
    kind, colon, rest = text.partition(":")
    if kind == "target" and colon:
        return f"target:{image(rest)}"
    if text.startswith("docker-image://"):
        allowed = "Give docker-image:// and an image, as in docker-image://busybox:1.37."
        matched(IMAGE_REFERENCE, text.removeprefix("docker-image://"), "the name of an image", allowed, _PATH_LIMIT)
        return text
    if text.startswith("oci-layout://"):
        return _oci_layout(text.removeprefix("oci-layout://"))
    if is_remote(text) or not _SCHEME.match(text):
        return context(text)
    allowed = "Give target:IMAGE, docker-image://IMAGE, oci-layout://PATH, https://... or a folder of the repository."
    raise refused(text, "a context", allowed)


def _oci_layout(text: str) -> str:
    path, mark, rest = text, "", ""
    for separator in ("@", ":"):
        head, found, tail = path.partition(separator)
        if found:
            path, mark, rest = head, separator, f"{tail}{mark}{rest}"
    allowed = "Give oci-layout:// and a folder of the repository, then :TAG or @DIGEST."
    if mark and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._:@-]*", rest):
        raise refused(text, "an OCI layout", allowed)
    return f"oci-layout://{local_path(path)}{mark}{rest}"


def local_folder(text: str) -> str | None:
    """Return the path on this machine that a further context (``named_context``'s spelling) reads, if it reads one."""
    if text.startswith("oci-layout://"):
        return re.split("[:@]", text.removeprefix("oci-layout://"), maxsplit=1)[0]
    return None if is_remote(text) or text.startswith("target:") else text


def agent_path(text: str) -> str:
    """Check a socket or key of an SSH agent; it may be outside the repository."""
    if not text or text.startswith("-") or not text.isprintable() or set(text) & set(',"'):
        raise refused(text, "a path", "Give the path of a key or of an agent's socket, without commas and quotes.")
    return text
