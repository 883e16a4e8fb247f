from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push.errors import VerificationError
from docker_push.references import Digest, Platform
from docker_push.registry.manifests import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Manifest,
    digest_of,
    json_object,
    matches,
)

AMD64 = {"os": "linux", "architecture": "amd64"}


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def entry(name: str, **more: object) -> dict[str, Any]:
    return {"mediaType": OCI_MANIFEST, "digest": digest(name), "size": 7, **more}


def manifest(content: object, media_type: str = OCI_INDEX) -> Manifest:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Manifest(data=data, media_type=media_type, digest=digest_of(data), source="ghcr.io/acme/api:main")


def test_an_index_says_its_children_their_platforms_and_its_annotations():
    index = manifest(
        {
            "mediaType": OCI_INDEX,
            "manifests": [
                entry("amd64", platform=AMD64, annotations={"a": "b"}),
                entry("arm64", platform={"os": "linux", "architecture": "arm64", "variant": "v8"}),
                entry("bare"),
                entry("unknown", platform={"os": "unknown", "architecture": "unknown"}),
                entry("proof", annotations={"vnd.docker.reference.type": "attestation-manifest"}),
            ],
            "annotations": {"fingerprint": "x"},
        }
    )

    assert index.is_index
    assert index.annotations == {"fingerprint": "x"}
    assert [child.platform for child in index.children] == [
        Platform("linux", "amd64"),
        Platform("linux", "arm64"),
        None,
        Platform("unknown", "unknown"),
        None,
    ]
    assert [child.is_attestation for child in index.children] == [False, False, False, True, True]
    assert index.children[0].digest == Digest(digest("amd64"))
    assert index.children[0].annotations == {"a": "b"}


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_a_single_image_says_where_its_configuration_is(media_type):
    image = manifest({"config": {"mediaType": "c", "digest": digest("c"), "size": 3}, "layers": []}, media_type)

    assert not image.is_index
    assert image.children == ()
    assert image.annotations == {}
    assert (image.config.digest, image.config.size) == (Digest(digest("c")), 3)


def test_the_descriptor_points_at_the_bytes():
    index = manifest(b'{"manifests": []}', DOCKER_LIST)

    assert (index.descriptor.media_type, index.descriptor.size) == (DOCKER_LIST, 17)
    assert index.descriptor.digest == index.digest == Digest(f"sha256:{hashlib.sha256(index.data).hexdigest()}")


def test_both_algorithms_are_counted():
    data = b"bytes"

    assert matches(data, Digest(f"sha512:{hashlib.sha512(data).hexdigest()}"))
    assert matches(data, digest_of(data))
    assert not matches(data + b" ", digest_of(data))


@pytest.mark.parametrize(
    ("content", "media_type", "said"),
    [
        (b"", OCI_INDEX, "is not a JSON object"),
        (b"[]", OCI_INDEX, "is not a JSON object"),
        (b"[" * 100_000, OCI_INDEX, "is not a JSON object"),
        (b'{"a":' * 100_000, OCI_INDEX, "is not a JSON object"),
        (b'{"size": 1' + b"0" * 5000 + b"}", OCI_INDEX, "is not a JSON object"),
        (b'{"a": "\xff"}', OCI_INDEX, "is not a JSON object"),
        ({"manifests": []}, "text/html", "is of the type 'text/html', which is no image"),
        ({"manifests": []}, "", "which is no image"),
        ({"schemaVersion": 1}, "application/vnd.docker.distribution.manifest.v1+prettyjws", "which is no image"),
        ({"mediaType": OCI_MANIFEST, "manifests": []}, OCI_INDEX, "calls itself something else"),
        ({"mediaType": [[[]]], "manifests": []}, OCI_INDEX, "calls itself something else"),
        ({"manifests": [], "layers": []}, OCI_INDEX, "as an image and as an index"),
        ({"manifests": [], "config": {}}, OCI_INDEX, "as an image and as an index"),
        ({}, OCI_INDEX, "has no list of manifests"),
        ({"manifests": {}}, OCI_INDEX, "has no list of manifests"),
        ({"manifests": [1]}, OCI_INDEX, "no descriptor"),
        ({"manifests": [{}]}, OCI_INDEX, "without a media type or a size"),
        ({"manifests": [entry("x", size=-1)]}, OCI_INDEX, "without a media type or a size"),
        ({"manifests": [entry("x", size=True)]}, OCI_INDEX, "without a media type or a size"),
        ({"manifests": [entry("x", size="7")]}, OCI_INDEX, "without a media type or a size"),
        ({"manifests": [entry("x", digest="sha256:short")]}, OCI_INDEX, "bad digest"),
        ({"manifests": [entry("x", digest=7)]}, OCI_INDEX, "bad digest"),
        ({"manifests": [entry("x", platform="linux/amd64")]}, OCI_INDEX, "platform that is no table"),
        ({"manifests": [entry("x", platform={})]}, OCI_INDEX, "bad platform"),
        ({"manifests": [entry("x", platform={"os": "a b", "architecture": "c"})]}, OCI_INDEX, "bad platform"),
        ({"manifests": [entry("x", platform={"os": ["linux"], "architecture": "c"})]}, OCI_INDEX, "bad platform"),
        ({"manifests": [entry("x", annotations=[1])]}, OCI_INDEX, "annotations that are not strings"),
        ({"manifests": [entry("x", annotations={"a": 1})]}, OCI_INDEX, "annotations that are not strings"),
    ],
)
def test_what_is_no_index_is_named(content, media_type, said):
    with pytest.raises(VerificationError, match=said) as caught:
        _ = manifest(content, media_type).content, manifest(content, media_type).children

    assert caught.value.message.startswith("ghcr.io/acme/api:main (sha256:")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"config": {}, "manifests": []}, "as an image and as an index"),
        ({"layers": []}, "no descriptor"),
        ({"config": "x"}, "no descriptor"),
    ],
)
def test_what_is_no_image_is_named(content, said):
    with pytest.raises(VerificationError, match=said):
        _ = manifest(content, OCI_MANIFEST).config


