"""R16-R18: no login, credential helpers that fail in every way, and many runs at once."""

from __future__ import annotations

import json
import os
import shlex
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from addresses import own_address
from fault_proxy import fault_proxy
from proxied_scratch import ProxiedScratch, build_toml, proxied
from scratch import Ran

pytestmark = pytest.mark.engine

ANONYMOUS = {"DOCKER_USER": "", "DOCKER_PASSWORD": ""}


@pytest.fixture
def distant(token_case: ProxiedScratch, registry: str) -> Iterator[ProxiedScratch]:
    """Give the same where the registry is not on this machine, as its address tells."""
    with fault_proxy(registry, host=own_address()) as proxy:
        images = f'[registry]\ndomain = "{proxy.address}"\ninsecure = true\n[images.api]\n'
        token_case.write({"build.toml": build_toml(images=images)})
        token_case.commit_all()
        near, token_case.proxy = token_case.proxy, proxy
        token_case.environ["DOMAIN"] = proxy.address
        yield token_case
        token_case.proxy = near


def test_r16_without_credentials_it_is_told_and_only_built(distant: ProxiedScratch):
    done = distant.push(**ANONYMOUS)

    assert (done.code, done.out) == (0, ""), done.err
    assert "Building" in done.err
    assert "no credentials" in done.err
    assert "nothing was pushed" in done.err
    assert distant.state() == {}
    assert distant.proxy.requests("POST|PUT|PATCH") == []


@pytest.mark.parametrize("flags", [("--require-push",), ("--version", "v1.2.3")])
def test_r16_a_run_that_must_push_ends_before_anything_is_built(distant: ProxiedScratch, flags: tuple[str, ...]):
    done = distant.push(*flags, **ANONYMOUS)

    distant.assert_fails(done, 3, "no credentials", "DOCKER_USER|docker login")
    assert "Building" not in done.err
    assert distant.state() == {}
    assert distant.proxy.requests("POST|PUT|PATCH") == []


def test_r16_a_registry_of_this_machine_is_asked_whether_it_wants_any(token_case: ProxiedScratch):
    done = token_case.push(**ANONYMOUS)

    token_case.assert_fails(done, 3, "401", "DOCKER_USER|docker login")
    assert "Building" not in done.err
    assert token_case.state() == {}
    token_case.assert_heals(built=True)


class Helper:
    """A credential helper ``docker-credential-fake`` of docker's config, for the registry of a case."""

    def __init__(self, case: ProxiedScratch, folder: Path) -> None:
        self._case = case
        self._folder = folder
        config = Path(case.environ["DOCKER_CONFIG"]) / "config.json"
        config.write_text(json.dumps({"credHelpers": {case.proxy.address: "fake"}}))
        case.environ |= ANONYMOUS
        case.environ["PATH"] = f"{folder}{os.pathsep}{case.environ['PATH']}"

    def does(self, script: str) -> None:
        path = self._folder / "docker-credential-fake"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def answers(self, username: str, secret: str) -> None:
        text = json.dumps({"ServerURL": self._case.proxy.address, "Username": username, "Secret": secret})
        self.does(f'[ "$1" = get ] && cat > /dev/null && echo {shlex.quote(text)}')


@pytest.fixture
def helper(token_case: ProxiedScratch, tmp_path_factory: pytest.TempPathFactory) -> Helper:
    """Give a helper in a folder that no run looks after: it holds the password."""
    return Helper(token_case, tmp_path_factory.mktemp("bin"))


def heals(case: ProxiedScratch, helper: Helper) -> None:
    helper.answers("pusher", case.password)
    case.assert_heals(built=True)


def test_r17_a_helper_that_is_missing_is_named(token_case: ProxiedScratch, helper: Helper):
    done = token_case.push()

    token_case.assert_fails(done, 3, "credential helper fake is not installed", "docker-credential-fake")
    assert "Building" not in done.err
    heals(token_case, helper)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo the-reason; exit 1", "failed: the-reason"),
        ("echo junk", "printed something else"),
        ("exit 0", "printed something else"),
        ('echo "{}"', "printed something else"),
        ("head -c 200000 /dev/zero", "printed something else"),
        ('echo \'{"Username": 1, "Secret": []}\'', "printed something else"),
        ("kill -9 $$", "failed"),
    ],
)
def test_r17_a_helper_that_fails_is_named_with_its_reason(
    token_case: ProxiedScratch, helper: Helper, script: str, words: str
):
    helper.does(script)

    done = token_case.push()

    token_case.assert_fails(done, 3, "credential helper fake", words, "DOCKER_USER")
    assert "Building" not in done.err
    assert len(done.last) < 2000


def test_r17_a_helper_that_hangs_is_not_waited_for(token_case: ProxiedScratch, helper: Helper):
    helper.does("sleep 4321")

    done = token_case.push()

    token_case.assert_fails(done, 3, "credential helper fake did not answer within", "DOCKER_USER")
    assert "Building" not in done.err


def test_r17_a_helper_that_does_not_know_the_registry_is_no_login(token_case: ProxiedScratch, helper: Helper):
    helper.does("echo credentials not found in native keychain; exit 1")

    done = token_case.push("--require-push")

    token_case.assert_fails(done, 3, "DOCKER_USER|docker login")
    assert "Building" not in done.err


def test_r17_an_identity_token_of_a_helper_is_a_login(token_case: ProxiedScratch, helper: Helper):
    tokens = token_case.proxy.tokens
    assert tokens
    (account,) = tokens.accounts
    tokens.accounts = (replace(account, identity_token=account.password),)
    helper.answers("<token>", account.password)

    done = token_case.push()

    assert done.code == 0, done.err
    forms = [seen.form["grant_type"] for seen in tokens.token_requests() if seen.method == "POST"]
    assert ["refresh_token"] in forms
    token_case.assert_heals()


def push_at_once(cases: list[ProxiedScratch]) -> list[Ran]:
    """Push all at the same time; each run is the tool's alone, without the watch over the machine's processes."""
    done: list[Ran | None] = [None] * len(cases)

    def push(number: int) -> None:
        done[number] = cases[number].run("docker-push", "push")

    threads = [threading.Thread(target=push, args=(number,)) for number in range(len(cases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [one for one in done if one]


@pytest.mark.parametrize("count", [6, pytest.param(20, marks=pytest.mark.soak)])
def test_r18_runs_at_once_do_not_take_each_other_s_login(
    token_case: ProxiedScratch, registry: str, tmp_path: Path, count: int
):
    """Parallel ``docker login`` on one home loses logins: each run has a configuration of its own."""
    config = Path(token_case.environ["DOCKER_CONFIG"]) / "config.json"
    config.write_text('{"auths": {"example.com": {"auth": "YTpi"}}}')
    cases = []
    for number in range(count):
        (tmp_path / str(number)).mkdir()
        case = proxied(tmp_path / str(number), registry, token_case.proxy, token_case.password)
        case.environ |= {name: token_case.environ[name] for name in ("HOME", "DOCKER_CONFIG")}
        cases.append(case)

    done = push_at_once(cases)

    assert [(ran.code, ran.last) for ran in done if ran.code] == []
    assert all(len(set(case.state().values())) == 1 and len(case.state()) == 3 for case in cases)
    assert config.read_text() == '{"auths": {"example.com": {"auth": "YTpi"}}}'
    assert [form for form in token_case.secrets for ran in done if form in ran.out + ran.err] == []
