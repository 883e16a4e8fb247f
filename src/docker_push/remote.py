"""Reach the remote of a work tree from a bare repository of our own: as git itself would, and without asking anybody.

A fetch into the user's repository would leave refs, objects, a shallow file and, with a filter, settings in it. So commits
are fetched into a bare repository in the run's temporary folder. What git needs to reach the remote (address, insteadOf,
credential helpers, ssh, proxies) is read where it holds, in the work tree, for conditional includes depend on where git
runs; it is handed over in the environment, which unlike arguments and files nobody else can read.
"""

from __future__ import annotations

import base64
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from docker_push.ancestry import Commits
from docker_push.errors import BuilderError, ConfigError
from docker_push.process import Completed, Runner, one_line
from docker_push.secret_names import REMOTE_USERS

TIMEOUT = 60.0  # seconds for one question to the remote
_TIP = "refs/docker-push/tip"
_SHA256 = 64  # digits
_REACH = re.compile(
    r"remote\.origin\.(url|proxy|proxyauthmethod|uploadpack|vcs|serveroption)"
    r"|(url|http|credential|protocol|ssh)\..+"
    r"|core\.(sshcommand|askpass|gitproxy)",
    re.DOTALL,
)
# `git rev-parse --local-env-vars`: they speak of the user's repository; and two that change what a new one is
_LOCAL = re.compile(
    r"GIT_(ALTERNATE_OBJECT_DIRECTORIES|OBJECT_DIRECTORY|DIR|WORK_TREE|IMPLICIT_WORK_TREE|GRAFT_FILE|INDEX_FILE"
    r"|NO_REPLACE_OBJECTS|REPLACE_REF_BASE|PREFIX|SHALLOW_FILE|COMMON_DIR|NAMESPACE|QUARANTINE_PATH|DEFAULT_HASH"
    r"|CONFIG|CONFIG_PARAMETERS|CONFIG_COUNT|CONFIG_(KEY|VALUE)_[0-9]+)"
)
_NOBODY = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never", "SSH_ASKPASS": ""}
# nothing goes on in the background when git has answered; a pack stays a pack, so that no object of others is touched
_CALM = (("gc.auto", "0"), ("maintenance.auto", "false"), ("fetch.unpacklimit", "1"))
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_CREDENTIALS = ("could not read Username", "could not read Password", "Authentication failed", "not found", "403")
_OLD = "'origin' does not appear to be a git repository"  # what git says that knows nothing of GIT_CONFIG_COUNT

Settings = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Token:
    """A CI's token for the repository, and the server that alone may see it."""

    server: str
    user: str
    secret: str


@dataclass(frozen=True, kw_only=True)
class Remote:
    """The remote, seen from the bare repository ``folder``; only ``runner``'s environment knows how to reach it.

    ``work`` is the user's work tree, to be read only; ``None`` where there is none. ``hint`` is what to do where the
    remote refuses.
    """

    folder: Path
    runner: Runner
    work: Commits | None
    borrowed: bool
    hint: str

    @property
    def commits(self) -> Commits:
        """Return what was fetched; asking for it never reaches out."""
        environ = {name: value for name, value in self.runner.environ.items() if not _LOCAL.fullmatch(name)}
        return Commits(runner=replace(self.runner, environ=environ), options=(f"--git-dir={self.folder}",))

    def refs(self, *arguments: str) -> dict[str, str]:
        """Return the remote's refs and what they point at, as ``git ls-remote`` names them.

        Raises ConfigError where the remote cannot be asked.
        """
        options, patterns = [a for a in arguments if a.startswith("-")], [a for a in arguments if a.startswith("refs/")]
        done = self._reach("read the remote's refs", "ls-remote", *options, "origin", *patterns)
        lines = (line.partition("\t") for line in done.stdout.splitlines())
        return {ref: commit for commit, _, ref in lines if ref}

    def fetch(self, ref: str, depth: int) -> str:
        """Fetch the commits behind ``ref``, without trees, and return the one it points at; raises ConfigError."""
        cut = [] if self.borrowed else [f"--depth={depth}"]
        quiet = ["--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-gc"]
        self._reach("fetch the remote's history", "fetch", *quiet, "--filter=tree:0", *cut, "origin", f"+{ref}:{_TIP}")
        tip = self.commits.ask("rev-parse", "--verify", f"{_TIP}^{{commit}}")
        if tip is None:
            raise ConfigError(f"git fetched no commit for {one_line(ref)}", hint="Check what the ref points at.")
        return tip

    def _reach(self, what: str, *arguments: str) -> Completed:
        try:
            done = self.runner.run(["git", f"--git-dir={self.folder}", *arguments], timeout=TIMEOUT)
        except BuilderError:
            hint = "Check out the whole history, as with fetch-depth: 0." if arguments[0] == "fetch" else self.hint
            raise ConfigError(f"git could not {what} within {TIMEOUT:g} s", hint=hint) from None
        if done.status != 0:
            cause = _cause(done, self.runner)
            hint = self.hint if any(mark in cause for mark in _CREDENTIALS) else ""
            hint = "Use git 2.31 or later, which takes settings from the environment." if _OLD in cause else hint
            raise ConfigError(f"git cannot {what}: {cause}", hint=hint)
        return done


