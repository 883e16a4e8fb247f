"""The way to a registry: its clock against ours, proxies, and certificates of the user's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from docker_push.errors import DockerPushError, InterruptedRunError
from docker_push.options import RegistryOptions
from docker_push.preflight.model import Area, Check, attempted, good, skipped, warning
from docker_push.references import Registry
from docker_push.registry import Client, certificates, proxies
from docker_push.registry.proxies import Proxy

SKEW = 60.0  # seconds: token servers and TLS forgive less than this, and every machine with NTP is within it
_SKEWED = (
    "Set this machine's clock (NTP): a token is refused before or after its time, and a certificate looks expired or not"
    " valid yet."
)
_BUILDER = "A builder in a container of its own trusts what its buildkitd.toml names, and not these."
_USER = re.compile(r"(?<=://)[^/@\s]*@|^[^/@\s:]+:[^/@\s]*@")


def clock(client: Client, registry: Registry, wall: Callable[[], float]) -> Check:
    """Compare our time of day, as ``wall`` tells it, with the registry's."""
    subject = f"clock of {registry}"
    try:
        theirs = client.server_time()
    except InterruptedRunError:
        raise
    except DockerPushError:
        return skipped(Area.NETWORK, subject, f"{registry} was not reached")
    return skewed(subject, wall(), theirs)


def skewed(subject: str, ours: float, theirs: float | None) -> Check:
    """Judge the difference of two clocks; pure."""
    if theirs is None:
        return skipped(Area.NETWORK, subject, "it does not tell its time")
    ahead = ours - theirs
    words = f"this machine's is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} it"
    if abs(ahead) > SKEW:
        return warning(Area.NETWORK, subject, words, _SKEWED)
    return good(Area.NETWORK, subject, words)


def proxy(environ: Mapping[str, str], entry: RegistryOptions) -> Check:
    """Say which proxy the registry is asked through, by docker, buildx and us alike."""
    registry = entry.registry.value
    plain = registry.is_loopback or entry.insecure
    url = f"{'http' if plain else 'https'}://{registry.api_host}/v2/"
    return attempted(Area.NETWORK, f"proxy for {registry}", lambda: _shown(proxies.proxy_for(url, environ)))


def _shown(found: Proxy | None) -> str:
    if found is None:
        return "none"
    return f"{found.url} ({found.variable}){', with a user name' if found.username else ''}"


def authorities(environ: Mapping[str, str], registry: Registry) -> Check:
    """Say which certificates of the user's own there are for the registry; those that cannot be used fail."""
    folders = certificates.folders(environ)

    def look() -> str:
        certificates.trusted(registry, folders)
        files = [str(path) for folder in folders for path in _certificates(folder / str(registry))]
        own = [f"{name}={environ[name]}" for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if environ.get(name)]
        return ", ".join([*files, *own]) or "the system's"

    check = attempted(Area.NETWORK, f"certificates for {registry}", look)
    return check if check.is_failed else replace(check, notes=(_BUILDER,))


def _certificates(folder: Path) -> Iterable[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in {".crt", ".cert"})
    except OSError:  # not there, or not for us to see
        return ()


def redacted_url(text: str) -> str:
    """Return a URL without the user name and password in it; pure."""
    return _USER.sub("***@", text)
