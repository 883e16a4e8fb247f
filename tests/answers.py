"""A server as a value: answers by method and URL, in order, and every request as it came (a ``Send`` of the client)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from docker_push.registry import Request, Response


@dataclass
class Answers:
    """Give the scripted answers of ``METHOD URL``, the last one for ever; ``seen`` is what was asked."""

    script: Mapping[str, list[Response]]
    seen: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        self.seen.append(request)
        key = f"{request.method} {request.url}"
        if key not in self.script:
            raise AssertionError(f"nobody expected {key}; there are {sorted(self.script)}")
        count = sum(f"{before.method} {before.url}" == key for before in self.seen)
        answers = self.script[key]
        answer = answers[min(count, len(answers)) - 1]
        return Response(
            status=answer.status,
            url=request.url,
            headers=answer.headers,
            body=answer.body,
            complete=answer.complete,
        )

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.url}" for request in self.seen]

    @property
    def authorizations(self) -> list[str]:
        return [request.headers.get("Authorization", "") for request in self.seen]


def reply(status: int = 200, body: object = b"", /, **headers: str) -> Response:
    """Return an answer; a body that is no bytes is sent as JSON, header names have ``_`` for ``-``."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return Response(status=status, url="", headers=names, body=data)


def refused(status: int, code: str, message: str = "", **headers: str) -> Response:
    return reply(status, {"errors": [{"code": code, "message": message}]}, **headers)
