"""Use the Docker engine that is there, and put only beside it what is missing: a registry, a builder, emulation.

The engine itself, its settings and the user's docker configuration stay as they are.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_engine import emulation, registry
from local_engine.apt import is_debian
from local_engine.docker_client import Client, Engine, builder_facts, client_of
from local_engine.errors import EngineError
from local_engine.folders import Folders, load_record, save_record
from local_engine.processes import say, stop
from local_engine.tools import Tools, ensure_tools, existing_tools

_LEADING = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
_REGISTRY_IMAGE = "registry:2"
_IMAGES = (_REGISTRY_IMAGE, "moby/buildkit:buildx-stable-1")  # what a registry and a builder in containers are made of


def up(folders: Folders, client: Client, engine: Engine) -> dict[str, str]:
    """Make sure that a registry, a multi-platform builder and emulation are beside the engine; the variables to use.

    Raises:
        EngineError: the engine is on another machine, or a part cannot be had.
    """
    if not engine.is_here:
        raise EngineError(
            f"the Docker engine at {engine.endpoint} is on another machine and cannot reach a registry on this one: "
            "unset DOCKER_HOST and DOCKER_CONTEXT to use an engine here"
        )
    record = load_record(folders) or {
        "kind": "found",
        "leading": _leading(client.environ),
        "images": [image for image in _IMAGES if client.run("image", "inspect", image)[0] != 0],
    }
    save_record(folders, record)
    # Another shell is led to the same engine; DOCKER_CONTEXT gives way to what it stands for.
    variables = {key: value for key, value in record["leading"].items() if key != "DOCKER_CONTEXT"}
    variables |= _plugin_variables(folders, client)
    client = client.with_variables(variables)
    port = _registry(folders, client, engine, record)
    if engine.endpoint.startswith("unix://"):
        variables["DOCKER_HOST"] = engine.endpoint  # the docker SDK does not read contexts
    variables["REGISTRY"] = f"127.0.0.1:{port}"
    builder = _builder(folders, client, engine)
    if builder:
        variables["BUILDX_BUILDER"] = builder
    tools = existing_tools(folders)
    if tools:
        variables["PATH"] = _with_tools(client.environ, tools)
    return variables


def down(folders: Folders, environ: Mapping[str, str]) -> None:
    """Take away what was put beside the engine.

    Raises:
        EngineError: docker refuses; what is left can be taken away by another `down`.
    """
    record = load_record(folders)
    stop(registry.running(folders), grace=5)
    base = {key: value for key, value in environ.items() if key not in _LEADING}
    tools = existing_tools(folders)
    client = client_of({**base, **record.get("leading", {})}, tools.program("docker") if tools else None)
    if folders.docker_config.is_dir() and client:
        client = client.with_variables({"DOCKER_CONFIG": str(folders.docker_config)})
    for key, argv in (("builder", ("buildx", "rm", "--force")), ("container", ("rm", "--force", "--volumes"))):
        name = record.get(key)
        if name and client:
            _remove(client, argv, name)
    if client and record:
        _remove_images(client, record)
    emulation.release(folders)


def status(folders: Folders) -> list[str]:
    """Describe what runs, a line each."""
    record = load_record(folders)
    lines = [f"registry: process {pid}" for pid in registry.running(folders)]
    return lines + [f"{key}: {record[key]}" for key in ("container", "builder") if record.get(key)]


def _remove(client: Client, argv: tuple[str, ...], name: str) -> None:
    status, output = client.run(*argv, name)
    if status != 0 and not any(phrase in output.lower() for phrase in ("no such container", "no builder")):
        raise EngineError(f"cannot remove {name}: {output}; start Docker, then try again")


def _remove_images(client: Client, record: Mapping[str, Any]) -> None:
    """Remove the images that came to the engine from the registry, and those that were pulled to make it."""
    host = f"127.0.0.1:{record.get('port')}"
    filters = [argument for depth in ("*", "*/*", "*/*/*") for argument in ("--filter", f"reference={host}/{depth}")]
    status, listed = client.run("image", "ls", *filters, "--digests", "--format", _NAME_OF_AN_IMAGE)
    names = listed.split() if status == 0 else []
    for name in dict.fromkeys((*names, *record.get("images", ()))):
        status, output = client.run("image", "rm", name)
        if status != 0 and "no such image" not in output.lower():
            say(f"the image {name} stays: {output}")


_NAME_OF_AN_IMAGE = (
    '{{.Repository}}{{if eq .Tag "<none>"}}{{if ne .Digest "<none>"}}@{{.Digest}}{{end}}{{else}}:{{.Tag}}{{end}}'
)


def _leading(environ: Mapping[str, str]) -> dict[str, str]:
    """Pick the variables that lead docker to the engine, so that `down` finds the same one from any shell."""
    return {key: environ[key] for key in _LEADING if environ.get(key)}


def _plugin_variables(folders: Folders, client: Client) -> dict[str, str]:
    """Make buildx reachable where the user's docker lacks it."""
    if client.run("buildx", "version")[0] == 0:
        return {}
    if not is_debian():
        raise EngineError(
            "docker has no buildx: install the plugin (https://docs.docker.com/go/buildx/), then try again"
        )
    tools = ensure_tools(folders)
    users = Path(client.environ.get("DOCKER_CONFIG") or Path(client.environ.get("HOME", "/")) / ".docker")
    plugins = folders.docker_config / "cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True, mode=0o700)
    if users != folders.docker_config and users.is_dir():
        for entry in users.iterdir():
            _link(folders.docker_config / entry.name, entry)
        for entry in (users / "cli-plugins").glob("*"):
            _link(plugins / entry.name, entry)
    _link(plugins / "docker-buildx", tools.plugins / "docker-buildx")
    return {"DOCKER_CONFIG": str(folders.docker_config)}


