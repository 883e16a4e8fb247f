from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from docker_push import publish, secret_scan
from docker_push.errors import VerificationError
from docker_push.exposure import KnownSecrets
from docker_push.plan import PlannedImage, plan
from docker_push.references import Digest, Registry
from examples_of import AMD64, BOTH, COMMIT, CONTEXT, image, options, registry, setting
from memory_registry import INDEX, MANIFEST, MemoryRegistry, client, digest_of

LOCAL = Registry.parse("localhost:5000")
SECRET = "s3cret-value"
IN_TOTO = "application/vnd.in-toto+json"


class Shelf:
    """A registry in memory with images whose every document the test says."""

    def __init__(self, *images, domains: Sequence[str] = ("localhost:5000",), secret: str = SECRET) -> None:
        self.memory = MemoryRegistry()
        self.clients = {Registry.parse(domain): client(self.memory, domain) for domain in domains}
        self.plan = plan(options(*images, registries=tuple(map(registry, domains))), CONTEXT)
        self.secrets = KnownSecrets([secret] if secret else [])

    def blob(self, content: object) -> dict[str, object]:
        data = json.dumps(content).encode()
        self.memory.blobs[digest_of(data)] = data
        return {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(data), "size": len(data)}

    def manifest(self, name: str, config: dict, layers: Sequence[dict] = (), **more: object) -> Digest:
        content = {"schemaVersion": 2, "mediaType": MANIFEST, "config": self.blob(config), "layers": layers, **more}
        return self.memory.put(name, json.dumps(content).encode())

    def put(self, one: PlannedImage, configs: dict[str, dict], attested: object = None, size: int = 0, **more: object):
        name = one.repositories[0].path
        entries = []
        for platform in one.platforms:
            config = {"os": platform.os, "architecture": platform.architecture, **configs.get(str(platform), {})}
            digest = str(self.manifest(name, config))
            parts = {"os": platform.os, "architecture": platform.architecture}
            entries.append({"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": parts})
        if attested is not None:
            layer = {
                **self.blob(attested),
                "mediaType": IN_TOTO,
                "annotations": {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"},
            }
            layer |= {"size": size} if size else {}
            digest = str(self.manifest(name, {}, [layer]))
            unknown = {"os": "unknown", "architecture": "unknown"}
            notes = {"vnd.docker.reference.digest": entries[0]["digest"]}
            entries.append(
                {"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": unknown, "annotations": notes}
            )
        content = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, **more}
        return self.memory.put(name, json.dumps(content).encode(), f"{COMMIT}-main")

    def refuse(self) -> None:
        digests = {
            one.name: Digest.parse(self.memory.tags(one.repositories[0].path)[f"{COMMIT}-main"])
            for one in self.plan.published
        }
        staged = publish.verify(self.plan, digests, self.clients)
        self.memory.log.clear()
        secret_scan.refuse_published(staged, self.clients, self.secrets)

    def places(self) -> tuple[str, ...]:
        try:
            self.refuse()
        except VerificationError as error:
            assert SECRET not in str(error) + " ".join(error.details)
            return error.details
        return ()


def one_of(shelf: Shelf) -> PlannedImage:
    return shelf.plan.published[0]


def leaking() -> dict:
    return {"config": {"Env": [f"T={SECRET}"]}}


def test_what_holds_no_secret_passes():
    shelf = Shelf(image())
    shelf.put(one_of(shelf), {}, {"predicate": {}})

    assert shelf.places() == ()


def test_every_platform_s_configuration_is_read():
    for platform in map(str, BOTH):
        shelf = Shelf(image())
        shelf.put(one_of(shelf), {platform: leaking()})

        assert shelf.places() == (f"api: {platform}: Env T",)


def test_annotations_of_index_and_manifest_are_read():
    shelf = Shelf(image())
    shelf.put(one_of(shelf), {}, annotations={"note": SECRET})

    assert shelf.places() == ("api: the index: annotation note",)


def test_provenance_is_read_and_named_after_its_platform():
    shelf = Shelf(image())
    shelf.put(one_of(shelf), {}, {"predicate": {"invocation": {"args": SECRET}}})

    assert shelf.places() == ("api: provenance of linux/arm64: predicate.invocation.args",)


def test_an_attestation_that_is_too_large_is_not_read():
    shelf = Shelf(image())
    shelf.put(one_of(shelf), {}, {"predicate": SECRET}, size=8 * 1024 * 1024 + 1)

    assert shelf.places() == ()


def test_an_image_without_an_index_is_read():
    shelf = Shelf(image(platforms=setting(AMD64), attest=()))
    name = one_of(shelf).repositories[0].path
    config = {"os": "linux", "architecture": "amd64", **leaking()}
    digest = shelf.manifest(name, config, annotations={"note": SECRET})
    shelf.memory.put(name, shelf.memory.manifests[name, str(digest)], f"{COMMIT}-main")

    assert shelf.places() == ("api: the image manifest: annotation note", "api: the image: Env T")


def test_every_image_and_place_is_named_with_what_to_do():
    shelf = Shelf(image("api"), image("worker"))
    for one in shelf.plan.published:
        shelf.put(one, {"linux/amd64": leaking()}, annotations={"image": one.name})

    with pytest.raises(VerificationError) as caught:
        shelf.refuse()

    assert caught.value.exit_code == 8
    assert "image api: a secret of this run can be read in localhost:5000/" in caught.value.message
    assert caught.value.message.endswith("linux/amd64: Env T, and in 1 more places")
    assert caught.value.details == ("api: linux/amd64: Env T", "worker: linux/amd64: Env T")
    assert "No moving tag was touched" in caught.value.hint
    for name in ("api", "worker"):
        assert f"localhost:5000/atomicloud/my-service/{name}:{COMMIT}-main" in caught.value.hint


def test_registries_with_the_same_bytes_are_read_once():
    shelf = Shelf(image(), domains=("localhost:5000", "localhost:5001"))
    shelf.put(one_of(shelf), {})

    assert shelf.places() == ()
    assert sum("/blobs/" in line for line in shelf.memory.log) == 2


def test_a_run_without_secrets_reads_nothing():
    shelf = Shelf(image(), secret="")
    shelf.put(one_of(shelf), leaking())

    assert shelf.places() == ()
    assert shelf.memory.log == []
