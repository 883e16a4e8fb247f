from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push import config
from docker_push.config import BuildFile
from docker_push.errors import ConfigError, FindingsError
from docker_push.options import (
    Flags,
    ImageOptions,
    Options,
    RegistryOptions,
    Source,
    check_files,
    declarations,
    resolve,
    resolve_registries,
)

API = "[images.api]\n"
THREE = '[images.c]\n[images.a]\n[images.b]\n[groups]\nmost = ["b", "some"]\nsome = ["a"]\n'
CHAIN = '[images.top]\ncontexts = { x = "target:mid" }\n[images.mid]\ncontexts = { x = "target:low" }\n[images.low]\n'
GITLAB = {
    "GITLAB_CI": "true",
    "CI_REGISTRY": "registry.gitlab.com",
    "CI_REGISTRY_IMAGE": "registry.gitlab.com/Group/project",
}


def options(text: str = API, flags: Flags | None = None, **environ: str) -> Options:
    return resolve(config.parse(text.encode(), "build.toml"), flags or Flags(), environ)


def image(name: str = "api", text: str = API, flags: Flags | None = None, **environ: str) -> ImageOptions:
    return next(one for one in options(text, flags, **environ).images if one.name == name)


def first_registry(text: str = API, flags: Flags | None = None, **environ: str) -> RegistryOptions:
    return options(text, flags, **environ).registries[0]


def platforms(*args, **kwargs) -> list[str]:
    return [str(platform) for platform in image(*args, **kwargs).platforms.value]


def findings(text: str = API, flags: Flags | None = None, **environ: str) -> tuple[str, ...]:
    with pytest.raises(FindingsError) as caught:
        options(text, flags, **environ)
    return caught.value.details


# An image's own options


def test_what_nobody_says_is_built_in():
    api = image()

    assert (api.dockerfile.value, api.context.value, api.attest) == ("Dockerfile", ".", ("type=provenance,mode=min",))
    assert platforms() == ["linux/arm64", "linux/amd64"]
    assert {setting.origin for setting in (api.dockerfile, api.context, api.platforms)} == {"built-in"}


@pytest.mark.parametrize(("key", "variable"), [("dockerfile", "CI_DOCKERFILE"), ("context", "CI_DOCKER_CONTEXT")])
def test_variable_beats_image_beats_defaults_beats_built_in(key: str, variable: str):
    text = f'[defaults]\n{key} = "shared"\n[images.api]\n{key} = "own"\n[images.plain]\n'
    said = {"CI_DOCKER_IMAGE": "api", variable: "./given"}
    found = [
        getattr(image("api", text, **said), key),
        getattr(image("api", text), key),
        getattr(image("plain", text), key),
        getattr(image(), key),
    ]

    assert [setting.value for setting in found[:3]] == ["given", "own", "shared"]
    assert [setting.source for setting in found] == [
        Source.ENVIRONMENT,
        Source.IMAGE,
        Source.DEFAULTS,
        Source.BUILT_IN,
    ]
    assert [setting.origin for setting in found] == [variable, f"[images.api] {key}", f"[defaults] {key}", "built-in"]


def test_for_platforms_command_line_beats_variable_beats_image_beats_defaults():
    text = '[defaults]\nplatforms = ["linux/386"]\n[images.api]\nplatforms = ["linux/s390x"]\n[images.plain]\n'
    said = {"CI_DOCKER_IMAGE": "api", "CI_DOCKER_PLATFORM": "linux/riscv64"}

    assert platforms("api", text, Flags(platforms=("linux/ppc64le",)), **said) == ["linux/ppc64le"]
    assert platforms("api", text, **said) == ["linux/riscv64"]
    assert platforms("api", text) == ["linux/s390x"]
    assert platforms("plain", text) == ["linux/386"]


@pytest.mark.parametrize("variable", ["CI_DOCKERFILE", "CI_DOCKER_CONTEXT", "CI_DOCKER_PLATFORM"])
def test_the_seeds_variables_are_for_the_image_that_ci_docker_image_names(variable: str):
    both = Flags(images=("a", "b"))
    found = options(THREE, both, CI_DOCKER_IMAGE="a", **{variable: "linux/386"})
    origins = {
        one.name: {setting.origin for setting in (one.dockerfile, one.context, one.platforms)} for one in found.images
    }

    assert origins == {"a": {"built-in", variable}, "b": {"built-in"}}


