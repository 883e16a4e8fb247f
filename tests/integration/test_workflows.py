"""The workflow files as they are, run by act into the real engine and registry; the tags are read back with crane."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from scratch import SMALL, Scratch, platforms
from workflow_runner import REPOSITORY, SECRET, act, artifacts, call, clone, in_front, merged, pull_request, pushed

__all__ = ["clone"]
pytestmark = [pytest.mark.engine, pytest.mark.act]

FORMS = ("⚡reusable-docker.yaml", "⚡reusable-docker-split.yaml")
# Stand before the tool: one leaves a report as it does, one notes what it is told of the cache service.
REPORTS = (
    'mkdir -p "$RUNNER_TEMP/docker-push" && echo {} > "$RUNNER_TEMP/docker-push/docker-push.json"; exec "{tool}" "$@"\n'
)
SEES = """\
echo "${ACTIONS_RUNTIME_TOKEN:-} ${ACTIONS_RESULTS_URL:-}" > "{folder}/saw-$1"
exec "{tool}" "$@"
"""


def test_ci_on_the_default_branch_publishes_both_images(clone: Scratch):
    done = act(clone, "push", "ci.yml", pushed(clone, "refs/heads/main"))

    assert done.code == 0, done.out + done.err
    for image in ("api", "worker"):
        assert clone.tags(image) == {f"{clone.commit}-main", "main", "latest"}
    assert platforms(clone.manifest("api", "latest")) == {"linux/amd64", "linux/arm64"}
    assert platforms(clone.manifest("worker", "latest")) == {"linux/amd64"}
    assert clone.config("worker", "latest")["config"]["Cmd"] == ["/bin/worker"]


def test_what_ci_write_begins_with_publishes_the_image(scratch: Scratch):
    scratch.write(SMALL)
    begun = scratch.run("docker-push", "ci.write")
    scratch.commit_all()

    done = act(scratch, "push", "ci.yml", pushed(scratch, "refs/heads/main"))

    assert (begun.code, done.code) == (0, 0), begun.err + done.out + done.err
    assert {f"{scratch.commit}-main", "main", "latest"} == scratch.tags("api")


def test_ci_on_another_branch_gives_no_latest(clone: Scratch):
    clone.git("switch", "--quiet", "--create", "feature/A_b")

    done = act(clone, "push", "ci.yml", pushed(clone, "refs/heads/feature/A_b"))

    assert done.code == 0, done.out + done.err
    assert clone.tags("api") == {f"{clone.commit}-feature-a_b", "feature-a_b"}


def test_cd_publishes_the_version(clone: Scratch):
    clone.git("tag", "v1.2.3")

    done = act(clone, "push", "cd.yml", pushed(clone, "refs/tags/v1.2.3"))

    assert done.code == 0, done.out + done.err
    for image in ("api", "worker"):
        assert clone.tags(image) == {f"{clone.commit}-v1.2.3", "v1.2.3"}


def test_a_broken_image_fails_its_job_and_moves_nothing(clone: Scratch):
    clone.write({"Dockerfile": "FROM busybox:1.37\nRUN exit 3\n"})
    clone.commit_all()

    done = act(clone, "push", "ci.yml", pushed(clone, "refs/heads/main"), "--job", "docker-api")

    assert done.code != 0
    assert "image api" in done.out + done.err
    assert clone.tags("api") == set()


def test_a_pull_request_from_a_fork_pushes_nothing(clone: Scratch):
    head = merged(clone, {"infra/worker.sh": "#!/bin/sh\necho changed\n"})
    payload = pull_request(clone, head, origin="stranger/fork")

    done = act(clone, "pull_request", "ci.yml", payload, "--job", "docker-worker")

    assert done.code == 0, done.out + done.err
    assert "Building worker" in done.out
    assert clone.tags("worker") == set()


def test_the_token_is_in_no_output(clone: Scratch):
    done = act(
        clone, "push", "ci.yml", pushed(clone, "refs/heads/main"), "--job", "docker-worker", "--insecure-secrets"
    )

    assert done.code == 0, done.out + done.err
    assert SECRET not in done.out + done.err


def test_a_pull_request_builds_what_it_touches_and_nothing_else(clone: Scratch):
    clone.write({"marker": "a commit that the checkout does not fetch"})
    clone.commit_all()
    head = merged(clone, {"infra/worker.sh": "#!/bin/sh\necho changed\n"})

    done = act(clone, "pull_request", "ci.yml", pull_request(clone, head))

    assert done.code == 0, done.out + done.err
    assert clone.tags("worker") == {f"{head}-pr-12", "pr-12"}
    assert "since HEAD^: " in done.out
    assert clone.tags("api") == set()
    assert "Nothing to do: no image that was asked for is affected by what changed" in done.out
    assert "Building api" not in done.out


def test_the_report_is_kept_under_the_image_s_name(clone: Scratch):
    clone.write({".github/workflows/one.yml": call("⚡reusable-docker.yaml", "jobs/api", platform="linux/amd64")})
    clone.commit_all()
    in_front(clone, "docker-push", REPORTS)

    done = act(clone, "push", "one.yml", pushed(clone, "refs/heads/main"))

    assert done.code == 0, done.out + done.err
    assert [path.name for path in artifacts(clone).rglob("*")] == ["docker-push-jobs+api", "docker-push.json"]


@pytest.mark.parametrize("workflow", FORMS)
@pytest.mark.parametrize("wanted", [True, False], ids=["asked for", "not asked for"])
def test_the_cache_service_s_token_is_the_tool_s_alone_and_where_it_is_asked_for(
    clone: Scratch, tmp_path: Path, workflow: str, wanted: bool
):
    clone.write({".github/workflows/one.yml": call(workflow, "worker", gha_cache=wanted)})
    clone.commit_all()
    in_front(clone, "docker-push", SEES.replace("{folder}", str(tmp_path)))

    done = act(clone, "push", "one.yml", pushed(clone, "refs/heads/main"), "--env", "RUNTIME_TOKEN=t0ken-of-the-runner")

    assert done.code == 0, done.out + done.err
    seen = {path.name: path.read_text() for path in tmp_path.glob("saw-*")}
    building = "saw-push" if workflow == FORMS[0] else "saw-stage"
    token = "t0ken-of-the-runner https://results.invalid/" if wanted else ""
    assert {name: text.strip() for name, text in seen.items()} == dict.fromkeys(seen, "") | {building: token}


@pytest.mark.parametrize("workflow", FORMS)
def test_a_fork_s_pull_request_is_not_told_the_cache_service_s_token(clone: Scratch, tmp_path: Path, workflow: str):
    clone.write({".github/workflows/one.yml": call(workflow, "worker", gha_cache=True)})
    clone.commit_all()
    in_front(clone, "docker-push", SEES.replace("{folder}", str(tmp_path)))
    payload = pull_request(clone, clone.commit, origin="stranger/fork")

    done = act(clone, "pull_request", "one.yml", payload, "--env", "RUNTIME_TOKEN=t0ken-of-the-runner")

    assert done.code == 0, done.out + done.err
    seen = {path.name: path.read_text().strip() for path in tmp_path.glob("saw-*")}
    assert seen == dict.fromkeys(seen, "")
    assert seen


def called(workflow: str) -> dict:
    """Return what a reusable workflow takes and gives; its `on` is a boolean of YAML 1.1."""
    return yaml.safe_load((REPOSITORY / ".github/workflows" / workflow).read_text("utf-8"))[True]["workflow_call"]


@pytest.mark.parametrize("workflow", FORMS)
def test_the_workflow_s_inputs_are_the_pattern_s_and_ours_can_be_left_out(workflow: str):
    inputs = called(workflow)["inputs"]

    assert {name: value["required"] for name, value in inputs.items()} == {
        "atomi_platform": True,
        "atomi_service": True,
        "image_name": True,
        "dockerfile": False,
        "context": False,
        "platform": False,
        "version": False,
        "only_changed": False,
        "gha_cache": False,
    }
    assert not [name for name, value in inputs.items() if "default" in value]


def test_both_forms_take_and_give_the_same():
    one, split = (called(workflow) for workflow in FORMS)

    assert one["inputs"] == split["inputs"]
    assert set(one["outputs"]) == set(split["outputs"]) == {"references", "images", "digest"}


@pytest.mark.parametrize("workflow", FORMS)
def test_a_called_workflow_asks_for_no_permission_that_its_caller_might_not_have(workflow: str):
    found = yaml.safe_load((REPOSITORY / ".github/workflows" / workflow).read_text("utf-8"))

    assert "permissions" not in found
    asked = [job["permissions"] for job in found["jobs"].values() if "permissions" in job]
    assert all(permissions == {"contents": "read"} for permissions in asked)


def test_no_job_of_the_plain_form_can_be_skipped_or_cut_off():
    """GitHub skips whatever needs a workflow in which a job was skipped."""
    found = yaml.safe_load((REPOSITORY / ".github/workflows" / FORMS[0]).read_text("utf-8"))

    assert [name for name, job in found["jobs"].items() if "if" in job] == []


@pytest.mark.parametrize("workflow", FORMS)
def test_a_publish_is_never_cancelled_by_the_next_one_and_every_job_ends(workflow: str):
    jobs = yaml.safe_load((REPOSITORY / ".github/workflows" / workflow).read_text("utf-8"))["jobs"]

    assert [job["concurrency"]["cancel-in-progress"] for job in jobs.values() if "concurrency" in job] == [False]
    assert all(job["timeout-minutes"] > 0 for job in jobs.values())


@pytest.mark.parametrize("workflow", FORMS)
def test_what_was_published_stays_green_where_the_report_cannot_be_kept(workflow: str):
    jobs = yaml.safe_load((REPOSITORY / ".github/workflows" / workflow).read_text("utf-8"))["jobs"]
    (kept,) = (step for job in jobs.values() for step in job["steps"] if step.get("name") == "Keep the report")

    assert (kept["continue-on-error"], kept["with"]["if-no-files-found"]) == (True, "ignore")


def test_a_platform_that_fails_leaves_the_others_to_end():
    jobs = yaml.safe_load((REPOSITORY / ".github/workflows" / FORMS[1]).read_text("utf-8"))["jobs"]

    assert jobs["stage"]["strategy"]["fail-fast"] is False


def test_both_forms_tell_the_tool_the_same():
    one, split = (yaml.safe_load((REPOSITORY / ".github/workflows" / name).read_text("utf-8")) for name in FORMS)
    steps = [step for job in split["jobs"].values() for step in job["steps"]]
    names = [
        set(step["env"]) for step in (*one["jobs"]["docker"]["steps"], *steps) if step.get("id") in {"push", "merge"}
    ]

    assert names[0] == names[1] | set(split["env"])


def test_no_script_of_a_workflow_holds_an_expression():
    for path in (REPOSITORY / ".github/workflows").iterdir():
        jobs = yaml.safe_load(path.read_text("utf-8"))["jobs"].values()
        steps = [step for job in jobs for step in job.get("steps", ())]
        scripts = [step.get("run", "") + step.get("with", {}).get("script", "") for step in steps]
        assert [script for script in scripts if "${{" in script] == [], path.name
