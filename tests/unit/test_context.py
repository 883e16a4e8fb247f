from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from docker_push.context import Context, Event, derive, observe
from docker_push.errors import ConfigError
from docker_push.git import GitFacts
from recorded_programs import RecordedPrograms, completed, no_programs

HEAD = "1" * 40  # what somebody committed
MERGE = "2" * 40  # what GitHub made of it and of the base
OTHER = "3" * 40
REPO = "AtomiCloud/my-service"
LAPTOP = GitFacts(
    commit=HEAD,
    branch="main",
    dirty=False,
    created=1_700_000_000,
    origin=f"github.com:{REPO}.git",
    default_branch="main",
)
DETACHED = GitFacts(commit=HEAD, branch=None, dirty=False)
SEED = {"GITHUB_REPO_REF": REPO, "GITHUB_SHA": HEAD, "GITHUB_BRANCH": "feature-a_b"}
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REPOSITORY": REPO,
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_SHA": HEAD,
    "GITHUB_REF": "refs/heads/feature/A_b",
    "GITHUB_REF_NAME": "feature/A_b",
    "GITHUB_REF_TYPE": "branch",
}
TAG = {**GITHUB, "GITHUB_REF": "refs/tags/v1.2.3", "GITHUB_REF_NAME": "v1.2.3", "GITHUB_REF_TYPE": "tag"}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PIPELINE_SOURCE": "push",
    "CI_PROJECT_PATH": "group/sub/my-service",
    "CI_PROJECT_URL": "https://gitlab.example/group/sub/my-service",
    "CI_COMMIT_SHA": HEAD,
    "CI_COMMIT_BRANCH": "feature/A_b",
    "CI_COMMIT_REF_PROTECTED": "true",
    "CI_DEFAULT_BRANCH": "trunk",
    "CI_COMMIT_TIMESTAMP": "2024-01-31T16:47:55+01:00",
}
MERGE_REQUEST = {
    **{name: value for name, value in GITLAB.items() if name != "CI_COMMIT_BRANCH"},
    "CI_PIPELINE_SOURCE": "merge_request_event",
    "CI_COMMIT_SHA": MERGE,
    "CI_COMMIT_REF_PROTECTED": "false",
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_PROJECT_PATH": "group/sub/my-service",
    "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "group/sub/my-service",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "feature/A_b",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": HEAD,
}


def of(
    environ: Mapping[str, str],
    payload: Mapping[str, Any] | None = None,
    facts: GitFacts | None = None,
    *,
    repository: str | None = None,
    default_branch: str | None = None,
) -> Context:
    return derive(repository, default_branch, environ, payload, facts)


def pull_request(head: object = REPO, *, number: int = 12) -> dict[str, Any]:
    repo = {"full_name": head} if isinstance(head, str) else head
    return {
        "number": number,
        "repository": {"default_branch": "trunk"},
        "pull_request": {
            "number": number,
            "head": {"ref": "feature/A_b", "sha": HEAD, "repo": repo},
            "base": {"ref": "trunk", "repo": {"full_name": REPO}},
        },
    }


def workflow_run(event: str = "push", head: object = REPO, branch: str = "feature/A_b") -> dict[str, Any]:
    repo = {"full_name": head} if isinstance(head, str) else head
    run = {
        "event": event,
        "head_sha": HEAD,
        "head_branch": branch,
        "head_repository": repo,
        "repository": {"full_name": REPO},
        "pull_requests": [{"number": 12}] if event == "pull_request" else [],
    }
    return {"workflow_run": run, "repository": {"default_branch": "main"}}


STARTED_BY_A_RUN = {
    **GITHUB,
    "GITHUB_EVENT_NAME": "workflow_run",
    "GITHUB_SHA": OTHER,
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REF_NAME": "main",
    "GITHUB_BRANCH": "main",
}
ON_PULL_REQUEST = {
    **GITHUB,
    "GITHUB_EVENT_NAME": "pull_request",
    "GITHUB_SHA": MERGE,
    "GITHUB_REF": "refs/pull/12/merge",
    "GITHUB_REF_NAME": "12/merge",
    "GITHUB_HEAD_REF": "feature/A_b",
    "GITHUB_BASE_REF": "trunk",
    "GITHUB_BRANCH": "12-merge",
}


# a laptop


