"""The tables of build.toml as frozen models: what the file may say.

Every key says what it does and gives an example here; the JSON schema, the error messages and the reference are made
from it. Keys are kebab-case, as in pyproject.toml; where ``docker buildx bake`` has a name for a thing, it is bake's.

There is no ``from __future__ import annotations`` here: pydantic would have to compile every annotation at every start.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from docker_push.config import values
from docker_push.config.builders import BuilderTable
from docker_push.config.cache import CacheTable
from docker_push.config.table import Table
from docker_push.config.values import Filled, refusal


class SecretTable(Table):
    """A build secret, from a variable or from a file; its value never enters the plan."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["env"]}, {"required": ["src"]}]})

    id: values.Name = Field(description="Name by which the Dockerfile mounts the secret.", examples=["npm"])
    env: values.Variable | None = Field(
        None, description="Variable that holds the secret; or give src.", examples=["NPM_TOKEN"]
    )
    src: values.LocalPath | None = Field(
        None,
        description="File that holds the secret, relative to build.toml's folder; or give env.",
        examples=[".npmrc"],
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> "SecretTable":
        if (self.env is None) == (self.src is None):
            problem = "has neither env nor src" if self.env is None else "has both env and src"
            raise refusal(f"the secret {problem}", 'Give one of them: env = "VARIABLE" or src = "FILE".')
        return self


class SshTable(Table):
    """An SSH agent socket or keys that a build may use."""

    id: values.Name = Field(
        "default", description="Name by which the Dockerfile mounts the agent.", examples=["default"]
    )
    paths: tuple[values.AgentPath, ...] = Field(
        (),
        description="Keys, or an agent's socket; none for the agent of this session.",
        examples=[["~/.ssh/id_ed25519"]],
    )


class BuildTable(Table):
    """The keys that [defaults] and [images.NAME] share; a key that is absent is not said."""

    dockerfile: values.LocalPath | None = Field(
        None,
        description="Dockerfile, relative to build.toml's folder (default: Dockerfile).",
        examples=["infra/Dockerfile.worker"],
    )
    context: values.ContextPath | None = Field(
        None,
        description="Build context: a folder relative to build.toml's folder (default: .), or the address of a git"
        " repository or archive.",
        examples=["./infra"],
    )
    platforms: Annotated[tuple[values.PlatformName, ...], Filled()] | None = Field(
        None,
        description="Platforms to build for (default: linux/arm64 and linux/amd64).",
        examples=[["linux/arm64", "linux/amd64"]],
    )
    target: values.Name | None = Field(
        None, description="Stage of the Dockerfile to build (default: the last).", examples=["runtime"]
    )
    args: dict[values.Variable, values.Argument] | None = Field(
        None,
        description="Build arguments; numbers and booleans are passed as they are written.",
        examples=[{"GREETING": "hello"}],
    )
    secret: tuple[SecretTable, ...] | None = Field(
        None, description="Secrets that the build may mount.", examples=[[{"id": "npm", "env": "NPM_TOKEN"}]]
    )
    ssh: tuple[SshTable, ...] | None = Field(
        None, description="SSH agents or keys that the build may mount.", examples=[[{"id": "default"}]]
    )
    contexts: dict[values.ContextName, values.NamedContext] | None = Field(
        None,
        description="Further contexts by the name that the Dockerfile uses: target:IMAGE (built first),"
        " docker-image://IMAGE, oci-layout://PATH, https://... or a folder.",
        examples=[{"base": "target:api"}],
    )
    labels: dict[values.Label, values.Text] | None = Field(
        None, description="Labels of the image.", examples=[{"org.opencontainers.image.title": "worker"}]
    )
    annotations: dict[values.Label, values.Text] | None = Field(
        None,
        description="Annotations of manifest and index, besides the labels.",
        examples=[{"org.opencontainers.image.licenses": "MIT"}],
    )
    attest: tuple[values.Attestation, ...] | None = Field(
        None,
        description="Attestations of BuildKit (default: type=provenance,mode=min); [] for none.",
        examples=[["type=provenance,mode=max", "type=sbom"]],
    )
    test: tuple[values.Command, ...] | None = Field(
        None,
        description="Commands, each a list of words, run in the staged image before any tag moves; one that fails stops the"
        " run. Docker's engine runs them: its own platform, and others where it can emulate them.",
        examples=[[["/bin/worker", "--self-test"]]],
    )
    pull: bool | None = Field(
        None, description="Ask the registry for newer base images, also where the builder has them.", examples=[True]
    )
    no_cache: bool | None = Field(None, description="Build every step anew.", examples=[True])
    network: Literal["default", "none", "host"] | None = Field(
        None, description="Network of RUN steps.", examples=["none"]
    )
    extra_hosts: dict[values.Host, values.Address] | None = Field(
        None, description="Further hosts that RUN steps know.", examples=[{"mirror.local": "10.0.0.7"}]
    )
    shm_size: values.Size | None = Field(None, description="Size of /dev/shm in RUN steps.", examples=["128m"])
    cache_from: tuple[values.CacheEntry, ...] | None = Field(
        None,
        description="Build caches to read, instead of [cache]'s.",
        examples=[["type=registry,ref=ghcr.io/owner/repository/cache"]],
    )
    cache_to: tuple[values.CacheEntry, ...] | None = Field(
        None,
        description="Build caches to write, instead of [cache]'s.",
        examples=[["type=registry,ref=ghcr.io/owner/repository/cache,mode=max"]],
    )
    registry_path: values.PathTemplate | None = Field(
        None,
        description="Path of this image, instead of [registry] path; only with one registry.",
        examples=["{repository}/jobs/{image}"],
    )


class ProjectTable(Table):
    """[project]: who this repository is."""

    repository: values.RepositoryName | None = Field(
        None,
        description="Repository as the forge spells it (default: CI's or git's).",
        examples=["AtomiCloud/my-service"],
    )
    platform: values.Lpsm | None = Field(
        None, description="LPSM platform: part of the build cache's name.", examples=["sulfoxide"]
    )
    service: values.Lpsm | None = Field(
        None, description="LPSM service: part of the build cache's name.", examples=["hydrogen"]
    )
    default_branch: values.Branch | None = Field(
        None, description="Branch that the tag latest follows (default: CI's or main).", examples=["main"]
    )


class RegistryTable(Table):
    """[registry], or one of [[registry]]: where images go."""

    domain: values.Domain | None = Field(
        None, description="Registry's address (default, for the first: ghcr.io).", examples=["ghcr.io"]
    )
    path: values.PathTemplate = Field(
        "{repository}/{image}",
        description="Path of an image in the registry; holds {repository}, {owner}, {repo} and {image}; lower-cased.",
        examples=["{repository}/{image}"],
    )
    insecure: bool = Field(default=False, description="Speak plain http; loopback is always allowed.", examples=[True])
    connections: Annotated[int, Field(ge=1, le=64)] = Field(4, description="Requests in flight at once.", examples=[8])
    username_env: values.Variable | None = Field(
        None, description="Variable of the user's name (default, for the first: DOCKER_USER).", examples=["QUAY_USER"]
    )
    password_env: values.Variable | None = Field(
        None,
        description="Variable of the password (default, for the first: DOCKER_PASSWORD).",
        examples=["QUAY_PASSWORD"],
    )


class TagsTable(Table):
    """[tags]: how tags are named."""

    sha_length: Annotated[int, Field(ge=6, le=64)] = Field(
        40, description="Length of the commit in the commit tag.", examples=[40]
    )
    latest: Literal["default-branch", "release", "never"] = Field(
        "default-branch",
        description="What latest follows: the default branch, the highest stable version, or nothing.",
        examples=["release"],
    )
    slug: Literal["github", "unique"] = Field(
        "github",
        description='How a branch becomes a tag: as GITHUB_REF_SLUG, or "unique" with a hash where that loses something.',
        examples=["unique"],
    )
    semver: tuple[values.SemverTemplate, ...] = Field(
        (), description="Tags that follow the highest version.", examples=[["{major}.{minor}", "{major}"]]
    )
    extra: tuple[values.ExtraTag, ...] = Field(
        (), description="Further tags of every run; --tag adds some for one run.", examples=[["nightly"]]
    )


class RetryTable(Table):
    """[retry]: how often, and for how long, a registry that fails for a while is asked again; times are in seconds."""

    attempts: Annotated[int, Field(ge=1, le=20)] = Field(
        6, description="How often one request is sent at most; 1 never repeats.", examples=[3]
    )
    first_wait: values.Seconds = Field(
        0.5, description="Seconds before the second attempt; each further wait is twice as long.", examples=[1]
    )
    longest_wait: values.Seconds = Field(
        30, description="Seconds that a wait grows to at most, where the registry names no time.", examples=[60]
    )
    longest_asked: values.Seconds = Field(
        120,
        description="Seconds that a registry may ask us to wait (Retry-After); where it asks for more, the run stops and says"
        " when to come back.",
        examples=[300],
    )
    rate_limit_waits: tuple[values.Seconds, ...] = Field(
        (60, 120, 300),
        description='Seconds to wait, one after the other, when GitHub\'s registry answers "secondary rate limit" and no'
        " time; [] stops at once.",
        examples=[[60, 120, 300]],
    )
    lag: values.Seconds = Field(
        60, description="Seconds that a tag or digest just written may take to be readable.", examples=[10]
    )
    total: values.Seconds = Field(
        600,
        description="Seconds after which one call is not repeated any more, whatever else allows it.",
        examples=[900],
    )
    silence: Annotated[float, Field(ge=1, le=86_400)] = Field(
        3600,
        description="Seconds without any sign of life after which a build, or its push, is ended.",
        examples=[1800],
    )
    away: Annotated[float, Field(ge=1, le=3600)] = Field(
        60,
        description="Seconds for which a remote node may not answer while it builds; then the build is ended.",
        examples=[120],
    )

    @model_validator(mode="after")
    def _waits_grow(self) -> "RetryTable":
        if self.first_wait > self.longest_wait:
            problem = f"first-wait ({self.first_wait:g} s) is longer than longest-wait ({self.longest_wait:g} s)"
            raise refusal(problem, "Give a first-wait of at most longest-wait.")
        return self


class BuildFile(Table):
    """A whole build.toml; ``registry`` is always a tuple, also where the file has one [registry] table."""

    project: ProjectTable = Field(ProjectTable(), description="Who this repository is.")
    registry: Annotated[
        tuple[RegistryTable, ...],
        Filled(),
        BeforeValidator(values.one_or_many, json_schema_input_type=RegistryTable | tuple[RegistryTable, ...]),
    ] = Field(
        (RegistryTable(),), description="Where images go; [[registry]] for several, and every image goes to each."
    )
    defaults: BuildTable = Field(BuildTable(), description="What holds for every image that does not say otherwise.")
    groups: dict[values.ImageName, Annotated[tuple[values.ImageName, ...], Filled()]] = Field(
        default_factory=dict,
        description="Names for several images, usable wherever an image's name is.",
        examples=[{"services": ["api", "worker"]}],
    )
    images: dict[values.ImageName, BuildTable] = Field(
        default_factory=dict, description="The images: the key is the name in --image."
    )
    tags: TagsTable = Field(TagsTable(), description="How tags are named.")
    cache: CacheTable = Field(CacheTable(), description="Where BuildKit's cache is kept between runs.")
    retry: RetryTable = Field(RetryTable(), description="How a registry that fails for a while is asked again.")
    builder: BuilderTable | None = Field(None, description="The builder, where it is not docker's current one.")
    runners: dict[values.PlatformName, values.Runner] = Field(
        default_factory=dict,
        description='The CI runner that builds a platform, for docker.matrix: its label, or a list of labels, as in "linux/arm64"'
        ' = "ubuntu-24.04-arm" (default: the CI\'s own for linux/amd64 and linux/arm64).',
        examples=[{"linux/arm64": "ubuntu-24.04-arm", "linux/s390x": ["self-hosted", "s390x"]}],
    )
