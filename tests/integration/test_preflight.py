"""Everything that is wrong is said before anything is built: with the real engine and real registries that refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from registry_process import BasicRegistry, free_port
from scratch import SMALL, Ran, Scratch
from token_registry import PUSHER, READER, TokenRegistry

pytestmark = pytest.mark.engine

ONE = {**SMALL, "build.toml": '[images.api]\nplatforms = ["linux/amd64"]\n'}


@pytest.fixture
def small(scratch: Scratch) -> Scratch:
    scratch.write(ONE)
    scratch.commit_all()
    return scratch


def push(scratch: Scratch, domain: str, *flags: str, account: tuple[str, str] | None = None) -> Ran:
    """Push with every command shown, as an account where one is given."""
    user, password = account or ("", "")
    return scratch.tool("push", "--domain", domain, "--debug", *flags, DOCKER_USER=user, DOCKER_PASSWORD=password)


def nothing_built(done: Ran) -> bool:
    return "buildx bake" not in done.err


def test_an_account_that_only_reads_is_refused_before_anything_is_built(small: Scratch, token_registry: TokenRegistry):
    done = push(small, token_registry.address, account=(READER.username, READER.password))

    assert (done.code, nothing_built(done)) == (4, True), done.err
    assert f"push to {token_registry.address}/{small.repository.lower()}/api" in done.last
    assert small.tags("api") == set()


def test_a_wrong_password_is_refused_before_anything_is_built(small: Scratch, basic_registry: BasicRegistry):
    done = push(small, basic_registry.address, account=(basic_registry.username, "wrong-Pa55word"))

    assert (done.code, nothing_built(done)) == (3, True), done.err
    assert "DOCKER_USER and DOCKER_PASSWORD" in done.last
    assert "wrong-Pa55word" not in done.err + done.out


def test_a_wrong_password_is_tried_once_and_not_for_every_image(scratch: Scratch, token_registry: TokenRegistry):
    scratch.write({**ONE, "build.toml": "\n".join(f"[images.image{number}]" for number in range(8))})
    scratch.commit_all()

    done = push(scratch, token_registry.address, account=(PUSHER.username, "wrong-Pa55word"))

    assert (done.code, nothing_built(done)) == (3, True), done.err
    assert len(token_registry.token_requests()) == 1


def test_a_registry_that_nobody_is_behind_is_said_before_anything_is_built(small: Scratch):
    address = f"127.0.0.1:{free_port()}"

    done = push(small, address)

    assert (done.code, nothing_built(done)) == (6, True), done.err
    assert f"cannot reach {address}" in done.last


def test_what_is_granted_is_pushed(small: Scratch, token_registry: TokenRegistry):
    done = push(small, token_registry.address, account=(PUSHER.username, PUSHER.password))

    assert (done.code, nothing_built(done)) == (0, False), done.err
    assert small.tags("api") >= {"main", "latest"}


def test_asking_for_the_right_to_push_leaves_no_upload_open(
    small: Scratch, registry: str, tmp_path_factory: pytest.TempPathFactory
):
    done = small.tool("doctor", "--domain", registry)
    assert (done.code, f"push to {small.path}/api" in done.out) == (0, True), done.err

    files = (path for path in tmp_path_factory.getbasetemp().rglob("_uploads/*/*") if path.is_file())

    assert [path for path in files if small.repository.lower() in str(path)] == []


def test_a_version_that_is_taken_is_refused_before_anything_is_built(small: Scratch):
    assert push(small, small.registry, "--version", "v1.2.3").code == 0
    before = small.digest("api", "v1.2.3")
    small.write({"data": "two\n"})
    small.commit_all()

    done = push(small, small.registry, "--version", "v1.2.3")

    assert (done.code, nothing_built(done)) == (9, True), done.err
    assert f"{small.path}/api:v1.2.3" in done.last
    assert before in done.last
    assert small.digest("api", "v1.2.3") == before


def test_a_version_of_what_is_staged_already_is_published_again_without_a_build(small: Scratch):
    assert push(small, small.registry, "--version", "v1.2.3").code == 0

    done = push(small, small.registry, "--version", "v1.2.3")

    assert (done.code, nothing_built(done)) == (0, True), done.err


def test_several_findings_come_at_once(scratch: Scratch, token_registry: TokenRegistry):
    toml = ONE["build.toml"] + (
        f'[[registry]]\ndomain = "{token_registry.address}"\nusername-env = "READER"\npassword-env = "READS"\n'
        f'[[registry]]\ndomain = "127.0.0.1:{free_port()}"\n'
        f'[[registry]]\ndomain = "{scratch.registry}"\n'
    )
    scratch.write({**ONE, "build.toml": toml})
    scratch.commit_all()
    scratch.crane("append", "--new_layer", "/dev/null", "--new_tag", f"{scratch.path}/api:v1.2.3")

    done = scratch.tool(
        "push", "--version", "v1.2.3", "--builder", "no-such-builder", "--debug", READER="reader", READS="reads-0nly"
    )

    assert (done.code, nothing_built(done)) == (4, True), done.err
    assert "5 checks failed before anything was built" in done.last  # the reader reads the version that is taken, too
    details = [line for line in done.err.splitlines() if line.startswith("  | ")]
    for words in (
        f"cannot push to {token_registry.address}",
        "cannot reach 127",
        "no builder no-such-builder",
        "v1.2.3",
    ):
        assert [line for line in details if words in line], words
    assert [line for line in details if ". " not in line] == details[-1:]  # the last one says what was not touched


def test_without_credentials_a_run_builds_and_is_green_unless_it_is_a_release(small: Scratch, tmp_path: Path):
    small.environ["DOCKER_CONFIG"] = home_without_logins(tmp_path, small)

    built = push(small, "registry.invalid")
    asked = push(small, "registry.invalid", "--require-push")
    release = push(small, "registry.invalid", "--version", "v1.2.3")

    assert (built.code, nothing_built(built), built.out) == (0, False, ""), built.err
    assert "nothing was pushed: there are no credentials for" in built.err
    for done in (asked, release):
        assert (done.code, nothing_built(done)) == (3, True), done.err
        assert "there are no credentials for registry.invalid" in done.last


def test_the_history_that_latest_needs_is_asked_for_before_anything_is_built(small: Scratch):
    assert push(small, small.registry).code == 0
    small.write({"data": "two\n"})
    small.commit_all()
    shutil.rmtree(small.origin)

    done = push(small, small.registry)

    assert (done.code, nothing_built(done)) == (2, True), done.err
    assert f"{small.path}/api:latest may not move" in done.last
    assert "--allow-older" in done.last


def home_without_logins(folder: Path, scratch: Scratch) -> str:
    """Make a DOCKER_CONFIG without logins that has the plugins of the user's."""
    user = Path(scratch.environ.get("DOCKER_CONFIG") or Path(scratch.environ["HOME"], ".docker"))
    home = folder / "docker-config"
    home.mkdir()
    (home / "config.json").write_text(json.dumps({"auths": {}}))
    if (user / "cli-plugins").exists():
        (home / "cli-plugins").symlink_to(user / "cli-plugins")
    return str(home)
