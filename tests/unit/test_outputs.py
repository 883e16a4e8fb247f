from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from docker_push import outputs, pipeline
from docker_push.errors import BuildError, ConfigError, DockerPushError
from docker_push.options import Flags
from docker_push.run import opened
from docker_push.tasks.command import as_text
from examples_of import COMMIT
from recorded_world import RecordedWorld

NONE: Mapping[str, Any] = {"report": None, "result": None}


@dataclass
class Step:
    """A step of a workflow: the files that GitHub has for it, and a run in it."""

    world: RecordedWorld
    output: Path = field(init=False)
    summary: Path = field(init=False)

    def __post_init__(self) -> None:
        folder = self.world.folder / "runner"
        folder.mkdir()
        self.output, self.summary = folder / "output", folder / "summary"
        for path in (self.output, self.summary):
            path.touch()
        self.world.environ |= {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": "AtomiCloud/my-service",
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_SHA": COMMIT,
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "RUNNER_TEMP": str(folder),
        }

    @property
    def result(self) -> Path:
        return self.world.folder / "runner" / "docker-push" / "docker-push.json"

    def run(self, **given: str) -> list[DockerPushError]:
        surroundings = self.world.surroundings()
        places = outputs.prepared(surroundings, {**NONE, **given})
        with opened(surroundings, Flags()) as run:
            return outputs.leave(run, pipeline.push(run), places, as_text)

    def outputs(self) -> dict[str, str]:
        """Read the outputs as GitHub's runner does: a name and its delimiter, lines, the delimiter alone."""
        lines, found = iter(self.output.read_text().split("\n")), {}
        for line in lines:
            name, heredoc, delimiter = line.partition("<<")
            if not heredoc:
                name, _, found[name] = line.partition("=")
                continue
            value = []
            while (inner := next(lines)) != delimiter:
                value.append(inner)
            found[name] = "\n".join(value)
        found.pop("", None)
        return found


@pytest.fixture
def step(tmp_path: Path) -> Step:
    return Step(RecordedWorld(tmp_path).write())


def test_a_step_has_outputs_a_summary_and_a_result(step: Step):
    assert step.run() == []

    found, result = step.outputs(), json.loads(step.result.read_text())
    digest = step.world.memory.tags("atomicloud/my-service/api")["latest"]
    assert set(found) == {"references", "images", "digest", "reference", "result"}
    assert found["digest"] == result["images"]["api"]["digest"] == digest
    assert found["result"] == str(step.result)
    assert f"<code>{digest.replace(':', '&#58;')}</code>" in step.summary.read_text()


def test_away_from_github_nothing_is_written_that_was_not_asked_for(step: Step):
    del step.world.environ["GITHUB_ACTIONS"]

    assert step.run() == []
    assert (step.output.read_text(), step.summary.read_text(), step.result.exists()) == ("", "", False)
    assert step.run(result="here.json") == []
    assert "api" in json.loads((step.world.folder / "here.json").read_text())["images"]


def test_the_flag_names_the_result_on_github_too(step: Step):
    assert step.run(result="here.json") == []

    assert step.outputs()["result"] == str(step.world.folder / "here.json")
    assert not step.result.exists()


def test_a_line_that_was_left_open_is_not_one_with_ours(step: Step):
    step.output.write_text("mine=1")
    assert step.run() == []
    step.world.environ["GITHUB_OUTPUT"] = str(step.output)
    assert step.run() == []

    assert step.outputs()["mine"] == "1"
    assert "digest" in step.outputs()
    assert "\n\n" not in step.output.read_text()


def test_no_delimiter_is_used_twice(step: Step):
    assert step.run() == step.run() == []

    delimiters = {line.partition("<<")[2] for line in step.output.read_text().splitlines() if "<<" in line}
    assert len(delimiters) == 2
    assert all(len(delimiter) > 32 for delimiter in delimiters)


