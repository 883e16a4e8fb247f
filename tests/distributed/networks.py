"""Machines on one machine: network namespaces of a test's own, each with an address, on a bridge of a test's own."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from registry_process import unavailable

_NETWORKS = ipaddress.IPv4Network("10.214.0.0/16")


@dataclass(frozen=True, kw_only=True)
class Host:
    """A network namespace that stands for a machine; ``link`` is its cable, at our end."""

    namespace: str
    address: str
    link: str

    def inside(self, *argv: str) -> list[str]:
        """Return the command that runs ``argv`` on this machine: with its network, and the files that are here."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *argv]

    def pull_cable(self) -> None:
        """Cut the machine off: what is sent to it is lost without a word."""
        _ip("link", "set", self.link, "down")

    def plug_cable(self) -> None:
        """Connect the machine again; its connections are as old as they are."""
        _ip("link", "set", self.link, "up")


@dataclass(frozen=True, kw_only=True)
class Network:
    """The bridge with our own address on it, and the machines."""

    address: str
    hosts: tuple[Host, ...]


@contextmanager
def network(number: int) -> Iterator[Network]:
    """Make a network with a ``number`` of machines; all of it is gone at the end."""
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("nsenter") is None:
        unavailable("Network namespaces need root, ip (Debian's iproute2) and nsenter (util-linux).")
    mark = f"{os.getpid() % 100_000:05}"
    bridge, subnet = f"dpd{mark}", _free()
    hosts = tuple(
        Host(namespace=f"dpd-{mark}-{index}", address=str(subnet[index + 2]), link=f"dpd{mark}-{index}")
        for index in range(number)
    )
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("address", "add", f"{subnet[1]}/{subnet.prefixlen}", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for host in hosts:
            _connect(host, bridge, subnet)
        yield Network(address=str(subnet[1]), hosts=hosts)
    finally:
        for host in hosts:
            _ip("netns", "delete", host.namespace, check=False)
            _ip("link", "delete", host.link, check=False)
        _ip("link", "delete", bridge, check=False)


def _connect(host: Host, bridge: str, subnet: ipaddress.IPv4Network) -> None:
    _ip("netns", "add", host.namespace)
    _ip("link", "add", host.link, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
    _ip("link", "set", host.link, "master", bridge, "up")
    for words in (
        ("address", "add", f"{host.address}/{subnet.prefixlen}", "dev", "eth0"),
        ("link", "set", "eth0", "up"),
    ):
        _ip("-n", host.namespace, *words)
    _ip("-n", host.namespace, "link", "set", "lo", "up")


def _free() -> ipaddress.IPv4Network:
    """Return a network that no interface of this machine is in."""
    taken = [ipaddress.IPv4Network(text, strict=False) for text in re.findall(r"inet (\S+)", _ip("-4", "address"))]
    networks = list(_NETWORKS.subnets(new_prefix=24))
    first = os.getpid() % len(networks)
    return next(one for one in networks[first:] + networks[:first] if not any(one.overlaps(other) for other in taken))


def _ip(*argv: str, check: bool = True) -> str:
    return subprocess.run(["ip", *argv], check=check, capture_output=True, text=True).stdout
