"""Which images a change can affect, with the real git."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from docker_push import changes, config, options
from docker_push.errors import ConfigError
from docker_push.options import Flags
from docker_push.process import Runner

BUILD = """
[images.api]
context = "services/api"
dockerfile = "services/api/Dockerfile"
[images.web]
context = "services/web"
dockerfile = "infra/web.Dockerfile"
contexts = { shared = "shared" }
secret = [{ id = "token", src = "token.txt" }]
[images.all]
dockerfile = "Dockerfile"
"""
FILES = {
    "build.toml": BUILD,
    "Dockerfile": "FROM scratch\n",
    ".dockerignore": "services\ninfra\nshared\ntoken.txt\n!services/api/schema.json\n.git\nbuild.toml\n",
    "services/api/Dockerfile": "FROM scratch\n",
    "services/api/.dockerignore": "docs\n",
    "services/api/main.py": "print()\n",
    "services/api/docs/x.md": "x\n",
    "services/api/schema.json": "{}\n",
    "services/web/app.js": "x\n",
    "services/web/old.js": "old\n",
    "infra/web.Dockerfile": "FROM scratch\n",
    "infra/web.Dockerfile.dockerignore": "*.md\n",
    "shared/.dockerignore": "test\n",
    "shared/lib.js": "x\n",
    "shared/test/t.js": "x\n",
    "token.txt": "secret\n",
    ".gitignore": "*.log\n",
}


class Repository:
    """A work tree with three images and one commit, called ``before``."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        identity = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        path = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
        self.runner = Runner(environ={**path, **identity, "GIT_CEILING_DIRECTORIES": str(home)}, folder=root)

    def git(self, *arguments: str) -> str:
        done = self.runner.run(["git", *arguments])
        assert done.status == 0, done.stderr
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "-q", "-m", "x")

    def affected(self, ref: str = "before", *, environ: Mapping[str, str] = {}) -> dict[str, str]:
        difference = changes.compare(self.runner, ref)
        now = options.resolve(config.load(self.root / "build.toml", self.root), Flags(), environ).images
        then = changes.images(changes.content(self.runner, difference.commit, "build.toml"), Flags(), environ)
        content = partial(changes.content, self.runner, difference.commit)
        return changes.affected(difference, now, then, self.root, content)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "work").mkdir()
    found = Repository(tmp_path / "work", tmp_path)
    found.git("init", "-q", "-b", "main")
    for name, text in FILES.items():
        found.write(name, text)
    found.commit()
    found.git("tag", "before")
    return found


def test_nothing_is_affected_by_nothing(repository: Repository):
    assert repository.affected() == {}
    repository.git("commit", "-q", "--allow-empty", "-m", "x")
    assert repository.affected() == {}


@pytest.mark.parametrize(
    ("name", "images"),
    [
        ("services/api/main.py", {"api"}),
        ("services/api/new file\n.py", {"api"}),
        ("services/api/docs/x.md", set()),
        ("services/api/schema.json", {"api", "all"}),
        ("services/api/Dockerfile", {"api"}),
        ("services/web/app.js", {"web"}),
        ("services/web/README.md", set()),
        ("infra/web.Dockerfile", {"web"}),
        ("infra/other", set()),
        ("shared/lib.js", {"web"}),
        ("shared/test/t.js", set()),
        ("token.txt", set()),
        ("Dockerfile", {"all"}),
        ("README.md", {"all"}),
        ("debug.log", set()),
    ],
)
@pytest.mark.parametrize("committed", [False, True])
def test_an_image_is_affected_by_what_it_is_built_from(
    repository: Repository, name: str, images: set[str], *, committed: bool
):
    repository.write(name, "other\n")
    if committed and images:
        repository.commit()

    found = repository.affected()
    assert found == dict.fromkeys(images, f"{name} changed")


def test_what_is_deleted_and_both_names_of_what_is_renamed_count(repository: Repository):
    (repository.root / "services/web/old.js").unlink()
    assert repository.affected() == {"web": "services/web/old.js changed"}

    repository.write("services/web/old.js", "old\n")
    repository.git("mv", "services/api/main.py", "services/web/main.py")
    assert set(repository.affected()) == {"api", "web"}


