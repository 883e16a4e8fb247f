from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from docker_push import git
from docker_push.errors import ConfigError
from docker_push.process import Completed
from recorded_programs import RecordedPrograms, completed, no_programs

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HEAD = f"# branch.oid {COMMIT}\n# branch.head feature/A_b\n"

REMOTES = [
    ("https://github.com/AtomiCloud/my-service", "AtomiCloud/my-service", "https://github.com/AtomiCloud/my-service"),
    (
        "https://github.com/AtomiCloud/my-service.git",
        "AtomiCloud/my-service",
        "https://github.com/AtomiCloud/my-service",
    ),
    ("https://github.com/a/b.git/", "a/b", "https://github.com/a/b"),
    ("http://forge.example:3000/a/b.git", "a/b", "http://forge.example:3000/a/b"),
    ("git@github.com:a/b.git", "a/b", "https://github.com/a/b"),
    ("github.com:a/b", "a/b", "https://github.com/a/b"),
    ("ssh://git@github.com/a/b.git", "a/b", "https://github.com/a/b"),
    ("ssh://git@forge.example:2222/group/sub/b.git", "group/sub/b", "https://forge.example/group/sub/b"),
    ("git+ssh://git@github.com/a/b", "a/b", "https://github.com/a/b"),
    ("git://github.com/a/b.git", "a/b", "https://github.com/a/b"),
    ("ssh://git@[2001:db8::1]:22/a/b", "a/b", "https://[2001:db8::1]/a/b"),
    ("https://user:t0ken@github.com/a/b.git", "a/b", "https://github.com/a/b"),
    ("git@work:a/b.git", "a/b", None),  # a host of this machine's SSH configuration
    ("/srv/git/b.git", None, None),
    ("../b", None, None),
    ("file:///srv/git/b.git", None, None),
    (r"C:\git\b", None, None),
    ("C:/git/b", None, None),
    ("https://github.com/", None, None),
    ("https:///a/b", None, None),
    ("https://host:port/a/b", None, None),
    ("https://[::1/a/b", None, None),
    ("", None, None),
]


@pytest.mark.parametrize(("url", "repository", "web"), REMOTES)
def test_a_remote_s_url_says_repository_and_web_address(url: str, repository: str | None, web: str | None):
    assert (git.repository_of(url), git.web_address(url)) == (repository, web)


def programs(
    status: Completed, *, url: str = "", clone: Completed | None = None, time: str = "1700000000\n"
) -> RecordedPrograms:
    answers = {
        "status": status,
        "rev-parse": clone or completed("false\nrefs/remotes/origin/HEAD\n", stderr="fatal: unknown", status=128),
        "log": completed(time),
        "config": completed(url, status=0 if url else 1),
    }
    return RecordedPrograms(
        environ={"LANG": "de_DE.UTF-8"},
        folder=Path("/src"),
        programs={"git": lambda argv, _input, _environ: next(answers[word] for word in argv if word in answers)},
    )


def test_no_git_and_no_repository_are_no_facts():
    assert git.read(no_programs(Path("/src"))) is None
    for text in (
        "fatal: not a git repository (or any of the parent directories): .git",
        "fatal: this operation must be run in a work tree",
        "fatal: cannot use bare repository '/src' (safe.bareRepository is 'explicit')",
    ):
        assert git.read(programs(completed(stderr=text, status=128))) is None


def test_git_is_asked_in_english_whatever_the_user_speaks():
    def answer(_argv: object, _input: object, environ: Mapping[str, str]) -> Completed:
        english = environ["LC_ALL"] == "C"
        return completed(
            stderr="fatal: not a git repository" if english else "Schwerwiegend: Kein Git-Repository", status=128
        )

    runner = RecordedPrograms(environ={"LC_ALL": "de_DE.UTF-8"}, folder=Path("/src"), programs={"git": answer})

    assert git.read(runner) is None


