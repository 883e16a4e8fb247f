from __future__ import annotations

import json
from dataclasses import replace

import pytest

from docker_push import report
from docker_push.context import Event
from docker_push.facts import Facts, Files
from docker_push.image_tests import Outcome
from docker_push.plan import Plan, plan
from docker_push.progress import Step
from docker_push.publish import Content, Staged, State, TagOutcome
from docker_push.references import Reference, Tag
from docker_push.registry import Manifest
from docker_push.report import Staging
from docker_push.tagging import TagKind
from examples_of import BOTH, COMMIT, CONTEXT, DIGEST, OTHER, image, options, registry, setting

ARM64, AMD64 = BOTH
API = plan(options(), CONTEXT).images[0]


def staged(made: Plan) -> tuple[Staged, ...]:
    manifest = Manifest(data=b"{}", media_type="application/vnd.oci.image.index.v1+json", digest=DIGEST)
    content = {platform: Content(digest=OTHER, size=7) for platform in BOTH}
    return tuple(
        Staged(image=one, repository=repository, manifest=manifest, platforms=content)
        for one in made.published
        for repository in one.repositories
    )


def outcome(state: State, before=None) -> TagOutcome:
    tag = API.tags[1].tag
    return TagOutcome(
        image="api",
        reference=Reference(API.repositories[0], tag, DIGEST),
        kind=TagKind.BRANCH,
        before=before,
        after=DIGEST,
        state=state,
    )


def test_the_plan_as_json_has_the_documented_keys():
    document = report.plan_json(plan(options(), CONTEXT))

    assert json.loads(json.dumps(document)) == document
    assert document["schema"] == 1
    assert {"repository", "commit", "branch", "slug", "version", "event", "trusted", "dirty", "ci"} <= set(
        document["context"]
    )
    (shown,) = document["images"]
    assert {"name", "repositories", "platforms", "dockerfile", "context", "action", "why", "tags"} <= set(shown)
    assert shown["tags"][0] == {
        "tag": f"{COMMIT}-main",
        "kind": "commit",
        "moves": False,
        "why": "commit of branch main",
    }


def test_the_plan_as_text_has_a_reason_for_every_tag():
    text = report.plan_text(plan(options(), replace(CONTEXT, branch="feature/A")))

    for words in (
        "feature-a",
        "no tag    latest: branch feature/A is not the default branch main",
        "platforms linux/arm64, linux/amd64",
    ):
        assert words in text


def test_a_git_tag_is_shown_as_one():
    assert "tag v1.2.3" in report.plan_text(
        plan(options(), replace(CONTEXT, event=Event.TAG, tag="v1.2.3", branch=None))
    )


def test_foreign_text_cannot_write_to_the_terminal():
    assert "\x1b" not in report.plan_text(plan(options(), replace(CONTEXT, branch="a\x1b[31m")))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028"])
def test_a_name_stays_on_its_line_and_commands_no_runner(end: str):
    raw = f"main{end}::error::pwn"
    branch = report.plan_text(plan(options(), replace(CONTEXT, branch=raw)))
    tag = report.plan_text(plan(options(), replace(CONTEXT, event=Event.TAG, tag=raw, branch=None)))

    for text in (branch, tag):
        assert not any(line.lstrip().startswith(("::", ": :")) for line in text.splitlines())
        assert "::error::pwn" in text.splitlines()[0]


def test_what_is_only_needed_has_no_tags_in_the_text():
    needs = plan(options(image("base"), image("api", depends_on=("base",)), selected=("api",)), CONTEXT)

    assert "tag " not in report.plan_text(needs).split("api:")[0]


def test_the_list_has_a_line_for_each_image_and_registry():
    both = options(
        image("api"), image("worker", platforms=setting((AMD64,))), registries=(registry(), registry("localhost:5000"))
    )

    lines = report.list_text(plan(both, CONTEXT)).splitlines()

    assert len(lines) == 4
    assert lines[2].split() == ["worker", "linux/amd64", "Dockerfile", "ghcr.io/atomicloud/my-service/worker"]


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (Step(name="RUN a\n b", cached=False, seconds=1.25, error=""), "  RUN a b  1.2 s"),
        (Step(name="RUN a", cached=True, seconds=0, error=""), "  RUN a  cached"),
        (Step(name="RUN a", cached=False, seconds=0, error="exit\n1"), "  RUN a  FAILED: exit 1"),
        (
            Step(name="importing cache manifest", cached=False, seconds=0, error="x: not found"),
            "  importing cache manifest  not there yet",
        ),
    ],
)
def test_a_step_is_one_line(step: Step, text: str):
    assert report.step_text(step) == text


def test_a_moved_tag_tells_where_it_was():
    assert report.tag_text(outcome(State.MOVED, OTHER)).endswith(f"-> {str(DIGEST)[:19]} (was {str(OTHER)[:19]})")
    assert "was" not in report.tag_text(outcome(State.CREATED))


