"""The builder that build.toml describes, with the real buildx: made, adopted, refused, removed, and used by a push."""

from __future__ import annotations

import json
import shlex
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote_builder import buildkit_socket
from scratch import SMALL, Ran, Scratch, platforms

pytestmark = pytest.mark.engine

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u, namespace: elsewhere}}]
current-context: x
"""


@pytest.fixture
def endpoint(scratch: Scratch) -> Iterator[str]:
    with buildkit_socket(dict(scratch.environ)) as address:
        yield address


@pytest.fixture
def described(scratch: Scratch, endpoint: str, tmp_path: Path) -> Scratch:
    """Give a repository whose builder is the engine's BuildKit as a remote one; the user has another, and has selected it."""
    scratch.environ["BUILDX_CONFIG"] = str(tmp_path / "buildx")
    write(scratch, node(endpoint))
    buildx(scratch, "create", "--name", "theirs", "--driver", "remote", "--use", "tcp://127.0.0.1:9")
    return scratch


def node(endpoint: str, more: str = "") -> str:
    return f'[builder]\nname = "ci"\ndriver = "remote"\n[[builder.nodes]]\nendpoint = "{endpoint}"\n{more}'


def write(scratch: Scratch, builder: str) -> None:
    scratch.write({**SMALL, "build.toml": f"[images.api]\n{builder}"})
    scratch.commit_all()


def buildx(scratch: Scratch, *argv: str) -> str:
    done = scratch.run("docker", "buildx", *argv)
    assert done.code == 0, done.err
    return done.out


def builders(scratch: Scratch) -> dict[str, dict]:
    """Return the builders that buildx knows, by name, as buildx itself says."""
    lines = buildx(scratch, "ls", "--format", "{{json .}}").splitlines()
    return {entry["Name"]: entry for entry in map(json.loads, lines) if entry["Driver"] != "docker"}


def pushed(scratch: Scratch, *flags: str, **environ: str) -> Ran:
    return scratch.tool("push", "--domain", scratch.registry, *flags, **environ)


def test_up_makes_it_twice_is_once_and_down_takes_it_away(described: Scratch):
    first, second = described.tool("builder", "up"), described.tool("builder", "up")

    assert (first.code, second.code, first.out, second.out) == (0, 0, "ci\n", "ci\n"), first.err + second.err
    assert "Made builder ci (driver remote: unix://" in first.err
    assert "is there already, and is what build.toml describes" in second.err
    assert builders(described).keys() == {"ci", "theirs"}
    assert builders(described)["theirs"]["Current"] is True

    assert described.tool("builder", "down").code == 0
    assert builders(described).keys() == {"theirs"}
    assert "There is no builder ci" in described.tool("builder", "down").err


def test_status_says_what_each_node_is_and_seven_before_there_is_one(described: Scratch, endpoint: str):
    before = described.tool("builder", "status")
    described.tool("builder", "up")
    after = described.tool("builder", "status", "--json")

    assert before.code == 7
    assert "builder ci is not there. Run `docker-push builder up`" in before.last
    assert after.code == 0, after.err
    found = json.loads(after.out)
    assert (found["name"], found["driver"], found["able"], found["error"]) == ("ci", "remote", True, None)
    assert [(one["endpoint"], one["status"]) for one in found["nodes"]] == [(endpoint, "running")]
    assert {"linux/amd64", "linux/arm64"} <= set(found["nodes"][0]["platforms"])


def test_a_dry_run_says_what_it_would_do_and_does_nothing(described: Scratch):
    up = described.tool("builder", "up", "--dry-run")
    plan, push = described.tool("plan", "--domain", described.registry), pushed(described, "--dry-run")

    assert "would run: docker buildx create --name ci --driver remote" in up.err
    for said in (plan.out, push.err):
        assert "builder ci is not there yet: the first run that builds makes it (driver remote: unix://" in said
    assert builders(described).keys() == {"theirs"}

    described.tool("builder", "up")
    assert described.tool("builder", "down", "--dry-run").code == 0
    assert builders(described).keys() == {"ci", "theirs"}