def _link(link: Path, target: Path) -> None:
    if not link.exists():
        link.unlink(missing_ok=True)  # it may point to what is no longer there
        link.symlink_to(target)


def _registry(folders: Folders, client: Client, engine: Engine, record: dict[str, Any]) -> int:
    port = record.get("port")
    if isinstance(port, int) and registry.answers(port) and (record.get("container") or registry.running(folders)):
        return port
    stop(registry.running(folders), grace=5)
    chosen = port if isinstance(port, int) and registry.is_free(port) else registry.free_port(folders)
    program = _registry_program(folders, client.environ) if engine.shares_network else None
    record["port"] = chosen
    if program:
        save_record(folders, record)
        registry.start_registry(folders, program, chosen)
    else:
        record["container"] = f"{folders.marker}-registry"
        save_record(folders, record)
        _run_registry_container(client, record["container"], chosen)
    _check_reach(client, chosen)
    return chosen


def _registry_program(folders: Folders, environ: Mapping[str, str]) -> str | None:
    if sys.platform != "linux":
        return None
    on_path = shutil.which("docker-registry", path=environ.get("PATH"))
    if on_path or not is_debian():
        return on_path
    try:
        return ensure_tools(folders).program("docker-registry")
    except EngineError as error:
        say(f"{error}; trying the image {_REGISTRY_IMAGE} instead")
        return None


def _run_registry_container(client: Client, name: str, port: int) -> None:
    say(f"starting the registry in a container ({_REGISTRY_IMAGE})")
    client.run("rm", "--force", "--volumes", name)
    published = f"127.0.0.1:{port}:5000"
    options = ["--detach", "--name", name, "--publish", published, "--env", "REGISTRY_STORAGE_DELETE_ENABLED=true"]
    status, output = client.run("run", *options, _REGISTRY_IMAGE, seconds=600)
    if status != 0:
        raise EngineError(f"cannot start a registry from the image {_REGISTRY_IMAGE}: {output}")
    registry.wait_until_it_answers(port, seconds=30)


def _check_reach(client: Client, port: int) -> None:
    """Ask the engine for an image that is not there: the answer tells whether it reaches the registry at all."""
    _, output = client.run("pull", f"127.0.0.1:{port}/docker-push/reached:none")
    if not any(phrase in output for phrase in ("not found", "unknown")):
        raise EngineError(
            f"the Docker engine cannot reach the registry at 127.0.0.1:{port} ({output}): "
            "it runs in another network; run this where the engine runs"
        )


def _builder(folders: Folders, client: Client, engine: Engine) -> str:
    """Choose the builder: the engine's own where it can do both platforms, else one of ours. Empty: the selected one."""
    name = folders.marker
    record = load_record(folders)
    if record.get("builder"):
        _create(client, name)
        return name
    selected, platforms = builder_facts(client)
    own = _default_builder(client)
    if engine.has_containerd_store and selected != "docker":
        _, platforms = builder_facts(client, own)
    if engine.has_containerd_store and _emulates(folders, platforms, engine):
        return "" if selected == "docker" else own
    save_record(folders, {**record, "builder": name})
    _create(client, name)
    return name


def _default_builder(client: Client) -> str:
    """Name the engine's own builder: it has the name of the docker context."""
    _, context = client.run("context", "show")
    return context or "default"


def _emulates(folders: Folders, platforms: str, engine: Engine) -> bool:
    if f"linux/{emulation.foreign()}" in platforms:
        return True
    if sys.platform != "linux" or os.geteuid() != 0 or not engine.shares_network or not is_debian():
        return False
    emulation.register(folders, ensure_tools(folders).emulator)
    return True


def _create(client: Client, name: str) -> None:
    """Create the builder, or start it where it is there; its image brings its own emulators."""
    if client.run("buildx", "inspect", "--bootstrap", name, seconds=600)[0] == 0:
        return
    say(f"creating the builder {name}")
    client.run("buildx", "rm", "--force", name)
    options = ("--name", name, "--driver", "docker-container", "--driver-opt", "network=host", "--bootstrap")
    status, output = client.run("buildx", "create", *options, seconds=600)
    if status != 0:
        raise EngineError(
            f"cannot create a builder for linux/amd64 and linux/arm64 ({output.splitlines()[-1] if output else status}): "
            f"run `docker run --privileged --rm tonistiigi/binfmt --install {emulation.foreign()}` "
            "and switch on the containerd image store, then try again"
        )


def _with_tools(environ: Mapping[str, str], tools: Tools) -> str:
    """Put the tools behind PATH: what the user has stays first."""
    path = environ.get("PATH", os.defpath)
    return path if str(tools.bin) in path.split(":") else f"{path}:{tools.bin}"