def test_machines_get_one_reference_for_each_image_and_registry():
    made = plan(options(registries=(registry(), registry("localhost:5000"))), CONTEXT)
    run = report.outcome(made, Staging(digests={}), staged(made), (outcome(State.MOVED, OTHER),))

    assert report.references(run) == [
        f"{domain}/atomicloud/my-service/api:{COMMIT}-main@{DIGEST}" for domain in ("ghcr.io", "localhost:5000")
    ]


@pytest.mark.parametrize("tags", [(), (outcome(State.UNKNOWN),), (outcome(State.MOVED), outcome(State.WAITING))])
def test_an_image_whose_tags_are_not_all_put_has_no_reference(tags: tuple[TagOutcome, ...]):
    made = plan(options(), CONTEXT)

    assert report.references(report.outcome(made, Staging(digests={}), staged(made), tags)) == []


def test_the_report_is_the_plan_and_what_became_of_it():
    made = plan(options(), CONTEXT)
    run = report.outcome(
        made,
        Staging(digests={}, seconds={"api": 1.23456}, attempts={"api": 1}),
        staged(made),
        (outcome(State.MOVED, OTHER),),
    )

    document = report.run_json(run)

    assert json.loads(json.dumps(document)) == document
    (shown,) = document["images"]
    assert shown["digest"] == str(DIGEST)
    assert shown["manifests"] == {str(platform): {"digest": str(OTHER), "size": 7} for platform in BOTH}
    assert (shown["attempts"], shown["seconds"]) == (1, 1.235)
    assert shown["tags"][0] == {
        "repository": "ghcr.io/atomicloud/my-service/api",
        "tag": "main",
        "kind": "branch",
        "moves": True,
        "why": "branch main",
        "before": str(OTHER),
        "after": str(DIGEST),
        "state": "moved",
        "note": None,
    }


def test_the_report_says_what_was_tested_and_how_often_the_registry_was_asked_again():
    made = plan(options(), CONTEXT)
    tests = (
        Outcome(image="api", platform=AMD64, commands=("api --version", "api check")),
        Outcome(image="api", platform=ARM64, commands=("api --version",), why="this engine cannot run linux/arm64"),
        Outcome(image="other", platform=AMD64, commands=("other",)),
    )

    run = report.outcome(made, Staging(digests={}), staged(made), (), tests=tests, retries={"api": 3})

    (shown,) = report.run_json(run)["images"]
    assert shown["retries"] == 3
    assert shown["tests"] == [
        {"platform": "linux/amd64", "command": "api --version", "result": "passed", "why": None},
        {"platform": "linux/amd64", "command": "api check", "result": "passed", "why": None},
        {
            "platform": "linux/arm64",
            "command": "api --version",
            "result": "not-tested",
            "why": "this engine cannot run linux/arm64",
        },
    ]


def test_people_are_told_which_platforms_were_not_tested():
    tested = Outcome(image="api", platform=AMD64, commands=("api",))
    left = Outcome(image="api", platform=ARM64, commands=("api",), why="this engine cannot run linux/arm64")

    assert (
        report.untested_text([tested, left]) == "Not tested: api on linux/arm64 (this engine cannot run linux/arm64)."
    )
    assert report.untested_text([tested]) == ""


def test_a_tag_that_is_no_longer_planned_is_reported_all_the_same():
    """Which versions are published is looked at again before tags move: another run may have changed it."""
    made = plan(options(), CONTEXT)
    gone = replace(
        outcome(State.WAITING), reference=Reference(API.repositories[0], Tag("v9"), DIGEST), kind=TagKind.SEMVER
    )

    (shown,) = report.run_json(report.outcome(made, Staging(digests={}), staged(made), (gone,)))["images"]

    (tag,) = shown["tags"]
    assert (tag["tag"], tag["kind"], tag["moves"], tag["why"]) == ("v9", "semver", None, None)


def test_an_image_that_was_not_published_is_reported_as_planned():
    made = plan(options(), replace(CONTEXT, event=Event.PULL_REQUEST, pull_request=12, trusted=False))

    (shown,) = report.run_json(report.outcome(made, Staging(digests={}), (), ()))["images"]

    assert "digest" not in shown
    assert shown["publish"] is False


def test_the_plan_says_what_is_read_and_which_images_change_together():
    names = [f"s{number}" for number in range(9)]
    seen = Facts(files={name: Files(digest="a", number=12, size=3 << 20) for name in names})

    text = report.plan_text(plan(options(*map(image, names), image("own", context=setting("own"))), CONTEXT, seen))

    assert text.count("inputs ") == len(names)
    assert "12 files, 3.0 MiB; a change of any file concerns s1, s2, s3, s4, s5 and 3 more too" in text
    assert "12 files, 3.0 MiB; a change of any file concerns s0, s1, s2, s3, s4 and 3 more too" in text


def test_a_context_that_no_commit_leaves_unchanged_is_warned_of():
    seen = Facts(files={"api": Files(digest="a", number=1, size=700, holds_git=True)})

    text = report.plan_text(plan(options(), CONTEXT, seen))

    assert "1 file, 700 bytes\n" in text
    assert "warning: the context of api holds .git" in text
