"""What is wrong with a build.toml, in our own words: which key, what is wrong with it, what is allowed."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from docker_push.config.fields import Known, example, known
from docker_push.config.layout import Path
from docker_push.config.source import Source
from docker_push.config.values import RULE
from docker_push.errors import Finding, FindingsError
from docker_push.references import quoted

SHOWN = 50  # findings of one file; the rest is counted
_LISTED = 30  # names in one message
_COMPARED = 500  # candidates for what was meant
_KEY = "[key]"  # how pydantic marks an error of a dict's key
_WANTED = {
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "tuple_type": "a list in [ ]",
    "dict_type": "a table",
    "model_type": "a table",
}


@dataclass(frozen=True)
class Problem:
    """Something that is wrong at ``path``, and what would be right; ``meant`` may be a misspelling of ``candidates``."""

    path: Path
    problem: str
    allowed: str
    meant: str = ""
    candidates: tuple[str, ...] = ()

    def finding(self, source: Source) -> Finding:
        """Return the problem with its place, and with what was probably meant."""
        guess = nearest(self.meant, self.candidates)
        allowed = f"{guess} {self.allowed}".strip()
        return Finding(where=source.where(self.path), problem=self.problem, allowed=allowed)


def nearest(meant: str, candidates: Iterable[str]) -> str:
    """Return the question after the nearest candidate, or nothing where none is near."""
    compared = islice(candidates, _COMPARED)
    found = difflib.get_close_matches(meant.lower().replace("_", "-"), compared, n=1)
    return f"Did you mean {quoted(found[0])}?" if found else ""


def listed(names: Sequence[str]) -> str:
    """Return names for a message: as many as a reader looks at."""
    rest = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{', '.join(names[:_LISTED])}{rest}" if names else "none"


def report(source: Source, problems: Iterable[Problem]) -> FindingsError:
    """Return every problem of a file as one error, in the order of its lines."""
    ordered = sorted(problems, key=lambda problem: (source.line(problem.path), [*map(str, problem.path)]))
    findings = [problem.finding(source) for problem in ordered[:SHOWN]]
    if len(ordered) > SHOWN:
        rest = f"{len(ordered) - SHOWN} more errors"
        findings.append(Finding(where=source.name, problem=rest, allowed="Correct the ones above first."))
    return FindingsError(source.name, tuple(findings))


def translate(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return what pydantic found in data of ``model``, as problems."""
    tables = known(model)
    return [_problem(details, tables) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, tables: Known) -> Problem:
    path, kind, value = details["loc"], details["type"], details["input"]
    context = details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(path, tables)
    if path[-1:] == (_KEY,):
        path = path[:-1]
    if kind == RULE:
        return Problem(path, context["problem"], context["allowed"])
    if kind == "missing":
        return Problem(path[:-1], f"{path[-1]} is missing", example(tables, path))
    if kind == "literal_error":
        given = quoted(value) if isinstance(value, str) else _kind(value)
        return Problem(path, f"{given} is not known here", f"Give {context['expected']}.")
    if kind in {"greater_than_equal", "less_than_equal"}:
        limit = f"at least {context['ge']:g}" if "ge" in context else f"at most {context['le']:g}"
        return Problem(path, f"{value} is out of range", f"Give {limit}.")
    wanted = _WANTED["model_type" if path == ("registry",) else kind] if kind in _WANTED else None
    problem = f"where {wanted} is expected" if wanted else "is not what stands here"
    return Problem(path, f"{_kind(value)} {problem}", example(tables, path))


def _unknown(path: Path, tables: Known) -> Problem:
    key, known_keys = str(path[-1]), tuple(tables.at(path[:-1]))
    home = tables.homes.get(key)
    belongs = f"It belongs in {home}. " if home else ""
    what = "key" if len(path) > 1 else "table"
    further = "" if len(path) > 1 else "; an image is [images.NAME]"
    return Problem(
        path, f"unknown {what}", f"{belongs}Known {what}s: {', '.join(known_keys)}{further}.", key, known_keys
    )


def _kind(value: object) -> str:
    """Return what a value is, as a reader of TOML calls it."""
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        (str, "text"),
        (int, "a whole number"),
        (float, "a number"),
        ((dt.date, dt.time), "a date or time"),
        (tuple, "a list"),
        (Mapping, "a table"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "something")
