"""Two machines with BuildKit, and a registry that all of them reach under one name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from certificates import Certificate, authority, issue
from daemons import program
from networks import network
from nodes import Node, node
from registry_process import registry_process

PLATFORMS = ("linux/amd64", "linux/arm64")


@dataclass(frozen=True, kw_only=True)
class Machines:
    """What the builds are spread over; ``client`` is the certificate that the nodes accept."""

    nodes: tuple[Node, ...]
    registry: str
    authority: Certificate
    client: Certificate

    def builder(self, **keys: str) -> str:
        """Return the tables of build.toml that describe the builder: a node for each platform."""
        files = {"ca": self.authority.certificate, "cert": self.client.certificate, "key": self.client.key}
        said = "".join(f'{key} = "{path}"\n' for key, path in {**files, **keys}.items())
        tables = [
            f'[[builder.nodes]]\nendpoint = "{one.endpoint}"\nplatforms = ["{platform}"]\n{said}'
            for one, platform in zip(self.nodes, PLATFORMS, strict=True)
        ]
        return '[builder]\ndriver = "remote"\n' + "".join(tables)


@contextmanager
def two_machines(folder: Path) -> Iterator[Machines]:
    """Run two machines, each with a BuildKit behind mutual TLS; the registry is this machine's."""
    daemon = program("buildkitd")
    with ExitStack() as stack:
        net = stack.enter_context(network(len(PLATFORMS)))
        (folder / "registry").mkdir()
        far = stack.enter_context(registry_process(folder / "registry", host=net.address))
        port = far.rpartition(":")[2]
        registry = f"127.0.0.1:{port}"
        for inside in ([], *(host.inside() for host in net.hosts)):
            stack.enter_context(_forwarded(inside, port, net.address))
        base = f"{os.environ['MIRROR']}/library/busybox:1.37"
        subprocess.run(["crane", "copy", base, f"{registry}/library/busybox:1.37"], check=True, capture_output=True)
        ours = authority(folder)
        nodes = [
            stack.enter_context(node(host, folder / host.namespace, daemon, ours, issue(ours, host.address), registry))
            for host in net.hosts
        ]
        yield Machines(nodes=tuple(nodes), registry=registry, authority=ours, client=issue(ours, "client"))


@contextmanager
def _forwarded(inside: list[str], port: str, address: str) -> Iterator[None]:
    """Make the registry 127.0.0.1:PORT in a network too: one name for all, plain HTTP as loopback has it."""
    argv = [*inside, sys.executable, str(Path(__file__).with_name("forwarder.py")), port, address]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.terminate()
