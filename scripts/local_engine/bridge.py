"""Make the network bridge that build steps of an engine of our own are attached to; no program is needed for it."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import socket
import struct
import zlib
from pathlib import Path

from local_engine.errors import EngineError
from local_engine.folders import Folders

# Requests of Linux's <linux/sockios.h>, flags of <net/if.h>.
_ADD_BRIDGE, _DELETE_BRIDGE = 0x89A0, 0x89A1
_GET_FLAGS, _SET_FLAGS, _SET_ADDRESS, _SET_NETMASK = 0x8913, 0x8914, 0x8916, 0x891C
_IS_UP = 0x1
_NETWORKS = ipaddress.IPv4Network("10.213.0.0/16")


def name_of(folders: Folders) -> str:
    """Name the bridge; an interface's name has 15 characters at most."""
    return f"dp-{folders.marker.rpartition('-')[2]}"


def exists(folders: Folders) -> bool:
    """Tell whether the bridge is there."""
    return (Path("/sys/class/net") / name_of(folders) / "bridge").is_dir()


def ensure(folders: Folders) -> None:
    """Make the bridge with an address in a network that this machine has no route to.

    Raises:
        EngineError: the kernel does not allow it.
    """
    if exists(folders):
        return
    name = name_of(folders)
    network = _free_network(folders)
    try:
        _request(_ADD_BRIDGE, _text(name))
        _request(_SET_ADDRESS, _address(name, str(network[1])))
        _request(_SET_NETMASK, _address(name, str(network.netmask)))
        flags = struct.unpack_from("H", _request(_GET_FLAGS, struct.pack("16sH22x", _text(name), 0)), 16)[0]
        _request(_SET_FLAGS, struct.pack("16sH22x", _text(name), flags | _IS_UP))
    except OSError as error:
        remove(folders)
        raise EngineError(
            f"cannot make the network bridge {name}: {error}; in a container, start it with --privileged"
        ) from error


def remove(folders: Folders) -> None:
    """Remove the bridge, where it is there."""
    name = name_of(folders)
    if not exists(folders):
        return
    with contextlib.suppress(OSError):
        _request(_SET_FLAGS, struct.pack("16sH22x", _text(name), 0))  # only a bridge that is down can be removed
    _request(_DELETE_BRIDGE, _text(name))


def _free_network(folders: Folders) -> ipaddress.IPv4Network:
    lines = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    routed = [_routed(fields[1], fields[7]) for fields in lines]
    networks = list(_NETWORKS.subnets(new_prefix=24))
    first = zlib.crc32(folders.marker.encode()) % len(networks)  # two that start at once look at different ones
    for network in networks[first:] + networks[:first]:
        if not any(route.prefixlen and network.overlaps(route) for route in routed):
            return network
    raise EngineError(f"this machine has routes to all of {_NETWORKS}: no network is left for build steps")


def _routed(destination: str, mask: str) -> ipaddress.IPv4Network:
    """Read a route of /proc/net/route, whose numbers are in the machine's byte order."""
    address, netmask = (socket.inet_ntoa(struct.pack("=I", int(field, 16))) for field in (destination, mask))
    return ipaddress.IPv4Network(f"{address}/{netmask}")


def _text(name: str) -> bytes:
    return name.encode().ljust(16, b"\0")


def _address(name: str, address: str) -> bytes:
    return struct.pack("16sHH4s16x", _text(name), socket.AF_INET, 0, socket.inet_aton(address))


def _request(number: int, argument: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        return fcntl.ioctl(control, number, argument)