KEYS = [
    "manifests",
    "config",
    "layers",
    "mediaType",
    "digest",
    "size",
    "platform",
    "os",
    "architecture",
    "variant",
    "annotations",
    "vnd.docker.reference.type",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=15,
)


@given(json_values, st.sampled_from([OCI_INDEX, OCI_MANIFEST, "x"]))
def test_any_document_is_read_or_refused(content, media_type):
    read = manifest(content, media_type)
    try:
        _ = read.content, read.children, read.annotations, read.is_index or read.config
    except VerificationError as error:
        assert "\n" not in str(error)


INDEX = {
    "schemaVersion": 2,
    "mediaType": OCI_INDEX,
    "manifests": [
        entry("amd64", platform=AMD64, annotations={"a": "b"}),
        entry("arm", platform={"os": "linux", "architecture": "arm", "variant": "v7"}),
        entry("proof", platform={"os": "unknown", "architecture": "unknown"}),
    ],
    "annotations": {"fingerprint": "x"},
}
IMAGE = {
    "schemaVersion": 2,
    "mediaType": OCI_MANIFEST,
    "config": {"mediaType": "c", "digest": digest("c"), "size": 3},
    "layers": [{"mediaType": "l", "digest": digest("l"), "size": 9, "annotations": {"a": "b"}}],
}


def paths(content: object) -> list[tuple[object, ...]]:
    """Return where everything in a document is."""
    inner = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [(), *((key, *rest) for key, value in inner for rest in paths(value))]


def changed(content: Any, path: tuple[object, ...], value: object) -> Any:
    if not path:
        return value
    copy = content.copy()
    copy[path[0]] = changed(content[path[0]], path[1:], value)
    return copy


@given(
    st.sampled_from([(INDEX, OCI_INDEX), (IMAGE, OCI_MANIFEST)]).flatmap(
        lambda pair: st.tuples(st.just(pair), st.sampled_from(paths(pair[0])))
    ),
    json_values | st.sampled_from([10**30, -1, "\ud800", "sha256:" + "A" * 64, digest("x"), 1.5, float("inf")]),
)
def test_a_document_with_one_thing_changed_is_read_or_refused_in_one_line(place, value):
    (content, media_type), path = place
    read = manifest(json.dumps(changed(content, path, value)).encode(), media_type)
    try:
        found = read.children if read.is_index else (read.config, *read.layers)
        notes = read.annotations
    except VerificationError as error:
        assert str(error).isprintable()
        assert error.message.startswith("ghcr.io/acme/api:main (sha256:")
        return
    assert all(isinstance(one.size, int) and one.size >= 0 for one in found)
    assert all(Digest.parse(str(one.digest)) == one.digest for one in found)
    assert all(one.platform is None or Platform.parse(str(one.platform)) == one.platform for one in found)
    assert all(isinstance(value, str) for value in notes.values())


@given(st.sampled_from([INDEX, IMAGE]), st.data())
def test_a_document_that_is_cut_is_refused(content, data):
    whole = json.dumps(content).encode()
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(VerificationError, match="is not a JSON object"):
        _ = manifest(whole[:cut], content["mediaType"]).content


@given(st.binary())
def test_any_bytes_are_an_object_or_nothing(data):
    assert json_object(data) is None or isinstance(json_object(data), dict)
