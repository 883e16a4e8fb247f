"""Docker's engine as it describes itself, and whether its disk is one of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker_push.credentials import DockerConfig
from docker_push.errors import BuilderError, ConfigError
from docker_push.plan import Plan
from docker_push.preflight.model import Area, Check, failed, good, skipped
from docker_push.printable import printable
from docker_push.process import Runner, one_line

NO_DOCKER = "docker is not installed, or not on the PATH"
_TIMEOUT = 30.0  # seconds: an engine behind SSH takes some
_UNIX = "unix://"
_TLS = ("DOCKER_TLS", "DOCKER_TLS_VERIFY")  # with one of them the default is a port of this machine
_DEFAULT = "unix:///var/run/docker.sock"
_START = "Start Docker, or set DOCKER_HOST to an engine that runs (`docker info` shows whether it answers)."


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    """The engine that docker's command line speaks to.

    ``endpoint`` is its address (DOCKER_HOST, else the current context's), empty where it cannot be told. ``content`` is
    what the engine says of itself, empty where none answers, and ``trouble`` why.
    """

    endpoint: str
    content: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""

    @property
    def answers(self) -> bool:
        """Tell whether an engine runs there."""
        return bool(self.content)

    @property
    def version(self) -> str:
        """Return the engine's version."""
        return str(self.content.get("ServerVersion") or "")

    @property
    def data_root(self) -> Path | None:
        """Return the folder with the engine's images, where it is on this machine.

        A socket may lead into a virtual machine (Docker Desktop) or out of a container: then there is no such folder
        here, or it is another one.
        """
        folder = str(self.content.get("DockerRootDir") or "")
        local = self.endpoint.startswith("unix:") and "Desktop" not in str(self.content.get("OperatingSystem"))
        return Path(folder) if local and folder and Path(folder).is_dir() else None


def observe(runner: Runner) -> EngineInfo:
    """Ask the engine about itself; never raises for one that is missing or does not answer."""
    if runner.which("docker") is None:
        return EngineInfo(endpoint="", trouble=NO_DOCKER)
    endpoint = _endpoint(runner)
    content = runner.ask_engine(Path(endpoint.removeprefix(_UNIX))) if endpoint.startswith(_UNIX) else {}
    return EngineInfo(endpoint=endpoint, content=content) if content.get("ServerVersion") else _told(runner, endpoint)


def _told(runner: Runner, endpoint: str) -> EngineInfo:
    """Return what docker's command line says of the engine, wherever it is."""
    try:
        found = runner.run(["docker", "info", "--format", "{{json .}}"], timeout=_TIMEOUT)
    except BuilderError as error:
        return EngineInfo(endpoint=endpoint, trouble=error.message)
    content = next(iter(found.objects), {})
    errors = content.get("ServerErrors")
    if errors or not content.get("ServerVersion"):
        words = errors[0] if isinstance(errors, list) and errors else found.stderr
        trouble = one_line(printable(str(words)), runner.redact) or f"docker info ended with status {found.status}"
        return EngineInfo(endpoint=endpoint, trouble=trouble)
    return EngineInfo(endpoint=endpoint, content=content)


def _endpoint(runner: Runner) -> str:
    """Return the engine's address as docker chooses it (docker/cli, ``cli/command/cli.go``), empty where it cannot be told."""
    if host := runner.environ.get("DOCKER_HOST"):
        return host
    context = runner.environ.get("DOCKER_CONTEXT") or _current_context(runner)
    if context in {"", "default"} and not any(runner.environ.get(name) for name in _TLS):
        return _DEFAULT
    try:
        found = runner.run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"], timeout=_TIMEOUT)
    except BuilderError:
        return ""
    return found.stdout.strip() if found.status == 0 else ""


def _current_context(runner: Runner) -> str | None:
    try:
        return str(DockerConfig.read(runner.environ, runner.folder).content.get("currentContext") or "")
    except ConfigError:
        return None


def unanswered(info: EngineInfo, what: str) -> BuilderError:
    """Return the error of a run that needs an engine, for ``what``, and has none."""
    return BuilderError(f"{what}: no Docker engine answers: {info.trouble}", hint=_START)


def check_tests(plan: Plan, info: EngineInfo) -> Check:
    """Check that there is an engine to run the images' test commands in, where any are published: others are not tested."""
    named = [image.name for image in plan.published if image.options.test and not image.since]
    subject = "engine for test commands"
    if not named:
        return skipped(Area.DOCKER, subject, "no image that is published has test commands")
    if not info.answers:
        return failed(Area.DOCKER, subject, unanswered(info, f"the test commands of {', '.join(named)} cannot run"))
    return good(Area.DOCKER, subject, f"{info.version}, for {', '.join(named)}")