def test_a_mode_and_a_link_for_a_file_count(repository: Repository):
    (repository.root / "services/api/main.py").chmod(0o755)
    assert set(repository.affected()) == {"api"}

    (repository.root / "shared/lib.js").unlink()
    (repository.root / "shared/lib.js").symlink_to("test/t.js")
    assert set(repository.affected()) == {"api", "web"}


def test_other_ignore_rules_count_and_the_same_ones_do_not(repository: Repository):
    repository.write("infra/web.Dockerfile.dockerignore", "# why\n*.md\n")
    assert repository.affected() == {}

    repository.write("infra/web.Dockerfile.dockerignore", "*.md\n*.txt\n")
    assert repository.affected() == {"web": "infra/web.Dockerfile.dockerignore changed"}
    (repository.root / "infra/web.Dockerfile.dockerignore").unlink()
    assert repository.affected() == {"web": "infra/web.Dockerfile.dockerignore changed"}

    repository.write("infra/web.Dockerfile.dockerignore", "*.md\n")
    repository.write("shared/.dockerignore", "test\nlib.js\n")
    assert repository.affected() == {"web": "shared/.dockerignore changed"}


def test_build_toml_counts_for_the_images_that_it_says_something_else_of(repository: Repository):
    repository.write("build.toml", BUILD + '[images.all.args]\nA = "1"\n[images.new]\ndockerfile = "Dockerfile"\n')
    assert repository.affected() == {"all": "build.toml: args changed", "new": "build.toml: not in before"}

    repository.write("build.toml", '[defaults]\nplatforms = ["linux/arm64"]\n' + BUILD + "[cache]\n")
    assert repository.affected() == dict.fromkeys(("api", "web", "all"), "build.toml: platforms changed")


def test_a_build_toml_that_could_not_be_used_tells_nothing(repository: Repository):
    repository.write("build.toml", "what = 1\n")
    repository.commit()
    repository.git("tag", "broken")
    repository.write("build.toml", BUILD)

    assert set(repository.affected("broken").values()) == {"build.toml of broken cannot be read"}


def test_an_unignored_git_folder_changes_with_every_commit(repository: Repository):
    repository.write(".dockerignore", FILES[".dockerignore"].replace(".git\n", ""))
    repository.commit()
    repository.git("tag", "-f", "before")
    assert repository.affected() == {}

    repository.git("commit", "-q", "--allow-empty", "-m", "x")
    assert repository.affected() == {"all": ".git is part of its context, and changes with every commit"}


def test_a_submodule_counts_as_a_whole(repository: Repository, tmp_path: Path):
    other = Repository(tmp_path / "other", tmp_path)
    other.root.mkdir()
    other.git("init", "-q")
    other.write("file", "x\n")
    other.commit()
    allowed = ("-c", "protocol.file.allow=always")
    repository.git(*allowed, "submodule", "add", "-q", str(other.root), "services/web/vendor")
    repository.commit()
    repository.git("tag", "-f", "before")
    assert repository.affected() == {}

    repository.write("services/web/vendor/file", "y\n")
    assert repository.affected() == {"web": "services/web/vendor changed"}
    repository.git("-C", "services/web/vendor", "checkout", "-q", ".")
    repository.write("services/web/vendor/untracked", "y\n")
    assert repository.affected() == {"web": "services/web/vendor changed"}


def test_a_repository_that_is_no_submodule_counts_as_a_whole(repository: Repository):
    repository.git("init", "-q", "services/api/inner")
    repository.write("services/api/inner/x", "x\n")

    assert set(repository.affected()) == {"api"}


