"""Docker's engine asked through its own socket: it answers in a tenth of the time that docker's command line takes."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

_TIMEOUT = 2.0  # seconds between two reads; whoever is slower is left to docker's command line
_LIMIT = 1024 * 1024  # bytes of an answer
_OK = 200


def ask(path: Path, resource: str) -> Mapping[str, Any]:
    """Return the JSON object that the engine behind a socket answers to a GET of ``resource``, as ``/info``.

    Empty where that is not what comes back: docker's command line says why, and knows how to reach other engines.
    """
    try:
        with closing(HTTPConnection("docker")) as connection:
            connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.sock.settimeout(_TIMEOUT)
            connection.sock.connect(str(path))
            connection.request("GET", resource)
            answer = connection.getresponse()
            found = json.loads(answer.read(_LIMIT)) if answer.status == _OK else {}
    except (OSError, HTTPException, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
