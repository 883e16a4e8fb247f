"""What mends the findings of one file, as edits of its text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from docker_push.ci import editing
from docker_push.ci.document import Document, MappingNode, ScalarNode
from docker_push.ci.editing import Edit
from docker_push.ci.model import Ci, Finding, Job, Wanted
from docker_push.ci.rules.inputs import STANDARD, VERSION
from docker_push.ci.rules.safety import needed
from docker_push.ci.scaffold import permission_lines, quoted_yaml

_FIRST = ("uses", "runs-on", "name")  # the keys of a job below which its permissions stand


@dataclass(frozen=True)
class Mend:
    """Edits of a file, and what they do in words."""

    edits: tuple[Edit, ...]
    done: str


def mends(document: Document, findings: Iterable[Finding], jobs: Sequence[Job], wanted: Wanted) -> Iterator[Mend]:
    """Yield what mends a file's findings; one that needs a person has none."""
    of = {job.name: job for job in jobs if job.file == document.name}
    inputs: dict[str, list[str]] = {}
    for finding in findings:
        job = of.get(finding.job or "")
        if job is None:
            continue
        if finding.rule == "permissions":
            yield from _permissions(document, job, finding, needed(wanted))
        elif finding.rule in {"missing-input", "version"} and job.call:
            inputs.setdefault(job.name, []).extend(finding.keys)
        elif finding.rule == "cancelled":
            yield from _cancelled(document, job)
    for name, keys in inputs.items():
        yield from _inputs(document, of[name], keys, jobs)


def job_node(document: Document, job: Job) -> MappingNode:
    """Return where a job stands."""
    return (document.root.mapping("jobs") if job.ci is Ci.GITHUB else document.root).mapping(job.name)


def step_of(node: MappingNode, parent: MappingNode) -> int:
    """Return by how many columns a mapping is indented; two where nothing tells."""
    return node.column - parent.column if node.block and node.column > parent.column else 2


def _permissions(document: Document, job: Job, finding: Finding, scopes: dict[str, str]) -> Iterator[Mend]:
    node = job_node(document, job)
    own = node.written("permissions")
    edits: list[Edit | None] = []
    if isinstance(own, MappingNode):
        for key in finding.keys:
            there = own.written(key)
            edits.append(editing.replace(there, scopes[key]) if isinstance(there, ScalarNode) else None)
        if absent := [(key, scopes[key]) for key in finding.keys if key not in own.own]:
            edits.append(editing.entries(document, own, absent))
    elif isinstance(own, ScalarNode) and job.call:
        inside = ", ".join(f"{scope}: {level}" for scope, level in scopes.items())
        edits.append(editing.replace(own, f"{{ {inside} }}"))
    elif "permissions" not in node.own and node.block and (job.call or (job.permissions and not job.permissions.all)):
        # a job's permissions take the place of its workflow's: what steps were allowed stays
        inherited = job.permissions.scopes if job.permissions and not job.call else {}
        edits.append(_new_permissions(document, node, {**inherited, **scopes}))
    if found := tuple(edit for edit in edits if edit):
        yield Mend(found, f"job {job.name}: permissions")


def _new_permissions(document: Document, node: MappingNode, scopes: dict[str, str]) -> Edit | None:
    above = next((name for name in _FIRST if name in node.own), None)
    if above is None:
        return None
    step = step_of(node, document.root.mapping("jobs"))
    lines = permission_lines(scopes, " " * node.column, step)
    return editing.after(document, (node.written(above) or node.keys[above]).end, lines)


def _inputs(document: Document, job: Job, keys: Sequence[str], jobs: Sequence[Job]) -> Iterator[Mend]:
    """Add the inputs that everybody gives alike; which image a job is for, only its author knows."""
    call, node = job.call, job_node(document, job)
    if call is None or not node.block:
        return
    known = {**STANDARD, "version": VERSION, **_siblings(job, jobs)}
    absent = [(key, known[key]) for key in keys if key in known and key in call.declared and key not in call.given]
    if not absent:
        return
    given = node.written("with")
    if "with" not in node.values:
        indent = " " * node.column
        inner = indent + " " * step_of(node, document.root.mapping("jobs"))
        lines = [f"{indent}with:", *(f"{inner}{key}: {value}" for key, value in absent)]
        edit: Edit | None = editing.after_block(document, node.end, node.column, lines)
    else:
        edit = editing.entries(document, given, absent) if isinstance(given, MappingNode) else None
    if edit:
        yield Mend((edit,), f"job {job.name}: {', '.join(key for key, _ in absent)}")


def _siblings(job: Job, jobs: Sequence[Job]) -> dict[str, str]:
    """Return the platform and service that other jobs name, where all of them agree."""
    found: dict[str, str] = {}
    for name in STANDARD:
        calls = [other.call for other in jobs if other.call and other.name != job.name]
        values = {call.given[name][0].text for call in calls if name in call.given}
        if len(values) == 1:
            found[name] = quoted_yaml(values.pop())
    return found


def _cancelled(document: Document, job: Job) -> Iterator[Mend]:
    node = job_node(document, job)
    key = "interruptible"
    if job.ci is Ci.GITHUB:
        key = "cancel-in-progress"
        places = [node.mapping("concurrency"), document.root.mapping("concurrency")]
        texts = [text for place in places if (text := place.scalar(key)) and text.is_true]
        edits: tuple[Edit | None, ...] = tuple(editing.replace(text, "false") for text in texts)
    else:
        own = node.own.get(key)
        is_own = isinstance(own, ScalarNode) and own.is_true
        edits = (editing.replace(own, "false") if own and is_own else None,)
        if own is None and node.block and node.line:
            edits = (editing.entries(document, node, [(key, "false")]),)
    if found := tuple(edit for edit in edits if edit):
        yield Mend(found, f"job {job.name}: {key}: false")
