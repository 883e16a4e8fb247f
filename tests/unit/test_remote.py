from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from docker_push import history
from docker_push.errors import BuilderError, InterruptedRunError
from docker_push.history import History, Relation
from docker_push.process import Completed, Redactor
from examples_of import COMMIT, CONTEXT
from recorded_programs import RecordedPrograms, completed

ORIGIN = "remote.origin.url\nhttps://github.com/a/b.git\0"
REF = "refs/heads/main"


def observed(folder: Path, answer: Completed | Exception, environ: Mapping[str, str] | None = None) -> History:
    """Observe with a remote that answers with this, or fails."""

    def git(argv: Sequence[str], _input: str | None, _environ: Mapping[str, str]) -> Completed:
        if "ls-remote" in argv:
            if isinstance(answer, Exception):
                raise answer
            return answer
        if "init" in argv:
            return completed()
        if "config" in argv:
            return completed(ORIGIN if argv[1] == "config" else "")
        return completed("/src\n" if "--show-toplevel" in argv else "")

    runner = RecordedPrograms(environ={}, folder=folder, programs={"git": git}, redact=Redactor(["t0ken-of-the-job"]))
    return history.observe(CONTEXT, runner, folder, environ or {})


def test_the_tip_is_our_commit(tmp_path: Path):
    found = observed(tmp_path, completed(f"{COMMIT}\t{REF}\n"))

    assert found == History(ref=REF, relation=Relation.TIP, tip=COMMIT, commit=COMMIT)


@pytest.mark.parametrize(
    ("stderr", "why"),
    [
        (
            "warning: x\nremote: Repository not found.\nfatal: repository 'https://me:pass@github.com/a/b.git/' not found\n",
            "remote: Repository not found. repository 'https://github.com/a/b.git/' not found",
        ),
        (
            "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\nPlease make\n",
            "git@github.com: Permission denied (publickey). Could not read from remote repository",
        ),
        ("fatal: bad header t0ken-of-the-job\n", "bad header ***"),
        ("", "exit status 128"),
    ],
)
def test_what_the_remote_refuses_is_one_line_without_credentials(tmp_path: Path, stderr: str, why: str):
    found = observed(tmp_path, completed(stderr=stderr, status=128))

    assert found.relation is Relation.UNKNOWN
    assert found.why.startswith(f"git cannot read the remote's refs: {why}")
    assert "\n" not in found.why


def test_an_old_git_is_told_from_a_remote_that_is_not_there(tmp_path: Path):
    old = completed(stderr="fatal: 'origin' does not appear to be a git repository", status=128)
    gone = completed(stderr="fatal: '/srv/x' does not appear to be a git repository", status=128)

    assert "git 2.31" in observed(tmp_path, old).why
    assert "git 2.31" not in observed(tmp_path, gone).why


def test_an_answer_that_does_not_come_is_a_cause(tmp_path: Path):
    found = observed(tmp_path, BuilderError("git did not end", hint="Wait."))

    assert (found.relation, found.why.partition(".")[0]) == (
        Relation.UNKNOWN,
        "git could not read the remote's refs within 60 s",
    )


def test_a_signal_is_no_cause(tmp_path: Path):
    with pytest.raises(InterruptedRunError):
        observed(tmp_path, InterruptedRunError("interrupted", hint=""))


def test_a_missing_permission_of_a_github_job_is_named(tmp_path: Path):
    refused = completed(stderr="fatal: could not read Username for 'https://github.com': No such device", status=128)

    assert "contents: read" in observed(tmp_path, refused, {"GITHUB_ACTIONS": "true"}).why
    assert "git ls-remote origin" in observed(tmp_path, refused).why


def test_the_commit_that_names_the_image_is_asked_about_not_the_one_that_is_checked_out(tmp_path: Path):
    answer = completed(f"{COMMIT}\trefs/pull/7/head\n")
    runner = RecordedPrograms(
        environ={},
        folder=tmp_path,
        programs={"git": lambda argv, _input, _environ: answer if "ls-remote" in argv else completed(ORIGIN)},
    )
    context = replace(CONTEXT, pull_request=7, revision="f" * 40)

    assert history.observe(context, runner, tmp_path, {}).relation is Relation.TIP