@pytest.mark.parametrize("variable", ["CI_DOCKERFILE", "CI_DOCKER_CONTEXT", "CI_DOCKER_PLATFORM"])
def test_without_ci_docker_image_the_seeds_variables_are_for_none(variable: str):
    assert options(API, **{variable: "linux/386"}) == options(API)


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_variable_is_an_unset_one(empty: str):
    names = [declaration.variable for declaration in declarations() if declaration.variable]

    assert options(API, **dict.fromkeys(names, empty), GITLAB_CI=empty, CI_REGISTRY="x.io") == options(API)


def test_platforms_come_by_comma_or_repeated_in_one_spelling_once_each_in_order():
    flags = Flags(platforms=("linux/x86_64, linux/arm", "linux/amd64,linux/386"))

    assert platforms(flags=flags) == ["linux/amd64", "linux/arm/v7", "linux/386"]
    assert platforms(CI_DOCKER_IMAGE="api", CI_DOCKER_PLATFORM="linux/arm64/v8,linux/aarch64,linux/amd64") == [
        "linux/arm64",
        "linux/amd64",
    ]


@pytest.mark.parametrize(
    ("key", "shared", "own", "merged"),
    [
        ("args", '{ A = 1, B = "b" }', "{ B = true, C = 1.50 }", {"A": "1", "B": "true", "C": "1.50"}),
        ("labels", '{ a = "1", b = "1" }', '{ b = "2" }', {"a": "1", "b": "2"}),
        ("annotations", '{ a = "1", b = "1" }', '{ b = "2" }', {"a": "1", "b": "2"}),
        ("extra-hosts", '{ a = "1.1.1.1", b = "::1" }', '{ b = "2.2.2.2" }', {"a": "1.1.1.1", "b": "2.2.2.2"}),
        ("contexts", '{ a = "x", b = "x" }', '{ b = "docker-image://y" }', {"a": "x", "b": "docker-image://y"}),
    ],
)
def test_tables_of_defaults_and_image_merge_key_by_key(key: str, shared: str, own: str, merged: dict[str, str]):
    found = image("api", f"[defaults]\n{key} = {shared}\n[images.api]\n{key} = {own}\n")

    assert getattr(found, key.replace("-", "_")) == merged


@pytest.mark.parametrize(
    ("key", "shared", "own"),
    [("test", '[["a"]]', '[["b"], ["c"]]'), ("attest", '["type=sbom"]', "[]"), ("cache-from", '["a", "b"]', '["c"]')],
)
def test_lists_of_defaults_are_replaced(key: str, shared: str, own: str):
    attribute = key.replace("-", "_")
    inherits = image("api", f"[defaults]\n{key} = {shared}\n{API}")
    says = image("api", f"[defaults]\n{key} = {shared}\n{API}{key} = {own}\n")

    assert getattr(says, attribute) == getattr(image("api", f"{API}{key} = {own}\n"), attribute)
    assert getattr(inherits, attribute) == getattr(image("api", f"{API}{key} = {shared}\n"), attribute)
    assert getattr(says, attribute) != getattr(inherits, attribute)


def test_an_image_can_say_false_where_defaults_say_true():
    found = image("api", "[defaults]\npull = true\nno-cache = true\n[images.api]\npull = false\n")

    assert (found.pull, found.no_cache) == (False, True)


# Which images


def test_without_a_flag_or_variable_all_images_are_selected():
    assert options(THREE).selected == ("c", "a", "b")


@pytest.mark.parametrize(
    ("asked", "selected"),
    [
        (("b", "c", "b"), ("c", "b")),
        (("b,c",), ("c", "b")),
        (("b, a", "c"), ("c", "a", "b")),
        (("B",), ("b",)),
        (("most",), ("a", "b")),
        (("some", "c"), ("c", "a")),
        (("most", "a"), ("a", "b")),
        (("most", "some"), ("a", "b")),
    ],
)
def test_images_and_groups_are_selected_once_each_in_the_files_order(asked: tuple[str, ...], selected: tuple[str, ...]):
    assert options(THREE, Flags(images=asked)).selected == selected