def test_on_a_laptop_git_says_everything():
    assert of({}, facts=LAPTOP) == Context(
        repository=REPO,
        commit=HEAD,
        revision=HEAD,
        branch="main",
        default_branch="main",
        event=Event.LOCAL,
        ci="local",
        created=1_700_000_000,
        source_url=f"https://github.com/{REPO}",
    )


def test_a_detached_head_says_how_to_name_a_branch():
    with pytest.raises(ConfigError, match="detached head") as caught:
        of({}, facts=DETACHED, repository=REPO)

    assert "git switch" in caught.value.hint
    assert "GITHUB_BRANCH" in caught.value.hint


def test_a_detached_head_with_a_branch_in_the_environment_is_still_a_laptop():
    found = of({"GITHUB_BRANCH": "feature-x"}, facts=DETACHED, repository=REPO)

    assert (found.ci, found.event, found.branch, found.slug_only) == ("local", Event.LOCAL, "feature-x", True)


def test_without_git_and_ci_the_commit_is_what_is_missing():
    with pytest.raises(ConfigError, match="commit is not known") as caught:
        of({}, repository=REPO)

    assert "GITHUB_SHA" in caught.value.hint


def test_without_git_the_branch_is_what_is_missing_next():
    with pytest.raises(ConfigError, match="no git work tree"):
        of({"GITHUB_SHA": HEAD}, repository=REPO)


@pytest.mark.parametrize(
    ("origin", "said"), [(None, "no remote origin"), ("/srv/git/b.git", "'/srv/git/b.git', no server's")]
)
def test_a_repository_that_nobody_names_says_where_to_name_it(origin: str | None, said: str):
    with pytest.raises(ConfigError, match=said) as caught:
        of({}, facts=GitFacts(commit=HEAD, branch="main", dirty=False, origin=origin))

    assert "[project]" in caught.value.hint


# the seed's variables


def test_the_seed_s_variables_alone_are_enough():
    found = of(SEED)

    assert (found.ci, found.event, found.repository, found.commit) == ("seed", Event.PUSH, REPO, HEAD)
    assert (found.branch, found.slug_only, found.default_branch) == ("feature-a_b", True, "main")
    assert (found.created, found.source_url, found.trusted) == (None, None, True)


def test_an_empty_variable_is_an_unset_one():
    found = of(dict.fromkeys((*GITHUB, *GITLAB, *SEED, "SOURCE_DATE_EPOCH", "LATEST_BRANCH"), ""), facts=LAPTOP)

    assert found == of({}, facts=LAPTOP)


@pytest.mark.parametrize(
    "known",
    [
        {"GITHUB_REF": "refs/heads/feature/A_b"},
        {"GITHUB_REF_NAME": "feature/A_b"},
        {"GITHUB_HEAD_REF": "feature/A_b"},
        {"CI_COMMIT_BRANCH": "feature/A_b"},
    ],
)
def test_a_raw_name_with_the_same_slug_is_the_branch(known: dict[str, str]):
    found = of({**SEED, **known})

    assert (found.branch, found.slug_only) == ("feature/A_b", False)


def test_git_knows_raw_names_too():
    found = of(SEED, facts=GitFacts(commit=HEAD, branch="feature/A_b", dirty=False))

    assert (found.branch, found.slug_only) == ("feature/A_b", False)


def test_a_raw_name_with_another_slug_is_another_branch():
    found = of({**GITHUB, "GITHUB_BRANCH": "chosen"})

    assert (found.branch, found.slug_only) == ("chosen", True)


def test_what_is_no_slug_is_a_raw_name():
    found = of({**SEED, "GITHUB_BRANCH": "Feature/X"})

    assert (found.branch, found.slug_only) == ("Feature/X", False)


def test_the_seed_wins_over_the_ci_and_the_command_line_over_the_seed():
    environ = {**GITLAB, **SEED, "GITHUB_SHA": OTHER}

    assert (of(environ).repository, of(environ).commit, of(environ).ci) == (REPO, OTHER, "gitlab")
    assert of(environ, repository="said/so").repository == "said/so"


# the default branch


def test_the_default_branch_is_what_was_said_then_latest_branch_then_the_event_then_main():
    event = {"repository": {"default_branch": "event"}}
    facts = GitFacts(commit=HEAD, branch="x", dirty=False, default_branch="origin")
    latest = {**GITHUB, "LATEST_BRANCH": "latest-branch"}

    assert of(latest, event, facts, default_branch="file").default_branch == "file"
    assert of(latest, event, facts).default_branch == "latest-branch"
    assert of(GITHUB, event, facts).default_branch == "event"
    assert of(GITHUB, None, facts).default_branch == "main"
    assert of(GITLAB).default_branch == "trunk"


