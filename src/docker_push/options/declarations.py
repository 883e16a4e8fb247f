"""Every option of a run, declared once: where it may be said, which place wins, what it is when nobody says it.

Resolving, and the reference of options, both read this table. What a key of build.toml does stands with it in the models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from docker_push.config import BuildFile, grammar, paths, places
from docker_push.config.fields import Fields, known, toml
from docker_push.options.model import Source

IMAGES = "images"  # the table of a declaration that [images.NAME] and [defaults] hold
_USUAL = (Source.COMMAND_LINE, Source.ENVIRONMENT, Source.IMAGE, Source.DEFAULTS, Source.FILE, Source.BUILT_IN)
_FILE_FIRST = (Source.COMMAND_LINE, Source.FILE, Source.ENVIRONMENT, Source.BUILT_IN)
_TABLES = known(BuildFile)


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One option; ``name`` is also its attribute of Flags.

    ``table`` and ``key`` are its place in build.toml, ``flag`` and ``variable`` the others; ``order`` is which of them
    wins, the winner first. ``built_in`` is the value when nobody says one, as text. ``rule`` is the grammar of one value
    from flag or variable, ``separator`` what is between several.
    """

    name: str
    description: str
    table: str | None = None
    key: str | None = None
    flag: str | None = None
    variable: str | None = None
    built_in: str | None = None
    order: tuple[Source, ...] = _USUAL
    rule: Callable[[str], str] = grammar.filled
    separator: str | None = None

    @property
    def place(self) -> str | None:
        """Return the key with its table: ``[images.NAME] platforms``; ``None`` for what build.toml does not hold."""
        if self.table is None or self.key is None:
            return None
        return f"[{'images.NAME' if self.table == IMAGES else self.table}] {self.key}"

    @property
    def attribute(self) -> str:
        """Return the attribute of build.toml's models that holds this option."""
        return (self.key or "").replace("-", "_")


def _keys(table: str) -> Fields:
    """Return the keys of a table; every image and every registry has the same."""
    return _TABLES.at((table, 0) if table in {IMAGES, "registry"} else (table,))


def _described(table: str, key: str) -> str:
    return _keys(table)[key].description or ""


ATTEST = ("type=provenance,mode=min",)
CREDENTIALS = ("DOCKER_USER", "DOCKER_PASSWORD")  # of the first registry
_BUILT_IN = {
    "[images.NAME] attest": toml(ATTEST),
    "[registry] username-env": toml(CREDENTIALS[0]),
    "[registry] password-env": toml(CREDENTIALS[1]),
}


