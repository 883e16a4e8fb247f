"""What was observed of the world before planning, as values: builder, registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from docker_push.references import Digest, Platform, Repository


@dataclass(frozen=True, kw_only=True)
class BuilderFacts:
    """A builder that buildx knows: its driver, the platforms it can build for, whether its image store holds indexes."""

    name: str
    driver: str
    platforms: tuple[Platform, ...]
    multi_platform: bool = True


@dataclass(frozen=True, kw_only=True)
class Published:
    """What a tag names in the registry: its digest, the fingerprint annotation, the platforms of the index.

    ``complete`` says that everything the manifest or index names was found in the registry too.
    """

    digest: Digest
    fingerprint: str | None
    platforms: tuple[Platform, ...]
    complete: bool


@dataclass(frozen=True, kw_only=True)
class RepositoryFacts:
    """What one repository of a registry holds: every tag's name, and what our commit tag names (``None``: nothing)."""

    tags: tuple[str, ...] = ()
    commit: Published | None = None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that was observed; ``None`` and a missing repository mean "not looked at" (``docker.plan --offline``).

    ``build_only`` is why the run may push nothing, where that is so: nobody has given it credentials.
    """

    build_only: str | None = None
    builder: BuilderFacts | None = None
    repositories: Mapping[Repository, RepositoryFacts] = field(default_factory=dict)