def test_latest_branch_may_be_the_slug_of_the_default_branch():
    event = {"repository": {"default_branch": "Release/Main"}}
    environ = {**GITHUB, "LATEST_BRANCH": "release-main"}

    assert of(environ, event, default_branch="release-main").default_branch == "Release/Main"
    assert of({**environ, "LATEST_BRANCH": "main"}, {"repository": {"default_branch": "main"}}).default_branch == "main"


def test_a_clone_s_note_of_the_default_branch_tells_the_raw_name_of_latest_branch_and_decides_nothing():
    noted = GitFacts(commit=HEAD, branch="Release/Main", dirty=False, default_branch="Release/Main")

    assert of({**SEED, "LATEST_BRANCH": "release-main"}, facts=noted).default_branch == "Release/Main"
    assert of({**SEED, "LATEST_BRANCH": "main"}, facts=noted).default_branch == "main"
    assert of(SEED, facts=noted).default_branch == "main"


# GitHub


def test_a_push_to_a_branch():
    found = of(
        GITHUB, {"repository": {"default_branch": "trunk"}}, GitFacts(commit=HEAD, branch="feature/A_b", dirty=False)
    )

    assert (found.ci, found.event, found.branch, found.tag) == ("github", Event.PUSH, "feature/A_b", None)
    assert (found.commit, found.revision, found.default_branch) == (HEAD, HEAD, "trunk")
    assert (found.source_url, found.notes) == (f"https://github.com/{REPO}", ())


def test_a_branch_that_is_checked_out_is_not_what_a_tag_or_a_merge_request_is_about():
    request = {name: value for name, value in MERGE_REQUEST.items() if name != "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"}

    assert (of(TAG, facts=LAPTOP).branch, of(request, facts=LAPTOP).branch) == (None, None)


@pytest.mark.parametrize("environ", [TAG, {**TAG, "GITHUB_REF": ""}, {**TAG, "GITHUB_BRANCH": "v1.2.3"}])
def test_a_tag_is_no_branch(environ: dict[str, str]):
    found = of(environ, facts=DETACHED)

    assert (found.event, found.tag, found.branch, found.slug_only) == (Event.TAG, "v1.2.3", None, False)


@pytest.mark.parametrize("name", ["workflow_dispatch", "schedule", "repository_dispatch", "issue_comment"])
def test_what_no_push_started_is_manual_but_on_a_tag(name: str):
    assert of({**GITHUB, "GITHUB_EVENT_NAME": name}).event is Event.MANUAL
    assert of({**TAG, "GITHUB_EVENT_NAME": name}).event is Event.TAG


def test_a_release_is_its_tag():
    event = {"release": {"tag_name": "v2.0.0"}}
    environ = {**TAG, "GITHUB_EVENT_NAME": "release"}

    assert (of(environ, event).event, of(environ, event).tag) == (Event.TAG, "v2.0.0")
    assert of(environ).tag == "v1.2.3"


def test_a_merge_queue_s_branch_is_its_own_whatever_the_seed_says():
    ref = f"gh-readonly-queue/main/pr-104-{OTHER}"
    environ = {**GITHUB, "GITHUB_EVENT_NAME": "merge_group", "GITHUB_REF": f"refs/heads/{ref}", "GITHUB_BRANCH": "main"}
    found = of(environ)

    assert (found.event, found.branch, found.slug_only, found.trusted) == (Event.MERGE_QUEUE, ref, False, True)


@pytest.mark.parametrize("name", ["pull_request", "pull_request_target", "pull_request_review"])
def test_a_pull_request_is_its_head_whatever_github_branch_holds(name: str):
    found = of(
        {**ON_PULL_REQUEST, "GITHUB_EVENT_NAME": name}, pull_request(), GitFacts(commit=MERGE, branch=None, dirty=False)
    )

    assert (found.event, found.pull_request, found.branch) == (Event.PULL_REQUEST, 12, "feature/A_b")
    assert (found.commit, found.revision, found.trusted) == (HEAD, MERGE, True)
    assert (found.slug_only, found.is_fork, found.notes) == (False, False, ())


