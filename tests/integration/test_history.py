"""What the remote says of our commit, asked with the real git of real histories."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from docker_push import ancestry, history
from docker_push.context import Event
from docker_push.history import History, Relation
from docker_push.process import Completed, Redactor, Runner
from examples_of import CONTEXT
from git_server import GitServer, git_server

WHEN = 1_700_000_000
TOKEN = "t0ken-of-the-job"


@dataclass(frozen=True, kw_only=True)
class Watched(Runner):
    """Run programs, and keep each argument list and what it did to the environment."""

    seen: list[tuple[tuple[str, ...], Mapping[str, str]]] = field(default_factory=list)

    def run(self, argv: Sequence[str], *, input: str | None = None, timeout: float = 60.0) -> Completed:  # noqa: A002
        self.seen.append((tuple(argv), dict(self.environ)))
        return super().run(argv, input=input, timeout=timeout)

    @property
    def fetches(self) -> list[str]:
        """Return how far each fetch reached: --depth=N, or nothing for all."""
        found = [argv for argv, _ in self.seen if "fetch" in argv]
        return [next((word for word in argv if word.startswith("--depth")), "all") for argv in found]


class Git:
    """A folder with git in it, and no configuration but its own; every commit is a minute after the one before."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.clock = folder, WHEN
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(home.parent),
        }
        self.runner = Watched(environ=self.environ, folder=folder)

    def __call__(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002
        when = {f"GIT_{who}_DATE": f"{self.clock} +0000" for who in ("AUTHOR", "COMMITTER")}
        who = {f"GIT_{who}_{what}": "ada@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={**self.environ, **when, **who},
            input=input,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, count: int = 1) -> str:
        for _ in range(count):
            self.clock += 60
            self("commit", "--quiet", "--allow-empty", "--message", f"at {self.clock}")
        return self.head

    def merge(self, *others: str) -> str:
        self.clock += 60
        self("merge", "--quiet", "--no-ff", "--message", f"at {self.clock}", *others)
        return self.head

    @property
    def head(self) -> str:
        return self("rev-parse", "HEAD")

    def hash(self) -> str:
        """Return a hash of everything in .git: names, bytes, and when they were written."""
        found = hashlib.sha256()
        for path in sorted((self.folder / ".git").rglob("*")):
            about = path.stat()
            found.update(f"{path} {about.st_mtime_ns} {about.st_mode}".encode())
            found.update(path.read_bytes() if path.is_file() else b"")
        return found.hexdigest()


@dataclass
class Forge:
    """An origin, the repository of somebody who pushes to it, and checkouts of it."""

    folder: Path
    author: Git
    format: str = "sha1"

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    def push(self, *what: str) -> None:
        self.author("push", "--quiet", "--force", "origin", *(what or ("HEAD:refs/heads/main",)))

    def checkout(self, commit: str, *, depth: int | None = 1, name: str = "checkout", url: str = "") -> Git:
        """Give what actions/checkout leaves: a commit on a branch, and of the history no more than ``depth``."""
        (self.folder / name).mkdir()
        work = Git(self.folder / name, self.folder / "home")
        work("init", "--quiet", "--initial-branch=main", f"--object-format={self.format}")
        work("remote", "add", "origin", url or self.origin.as_uri())
        cut = [] if depth is None else [f"--depth={depth}"]
        work("fetch", "--quiet", "--no-tags", *cut, self.origin.as_uri(), f"+{commit}:refs/remotes/origin/main")
        work("checkout", "--quiet", "-B", "main", commit)
        return work


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    return new_forge(tmp_path)


def new_forge(folder: Path, kind: str = "sha1") -> Forge:
    for name in ("home", "author", "run"):
        (folder / name).mkdir()
    author = Git(folder / "author", folder / "home")
    author("init", "--quiet", "--initial-branch=main", f"--object-format={kind}")
    forge = Forge(folder, author, kind)
    author("init", "--quiet", "--bare", "--initial-branch=main", f"--object-format={kind}", str(forge.origin))
    for setting in ("allowFilter", "allowAnySHA1InWant"):  # as every forge has it
        author(f"--git-dir={forge.origin}", "config", f"uploadpack.{setting}", "true")
    author("remote", "add", "origin", forge.origin.as_uri())
    return forge


def observed(
    work: Git, commit: str | None = None, environ: Mapping[str, str] | None = None, **about: object
) -> History:
    """Observe a commit, by default what is checked out, on a laptop; nothing in the work tree may change by it."""
    context = replace(CONTEXT, commit=commit or work.head, **{"ci": "local", **about})  # type: ignore[arg-type]
    before = work.hash() if (work.folder / ".git").exists() else ""
    work.runner.seen.clear()
    found = history.observe(context, work.runner, work.folder.parent / "run", environ or {})
    assert (work.hash() if before else "") == before
    return found


def between(forge: Forge, ours: str, tip: str) -> list[str]:
    """Return what the whole history says, in git's own words."""
    return forge.author("rev-list", "--date-order", f"{ours}..{tip}").split()


DEPTHS = pytest.mark.parametrize("depth", [1, 3, None], ids=["depth-1", "depth-3", "whole"])


class TestRelation:
    @DEPTHS
    def test_the_tip_costs_one_round_trip(self, forge: Forge, depth: int | None):
        ours = forge.author.commit(3)
        forge.push()
        work = forge.checkout(ours, depth=depth)

        assert observed(work) == History(
            ref="refs/heads/main", relation=Relation.TIP, tip=ours, commit=ours, newer=(), why=""
        )
        assert sum("ls-remote" in argv for argv, _ in work.runner.seen) == 1
        assert work.runner.fetches == []

    @DEPTHS
    @pytest.mark.parametrize("count", [1, 4, 49, 60])
    def test_behind_a_line_of_commits(self, forge: Forge, depth: int | None, count: int):
        ours = forge.author.commit(5)
        forge.push()
        work = forge.checkout(ours, depth=depth)
        tip = forge.author.commit(count)
        forge.push()
        found = observed(work)

        assert (found.relation, found.tip) == (Relation.BEHIND, tip)
        assert list(found.newer) == between(forge, ours, tip)
        expected = ["all"] if depth is None else ["--depth=50"] if count < 50 else ["--depth=50", "--depth=1000"]
        assert work.runner.fetches == expected

    def test_a_clone_that_has_the_tip_asks_for_nothing_more(self, forge: Forge):
        ours = forge.author.commit(2)
        tip = forge.author.commit(3)
        forge.push()
        work = forge.checkout(tip, depth=None)
        found = observed(work, ours)

        assert (found.relation, list(found.newer)) == (Relation.BEHIND, between(forge, ours, tip))
        assert work.runner.fetches == []

    @DEPTHS
    def test_behind_merges_everything_decides(self, forge: Forge, depth: int | None):
        author = forge.author
        author.commit(2)
        author("branch", "topic")
        ours = author.commit(2)
        forge.push()
        work = forge.checkout(ours, depth=depth)
        author("switch", "--quiet", "topic")
        author.commit(2)
        author("switch", "--quiet", "main")
        tip = author.merge("topic")
        forge.push()
        found = observed(work)

        assert found.relation is Relation.BEHIND
        assert set(found.newer) == set(between(forge, ours, tip))
        assert len(found.newer) == 3

    def test_a_shallow_cut_would_take_an_older_commit_for_a_newer_one_so_more_is_asked_for(self, forge: Forge):
        """A commit near the root, reached by a short way round, is behind ours by a long way that is cut off."""
        author = forge.author
        old = author.commit(3)
        ours = author.commit(60)
        forge.push()
        work = forge.checkout(ours)
        author("switch", "--quiet", "--create", "hotfix", old)
        hotfix = author.commit()
        author("switch", "--quiet", "main")
        tip = author.merge("hotfix")
        forge.push()
        part = forge.checkout(tip, depth=20, name="part")
        wrong = part("rev-list", f"{ours}..{tip}").split()
        assert old in wrong  # what a part of the history says

        found = observed(work)

        assert (found.relation, set(found.newer)) == (Relation.BEHIND, {tip, hotfix})
        assert work.runner.fetches == ["--depth=50", f"--depth={0x7FFFFFFF}"]

    @DEPTHS
    def test_a_force_push_takes_a_commit_off_the_branch(self, forge: Forge, depth: int | None):
        author = forge.author
        base = author.commit(2)
        ours = author.commit()
        forge.push()
        work = forge.checkout(ours, depth=depth)
        author("reset", "--quiet", "--hard", base)
        tip = author.commit(2)
        forge.push()

        found = observed(work)

        assert (found.relation, found.newer, found.tip) == (Relation.DIVERGED, (), tip)
        assert ours[:12] in found.why
        assert "refs/heads/main" in found.why

    @DEPTHS
    def test_a_rebase_takes_a_commit_off_the_branch(self, forge: Forge, depth: int | None):
        author = forge.author
        base = author.commit(2)
        forge.push()
        author("switch", "--quiet", "--create", "topic")
        ours = author.commit(2)
        forge.push("topic")
        work = forge.checkout(ours, depth=depth)
        author("switch", "--quiet", "main")
        author.commit()
        author("rebase", "--quiet", "--force-rebase", "--onto", "main", base, "topic")
        forge.push("topic")

        assert observed(work, branch="topic").relation is Relation.DIVERGED

    @DEPTHS
    def test_a_branch_of_another_history_altogether(self, forge: Forge, depth: int | None):
        author = forge.author
        ours = author.commit(2)
        forge.push()
        work = forge.checkout(ours, depth=depth)
        author("switch", "--quiet", "--orphan", "anew")
        author.commit(2)
        forge.push("HEAD:refs/heads/main")

        assert observed(work).relation is Relation.DIVERGED

    @DEPTHS
    def test_a_revert_is_a_newer_commit(self, forge: Forge, depth: int | None):
        author = forge.author
        first = author.commit()
        (author.folder / "file").write_text("changed\n")
        author("add", ".")
        ours = author.commit()
        forge.push()
        work = forge.checkout(ours, depth=depth)
        author("revert", "--no-edit", ours)
        forge.push()

        found = observed(work)

        assert author("rev-parse", f"{author.head}^{{tree}}") == author("rev-parse", f"{first}^{{tree}}")
        assert (found.relation, found.newer) == (Relation.BEHIND, (author.head,))

    @DEPTHS
    def test_a_commit_that_is_not_pushed_is_ahead(self, forge: Forge, depth: int | None):
        tip = forge.author.commit(3)
        forge.push()
        work = forge.checkout(tip, depth=depth)
        work.commit(2)

        assert (observed(work).relation, observed(work).tip) == (Relation.AHEAD, tip)
        assert work.runner.fetches == []

    @DEPTHS
    def test_a_commit_that_is_not_pushed_where_others_pushed_has_diverged(self, forge: Forge, depth: int | None):
        base = forge.author.commit(3)
        forge.push()
        work = forge.checkout(base, depth=depth)
        work.commit()
        forge.author.commit()
        forge.push()

        assert observed(work).relation is Relation.DIVERGED

    @pytest.mark.parametrize("ci", ["github", "gitlab"])
    @DEPTHS
    def test_in_ci_a_branch_that_was_set_back_took_the_commit_off(self, forge: Forge, depth: int | None, ci: str):
        base = forge.author.commit(2)
        ours = forge.author.commit()
        forge.push()
        work = forge.checkout(ours, depth=depth)
        forge.author("reset", "--quiet", "--hard", base)
        forge.push()

        assert observed(work, ci=ci).relation is Relation.DIVERGED

    def test_a_branch_that_is_gone_leaves_us_alone(self, forge: Forge):
        forge.author.commit()
        forge.push()
        work = forge.checkout(forge.author.head)
        found = observed(work, branch="gone")

        assert (found.relation, found.ref) == (Relation.ALONE, "refs/heads/gone")
        assert "refs/heads/gone" in found.why

    def test_a_branch_whose_name_ends_like_ours_is_another(self, forge: Forge):
        forge.author.commit()
        forge.push("HEAD:refs/heads/x/refs/heads/main")
        work = forge.checkout(forge.author.head)

        assert observed(work).relation is Relation.ALONE

    def test_no_remote_leaves_us_alone(self, forge: Forge):
        forge.author.commit()
        forge.author("remote", "remove", "origin")

        assert observed(forge.author).relation is Relation.ALONE

    def test_a_repository_by_sha_256(self, tmp_path: Path):
        forge = new_forge(tmp_path, "sha256")
        ours = forge.author.commit(2)
        forge.push()
        work = forge.checkout(ours)
        tip = forge.author.commit(2)
        forge.push()
        found = observed(work)

        assert (len(ours), found.relation, list(found.newer)) == (64, Relation.BEHIND, between(forge, ours, tip))

    def test_a_remote_that_refuses_filters_is_read_all_the_same(self, forge: Forge):
        forge.author(f"--git-dir={forge.origin}", "config", "uploadpack.allowFilter", "false")
        ours = forge.author.commit(2)
        forge.push()
        work = forge.checkout(ours)
        tip = forge.author.commit(2)
        forge.push()
        found = observed(work)

        assert (found.relation, list(found.newer)) == (Relation.BEHIND, between(forge, ours, tip))

    def test_of_very_many_newer_commits_the_newest_are_looked_at(self, forge: Forge, monkeypatch: pytest.MonkeyPatch):
        for module in (ancestry, history):
            monkeypatch.setattr(module, "LIMIT", 4)
        ours = forge.author.commit(2)
        forge.push()
        short, long = forge.checkout(ours), forge.checkout(ours, depth=None, name="long")
        tip = forge.author.commit(4)
        forge.push()
        assert not observed(short).cut
        assert not observed(long).cut
        forge.author.commit(1)
        forge.push()

        for work in (short, long):
            found = observed(work)
            assert found.cut
            assert list(found.newer) == [forge.author.head, *between(forge, ours, tip)[:3]]

    def test_a_remote_whose_own_history_is_cut_off_says_so(self, forge: Forge):
        ours = forge.author.commit(3)
        forge.push()
        work = forge.checkout(ours)
        tip = forge.author.commit(3)
        forge.push()
        mirror = forge.folder / "mirror.git"
        forge.author("clone", "--quiet", "--bare", "--depth=2", forge.origin.as_uri(), str(mirror))
        work("remote", "set-url", "origin", mirror.as_uri())

        found = observed(work)

        assert (found.relation, found.tip) == (Relation.UNKNOWN, tip)
        assert "cut off" in found.why or "shallow" in found.why

    @DEPTHS
    @pytest.mark.parametrize("back", [False, True], ids=["on", "back-to-ours"])
    def test_a_branch_that_moves_while_it_is_asked_about_is_where_it_is_now(
        self, forge: Forge, depth: int | None, back: bool
    ):
        author = forge.author
        ours = author.commit(2)
        author.commit()
        forge.push()
        work = forge.checkout(ours, depth=depth)

        @dataclass(frozen=True, kw_only=True)
        class Racing(Watched):
            def run(self, argv: Sequence[str], *, input: str | None = None, timeout: float = 60.0) -> Completed:  # noqa: A002
                done = super().run(argv, input=input, timeout=timeout)
                if "ls-remote" in argv:
                    author("reset", "--quiet", "--hard", ours) if back else author.commit()
                    forge.push()
                return done

        work.runner = Racing(environ=work.environ, folder=work.folder)
        found = observed(work, ci="github")

        assert (found.tip, list(found.newer)) == (author.head, between(forge, ours, author.head))
        assert found.relation is (Relation.TIP if back else Relation.BEHIND)

    def test_replace_refs_of_this_machine_tell_nothing(self, forge: Forge):
        ours = forge.author.commit(2)
        tip = forge.author.commit(2)
        forge.push()
        work = forge.checkout(tip, depth=None)
        work("replace", "--graft", tip)  # as if the tip were a root

        assert list(observed(work, ours).newer) == between(forge, ours, tip)


class TestRef:
    def test_a_slug_alone_finds_its_branch(self, forge: Forge):
        ours = forge.author.commit()
        forge.push("HEAD:refs/heads/Feature/A", "HEAD:refs/heads/main")
        work = forge.checkout(ours)
        tip = forge.author.commit()
        forge.push("HEAD:refs/heads/Feature/A")
        found = observed(work, branch="feature-a", slug_only=True)

        assert (found.ref, found.relation, found.newer) == ("refs/heads/Feature/A", Relation.BEHIND, (tip,))

    def test_a_slug_that_several_branches_have_tells_nothing(self, forge: Forge):
        forge.author.commit()
        forge.push("HEAD:refs/heads/feature/a", "HEAD:refs/heads/Feature/a")
        found = observed(forge.checkout(forge.author.head), branch="feature-a", slug_only=True)

        assert found.relation is Relation.UNKNOWN
        assert "refs/heads/Feature/a, refs/heads/feature/a" in found.why

    def test_a_slug_of_no_branch_leaves_us_alone(self, forge: Forge):
        forge.author.commit()
        forge.push()

        found = observed(forge.checkout(forge.author.head), branch="feature-a", slug_only=True)
        assert found.relation is Relation.ALONE

    @pytest.mark.parametrize(("ci", "ref"), [("github", "refs/pull/7/head"), ("gitlab", "refs/merge-requests/7/head")])
    def test_a_pull_request_has_a_ref_of_its_own(self, forge: Forge, ci: str, ref: str):
        ours = forge.author.commit(2)
        forge.push(f"HEAD:{ref}")
        merge = forge.author.commit()  # what a forge has checked out is the merge, which the head knows nothing of
        forge.push()
        work = forge.checkout(merge)
        forge.author("reset", "--quiet", "--hard", ours)
        tip = forge.author.commit(2)
        forge.push(f"HEAD:{ref}")
        about: dict[str, object] = {"pull_request": 7, "event": Event.PULL_REQUEST, "ci": ci, "branch": "topic"}

        assert observed(work, tip, **about).relation is Relation.TIP
        found = observed(work, ours, **about)
        assert (found.ref, found.relation, list(found.newer)) == (ref, Relation.BEHIND, between(forge, ours, tip))

    @pytest.mark.parametrize("kind", [[], ["--annotate", "--message=x"]], ids=["light", "annotated"])
    def test_a_git_tag_that_was_put_elsewhere_is_newer(self, forge: Forge, kind: list[str]):
        ours = forge.author.commit()
        forge.author("tag", *kind, "nightly")
        forge.push("refs/tags/nightly")
        work = forge.checkout(ours)
        about: dict[str, object] = {"tag": "nightly", "branch": None, "event": Event.TAG}
        assert observed(work, **about).relation is Relation.TIP

        tip = forge.author.commit()
        forge.author("tag", "--force", *kind, "nightly")
        forge.push("refs/tags/nightly")
        found = observed(work, **about)

        assert (found.ref, found.relation, found.newer) == ("refs/tags/nightly", Relation.BEHIND, (tip,))


class TestReach:
    def test_the_work_tree_s_own_settings_are_used(self, forge: Forge):
        """Also those that hold there alone: insteadOf in its configuration, and in one that is included for its folder."""
        ours = forge.author.commit()
        forge.push()
        work = forge.checkout(ours, url="far:a/b")
        included = forge.folder / "home" / "included"
        (forge.folder / "home" / ".gitconfig").write_text(
            f'[includeIf "gitdir:{work.folder}/"]\n\tpath = {included}\n[credential]\n\thelper = one\n'
        )
        included.write_text(f'[url "{forge.origin.as_uri()}"]\n\tinsteadOf = far:a/b\n')

        assert observed(work).relation is Relation.TIP

    def test_a_remote_by_a_relative_path_is_found_from_a_folder_below(self, forge: Forge):
        ours = forge.author.commit()
        forge.push()
        work = forge.checkout(ours, url="../origin.git")
        (work.folder / "below").mkdir()
        runner = Watched(environ=work.environ, folder=work.folder / "below")

        found = history.observe(replace(CONTEXT, commit=ours), runner, forge.folder / "run", {})
        assert found.relation is Relation.TIP

    def test_variables_of_a_hook_lead_nowhere_else(self, forge: Forge):
        ours = forge.author.commit()
        forge.push()
        work = forge.checkout(ours)
        forge.author.commit()
        forge.push()
        ours_alone = {"DIR": "", "INDEX_FILE": "/index", "OBJECT_DIRECTORY": "/objects"}
        work.environ |= {f"GIT_{name}": f"{work.folder}/.git{path}" for name, path in ours_alone.items()}
        work.environ["GIT_WORK_TREE"] = str(work.folder)

        assert observed(work).newer == (forge.author.head,)

    def test_settings_of_the_command_line_are_kept(self, forge: Forge):
        ours = forge.author.commit()
        forge.push()
        work = forge.checkout(ours, url="far:a/b")
        work.environ |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{forge.origin.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": "far:a/b",
        }

        assert observed(work).relation is Relation.TIP

    def test_a_clone_without_files_stays_without_them(self, forge: Forge):
        ours = forge.author.commit(2)
        forge.push()
        (forge.folder / "partial").mkdir()
        work = Git(forge.folder / "partial", forge.folder / "home")
        work("clone", "--quiet", "--filter=blob:none", forge.origin.as_uri(), ".")
        tip = forge.author.commit(2)
        forge.push()

        assert list(observed(work, ours).newer) == between(forge, ours, tip)
        assert observed(work, "1" * 40).relation is Relation.DIVERGED

    @DEPTHS
    def test_a_linked_work_tree_is_a_work_tree(self, forge: Forge, depth: int | None):
        ours = forge.author.commit(2)
        forge.push()
        main = forge.checkout(ours, depth=depth)
        main("worktree", "add", "--quiet", "--detach", "../linked", ours)
        tip = forge.author.commit(2)
        forge.push()
        before = main.hash()
        linked = Git(forge.folder / "linked", forge.folder / "home")
        found = history.observe(replace(CONTEXT, commit=ours), linked.runner, forge.folder / "run", {})

        assert (list(found.newer), main.hash()) == (between(forge, ours, tip), before)

    def test_nothing_but_the_run_s_folder_is_written(self, forge: Forge):
        ours = forge.author.commit(2)
        forge.push()
        work = forge.checkout(ours)
        forge.author.commit()
        forge.push()
        observed(work)

        assert {path.name for path in forge.folder.iterdir()} == {"home", "author", "run", "origin.git", "checkout"}
        assert all(path.name.startswith("history-") for path in (forge.folder / "run").iterdir())
        assert list((forge.folder / "home").iterdir()) == []

    def test_an_unreachable_remote_is_a_cause_and_no_error(self, forge: Forge):
        forge.author.commit()
        forge.push()
        work = forge.checkout(forge.author.head, url=(forge.folder / "nowhere").as_uri())
        found = observed(work)

        assert found.relation is Relation.UNKNOWN
        assert "git cannot read the remote's refs" in found.why
        assert "does not appear to be a git repository" in found.why

    def test_credentials_of_the_address_are_in_no_cause(self, forge: Forge):
        forge.author.commit()
        forge.push()
        work = forge.checkout(forge.author.head, url="https://user:s3cret@127.0.0.1:1/a/b.git")
        found = observed(work)

        assert found.relation is Relation.UNKNOWN
        assert "s3cret" not in found.why
        assert not any("s3cret" in word for argv, _ in work.runner.seen for word in argv)

    def test_a_remote_that_does_not_answer_is_waited_for_no_longer_than_the_limit(
        self, forge: Forge, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("docker_push.remote.TIMEOUT", 0.5)
        forge.author.commit()
        forge.push()
        work = forge.checkout(forge.author.head, url="ssh://nobody@host.invalid/a/b")
        work("config", "core.sshCommand", "sleep 20;:")

        assert "within 0.5 s" in observed(work).why

    def test_ssh_asks_nobody_unless_it_was_told_how_to_run(self, forge: Forge):
        forge.author.commit()
        forge.push()
        work = forge.checkout(forge.author.head, url="ssh://nobody@host.invalid/a/b")

        def ssh() -> str | None:
            observed(work)
            return next(environ for argv, environ in work.runner.seen if "ls-remote" in argv).get("GIT_SSH_COMMAND")

        assert ssh() == "ssh -oBatchMode=yes"
        work("config", "core.sshCommand", "false")
        assert ssh() is None
        work("config", "--unset", "core.sshCommand")
        work.environ["GIT_SSH_COMMAND"] = "false -x"
        assert ssh() == "false -x"

    def test_no_work_tree_and_no_ci_is_a_cause(self, forge: Forge):
        nowhere = Git(forge.folder / "home", forge.folder / "home")

        assert "no git work tree" in observed(nowhere, "1" * 40).why

    def test_no_git_is_a_cause(self, forge: Forge):
        forge.author.commit()
        forge.author.runner = Watched(environ={"PATH": "/nowhere"}, folder=forge.author.folder)

        assert observed(forge.author).why == "git is not installed"


@pytest.fixture
def server(forge: Forge) -> Iterator[GitServer]:
    """Give a server of the forge's folder that wants the CI's token."""
    forge.author.commit()
    forge.push()
    basic = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    with git_server(forge.folder, f"Basic {basic}") as running:
        yield running


def on_github(server: GitServer, **changes: str) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": server.url,
        "GITHUB_REPOSITORY": "origin",
        "GITHUB_TOKEN": TOKEN,
        **changes,
    }


class TestToken:
    """In CI with ``persist-credentials: false`` git has no credentials of its own."""

    def test_a_private_repository_is_read_with_the_job_s_token(self, forge: Forge, server: GitServer):
        ours = forge.author.head
        work = forge.checkout(ours, url=f"{server.url}/origin.git")
        forge.author.commit()
        forge.push()
        found = observed(work, environ=on_github(server), ci="github")

        assert (found.relation, found.newer) == (Relation.BEHIND, (forge.author.head,))
        forms = (TOKEN, base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode())
        assert not any(form in word for form in forms for argv, _ in work.runner.seen for word in argv)
        written = [path.read_bytes() for path in (forge.folder / "run").rglob("*") if path.is_file()]
        assert not any(form.encode() in data for form in forms for data in written)

    def test_gitlab_s_token_is_its_own(self, forge: Forge, server: GitServer):
        basic = base64.b64encode(f"gitlab-ci-token:{TOKEN}".encode()).decode()
        server.wanted = f"Basic {basic}"
        work = forge.checkout(forge.author.head, url=f"{server.url}/origin.git")
        environ = {"GITLAB_CI": "true", "CI_SERVER_URL": server.url, "CI_JOB_TOKEN": TOKEN}

        assert observed(work, environ=environ, ci="gitlab").relation is Relation.TIP

    @pytest.mark.parametrize("variables", ["github", "gitlab"])
    def test_without_a_work_tree_the_ci_says_where_the_repository_is(
        self, forge: Forge, server: GitServer, variables: str
    ):
        (forge.folder / "empty").mkdir()
        nowhere = Git(forge.folder / "empty", forge.folder / "home")
        gitlab = {"GITLAB_CI": "true", "CI_PROJECT_URL": f"{server.url}/origin"}
        if variables == "gitlab":
            server.wanted = ""
        environ = on_github(server) if variables == "github" else gitlab
        ours = forge.author.head
        forge.author.commit()
        forge.push()

        found = observed(nowhere, ours, environ=environ)
        assert (found.relation, found.newer) == (Relation.BEHIND, (forge.author.head,))

    def test_another_host_is_not_sent_the_token(self, forge: Forge, server: GitServer):
        with git_server(forge.folder) as other:
            work = forge.checkout(forge.author.head, url=f"{other.url}/origin.git")

            assert observed(work, environ=on_github(server), ci="github").relation is Relation.TIP
            assert other.sent
            assert {header for _, header in other.sent} == {None}

    def test_a_redirect_to_another_host_is_not_followed_with_the_token(self, forge: Forge, server: GitServer):
        with git_server(forge.folder) as other:
            server.redirect = other.url
            work = forge.checkout(forge.author.head, url=f"{server.url}/origin.git")

            assert observed(work, environ=on_github(server), ci="github").relation is Relation.UNKNOWN
            assert other.sent == []

    @pytest.mark.parametrize(
        "environ",
        [
            {"GITHUB_SERVER_URL": "http://forge.example"},
            {"GITHUB_SERVER_URL": "ftp://forge.example"},
            {"GITHUB_SERVER_URL": ""},
            {"GITHUB_ACTIONS": ""},
        ],
        ids=str,
    )
    def test_no_token_where_it_would_be_read_on_the_way_or_no_ci_is_there(
        self, forge: Forge, server: GitServer, environ: dict[str, str]
    ):
        work = forge.checkout(forge.author.head)
        observed(work, environ=on_github(server, **environ))

        values = [value for _, seen in work.runner.seen for name, value in seen.items() if "CONFIG_VALUE" in name]
        assert values
        assert not any("Basic" in value for value in values)

    def test_credentials_that_checkout_left_are_used_alone(self, forge: Forge, server: GitServer):
        """Two Authorization headers in one request are refused."""
        work = forge.checkout(forge.author.head, url=f"{server.url}/origin.git")
        work("config", f"http.{server.url}/.extraheader", f"AUTHORIZATION: {server.wanted}")

        assert observed(work, environ=on_github(server, GITHUB_TOKEN="another"), ci="github").relation is Relation.TIP

    def test_a_setting_that_holds_everywhere_is_not_said_twice(self, forge: Forge, server: GitServer):
        (forge.folder / "home" / ".gitconfig").write_text(
            f'[http "{server.url}"]\n\textraHeader = "Authorization: {server.wanted}"\n'
        )
        work = forge.checkout(forge.author.head, url=f"{server.url}/origin.git")
        forge.author.commit()
        forge.push()

        assert observed(work).relation is Relation.BEHIND

    def test_a_refusal_says_what_to_give(self, forge: Forge, server: GitServer):
        work = forge.checkout(forge.author.head, url=f"{server.url}/origin.git")
        environ = on_github(server)
        del environ["GITHUB_TOKEN"]
        found = observed(work, environ=environ, ci="github")

        assert found.relation is Relation.UNKNOWN
        assert "GITHUB_TOKEN" in found.why
        assert "contents: read" in found.why

    def test_a_wrong_token_is_hidden_where_git_repeats_it(self, forge: Forge, server: GitServer):
        work = forge.checkout(forge.author.head, url=f"{server.url}/origin.git")
        runner = replace(work.runner, redact=Redactor([TOKEN]))
        work.runner = runner
        found = observed(work, environ=on_github(server, GITHUB_TOKEN=f"{TOKEN}-old"), ci="github")

        assert found.relation is Relation.UNKNOWN
        assert TOKEN not in found.why


def graph(rng: random.Random, size: int) -> list[list[int]]:
    """Return the parents of each commit: mostly a line, with branches and merges near and far back."""
    parents: list[list[int]] = [[]]
    for number in range(1, size):
        first = number - 1 if rng.random() < 0.7 else rng.randrange(number)
        others = {rng.randrange(number) for _ in range(rng.choice([0, 0, 0, 0, 1, 1, 2]))} - {first}
        parents.append([first, *sorted(others)] if rng.random() > 0.02 else [])
    return parents


def imported(author: Git, parents: list[list[int]]) -> list[str]:
    """Make the graph in the author's repository, each commit on a branch of its number, and return the ids."""
    lines = []
    for number, before in enumerate(parents):
        lines += [f"reset refs/heads/{number}", "", f"commit refs/heads/{number}", f"mark :{number + 1}"]
        lines += [
            f"committer Ada <ada@example.com> {WHEN + number * 60} +0000",
            f"data {len(str(number))}",
            str(number),
        ]
        lines += [f"{'merge' if place else 'from'} :{parent + 1}" for place, parent in enumerate(before)]
        lines += [""]
    author("fast-import", "--quiet", "--force", input="\n".join(lines) + "\n")
    return author("rev-parse", *(f"refs/heads/{number}" for number in range(len(parents)))).split()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cut", [pytest.param(4, id="cut-at-4"), pytest.param(50, id="cut-at-50")])
def test_a_checkout_of_depth_1_says_what_the_whole_history_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, cut: int
):
    monkeypatch.setattr(history, "_DEPTHS", (cut, cut * 3, 0x7FFFFFFF))
    rng = random.Random(seed)  # noqa: S311 - no secret
    forge = new_forge(tmp_path)
    parents = graph(rng, 80)
    commits = imported(forge.author, parents)
    forge.author("push", "--quiet", "origin", "refs/heads/*:refs/heads/*")
    asked: list[str] = []
    for place in range(5):
        ours = commits[rng.randrange(len(commits))]
        tip = rng.randrange(len(commits) // 2, len(commits))
        work = forge.checkout(ours, name=f"checkout-{place}")
        found = observed(work, branch=str(tip), ci="github")
        asked += work.runner.fetches

        newer = between(forge, ours, commits[tip])
        behind = ours in forge.author("rev-list", commits[tip]).split()
        assert found.relation is (
            Relation.TIP if ours == commits[tip] else Relation.BEHIND if behind else Relation.DIVERGED
        )
        assert list(found.newer) == (newer if behind else [])
    assert asked
