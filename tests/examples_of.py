"""Values that tests start from: change what a test is about with ``dataclasses.replace``."""

from __future__ import annotations

from docker_push.config import CacheTable, TagsTable
from docker_push.context import Context, Event
from docker_push.options import ImageOptions, Options, RegistryOptions, Setting, Source
from docker_push.references import Digest, Platform, Registry

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DIGEST = Digest("sha256:" + "a" * 64)
OTHER = Digest("sha256:" + "b" * 64)
BOTH = (Platform("linux", "arm64"), Platform("linux", "amd64"))
AMD64 = (Platform("linux", "amd64"),)

CONTEXT = Context(
    repository="AtomiCloud/my-service",
    commit=COMMIT,
    revision=COMMIT,
    branch="main",
    default_branch="main",
    event=Event.PUSH,
    ci="github",
    created=1_700_000_000,
    source_url="https://github.com/AtomiCloud/my-service",
)


def setting(value, origin: str = "built-in") -> Setting:
    return Setting(value, Source.BUILT_IN, origin)


def image(name: str = "api", **changes: object) -> ImageOptions:
    values = {
        "name": name,
        "dockerfile": setting("Dockerfile"),
        "context": setting("."),
        "platforms": setting(BOTH),
        "args": {},
        "contexts": {},
        "labels": {},
        "annotations": {},
        "attest": ("type=provenance,mode=min",),
        "extra_hosts": {},
    }
    return ImageOptions(**{**values, **changes})  # type: ignore[arg-type]


def registry(domain: str = "ghcr.io", **changes: object) -> RegistryOptions:
    values = {
        "registry": setting(Registry.parse(domain)),
        "path": "{repository}/{image}",
        "insecure": False,
        "username_env": "DOCKER_USER",
        "password_env": "DOCKER_PASSWORD",
    }
    return RegistryOptions(**{**values, **changes})  # type: ignore[arg-type]


def options(*images: ImageOptions, **changes: object) -> Options:
    chosen = images or (image(),)
    values = {
        "images": chosen,
        "selected": tuple(one.name for one in chosen),
        "registries": (registry(),),
        "repository": None,
        "default_branch": None,
        "version": None,
        "platform": "sulfoxide",
        "service": "hydrogen",
        "tags": TagsTable(),
        "cache": CacheTable(),
    }
    return Options(**{**values, **changes})  # type: ignore[arg-type]


# images that differ from ``image()`` in what is in them
OF_OTHER_CONTENT = [
    image(args={"A": "1"}),
    image(target="runtime"),
    image(dockerfile=setting("other")),
    image(context=setting("infra")),
    image(platforms=setting(AMD64)),
    image(labels={"a": "b"}),
    image(annotations={"a": "b"}),
    image(contexts={"base": "docker-image://busybox"}),
    image(attest=()),
    image(network="none"),
    image(extra_hosts={"a": "127.0.0.1"}),
    image(shm_size="1g"),
]