def test_without_git_a_pull_request_s_checked_out_commit_is_the_merge():
    assert of(ON_PULL_REQUEST, pull_request()).revision == MERGE


def test_a_closed_pull_request_runs_on_the_base_and_is_one_still():
    closed = {**ON_PULL_REQUEST, "GITHUB_REF": "refs/heads/trunk", "GITHUB_REF_NAME": "trunk", "GITHUB_BRANCH": "trunk"}

    assert (of(closed, pull_request()).pull_request, of(closed, pull_request()).branch) == (12, "feature/A_b")


@pytest.mark.parametrize("head", ["stranger/my-service", None, {}, {"full_name": ""}, {"full_name": 5}])
@pytest.mark.parametrize("name", ["pull_request", "pull_request_target"])
def test_a_head_in_another_repository_or_in_none_is_a_fork(name: str, head: object):
    found = of({**ON_PULL_REQUEST, "GITHUB_EVENT_NAME": name}, pull_request(head))

    assert (found.trusted, found.is_fork) == (False, True)


def test_the_case_of_a_repository_s_name_makes_no_fork():
    assert of(ON_PULL_REQUEST, pull_request(REPO.lower())).trusted


@pytest.mark.parametrize("payload", [None, {}, {"pull_request": {"head": {"ref": "x"}}}, {"pull_request": None}])
def test_a_pull_request_whose_head_is_not_known_is_refused(payload: dict[str, Any] | None):
    with pytest.raises(ConfigError, match="head commit of the pull request") as caught:
        of(ON_PULL_REQUEST, payload)

    assert "GITHUB_EVENT_PATH" in caught.value.hint


@pytest.mark.parametrize("number", [0, -1, "12", None])
def test_a_pull_request_has_a_number(number: object):
    payload = pull_request()
    payload["number"] = payload["pull_request"]["number"] = number

    assert of(ON_PULL_REQUEST, payload).pull_request == 12  # from GITHUB_REF
    with pytest.raises(ConfigError, match="number of the pull request"):
        of({**ON_PULL_REQUEST, "GITHUB_REF": "refs/heads/trunk"}, payload)


def test_a_pull_request_s_ref_is_no_branch_of_that_name():
    with pytest.raises(ConfigError, match="pull request"):
        of({**SEED, "GITHUB_REF": "refs/pull/12/merge", "GITHUB_REF_NAME": "12/merge", "GITHUB_BRANCH": "12-merge"})


def test_a_run_after_another_builds_the_other_s_commit():
    found = of(STARTED_BY_A_RUN, workflow_run())

    assert (found.event, found.commit, found.revision, found.branch) == (Event.PUSH, HEAD, HEAD, "feature/A_b")
    assert (found.slug_only, found.trusted) == (False, True)


def test_a_run_after_another_that_has_the_default_branch_checked_out_builds_that():
    found = of(STARTED_BY_A_RUN, workflow_run(head="stranger/x"), GitFacts(commit=OTHER, branch="main", dirty=False))

    assert (found.event, found.commit, found.branch, found.trusted) == (Event.MANUAL, OTHER, "main", True)


def test_a_run_after_a_pull_request_is_of_that_pull_request():
    found = of(STARTED_BY_A_RUN, workflow_run("pull_request"))

    assert (found.event, found.pull_request, found.trusted) == (Event.PULL_REQUEST, 12, True)


@pytest.mark.parametrize("event", ["pull_request", "push"])
@pytest.mark.parametrize("head", ["stranger/my-service", None])
def test_a_run_after_a_fork_s_never_passes_for_our_branch(event: str, head: str | None):
    found = of(STARTED_BY_A_RUN, workflow_run(event, head, "main"), GitFacts(commit=HEAD, branch=None, dirty=False))

    assert (found.event, found.is_fork, found.pull_request) == (Event.PULL_REQUEST, True, None)


@pytest.mark.parametrize("payload", [None, {}, {"workflow_run": {}}])
def test_a_run_after_another_that_says_nothing_is_of_its_own_ref(payload: dict[str, Any] | None):
    assert (of(STARTED_BY_A_RUN, payload).commit, of(STARTED_BY_A_RUN, payload).branch) == (OTHER, "main")


def test_an_enterprise_server_has_its_own_web_address():
    assert of({**GITHUB, "GITHUB_SERVER_URL": "https://ghe.example"}).source_url == f"https://ghe.example/{REPO}"


# GitLab


