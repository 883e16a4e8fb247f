"""What single fixture files do not show: how findings of several tables meet."""

from __future__ import annotations

import pytest

from docker_push import config
from docker_push.errors import FindingsError


def details(text: str) -> list[str]:
    try:
        config.parse(text.encode(), "build.toml")
    except FindingsError as error:
        return list(error.details)
    return []


@pytest.mark.parametrize(
    "text",
    [
        "images = 1",
        "images = [1]",
        "[images]\napi = 1",
        "groups = []",
        "[groups]\na = 1",
        "[groups]\na = [1, ['b']]",
        "[images.api]\ncontexts = 1",
        "[images.api]\ncontexts = { a = 1 }",
        "[images.api]\nsecret = { id = 'a' }",
        "[images.api]\nsecret = [1, { id = 1 }]",
        "[images.api]\nregistry-path = 1",
        "[defaults]\ncontexts = []",
        "defaults = 1",
        "project = 1",
        "[project]\nrepository = 1",
        "registry = [1]",
        "[registry]\ndomain = 1",
        "[[registry]]\n[[registry]]\ndomain = 1",
        "cache = 1",
        "tags = 1",
        "[tags]\nextra = 'x'",
        "[tags]\nextra = [1]",
        "[tags]\nsemver = 1\nextra = ['x']",
        "[tags]\nsha-length = 'x'\nextra = ['x']",
    ],
)
def test_wrong_types_are_findings_and_stop_no_rule(text: str):
    assert details(text)


def test_a_name_that_breaks_the_grammar_is_not_also_unknown():
    assert len(details('[images.api]\ncontexts = { a = "target:-x" }\n[groups]\nall = ["-x"]\n')) == 2


def test_an_image_may_replace_the_context_of_defaults_that_names_itself():
    text = '[defaults]\ncontexts = { base = "target:base" }\n[images.base.contexts]\nbase = "docker-image://x"\n[images.a]\n'

    assert details(text) == []


def test_two_circles_are_two_findings():
    text = "".join(
        f'[images.{name}]\ncontexts = {{ x = "target:{other}" }}\n'
        for name, other in (("a", "b"), ("b", "a"), ("c", "d"), ("d", "c"), ("e", "a"))
    )

    found = details(text)

    assert [line.partition("another: ")[2] for line in found] == [
        "a -> b -> a. Take one of these out.",
        "c -> d -> c. Take one of these out.",
    ]


def test_a_long_circle_is_shown_by_its_ends():
    text = "".join(f'[images.a{n}]\ncontexts = {{ x = "target:a{(n + 1) % 3000}" }}\n' for n in range(3000))

    (found,) = details(text)

    assert "a0 -> a1 -> a2 -> a3 -> a4 -> a5 -> a6 -> a7 -> ... -> a0." in found


def test_a_diamond_is_no_circle():
    text = (
        '[images.a]\ncontexts = { x = "target:b", y = "target:c" }\n'
        '[images.b]\ncontexts = { x = "target:d" }\n[images.c]\ncontexts = { x = "target:d" }\n[images.d]\n'
    )

    assert details(text) == []


def test_many_names_are_listed_in_part():
    text = "".join(f"[images.a{n}]\n" for n in range(100)) + '[groups]\nx = ["nobody"]\n'

    (found,) = details(text)

    assert found.endswith("a28, a29 and 71 more.")


def test_registries_may_share_a_domain_with_other_paths():
    text = (
        '[images.api]\n[[registry]]\n[[registry]]\ndomain = "ghcr.io"\npath = "mirror/{image}"\n'
        'username-env = "A"\npassword-env = "B"\n'
    )

    assert details(text) == []


def test_registries_with_one_place_are_told_apart_by_no_image():
    (found,) = details('[images.api]\n[[registry]]\n[[registry]]\ndomain = "ghcr.io"\n')

    assert found.startswith("build.toml:3 [[registry]] 2: the same place as [[registry]] 1.")


def test_images_may_share_a_path_of_their_own_and_no_place():
    text = '[images.a]\nregistry-path = "x"\n[images.b]\nregistry-path = "x"\n'

    assert len(details(text)) == 1
    assert details(text.replace('"x"', '"x/{image}"')) == []


def test_a_path_of_defaults_holds_for_every_image():
    (found,) = details('[defaults]\nregistry-path = "x"\n[images.a]\n[images.b]\n')

    assert found.startswith("build.toml:4 [images.b]: goes to ghcr.io/x, as a does.")


def test_a_name_too_long_for_its_path_is_the_images_finding():
    (found,) = details(f'[project]\nrepository = "a/b"\n[images.{"a" * 254}]\n')

    assert found.startswith("build.toml:3 [images.")
    assert "is not a repository path that registries accept" in found


def test_a_repository_that_no_registry_takes_is_one_finding_for_all_images():
    (found,) = details('[project]\nrepository = "a/.b"\n[images.a]\n[images.b]\n')

    assert found.startswith("build.toml:2 [project] repository: ")


def test_a_path_without_the_repository_makes_any_repository_do():
    assert details('[project]\nrepository = "a/.b"\n[registry]\npath = "{owner}/{image}"\n[images.a]\n') == []


def test_without_a_cache_in_the_registry_its_name_is_free():
    assert details('[images.a]\n[images.a-cache]\n[cache]\nbackend = "none"\n') == []
