"""A registry in memory behind the client's ``Send`` seam: manifests, tags and configs, and a log of what was asked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from docker_push.metadata import FINGERPRINT
from docker_push.references import Digest, Platform, Registry
from docker_push.registry import Client
from docker_push.registry.transport import Request, Response

INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = f"sha256:{'1' * 64}"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs|tags)/(?P<reference>[^/]+)")


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class MemoryRegistry:
    """Hold what is put.

    ``deaf`` tags take a PUT and keep what they had, ``refused`` ones answer 403; ``lost`` blobs are named and not there.
    """

    manifests: dict[tuple[str, str], bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    deaf: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)

    def __call__(self, request: Request) -> Response:
        path = urlsplit(request.url).path
        self.log.append(f"{request.method} {path.removeprefix('/v2/')}")
        match = _PATH.fullmatch(path)
        if match is None:  # an upload is opened and cancelled, nothing is ever uploaded
            is_upload = path.endswith("/blobs/uploads/")
            return Response(status=202 if is_upload else 200, url=request.url, headers={"location": f"{path}1"})
        if match["kind"] == "tags":
            names = [tag for name, tag in self.manifests if name == match["name"] and not tag.startswith("sha256:")]
            return Response(
                status=200, url=request.url, body=json.dumps({"name": match["name"], "tags": names}).encode()
            )
        if match["kind"] == "blobs":
            found = None if match["reference"] in self.lost else self.blobs.get(match["reference"])
            return self._found(request, found, "application/octet-stream")
        if request.method == "PUT" and match["reference"] in self.refused:
            body = b'{"errors": [{"code": "DENIED", "message": "no"}]}'
            return Response(status=403, url=request.url, body=body)
        if request.method == "PUT":
            if match["reference"] not in self.deaf:
                self.put(match["name"], request.body or b"", match["reference"])
            return Response(status=201, url=request.url)
        data = self.manifests.get((match["name"], match["reference"]))
        return self._found(request, data, json.loads(data)["mediaType"] if data else "")

    def _found(self, request: Request, data: bytes | None, media_type: str) -> Response:
        if data is None:
            body = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "unknown"}]}'
            return Response(status=404, url=request.url, body=body)
        headers = {
            "content-type": media_type,
            "docker-content-digest": digest_of(data),
            "content-length": str(len(data)),
        }
        return Response(status=200, url=request.url, headers=headers, body=b"" if request.method == "HEAD" else data)

    def put(self, name: str, data: bytes, *references: str) -> Digest:
        digest = digest_of(data)
        for reference in (digest, *references):
            self.manifests[name, reference] = data
        return Digest.parse(digest)

    def put_image(
        self,
        name: str,
        platform: Platform,
        *references: str,
        fingerprint: str | None = None,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> Digest:
        """Put an image of one platform; its config and its layer are blobs."""
        parts = {"os": platform.os, "architecture": platform.architecture, "variant": platform.variant}
        config = json.dumps(parts | ({"config": {"Labels": dict(labels)}} if labels else {})).encode()
        self.blobs |= {digest_of(config): config, LAYER: b"a layer"}
        content = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest_of(config),
                "size": len(config),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                    "digest": LAYER,
                    "size": 1000,
                }
            ],
            "annotations": {**(annotations or {}), **({FINGERPRINT: fingerprint} if fingerprint else {})},
        }
        return self.put(name, json.dumps(content).encode(), *references)

    def put_index(
        self,
        name: str,
        platforms: tuple[Platform, ...],
        *references: str,
        fingerprint: str = "",
        note: str = "",
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> Digest:
        """Put an index with an image for each platform and an attestation."""
        entries = [
            {
                "mediaType": MANIFEST,
                "digest": str(self.put_image(name, platform, labels=labels, annotations=annotations)),
                "size": 1,
                "platform": {"os": platform.os, "architecture": platform.architecture},
            }
            for platform in platforms
        ]
        attestation = self.put_image(name, Platform("unknown", "unknown"))
        entries.append(
            {
                "mediaType": MANIFEST,
                "digest": str(attestation),
                "size": 1,
                "platform": {"os": "unknown", "architecture": "unknown"},
                "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
            }
        )
        content = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": entries,
            "annotations": {**(annotations or {}), FINGERPRINT: fingerprint, "note": note},
        }
        return self.put(name, json.dumps(content).encode(), *references)

    def tags(self, name: str) -> dict[str, str]:
        return {tag: digest_of(data) for (path, tag), data in self.manifests.items() if path == name and ":" not in tag}


def client(memory: MemoryRegistry, domain: str = "localhost:5000") -> Client:
    return Client(Registry.parse(domain), clock=lambda: 0.0, send=memory)
