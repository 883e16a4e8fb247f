from __future__ import annotations

from pathlib import Path

import pytest

from docker_push import config
from docker_push.errors import FindingsError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "infra").mkdir(parents=True)
    (root / "Dockerfile").touch()
    (root / "infra" / "Dockerfile.worker").touch()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "Dockerfile").touch()
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "in").symlink_to(root / "infra")
    return root


def details(root: Path, text: str) -> list[str]:
    (root / "build.toml").write_text(text)
    try:
        config.load(root / "build.toml", root)
    except FindingsError as error:
        return list(error.details)
    return []


@pytest.mark.parametrize(
    "line",
    [
        'dockerfile = "Dockerfile"',
        'dockerfile = "infra/Dockerfile.worker"',
        'dockerfile = "in/Dockerfile.worker"',
        'context = "in"',
        'context = "made/by/an/earlier/step"',
        'context = "https://example.com/x.git"\ndockerfile = "in/there"',
        'secret = [{ id = "a", src = "made/later" }, { id = "b", env = "B" }]',
        'contexts = { a = "infra", b = "docker-image://x", c = "https://example.com/x.git", d = "target:api" }',
    ],
)
def test_paths_inside_the_repository_are_accepted(root: Path, line: str):
    assert details(root, f"[images.api]\n[images.worker]\n{line}\n") == []


@pytest.mark.parametrize(
    ("line", "key", "path"),
    [
        ('dockerfile = "out/Dockerfile"', "dockerfile", "out/Dockerfile"),
        ('context = "out"', "context", "out"),
        ('context = "out/not/there"', "context", "out/not/there"),
        ('secret = [{ id = "a", src = "out/secret" }]', "secret[0].src", "out/secret"),
        ('contexts = { a = "out" }', "contexts.a", "out"),
        ('contexts = { a = "oci-layout://out:1" }', "contexts.a", "out"),
    ],
)
def test_a_symbolic_link_out_of_the_repository_is_refused(root: Path, line: str, key: str, path: str):
    (found,) = details(root, f"[images.api]\n{line}\n")

    assert found.startswith(
        f"build.toml:2 [images.api] {key}: '{path}' leads out of the repository by a symbolic link. Name something inside"
    )


def test_a_circle_of_links_is_refused(root: Path):
    (root / "a").symlink_to(root / "b")
    (root / "b").symlink_to(root / "a")

    (found,) = details(root, '[images.api]\ndockerfile = "a/Dockerfile"\n')

    assert found.startswith("build.toml:2 [images.api] dockerfile: ")
    assert "'a/Dockerfile'" in found


def test_a_repository_may_itself_be_reached_through_a_link(root: Path, tmp_path: Path):
    (tmp_path / "link").symlink_to(root)

    assert details(tmp_path / "link", '[images.api]\ndockerfile = "Dockerfile"\n') == []


def test_a_dockerfile_that_does_not_exist_is_told_with_the_nearest_that_do(root: Path):
    for name in ("node_modules", ".git", "apps"):
        (root / name).mkdir()
        (root / name / "Dockerfile").touch()

    (found,) = details(root, '[images.api]\ndockerfile = "infra/Dockerfile.wroker"\n')

    assert found.endswith(
        "the Dockerfile 'infra/Dockerfile.wroker' does not exist."
        " There is infra/Dockerfile.worker and apps/Dockerfile and Dockerfile."
    )


def test_without_any_dockerfile_there_is_none_to_name(tmp_path: Path):
    (found,) = details(tmp_path, '[images.api]\ndockerfile = "Dockerfile"\n')

    assert found.endswith("does not exist. Create it, or name the one that there is.")


def test_the_search_for_dockerfiles_ends(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("docker_push.config.files._LOOKED_AT", 0)

    (found,) = details(root, '[images.api]\ndockerfile = "x"\n')

    assert found.endswith("There is Dockerfile.")


def test_a_folder_is_no_dockerfile(root: Path):
    (found,) = details(root, '[images.api]\ndockerfile = "infra"\n')

    assert "the Dockerfile 'infra' does not exist" in found


def test_a_dockerfile_that_cannot_be_looked_at_is_told_with_the_reason(root: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    (root / "build.toml").write_text('[images.api]\ndockerfile = "infra/x"\n')
    monkeypatch.setattr(Path, "is_file", refuse)

    with pytest.raises(FindingsError) as caught:
        config.load(root / "build.toml", root)

    assert caught.value.details == (
        "build.toml:2 [images.api] dockerfile: 'infra/x' cannot be read: Permission denied. Check its permissions.",
    )


def test_a_dockerfile_that_nobody_names_is_not_looked_for(tmp_path: Path):
    assert details(tmp_path, "[images.api]\n") == []


def test_defaults_are_looked_at_and_their_remote_context_counts(tmp_path: Path):
    remote = 'context = "https://example.com/x.git"\n'

    (found,) = details(tmp_path, '[defaults]\ndockerfile = "x"\n[images.api]\n')

    assert found.startswith("build.toml:2 [defaults] dockerfile: the Dockerfile 'x' does not exist.")
    assert details(tmp_path, f'[defaults]\n{remote}[images.api]\ndockerfile = "x"\n') == []


def test_what_breaks_the_grammar_is_one_finding(root: Path):
    (found,) = details(root, '[images.api]\ndockerfile = "../outside/Dockerfile"\n')

    assert "leads out of the repository." in found


def test_a_file_of_wrong_types_is_not_looked_for_on_disk(root: Path):
    text = '[images.api]\ndockerfile = 1\nsecret = "x"\ncontexts = { a = 1 }\n[images.b]\nsecret = [1]\n'

    assert len(details(root, text)) == 4
