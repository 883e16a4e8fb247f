"""Real parts for the tests: registries of their own on loopback, and the Docker engine that is there."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_push.references import Registry
from fault_proxy import fault_proxy
from registry_process import PROGRAM, BasicRegistry, registry_process, unavailable
from scratch import Scratch
from token_registry import TokenRegistry

__all__ = [
    "_token_registry",
    "anonymous_registry",
    "basic_registry",
    "engine",
    "registry",
    "scratch",
    "second_registry",
    "token_registry",
]


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the ``host:port`` of an empty registry for this session alone, where anybody may push and delete.

    Without docker-registry (Docker Desktop, whose engine reaches no process of this machine) it is the one that
    ./scripts/test runs in a container and names in REGISTRY.
    """
    if shutil.which(PROGRAM) is None and os.environ.get("REGISTRY"):
        yield os.environ["REGISTRY"]
        return
    with registry_process(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="session")
def anonymous_registry(registry: str) -> Registry:
    """Give the same registry as the value that the client takes."""
    return Registry.parse(registry)


@pytest.fixture(scope="session")
def basic_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BasicRegistry]:
    """Give a registry that asks for a user name and a password (htpasswd, in docker-registry itself)."""
    with registry_process(tmp_path_factory.mktemp("basic-registry"), basic=True) as address:
        yield BasicRegistry(address=address)


@pytest.fixture(scope="session")
def _token_registry(registry: str) -> Iterator[TokenRegistry]:
    with fault_proxy(registry, tokens=TokenRegistry()) as proxy:
        assert proxy.tokens
        yield proxy.tokens


@pytest.fixture
def token_registry(_token_registry: TokenRegistry) -> TokenRegistry:
    """Give a registry that wants tokens, with the settings of its start and an empty log."""
    _token_registry.reset()
    return _token_registry


@pytest.fixture(scope="session")
def engine() -> dict[str, str]:
    """Give the environment in which docker reaches an engine and has buildx."""
    environ = dict(os.environ)
    for argv in (["docker", "buildx", "version"], ["docker", "info"]):
        try:
            done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False, timeout=60)
        except FileNotFoundError:
            unavailable("There is no docker on the PATH.")
        else:
            if done.returncode != 0:
                reason = (done.stderr.strip() or "no reason given").splitlines()[0].rstrip(".")
                unavailable(f"`{' '.join(argv)}` fails: {reason}.")
    return environ


@pytest.fixture
def scratch(engine: dict[str, str], registry: str, tmp_path: Path) -> Scratch:  # noqa: ARG001 - it must be there
    """Give a git repository to push from, in a path with a space, with the engine reached and a registry to push to."""
    return Scratch(tmp_path / "a repository", registry)


@pytest.fixture(scope="session")
def second_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the ``host:port`` of another empty registry."""
    with registry_process(tmp_path_factory.mktemp("second-registry")) as address:
        yield address
