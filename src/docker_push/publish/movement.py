"""Moving tags: when everything is verified, in one order, forward only, each read back.

There is no compare-and-set in the distribution protocol: between the last look at a tag and its PUT another run may come
in. So a tag is looked at right before it is put, read back after it, and looked at once more when all tags are done; the
run with the newer commit puts it right again. What remains is written down in docs/explanation/guarantees.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from docker_push import forward
from docker_push.errors import OverwriteError, VerificationError
from docker_push.forward import Verdict
from docker_push.history import History
from docker_push.interruption import FINISH
from docker_push.parallel import in_parallel
from docker_push.plan import Plan
from docker_push.publish.outcomes import State, TagOutcome, state_of
from docker_push.publish.staged import Clients, Staged
from docker_push.references import Digest, Reference, Tag
from docker_push.registry import Client, Descriptor
from docker_push.tagging import PlannedTag, TagKind

_FOLLOWS_BRANCH = frozenset({TagKind.BRANCH, TagKind.EXTRA, TagKind.LATEST})
_SETTLE = 30.0  # seconds that an error waits for other tags that are being put
_LOOKS = 3  # at a tag that others move at the same moment, before it is put all the same
_ROUNDS = 3  # of putting right what an older run overwrote
# The commit tag is not among them: staging put it. An alias follows the version that it is an alias of.
_ORDER = (
    {(TagKind.BRANCH, True), (TagKind.EXTRA, True)},
    {(TagKind.SEMVER, False)},
    {(TagKind.SEMVER, True)},
    {(TagKind.LATEST, True)},
)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """By what a tag may move.

    ``history`` tells what the remote's branch says of our commit now; ``commit_tag`` gives the commit tag of another commit
    of the branch. ``by_version`` says that ``latest`` follows versions, so that commits decide nothing. ``lag`` is for how
    many seconds a registry may answer with what was there before.
    """

    history: Callable[[], History]
    commit_tag: Callable[[str], Tag]
    by_version: bool = False
    allow_older: bool = False
    force: bool = False
    lag: float = 60.0

    def by_commits(self, tag: PlannedTag) -> bool:
        """Tell whether commits decide if a tag may move: aliases, and ``latest`` by version, follow the versions there are."""
        return tag.moves and tag.kind in _FOLLOWS_BRANCH and not (tag.kind is TagKind.LATEST and self.by_version)


Place = tuple[Staged, PlannedTag]


class Ledger:
    """What is known of every tag of a run at any moment, also when it ends early; safe among threads."""

    def __init__(
        self, staged: Sequence[Staged], commit: Sequence[TagOutcome], on_tag: Callable[[TagOutcome], None]
    ) -> None:
        self._lock = threading.Lock()
        self._on_tag = on_tag
        self._entries = {_key(one, tag): _untouched(one, tag) for one in staged for tag in _moving(one)}
        self._commit = tuple(commit)

    @property
    def outcomes(self) -> tuple[TagOutcome, ...]:
        """Return every tag's outcome so far: commit tags first, then in the plan's order."""
        with self._lock:
            return (*self._commit, *self._entries.values())

    def note(self, place: Place, outcome: TagOutcome, *, tell: bool = True) -> None:
        """Write down what became of a tag, and say so where people should know."""
        with self._lock:
            self._entries[_key(*place)] = outcome
        if tell:
            self._on_tag(outcome)

    def of(self, place: Place) -> TagOutcome:
        """Return what is known of one tag."""
        with self._lock:
            return self._entries[_key(*place)]


def _key(one: Staged, tag: PlannedTag) -> Reference:
    return Reference(one.repository, tag.tag)


def _moving(one: Staged) -> Iterable[PlannedTag]:
    return (tag for step in _ORDER for tag in one.image.tags if (tag.kind, tag.moves) in step)


def _untouched(one: Staged, tag: PlannedTag) -> TagOutcome:
    return TagOutcome(
        image=one.image.name,
        reference=Reference(one.repository, tag.tag, one.manifest.digest),
        kind=tag.kind,
        before=None,
        after=None,
        state=State.WAITING,
    )


def commit_tags(plan: Plan, staged: Sequence[Staged]) -> tuple[TagOutcome, ...]:
    """Return what staging did to the commit tags, by what was observed before and what was verified after."""
    found = []
    for one in staged:
        seen = plan.facts.repositories.get(one.repository)
        before = seen.commit.digest if seen and seen.commit else None
        outcome = TagOutcome(
            image=one.image.name,
            reference=one.reference,
            kind=TagKind.COMMIT,
            before=before,
            after=one.manifest.digest,
            state=state_of(before, one.manifest.digest),
        )
        found.append(outcome)
    return tuple(found)


def move(staged: Sequence[Staged], clients: Clients, rules: Rules, ledger: Ledger) -> None:
    """Put every tag of every settled image on its verified bytes, step by step, ``latest`` last.

    Versions are looked up first, all of them: one that names other bytes raises OverwriteError before any tag moves. A
    moving tag at which a newer commit's bytes stand is skipped. ``ledger`` knows at any moment what has become of each tag.
    """
    _refuse_overwrites(staged, clients, rules, ledger)
    for step in _ORDER:
        work = [(one, tag) for one in staged for tag in one.image.tags if (tag.kind, tag.moves) in step]
        # a signal or an error waits for the tags that are under way, so that their new names are known
        in_parallel(
            lambda place: ledger.note(place, _put(place, clients, rules, ledger)), work, finish=FINISH, settle=_SETTLE
        )
    _put_right(staged, clients, rules, ledger)


def _refuse_overwrites(staged: Sequence[Staged], clients: Clients, rules: Rules, ledger: Ledger) -> None:
    fixed = [(one, tag) for one in staged for tag in _moving(one) if not tag.moves]
    for place, before in zip(fixed, in_parallel(lambda place: _named(place, clients), fixed), strict=True):
        if before is not None:
            _refuse_overwrite(place, before, rules, ledger)


def _named(place: Place, clients: Clients) -> Digest | None:
    one, tag = place
    head = clients[one.repository.registry].head(one.repository, tag.tag)
    return head.digest if head else None


def _refuse_overwrite(place: Place, before: Digest, rules: Rules, ledger: Ledger) -> None:
    one, tag = place
    if tag.moves or rules.force or before == one.manifest.digest:
        return
    ledger.note(place, replace(ledger.of(place), before=before, after=before, state=State.REFUSED), tell=False)
    raise OverwriteError(
        f"image {one.image.name}: {Reference(one.repository, tag.tag)} was already published as {before},"
        f" this run has {one.manifest.digest}",
        hint="A version is published once: give this build a new version, or overwrite it on purpose with --force.",
    )


def _put(place: Place, clients: Clients, rules: Rules, ledger: Ledger) -> TagOutcome:
    """Put one tag unless it stands right, or forward-only holds it back; read it back."""
    one, tag = place
    client, untouched = clients[one.repository.registry], ledger.of(place)
    head, verdict = _last_look(place, client, rules)
    before = head.digest if head else None
    if before == one.manifest.digest:
        return replace(untouched, before=before, after=before, state=State.UNCHANGED)
    if not verdict.moves:
        return replace(untouched, before=before, after=before, state=State.SKIPPED, why=verdict.why)
    if before is not None:
        _refuse_overwrite(place, before, rules, ledger)
    ledger.note(place, replace(untouched, before=before, state=State.UNKNOWN), tell=False)
    client.put(one.repository, tag.tag, one.manifest)
    why = _read_back(place, client, rules) or verdict.why or _overwritten(tag, before)
    state = state_of(before, one.manifest.digest)
    return replace(untouched, before=before, after=one.manifest.digest, state=state, why=why)


def _overwritten(tag: PlannedTag, before: Digest | None) -> str:
    return "" if tag.moves or before is None else f"--force: this version was published before, as {before}"


def _last_look(place: Place, client: Client, rules: Rules) -> tuple[Descriptor | None, Verdict]:
    """Look at a tag until it stays the same while it is judged: judging takes a while where the commit is not the tip."""
    one, tag = place
    head = client.head(one.repository, tag.tag)
    for _ in range(_LOOKS):
        verdict = _judged(place, client, head, rules)
        if not verdict.moves or rules.history().newer == ():
            break
        again = client.head(one.repository, tag.tag)
        if again == head:
            break
        head = again
    else:
        verdict = _judged(place, client, head, rules)
    return head, verdict


def _judged(place: Place, client: Client, head: Descriptor | None, rules: Rules) -> Verdict:
    """Judge what commits decide; all else was planned by the versions there are."""
    one, tag = place
    if not rules.by_commits(tag) or head is None or head.digest == one.manifest.digest or rules.allow_older:
        return Verdict(moves=True)
    return forward.judge(
        client,
        one.repository,
        tag.tag,
        head,
        one.manifest.digest,
        rules.history(),
        rules.commit_tag,
    )


def _read_back(place: Place, client: Client, rules: Rules) -> str:
    """Read a tag back that was just put; return what is to be said of it, if anything."""
    one, tag = place
    seen = client.wait_for(one.repository, tag.tag, one.manifest.digest, rules.lag)
    if seen is not None and seen.digest == one.manifest.digest:
        return ""
    verdict = _judged(place, client, seen, rules)
    if seen is not None and not verdict.moves:
        return f"and moved on since: {verdict.why}"
    raise VerificationError(
        f"image {one.image.name}: {Reference(one.repository, tag.tag)} was put on {one.manifest.digest},"
        f" but the registry answers {seen.digest if seen else 'that it does not exist'}",
        hint="Another run may be moving the same tag: let one finish, then run the same command again.",
    )


def _put_right(staged: Sequence[Staged], clients: Clients, rules: Rules, ledger: Ledger) -> None:
    """Look at every tag that was moved once more: an older run that looked before we put may have overwritten it."""
    for _ in range(_ROUNDS):
        moved = [
            (one, tag)
            for one in staged
            for tag in _moving(one)
            if tag.moves and ledger.of((one, tag)).state in {State.CREATED, State.MOVED}
        ]
        found = in_parallel(lambda place: _named(place, clients), moved)
        wrong = [place for place, digest in zip(moved, found, strict=True) if digest != place[0].manifest.digest]
        if not wrong:
            return
        outcomes = in_parallel(lambda place: _put(place, clients, rules, ledger), wrong, finish=FINISH, settle=_SETTLE)
        for place, again in zip(wrong, outcomes, strict=True):
            if again.state in {State.CREATED, State.MOVED}:
                why = "put again: an older run had moved it in the meantime"
                ledger.note(place, replace(again, why=why))