def test_a_branch_on_gitlab():
    found = of(GITLAB, facts=DETACHED)

    assert (found.ci, found.event, found.branch, found.repository) == (
        "gitlab",
        Event.PUSH,
        "feature/A_b",
        "group/sub/my-service",
    )
    assert (found.trusted, found.created) == (True, 1_706_716_075)
    assert found.source_url == "https://gitlab.example/group/sub/my-service"


def test_on_gitlab_a_protected_ref_is_trusted_and_another_is_no_fork_for_that():
    found = of({**GITLAB, "CI_COMMIT_REF_PROTECTED": "false"})

    assert (found.trusted, found.is_fork) == (False, False)


def test_a_tag_on_gitlab():
    found = of({**GITLAB, "CI_COMMIT_BRANCH": "", "CI_COMMIT_TAG": "v1.2.3"}, facts=DETACHED)

    assert (found.event, found.tag, found.branch) == (Event.TAG, "v1.2.3", None)


@pytest.mark.parametrize("source", ["web", "schedule", "api", "trigger", "pipeline"])
def test_what_no_push_started_is_manual_on_gitlab(source: str):
    assert of({**GITLAB, "CI_PIPELINE_SOURCE": source}).event is Event.MANUAL


def test_a_merge_request_is_its_head():
    found = of({**MERGE_REQUEST, "GITHUB_SHA": OTHER, "GITHUB_BRANCH": "main"})

    assert (found.event, found.pull_request, found.branch) == (Event.PULL_REQUEST, 7, "feature/A_b")
    assert (found.commit, found.revision, found.trusted) == (HEAD, MERGE, True)


