"""Secrets that everybody could read: refused before a build, and found in the bytes of a real one."""

from __future__ import annotations

import json
import re

import pytest

from scratch import Ran, Scratch

pytestmark = pytest.mark.engine

SECRET = "s3cret-of-the-build"
BUILD = 'platforms = ["linux/amd64"]\nsecret = [{ id = "npm", env = "NPM_TOKEN" }]\n'
INDEX = "attest = []\n"


def push(scratch: Scratch, dockerfile: str, toml: str = BUILD, *flags: str, **environ: str) -> Ran:
    scratch.write({"Dockerfile": f"FROM busybox:1.37\n{dockerfile}\n", "build.toml": f"[images.api]\n{toml}"})
    scratch.commit_all()
    return scratch.tool("push", "--domain", scratch.registry, *flags, **{"NPM_TOKEN": SECRET, **environ})


@pytest.mark.parametrize("task", ["plan", "push", "stage", "build"])
def test_a_secret_argument_is_refused_by_every_task_with_its_line(scratch: Scratch, task: str):
    scratch.write(
        {"Dockerfile": "FROM scratch\n", "build.toml": '[images.api]\n\nargs = { API_TOKEN = "the-value" }\n'}
    )
    scratch.commit_all()

    done = scratch.tool(task, "--domain", scratch.registry)

    assert done.code == 2
    assert "build.toml:3 [images.api] args.API_TOKEN: the name is that of a secret" in done.err
    assert "--mount=type=secret,id=api_token" in done.err
    assert "the-value" not in done.out + done.err
    assert scratch.tags("api") == set()


def test_an_argument_of_defaults_is_found_there(scratch: Scratch):
    scratch.write({"Dockerfile": "FROM scratch\n", "build.toml": '[images.api]\n[defaults.args]\nTOKEN = "v"\n'})
    scratch.commit_all()

    done = scratch.tool("plan", "--offline", "--domain", scratch.registry)

    assert "build.toml:3 [defaults] args.TOKEN" in done.err


def test_who_insists_that_an_argument_is_no_secret_gets_the_image(scratch: Scratch):
    toml = 'platforms = ["linux/amd64"]\nargs = { API_TOKEN = "public" }\n'
    dockerfile = 'ARG API_TOKEN\nRUN printf %s "$API_TOKEN" > /value'

    done = push(scratch, dockerfile, toml, "--allow-secret-arg", "API_TOKEN")

    assert done.code == 0, done.err
    assert {"main", "latest"} <= scratch.tags("api")


def test_a_value_that_is_the_password_of_the_run_is_refused_in_any_case(scratch: Scratch):
    done = push(
        scratch,
        "RUN true",
        f'args = {{ GREETING = "{SECRET}" }}\n',
        "--allow-secret-arg",
        "GREETING",
        DOCKER_USER="me",
        DOCKER_PASSWORD=SECRET,
    )

    assert done.code == 2
    assert "args.GREETING: the value holds a secret of this run" in done.err
    assert SECRET not in done.out + done.err


@pytest.mark.parametrize(
    ("dockerfile", "place"),
    [
        (f"ENV NPM_TOKEN={SECRET}", r"linux/amd64: Env NPM_TOKEN"),
        (f"LABEL note='a {SECRET}'", r"linux/amd64: Label note"),
        (f"RUN : {SECRET}", r"linux/amd64: history entry \d+"),
        (f'CMD ["{SECRET}"]', r"linux/amd64: config\.Cmd\[0\]"),
    ],
)
@pytest.mark.parametrize("index", ["", INDEX])
def test_a_secret_in_the_configuration_is_found_before_any_tag_moves(
    scratch: Scratch, dockerfile: str, place: str, index: str
):
    done = push(scratch, dockerfile, BUILD + index)

    assert done.code == 8
    assert re.search(place if not index else place.replace("linux/amd64", "the image"), done.err), done.err
    assert "image api: a secret of this run can be read" in done.last
    assert f"delete {scratch.path}/api:{scratch.commit}-main" in done.last
    assert SECRET not in done.out + done.err
    assert scratch.tags("api") == {f"{scratch.commit}-main"}


def test_every_platform_is_looked_at(scratch: Scratch):
    lines = f"ARG TARGETARCH\nFROM busybox:1.37 AS amd64\nFROM busybox:1.37 AS arm64\nENV T={SECRET}\nFROM $TARGETARCH"

    done = push(scratch, lines, BUILD.replace('["linux/amd64"]', '["linux/amd64", "linux/arm64"]'))

    assert done.code == 8
    assert "linux/arm64: Env T" in done.err
    assert "linux/amd64: Env" not in done.err


def test_a_comment_of_the_dockerfile_is_found_in_a_full_provenance_alone(scratch: Scratch):
    assert push(scratch, f"# {SECRET}", BUILD).code == 0

    done = push(scratch, f"# {SECRET}", f'{BUILD}attest = ["type=provenance,mode=max"]\n')

    assert done.code == 8
    assert "provenance of linux/amd64: " in done.err
    assert SECRET not in done.out + done.err


def test_a_provenance_lists_arguments_unless_its_mode_is_min(scratch: Scratch):
    """The rule that refuses an insisted argument rests on what BuildKit does where no mode is given."""
    listed = {}
    for mode in (",mode=max", "", ",mode=min"):
        toml = f'platforms = ["linux/amd64"]\nargs = {{ CANARY = "c4nary" }}\nattest = ["type=provenance{mode}"]\n'
        assert push(scratch, "ARG CANARY\nRUN true", toml).code == 0
        listed[mode] = "c4nary" in json.dumps(provenance(scratch))

    assert listed == {",mode=max": True, "": True, ",mode=min": False}


def test_what_a_run_did_not_know_is_found_when_it_is_published(scratch: Scratch):
    scratch.write({"Dockerfile": f"FROM busybox:1.37\nENV A={SECRET}\n", "build.toml": f"[images.api]\n{BUILD}"})
    scratch.commit_all()
    assert scratch.tool("stage", "--domain", scratch.registry, NPM_TOKEN="another-value").code == 0

    done = scratch.tool("publish", "--domain", scratch.registry, NPM_TOKEN=SECRET)

    assert done.code == 8
    assert "linux/amd64: Env A" in done.err
    assert scratch.tags("api") == {f"{scratch.commit}-main"}


def provenance(scratch: Scratch) -> dict:
    """Return the in-toto statement of a one-platform image, as crane reads it."""
    index = scratch.manifest("api", "main")
    attestation = next(entry for entry in index["manifests"] if entry["platform"]["os"] == "unknown")
    manifest = json.loads(scratch.crane("manifest", f"{scratch.path}/api@{attestation['digest']}"))
    return json.loads(scratch.crane("blob", f"{scratch.path}/api@{manifest['layers'][0]['digest']}"))
