"""What is counted of an image's files: all that BuildKit sees of them, and nothing else."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_push.errors import ConfigError
from docker_push.inputs import Contexts, Local, tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "Dockerfile", "FROM scratch\n")
    write(tmp_path, "src/main.py", "print()\n")
    write(tmp_path, "src/deep/x.py", "x\n")
    write(tmp_path, "README.md", "text\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("src")
    return tmp_path


EMPTY = hashlib.sha256(b"").hexdigest()


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def look(root: Path, dockerfile: str = "Dockerfile", context: str = ".") -> Local:
    return Contexts(root).local(dockerfile, context)


def names(root: Path, dockerfile: str | None = "Dockerfile", context: str = ".") -> set[str]:
    return set(Contexts(root).entries(dockerfile, context))


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda root: write(root, "src/main.py", "print(1)\n"),
    "content of the same length": lambda root: write(root, "src/main.py", "print[]\n"),
    "a new file": lambda root: write(root, "src/new", ""),
    "a file is gone": lambda root: (root / "README.md").unlink(),
    "a name": lambda root: (root / "README.md").rename(root / "README"),
    "another folder": lambda root: (root / "README.md").rename(root / "src/README.md"),
    "an empty directory": lambda root: (root / "empty").rmdir(),
    "a new empty directory": lambda root: (root / "src/none").mkdir(),
    "a mode": lambda root: (root / "src/main.py").chmod(0o755),
    "the sticky bit of a directory": lambda root: (root / "src").chmod(0o1755),
    "setuid": lambda root: (root / "src/main.py").chmod(0o4644),
    "a link's target": lambda root: ((root / "link").unlink(), (root / "link").symlink_to("src/")),
    "a file for a link": lambda root: ((root / "link").unlink(), write(root, "link", "src")),
    "a FIFO": lambda root: os.mkfifo(root / "fifo"),
}


class TestDigest:
    @pytest.mark.parametrize("change", CHANGES)
    def test_all_that_buildkit_sees_counts(self, root: Path, change: str):
        before = look(root)
        CHANGES[change](root)

        assert look(root).digest != before.digest

    def test_times_do_not_count(self, root: Path):
        before = look(root)
        for path in (root / "src/main.py", root / "src", root):
            os.utime(path, (1, 1))

        assert look(root) == before

    def test_a_hard_link_is_its_content(self, root: Path):
        write(root, "again", "text\n")
        before = look(root)
        (root / "again").unlink()
        (root / "again").hardlink_to(root / "README.md")

        assert look(root) == before

    def test_a_socket_is_an_empty_file(self, root: Path):
        before = socket.socket(socket.AF_UNIX)
        place = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            before.bind(f"/proc/self/fd/{place}/s" if Path("/proc/self/fd").exists() else str(root / "s"))
        finally:
            os.close(place)
            before.close()
        (root / "s").chmod(0o640)

        assert Contexts(root).entries("Dockerfile", ".")["s"] == f"file 640 {EMPTY}"

    def test_extended_attributes_count_as_they_do_for_buildkit_s_cache(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ):
        attributes = [
            "user.colour",
            "security.selinux",
            "system.posix_acl_access",
            "security.capability",
            "com.apple.x",
        ]
        monkeypatch.setattr(tree, "_LISTXATTR", lambda *_, **__: attributes)
        monkeypatch.setattr(os, "getxattr", lambda _, name, **__: name[:2].encode(), raising=False)
        found = Contexts(root).entries("Dockerfile", ".")

        assert found["link"] == "link security.capability=7365 user.colour=7573 src"
        assert found["empty"] == "directory 755 security.capability=7365 user.colour=7573"
        assert found["README.md"].startswith("file 644 security.capability=7365 user.colour=7573 ")

    def test_names_and_contents_cannot_be_mistaken_for_each_other(self, tmp_path: Path):
        write(tmp_path, "one/Dockerfile", "")
        write(tmp_path, "two/Dockerfile", "")
        write(tmp_path, "one/a/b", "")
        write(tmp_path, "two/a", "")
        write(tmp_path, "two/b", "")

        assert look(tmp_path, "one/Dockerfile", "one").digest != look(tmp_path, "two/Dockerfile", "two").digest

    def test_files_and_bytes_are_counted(self, root: Path):
        found = look(root)

        assert (found.files, found.size) == (5, len("FROM scratch\nprint()\nx\ntext\n"))

    def test_a_big_file_is_hashed_in_pieces(self, root: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(tree, "_PIECE", 4)
        text = "0123456789" * 5
        write(root, "big", text)

        entry = Contexts(root).entries("Dockerfile", ".")["big"]
        assert entry == f"file 644 {hashlib.sha256(text.encode()).hexdigest()}"

    @pytest.mark.skipif(sys.platform == "darwin", reason="APFS has no such names")
    def test_a_name_that_is_no_utf_8_is_a_name(self, root: Path):
        write(root, "x\udcff", "")

        assert "x\udcff" in names(root)
        assert look(root).digest != look(root, context="src").digest

    def test_a_very_deep_tree_is_walked(self, root: Path):
        here = root
        for _ in range(1200):
            here /= "d"
            here.mkdir()

        try:
            assert len(names(root)) == len(names(root, context="src")) + 5 + 1200
        finally:
            while here != root:  # shutil.rmtree would call itself as often
                here.rmdir()
                here = here.parent


class TestRules:
    def test_what_is_ignored_does_not_count(self, root: Path):
        write(root, ".dockerignore", "*.md\n.dockerignore\nsrc/deep\n")
        before = look(root)
        write(root, "README.md", "other\n")
        write(root, "src/deep/y", "")
        write(root, ".dockerignore", "# the same, said otherwise\n/*.md\n/.dockerignore\nsrc/deep/\n")

        assert look(root).digest == before.digest
        assert names(root) == {"Dockerfile", "src", "src/main.py", "empty", "link"}

    def test_an_ignored_directory_is_there_for_what_is_kept_in_it(self, root: Path):
        write(root, ".dockerignore", "*\n!src/deep/x.py\n")
        found = Contexts(root).entries("Dockerfile", ".")
        (root / "src").chmod(0o700)

        assert set(found) == {"src", "src/deep", "src/deep/x.py"}
        assert Contexts(root).entries("Dockerfile", ".")["src"] == "directory 700"

    def test_an_ignored_directory_that_is_empty_is_not_there(self, root: Path):
        write(root, ".dockerignore", "*\n!empty/x\n!src/main.py\n")

        assert names(root) == {"src", "src/main.py"}

    def test_an_ignored_directory_that_is_walked_for_nothing_does_not_count(self, root: Path):
        write(root, ".dockerignore", "*\n!empty/x\n!src/main.py\n")
        before = look(root)
        (root / "empty").chmod(0o700)

        assert look(root) == before

    def test_the_dockerfile_counts_even_where_it_is_ignored(self, root: Path):
        write(root, ".dockerignore", "*\n")
        before = look(root)
        write(root, "Dockerfile", "FROM busybox\n")

        assert (look(root).digest, look(root).dockerfile) == (
            before.digest,
            hashlib.sha256(b"FROM busybox\n").hexdigest(),
        )

    def test_the_rules_beside_the_dockerfile_win(self, root: Path):
        write(root, ".dockerignore", "src\n")
        write(root, "infra/Worker", "FROM scratch\n")
        write(root, "infra/Worker.dockerignore", "*\n!README.md\n")

        assert names(root, "infra/Worker") == {"README.md"}
        assert "infra/Worker.dockerignore" in names(root)

    def test_an_empty_file_beside_the_dockerfile_ignores_nothing(self, root: Path):
        write(root, ".dockerignore", "*\n")
        write(root, "Dockerfile.dockerignore", "")

        assert "src/main.py" in names(root)

    def test_a_named_context_has_its_own_rules_and_no_others(self, root: Path):
        write(root, ".dockerignore", "*\n")
        write(root, "Dockerfile.dockerignore", "*\n")
        write(root, "src/.dockerignore", "deep\n")

        assert names(root, None, "src") == {".dockerignore", "main.py"}
        assert Contexts(root).named("src").dockerfile is None
        assert Contexts(root).whole("src").files == 3

    def test_links_of_an_ignore_file_stay_in_its_folder(self, root: Path):
        write(root, "src/rules", "*.md\n")
        (root / ".dockerignore").symlink_to("/src/rules")
        assert "README.md" not in names(root)

        (root / "src/absolute").symlink_to("/src/rules")
        (root / ".dockerignore").unlink()
        (root / ".dockerignore").symlink_to("src/absolute")
        assert "README.md" not in names(root)

        write(root, "src/app/Dockerfile", "")
        (root / "src/app/.dockerignore").symlink_to("../rules")
        write(root, "src/app/x.md", "")
        assert "x.md" in names(root, "src/app/Dockerfile", "src/app")

    @pytest.mark.parametrize("target", [".dockerignore", "missing", "src", "README.md/x"])
    def test_an_ignore_file_that_buildkit_finds_none_in_ignores_nothing(self, root: Path, target: str):
        (root / ".dockerignore").symlink_to(target)

        assert "src/main.py" in names(root)

    def test_an_unignored_git_folder_counts_and_is_told(self, root: Path):
        write(root, ".git/HEAD", "ref: refs/heads/main\n")
        before = look(root)
        write(root, ".git/HEAD", "ref: refs/heads/other\n")
        assert (before.holds_git, look(root).digest == before.digest) == (True, False)

        write(root, ".dockerignore", ".git\n")
        assert not look(root).holds_git

    def test_a_file_that_is_sent_empty_is_told_and_counts_with_its_content(self, root: Path):
        write(root, ".dockerignore", "*\n!src/main.py\nsrc\n")
        before = look(root)
        entry = Contexts(root).entries("Dockerfile", ".")["src/main.py"]
        write(root, "src/main.py", "print[]\n")

        assert (
            entry == f"file 644 {EMPTY} (sent empty instead of {hashlib.sha256(b'print()' + bytes([10])).hexdigest()})"
        )
        assert (before.size, look(root).digest == before.digest) == (0, False)

    def test_where_a_file_is_sent_empty_its_other_names_count(self, root: Path):
        write(root, ".dockerignore", "*\n!src/main.py\nsrc\n!README.md\n!again\n")
        (root / "again").hardlink_to(root / "src/main.py")
        before = look(root)
        found = Contexts(root).entries("Dockerfile", ".")
        (root / "again").unlink()
        write(root, "again", "print()\n")

        assert found["src/main.py"].endswith(") (links: 2)")
        assert look(root).digest != before.digest


class TestReading:
    def test_each_file_is_read_once_for_all_images(self, root: Path, monkeypatch: pytest.MonkeyPatch):
        read: list[str] = []
        original = tree.file_entry

        def noted(parent: int, name: str) -> tuple[tree.Entry, tree.Mark]:
            read.append(name)
            return original(parent, name)

        monkeypatch.setattr(tree, "file_entry", noted)
        for number in range(9):
            write(root, f"docker/{number}", "")
            write(
                root, f"docker/{number}.dockerignore", f"docker\nsrc/{'deep' if number % 2 else 'main.py'}\n{number}\n"
            )
        contexts = Contexts(root)
        found = {contexts.local(f"docker/{number}", ".").digest for number in range(9)}
        contexts.local("Dockerfile", "src")
        contexts.named("src")

        assert len(found) == 2
        assert sorted(read) == ["Dockerfile", "README.md", "main.py", "x.py"]

    def test_what_is_ignored_is_not_opened(self, root: Path):
        write(root, ".dockerignore", "node_modules\nsecret\n")
        write(root, "node_modules/x", "").chmod(0)
        write(root, "secret", "").chmod(0)
        (root / "node_modules").chmod(0)

        assert look(root).files == 6
        (root / "node_modules").chmod(0o700)

    def test_what_cannot_be_read_is_one_error_with_its_path(self, root: Path, monkeypatch: pytest.MonkeyPatch):
        original = tree.file_entry

        def refused(parent: int, name: str) -> tuple[tree.Entry, tree.Mark]:
            if name == "main.py":
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))  # root may read everything
            return original(parent, name)

        monkeypatch.setattr(tree, "file_entry", refused)
        with pytest.raises(ConfigError, match=r"src/main\.py: cannot read it \(Permission denied\)"):
            look(root)

    def test_what_vanishes_is_one_error_with_its_path(self, root: Path, monkeypatch: pytest.MonkeyPatch):
        original = tree.file_entry

        def removed(parent: int, name: str) -> tuple[tree.Entry, tree.Mark]:
            (root / "src/main.py").unlink(missing_ok=True)
            return original(parent, name)

        monkeypatch.setattr(tree, "file_entry", removed)
        with pytest.raises(ConfigError, match=r"src/main\.py: cannot read it \(No such file or directory\)") as caught:
            look(root)
        assert "\n" not in str(caught.value)

    def test_a_fifo_in_a_file_s_place_keeps_nobody_waiting(self, root: Path, monkeypatch: pytest.MonkeyPatch):
        original = tree.file_entry

        def replaced(parent: int, name: str) -> tuple[tree.Entry, tree.Mark]:
            if name == "main.py":
                (root / "src/main.py").unlink()
                os.mkfifo(root / "src/main.py")
            return original(parent, name)

        monkeypatch.setattr(tree, "file_entry", replaced)
        with pytest.raises(ConfigError, match=r"src/main\.py: cannot read it \(something else is in its place"):
            look(root)

    @pytest.mark.parametrize("change", [name for name in CHANGES if name != "a mode"])
    def test_what_changes_after_it_was_read_is_told(self, root: Path, change: str):
        contexts = Contexts(root)
        contexts.local("Dockerfile", ".")
        assert contexts.changed() is None

        CHANGES[change](root)
        assert contexts.changed() is not None

    def test_a_dockerfile_that_links_out_of_its_folder_is_refused(self, root: Path):
        (root / "src/Dockerfile").symlink_to("../Dockerfile")

        with pytest.raises(ConfigError, match="src/Dockerfile: cannot read the Dockerfile"):
            look(root, "src/Dockerfile", "src")