def test_a_failed_run_leaves_its_error_and_not_the_result_before_it(step: Step):
    assert step.run() == []
    step.world.broken = "api"
    step.world.memory.manifests.clear()

    assert step.run() == []

    result = json.loads(step.result.read_text())
    assert (result["images"], result["error"]["code"]) == ({}, BuildError.exit_code)
    assert "api" in result["error"]["message"]


def test_a_run_that_cannot_begin_leaves_no_result_of_an_earlier_one(step: Step):
    assert step.run() == []
    step.world.write("[images\n")

    with pytest.raises(ConfigError):
        step.run()

    assert not step.result.exists()


@pytest.mark.parametrize("flag", ["result", "report"])
@pytest.mark.parametrize("path", ["no/such/folder/x.json", "."])
def test_a_file_that_could_not_be_written_is_refused_before_anything_is_done(step: Step, flag: str, path: str):
    with pytest.raises(ConfigError, match=f"--{flag} "):
        step.run(**{flag: path})

    assert step.world.calls == []


def test_a_runner_whose_folder_takes_none_is_refused_before_anything_is_done(step: Step):
    step.result.parent.write_text("a file in its place")

    with pytest.raises(ConfigError, match="RUNNER_TEMP: "):
        step.run()

    assert step.world.calls == []


def test_outputs_that_cannot_be_written_are_an_error_and_everything_else_is_there(step: Step):
    surroundings = step.world.surroundings()
    places = outputs.prepared(surroundings, {**NONE, "report": "report.json"})
    step.output.unlink()
    step.output.mkdir()

    with opened(surroundings, Flags()) as run:
        (failed,) = outputs.leave(run, pipeline.push(run), places, as_text)

    assert str(failed).startswith("GITHUB_OUTPUT: cannot be written: Is a directory. What was pushed stands")
    assert step.result.exists()
    assert (step.world.folder / "report.json").exists()
    assert step.summary.read_text() != ""


def test_a_result_that_is_not_there_is_no_output(step: Step):
    surroundings = step.world.surroundings()
    places = outputs.prepared(surroundings, NONE)
    step.result.mkdir()

    with opened(surroundings, Flags()) as run:
        (failed,) = outputs.leave(run, pipeline.push(run), places, as_text)

    assert "docker-push.json: cannot be written" in str(failed)
    assert "result" not in step.outputs()
    assert [path.name for path in step.result.parent.iterdir()] == ["docker-push.json"]


def test_a_summary_that_cannot_be_written_is_a_warning(step: Step):
    surroundings = step.world.surroundings()
    places = outputs.prepared(surroundings, NONE)
    step.summary.unlink()

    with opened(surroundings, Flags()) as run:
        assert outputs.leave(run, pipeline.push(run), places, as_text) == []

    assert "warning: the summary of the step is missing" in step.world.text


def test_a_summary_keeps_below_github_s_limit_with_what_others_wrote(step: Step):
    step.summary.write_text("x" * (1024 * 1024 - 10) + "\n")
    assert step.run() == []

    assert step.summary.stat().st_size < 1024 * 1024


def test_files_of_a_runner_that_are_not_here_are_said_and_the_run_goes_on(step: Step):
    step.output.unlink()

    assert step.run() == []

    assert "warning: GITHUB_OUTPUT names a file that is not here" in step.world.text
    assert not step.output.exists()


def test_no_secret_is_in_any_of_it(step: Step, monkeypatch: pytest.MonkeyPatch):
    def leave(*_: object) -> None:
        raise BuildError('image api: it said "s3cret|value"', hint="Take s3cret|value out.")

    step.world.environ |= {"DOCKER_USER": "me", "DOCKER_PASSWORD": "s3cret|value"}
    monkeypatch.setattr("docker_push.pipeline.publish.verify", leave)

    assert step.run(report="report.json") == []

    for path in (step.output, step.summary, step.result, step.world.folder / "report.json"):
        assert "s3cret" not in path.read_text()
    assert "it said" in step.summary.read_text()