def test_the_flag_beats_ci_docker_image_and_that_selects_where_there_is_none():
    assert options(THREE, CI_DOCKER_IMAGE="b").selected == ("b",)
    assert options(THREE, Flags(images=("a",)), CI_DOCKER_IMAGE="b").selected == ("a",)
    assert options(THREE, CI_DOCKER_IMAGE="some").selected == ("a",)


def test_what_an_image_needs_comes_first_and_is_not_selected():
    found = options(CHAIN + "[images.other]\n", Flags(images=("top",)))

    assert found.selected == ("top",)
    assert [(one.name, one.depends_on) for one in found.images] == [("low", ()), ("mid", ("low",)), ("top", ("mid",))]


def test_what_two_images_need_is_built_once():
    needs = "".join(f'[images.{name}]\ncontexts = {{ x = "target:base" }}\n' for name in ("one", "two"))

    assert [one.name for one in options(f"{needs}[images.base]\n").images] == ["base", "one", "two"]


def test_an_image_that_only_variables_describe_is_built_from_them_and_defaults():
    said = {
        "CI_DOCKER_IMAGE": "Job",
        "CI_DOCKERFILE": "./infra/D",
        "CI_DOCKER_CONTEXT": "./infra",
        "CI_DOCKER_PLATFORM": "linux/amd64",
    }
    found = options(f"[defaults]\nargs = {{ A = 1 }}\n{API}", **said)
    job = found.images[0]

    assert found.selected == ("job",)
    assert (job.dockerfile.value, job.context.value, [*map(str, job.platforms.value)], job.args) == (
        "infra/D",
        "infra",
        ["linux/amd64"],
        {"A": "1"},
    )


def test_the_seeds_workflow_works_without_a_build_toml():
    found = resolve(BuildFile(), Flags(), {"CI_DOCKER_IMAGE": "api", "DOMAIN": "ghcr.io", "GITHUB_REPO_REF": "A/b"})

    assert (found.selected, str(found.registries[0].registry.value)) == (("api",), "ghcr.io")
    assert (found.images[0].dockerfile.value, found.repository and found.repository.value) == ("Dockerfile", "A/b")


def test_without_any_image_the_error_shows_how_to_add_one():
    with pytest.raises(ConfigError, match="no image to build") as caught:
        resolve(BuildFile(), Flags(), {})

    example = config.parse("\n".join(caught.value.details).encode(), "build.toml")
    assert list(example.images) == ["api"]


def test_an_unknown_image_is_named_with_the_nearest_and_the_known_ones():
    (found,) = findings("[images.api]\n[images.worker]\n", Flags(images=("wroker",)))

    assert found == "--image: there is no image 'wroker'. Did you mean 'worker'? Known: api, worker."


def test_variables_of_one_image_are_refused_for_a_group():
    (found,) = findings(THREE, CI_DOCKER_IMAGE="most", CI_DOCKERFILE="D")

    assert found.startswith("CI_DOCKERFILE: is for one image. CI_DOCKER_IMAGE names the group most")


# Registries


def test_for_the_domain_command_line_beats_variable_beats_file_beats_built_in():
    file = f'[registry]\ndomain = "quay.io"\n{API}'
    found = [
        first_registry(file, Flags(domain="x.io"), DOMAIN="y.io"),
        first_registry(file, DOMAIN="y.io"),
        first_registry(file),
        first_registry(),
    ]

    assert [str(entry.registry.value) for entry in found] == ["x.io", "y.io", "quay.io", "ghcr.io"]
    assert [entry.registry.origin for entry in found] == ["--domain", "DOMAIN", "[registry] domain", "built-in"]


def test_flag_and_variable_replace_the_first_registrys_domain_alone():
    file = '[[registry]]\ndomain = "quay.io"\npath = "a/{image}"\ninsecure = true\n[[registry]]\ndomain = "docker.io"\n'
    first, second = options(file + API, DOMAIN="y.io").registries

    assert (str(first.registry.value), first.path, first.insecure) == ("y.io", "a/{image}", True)
    assert str(second.registry.value) == "docker.io"


def test_two_registries_that_a_flag_makes_one_are_refused():
    file = '[[registry]]\ndomain = "quay.io"\n[[registry]]\ndomain = "docker.io"\n'

    (found,) = findings(file + API, Flags(domain="docker.io"))
    assert found.startswith("--domain: docker.io is a registry of this run already")


