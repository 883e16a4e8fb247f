"""What was observed of the world before planning, as values: builder, registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from docker_push.record import Record
from docker_push.references import Digest, Platform, Repository


@dataclass(frozen=True, kw_only=True)
class BuilderFacts:
    """A builder that buildx knows: its driver, the platforms it can build for, whether its image store holds indexes.

    ``absent`` is platform -> the node that was to build it and does not answer. ``planned`` says what will be made, of a builder
    that build.toml describes and that is not there yet.
    """

    name: str
    driver: str
    platforms: tuple[Platform, ...]
    multi_platform: bool = True
    absent: Mapping[Platform, str] = field(default_factory=dict)
    planned: str = ""


@dataclass(frozen=True, kw_only=True)
class Published:
    """What a tag names in the registry: its digest, the fingerprint annotation, the platforms of the index, its record.

    ``complete`` says that nothing of what the manifest or index names was found missing. ``data`` are its bytes, of
    ``media_type``, where they were read.
    """

    digest: Digest
    fingerprint: str | None
    platforms: tuple[Platform, ...]
    complete: bool
    record: Record | None = None
    media_type: str = ""
    data: bytes = field(default=b"", repr=False)

    def has_key(self, key: str | None) -> bool:
        """Tell whether it was made from the inputs that ``key`` stands for; not where there is none."""
        return key is not None and self.record is not None and self.record.key == key


@dataclass(frozen=True, kw_only=True)
class RepositoryFacts:
    """What one repository of a registry holds: every tag's name, and what our commit tag names (``None``: nothing).

    ``same`` is what was published with our inputs, and ``same_tag`` the tag that it was found under; ``other_tag`` is the
    first tag that was looked at and names something else.
    """

    tags: tuple[str, ...] = ()
    commit: Published | None = None
    same: Published | None = None
    same_tag: str = ""
    other_tag: str = ""


@dataclass(frozen=True, kw_only=True)
class Files:
    """What an image is built from on this machine: a digest of its Dockerfile and contexts, and how much that is.

    ``size`` is in bytes; ``holds_git`` says that a ``.git`` that no rule ignores is part of it.
    """

    digest: str
    number: int = 0
    size: int = 0
    holds_git: bool = False


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that was observed; ``None`` and a missing repository mean "not looked at" (``docker.plan --offline``).

    ``build_only`` is why the run may push nothing, where that is so: nobody has given it credentials. ``no_cache`` is why
    the cache of [cache] cannot be used here, where that is so: what the environment lacks. ``files`` is image
    name -> its Dockerfile and contexts; ``bases`` is what the references of base images name today, ``None``
    where that cannot be told, and ``untold`` says why.
    """

    build_only: str | None = None
    no_cache: str = ""
    builder: BuilderFacts | None = None
    repositories: Mapping[Repository, RepositoryFacts] = field(default_factory=dict)
    files: Mapping[str, Files] = field(default_factory=dict)
    bases: Mapping[str, Digest | None] = field(default_factory=dict)
    untold: Mapping[str, str] = field(default_factory=dict)