def test_a_merge_request_without_a_merge_has_its_head_checked_out():
    found = of({**MERGE_REQUEST, "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "", "CI_COMMIT_SHA": HEAD})

    assert (found.commit, found.revision) == (HEAD, HEAD)


@pytest.mark.parametrize("source", ["stranger/my-service", ""])
def test_a_merge_request_from_another_project_is_a_fork_s(source: str):
    assert of({**MERGE_REQUEST, "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": source}).is_fork


def test_a_merge_request_that_runs_in_the_fork_is_a_fork_s():
    fork = {**MERGE_REQUEST, "CI_PROJECT_PATH": "me/fork", "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "me/fork"}

    assert of(fork).is_fork


def test_without_the_target_s_name_the_project_that_runs_it_is_the_target():
    assert not of({**MERGE_REQUEST, "CI_MERGE_REQUEST_PROJECT_PATH": ""}).is_fork
    assert of({**MERGE_REQUEST, "CI_MERGE_REQUEST_PROJECT_PATH": "", "CI_PROJECT_PATH": ""}, repository=REPO).is_fork


def test_a_merge_train_is_a_queue_of_the_merged_commit():
    found = of({**MERGE_REQUEST, "CI_MERGE_REQUEST_EVENT_TYPE": "merge_train"})

    assert (found.event, found.commit, found.pull_request) == (Event.MERGE_QUEUE, MERGE, 7)


@pytest.mark.parametrize("number", ["0", "x", "-1", "٣"])
def test_a_merge_request_s_number_is_a_number(number: str):
    with pytest.raises(ConfigError, match="CI_MERGE_REQUEST_IID"):
        of({**MERGE_REQUEST, "CI_MERGE_REQUEST_IID": number})


@pytest.fixture
def _far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "XXX-8")  # POSIX: eight hours east, wherever time zones are not installed
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"), [("2024-01-31T15:47:55Z", 1_706_716_075), ("2024-01-31T15:47:55", 1_706_716_075)]
)
@pytest.mark.usefixtures("_far_from_utc")
def test_a_time_without_an_offset_is_utc(text: str, expected: int):
    assert of({**GITLAB, "CI_COMMIT_TIMESTAMP": text}).created == expected


@pytest.mark.parametrize("text", ["yesterday", "2024-13-01T00:00:00Z"])
def test_a_time_that_is_none_is_refused_by_name(text: str):
    with pytest.raises(ConfigError, match="CI_COMMIT_TIMESTAMP"):
        of({**GITLAB, "CI_COMMIT_TIMESTAMP": text})


# facts of every CI


def test_the_time_is_source_date_epoch_then_git_s_then_the_ci_s():
    assert of({**GITLAB, "SOURCE_DATE_EPOCH": "0"}, facts=LAPTOP).created == 0
    assert of(GITLAB, facts=LAPTOP).created == 1_700_000_000
    assert of(GITLAB).created == 1_706_716_075
    assert of({k: v for k, v in GITLAB.items() if k != "CI_COMMIT_TIMESTAMP"}).created is None


@pytest.mark.parametrize("text", ["-1", "1.5", "now", "٣", "9" * 12, " 1"])
def test_source_date_epoch_is_a_number_of_seconds(text: str):
    with pytest.raises(ConfigError, match="SOURCE_DATE_EPOCH"):
        of({"SOURCE_DATE_EPOCH": text}, facts=LAPTOP)


@pytest.mark.parametrize("commit", ["1234567", "g" * 40, "1" * 41, "main", "1" * 40 + "\n"])
def test_a_commit_id_is_whole(commit: str):
    with pytest.raises(ConfigError, match="is not a commit id"):
        of({**SEED, "GITHUB_SHA": commit})


def test_a_commit_id_is_lower_case_and_may_be_sha_256():
    assert of({**SEED, "GITHUB_SHA": "AB" * 32}).commit == "ab" * 32


def test_the_revision_is_what_is_checked_out_and_another_commit_is_noted():
    found = of({**GITHUB, "GITHUB_SHA": OTHER}, facts=LAPTOP)

    assert (found.commit, found.revision) == (OTHER, HEAD)
    assert found.notes == ("commit 111111111111 is checked out, but the run is named after 333333333333",)


def test_changes_are_noted_in_ci_and_left_to_the_rules_on_a_laptop():
    dirty = GitFacts(commit=HEAD, branch="feature/A_b", dirty=True, origin="github.com:a/b")

    assert of(GITHUB, facts=dirty).dirty
    assert "only noted" in of(GITHUB, facts=dirty).notes[0]
    assert (of({}, facts=dirty).dirty, of({}, facts=dirty).notes) == (True, ())


# the thin shell


def git_refuses() -> RecordedPrograms:
    refusal = completed(stderr="fatal: detected dubious ownership in repository at '/src'", status=128)
    return RecordedPrograms(environ={}, folder=Path("/src"), programs={"git": lambda *_: refusal})


def test_the_event_is_read_from_the_file_that_github_names(tmp_path: Path):
    event = tmp_path / "event.json"
    event.write_text(json.dumps(pull_request()), "utf-8")

    found = observe(None, None, {**ON_PULL_REQUEST, "GITHUB_EVENT_PATH": str(event)}, no_programs(tmp_path))

    assert (found.pull_request, found.commit, found.default_branch) == (12, HEAD, "trunk")


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b"[]", b"null"])
def test_a_broken_event_file_is_named(tmp_path: Path, content: bytes):
    event = tmp_path / "event.json"
    event.write_bytes(content)

    with pytest.raises(ConfigError, match=r"GITHUB_EVENT_PATH: '.*'"):
        observe(None, None, {**GITHUB, "GITHUB_EVENT_PATH": str(event)}, no_programs(tmp_path))


def test_an_event_file_has_a_limit(tmp_path: Path):
    event = tmp_path / "event.json"
    with event.open("wb") as file:
        file.truncate(25 * 1024 * 1024 + 1)

    with pytest.raises(ConfigError, match="larger than 25 MiB"):
        observe(None, None, {**GITHUB, "GITHUB_EVENT_PATH": str(event)}, no_programs(tmp_path))


def test_an_event_file_that_is_not_there_matters_only_to_what_needs_it(tmp_path: Path):
    missing = {"GITHUB_EVENT_PATH": str(tmp_path / "event.json")}

    assert observe(None, None, {**GITHUB, **missing}, no_programs(tmp_path)).branch == "feature/A_b"
    with pytest.raises(ConfigError, match="head commit"):
        observe(None, None, {**ON_PULL_REQUEST, **missing}, no_programs(tmp_path))


def test_a_git_that_refuses_is_done_without_where_the_ci_says_everything():
    found = observe(None, None, SEED, git_refuses())

    assert (found.commit, found.revision) == (HEAD, HEAD)
    assert "another user owns its folder" in found.notes[0]


def test_a_git_that_refuses_is_the_error_where_it_alone_knows():
    with pytest.raises(ConfigError, match="another user owns its folder") as caught:
        observe(None, None, {}, git_refuses())

    assert "safe.directory" in caught.value.hint
