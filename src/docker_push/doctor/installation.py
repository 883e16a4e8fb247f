"""What is installed: docker-push itself, docker's command line, buildx, and the engine that they reach."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from docker_push.builder import INSTALL, NO_BUILDX
from docker_push.doctor.network import redacted_url
from docker_push.errors import BuilderError
from docker_push.preflight.engine import NO_DOCKER, EngineInfo
from docker_push.preflight.model import Area, Check, attempted, good, skipped, warning
from docker_push.process import Runner, one_line

_TIMEOUT = 30.0  # seconds
_CLASSIC = (
    "Turn on the containerd image store (https://docs.docker.com/engine/storage/containerd/), or select a builder that"
    " does not need it: docker buildx create --use."
)


def ourselves() -> Check:
    """Say which docker-push runs, on which Python."""
    try:
        own = version("docker-push")
    except PackageNotFoundError:  # run from its source
        own = "not installed as a package"
    found = f"{own}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return good(Area.CONFIGURATION, "docker-push", found)


def programs(runner: Runner) -> Iterator[Check]:
    """Look for docker's command line and its plugin buildx."""
    docker = attempted(Area.DOCKER, "docker", lambda: _docker(runner))
    yield docker
    if docker.is_failed:
        yield skipped(Area.DOCKER, "buildx", "there is no docker")
    else:
        yield attempted(Area.DOCKER, "buildx", lambda: _buildx(runner))


def _docker(runner: Runner) -> str:
    """Return the client's version and whom it speaks to; the command fails where only the engine is missing."""
    found = runner.run(["docker", "version", "--format", "{{json .Client}}"], timeout=_TIMEOUT)
    client = next(iter(found.objects), None)
    if client is None:
        words = one_line(found.stderr, runner.redact) or f"exit status {found.status}"
        raise BuilderError(f"docker cannot be used: {words}", hint=INSTALL)
    if runner.environ.get("DOCKER_HOST"):
        return f"{client.get('Version')}, engine by DOCKER_HOST"
    return f"{client.get('Version')}, engine by context {client.get('Context') or 'default'}"


def _buildx(runner: Runner) -> str:
    found = runner.run(["docker", "buildx", "version"], timeout=_TIMEOUT)
    if found.status != 0:
        raise BuilderError(NO_BUILDX, hint=INSTALL)
    words = found.stdout.split()
    return words[1] if len(words) > 1 else one_line(found.stdout)


def engine(info: EngineInfo) -> Iterator[Check]:
    """Describe the engine, its image store, and the proxies that it uses by itself; pure.

    An engine that does not answer is a warning here: a builder elsewhere needs none, and one that does fails by itself.
    """
    where = f" at {redacted_url(info.endpoint)}" if info.endpoint else ""
    if info.trouble == NO_DOCKER:
        yield skipped(Area.DOCKER, "engine", "there is no docker")
        return
    if not info.answers:
        hint = (
            "Start Docker, or set DOCKER_HOST. Needed for docker.build, docker.tag, test commands and its own builder."
        )
        yield warning(Area.DOCKER, "engine", f"none answers{where}: {info.trouble}", hint)
        return
    content = info.content
    found = f"{info.version}{where}, {content.get('OperatingSystem')}, {content.get('Architecture')}"
    yield good(Area.DOCKER, "engine", found)
    yield _store(info)
    set_to = [f"{name} {redacted_url(str(content[key]))}" for key, name in _PROXIES if content.get(key)]
    yield good(Area.NETWORK, "proxies of the engine", ", ".join(set_to) or "none")


_PROXIES = (("HttpProxy", "http"), ("HttpsProxy", "https"), ("NoProxy", "none for"))


def _store(info: EngineInfo) -> Check:
    subject = "image store of the engine"
    status = info.content.get("DriverStatus")
    pairs = [tuple(pair) for pair in status if isinstance(pair, list)] if isinstance(status, list) else []
    if any("containerd.snapshotter" in str(value) for _, *values in pairs for value in values):
        return good(Area.DOCKER, subject, "containerd's: several platforms of an image, and attestations")
    return warning(Area.DOCKER, subject, "the classic one: one platform of an image, no attestations", _CLASSIC)
