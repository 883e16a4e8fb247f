"""What must hold after any run, read by crane at the registry itself, and whether what a run said and did fits it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fault_rules import Seen
from scratch import Scratch, platforms

REVISION = "org.opencontainers.image.revision"
BOTH = frozenset({"linux/amd64", "linux/arm64"})
State = Mapping[str, Mapping[str, str]]  # image -> tag -> digest

_HEADER = ["tag", "old", "new", "state"]
_TOLD = re.compile(r"^ +(created|moved|unchanged|skipped|refused) +(\S+) (?:->|stays) (sha256:[0-9a-f]+)")
_UNTOUCHED = "No moving tag was touched"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A tag as a run's table or line has it; ``new`` is a digest's beginning, ``old`` is empty where the line says nothing."""

    image: str
    tag: str
    old: str
    new: str
    state: str


def state(scratch: Scratch, images: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return every tag that the registry really holds."""
    return {image: {tag: scratch.digest(image, tag) for tag in sorted(scratch.tags(image))} for image in images}


def index(scratch: Scratch, image: str, digest: str) -> dict:
    """Return an index by its digest; empty where the registry has none."""
    found = scratch.run("crane", "manifest", f"{scratch.path}/{image}@{digest}")
    return json.loads(found.out) if found.code == 0 else {}


def flaws(scratch: Scratch, image: str, digest: str, commit: str, wanted: Collection[str] = BOTH) -> list[str]:
    """Return what keeps an image from being whole: every byte is read and hashed, platforms and commit are looked at."""
    found = index(scratch, image, digest)
    if not found:
        return [f"{image}@{digest} is not there"]
    wrong = []
    if platforms(found) != set(wanted):
        wrong.append(f"{image}@{digest} holds {sorted(platforms(found))}")
    if found.get("annotations", {}).get(REVISION) != commit:
        wrong.append(f"{image}@{digest} is not of commit {commit}")
    done = scratch.run("crane", "validate", "--remote", f"{scratch.path}/{image}@{digest}")
    return wrong + ([f"{image}@{digest}: {done.err.strip()}"] if done.code else [])


def rows(err: str) -> list[Row]:
    """Return the table of tags that a run printed when it ended early."""
    found = []
    lines = iter(err.splitlines())
    for line in lines:
        if _cells(line) == _HEADER:
            for cells in map(_cells, lines):
                if len(cells) != len(_HEADER):
                    break
                found.append(Row(**_place(cells[0]), old=cells[1], new=cells[2], state=cells[3]))
    return found


def _cells(line: str) -> list[str]:
    return re.split(r" {2,}", line.strip().removeprefix("| "))


def _place(reference: str) -> dict[str, str]:
    repository, _, tag = reference.rpartition(":")
    return {"image": repository.rpartition("/")[2], "tag": tag}


def told(err: str) -> list[Row]:
    """Return the last line that a run printed of each tag, when it was done."""
    matches = filter(None, map(_TOLD.match, err.splitlines()))
    return list({match[2]: Row(**_place(match[2]), old="", new=match[3], state=match[1]) for match in matches}.values())


def untrue(err: str, before: State, after: State, moving: Collection[str]) -> list[str]:
    """Return every word of a run that does not fit what the registry held before and holds after it, with nobody beside it."""
    wrong = [
        f"said {row}, was {before[row.image].get(row.tag)}, is {after[row.image].get(row.tag)}"
        for row in [*rows(err), *told(err)]
        if not _fits(row, before[row.image].get(row.tag), after[row.image].get(row.tag))
    ]
    if _UNTOUCHED in err:
        wrong += [
            f"{image}:{tag} moved, and the run said that no tag did"
            for image in after
            for tag in moving
            if before[image].get(tag) != after[image].get(tag)
        ]
    return wrong


def _fits(row: Row, was: str | None, now: str | None) -> bool:
    """Tell whether a row is true of a tag."""
    if row.state == "not moved":
        return now == was
    old = not row.old or (was is None if row.old == "none" else (was or "").startswith(row.old))
    if row.state == "asked for, not answered":
        return old and (now == was or (now or "").startswith(row.new.removeprefix("old, or ")))
    kept = row.state in {"unchanged", "skipped", "refused"}
    fresh = {"created": was is None, "moved": was is not None and was != now}.get(row.state, kept and was == now)
    return old and fresh and (now is None if row.new == "none" else (now or "").startswith(row.new))


def early(log: Sequence[Seen], staged: Mapping[str, Collection[str]], moving: Collection[str]) -> list[str]:
    """Return what a run did before its time, by the requests of that run alone.

    ``staged`` is image -> every digest that must have been read after the builder's last word and before the first moving
    tag is asked for. No tag may be asked for after ``latest`` that was not asked for before it.
    """
    puts = [number for number, seen in enumerate(log) if seen.method == "PUT" and seen.reference in moving]
    if not puts:
        return []
    wrong = [f"{image}: {digest} was not read before a tag moved" for image, digest in _unread(log[: puts[0]], staged)]
    firsts = {log[number].path: number for number in reversed(puts)}
    latest = [number for path, number in firsts.items() if path.endswith("/latest")]
    late = [path for path, number in firsts.items() if latest and number > min(latest) and not path.endswith("/latest")]
    return wrong + [f"{path} was asked for after latest" for path in late]


def _unread(log: Sequence[Seen], staged: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str]]:
    for image, digests in staged.items():
        of_image = [seen for seen in log if f"/{image}/manifests/" in seen.path]
        built = [number for number, seen in enumerate(of_image) if seen.method == "PUT"]
        after = of_image[built[-1] + 1 if built else 0 :]
        read = {seen.reference for seen in after if seen.method == "GET" and seen.status == 200 and seen.who == "ours"}
        yield from ((image, digest) for digest in digests if digest not in read)
