"""A repository that is pushed through a fault proxy and read at the registry behind it, with a marked password.

Every run of the tool that goes through ``tool`` (so ``push``, too) looks for the password in all that the run shows,
starts and leaves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import secret_watch
from fault_proxy import FaultProxy
from scratch import Ran, Scratch

USERNAME = "pusher"
# waits that are long enough to be seen and short enough to be waited for; seconds
RETRY: Mapping[str, Any] = {
    "attempts": 3,
    "first-wait": 0.05,
    "longest-wait": 0.2,
    "longest-asked": 3,
    "rate-limit-waits": [0.1, 0.2],
    "lag": 3,
    "total": 30,
}
_FOLDERS = {"HOME": "home", "TMPDIR": "temporary", "RUNNER_TEMP": "runner"}


@dataclass(kw_only=True)
class ProxiedScratch(Scratch):
    """A scratch repository whose runs reach the registry through ``proxy``; ``digest``, ``tags``, ... look behind it.

    ``folder`` holds all that a run may write: the repository, its home and its temporary folders.
    """

    proxy: FaultProxy
    password: str
    folder: Path
    patience: float = 90.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, folder in _FOLDERS.items():
            (self.folder / folder).mkdir(exist_ok=True)
            self.environ[name] = str(self.folder / folder)
        self.environ["DOCKER_CONFIG"] = str(self._docker_config())
        self.environ |= {
            "DOMAIN": self.proxy.address,
            "DOCKER_USER": USERNAME,
            "DOCKER_PASSWORD": self.password,
        }

    def _docker_config(self) -> Path:
        """Make a configuration of docker without any login, with the plugins of the real one."""
        config = self.folder / "docker"
        config.mkdir(exist_ok=True)
        theirs = Path(self.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
        if (theirs / "cli-plugins").is_dir() and not (config / "cli-plugins").exists():
            (config / "cli-plugins").symlink_to(theirs / "cli-plugins")
        return config

    @property
    def asked(self) -> str:
        """Return the repository's path in the registry as the tool is told it."""
        return f"{self.proxy.address}/{self.repository.lower()}"

    @property
    def secrets(self) -> set[str]:
        return secret_watch.forms(USERNAME, self.password)

    def tool(self, *argv: str, **environ: str) -> Ran:
        """Run the tool, look for the password in everything, and check how an error looks."""
        with secret_watch.command_lines() as seen:
            done = super().tool(*argv, **environ)
        self.assert_secret(done, seen)
        if done.code:
            assert "Traceback" not in done.err, done.err
            assert done.last.startswith("docker-push: "), done.err
            assert done.out == "", done.out
        return done

    def push(self, *flags: str, **environ: str) -> Ran:
        return self.tool("push", *flags, **environ)

    def assert_secret(self, done: Ran, seen: set[str]) -> None:
        """Check that no form of the password is in output, argument lists or files, and that nothing is left behind."""
        assert [form for form in self.secrets if form in done.out + done.err] == []
        assert [line for line in seen if any(form in line for form in self.secrets)] == []
        assert secret_watch.files_with(self.secrets, self.folder) == []
        for name in ("TMPDIR", "RUNNER_TEMP"):
            assert list((self.folder / _FOLDERS[name]).iterdir()) == []

    def state(self, image: str = "api") -> dict[str, str]:
        """Return tag -> digest of what the registry really holds, with the commit's tag called ``commit``."""
        names = {self.commit_tag: "commit"}
        return {names.get(tag, tag): self.digest(image, tag) for tag in self.tags(image)}

    @property
    def commit_tag(self) -> str:
        """Return the tag under which this commit is staged from branch main."""
        return f"{self.commit}-main"

    def order(self) -> list[str]:
        """Return the references under which manifests were put, in order: the commit's tag as ``commit``."""
        return ["commit" if one == self.commit_tag else one for one in self.proxy.put()]

    def change(self) -> str:
        """Make a commit with other content, so that its image is another one."""
        self.write({"data": f"{uuid4().hex}\n"})
        return self.commit_all()

    def assert_fails(self, done: Ran, code: int, *words: str) -> None:
        """Check the exit code, and that the one line names the image or reference and has all of ``words`` (patterns)."""
        assert done.code == code, done.err
        assert re.search(rf"api|{re.escape(self.proxy.address)}", done.last), done.err
        for word in words:
            assert re.search(word, done.last, re.IGNORECASE), (word, done.err)

    def assert_heals(self, *flags: str, tags: tuple[str, ...] = ("main", "latest"), built: bool = False) -> Ran:
        """Run the same again without a fault: it is green, all tags are one, and nothing that was staged is built again."""
        self.proxy.clear()
        done = self.push(*flags)
        assert done.code == 0, done.err
        assert ("Building" in done.err) is built, done.err
        assert built or "adopt" in done.err, done.err
        state = self.state()
        assert {"commit", *tags} <= set(state), state
        assert len({state[tag] for tag in ("commit", *tags)}) == 1, state
        assert done.out == f"{self.asked}/api:{self.commit_tag}@{state['commit']}\n"
        return done


def build_toml(*, images: str = "[images.api]\n", **retry: Any) -> str:
    """Return a build.toml without a cache, with short waits; ``retry`` overrides them (first_wait for first-wait)."""
    waits = {**RETRY, **{name.replace("_", "-"): value for name, value in retry.items()}}
    lines = "".join(f"{name} = {value}\n" for name, value in waits.items())
    return f'[retry]\n{lines}[cache]\nbackend = "none"\n{images}'


def proxied(folder: Path, registry: str, proxy: FaultProxy, password: str) -> ProxiedScratch:
    """Return a repository with one image of two platforms that needs no base image, with content of its own."""
    scratch = ProxiedScratch(folder / "repository", registry, proxy=proxy, password=password, folder=folder)
    scratch.write(
        {"Dockerfile": "FROM scratch\nCOPY data /data\n", "data": f"{uuid4().hex}\n", "build.toml": build_toml()}
    )
    scratch.commit_all()
    return scratch