def test_only_the_first_registry_has_variables_for_its_login_by_default():
    file = '[[registry]]\ndomain = "quay.io"\n[[registry]]\ndomain = "docker.io"\n'
    found = options(file + API).registries

    assert [(entry.username_env, entry.password_env) for entry in found] == [
        ("DOCKER_USER", "DOCKER_PASSWORD"),
        (None, None),
    ]


def test_on_gitlab_images_go_to_its_own_registry_below_the_project():
    entry = first_registry(**GITLAB)

    assert (str(entry.registry.value), entry.path) == ("registry.gitlab.com", "group/project/{image}")
    assert (entry.username_env, entry.password_env) == ("CI_REGISTRY_USER", "CI_REGISTRY_PASSWORD")
    assert entry.registry.origin == "CI_REGISTRY"


@pytest.mark.parametrize(
    ("text", "said", "domain"),
    [
        (API, GITLAB | {"DOMAIN": "x.io"}, "x.io"),
        (f'[registry]\ndomain = "x.io"\n{API}', GITLAB, "x.io"),
        (API, GITLAB | {"GITLAB_CI": ""}, "ghcr.io"),
        (API, {"GITLAB_CI": "true"}, "ghcr.io"),
    ],
)
def test_gitlabs_registry_is_taken_only_where_nothing_else_is_named(text: str, said: dict[str, str], domain: str):
    entry = first_registry(text, **said)

    assert (str(entry.registry.value), entry.path, entry.username_env) == (
        domain,
        "{repository}/{image}",
        "DOCKER_USER",
    )


def test_docker_user_beats_gitlabs_login():
    entry = first_registry(**GITLAB, DOCKER_USER="robot")

    assert (entry.username_env, entry.password_env) == ("DOCKER_USER", "DOCKER_PASSWORD")


def test_a_path_of_the_file_beats_gitlabs():
    assert first_registry(f'[registry]\npath = "mine/{{image}}"\n{API}', **GITLAB).path == "mine/{image}"


def test_without_a_project_path_gitlabs_registry_has_the_usual_one():
    assert first_registry(**GITLAB | {"CI_REGISTRY_IMAGE": ""}).path == "{repository}/{image}"


@pytest.mark.parametrize(
    ("said", "begins"),
    [
        ({"CI_REGISTRY": "https://x"}, "CI_REGISTRY: 'https://x' is not a registry's address"),
        ({"CI_REGISTRY_IMAGE": "registry.gitlab.com/-/x"}, "CI_REGISTRY_IMAGE: '-/x' is not a repository path"),
        ({"CI_REGISTRY_IMAGE": "other.io/a/b"}, "CI_REGISTRY_IMAGE: 'other.io/a/b' is not in registry.gitlab.com"),
    ],
)
def test_gitlabs_variables_are_held_to_the_grammar(said: dict[str, str], begins: str):
    assert findings(**GITLAB | said)[0].startswith(begins)


def test_registries_can_be_known_before_there_is_an_image():
    (entry,) = resolve_registries(BuildFile(), Flags(domain="localhost:5000"), {})

    assert str(entry.registry.value) == "localhost:5000"
    with pytest.raises(FindingsError):
        resolve_registries(BuildFile(), Flags(domain="a b"), {})


# Options of the run


def test_for_the_repository_command_line_beats_file_beats_variable():
    file = f'[project]\nrepository = "F/f"\n{API}'
    found = [
        options(file, Flags(repository="C/c"), GITHUB_REPO_REF="V/v").repository,
        options(file, GITHUB_REPO_REF="V/v").repository,
        options(API, GITHUB_REPO_REF="V/v").repository,
    ]

    assert [entry and (entry.value, entry.origin) for entry in found] == [
        ("C/c", "--repository"),
        ("F/f", "[project] repository"),
        ("V/v", "GITHUB_REPO_REF"),
    ]
    assert options().repository is None


def test_for_the_default_branch_file_beats_variable():
    file = f'[project]\ndefault-branch = "trunk"\n{API}'
    found = [options(file, LATEST_BRANCH="next"), options(API, LATEST_BRANCH="next"), options()]

    assert [entry.default_branch and entry.default_branch.value for entry in found] == ["trunk", "next", None]


