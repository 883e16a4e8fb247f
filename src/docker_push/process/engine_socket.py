"""Docker's engine asked through its own socket: it answers in a tenth of the time that docker's command line takes."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

_TIMEOUT = 2.0  # seconds between two reads; whoever is slower is left to docker's command line
_CHUNK, _READS = 64 * 1024, 16  # bytes at once, and how often: an answer that drips is left to docker's, too
_OK = 200


def info(path: Path) -> Mapping[str, Any]:
    """Return what the engine behind a socket says of itself (Docker Engine API, ``GET /info``).

    Empty where no JSON object comes back: docker's command line says why, and knows how to reach other engines.
    """
    from http.client import HTTPConnection, HTTPException  # noqa: PLC0415 - a plan asks no engine

    try:
        with closing(HTTPConnection("docker")) as connection:
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.settimeout(_TIMEOUT)
            connection.sock.connect(str(path))
            connection.request("GET", "/info")
            answer = connection.getresponse()
            body = b"".join(answer.read1(_CHUNK) for _ in range(_READS))
            found = json.loads(body) if answer.status == _OK else {}
    except (OSError, HTTPException, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