def find(runner: Runner, folder: Path, environ: Mapping[str, str], *, digits: int) -> Remote | None:
    """Find the remote ``origin`` of the work tree, else the repository that the CI names; ``None`` where there is none.

    ``folder`` is a folder of the run's own; ``digits`` is the length of a commit's id. Raises ConfigError where neither is
    known, or git cannot be used.
    """
    if runner.which("git") is None:
        raise ConfigError("git is not installed", hint="")
    user, ours = Commits(runner=runner), replace(runner, environ=_apart(runner.environ))
    top = user.ask("rev-parse", "--show-toplevel")
    settings = _list(runner) if top else ()
    url = next((value for key, value in settings if key == "remote.origin.url"), None) or _address(environ)
    if url is None and top:
        return None
    if url is None:
        raise ConfigError("this is no git work tree, and no CI says where the repository is", hint="")
    bare = _bare(ours, folder, digits)
    objects = user.ask("rev-parse", "--path-format=absolute", "--git-path", "objects") if top else None
    borrowed = objects is not None and not user.is_shallow
    if borrowed:
        (bare / "objects" / "info" / "alternates").write_text(f"{objects}\n", "utf-8")
    wanted = [*_missing(settings, _list(ours, f"--git-dir={bare}")), *_CALM]
    if not any(key == "remote.origin.url" for key, _ in wanted):
        wanted.append(("remote.origin.url", url))
    token = _token(environ)
    if token and not _has_own(settings, url, token):
        wanted += _header(token)
    return Remote(
        folder=bare,
        runner=replace(ours, environ=_with(ours.environ, wanted, settings), folder=Path(top) if top else runner.folder),
        work=user if top else None,
        borrowed=borrowed,
        hint=_hint(environ),
    )