def test_for_the_builder_command_line_beats_variable():
    found = [
        options(API, Flags(builder="flag"), BUILDX_BUILDER="variable"),
        options(API, BUILDX_BUILDER="variable"),
        options(),
    ]

    assert [entry.builder and entry.builder.value for entry in found] == ["flag", "variable", None]


def test_for_lpsm_variables_beat_the_file():
    file = f'[project]\nplatform = "sulfoxide"\nservice = "hydrogen"\n{API}'
    said = {"ATOMI_PLATFORM": "AtomiCloud", "ATOMI_SERVICE": "my-service"}

    found = [options(file, **said), options(file), options()]
    assert [(entry.platform, entry.service) for entry in found] == [
        ("AtomiCloud", "my-service"),
        ("sulfoxide", "hydrogen"),
        (None, None),
    ]


def test_the_version_comes_from_the_flag_alone_as_it_is():
    version = options(API, Flags(version="api/v1.2.3+x"), VERSION="v9").version

    assert version is not None
    assert (version.value, version.origin) == ("api/v1.2.3+x", "--version")


def test_further_tags_of_the_flag_are_added_to_the_files():
    file = f'[tags]\nextra = ["nightly", "edge"]\n{API}'

    assert options(file, Flags(tags=("edge", "once"))).extra_tags == ("nightly", "edge", "once")


def test_switches_come_from_the_flags():
    found = options(API, Flags(rebuild=True, allow_dirty=True))

    assert (found.rebuild, found.allow_dirty) == (True, True)
    assert (options().rebuild, options().allow_dirty) == (False, False)


# What is refused


@pytest.mark.parametrize(
    ("flags", "origin"),
    [
        (Flags(images=("",)), "--image"),
        (Flags(images=("api,",)), "--image"),
        (Flags(platforms=("",)), "--platform"),
        (Flags(platforms=("linux/amd64,",)), "--platform"),
        (Flags(platforms=("linux",)), "--platform"),
        (Flags(domain=""), "--domain"),
        (Flags(repository=""), "--repository"),
        (Flags(repository="alone"), "--repository"),
        (Flags(builder="-x"), "--builder"),
        (Flags(version=""), "--version"),
        (Flags(tags=("",)), "--tag"),
        (Flags(tags=("latest",)), "--tag"),
        (Flags(tags=("v1.2.3",)), "--tag"),
        (Flags(tags=("pr-12",)), "--tag"),
    ],
)
def test_a_flag_outside_its_grammar_is_one_finding_that_names_it(flags: Flags, origin: str):
    (found,) = findings(API, flags)

    assert found.startswith(f"{origin}: ")


@pytest.mark.parametrize("variable", ["CI_DOCKERFILE", "CI_DOCKER_CONTEXT"])
@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../b", "-f", "~/x", "a\0b", "a\nb", "\x1b[31m"])
def test_a_path_of_a_variable_is_held_to_the_files_grammar(variable: str, path: str):
    (found,) = findings(API, CI_DOCKER_IMAGE="api", **{variable: path})

    assert found.startswith(f"{variable}: ")
    assert found.isprintable()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CI_DOCKER_IMAGE", "-x"),
        ("CI_DOCKER_IMAGE", "api,worker"),
        ("CI_DOCKER_PLATFORM", "linux"),
        ("DOMAIN", "https://ghcr.io"),
        ("GITHUB_REPO_REF", "a b/c"),
        ("LATEST_BRANCH", "a..b"),
        ("ATOMI_PLATFORM", "a b"),
        ("BUILDX_BUILDER", "-x"),
    ],
)
def test_a_variable_outside_its_grammar_is_a_finding_that_names_it(variable: str, value: str):
    found = findings(API, **{"CI_DOCKER_IMAGE": "api", variable: value})

    assert found[0].startswith(f"{variable}: ")


def test_everything_wrong_with_flags_and_environment_comes_out_at_once():
    flags = Flags(images=("apj",), platforms=("x",), domain="a b", tags=("latest",))
    found = findings(API, flags, GITHUB_REPO_REF="x", BUILDX_BUILDER="-x")

    assert {text.partition(":")[0] for text in found} == {
        "--image",
        "--platform",
        "--domain",
        "--tag",
        "GITHUB_REPO_REF",
        "BUILDX_BUILDER",
    }
    assert len(found) == 6


