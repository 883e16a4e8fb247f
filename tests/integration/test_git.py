"""Git's facts, read by the real git from real repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from docker_push import git
from docker_push.context import Event, observe
from docker_push.errors import ConfigError
from docker_push.process import Runner

WHEN = 1_700_000_000


class Work:
    """A folder with git in it, and no configuration but its own."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(home.parent),
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.com",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.com",
            "GIT_AUTHOR_DATE": f"{WHEN - 500} +0000",
            "GIT_COMMITTER_DATE": f"{WHEN} +0100",
        }
        self.started: list[str] = []

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, name: str, text: str = "text\n") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    @property
    def runner(self) -> Runner:
        return Runner(environ=self.environ, folder=self.folder, echo=self.started.append)

    def facts(self) -> git.GitFacts:
        found = git.read(self.runner)
        assert found is not None
        return found


@pytest.fixture
def empty(tmp_path: Path) -> Work:
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    return Work(tmp_path / "work", tmp_path / "home")


@pytest.fixture
def work(empty: Work) -> Work:
    empty.git("init", "-q", "-b", "main")
    empty.write("file")
    empty.write(".gitignore", "*.log\n")
    empty.git("add", ".")
    empty.git("commit", "-q", "-m", "First")
    return empty


def elsewhere(work: Work, folder: Path) -> Work:
    other = Work(folder, Path(work.environ["HOME"]))
    other.environ = work.environ
    return other


class TestWhatIsCheckedOut:
    def test_the_facts_are_those_that_git_tells(self, work: Work):
        facts = work.facts()

        assert facts.commit == work.git("rev-parse", "HEAD")
        assert facts.branch == work.git("symbolic-ref", "--short", "HEAD")
        assert facts.created == int(work.git("log", "-1", "--format=%ct")) == WHEN
        assert (facts.dirty, facts.origin) == (False, None)

    @pytest.mark.parametrize("name", ["feature/A_b", "fix/#12@home", "日本語", "v1.2.3", "a" * 200, "-dash"])
    def test_a_branch_has_its_raw_name(self, work: Work, name: str):
        work.git("update-ref", f"refs/heads/{name}", "HEAD")
        work.git("symbolic-ref", "HEAD", f"refs/heads/{name}")

        assert work.facts().branch == name
        assert work.facts().created == WHEN

    def test_a_branch_called_as_a_tag_is_the_branch(self, work: Work):
        work.git("tag", "main")

        assert work.facts().branch == "main"

    def test_a_detached_head_has_no_branch(self, work: Work):
        work.git("checkout", "-q", "--detach")
        facts = work.facts()

        assert (facts.branch, facts.commit, facts.created) == (None, work.git("rev-parse", "HEAD"), WHEN)

    def test_a_tag_is_a_detached_head(self, work: Work):
        work.git("tag", "-a", "v1.2.3", "-m", "v1.2.3")
        work.git("checkout", "-q", "v1.2.3")

        assert (work.facts().branch, work.facts().commit) == (None, work.git("rev-parse", "HEAD"))

    def test_a_repository_by_sha_256_has_longer_ids(self, empty: Work):
        empty.git("init", "-q", "--object-format=sha256")
        empty.git("commit", "-q", "--allow-empty", "-m", "First")

        assert len(empty.facts().commit) == 64

    def test_a_shallow_clone_tells_the_same(self, work: Work, tmp_path: Path):
        work.git("commit", "-q", "--allow-empty", "-m", "Second")
        work.git("clone", "-q", "--depth=1", work.folder.as_uri(), str(tmp_path / "shallow"))
        clone = elsewhere(work, tmp_path / "shallow")

        assert (clone.facts().commit, clone.facts().created) == (work.facts().commit, WHEN)
        assert (clone.facts().shallow, work.facts().shallow) == (True, False)

    def test_a_clone_notes_its_remote_s_default_branch(self, work: Work, tmp_path: Path):
        work.git("branch", "-m", "release/2.x")
        work.git("clone", "-q", str(work.folder), str(tmp_path / "clone"))
        clone = elsewhere(work, tmp_path / "clone")
        assert clone.facts().default_branch == "release/2.x"

        clone.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/gone")
        assert clone.facts().default_branch is None

        clone.git("remote", "remove", "origin")
        assert (clone.facts().default_branch, clone.facts().commit) == (None, work.facts().commit)

    def test_a_signed_commit_s_time_is_a_number_and_no_signature_is_looked_at(self, work: Work, tmp_path: Path):
        head, _, message = work.git("cat-file", "commit", "HEAD").partition("\n\n")
        signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----"
        signed = work.write(".git/signed", f"{head}\n{signature}\n\n{message}\n")
        work.git("checkout", "-q", "--detach", work.git("hash-object", "-t", "commit", "-w", str(signed)))
        program = work.write(".git/gpg.sh", f"#!/bin/sh\ntouch '{tmp_path / 'canary'}'\n")
        program.chmod(0o755)
        work.git("config", "gpg.program", str(program))
        work.git("config", "log.showSignature", "true")

        assert work.facts().created == WHEN
        assert not (tmp_path / "canary").exists()

    def test_few_processes_are_started(self, work: Work):
        work.facts()

        assert len(work.started) <= 4