def test_a_push_makes_it_at_the_first_try_and_builds_with_it(described: Scratch):
    done = pushed(described, "--debug")

    assert done.code == 0, done.err
    assert len([line for line in done.err.splitlines() if line.startswith("Made builder ci (")]) == 1
    assert "--builder ci" in done.err
    assert platforms(described.manifest("api", "main")) == {"linux/amd64", "linux/arm64"}
    assert builders(described)["theirs"]["Current"] is True

    described.write({"data": "two\n"})
    described.commit_all()
    again = pushed(described)
    assert again.code == 0, again.err
    assert "Made builder" not in again.err


def test_a_build_into_the_local_engine_uses_it_too(described: Scratch):
    done = described.tool("build", "--platform", "linux/amd64", "--debug")

    assert done.code == 0, done.err
    assert "--builder ci" in done.err


def test_nothing_is_made_for_a_push_that_has_nothing_to_build(described: Scratch):
    assert pushed(described).code == 0
    described.tool("builder", "down")

    again = pushed(described)

    assert again.code == 0, again.err
    assert builders(described).keys() == {"theirs"}


def test_a_flag_and_a_variable_win_over_what_is_described(described: Scratch):
    by_flag, by_variable = pushed(described, "--builder", "default", "--debug"), None
    described.write({"data": "two\n"})
    described.commit_all()
    by_variable = pushed(described, "--debug", BUILDX_BUILDER="default")

    for done in (by_flag, by_variable):
        assert done.code == 0, done.err
        assert "--builder default" in done.err
    assert builders(described).keys() == {"theirs"}


def test_a_builder_that_has_the_name_and_is_another_is_refused_before_anything_is_built(described: Scratch):
    buildx(described, "create", "--name", "ci", "--driver", "remote", "tcp://127.0.0.1:19")

    for done in (described.tool("builder", "up"), pushed(described), described.tool("builder", "status")):
        assert done.code == 7, done.err
        assert (
            "builder ci is there and is another: node ci0: its endpoint is tcp://127.0.0.1:19, described is"
            in done.last
        )
        assert "docker.builder down" in done.last
    assert builders(described)["ci"]["Nodes"][0]["Endpoint"] == "tcp://127.0.0.1:19"


def test_one_that_was_made_by_hand_and_is_the_same_is_adopted(described: Scratch, endpoint: str):
    buildx(described, "create", "--name", "ci", "--driver", "remote", endpoint)

    done = described.tool("builder", "up")

    assert (done.code, done.out) == (0, "ci\n"), done.err
    assert [one["Name"] for one in builders(described)["ci"]["Nodes"]] == ["ci0"]


def test_a_second_node_that_cannot_be_made_leaves_no_half_a_builder(described: Scratch, endpoint: str):
    more = '[[builder.nodes]]\nendpoint = "unix:///no/such/socket"\noptions = { no-such-option = 1 }\n'
    write(described, node(endpoint, more))

    done = described.tool("builder", "up")

    assert done.code == 7
    assert "builder ci cannot be made: node 2 (unix:///no/such/socket): " in done.last
    assert "no-such-option" in done.last
    assert builders(described).keys() == {"theirs"}


def test_a_second_node_that_does_not_answer_is_named_and_nothing_is_left(described: Scratch, endpoint: str):
    write(described, node(endpoint, '[[builder.nodes]]\nendpoint = "tcp://127.0.0.1:9"\n'))

    done = described.tool("builder", "up")

    assert done.code == 7
    assert (
        "builder ci: tcp://127.0.0.1:9 does not answer: dial tcp 127.0.0.1:9: connect: connection refused" in done.last
    )
    assert builders(described).keys() == {"theirs"}


