"""What a run leaves for what comes after it: the files of its flags; on GitHub the outputs and the summary of the step.

Whoever deploys pins by what is told here. Where it cannot be told the run fails, although its tags have moved: the same command
again has nothing to build, and a deployment that goes on without its digest would take whatever a tag names.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from docker_push import report, report_file
from docker_push.errors import ConfigError, DockerPushError
from docker_push.report import RunReport
from docker_push.run import Run, Surroundings

RESULT = "docker-push.json"
_OUTPUTS, _SUMMARY = "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"


@dataclass(frozen=True, kw_only=True)
class Places:
    """The files that a run leaves; ``None`` for what nobody reads. ``flag`` is what names the result in a message."""

    report: Path | None = None
    result: Path | None = None
    flag: str = "--result"
    outputs: Path | None = None
    summary: Path | None = None


def prepared(surroundings: Surroundings, given: Mapping[str, Any]) -> Places:
    """Return where a run will leave what, after taking away the result of an earlier one.

    Without ``--result`` a run on GitHub leaves it below RUNNER_TEMP. Raises ConfigError for files that could not be written.
    """
    folder, environ = surroundings.folder, surroundings.environ
    on_github = environ.get("GITHUB_ACTIONS") == "true"
    temporary = environ.get("RUNNER_TEMP") if on_github else None
    result, flag = folder / given["result"] if given["result"] else None, "--result"
    if result is None and temporary:
        result, flag = _below(folder / temporary), "RUNNER_TEMP:"
    path = folder / given["report"] if given["report"] else None
    if path:
        report_file.check("--report", path)
    if result:
        report_file.check(flag, result)
        report_file.take_away(flag, result)
    outputs, summary = (_of_the_step(surroundings, name) if on_github else None for name in (_OUTPUTS, _SUMMARY))
    return Places(report=path, result=result, flag=flag, outputs=outputs, summary=summary)


def _below(temporary: Path) -> Path:
    folder = temporary / "docker-push"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "Set RUNNER_TEMP to a folder that can be written to, or give --result FILE."
        raise ConfigError(f"RUNNER_TEMP: {folder} cannot be made: {error.strerror}", hint=hint) from None
    return folder / RESULT


def _of_the_step(surroundings: Surroundings, name: str) -> Path | None:
    """Return a file that GitHub has for the step; ``None`` in a container that does not see it, which is said."""
    text = surroundings.environ.get(name)
    if not text:
        return None
    path = surroundings.folder / text
    if not path.is_file():
        surroundings.say(f"warning: {name} names a file that is not here: the step gets nothing of this run.")
        return None
    if not os.access(path, os.R_OK | os.W_OK):
        hint = f"GitHub makes this file for the step; unset {name} where nothing reads it."
        raise ConfigError(f"{name}: {path} cannot be written to", hint=hint)
    return path


def leave(run: Run, done: RunReport, places: Places, as_text: Callable[[object], str]) -> list[DockerPushError]:
    """Write everything; return what could not be. ``as_text`` is how a document is written.

    A summary is for people, who have read the same above: one that cannot be written is a warning.
    """
    document: Any = run.runner.redact.document(asdict(report.result(done)))
    failed: list[DockerPushError] = []

    def tried(write: Callable[[], None]) -> bool:
        try:
            write()
        except ConfigError as error:
            failed.append(error)
            return False
        return True

    path, result, outputs = places.report, places.result, places.outputs
    if path:
        redacted = run.runner.redact.document(report.run_json(done))
        tried(lambda: report_file.write("--report", path, as_text(redacted)))
    is_there = result is not None and tried(lambda: report_file.write(places.flag, result, as_text(document)))
    if outputs:
        found = report.outputs(document, len(done.images), str(result) if is_there else None)
        text = report.outputs_text(found, f"docker-push-{secrets.token_hex(16)}")
        tried(lambda: report_file.append(_OUTPUTS, outputs, text))
    if places.summary:
        _summarize(run, done, places.summary)
    return failed


def _summarize(run: Run, done: RunReport, path: Path) -> None:
    try:
        room = report.SUMMARY_LIMIT - path.stat().st_size - 1
        report_file.append(_SUMMARY, path, report.summary(done, run.runner.redact, room))
    except (OSError, ConfigError) as error:
        run.surroundings.say(f"warning: the summary of the step is missing: {error}")
