"""The options of a run as values, each with where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

from docker_push.config import CacheTable, RetryTable, SecretTable, SshTable, TagsTable
from docker_push.references import Platform, Registry

T = TypeVar("T")


class Source(IntEnum):
    """Where a value came from; a higher one wins."""

    BUILT_IN = 0
    FILE = 1
    DEFAULTS = 2
    IMAGE = 3
    ENVIRONMENT = 4
    COMMAND_LINE = 5


@dataclass(frozen=True)
class Setting(Generic[T]):
    """A value, and what said it: ``--platform``, ``CI_DOCKER_PLATFORM``, ``[images.api] platforms``, ``built-in``."""

    value: T
    source: Source
    origin: str


@dataclass(frozen=True, kw_only=True)
class Flags:
    """What the command line said; ``None`` and ``()`` mean that the flag was not given.

    ``part`` is the one platform that a run builds of what build.toml says, for ``docker.merge`` to put together.
    """

    images: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    version: str | None = None
    domain: str | None = None
    repository: str | None = None
    changed_since: str | None = None
    builder: str | None = None
    tags: tuple[str, ...] = ()
    rebuild: bool = False
    allow_dirty: bool = False
    allow_older: bool = False
    force: bool = False
    keep_going: bool = False
    require_push: bool = False
    no_preflight: bool = False
    allow_secret_args: tuple[str, ...] = ()
    part: str | None = None


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """One image, with nothing left to default: paths are relative to the root, ``args`` and the like are merged.

    ``depends_on`` are the images that ``contexts`` name with ``target:NAME``.
    """

    name: str
    dockerfile: Setting[str]
    context: Setting[str]
    platforms: Setting[tuple[Platform, ...]]
    target: str | None = None
    args: Mapping[str, str]
    secret: tuple[SecretTable, ...] = ()
    ssh: tuple[SshTable, ...] = ()
    contexts: Mapping[str, str]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    attest: tuple[str, ...]
    test: tuple[tuple[str, ...], ...] = ()
    pull: bool = False
    no_cache: bool = False
    network: str | None = None
    extra_hosts: Mapping[str, str]
    shm_size: str | None = None
    cache_from: tuple[str, ...] | None = None
    cache_to: tuple[str, ...] | None = None
    registry_path: str | None = None
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RegistryOptions:
    """A registry that every image goes to; ``username_env`` and ``password_env`` name variables, never values.

    ``connections`` is how many requests may be in flight to it at once.
    """

    registry: Setting[Registry]
    path: str
    insecure: bool
    username_env: str | None
    password_env: str | None
    connections: int = 4


@dataclass(frozen=True, kw_only=True)
class Options:
    """All options of a run.

    ``images`` holds the selected images and everything that they depend on, dependencies first; ``selected`` are the
    names asked for, in build.toml's order. ``repository`` and ``default_branch`` are ``None`` where only the context
    can know them. ``version`` and ``changed_since`` are as given, unparsed. ``reasons`` is image name -> why it is selected,
    in a run of what changed since a commit: that run may have no image. ``part`` is the one platform that is built here, in
    a run that others complete: each image is planned as the whole that it will be. ``runners`` are the labels of the CI
    runner of a platform.
    """

    images: tuple[ImageOptions, ...]
    selected: tuple[str, ...]
    registries: tuple[RegistryOptions, ...]
    repository: Setting[str] | None
    default_branch: Setting[str] | None
    version: Setting[str] | None
    platform: str | None
    service: str | None
    tags: TagsTable
    cache: CacheTable
    retry: RetryTable = field(default_factory=RetryTable)
    extra_tags: tuple[str, ...] = ()
    changed_since: Setting[str] | None = None
    builder: Setting[str] | None = None
    rebuild: bool = False
    allow_dirty: bool = False
    allow_older: bool = False
    force: bool = False
    keep_going: bool = False
    require_push: bool = False
    no_preflight: bool = False
    allow_secret_args: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    part: Platform | None = None
    runners: Mapping[Platform, tuple[str, ...]] = field(default_factory=dict)