def test_two_that_make_the_same_builder_at_once_have_one(described: Scratch):
    done: list[Ran] = []
    threads = [threading.Thread(target=lambda: done.append(described.tool("builder", "up"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [(one.code, one.out) for one in done] == [(0, "ci\n")] * 3, [one.err for one in done]
    assert len(builders(described)["ci"]["Nodes"]) == 1


def test_a_key_that_is_not_there_is_one_error_with_its_line_and_nothing_of_a_key_is_shown(described: Scratch):
    (described.root / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nmaterial-of-the-authority\n")
    write(
        described,
        node("tcp://127.0.0.1:9", 'ca = "ca.pem"\ncert = "~/no-such-cert.pem"\nkey = "/no/such/key.pem"\n'),
    )

    for done in (described.tool("builder", "up"), pushed(described)):
        assert done.code == 2, done.err
        assert "build.toml:8 [[builder.nodes]] 1 cert: " in done.err
        assert "build.toml:9 [[builder.nodes]] 1 key: /no/such/key.pem does not exist." in done.err
        assert "material" not in done.err
    assert builders(described).keys() == {"theirs"}


def test_a_fork_s_pull_request_gets_no_builder_of_its_own(described: Scratch, tmp_path: Path):
    event = tmp_path / "event.json"
    head = {"sha": described.commit, "ref": "patch", "repo": {"full_name": "stranger/fork"}}
    base = {"repo": {"full_name": described.repository}}
    event.write_text(json.dumps({"number": 12, "pull_request": {"number": 12, "head": head, "base": base}}))
    fork = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": described.repository,
    }
    buildx(described, "use", "default")
    write(described, node("tcp://127.0.0.1:9", 'ca = "/no/such/ca.pem"\n'))

    done = pushed(described, "--debug", **fork)
    tasks = [described.tool("builder", action, **fork) for action in ("up", "down", "status")]

    assert done.code == 0, done.err
    assert done.err.count("[builder] of build.toml is not used: a pull request from a fork") == 1
    assert "--builder" not in done.err
    assert "ca.pem" not in done.err
    for task in tasks:
        assert (task.code, task.out) == (0, ""), task.err
        assert "[builder] of build.toml is not used" in task.err
    assert builders(described).keys() == {"theirs"}


def test_without_a_description_the_task_says_what_to_write(scratch: Scratch):
    scratch.write(SMALL)
    scratch.commit_all()

    done = scratch.tool("builder", "up")

    assert done.code == 2
    assert 'build.toml describes no builder. Add [builder] with driver = "docker-container"' in done.last


def test_the_commands_for_a_cluster_are_ones_that_buildx_takes(described: Scratch, tmp_path: Path):
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    described.environ["KUBECONFIG"] = str(tmp_path / "kubeconfig")
    options = 'options = { namespace = "builds", replicas = 2, nodeselector = "arch=arm64,pool=ci", rootless = true }\n'
    described.write({"buildkitd.toml": "debug = true\n"})
    write(
        described,
        f'[builder]\nname = "pods"\ndriver = "kubernetes"\n[[builder.nodes]]\nplatforms = ["linux/arm64"]\n{options}'
        'config = "buildkitd.toml"\nflags = ["--debug"]\n[[builder.nodes]]\nplatforms = ["linux/amd64"]\n',
    )
    said = described.tool("builder", "up", "--dry-run").err.splitlines()
    commands = [shlex.split(line.removeprefix("would run: ")) for line in said if line.startswith("would run: ")]

    for command in commands:
        subprocess.run(command, env=described.environ, cwd=described.root, check=True, capture_output=True)

    made = builders(described)["pods"]
    assert made["Driver"] == "kubernetes"
    assert [one["Platforms"] for one in made["Nodes"]] == [["linux/arm64"], ["linux/amd64"]]
    assert made["Nodes"][0]["DriverOpts"] == {
        "namespace": "builds",
        "replicas": "2",
        "nodeselector": "arch=arm64,pool=ci",
        "rootless": "true",
    }
    assert "--debug" in made["Nodes"][0]["Flags"]
    adopted = described.tool("builder", "up", "--dry-run")
    assert "Dry run: builder pods is there already, and is what build.toml describes." in adopted.err


def test_a_cluster_that_does_not_answer_leaves_nothing_behind(described: Scratch, tmp_path: Path):
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    described.environ["KUBECONFIG"] = str(tmp_path / "kubeconfig")
    write(described, '[builder]\nname = "pods"\ndriver = "kubernetes"\n')

    done = described.tool("builder", "up")

    assert done.code == 7, done.err
    assert "builder pods cannot be used: " in done.last
    assert builders(described).keys() == {"theirs"}