def test_an_ignored_repository_counts_where_an_exception_may_be_in_it(repository: Repository):
    repository.git("init", "-q", "services/api/inner")
    repository.write("services/api/inner/x", "x\n")
    repository.write("services/api/.dockerignore", "docs\ninner\n")
    repository.git("add", "services/api/.dockerignore")
    repository.git("commit", "-q", "-m", "x")
    repository.git("tag", "-f", "before")
    assert repository.affected() == {}

    repository.write("services/api/.dockerignore", "docs\ninner\n!inner/x\n")
    repository.git("commit", "-q", "-a", "-m", "x")
    repository.git("tag", "-f", "before")
    assert repository.affected() == {"api": "services/api/inner changed"}


def test_links_to_dockerfiles_and_contexts_are_followed(repository: Repository):
    (repository.root / "ctx").symlink_to("services/web")
    repository.write("build.toml", BUILD.replace('"services/web"', '"ctx"').replace('"infra/web.D', '"infra/link.D'))
    (repository.root / "infra/link.Dockerfile").symlink_to("web.Dockerfile")
    repository.commit()
    repository.git("tag", "-f", "before")

    repository.write("infra/web.Dockerfile", "FROM busybox\n")
    assert repository.affected() == {"web": "infra/web.Dockerfile changed"}
    repository.git("checkout", "-q", ".")
    repository.write("services/web/app.js", "y\n")
    assert repository.affected() == {"web": "services/web/app.js changed"}


def test_what_git_was_told_not_to_look_at_counts(repository: Repository):
    repository.git("update-index", "--assume-unchanged", "services/api/main.py")
    repository.write("services/api/main.py", "other\n")

    assert repository.affected() == {"api": "services/api/main.py changed"}


def test_attributes_count_where_they_hold(repository: Repository):
    repository.write("services/.gitattributes", "*.js eol=crlf\n")

    assert repository.affected() == dict.fromkeys(("api", "web", "all"), "services/.gitattributes changed")


def test_a_root_below_the_repository_s_top_sees_its_own_files_alone(tmp_path: Path):
    (tmp_path / "work/part").mkdir(parents=True)
    top, part = Repository(tmp_path / "work", tmp_path), Repository(tmp_path / "work/part", tmp_path)
    top.git("init", "-q")
    for name, text in FILES.items():
        part.write(name, text)
    top.write("services/api/main.py", "x\n")
    top.commit()
    top.git("tag", "before")
    top.write("services/api/main.py", "y\n")
    assert part.affected() == {}

    part.write("services/api/main.py", "y\n")
    assert part.affected() == {"api": "services/api/main.py changed"}


@pytest.mark.parametrize(
    ("ref", "command"),
    [
        ("origin/main", "git fetch --depth=1 origin main:refs/remotes/origin/main"),
        ("v1.2.3", "git fetch --depth=1 origin v1.2.3:v1.2.3"),
        ("a" * 40, f"git fetch --depth=1 origin {'a' * 40}"),
        ("HEAD~3", "git fetch --unshallow origin"),
    ],
)
def test_a_commit_that_a_shallow_clone_lacks_is_one_error_with_the_command(
    repository: Repository, tmp_path: Path, ref: str, command: str
):
    repository.git("clone", "-q", "--depth=1", "--no-tags", repository.root.as_uri(), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone", tmp_path)
    clone.git("update-ref", "-d", "refs/remotes/origin/main")
    clone.git("commit", "-q", "--allow-empty", "-m", "x")
    clone.git("fetch", "-q", "--depth=1")
    clone.git("update-ref", "-d", "refs/remotes/origin/main")

    with pytest.raises(ConfigError, match=f"there is no commit '{ref}' in this clone") as caught:
        changes.compare(clone.runner, ref)
    assert command in caught.value.hint
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ref", ["", "--output=x", "a\nb"])
def test_what_can_be_no_commit_is_not_given_to_git(repository: Repository, ref: str):
    with pytest.raises(ConfigError, match="names no commit"):
        changes.compare(repository.runner, ref)


def test_outside_of_a_work_tree_the_cause_is_git_s(tmp_path: Path):
    with pytest.raises(ConfigError, match="not a git repository"):
        changes.compare(Repository(tmp_path, tmp_path).runner, "main")
