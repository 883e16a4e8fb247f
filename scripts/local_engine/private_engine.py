"""Run a Docker engine of our own, beside anything else on the machine: root on Debian.

Its data, sockets, control groups, configuration and network bridge are its own, and it makes no firewall rule: two
engines on one machine would take each other's away. So its containers and build steps reach this machine and are reached
from it (a published port too), but nothing further unless they are given the host's network.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from local_engine import bridge, emulation, leftovers, registry
from local_engine.folders import Folders, load_record, save_record
from local_engine.processes import find, find_helpers, run, say, start, stop, wait_for
from local_engine.tools import Tools, ensure_tools

_NEUTRAL = {"BUILDX_BUILDER": "", "DOCKER_CONTEXT": "default", "DOCKER_TLS_VERIFY": "", "DOCKER_CERT_PATH": ""}
# Where containerd, dockerd and runc always make empty folders, whatever their configuration says.
_FIXED_PLACES = ("/run/containerd/s", "/run/containerd", "/run/docker/plugins", "/run/docker", "/run/runc")
_KEPT = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "TMPDIR")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class _UnixConnection(http.client.HTTPConnection):
    """Speak HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def up(folders: Folders, environ: Mapping[str, str]) -> dict[str, str]:
    """Start what is not running of tools, registry, emulation and engine; the variables to use them with.

    Raises:
        EngineError: a part cannot be had or does not start.
    """
    tools = ensure_tools(folders)
    port = _port(folders)
    save_record(folders, {"kind": "private", "port": port})
    emulation.register(folders, tools.emulator)
    if not (registry.running(folders) and registry.answers(port)):
        stop(registry.running(folders), grace=5)
        registry.start_registry(folders, tools.program("docker-registry"), port)
    registry.seed_busybox(tools, port)
    if not is_up(folders):
        _restart(folders, tools, port, environ)
    return _variables(folders, tools, port, environ)


def _port(folders: Folders) -> int:
    """Keep the port while it is ours or free: references that were printed stay right."""
    port = load_record(folders).get("port")
    usable = isinstance(port, int) and (registry.running(folders) or registry.is_free(port))
    return port if isinstance(port, int) and usable else registry.free_port(folders)


def down(folders: Folders) -> None:
    """Stop everything and clear what it left in the kernel; the state folder stays.

    Raises:
        EngineError: a process or a mount does not go.
    """
    leftovers.kill_containers(folders)
    stop(find("dockerd", _dockerd_config(folders)), grace=15)
    stop(find("containerd", _containerd_config(folders)), grace=10)
    stop(registry.running(folders), grace=5)
    stop([*find_helpers(folders.state), *find_helpers(folders.run)], grace=2)
    leftovers.kill_containers(folders)
    bridge.remove(folders)
    leftovers.remove_cgroups(folders)
    leftovers.unmount_all(folders)
    shutil.rmtree(folders.run, ignore_errors=True)
    run(["rmdir", "--ignore-fail-on-non-empty", *_FIXED_PLACES])
    emulation.release(folders)


def status(folders: Folders) -> list[str]:
    """Describe what runs, a line each."""
    found = {
        "engine": find("dockerd", _dockerd_config(folders)),
        "containerd": find("containerd", _containerd_config(folders)),
        "registry": registry.running(folders),
    }
    return [f"{what}: process {pid}" for what, pids in found.items() for pid in pids]


def is_up(folders: Folders) -> bool:
    """Tell whether the engine runs and answers, with the registry of now as its mirror."""
    daemons = find("containerd", _containerd_config(folders)) and find("dockerd", _dockerd_config(folders))
    return bool(daemons) and bridge.exists(folders) and _ping(folders) and _mirror_is(folders)


def _ping(folders: Folders) -> bool:
    connection = _UnixConnection(_socket(folders))
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _mirror_is(folders: Folders) -> bool:
    """Tell whether the engine was started with the registry that is running now."""
    port = load_record(folders).get("port")
    return f'"http://127.0.0.1:{port}"' in _dockerd_config(folders).read_text()


