"""The addresses of this machine."""

from __future__ import annotations

import socket


def own_address() -> str:
    """Return an address of this machine that is not loopback's; nothing is sent to find it.

    A machine without any network has none: loopback's is returned then, another one than tests use otherwise.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: nobody's; a datagram socket only looks up the route
        except OSError:
            return "127.0.0.2"
        address: str = probe.getsockname()[0]
        return address