SAID = (
    Declaration(
        name="images",
        description="Images or groups of the run.",
        flag="--image",
        variable="CI_DOCKER_IMAGE",
        built_in="every image of build.toml",
        order=(Source.COMMAND_LINE, Source.ENVIRONMENT),
        rule=grammar.image,
        separator=",",
    ),
    Declaration(
        name="changed_since",
        description="Commit, tag or branch: only the images whose inputs differ from it, and those that need them.",
        flag="--changed-since",
        variable="DOCKER_PUSH_CHANGED_SINCE",
        order=(Source.COMMAND_LINE, Source.ENVIRONMENT),
    ),
    Declaration(
        name="dockerfile",
        description=_described(IMAGES, "dockerfile"),
        table=IMAGES,
        key="dockerfile",
        variable="CI_DOCKERFILE",
        built_in="Dockerfile",
        rule=paths.local_path,
    ),
    Declaration(
        name="context",
        description=_described(IMAGES, "context"),
        table=IMAGES,
        key="context",
        variable="CI_DOCKER_CONTEXT",
        built_in=".",
        rule=paths.context,
    ),
    Declaration(
        name="platforms",
        description=_described(IMAGES, "platforms"),
        table=IMAGES,
        key="platforms",
        flag="--platform",
        variable="CI_DOCKER_PLATFORM",
        built_in="linux/arm64,linux/amd64",
        rule=grammar.platform,
        separator=",",
    ),
    Declaration(
        name="domain",
        description=_described("registry", "domain"),
        table="registry",
        key="domain",
        flag="--domain",
        variable="DOMAIN",
        built_in=places.DOMAIN,
        rule=grammar.domain,
    ),
    Declaration(
        name="repository",
        description=_described("project", "repository"),
        table="project",
        key="repository",
        flag="--repository",
        variable="GITHUB_REPO_REF",
        order=_FILE_FIRST,
        rule=grammar.repository,
    ),
    Declaration(
        name="default_branch",
        description=_described("project", "default-branch"),
        table="project",
        key="default-branch",
        variable="LATEST_BRANCH",
        order=_FILE_FIRST,
        rule=grammar.branch,
    ),
    Declaration(
        name="platform",
        description=_described("project", "platform"),
        table="project",
        key="platform",
        variable="ATOMI_PLATFORM",
        rule=grammar.lpsm,
    ),
    Declaration(
        name="service",
        description=_described("project", "service"),
        table="project",
        key="service",
        variable="ATOMI_SERVICE",
        rule=grammar.lpsm,
    ),
    Declaration(
        name="part",
        description="Build the one platform of --platform alone, as a part of what build.toml says, for docker.merge.",
        flag="--part",
        order=(Source.COMMAND_LINE,),
        rule=grammar.platform,
    ),
    Declaration(name="version", description="Version to release.", flag="--version"),
    Declaration(
        name="builder",
        description="Builder of docker buildx (default: the one that build.toml describes, else docker's current one).",
        flag="--builder",
        variable="BUILDX_BUILDER",
        rule=grammar.name,
    ),
    Declaration(
        name="tags",
        description=_described("tags", "extra"),
        table="tags",
        key="extra",
        flag="--tag",
        built_in="[]",
        rule=grammar.extra_tag,
    ),
    Declaration(name="rebuild", description="Build also what is staged already.", flag="--rebuild", built_in="false"),
    Declaration(
        name="allow_dirty",
        description="Move tags although the working tree has changes.",
        flag="--allow-dirty",
        built_in="false",
    ),
    Declaration(
        name="allow_older",
        description="Move tags although a newer commit published them: a rollback on purpose.",
        flag="--allow-older",
        built_in="false",
    ),
    Declaration(
        name="force",
        description="Overwrite versions that are published already; the run names what it overwrites.",
        flag="--force",
        built_in="false",
    ),
    Declaration(
        name="keep_going",
        description="Publish the images that succeed although others fail; the run still ends with an error.",
        flag="--keep-going",
        built_in="false",
    ),
    Declaration(
        name="require_push",
        description="Fail where the run may not push (a fork's pull request, no credentials), instead of only building.",
        flag="--require-push",
        built_in="false",
    ),
    Declaration(
        name="no_preflight",
        description="Build without checking first that everything for publishing is there.",
        flag="--no-preflight",
        built_in="false",
    ),
    Declaration(
        name="allow_secret_args",
        description="Build argument that looks like a secret and is none.",
        flag="--allow-secret-arg",
        built_in="[]",
        rule=grammar.filled,
    ),
)
BY_NAME = {declaration.name: declaration for declaration in SAID}


def declarations() -> tuple[Declaration, ...]:
    """Return every option: those that flags or variables can say, then the keys that build.toml alone holds."""
    return (*SAID, *_file_only())


def _file_only() -> Iterator[Declaration]:
    said = {declaration.place for declaration in SAID}
    for table in ("project", "registry", IMAGES, "tags", "cache", "retry"):
        for key, field in _keys(table).items():
            built_in = None if field.default is None else toml(field.default)
            found = Declaration(
                name=key.replace("-", "_"), description=field.description or "", table=table, key=key, built_in=built_in
            )
            if found.place not in said:
                yield replace(found, built_in=_BUILT_IN.get(str(found.place), built_in))
