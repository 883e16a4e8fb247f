"""Programs as values: a Runner whose programs are functions, for rules that need no real program."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker_push.process import Completed, Runner

Program = Callable[[Sequence[str], "str | None", Mapping[str, str]], Completed]


def completed(stdout: str = "", *, stderr: str = "", status: int = 0) -> Completed:
    return Completed(argv=(), status=status, stdout=stdout, stderr=stderr)


@dataclass(frozen=True, kw_only=True)
class RecordedPrograms(Runner):
    """Answer each program with a function of its arguments, input and environment; ``calls`` is what was started."""

    programs: Mapping[str, Program]
    calls: list[tuple[tuple[str, ...], str | None]] = field(default_factory=list)

    def which(self, program: str) -> str | None:
        return f"/bin/{program}" if program in self.programs else None

    def run(self, argv: Sequence[str], *, input: str | None = None, timeout: float = 60.0) -> Completed:  # noqa: A002, ARG002
        self.calls.append((tuple(argv), input))
        return self.programs[argv[0]](argv, input, self.environ)

    def ask_engine(self, path: Path) -> Mapping[str, Any]:  # noqa: ARG002
        return {}

    def stream(
        self,
        argv: Sequence[str],
        *,
        input: str,  # noqa: A002
        on_line: Callable[[str], None],
        silence: float = math.inf,  # noqa: ARG002
        given_up: Callable[[], bool] = bool,  # noqa: ARG002
    ) -> Completed:
        done = self.run(argv, input=input)
        for line in done.stderr.splitlines():
            on_line(line)
        return done


def no_programs(folder: Path, environ: Mapping[str, str] | None = None) -> RecordedPrograms:
    return RecordedPrograms(environ=environ or {}, folder=folder, programs={})
