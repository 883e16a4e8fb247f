"""Moving tags: when everything is verified, in one order, forward only, each read back.

There is no compare-and-set in the distribution protocol: between the last look at a tag and its PUT another run may come
in. So a tag is looked at right before it is put, also before a PUT that failed is sent again, read back after it, and
looked at once more when all tags are done; the run with the newer commit puts it right again. What remains is written down in docs/explanation/guarantees.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from docker_push.errors import DockerPushError, InterruptedRunError, OverwriteError, VerificationError
from docker_push.forward import Verdict
from docker_push.interruption import FINISH
from docker_push.parallel import in_parallel
from docker_push.publish.ledger import ORDER, Ledger, Place, moving
from docker_push.publish.outcomes import State, state_of
from docker_push.publish.rules import Rules
from docker_push.publish.staged import Clients, Staged, in_flight
from docker_push.references import Digest, Reference
from docker_push.registry import Client, Descriptor
from docker_push.tagging import PlannedTag, TagKind

_SETTLE = 30.0  # seconds that an error waits for other tags that are being put
_LOOKS = 3  # at a tag that others move at the same moment, before it is put all the same
_TURNS = 3  # times that others may move a tag while a PUT of ours has to be repeated
_ROUNDS = 3  # of putting right what an older run overwrote
_PUT = frozenset({State.CREATED, State.MOVED})


def move(staged: Sequence[Staged], clients: Clients, rules: Rules, ledger: Ledger) -> None:
    """Put every tag of every settled image on its verified bytes, step by step, ``latest`` last.

    What forbids a move is looked for first, for all images: a version that names other bytes (OverwriteError), a ``latest``
    of which it cannot be told who is newer (ConfigError). A moving tag at which something newer stands is skipped.
    ``ledger`` knows at any moment what has become of each tag.
    """
    _refuse(staged, clients, rules, ledger)
    many = in_flight(clients)
    for step in ORDER:
        work = [(one, tag) for one in staged for tag in one.image.tags if (tag.kind, tag.moves) in step]
        # a signal or an error waits for the tags that are under way, so that their new names are known
        in_parallel(lambda place: _put(place, clients, rules, ledger), work, limit=many, finish=FINISH, settle=_SETTLE)
    _put_right(staged, clients, rules, ledger)


def _refuse(staged: Sequence[Staged], clients: Clients, rules: Rules, ledger: Ledger) -> None:
    """Raise what would forbid the move of any tag, before any tag moves."""
    places = [
        (one, tag)
        for one in staged
        for tag in moving(one)
        if not tag.moves or (tag.kind is TagKind.LATEST and rules.by_commits(tag))
    ]
    look = partial(_head, clients=clients)
    for place, head in zip(places, in_parallel(look, places, limit=in_flight(clients)), strict=True):
        one, tag = place
        if not tag.moves and head is not None:
            _refuse_overwrite(place, head.digest, rules, ledger)
        elif tag.moves:
            _judged(place, clients[one.repository.registry], head, rules, fresh=False)


def _head(place: Place, clients: Clients) -> Descriptor | None:
    one, tag = place
    return clients[one.repository.registry].head(one.repository, tag.tag)


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


class _MovedMeanwhileError(Exception):
    """Others moved a tag while our PUT of it had to wait: it has to be judged again."""


def _put(place: Place, clients: Clients, rules: Rules, ledger: Ledger, again: str = "") -> None:
    """Put one tag as ``_put_once`` does, judged anew when others move it while the registry lets us wait."""
    for _ in range(_TURNS):
        with suppress(_MovedMeanwhileError):
            return _put_once(place, clients, rules, ledger, again)
    one, tag = place
    error = VerificationError(
        f"image {one.image.name}: {Reference(one.repository, tag.tag)} is moved by others again and again",
        hint="Let the other runs of this branch end, then run the same command again.",
    )
    _note_refused(place, clients[one.repository.registry], ledger, error)
    raise error


def _put_once(place: Place, clients: Clients, rules: Rules, ledger: Ledger, again: str) -> None:
    """Put one tag unless it stands right, or forward-only holds it back; read it back, and write down what became of it.

    ``again`` is why a tag is put that this run had put before; what it named before the run stays noted.
    """
    one, tag = place
    client, known = clients[one.repository.registry], ledger.of(place)
    head, verdict = _last_look(place, client, rules, fresh=bool(again))
    found = head.digest if head else None
    before = known.before if again else found
    if found == one.manifest.digest:
        state = known.state if again else State.UNCHANGED
        ledger.note(place, replace(known, before=before, after=found, state=state), tell=not again)
        return
    if not verdict.moves:
        outcome = replace(known, before=before, after=found, state=State.SKIPPED, why=verdict.why)
        ledger.note(
            place, replace(outcome, why=f"put, and then moved on by others: {verdict.why}") if again else outcome
        )
        return
    if found is not None:
        _refuse_overwrite(place, found, rules, ledger)
    ledger.note(place, replace(known, before=before, state=State.UNKNOWN), tell=False)
    try:
        client.put(one.repository, tag.tag, one.manifest, lambda: _refuse_moved(place, client, found))
        why = _read_back(place, client, rules) or again or verdict.why or _overwritten(tag, before)
    except InterruptedRunError:
        raise
    except DockerPushError as error:
        _note_refused(place, client, ledger, error)
        raise
    state = state_of(before, one.manifest.digest)
    ledger.note(place, replace(known, before=before, after=one.manifest.digest, state=state, why=why))


def _refuse_moved(place: Place, client: Client, found: Digest | None) -> None:
    """Raise where a tag that is about to be put again names neither what it named when it was judged, nor our bytes."""
    one, tag = place
    head = client.head(one.repository, tag.tag)
    if (head.digest if head else None) not in {found, one.manifest.digest}:
        raise _MovedMeanwhileError


def _note_refused(place: Place, client: Client, ledger: Ledger, error: DockerPushError) -> None:
    """Look at a tag whose PUT failed, so that it can be said whether it is old or new; if not even that can be, it is not."""
    one, tag = place
    known = ledger.of(place)
    try:
        head = client.head(one.repository, tag.tag)
    except DockerPushError:
        return
    found = head.digest if head else None
    moved = found == one.manifest.digest
    state = state_of(known.before, one.manifest.digest) if moved else State.REFUSED
    ledger.note(place, replace(known, after=found, state=state, why=error.message), tell=False)


def _overwritten(tag: PlannedTag, before: Digest | None) -> str:
    return "" if tag.moves or before is None else f"--force: this version was published before, as {before}"


def _last_look(place: Place, client: Client, rules: Rules, *, fresh: bool) -> tuple[Descriptor | None, Verdict]:
    """Look at a tag until it stays the same while it is judged: judging takes a while where something has to be asked."""
    one, tag = place
    head = client.head(one.repository, tag.tag)
    for _ in range(_LOOKS):
        verdict = _judged(place, client, head, rules, fresh=fresh)
        if verdict is None:
            return head, Verdict(moves=True)
        again = client.head(one.repository, tag.tag) if verdict.moves and verdict.asked else head
        if again == head:
            return head, verdict
        head = again
    return head, _judged(place, client, head, rules, fresh=fresh) or Verdict(moves=True)


def _judged(place: Place, client: Client, head: Descriptor | None, rules: Rules, *, fresh: bool) -> Verdict | None:
    one, tag = place
    return rules.judge(one.repository, tag, one.manifest.digest, head, client, fresh=fresh)


def _read_back(place: Place, client: Client, rules: Rules) -> str:
    """Read a tag back that was just put; return what is to be said of it, if anything."""
    one, tag = place
    seen = client.wait_for(one.repository, tag.tag, one.manifest.digest, rules.lag)
    if seen is not None and seen.digest == one.manifest.digest:
        return ""
    verdict = _judged(place, client, seen, rules, fresh=True)
    if seen is not None and verdict is not None and not verdict.moves:
        return f"and moved on since: {verdict.why}"
    raise VerificationError(
        f"image {one.image.name}: {Reference(one.repository, tag.tag)} was put on {one.manifest.digest},"
        f" but the registry answers {seen.digest if seen else 'that it does not exist'}",
        hint="Another run may be moving the same tag: let one finish, then run the same command again.",
    )


def _put_right(staged: Sequence[Staged], clients: Clients, rules: Rules, ledger: Ledger) -> None:
    """Look at every tag that was moved once more: an older run that looked before we put may have overwritten it."""
    why = "put again: an older run had moved it in the meantime"

    def put_again(place: Place) -> None:
        _put(place, clients, rules, ledger, why)

    for _ in range(_ROUNDS):
        moved = [
            (one, tag) for one in staged for tag in moving(one) if tag.moves and ledger.of((one, tag)).state in _PUT
        ]
        heads = in_parallel(lambda place: _head(place, clients), moved, limit=in_flight(clients))
        ours = [
            head is not None and head.digest == one.manifest.digest for (one, _), head in zip(moved, heads, strict=True)
        ]
        wrong = [place for place, right in zip(moved, ours, strict=True) if not right]
        if not wrong:
            return
        in_parallel(put_again, wrong, limit=in_flight(clients), finish=FINISH, settle=_SETTLE)
