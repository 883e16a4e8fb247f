"""The way to a registry: its clock against ours, proxies, and certificate authorities of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from docker_push.credentials.docker_config import DockerConfig
from docker_push.doctor.proxies import hidden, in_force
from docker_push.errors import ConfigError, DockerPushError, InterruptedRunError
from docker_push.options import RegistryOptions
from docker_push.preflight.model import Area, Check, good, skipped, warning
from docker_push.references import Registry
from docker_push.registry import Client

SKEW = 60.0  # seconds: token servers and TLS forgive less than this, and every machine with NTP is within it
_SKEWED = (
    "Set this machine's clock (NTP): a token is refused before or after its time, and a certificate looks expired or not"
    " valid yet."
)
_ENGINE_FOLDERS = (Path("/etc/docker/certs.d"),)


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
    """Say which proxy docker and buildx take on the way to the registry; pure."""
    registry = entry.registry.value
    subject = f"proxy for {registry}"
    found = in_force(environ, registry, plain=entry.insecure)
    if found is None:
        return good(Area.NETWORK, subject, "none")
    name, value = found
    told = f"{hidden(value)} ({name}) for docker and buildx; docker-push's own requests go to {registry} directly"
    hint = f"If {registry} can be reached through the proxy alone, it cannot be read back from here."
    return warning(Area.NETWORK, subject, told, hint)


def authorities(environ: Mapping[str, str], folder: Path, registry: Registry) -> Check:
    """Say which certificate authorities of the user's own there are for the registry, and who reads them."""
    subject = f"certificate authorities for {registry}"
    files = [str(path) for one in _folders(environ, folder) for path in _certificates(one / str(registry))]
    ours = [f"{name}={environ[name]}" for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if environ.get(name)]
    parts = [
        f"for the engine: {', '.join(files)}" if files else "",
        f"for docker-push: {', '.join(ours)}" if ours else "",
    ]
    return good(Area.NETWORK, subject, "; ".join(filter(None, parts)) or "the system's")


def _folders(environ: Mapping[str, str], folder: Path) -> Iterator[Path]:
    with suppress(ConfigError):  # said where credentials are looked for
        yield DockerConfig.read(environ, folder).folder / "certs.d"
    if environ.get("HOME"):
        yield Path(environ["HOME"], ".config", "docker", "certs.d")  # a rootless engine's
    yield from _ENGINE_FOLDERS


def _certificates(folder: Path) -> Iterable[Path]:
    try:
        return sorted(folder.glob("*.crt"))
    except OSError:
        return ()