@given(
    st.builds(
        Flags,
        images=st.lists(st.text(max_size=8), max_size=2).map(tuple),
        platforms=st.lists(st.text(max_size=8), max_size=2).map(tuple),
        domain=st.none() | st.text(max_size=8),
        repository=st.none() | st.text(max_size=8),
        builder=st.none() | st.text(max_size=8),
        tags=st.lists(st.text(max_size=8), max_size=2).map(tuple),
    ),
    st.dictionaries(
        st.sampled_from(sorted({entry.variable for entry in declarations() if entry.variable} | set(GITLAB))),
        st.text(max_size=12),
    ),
)
def test_whatever_flags_and_variables_hold_only_our_errors_come_out(flags: Flags, environ: dict[str, str]):
    try:
        found = resolve(config.parse(THREE.encode(), "build.toml"), flags, environ)
    except ConfigError as error:
        assert all(text.isprintable() for text in (str(error), *error.details))
    else:
        assert set(found.selected) <= {one.name for one in found.images}


# The table of options


def test_the_order_of_tables_and_keys_means_nothing():
    parts = [
        '[project]\nrepository = "F/f"\n',
        "[tags]\nsha-length = 7\n",
        '[images.api]\nargs = { A = 1, B = 2 }\ntarget = "x"\n',
        "[defaults]\nargs = { C = 3 }\n",
    ]

    assert len({repr(options("".join(order))) for order in permutations(parts)}) == 1
    assert repr(image("api", '[images.api]\ntarget = "x"\nargs = { B = 2, A = 1 }\n')) == repr(image("api", parts[2]))


def test_every_option_is_declared_once_with_a_description():
    found = declarations()

    assert len({(entry.table, entry.name) for entry in found}) == len(found)
    assert all(entry.description for entry in found)


def test_every_flag_and_every_key_of_the_file_is_declared():
    places = {entry.place for entry in declarations() if entry.place}

    assert {entry.name for entry in declarations() if entry.flag} == set(Flags.__dataclass_fields__)
    assert {
        "[images.NAME] dockerfile",
        "[images.NAME] extra-hosts",
        "[project] default-branch",
        "[registry] username-env",
        "[tags] sha-length",
        "[cache] backend",
    } <= places


def test_every_variable_of_the_seed_is_declared():
    seed = {"DOMAIN", "GITHUB_REPO_REF", "CI_DOCKER_IMAGE", "CI_DOCKER_CONTEXT", "CI_DOCKERFILE", "CI_DOCKER_PLATFORM"}

    assert seed <= {entry.variable for entry in declarations()}


# The disk


def test_a_dockerfile_that_is_there_is_no_finding(tmp_path: Path):
    (tmp_path / "Dockerfile").touch()

    check_files(options(), tmp_path)


def test_a_missing_dockerfile_is_named_with_what_said_it_and_those_that_there_are(tmp_path: Path):
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "Dockerfile.worker").touch()

    with pytest.raises(FindingsError) as caught:
        check_files(options(CI_DOCKER_IMAGE="api", CI_DOCKERFILE="infra/Dockerfile.wroker"), tmp_path)
    assert str(caught.value.findings[0]) == (
        "image api (CI_DOCKERFILE): the Dockerfile 'infra/Dockerfile.wroker' does not exist."
        " There is infra/Dockerfile.worker."
    )


def test_a_path_of_a_variable_that_leaves_by_a_link_is_refused(tmp_path: Path):
    root = tmp_path / "repository"
    root.mkdir()
    (root / "Dockerfile").touch()
    (root / "out").symlink_to(tmp_path)

    with pytest.raises(FindingsError, match="1 error") as caught:
        check_files(options(CI_DOCKER_IMAGE="api", CI_DOCKER_CONTEXT="out"), root)
    assert "'out' leads out of the repository by a symbolic link" in caught.value.details[0]


def test_beside_a_remote_context_the_dockerfile_is_not_looked_for_here(tmp_path: Path):
    check_files(options(f'{API}context = "https://github.com/AtomiCloud/x.git"\n'), tmp_path)