class TestDirty:
    def test_a_changed_file_is_dirt(self, work: Work):
        work.write("file", "other\n")

        assert work.facts().dirty

    def test_a_staged_file_is_dirt(self, work: Work):
        work.write("file", "other\n")
        work.git("add", "file")

        assert work.facts().dirty

    def test_a_removed_file_is_dirt(self, work: Work):
        (work.folder / "file").unlink()

        assert work.facts().dirty

    @pytest.mark.parametrize("name", ["new", "a folder/ä\tb", "# branch.oid", "\nnew"])
    def test_an_untracked_file_is_dirt(self, work: Work, name: str):
        work.write(name)

        assert work.facts().dirty
        assert work.facts().commit == work.git("rev-parse", "HEAD")

    def test_an_untracked_file_is_dirt_also_where_the_user_does_not_want_to_see_it(self, work: Work):
        work.git("config", "status.showUntrackedFiles", "no")
        work.write("new")

        assert work.facts().dirty

    def test_an_ignored_file_is_none(self, work: Work):
        work.write("build.log")

        assert not work.facts().dirty

    def test_a_file_touched_and_not_changed_is_none(self, work: Work):
        os.utime(work.folder / "file", (1, 1))

        assert not work.facts().dirty

    def test_dirt_counts_in_the_whole_repository(self, work: Work):
        work.write("sub/build.toml")
        work.git("add", ".")
        work.git("commit", "-q", "-m", "Second")
        work.write("new")

        assert elsewhere(work, work.folder / "sub").facts().dirty


class TestPlaces:
    @pytest.mark.parametrize("name", ["with space", "日本語", "quote'\"", "-dash", "a\nb"])
    def test_the_folder_may_be_called_anything(self, work: Work, tmp_path: Path, name: str):
        moved = elsewhere(work, work.folder.rename(tmp_path / name))

        assert moved.facts().branch == "main"

    def test_a_linked_work_tree_has_its_own_branch_and_dirt(self, work: Work, tmp_path: Path):
        work.git("worktree", "add", "-q", "-b", "other", str(tmp_path / "linked"))
        linked = elsewhere(work, tmp_path / "linked")
        linked.write("new")

        assert (linked.facts().branch, linked.facts().dirty) == ("other", True)
        assert (work.facts().branch, work.facts().dirty) == ("main", False)

    def test_a_folder_without_git_has_no_facts(self, empty: Work):
        assert git.read(empty.runner) is None

    def test_a_bare_repository_has_none(self, work: Work, tmp_path: Path):
        work.git("clone", "-q", "--bare", str(work.folder), str(tmp_path / "bare"))

        assert git.read(elsewhere(work, tmp_path / "bare").runner) is None

    def test_a_bare_repository_that_git_will_not_look_at_has_none_either(self, work: Work, tmp_path: Path):
        work.git("clone", "-q", "--bare", str(work.folder), str(tmp_path / "bare"))
        work.git("config", "--global", "safe.bareRepository", "explicit")

        assert git.read(elsewhere(work, tmp_path / "bare").runner) is None

    def test_the_inside_of_dot_git_has_none(self, work: Work):
        assert git.read(elsewhere(work, work.folder / ".git").runner) is None

    def test_without_git_there_are_none(self, work: Work, tmp_path: Path):
        work.environ["PATH"] = str(tmp_path / "home")

        assert git.read(work.runner) is None

    @pytest.mark.parametrize("language", ["de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"])
    def test_git_may_speak_another_language(self, empty: Work, language: str):
        empty.environ |= {"LANG": language, "LC_ALL": language, "LANGUAGE": language[:2]}

        assert git.read(empty.runner) is None


class TestRefusals:
    def test_a_repository_without_a_commit_is_an_error(self, empty: Work):
        empty.git("init", "-q")

        with pytest.raises(ConfigError, match="no commit"):
            git.read(empty.runner)

    def test_a_branch_without_a_commit_is_an_error(self, work: Work):
        work.git("checkout", "-q", "--orphan", "new")

        with pytest.raises(ConfigError, match="no commit"):
            git.read(work.runner)

    def test_a_repository_of_another_user_is_an_error_with_the_exact_way_out(self, work: Work, tmp_path: Path):
        theirs = elsewhere(work, work.folder.rename(tmp_path / "their work"))
        theirs.environ["GIT_TEST_ASSUME_DIFFERENT_OWNER"] = "1"  # git's own switch for its own tests of this

        with pytest.raises(ConfigError, match="another user owns") as refused:
            git.read(theirs.runner)

        step = refused.value.hint.partition("run: ")[2]
        subprocess.run(step, shell=True, env=theirs.environ, check=True, cwd=tmp_path)  # noqa: S602 - what a user would type
        assert theirs.facts().branch == "main"

    def test_a_broken_repository_is_an_error_that_names_the_cause(self, work: Work):
        (work.folder / ".git" / "index").write_bytes(b"no index")

        with pytest.raises(ConfigError, match="index"):
            git.read(work.runner)

    def test_a_commit_that_is_gone_is_an_error(self, work: Work):
        shutil.rmtree(work.folder / ".git" / "objects")
        (work.folder / ".git" / "objects").mkdir()

        with pytest.raises(ConfigError):
            git.read(work.runner)


