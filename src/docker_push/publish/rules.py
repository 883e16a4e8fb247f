"""By what a tag may move: forward only, by commits or by versions; a version never, but on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from docker_push import forward, tagging
from docker_push.config import TagsTable
from docker_push.errors import ConfigError
from docker_push.forward import Verdict
from docker_push.history import History, Relation
from docker_push.references import Digest, Reference, Repository, Tag
from docker_push.registry import Client, Descriptor
from docker_push.tagging import PlannedTag, TagKind

_BY_COMMITS = frozenset({TagKind.BRANCH, TagKind.EXTRA, TagKind.LATEST})
_BLIND = (
    "Give the run access to the remote (git fetch), fetch the history (actions/checkout: fetch-depth: 0), or give"
    " --allow-older where going back is meant."
)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What decides whether a tag moves.

    ``history`` tells what the remote's branch says of our commit: of a moment ago, or ``fresh``. ``commit_tag`` gives the
    commit tag of another commit of the branch. ``release`` is the version of the run, ``tags`` are build.toml's rules.
    ``lag`` is for how many seconds a registry may answer with what was there before.
    """

    history: Callable[[bool], History]
    commit_tag: Callable[[str], Tag]
    tags: TagsTable = field(default_factory=TagsTable)
    release: str | None = None
    allow_older: bool = False
    force: bool = False
    lag: float = 60.0

    def by_versions(self, tag: PlannedTag) -> bool:
        """Tell whether the versions that are published decide whether ``tag`` moves."""
        return self.release is not None and tagging.follows_versions(tag, self.tags, self.release)

    def by_commits(self, tag: PlannedTag) -> bool:
        """Tell whether commits decide whether ``tag`` moves."""
        return tag.moves and tag.kind in _BY_COMMITS and not self.by_versions(tag)

    def judge(
        self,
        repository: Repository,
        tag: PlannedTag,
        ours: Digest,
        head: Descriptor | None,
        client: Client,
        *,
        fresh: bool,
    ) -> Verdict | None:
        """Return whether ``tag``, which names ``head``, may be put on ``ours``; ``None`` where nothing has to be asked.

        Raises ConfigError where it cannot be told of ``latest``, and the registry's errors.
        """
        if head is None or head.digest == ours or self.allow_older:
            return None
        if self.by_versions(tag):
            why = tagging.superseded(tag, self.tags, self.release or "", client.tags(repository))
            return Verdict(moves=not why, why=why)
        if not self.by_commits(tag):
            return None
        history = self.history(fresh)
        if tag.kind is TagKind.LATEST and history.relation is Relation.UNKNOWN:
            message = f"{Reference(repository, tag.tag)} may not move: who is newer cannot be told, {history.why}"
            raise ConfigError(message, hint=_BLIND)
        found = forward.judge(client, repository, tag.tag, head, ours, history, self.commit_tag)
        return replace(found, asked=not history.known or history.relation is Relation.BEHIND)
