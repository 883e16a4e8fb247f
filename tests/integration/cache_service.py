"""A stand-in of GitHub's cache service, version 2: as much of it as BuildKit uses (tonistiigi/go-actions-cache ``cache_v2.go``).

Entries are never changed, a key is taken once in a scope, and a token says which scopes are read and which one is written, as
at GitHub: a run reads its own ref and the default branch's. Blobs are uploaded as to Azure, whole or in blocks.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

READ, WRITE = 1, 2


def token(writes: str, *reads: str) -> str:
    """Return a token for a run of the ref ``writes``, which reads also ``reads``; it is not signed."""
    scopes = [{"Scope": writes, "Permission": READ | WRITE}, *({"Scope": ref, "Permission": READ} for ref in reads)]
    claims = {"ac": json.dumps(scopes), "nbf": int(time.time()) - 60, "exp": int(time.time()) + 3600}
    parts = (b'{"alg":"none"}', json.dumps(claims).encode(), b"t0ken-s1gnature")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@dataclass
class CacheService:
    """What is kept: (scope, key) -> bytes, in the order in which it was finished; ``broken`` answers every request with 500."""

    url: str
    entries: dict[tuple[str, str], bytes] = field(default_factory=dict)
    uploads: dict[str, tuple[str, str, dict[str, bytes]]] = field(default_factory=dict)
    broken: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def environ(self, writes: str, *reads: str) -> dict[str, str]:
        """Return the variables that GitHub's runner gives an action."""
        return {
            "ACTIONS_RUNTIME_TOKEN": token(writes, *reads),
            "ACTIONS_RESULTS_URL": self.url,
            "ACTIONS_CACHE_SERVICE_V2": "true",
        }

    @property
    def indexes(self) -> set[str]:
        """Return the names of the caches that are kept, without what BuildKit puts around them."""
        keys = [key for _, key in self.entries if key.startswith("index-")]
        return {re.sub(r"^index-|-1-[0-9a-f]{8}#\d+$", "", key) for key in keys}

    def call(self, method: str, said: dict[str, str], scopes: list[dict[str, object]]) -> tuple[int, dict[str, object]]:
        """Answer one call of the service."""
        key = said["key"]
        own = next((str(one["Scope"]) for one in scopes if int(str(one["Permission"])) & WRITE), "")
        if method == "CreateCacheEntry":
            if (own, key) in self.entries:
                return 409, {"code": "already_exists", "message": "cache entry already exists"}
            number = str(len(self.uploads))
            self.uploads[number] = (own, key, {})
            return 200, {"ok": True, "signed_upload_url": f"{self.url}blob/{number}?sig=x"}
        if method == "FinalizeCacheEntryUpload":
            number = next(name for name, (scope, one, _) in self.uploads.items() if (scope, one) == (own, key))
            self.entries[own, key] = self.uploads[number][2]["whole"]
            return 200, {"ok": True, "entry_id": number}
        for scope in (str(one["Scope"]) for one in scopes):
            for wanted in (key, *said.get("restore_keys", ())):
                found = [one for where, one in self.entries if where == scope and one.startswith(wanted)]
                if found:
                    number = next(name for name, one in self.uploads.items() if one[:2] == (scope, found[-1]))
                    address = f"{self.url}blob/{number}?sig=x"
                    return 200, {"ok": True, "signed_download_url": address, "matched_key": found[-1]}
        return 200, {"ok": False}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: CacheService

    def do_POST(self) -> None:
        body = self._body()
        claims = self.headers["Authorization"].split(".")[1]
        scopes = json.loads(json.loads(base64.urlsafe_b64decode(claims + "=="))["ac"])
        with self.service.lock:
            status, answer = self.service.call(self.path.rpartition("/")[2], json.loads(body), scopes)
        self._answer(500 if self.service.broken else status, json.dumps(answer).encode())

    def do_PUT(self) -> None:
        body, address = self._body(), urlsplit(self.path)
        asked = parse_qs(address.query)
        blocks = self.service.uploads[address.path.rpartition("/")[2]][2]
        if asked.get("comp") == ["block"]:
            blocks[asked["blockid"][0]] = body
        elif asked.get("comp") == ["blocklist"]:
            names = re.findall(r"<(?:Latest|Uncommitted)>([^<]+)</", body.decode())
            blocks["whole"] = b"".join(blocks[name] for name in names)
        else:
            blocks["whole"] = body
        self._answer(201, b"")

    def do_GET(self) -> None:
        data = self.service.uploads[urlsplit(self.path).path.rpartition("/")[2]][2]["whole"]
        asked = re.match(r"bytes=(\d+)-", self.headers.get("x-ms-range") or self.headers.get("Range") or "")
        start = int(asked[1]) if asked else 0
        self._answer(
            206 if asked else 200, data[start:], **{"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        )

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body)), "x-ms-request-id": "1"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class has this name
        """Say nothing."""


@contextmanager
def cache_service() -> Iterator[CacheService]:
    """Run the stand-in on loopback."""
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.service = CacheService(f"http://127.0.0.1:{server.server_address[1]}/")  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield handler.service  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join(10)
