"""What the files of a CI say about images, and where they disagree with build.toml, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from docker_push.references import Platform

MOVING = frozenset({"push", "publish", "merge"})  # the tasks that move tags


class Ci(str, Enum):
    """Whose files they are."""

    GITHUB = "github"
    GITLAB = "gitlab"


class Level(str, Enum):
    """How sure a finding is of being wrong: an error is, a warning may be meant, and a note was not decided."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One place where the files of a CI and build.toml disagree: what is wrong, and what to do about it.

    ``job`` (of ``job_file``, which may include ``file``) and ``image`` are those that it is about; ``keys`` are the inputs,
    permissions or files that are missing.
    """

    file: str
    line: int
    rule: str
    problem: str
    advice: str
    level: Level = Level.ERROR
    job: str | None = None
    job_file: str | None = None
    image: str | None = None
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        level = "" if self.level is Level.ERROR else f"{self.level.value}: "
        return f"{self.file}:{self.line}: {level}{self.problem.rstrip('.')}. {self.advice} [{self.rule}]"


@dataclass(frozen=True)
class Said:
    """A text in a file, and its line."""

    text: str
    file: str
    line: int

    @property
    def is_decided(self) -> bool:
        """Tell whether it is a text, and nothing that the CI or a shell makes one of later."""
        return "$" not in self.text


class Means(str, Enum):
    """How a job gets at docker-push."""

    WORKFLOW = "the reusable workflow"
    ACTION = "the action"
    SCRIPT = "scripts/ci/docker.sh"
    COMMAND = "docker-push"


@dataclass(frozen=True, kw_only=True)
class Publish:
    """One thing in a job that pushes: the task, and what it says.

    ``images`` is ``None`` where it is for all images; what is not decided of them is in ``undecided``. ``inputs`` are the
    pattern's names (``platform``, ``dockerfile``, ``context``, ``version``).
    """

    task: str
    means: Means
    file: str
    line: int
    images: tuple[Said, ...] | None
    undecided: tuple[Said, ...] = ()
    inputs: Mapping[str, Said] = field(default_factory=dict)
    part: bool = False


@dataclass(frozen=True, kw_only=True)
class Input:
    """An input that a reusable workflow declares."""

    required: bool
    kind: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """A job's call of a reusable workflow: what it names, what it gives, and what the workflow declares.

    ``missing``: the file that it names is not there. ``elsewhere``: it is another repository's, of which is known what the
    pattern says. ``splits``: it builds each platform on a runner of its own.
    """

    uses: Said
    given: Mapping[str, tuple[Said, bool]]
    declared: Mapping[str, Input]
    missing: str | None = None
    elsewhere: bool = False
    splits: bool = False


@dataclass(frozen=True, kw_only=True)
class Permissions:
    """What a job's token may do, said by the job or by its workflow: ``all`` is ``read-all`` or ``write-all``."""

    scopes: Mapping[str, str]
    all: str | None
    file: str
    line: int
    own: bool

    def may(self, scope: str, wanted: str) -> bool:
        """Tell whether the token may read, or write, in a scope."""
        levels = ("none", "read", "write")
        has = (self.all or "").partition("-")[0] or self.scopes.get(scope, "none")
        return has in levels and levels.index(has) >= levels.index(wanted)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job that pushes images, or prints the jobs that do.

    ``permissions`` is ``None`` where neither job nor workflow says them. ``cancels`` is what stops it while it publishes.
    ``scripts`` are expressions in scripts, ``checkouts`` those that leave their token behind.
    ``released``: its workflow runs for tags alone. ``called``: it runs inside its callers, by whom all that is decided.
    ``prints``: it prints a matrix, or GitLab's child pipeline. ``files`` are scripts that it runs.
    """

    ci: Ci
    file: str
    line: int
    name: str
    publishes: tuple[Publish, ...] = ()
    call: Call | None = None
    permissions: Permissions | None = None
    cancels: tuple[Said, ...] = ()
    scripts: tuple[Said, ...] = ()
    checkouts: tuple[Said, ...] = ()
    released: bool = False
    called: bool = False
    prints: Said | None = None
    files: tuple[Said, ...] = ()

    @property
    def is_moving_tags(self) -> bool:
        """Tell whether it moves tags, so that being cancelled would leave some of them behind."""
        return any(one.task in MOVING for one in self.publishes)


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An image of build.toml: the line of its table, and what the inputs of a job could contradict."""

    name: str
    line: int
    dockerfile: str
    context: str
    platforms: tuple[Platform, ...]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What build.toml says of a CI; ``exists`` is false where there is none, so that jobs say all there is.

    ``packages``: images go to GitHub's registry, for which a token needs ``packages: write``.
    """

    images: Mapping[str, Listed]
    groups: Mapping[str, tuple[str, ...]]
    runners: Mapping[Platform, tuple[str, ...]]
    packages: bool = True
    exists: bool = True
    file: str = "build.toml"

    def expanded(self, name: str) -> tuple[str, ...]:
        """Return the images of a group, and of the groups in it; any other name alone."""
        found: list[str] = []
        waiting, seen = [name.lower()], set[str]()
        while waiting:
            one = waiting.pop()
            if one in self.groups and one not in seen:
                waiting += self.groups[one]
            elif one not in self.groups:
                found.append(one)
            seen.add(one)
        return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Read:
    """Everything that the files of a CI say: their jobs, what could not be read, and what they include from elsewhere."""

    jobs: tuple[Job, ...]
    notes: tuple[Finding, ...] = ()


def at(
    text: Said,
    rule: str,
    problem: str,
    advice: str,
    job: Job,
    level: Level = Level.ERROR,
    keys: tuple[str, ...] = (),
) -> Finding:
    """Return a finding of a job, at the place of what is wrong with it."""
    return Finding(
        file=text.file,
        line=text.line,
        rule=rule,
        problem=problem,
        advice=advice,
        job=job.name,
        job_file=job.file,
        level=level,
        keys=keys,
    )