def test_the_facts_of_a_branch_and_of_a_detached_head_cost_four_processes():
    clone = completed("true\nrefs/remotes/origin/release/2.x\n")
    attached = programs(completed(HEAD), clone=clone, url="git@github.com:a/b.git\n")
    detached = programs(completed(HEAD.replace("feature/A_b", "(detached)")))

    assert git.read(attached) == git.GitFacts(
        commit=COMMIT,
        branch="feature/A_b",
        dirty=False,
        created=1_700_000_000,
        origin="github.com:a/b.git",
        default_branch="release/2.x",
        shallow=True,
    )
    assert git.read(detached) == git.GitFacts(commit=COMMIT, branch=None, dirty=False, created=1_700_000_000)
    assert (len(attached.calls), len(detached.calls)) == (4, 4)


def test_git_runs_no_program_that_the_repository_names_and_takes_no_lock():
    runner = programs(completed(HEAD))
    git.read(runner)

    for argv, _ in runner.calls:
        assert argv[:4] == ("git", "--no-optional-locks", "-c", "core.fsmonitor=false")


@pytest.mark.parametrize("line", ["1 .M N... 100644 100644 100644 a b file", "? # branch.oid x", "? file"])
def test_any_change_or_untracked_file_is_dirty(line: str):
    found = git.read(programs(completed(f"{HEAD}{line}\n")))

    assert found is not None
    assert (found.dirty, found.commit) == (True, COMMIT)


def test_a_branch_s_name_is_one_line_whatever_it_holds():
    found = git.read(programs(completed(HEAD.replace("feature/A_b", "a\u2028b\x85c"))))

    assert found is not None
    assert (found.branch, found.dirty) == ("a\u2028b\x85c", False)


def test_a_time_that_git_does_not_tell_is_not_made_up():
    found = git.read(programs(completed(HEAD), time=""))

    assert found is not None
    assert found.created is None


@pytest.mark.parametrize(
    "url",
    [
        "https://user:t0ken@github.com/a/b.git",
        "https://t0ken@github.com/a/b.git?access=t0ken#t0ken",
        "https://us@er:t0ken@github.com/a/b.git",
        "ssh://git:t0ken@github.com/a/b.git",
        "user:t0ken@github.com:a/b.git",
        "weird://t0ken@github.com/a/b.git",
    ],
)
def test_no_credential_of_the_remote_s_url_gets_in(url: str):
    found = git.read(programs(completed(HEAD), url=f"{url}\nhttps://second.example/x\n"))

    assert found is not None
    assert found.origin is not None
    assert "t0ken" not in found.origin
    assert found.origin.endswith(("github.com/a/b.git", "github.com:a/b.git"))


def test_a_path_on_this_machine_stays_as_it_is():
    found = git.read(programs(completed(HEAD), url="/srv/git@home/b:c.git\n"))

    assert found is not None
    assert (found.origin, git.repository_of(found.origin or "")) == ("/srv/git@home/b:c.git", None)


def test_a_repository_without_a_commit_says_what_to_do():
    with pytest.raises(ConfigError, match="no commit") as caught:
        git.read(programs(completed("# branch.oid (initial)\n# branch.head main\n")))

    assert "Commit something first" in caught.value.hint


def test_a_repository_of_another_user_names_the_exact_next_step():
    text = (
        "fatal: detected dubious ownership in repository at '/src/a b'\n"
        "To add an exception for this directory, call:\n\n\tgit config --global --add safe.directory '/src/a b'"
    )
    with pytest.raises(ConfigError, match="another user owns") as caught:
        git.read(programs(completed(stderr=text, status=128)))

    assert caught.value.hint.endswith("run: git config --global --add safe.directory '/src/a b'")


def test_the_first_git_that_refused_another_user_s_repository_names_no_step_so_we_do():
    text = "fatal: unsafe repository ('/src' is owned by someone else)"
    with pytest.raises(ConfigError, match="another user owns") as caught:
        git.read(programs(completed(stderr=text, status=128)))

    assert "safe.directory FOLDER" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "shown"), [("fatal: index file corrupt\nmore", "index file corrupt"), ("", "exit status 128")]
)
def test_anything_else_is_git_s_own_first_line(text: str, shown: str):
    with pytest.raises(ConfigError, match=shown):
        git.read(programs(completed(stderr=text, status=128)))
