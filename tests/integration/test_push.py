"""The pipeline with the real engine and the real registry, read back with tools that are not ours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from process_list import processes
from scratch import SMALL, Scratch, platforms

pytestmark = pytest.mark.engine

TWO = {
    "api/Dockerfile": "FROM busybox:1.37\nCOPY data /data\n",
    "api/data": "api\n",
    "worker/Dockerfile": "FROM busybox:1.37\nRUN echo worker > /data\n",
    "build.toml": (
        '[images.api]\ndockerfile = "api/Dockerfile"\ncontext = "api"\n'
        '[images.worker]\ndockerfile = "worker/Dockerfile"\ncontext = "worker"\nplatforms = ["linux/amd64"]\n'
    ),
}


@pytest.fixture
def small(scratch: Scratch) -> Scratch:
    scratch.write(SMALL)
    scratch.commit_all()
    return scratch


def push(scratch: Scratch, *flags: str, **environ: str):
    return scratch.tool("push", "--domain", scratch.registry, *flags, **environ)


def test_push_on_a_laptop_puts_commit_branch_and_latest(small: Scratch):
    done = push(small, "--image", "api")

    assert done.code == 0, done.err
    assert small.tags("api") == {f"{small.commit}-main", "main", "latest"}
    assert done.out == f"{small.path}/api:{small.commit}-main@{small.digest('api', 'latest')}\n"
    assert platforms(small.manifest("api", "latest")) == {"linux/amd64", "linux/arm64"}


def test_every_platform_is_really_built_for_it(small: Scratch):
    push(small)

    for platform, machine in (("linux/amd64", "x86_64"), ("linux/arm64", "aarch64")):
        done = small.run(
            "sh", "-c", 'crane export --platform "$1" "$2" - | tar -xO machine', "-", platform, f"{small.path}/api:main"
        )
        assert done.out.strip() == machine


def test_skopeo_reads_the_same_bytes(small: Scratch):
    push(small)

    raw = small.run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{small.path}/api:main")

    assert json.loads(raw.out) == small.manifest("api", "main")


def test_labels_and_annotations_are_on_the_images_and_on_the_index(small: Scratch):
    small.write({"build.toml": '[images.api]\nlabels = { mine = "a,b ${x}" }\nannotations = { note = "c=d" }\n'})
    small.commit_all()
    push(small)

    wanted = {
        "org.opencontainers.image.title": "api",
        "org.opencontainers.image.revision": small.commit,
        "org.opencontainers.image.source": f"https://github.com/{small.repository}",
        "mine": "a,b ${x}",
    }
    index = small.manifest("api", "main")
    image = json.loads(small.crane("manifest", "--platform", "linux/arm64", f"{small.path}/api:main"))
    created = small.git("log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ")
    for found in (index["annotations"], image["annotations"], small.config("api", "main")["config"]["Labels"]):
        assert wanted.items() <= found.items()
        assert found["org.opencontainers.image.created"][:10] == created[:10]
    assert index["annotations"]["note"] == image["annotations"]["note"] == "c=d"


@pytest.mark.parametrize(
    "value", ["-O2", "a,b", "${x}", "%{x}", "$(touch /canary)", "'\"\\", "  spaced  ", "äöü", "$${x}"]
)
def test_an_argument_arrives_as_it_was_written(small: Scratch, value: str):
    small.write(
        {
            "Dockerfile": "FROM busybox:1.37\nARG VALUE\nRUN printf '%s' \"$VALUE\" > /value\n",
            "build.toml": f'[images.api]\nplatforms = ["linux/amd64"]\nargs = {{ VALUE = {json.dumps(value)} }}\n',
        }
    )
    small.commit_all()
    assert push(small).code == 0

    done = small.run("sh", "-c", 'crane export "$1" - | tar -xO value', "-", f"{small.path}/api:main")

    assert done.out == value


def test_one_broken_image_of_two_moves_no_tag_of_either(scratch: Scratch):
    scratch.write({**TWO, "worker/Dockerfile": "FROM busybox:1.37\nRUN echo the-reason && exit 3\n"})
    scratch.commit_all()

    done = push(scratch)

    assert done.code == 7
    assert "image worker" in done.last
    assert "| the-reason" in done.err
    assert not {"main", "latest"} & (scratch.tags("api") | scratch.tags("worker"))


def test_the_same_command_heals_after_the_broken_image_is_mended(scratch: Scratch):
    scratch.write({**TWO, "worker/Dockerfile": "FROM busybox:1.37\nRUN exit 3\n"})
    scratch.commit_all()
    assert push(scratch).code == 7
    scratch.write(TWO)
    scratch.commit_all()

    assert push(scratch).code == 0
    assert {"main", "latest"} <= scratch.tags("api") & scratch.tags("worker")


def test_images_that_need_each_other_are_built_in_one_run(scratch: Scratch):
    scratch.write(
        {
            "Dockerfile.base": "FROM busybox:1.37\nRUN echo from-base > /base\n",
            "Dockerfile": "FROM base\nRUN cat /base > /copy\n",
            "build.toml": '[images.api]\ncontexts = { base = "target:base" }\n[images.base]\ndockerfile = "Dockerfile.base"\n',
        }
    )
    scratch.commit_all()

    done = push(scratch, "--image", "api")

    assert done.code == 0, done.err
    assert scratch.tags("base") == set()
    copied = scratch.run(
        "sh", "-c", 'crane export --platform linux/arm64 "$1" - | tar -xO copy', "-", f"{scratch.path}/api:main"
    )
    assert copied.out == "from-base\n"


def test_an_adopted_image_serves_those_that_are_built_on_it(scratch: Scratch):
    scratch.write(
        {
            "Dockerfile.base": "FROM busybox:1.37\nRUN echo from-base > /base\n",
            "Dockerfile": "FROM base\nRUN cat /base > /copy\n",
            "build.toml": '[images.api]\ncontexts = { base = "target:base" }\n[images.base]\ndockerfile = "Dockerfile.base"\n',
        }
    )
    scratch.commit_all()
    assert push(scratch, "--image", "base").code == 0
    before = scratch.digest("base", "main")

    done = push(scratch)

    assert done.code == 0, done.err
    assert "base: adopt" in done.err
    assert scratch.digest("base", "main") == before
    assert scratch.tags("api") >= {"main", "latest"}


def test_a_secret_of_the_build_is_used_and_left_nowhere(small: Scratch):
    small.write(
        {
            "Dockerfile": "FROM busybox:1.37\nRUN --mount=type=secret,id=npm wc -c < /run/secrets/npm > /count\n",
            "build.toml": '[images.api]\nplatforms = ["linux/amd64"]\nsecret = [{ id = "npm", env = "NPM_TOKEN" }]\n',
        }
    )
    small.commit_all()

    done = push(small, NPM_TOKEN="s3cret-of-the-build")

    assert done.code == 0, done.err
    count = small.run("sh", "-c", 'crane export "$1" - | tar -xO count', "-", f"{small.path}/api:main")
    assert count.out.strip() == str(len("s3cret-of-the-build"))
    everything = (
        done.out + done.err + json.dumps(small.manifest("api", "main")) + json.dumps(small.config("api", "main"))
    )
    assert "s3cret-of-the-build" not in everything


def test_stage_moves_nothing_and_publish_moves_what_was_staged(small: Scratch):
    staged = small.tool("stage", "--domain", small.registry)
    assert staged.code == 0, staged.err
    assert small.tags("api") == {f"{small.commit}-main"}

    published = small.tool("publish", "--domain", small.registry)

    assert published.code == 0, published.err
    assert published.out == staged.out
    assert small.tags("api") == {f"{small.commit}-main", "main", "latest"}
    assert "Building" not in published.err


def test_publish_without_stage_says_what_to_run(small: Scratch):
    done = small.tool("publish", "--domain", small.registry)

    assert done.code == 8
    assert "docker.stage" in done.last


def test_a_dry_run_does_nothing(small: Scratch):
    done = push(small, "--dry-run")

    assert (done.code, done.out) == (0, "")
    assert f"{small.commit}-main" in done.err
    assert small.tags("api") == set()


def test_a_dirty_tree_stages_and_moves_nothing(small: Scratch):
    small.write({"data": "changed\n"})

    done = push(small)

    assert done.code == 0, done.err
    assert small.tags("api") == {f"{small.commit}-main-dirty"}
    assert "--allow-dirty" in done.err


def test_allow_dirty_moves_them(small: Scratch):
    small.write({"data": "changed\n"})

    assert push(small, "--allow-dirty").code == 0
    assert small.tags("api") == {f"{small.commit}-main-dirty", "main", "latest"}


def test_rebuild_replaces_what_is_staged(small: Scratch):
    push(small)

    done = push(small, "--rebuild")

    assert done.code == 0, done.err
    assert "api: build (--rebuild" in done.err


def test_several_registries_get_the_same_bytes(small: Scratch, second_registry: str):
    small.write(
        {
            "build.toml": f'[[registry]]\ndomain = "{small.registry}"\n[[registry]]\ndomain = "{second_registry}"\n'
            'path = "{owner}/{repo}-{image}"\n[images.api]\n'
        }
    )
    small.commit_all()

    done = small.tool("push")

    assert done.code == 0, done.err
    owner, _, name = small.repository.lower().partition("/")
    other = small.crane("digest", f"{second_registry}/{owner}/{name}-api:latest").strip()
    assert other == small.digest("api", "latest")
    assert len(done.out.splitlines()) == 2


def test_a_report_tells_what_became_of_every_tag(small: Scratch):
    push(small, "--report", "first.json")
    small.write({"data": "two\n", ".gitignore": "*.json\n"})
    small.commit_all()
    before = small.digest("api", "main")

    push(small, "--report", "second.json")

    (image,) = json.loads((small.root / "second.json").read_text())["images"]
    assert image["digest"] == small.digest("api", "main")
    assert {tag["tag"]: (tag["state"], tag["before"]) for tag in image["tags"]} == {
        f"{small.commit}-main": ("created", None),
        "main": ("moved", before),
        "latest": ("moved", before),
    }
    assert set(image["manifests"]) == {"linux/amd64", "linux/arm64"}
    assert all(entry["size"] > 100_000 for entry in image["manifests"].values())


def test_the_plan_as_bake_is_what_bake_understands(small: Scratch):
    small.write({"build.toml": '[images.api]\nargs = { A = "${x} %{y} ,", B = "-O2" }\nlabels = { l = "${z}" }\n'})
    small.commit_all()
    printed = small.tool("plan", "--offline", "--format", "bake", "--domain", small.registry)
    assert printed.code == 0, printed.err

    done = subprocess.run(
        ["docker", "buildx", "bake", "--file", "-", "--print"],
        input=printed.out,
        capture_output=True,
        text=True,
        cwd=small.root,
        env=small.environ,
        check=True,
    )

    target = json.loads(done.stdout)["target"]["api"]
    # bake prints what can be fed to it again: with its templates escaped
    assert target["args"] == {"A": "$${x} %%{y} ,", "B": "-O2"}
    assert target["labels"]["l"] == "$${z}"
    assert target["platforms"] == ["linux/arm64", "linux/amd64"]
    assert target["tags"] == [f"{small.path}/api:{small.commit}-main"]


def test_build_and_tag_stay_in_the_local_engine(small: Scratch):
    built = small.tool("build", "--domain", small.registry)
    assert built.code == 0, built.err
    tagged = small.tool("tag", "--domain", small.registry)
    assert tagged.code == 0, tagged.err

    names = [*built.out.split(), *tagged.out.split()]
    assert names == [f"{small.path}/api:{tag}" for tag in (f"{small.commit}-main", "main", "latest")]
    for name in names:
        assert small.run("docker", "image", "inspect", name).code == 0
    assert small.tags("api") == set()
    small.run("docker", "image", "rm", "--force", *names)


def test_a_second_run_reads_the_cache_of_the_first(small: Scratch):
    push(small)
    small.run("docker", "buildx", "prune", "--force", "--all")
    small.git("commit", "--quiet", "--allow-empty", "--message", "nothing changed")

    done = push(small)

    assert done.code == 0, done.err
    runs = [line for line in done.err.splitlines() if "RUN echo" in line]
    assert runs
    assert all(line.endswith("cached") for line in runs)


def test_a_cache_that_cannot_be_written_fails_no_build(small: Scratch):
    small.write(
        {
            "build.toml": '[images.api]\ncache-to = ["type=registry,ref=127.0.0.1:1/nobody/there:x,mode=max,ignore-error=true"]\n'
        }
    )
    small.commit_all()

    assert push(small).code == 0


def test_images_can_be_chosen_by_group_and_named_twice(scratch: Scratch):
    scratch.write({**TWO, "build.toml": f'{TWO["build.toml"]}\n[groups]\nall = ["api", "worker"]\n'})
    scratch.commit_all()

    done = push(scratch, "--image", "all", "--image", "api")

    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 2


def test_invoke_runs_the_same_tasks_with_flags_in_any_order(small: Scratch):
    small.write({"tasks.py": "from docker_push.tasks import namespace\n"})
    small.commit_all()

    done = small.run(
        "invoke", "docker.login", "--dry-run", "docker.push", "--domain", small.registry, "--dry-run", "--image", "api"
    )

    assert done.code == 0, done.err
    assert "Dry run" in done.err


def test_a_pull_request_from_a_fork_is_built_and_not_pushed(small: Scratch, tmp_path: Path):
    event = tmp_path / "event.json"
    head = {"sha": small.commit, "ref": "patch", "repo": {"full_name": "stranger/my-service"}}
    base = {"repo": {"full_name": small.repository}}
    event.write_text(json.dumps({"number": 12, "pull_request": {"number": 12, "head": head, "base": base}}))

    done = push(
        small,
        GITHUB_ACTIONS="true",
        GITHUB_EVENT_NAME="pull_request",
        GITHUB_EVENT_PATH=str(event),
        GITHUB_SHA=small.commit,
        GITHUB_REPOSITORY=small.repository,
        GITHUB_REF="refs/pull/12/merge",
        GITHUB_HEAD_REF="patch",
    )

    assert (done.code, done.out) == (0, ""), done.err
    assert small.tags("api") == set()
    assert "fork" in done.err


def test_two_runs_of_one_commit_at_once_agree_on_every_tag(small: Scratch):
    runs = [threading.Thread(target=push, args=(small,)) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()

    assert push(small).code == 0
    assert len({small.digest("api", tag) for tag in small.tags("api")}) == 1


def test_a_terminated_run_ends_soon_and_leaves_no_orphan(small: Scratch):
    small.write({"Dockerfile": "FROM busybox:1.37\nRUN sleep 4567\n"})
    small.commit_all()
    child = subprocess.Popen(
        ["docker-push", "push", "--domain", small.registry],
        cwd=small.root,
        env=small.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    for line in child.stderr:
        if "Building" in line:
            break
    time.sleep(1)
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=30)

    assert child.returncode == 143
    assert "goes on where this one stopped" in err
    assert child.pid not in [process.parent for process in processes()]
    assert small.tags("api") == set()


@pytest.mark.parametrize(
    ("argv", "environ", "code", "words"),
    [
        (["--image", ""], {}, 2, "image"),
        (["--image", "apo"], {}, 2, "api"),
        (["--platform", "linux"], {}, 2, "platform"),
        (["--version", "1.2"], {}, 2, "version"),
        ([], {"DOMAIN": "https://x"}, 2, "registry"),
        (["--builder", "nobody"], {}, 7, "builder"),
        (["--platform", "linux/s390x"], {}, 7, "linux/s390x"),
        ([], {"DOCKER_HOST": "unix:///nowhere.sock"}, 7, "engine"),
    ],
)
def test_wrong_input_gets_one_line_an_exit_code_and_no_traceback(small: Scratch, argv, environ, code, words):
    done = small.tool("push", *argv, **{"DOMAIN": small.registry, **environ})

    assert (done.code, done.out) == (code, ""), done.err
    assert words in done.err
    assert done.last.startswith("docker-push: ")
    assert "Traceback" not in done.err


def test_a_registry_that_is_not_there_is_named(small: Scratch):
    done = small.tool("push", "--domain", "127.0.0.1:1")

    assert done.code == 6
    assert "127.0.0.1:1" in done.last


def test_without_docker_the_next_step_is_to_install_it(small: Scratch):
    git = Path(small.run("sh", "-c", "command -v git").out.strip())
    tools = small.root.parent / "tools"
    tools.mkdir()
    (tools / "git").symlink_to(git)

    done = small.run(
        str(Path(os.sys.executable).parent / "docker-push"), "push", "--domain", small.registry, PATH=str(tools)
    )

    assert done.code == 7
    assert "Install Docker" in done.last