def _apart(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for a repository of our own: nothing in it speaks of the user's."""
    return {name: value for name, value in environ.items() if not _LOCAL.fullmatch(name)} | _NOBODY


def _bare(runner: Runner, folder: Path, digits: int) -> Path:
    """Make an empty repository without hooks and templates; each question of history gets its own."""
    bare = Path(tempfile.mkdtemp(prefix="history-", dir=folder))
    kind = ["--object-format=sha256"] if digits == _SHA256 else []
    done = runner.run(["git", "init", "--quiet", "--bare", "--template=", *kind, str(bare)], timeout=TIMEOUT)
    if done.status != 0:
        raise ConfigError(f"git cannot make a repository for the remote's history: {_cause(done, runner)}", hint="")
    (bare / "objects" / "info").mkdir(parents=True, exist_ok=True)
    return bare


def _list(runner: Runner, *options: str) -> Settings:
    """Return every setting that git uses there, in its order; a key without a value is true."""
    done = runner.run(["git", *options, "config", "--list", "-z"], timeout=TIMEOUT)
    entries = (entry.partition("\n") for entry in done.stdout.split("\0") if entry)
    return [(key, value if separator else "true") for key, separator, value in entries]


def _missing(there: Settings, here: Settings) -> list[tuple[str, str]]:
    """Return the settings that reach a remote and that hold in the work tree alone.

    What holds everywhere is there already, and twice would be wrong: two Authorization headers are refused.
    """
    known = Counter(here)
    found = []
    for setting in there:
        if known[setting]:
            known[setting] -= 1
        elif _REACH.fullmatch(setting[0]):
            found.append(setting)
    return found


def _with(environ: Mapping[str, str], wanted: Settings, settings: Settings) -> dict[str, str]:
    """Return the environment with settings in it, as git-config(1) describes it (GIT_CONFIG_COUNT, git 2.31)."""
    found = {**environ, "GIT_CONFIG_COUNT": str(len(wanted))}
    for number, (key, value) in enumerate(wanted):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    chosen = any(name in environ for name in ("GIT_SSH_COMMAND", "GIT_SSH"))
    if not chosen and not any(key == "core.sshcommand" for key, _ in settings):
        found["GIT_SSH_COMMAND"] = "ssh -oBatchMode=yes"
    return found


def _address(environ: Mapping[str, str]) -> str | None:
    """Return where the CI says the repository is."""
    server, name, project = (environ.get(n) for n in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "CI_PROJECT_URL"))
    if environ.get("GITHUB_ACTIONS") == "true" and server and name:
        return f"{server.rstrip('/')}/{name}.git"
    return f"{project}.git" if environ.get("GITLAB_CI") == "true" and project else None


def _token(environ: Mapping[str, str]) -> Token | None:
    """Return the CI's token, where it can be sent to the CI's own server without being read on the way."""
    for mark, server, user, secret in (
        ("GITHUB_ACTIONS", "GITHUB_SERVER_URL", REMOTE_USERS[0], "GITHUB_TOKEN"),
        ("GITLAB_CI", "CI_SERVER_URL", REMOTE_USERS[1], "CI_JOB_TOKEN"),
    ):
        if environ.get(mark) == "true" and environ.get(server) and environ.get(secret):
            parts = urlsplit(environ[server])
            if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
                return Token(server=environ[server].rstrip("/"), user=user, secret=environ[secret])
    return None


def _has_own(settings: Settings, url: str, token: Token) -> bool:
    """Tell whether git has credentials for the server already, as actions/checkout leaves them."""
    host = urlsplit(token.server).netloc
    headers = [key for key, value in settings if value.lower().startswith("authorization:")]
    named = any(key == "http.extraheader" or (key.endswith(".extraheader") and host in key) for key in headers)
    return named or "@" in urlsplit(url).netloc


def _header(token: Token) -> Settings:
    """Return settings that send the token to its server alone: git matches the address, and follows it nowhere else."""
    basic = base64.b64encode(f"{token.user}:{token.secret}".encode()).decode()
    return [
        (f"http.{token.server}/.extraheader", f"Authorization: Basic {basic}"),
        (f"http.{token.server}/.followredirects", "false"),
    ]


def _hint(environ: Mapping[str, str]) -> str:
    if environ.get("GITHUB_ACTIONS") == "true" and not environ.get("GITHUB_TOKEN"):
        return "Give the step GITHUB_TOKEN: ${{ github.token }}, and the job the permission contents: read."
    return "Run `git ls-remote origin` to see the same error."


def _cause(done: Completed, runner: Runner) -> str:
    """Return what git complains of: the last words before it gave up, without credentials."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip() and not line.startswith("warning:")]
    end = next((number for number, line in enumerate(lines) if line.startswith("fatal:")), len(lines) - 1)
    text = _USERINFO.sub("", " ".join(lines[: end + 1]).replace("fatal: ", ""))
    return one_line(text, runner.redact) or f"exit status {done.status}"
