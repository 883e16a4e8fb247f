"""Names of the registry world as values: parsed once, never concatenated after.

Grammar: OCI distribution-spec v1.1.1, "Pulling manifests" (name and tag), OCI image-spec v1.1 "Digests", and
distribution/reference for the limits that clients share (255 characters for a repository's path). Platforms are
normalised as containerd does (``platforms.Normalize``), so that ``linux/aarch64`` and ``linux/arm64/v8`` are one.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from docker_push.errors import ConfigError

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
DIGEST_PATTERN = "^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$"
_DIGEST = re.compile(DIGEST_PATTERN)
_HOST_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = re.compile(rf"(?P<host>\[[0-9a-fA-F:]+\]|{_HOST_LABEL}(?:\.{_HOST_LABEL})*)(?::(?P<port>[0-9]{{1,5}}))?")
_PLATFORM_PART = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_PATH_LIMIT = 255  # distribution/reference RepositoryNameTotalLengthMax
_MAX_PORT = 65535
_PLATFORM_PARTS = (2, 3)
_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "armhf": "arm",
    "armel": "arm",
}
_DOCKER_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


def quoted(text: str) -> str:
    """Show foreign text in a message: quoted, control characters escaped, cut at 80 characters."""
    shown = text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - a terminal's width
    return ascii(shown) if not shown.isprintable() else f"'{shown}'"


def _is_host(host: str) -> bool:
    """Tell whether what stands in brackets is an IPv6 address (RFC 3986, section 3.2.2); any other host is a name."""
    if not host.startswith("["):
        return True
    try:
        return bool(ipaddress.IPv6Address(host.strip("[]")))
    except ValueError:
        return False


@dataclass(frozen=True)
class Registry:
    """A registry's address: ``ghcr.io``, ``localhost:5000``, ``[::1]:5000``; Docker Hub is always ``docker.io``."""

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> Registry:
        """Read ``host[:port]``; raises ConfigError with what is allowed."""
        match = _HOST.fullmatch(text)
        port = int(match["port"]) if match and match["port"] else None
        if match is None or (port is not None and not 0 < port <= _MAX_PORT) or not _is_host(match["host"]):
            hint = "Give host or host:port as in ghcr.io or localhost:5000, without a scheme or a path."
            raise ConfigError(f"{quoted(text)} is not a registry's address", hint=hint)
        host = match["host"].lower()
        return cls("docker.io" if host in _DOCKER_HUB else host, port)

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Tell whether the address is this machine: plain http and anonymous pushes are for these alone."""
        bare = self.host.strip("[]")
        if bare == "localhost" or bare.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(bare).is_loopback
        except ValueError:
            return False

    @property
    def api_host(self) -> str:
        """Return the host that speaks the distribution API: Docker Hub's differs from its name."""
        return "registry-1.docker.io" if self.host == "docker.io" else str(self)

    @property
    def config_key(self) -> str:
        """Return the key of this registry's entry in docker's config.json (docker/cli writes Hub's as a v1 URL)."""
        return "https://index.docker.io/v1/" if self.host == "docker.io" else str(self)


@dataclass(frozen=True)
class Repository:
    """A place for images in a registry: ``ghcr.io/atomicloud/my-service/api``."""

    registry: Registry
    path: str

    @classmethod
    def parse(cls, registry: Registry, path: str) -> Repository:
        """Check ``path``, lower-cased, against the OCI grammar; raises ConfigError with what is allowed."""
        lowered = path.lower()
        if not _PATH.fullmatch(lowered) or len(lowered) > _PATH_LIMIT:
            hint = (
                "Each part between slashes is lower-case letters and digits, joined by '.', '_', '__' or '-'"
                f" (at most {_PATH_LIMIT} characters in all); set [registry] path in build.toml to a name that fits."
            )
            raise ConfigError(f"{quoted(path)} is not a repository path that registries accept", hint=hint)
        return cls(registry, lowered)

    def __str__(self) -> str:
        return f"{self.registry}/{self.path}"


@dataclass(frozen=True)
class Tag:
    """A tag's name."""

    name: str

    @classmethod
    def parse(cls, text: str) -> Tag:
        """Check ``text`` against the OCI grammar; raises ConfigError with what is allowed."""
        if not cls.is_valid(text):
            hint = "A tag is a letter, digit or '_', then at most 127 letters, digits, '.', '_' and '-'."
            raise ConfigError(f"{quoted(text)} is not a tag", hint=hint)
        return cls(text)

    @staticmethod
    def is_valid(text: str) -> bool:
        """Tell whether ``text`` is a tag by the OCI grammar."""
        return _TAG.fullmatch(text) is not None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Digest:
    """A content address: ``sha256:`` and 64 hexadecimal digits."""

    value: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Check ``text`` against the image-spec's grammar; raises ConfigError."""
        if not _DIGEST.fullmatch(text):
            hint = "A digest is 'sha256:' and 64 hexadecimal digits, in lower case."
            raise ConfigError(f"{quoted(text)} is not a digest", hint=hint)
        return cls(text)

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Reference:
    """An image in a repository, by tag, by digest, or by both."""

    repository: Repository
    tag: Tag | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read ``registry/path[:tag][@digest]``; raises ConfigError.

        The registry must be named (its first part has a dot, a colon, or is ``localhost``): there is no default, so that
        no image goes to Docker Hub by mistake.
        """
        rest, at, digest = text.partition("@")
        host, slash, remainder = rest.partition("/")
        if not slash or not ({".", ":"} & set(host) or host == "localhost"):
            hint = "Name the registry first, as in ghcr.io/owner/repository/image:tag."
            raise ConfigError(f"{quoted(text)} is not an image reference", hint=hint)
        path, colon, tag = remainder.partition(":")
        if path != path.lower():
            hint = "Repository paths are lower case."
            raise ConfigError(f"{quoted(text)} is not an image reference", hint=hint)
        repository = Repository.parse(Registry.parse(host), path)
        return cls(repository, Tag.parse(tag) if colon else None, Digest.parse(digest) if at else None)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}@{self.digest}" if self.digest else f"{self.repository}{tag}"


@dataclass(frozen=True)
class Platform:
    """What an image runs on: ``linux/arm64``, ``linux/arm/v7``."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``os/architecture[/variant]`` and normalise it; raises ConfigError with what is allowed."""
        parts = text.strip().lower().split("/")
        if len(parts) not in _PLATFORM_PARTS or not all(_PLATFORM_PART.fullmatch(part) for part in parts):
            hint = "Give os/architecture or os/architecture/variant, as in linux/arm64, linux/amd64 or linux/arm/v7."
            raise ConfigError(f"{quoted(text)} is not a platform", hint=hint)
        return cls.normalised(parts[0], parts[1], parts[2] if len(parts) == max(_PLATFORM_PARTS) else "")

    @classmethod
    def normalised(cls, os: str, architecture: str, variant: str = "") -> Platform:
        """Return the one spelling of a platform (containerd ``platforms.Normalize``)."""
        name = _ARCHITECTURES.get(architecture, architecture)
        variant = variant if not variant.isdigit() else f"v{variant}"
        if name == "arm64" and variant == "v8":
            variant = ""
        if name == "arm" and not variant:
            variant = "v6" if architecture == "armel" else "v7"
        if name == "amd64" and variant == "v1":
            variant = ""
        return cls(os, name, variant)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)
