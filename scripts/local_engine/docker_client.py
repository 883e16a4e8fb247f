"""Ask the user's own docker client; nothing here changes the engine it talks to."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from local_engine.processes import run

_LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Client:
    """Hold the docker program and the environment that leads it to an engine."""

    program: str
    environ: Mapping[str, str]

    def run(self, *arguments: str, seconds: int = 120) -> tuple[int, str]:
        """Run docker with these arguments; its status and all that it said."""
        return run([self.program, *arguments], self.environ, seconds)

    def with_variables(self, variables: Mapping[str, str]) -> Client:
        """Give the same client under more environment variables."""
        return Client(self.program, {**self.environ, **variables})


@dataclass(frozen=True)
class Engine:
    """Hold what a reachable engine says about itself."""

    endpoint: str
    has_containerd_store: bool
    shares_network: bool  # its 127.0.0.1 is this machine's: neither in a virtual machine nor rootless
    is_here: bool  # not on another machine


def client_of(environ: Mapping[str, str], fallback: str | None = None) -> Client | None:
    """Find the docker program of the user, else `fallback`."""
    program = shutil.which("docker", path=environ.get("PATH")) or fallback
    return Client(program, environ) if program else None


def look_at(client: Client) -> Engine | str:
    """Look whether an engine answers; what it is, or what docker said against it."""
    status, output = client.run("info", "--format", "{{json .}}", seconds=30)
    info = _first_object(output)
    if not info.get("ServerVersion"):
        causes = info.get("ServerErrors") or output.splitlines()[-1:] or [f"docker info ended with status {status}"]
        return str(causes[0])
    endpoint = _endpoint(client)
    return Engine(
        endpoint=endpoint,
        has_containerd_store=["driver-type", "io.containerd.snapshotter.v1"] in (info.get("DriverStatus") or []),
        shares_network=not _is_apart(info),
        is_here=_is_here(endpoint),
    )


def builder_facts(client: Client, *arguments: str) -> tuple[str, str]:
    """Give the driver and the platforms of a builder, the selected one without a name."""
    _, output = client.run("buildx", "inspect", *arguments)
    fields = dict(line.partition(":")[::2] for line in output.splitlines())
    return fields.get("Driver", "").strip(), fields.get("Platforms", "").strip()


def _first_object(output: str) -> dict[str, Any]:
    """Read the JSON object in what docker said; warnings stand before and after it."""
    with contextlib.suppress(ValueError):
        found, _ = json.JSONDecoder().raw_decode(output[output.index("{") :])
        if isinstance(found, dict):
            return found
    return {}


def _endpoint(client: Client) -> str:
    if client.environ.get("DOCKER_HOST") and not client.environ.get("DOCKER_CONTEXT"):
        return client.environ["DOCKER_HOST"]
    _, output = client.run("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    return output


def _is_apart(info: Mapping[str, Any]) -> bool:
    rootless = any("name=rootless" in option for option in info.get("SecurityOptions") or [])
    return rootless or "Docker Desktop" in str(info.get("OperatingSystem"))


def _is_here(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    return parts.scheme in {"unix", "npipe"} or parts.hostname in _LOCAL_HOSTS
