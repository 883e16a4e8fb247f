"""A task of the command line: its flags from their declarations, its body inside the boundary."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from invoke.tasks import Task, task

from docker_push.flags import FLAGS, Flag

if TYPE_CHECKING:
    from docker_push.options import Flags
    from docker_push.run import Run, Surroundings

Body = Callable[["Surroundings", "Flags", Mapping[str, Any]], None]


def command(name: str, *flags: str) -> Callable[[Body], Task[Any]]:
    """Make an Invoke task of a function of (surroundings, flags, everything that was given)."""

    def wrap(body: Body) -> Task[Any]:
        @functools.wraps(body)
        def run(_context: object, **given: Any) -> None:  # noqa: ANN401 - Invoke hands over what it parsed
            from docker_push.byte_code import byte_code_kept  # noqa: PLC0415

            with byte_code_kept():
                from docker_push.boundary import boundary  # noqa: PLC0415
                from docker_push.command_line import flags_of  # noqa: PLC0415

                with boundary(debug=given["debug"]) as surroundings:
                    body(surroundings, flags_of(given), given)

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter("context", kind)]
        parameters += [inspect.Parameter(flag, kind, default=_default(FLAGS[flag])) for flag in flags]
        setattr(run, "__signature__", inspect.Signature(parameters))  # noqa: B010 - inspect's protocol, unknown to mypy
        repeated = [flag for flag in flags if FLAGS[flag].default == ()]
        made: Task[Any] = task(name=name, iterable=repeated, help={flag: FLAGS[flag].help for flag in flags})(run)
        return made

    return wrap


def _default(flag: Flag) -> object:
    """Return a parameter's default; Invoke takes what has none by its position."""
    if flag.positional:
        return inspect.Parameter.empty
    return None if flag.default == () else flag.default


def as_json(value: object, run: Run) -> str:
    """Return a document of the run as text, without its secrets."""
    return as_text(run.runner.redact.document(value))


def as_text(value: object) -> str:
    """Return a document as text; for one that has no secrets in it."""
    return json.dumps(value, indent=2, ensure_ascii=False)
