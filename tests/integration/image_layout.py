"""Small images as OCI layouts on disk, made without our code, for crane and skopeo to push."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

OCI = {
    "index": "application/vnd.oci.image.index.v1+json",
    "manifest": "application/vnd.oci.image.manifest.v1+json",
    "config": "application/vnd.oci.image.config.v1+json",
    "layer": "application/vnd.oci.image.layer.v1.tar+gzip",
}
DOCKER = {
    "index": "application/vnd.docker.distribution.manifest.list.v2+json",
    "manifest": "application/vnd.docker.distribution.manifest.v2+json",
    "config": "application/vnd.docker.container.image.v1+json",
    "layer": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}


class Layout:
    """A folder in the form of the image-spec's "Image Layout", filled blob by blob."""

    def __init__(self, folder: Path, kinds: dict[str, str]) -> None:
        self.folder = folder
        self.kinds = kinds
        (folder / "blobs/sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, kind: str, data: bytes) -> dict[str, Any]:
        """Store bytes and return what points at them."""
        name = hashlib.sha256(data).hexdigest()
        (self.folder / "blobs/sha256" / name).write_bytes(data)
        return {"mediaType": self.kinds[kind], "digest": f"sha256:{name}", "size": len(data)}

    def document(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        return self.blob(kind, json.dumps(content, indent=3).encode())

    def image(self, text: str, platform: dict[str, str]) -> dict[str, Any]:
        """Store an image of one file for one platform; an empty platform is one that its configuration calls unknown."""
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as tar:
            entry = tarfile.TarInfo("text")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
        layer = self.blob("layer", gzip.compress(plain.getvalue(), mtime=0))
        diff = f"sha256:{hashlib.sha256(plain.getvalue()).hexdigest()}"
        config = {**platform, "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff]}}
        return self.document(
            "manifest",
            {
                "schemaVersion": 2,
                "mediaType": self.kinds["manifest"],
                "config": self.document("config", config),
                "layers": [layer],
            },
        )

    def tops(self, *descriptors: dict[str, Any]) -> None:
        """Name what the layout is about: crane pushes this document, or the one manifest in it."""
        content = {"schemaVersion": 2, "mediaType": OCI["index"], "manifests": list(descriptors)}
        (self.folder / "index.json").write_text(json.dumps(content))


def attested_index(folder: Path, text: str = "text", kinds: dict[str, str] | None = None) -> Layout:
    """Make an index as BuildKit does: two platforms, and an attestation manifest for each."""
    layout = Layout(folder, kinds or OCI)
    entries = []
    for platform in (
        {"os": "linux", "architecture": "amd64"},
        {"os": "linux", "architecture": "arm64", "variant": "v8"},
    ):
        image = layout.image(text + platform["architecture"], platform)
        proof = layout.image(f"proof of {image['digest']}", {"os": "unknown", "architecture": "unknown"})
        note = {
            "vnd.docker.reference.digest": image["digest"],
            "vnd.docker.reference.type": "attestation-manifest",
        }
        entries += [
            {**image, "platform": platform},
            {**proof, "platform": {"os": "unknown", "architecture": "unknown"}, "annotations": note},
        ]
    content = {"schemaVersion": 2, "mediaType": layout.kinds["index"], "manifests": entries}
    layout.tops(layout.document("index", content))
    return layout
