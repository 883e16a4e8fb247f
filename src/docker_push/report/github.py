"""What a run leaves for a workflow of GitHub: the step's outputs and its summary; pure.

Everything foreign in the summary (a registry's words, names of branches) is shown as the text that it is: GitHub renders
the summary as GitHub Flavored Markdown, with HTML in it.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from docker_push.errors import DockerPushError
from docker_push.plan import Action
from docker_push.printable import printable
from docker_push.publish import State, TagOutcome
from docker_push.report.model import ImageReport, RunReport
from docker_push.report.text import size_text

SUMMARY_LIMIT = 1024 * 1024  # bytes of a step's summaries; GitHub takes none of a larger one ("Workflow commands")
_TEXT = 600  # characters of one foreign text
_LEAST = 400  # bytes that are kept for what says that something was left out
# what Markdown or HTML would read in a text; an entity shows the character and is never structure (CommonMark 6.2)
_STRUCTURE = re.compile(r"[^\w\s.,;/=+%'-]|_|(?<=www)\.", re.ASCII)


def outputs(document: Mapping[str, Any], images: int, path: str | None) -> dict[str, str]:
    """Return the outputs of the step: name -> value.

    ``document`` is a run's result as JSON has it, ``path`` where it was written, ``images`` how many the run was to publish:
    where it is one, it has the outputs ``digest`` and ``reference`` too.
    """
    published = document["images"]
    keys = ("digest", "references", "tags")
    found = {
        "references": "\n".join(name for image in published.values() for name in image["references"]),
        "images": json.dumps({name: {key: image[key] for key in keys} for name, image in published.items()}),
    }
    if images == 1 and len(published) == 1:
        (only,) = published.values()
        found |= {"digest": only["digest"], "reference": only["references"][0]}
    return found | ({"result": path} if path else {})


def outputs_text(found: Mapping[str, str], delimiter: str) -> str:
    """Return outputs as GITHUB_OUTPUT holds them ("Workflow commands", "Multiline strings").

    No line of a value may be the ``delimiter``: it is to be one that nobody could know before.
    """
    return "".join(f"{name}<<{delimiter}\n{value}\n{delimiter}\n" for name, value in found.items())


def summary(run: RunReport, redact: Callable[[str], str] = str, room: int = SUMMARY_LIMIT) -> str:
    """Return the summary of the step as Markdown, in at most ``room`` bytes: what failed, then a table of the images.

    Failures come first. What does not fit is counted. Without room for any of it there is none.
    """
    shown = _Shown(redact)
    head = "".join(f"{line}\n" for line in shown.head(run))
    left, rows = room - _LEAST - _size(head), list[str]()
    whole = {entry.image.name for entry in run.published}
    entries = sorted(run.images, key=lambda entry: entry.image.name in whole)  # stable: build.toml's order otherwise
    for entry in entries:
        row = f"{shown.row(entry)}\n"
        if _size(row) > left:
            break
        left -= _size(row)
        rows.append(row)
    missing = len(entries) - len(rows)
    more = f"\n{missing} more images are not shown here; the result (docker-push.json) has what is published.\n"
    text = head + (_HEAD + "".join(rows) if rows else "") + (more if missing else "")
    return text if _size(text) <= room else ""


_HEAD = "\n| image | digest | platforms | tags | how |\n|---|---|---|---|---|\n"


class _Shown:
    """Make Markdown of what a run says: ``redact`` takes the secrets out before anything else is done to a text."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact

    def head(self, run: RunReport) -> Iterator[str]:
        context, done = run.plan.context, len(run.published)
        what = f"{done} of {len(run.images)} image{'s' * (len(run.images) != 1)} published"
        yield f"### {'❌' if run.error else '✅'} docker-push: {what}"
        yield ""
        version = f", version {self._text(run.plan.version)}" if run.plan.version else ""
        yield f"{self._text(context.repository)}, commit {self._code(context.commit)}{version}"
        if run.error:
            yield ""
            yield f"**{self._error(run.error)}**"

    def row(self, entry: ImageReport) -> str:
        first = entry.staged[0] if entry.staged else None
        contents = first.platforms.items() if first else ()
        cells = (
            self._text(entry.image.name),
            self._code(str(first.manifest.digest)) if first else "–",
            _lines(f"{self._text(str(platform))} {size_text(content.size)}" for platform, content in contents),
            _lines(self._tags(entry.tags)),
            self._how(entry),
        )
        return f"| {' | '.join(cells)} |"

    def _tags(self, tags: Iterable[TagOutcome]) -> Iterator[str]:
        """Yield a line for each repository, and below it one for each tag."""
        places: defaultdict[str, list[TagOutcome]] = defaultdict(list)
        for outcome in tags:
            places[str(outcome.reference.repository)].append(outcome)
        for place, outcomes in places.items():
            yield self._text(place)
            for one in sorted(outcomes, key=lambda one: one.state.is_done):
                why = f": {self._text(one.why)}" if one.why else ""
                yield f"{self._code(str(one.reference.tag))} {_STATES[one.state]}{why}"

    def _how(self, entry: ImageReport) -> str:
        if entry.error:
            return f"❌ {self._error(entry.error)}"
        if entry.attempts:
            tries = f", {entry.attempts} tries" if entry.attempts > 1 else ""
            return f"built in {entry.seconds:.1f} s{tries}"
        if entry.image.action is Action.ADOPT:
            return f"adopted: {self._text(entry.image.why)}"
        return "put together of its parts" if entry.image.action is Action.JOIN and entry.staged else "not built"

    def _error(self, error: DockerPushError) -> str:
        return self._text(str(error))

    def _text(self, text: str) -> str:
        """Return foreign text as Markdown that shows it, on one line."""
        line = " ".join(printable(self._redact(text)).split())
        line = line if len(line) <= _TEXT else f"{line[: _TEXT - 1]}…"
        return _STRUCTURE.sub(_entity, line)

    def _code(self, text: str) -> str:
        return f"<code>{self._text(text)}</code>"


def _entity(found: re.Match[str]) -> str:
    """Return what shows a character; an ``@`` stands alone, since addresses are looked for after entities are read."""
    character = found[0]
    if character == "@":
        return "<span>@</span>"
    return f"&#{ord(character)};" if character.isascii() else character


_STATES = {
    State.CREATED: "created",
    State.MOVED: "moved",
    State.UNCHANGED: "unchanged",
    State.SKIPPED: "skipped",
    State.REFUSED: "❌ refused",
    State.WAITING: "❌ not moved",
    State.UNKNOWN: "❌ asked for, not answered",
}


def _lines(lines: Iterable[str]) -> str:
    return "<br>".join(lines) or "–"


def _size(text: str) -> int:
    return len(text.encode())
