"""build.toml as frozen models: what the file may say, and every error of it at once.

Keys are kebab-case, as in pyproject.toml; where ``docker buildx bake`` has a name for a thing, it is bake's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class Table(BaseModel):
    """A table of build.toml: frozen, kebab-case keys, unknown keys refused, no conversion of types."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=_kebab,
        populate_by_name=True,
        regex_engine="python-re",
    )


class SecretTable(Table):
    """A build secret, from a variable or from a file; its value never enters the plan."""

    id: str
    env: str | None = None
    src: str | None = None


class SshTable(Table):
    """An SSH agent socket or keys that a build may use."""

    id: str = "default"
    paths: tuple[str, ...] = ()


class BuildTable(Table):
    """The keys that [defaults] and [images.NAME] share; ``None`` and absent mean "not said"."""

    dockerfile: str | None = None
    context: str | None = None
    platforms: tuple[str, ...] | None = None
    target: str | None = None
    args: dict[str, str] | None = None
    secret: tuple[SecretTable, ...] | None = None
    ssh: tuple[SshTable, ...] | None = None
    contexts: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    attest: tuple[str, ...] | None = None
    test: tuple[tuple[str, ...], ...] | None = None
    pull: bool | None = None
    no_cache: bool | None = None
    network: Literal["default", "none", "host"] | None = None
    extra_hosts: dict[str, str] | None = None
    shm_size: str | None = None
    cache_from: tuple[str, ...] | None = None
    cache_to: tuple[str, ...] | None = None
    registry_path: str | None = None


class ProjectTable(Table):
    """[project]: who this repository is."""

    repository: str | None = None
    platform: str | None = None
    service: str | None = None
    default_branch: str | None = None


class RegistryTable(Table):
    """[registry], or one of [[registry]]: where images go."""

    domain: str | None = None
    path: str = "{repository}/{image}"
    insecure: bool = False
    username_env: str | None = None
    password_env: str | None = None


class TagsTable(Table):
    """[tags]: how tags are named."""

    sha_length: Annotated[int, Field(ge=6, le=64)] = 40
    latest: Literal["default-branch", "release", "never"] = "default-branch"
    slug: Literal["github", "unique"] = "github"
    semver: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


class CacheTable(Table):
    """[cache]: where BuildKit's cache is kept between runs."""

    backend: Literal["registry", "none"] = "registry"


class BuildFile(Table):
    """A whole build.toml; ``registry`` is always a tuple, also where the file has one [registry] table."""

    project: ProjectTable = ProjectTable()
    registry: tuple[RegistryTable, ...] = (RegistryTable(),)
    defaults: BuildTable = BuildTable()
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    images: dict[str, BuildTable] = Field(default_factory=dict)
    tags: TagsTable = TagsTable()
    cache: CacheTable = CacheTable()