def _restart(folders: Folders, tools: Tools, port: int, environ: Mapping[str, str]) -> None:
    leftovers.kill_containers(folders)
    stop(find("dockerd", _dockerd_config(folders)), grace=15)
    stop(find("containerd", _containerd_config(folders)), grace=10)
    stop(find_helpers(folders.run), grace=2)
    leftovers.unmount_all(folders)
    shutil.rmtree(folders.run, ignore_errors=True)  # stale sockets and pid files; state is elsewhere
    folders.run.mkdir(mode=0o711)
    bridge.ensure(folders)
    _write_configuration(folders, tools, port)
    daemon_environ = {key: environ[key] for key in _KEPT if key in environ}
    daemon_environ |= {"PATH": f"{tools.bin}:{_SYSTEM_PATH}", "HOME": str(folders.state)}
    say("starting the engine")
    for program, config, address in (
        ("containerd", _containerd_config(folders), folders.run / "containerd.sock"),
        ("dockerd", _dockerd_config(folders), _socket(folders)),
    ):
        log = folders.state / f"{program}.log"
        option = "--config-file" if program == "dockerd" else "--config"
        daemon = start([tools.program(program), option, str(config)], log, daemon_environ)
        is_ready = (lambda: _ping(folders)) if program == "dockerd" else address.exists
        wait_for(program, daemon, is_ready, log, seconds=60)


def _write_configuration(folders: Folders, tools: Tools, port: int) -> None:
    snapshotter = "overlayfs" if _overlay_works(folders) else "native"
    _containerd_config(folders).write_text(
        _CONTAINERD.format(
            root=json.dumps(str(folders.state / "containerd")),
            state=json.dumps(str(folders.run / "containerd")),
            address=json.dumps(str(folders.run / "containerd.sock")),
            disabled=", ".join(json.dumps(f"io.containerd.{plugin}") for plugin in _DISABLED),
        )
    )
    engine = {
        "hosts": [f"unix://{_socket(folders)}"],
        "data-root": str(folders.state / "docker"),
        "exec-root": str(folders.run / "docker"),
        "pidfile": str(folders.run / "dockerd.pid"),
        "containerd": str(folders.run / "containerd.sock"),
        "features": {"containerd-snapshotter": True},
        "storage-driver": snapshotter,
        "registry-mirrors": [f"http://127.0.0.1:{port}"],
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "cgroup-parent": f"/{folders.marker}",
        "bridge": bridge.name_of(folders),
        "iptables": False,
        "ip6tables": False,
        "ip-forward": False,
        "userland-proxy": True,  # publishes ports without firewall rules
        "userland-proxy-path": tools.program("docker-proxy"),
    }
    _dockerd_config(folders).write_text(json.dumps(engine, indent=1) + "\n")


# Kubernetes' part, what writes outside of our folders, and snapshotters that are not used but may fail to load.
_DISABLED = (
    "grpc.v1.cri",
    "cri.v1.images",
    "cri.v1.runtime",
    "podsandbox.controller.v1.podsandbox",
    "internal.v1.opt",
    "nri.v1.nri",
    *(f"snapshotter.v1.{name}" for name in ("blockfile", "btrfs", "devmapper", "erofs", "zfs")),
)
_CONTAINERD = """\
version = 2
root = {root}
state = {state}
disabled_plugins = [{disabled}]

[grpc]
address = {address}
"""


def _overlay_works(folders: Folders) -> bool:
    """Try it: in a container whose own root is an overlay, the kernel refuses a second one on top."""
    trial = folders.state / "overlay-trial"
    for part in ("lower", "upper", "work", "merged"):
        (trial / part).mkdir(parents=True, exist_ok=True)
    options = ",".join(f"{part}dir={trial / part}" for part in ("lower", "upper", "work"))
    works = run(["mount", "-t", "overlay", "overlay", "-o", options, str(trial / "merged")])[0] == 0
    if works:
        run(["umount", str(trial / "merged")])
    shutil.rmtree(trial, ignore_errors=True)
    return works


def _variables(folders: Folders, tools: Tools, port: int, environ: Mapping[str, str]) -> dict[str, str]:
    _write_docker_config(folders, tools)
    path = [str(tools.bin), *(part for part in environ.get("PATH", os.defpath).split(":") if part != str(tools.bin))]
    overruled = {key: value for key, value in _NEUTRAL.items() if key in environ}
    return {
        "DOCKER_HOST": f"unix://{_socket(folders)}",
        "DOCKER_CONFIG": str(folders.docker_config),
        "REGISTRY": f"127.0.0.1:{port}",
        "MIRROR": f"127.0.0.1:{port}",
        "PATH": ":".join(path),
        **overruled,
    }


def _write_docker_config(folders: Folders, tools: Tools) -> None:
    folders.docker_config.mkdir(mode=0o700, exist_ok=True)
    config = folders.docker_config / "config.json"
    if not config.exists():
        config.write_text("{}\n")
    plugins = folders.docker_config / "cli-plugins"
    plugins.unlink(missing_ok=True)
    plugins.symlink_to(tools.plugins)


def _socket(folders: Folders) -> Path:
    return folders.run / "docker.sock"


def _dockerd_config(folders: Folders) -> Path:
    return folders.state / "dockerd.json"


def _containerd_config(folders: Folders) -> Path:
    return folders.state / "containerd.toml"