class TestHarmless:
    def test_no_program_of_the_repository_s_choosing_is_run(self, work: Work, tmp_path: Path):
        canary = tmp_path / "canary"
        script = work.write(".git/canary.sh", f"#!/bin/sh\ntouch '{canary}'\n")
        script.chmod(0o755)
        for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "gpg.program", "core.editor"):
            work.git("config", key, str(script))
        hook = work.write(".git/hooks/post-index-change", script.read_text())
        hook.chmod(0o755)
        canary.unlink(missing_ok=True)
        os.utime(work.folder / "file", (1, 1))

        work.facts()

        assert not canary.exists()

    def test_nothing_is_written(self, work: Work):
        os.utime(work.folder / "file", (1, 1))
        before = {path: path.stat().st_mtime_ns for path in work.folder.rglob("*")}

        work.facts()

        assert {path: path.stat().st_mtime_ns for path in work.folder.rglob("*")} == before


class TestOrigin:
    @pytest.mark.parametrize(
        ("url", "repository", "web"),
        [
            (
                "https://github.com/AtomiCloud/my-service.git",
                "AtomiCloud/my-service",
                "https://github.com/AtomiCloud/my-service",
            ),
            (
                "git@github.com:AtomiCloud/my-service.git",
                "AtomiCloud/my-service",
                "https://github.com/AtomiCloud/my-service",
            ),
            ("ssh://git@github.com:22/acme/web", "acme/web", "https://github.com/acme/web"),
            ("https://ada:s3cr3t-t0ken@gitlab.example.com/a/b/c.git", "a/b/c", "https://gitlab.example.com/a/b/c"),
            ("https://s3cr3t-t0ken@github.com/acme/web.git/", "acme/web", "https://github.com/acme/web"),
            (
                "https://gitea.example.com:3000/acme/web.git?x=s3cr3t-t0ken",
                "acme/web",
                "https://gitea.example.com:3000/acme/web",
            ),
            ("git://example.com/acme/web.git", "acme/web", "https://example.com/acme/web"),
        ],
    )
    def test_the_remote_names_repository_and_web_page(self, work: Work, url: str, repository: str, web: str):
        work.git("remote", "add", "origin", url)
        facts = work.facts()
        context = observe(None, None, work.environ, work.runner)

        assert facts.origin is not None
        assert git.repository_of(facts.origin) == context.repository == repository
        assert git.web_address(facts.origin) == context.source_url == web
        assert "s3cr3t" not in f"{facts} {context}"

    @pytest.mark.parametrize(
        "url",
        ["/srv/git/web.git", "../web", "file:///srv/git/web.git", "C:\\git\\web", "https://", "https://[half/acme/web"],
    )
    def test_a_remote_on_this_machine_names_none(self, work: Work, url: str):
        work.git("config", "remote.origin.url", url)

        with pytest.raises(ConfigError, match="repository's name is not known") as refused:
            observe(None, None, work.environ, work.runner)
        assert "[project]" in refused.value.hint
        assert "GITHUB_REPO_REF" in refused.value.hint

    def test_a_remote_that_cannot_be_used_shows_no_password(self, work: Work):
        work.git("config", "remote.origin.url", "https://ada:s3cr3t-t0ken@")

        with pytest.raises(ConfigError) as refused:
            observe(None, None, work.environ, work.runner)
        assert "s3cr3t" not in str(refused.value)


class TestLaptop:
    def test_a_laptop_needs_no_variables(self, work: Work):
        work.git("remote", "add", "origin", "git@github.com:AtomiCloud/my-service.git")
        work.git("switch", "-q", "-c", "feature/A")
        context = observe(None, None, work.environ, work.runner)

        assert (context.ci, context.event, context.branch, context.default_branch) == (
            "local",
            Event.LOCAL,
            "feature/A",
            "main",
        )
        assert context.commit == context.revision == work.git("rev-parse", "HEAD")

    def test_a_detached_head_says_what_to_do(self, work: Work):
        work.git("remote", "add", "origin", "git@github.com:AtomiCloud/my-service.git")
        work.git("checkout", "-q", "--detach")

        with pytest.raises(ConfigError, match="branch is not known") as refused:
            observe(None, None, work.environ, work.runner)
        assert "git switch" in refused.value.hint
        assert "GITHUB_BRANCH" in refused.value.hint

        work.environ["GITHUB_BRANCH"] = "main"
        assert observe(None, None, work.environ, work.runner).branch == "main"

    def test_a_folder_without_git_says_what_to_do(self, empty: Work):
        with pytest.raises(ConfigError, match="commit is not known") as refused:
            observe(None, None, empty.environ, empty.runner)
        assert "GITHUB_SHA" in refused.value.hint
