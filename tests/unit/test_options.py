from __future__ import annotations

from collections.abc import Mapping

import pytest

from docker_push import config
from docker_push.config import BuildFile
from docker_push.errors import ConfigError, FindingsError
from docker_push.options import Flags, ImageOptions, Options, Setting, Source, resolve, resolve_registries

FILE = """
[project]
repository = "file/repository"
platform = "file-platform"
service = "file-service"
default-branch = "file-branch"
[registry]
domain = "file.example"
[defaults]
dockerfile = "defaults.Dockerfile"
context = "defaults"
platforms = ["linux/s390x"]
[images.api]
dockerfile = "image.Dockerfile"
context = "image"
platforms = ["linux/riscv64"]
"""
SEED = {
    "CI_DOCKER_IMAGE": "api",
    "CI_DOCKERFILE": "variable.Dockerfile",
    "CI_DOCKER_CONTEXT": "./variable",
    "CI_DOCKER_PLATFORM": "linux/ppc64le",
    "DOMAIN": "variable.example",
    "GITHUB_REPO_REF": "variable/repository",
    "LATEST_BRANCH": "variable-branch",
    "ATOMI_PLATFORM": "variable-platform",
    "ATOMI_SERVICE": "variable-service",
    "BUILDX_BUILDER": "variable-builder",
}
FLAGS = Flags(
    platforms=("linux/386",), domain="flag.example", repository="flag/repository", builder="flag-builder", version="v1"
)
NONE = Flags()


def parse(text: str) -> BuildFile:
    return config.parse(text.encode(), "build.toml")


def options(text: str = FILE, flags: Flags = NONE, environ: Mapping[str, str] | None = None) -> Options:
    return resolve(parse(text), flags, environ or {})


def findings(text: str = FILE, flags: Flags = NONE, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(FindingsError) as caught:
        options(text, flags, environ)
    return list(caught.value.details)


def only(found: Options) -> ImageOptions:
    (image,) = found.images
    return image


def shown(setting: Setting[object] | None) -> tuple[object, Source, str] | None:
    value = setting.value if setting else None
    text = tuple(map(str, value)) if isinstance(value, tuple) else str(value)
    return (text, setting.source, setting.origin) if setting else None


# Precedence of an image: command line > variables > its table > [defaults] > built-in.


def test_platforms_from_the_command_line_win_over_everything():
    assert shown(only(options(flags=FLAGS, environ=SEED)).platforms) == (
        ("linux/386",),
        Source.COMMAND_LINE,
        "--platform",
    )


@pytest.mark.parametrize(
    ("name", "value", "variable"),
    [
        ("dockerfile", "variable.Dockerfile", "CI_DOCKERFILE"),
        ("context", "variable", "CI_DOCKER_CONTEXT"),
        ("platforms", ("linux/ppc64le",), "CI_DOCKER_PLATFORM"),
    ],
)
def test_the_seeds_variables_win_over_the_table(name: str, value: object, variable: str):
    found = shown(getattr(only(options(environ=SEED)), name))

    assert found == (value, Source.ENVIRONMENT, variable)


@pytest.mark.parametrize(
    ("name", "value"),
    [("dockerfile", "image.Dockerfile"), ("context", "image"), ("platforms", ("linux/riscv64",))],
)
@pytest.mark.parametrize(
    "environ",
    [{}, {**SEED, "CI_DOCKERFILE": "", "CI_DOCKER_CONTEXT": "", "CI_DOCKER_PLATFORM": " "}],
    ids=["unset", "empty"],
)
def test_the_table_wins_over_defaults_where_the_variables_are_unset_or_empty(name: str, value: object, environ):
    found = shown(getattr(only(options(environ=environ)), name))

    assert found == (value, Source.IMAGE, f"[images.api] {name}")


@pytest.mark.parametrize(
    ("name", "value"),
    [("dockerfile", "defaults.Dockerfile"), ("context", "defaults"), ("platforms", ("linux/s390x",))],
)
def test_defaults_win_over_what_is_built_in(name: str, value: object):
    text = FILE[: FILE.index("[images.api]")] + "[images.api]\n"

    assert shown(getattr(only(options(text)), name)) == (value, Source.DEFAULTS, f"[defaults] {name}")


@pytest.mark.parametrize(
    ("name", "value"),
    [("dockerfile", "Dockerfile"), ("context", "."), ("platforms", ("linux/arm64", "linux/amd64"))],
)
def test_what_nobody_says_is_as_the_seed_has_it(name: str, value: object):
    assert shown(getattr(only(options("[images.api]\n")), name)) == (value, Source.BUILT_IN, "built-in")


def test_the_seeds_variables_are_for_the_image_that_ci_docker_image_names():
    text = "[images.api]\n[images.worker]\n"
    both = options(text, Flags(images=("api", "worker")), {**SEED, "CI_DOCKER_IMAGE": "worker"})

    assert [image.dockerfile.value for image in both.images] == ["Dockerfile", "variable.Dockerfile"]
    assert [image.context.value for image in both.images] == [".", "variable"]
    assert [image.platforms.source for image in both.images] == [Source.BUILT_IN, Source.ENVIRONMENT]


def test_without_ci_docker_image_the_variables_of_an_image_are_nobodys():
    environ = {name: value for name, value in SEED.items() if name != "CI_DOCKER_IMAGE"}

    assert only(options(environ=environ)).dockerfile.origin == "[images.api] dockerfile"


def test_a_platform_flag_is_for_every_image_of_the_run():
    found = options("[images.api]\n[images.worker]\n", Flags(platforms=("linux/amd64",)))

    assert [shown(image.platforms) for image in found.images] == [
        (("linux/amd64",), Source.COMMAND_LINE, "--platform")
    ] * 2


# Precedence of the rest.


def test_domain_command_line_then_variable_then_file_then_ghcr():
    found = [
        options(flags=FLAGS, environ=SEED),
        options(environ=SEED),
        options(environ={**SEED, "DOMAIN": ""}),
        options("[images.api]\n"),
    ]

    assert [shown(one.registries[0].registry) for one in found] == [
        ("flag.example", Source.COMMAND_LINE, "--domain"),
        ("variable.example", Source.ENVIRONMENT, "DOMAIN"),
        ("file.example", Source.FILE, "[registry] domain"),
        ("ghcr.io", Source.BUILT_IN, "built-in"),
    ]


def test_repository_command_line_then_file_then_variable_then_nothing():
    found = [
        options(flags=FLAGS, environ=SEED),
        options(environ=SEED),
        options("[images.api]\n", environ=SEED),
        options("[images.api]\n"),
    ]

    assert [shown(one.repository) for one in found] == [
        ("flag/repository", Source.COMMAND_LINE, "--repository"),
        ("file/repository", Source.FILE, "[project] repository"),
        ("variable/repository", Source.ENVIRONMENT, "GITHUB_REPO_REF"),
        None,
    ]


def test_default_branch_file_then_variable_then_nothing():
    found = [options(environ=SEED), options("[images.api]\n", environ=SEED), options("[images.api]\n")]

    assert [shown(one.default_branch) for one in found] == [
        ("file-branch", Source.FILE, "[project] default-branch"),
        ("variable-branch", Source.ENVIRONMENT, "LATEST_BRANCH"),
        None,
    ]


def test_lpsm_names_variable_then_file_then_nothing():
    found = [options(environ=SEED), options(), options("[images.api]\n")]

    assert [(one.platform, one.service) for one in found] == [
        ("variable-platform", "variable-service"),
        ("file-platform", "file-service"),
        (None, None),
    ]


def test_an_lpsm_name_may_be_a_repository_that_begins_with_a_dot():
    assert options(environ={"ATOMI_SERVICE": ".github"}).service == ".github"


def test_builder_command_line_then_variable_then_nothing():
    found = [options(flags=FLAGS, environ=SEED), options(environ=SEED), options()]

    assert [shown(one.builder) for one in found] == [
        ("flag-builder", Source.COMMAND_LINE, "--builder"),
        ("variable-builder", Source.ENVIRONMENT, "BUILDX_BUILDER"),
        None,
    ]


def test_version_is_what_the_command_line_says_and_unread():
    assert shown(options(flags=Flags(version="api-v1.2.3")).version) == (
        "api-v1.2.3",
        Source.COMMAND_LINE,
        "--version",
    )
    assert options(environ={"CI_DOCKER_VERSION": "v1"}).version is None


def test_tags_of_the_command_line_add_to_those_of_the_file():
    found = options('[tags]\nextra = ["edge", "nightly"]\n[images.api]\n', Flags(tags=("canary", "edge", "canary")))

    assert found.extra_tags == ("edge", "nightly", "canary")


def test_what_flags_alone_say_is_handed_on():
    found = options(flags=Flags(rebuild=True, allow_dirty=True))

    assert (found.rebuild, found.allow_dirty) == (True, True)
    assert (options().rebuild, options().allow_dirty) == (False, False)


def test_tables_of_the_file_are_handed_on():
    found = options('[tags]\nlatest = "never"\n[cache]\nbackend = "none"\n[retry]\nattempts = 2\n[images.api]\n')

    assert (found.tags.latest, found.cache.backend, found.retry.attempts) == ("never", "none", 2)


# Which images.


THREE = (
    '[images.api]\n[images.worker]\n[images.base]\n[groups]\nservices = ["worker", "api"]\nall = ["services", "base"]\n'
)


@pytest.mark.parametrize(
    ("asked", "selected"),
    [
        ((), ("api", "worker", "base")),
        (("worker",), ("worker",)),
        (("base", "api"), ("api", "base")),
        (("api", "api", "API"), ("api",)),
        (("services",), ("api", "worker")),
        (("Services", "base"), ("api", "worker", "base")),
        (("all", "api"), ("api", "worker", "base")),
        (("all", "services"), ("api", "worker", "base")),
        (("base, api",), ("api", "base")),
    ],
)
def test_images_and_groups_are_selected_once_in_the_order_of_the_file(asked: tuple[str, ...], selected: object):
    assert options(THREE, Flags(images=asked)).selected == selected


@pytest.mark.parametrize(
    ("named", "selected"),
    [
        ("worker", ("worker",)),
        ("WORKER", ("worker",)),
        ("services", ("api", "worker")),
        ("", ("api", "worker", "base")),
    ],
)
def test_ci_docker_image_is_the_selection_where_no_flag_makes_one(named: str, selected: object):
    assert options(THREE, environ={"CI_DOCKER_IMAGE": named}).selected == selected


def test_image_flags_win_over_ci_docker_image():
    assert options(THREE, Flags(images=("base",)), {"CI_DOCKER_IMAGE": "worker"}).selected == ("base",)


@pytest.mark.parametrize("text", ["", "[images.api]\n"], ids=["no build.toml", "not listed"])
def test_an_image_that_only_ci_docker_image_names_is_built_from_the_variables(text: str):
    found = options(text, environ={**SEED, "CI_DOCKER_IMAGE": "other"})

    assert found.selected == ("other",)
    assert only(found).dockerfile.value == "variable.Dockerfile"
    assert options("", environ={"CI_DOCKER_IMAGE": "other"}).images[0].dockerfile.origin == "built-in"


def test_an_image_that_only_ci_docker_image_names_may_be_asked_for():
    found = options("[images.api]\n", Flags(images=("other", "api")), {**SEED, "CI_DOCKER_IMAGE": "other"})

    assert found.selected == ("api", "other")


def test_defaults_hold_for_an_image_that_build_toml_does_not_list():
    found = options('[defaults]\ntarget = "runtime"\n', environ={"CI_DOCKER_IMAGE": "other"})

    assert only(found).target == "runtime"


def test_dependencies_come_along_and_come_first():
    text = (
        '[images.api]\ncontexts = { b = "target:base", w = "target:worker" }\n'
        '[images.worker]\ncontexts = { b = "target:base" }\n[images.base]\n[images.other]\n'
    )
    found = options(text, Flags(images=("api",)))

    assert found.selected == ("api",)
    assert [image.name for image in found.images] == ["base", "worker", "api"]
    assert found.images[2].depends_on == ("base", "worker")


def test_a_dependency_of_defaults_is_one():
    found = options('[defaults]\ncontexts = { b = "target:x" }\n[images.x]\ncontexts = { b = "infra" }\n[images.y]\n')

    assert [(image.name, image.depends_on) for image in found.images] == [("x", ()), ("y", ("x",))]


def test_a_thousand_images_in_a_row_are_no_recursion():
    text = "".join(f'[images.a{n}]\ncontexts = {{ x = "target:a{n + 1}" }}\n' for n in range(1500)) + "[images.a1500]\n"

    found = options(text, Flags(images=("a0",)))

    assert (found.images[0].name, found.images[-1].name, len(found.images)) == ("a1500", "a0", 1501)


# Platforms of an image and of what it is built on.


BUILT_ON = '[images.app]\ncontexts = { b = "target:base" }\n[images.base]\nplatforms = ["linux/amd64"]\n'
SEEDS_APP = {"CI_DOCKER_IMAGE": "app", "CI_DOCKER_PLATFORM": "linux/arm64"}


def platforms(found: Options) -> dict[str, tuple[tuple[str, ...], str]]:
    return {image.name: (tuple(map(str, image.platforms.value)), image.platforms.origin) for image in found.images}


def test_a_platform_that_an_image_is_built_on_does_not_have_is_a_finding():
    assert findings(BUILT_ON) == [
        (
            "[images.app] platforms: linux/arm64 is not among those of base, which it is built on (linux/amd64). "
            "Build base for it too, or app for less."
        )
    ]


def test_several_platforms_that_are_missing_are_one_finding():
    text = BUILT_ON.replace("contexts", 'platforms = ["linux/arm64", "linux/amd64", "linux/s390x"]\ncontexts')

    assert findings(text) == [
        (
            "[images.app] platforms: linux/arm64, linux/s390x are not among those of base, which it is built on "
            "(linux/amd64). Build base for them too, or app for less."
        )
    ]


def test_an_image_may_be_for_less_than_what_it_is_built_on():
    text = '[images.app]\nplatforms = ["linux/amd64"]\ncontexts = { b = "target:base" }\n[images.base]\n'

    assert platforms(options(text))["base"] == (("linux/arm64", "linux/amd64"), "built-in")


def test_a_platform_flag_is_also_for_what_the_images_are_built_on():
    found = options(BUILT_ON, Flags(images=("app",), platforms=("linux/arm64",)))

    assert platforms(found) == dict.fromkeys(("base", "app"), (("linux/arm64",), "--platform"))


def test_the_seeds_platform_comes_to_what_its_image_is_built_on_through_any_other():
    text = BUILT_ON.replace("target:base", "target:middle")
    text += '[images.middle]\nplatforms = ["linux/amd64"]\ncontexts = { b = "target:base" }\n'

    assert platforms(options(text, environ=SEEDS_APP)) == {
        "base": (("linux/amd64", "linux/arm64"), "CI_DOCKER_PLATFORM"),
        "middle": (("linux/amd64", "linux/arm64"), "CI_DOCKER_PLATFORM"),
        "app": (("linux/arm64",), "CI_DOCKER_PLATFORM"),
    }


def test_what_has_the_seeds_platform_already_is_left_as_it_is():
    found = options(BUILT_ON.replace("amd64", "arm64"), environ=SEEDS_APP)

    assert platforms(found)["base"] == (("linux/arm64",), "[images.base] platforms")


def test_an_image_that_is_asked_for_itself_keeps_its_platforms():
    (found,) = findings(BUILT_ON, Flags(images=("app", "base")), SEEDS_APP)

    assert found.startswith("CI_DOCKER_PLATFORM: linux/arm64 is not among those of base, which app is built on")


# Values of an image.


def test_tables_of_an_image_are_merged_with_defaults_key_by_key():
    tables = ("args", "labels", "annotations", "contexts", "extra-hosts")
    text = "[defaults]\n" + "".join(f'{table} = {{ a = "10.0.0.1", b = "10.0.0.2" }}\n' for table in tables)
    text += "[images.api]\n" + "".join(f'{table} = {{ c = "10.0.0.3", b = "10.0.0.4" }}\n' for table in tables)

    image = only(options(text))

    merged = {"a": "10.0.0.1", "b": "10.0.0.4", "c": "10.0.0.3"}
    found = (image.args, image.labels, image.annotations, image.contexts, image.extra_hosts)
    assert found == (merged,) * 5
    assert [list(table) for table in found] == [["a", "b", "c"]] * 5


def test_lists_of_an_image_replace_those_of_defaults_also_with_nothing():
    text = (
        '[defaults]\nattest = ["type=sbom"]\ntest = [["a"]]\nsecret = [{ id = "a", env = "A" }]\nssh = [{}]\n'
        'cache-from = ["a"]\ncache-to = ["a"]\n'
        "[images.api]\nattest = []\ntest = []\nsecret = []\nssh = []\ncache-from = []\ncache-to = []\n[images.b]\n"
    )
    api, other = options(text).images

    assert [api.attest, api.test, api.secret, api.ssh, api.cache_from, api.cache_to] == [()] * 6
    assert other.attest == ("type=sbom",)
    assert all([other.test, other.secret, other.ssh, other.cache_from, other.cache_to])


def test_single_values_of_an_image_win_over_defaults():
    text = (
        '[defaults]\ntarget = "a"\npull = true\nno-cache = true\nnetwork = "host"\nshm-size = "1m"\n'
        'registry-path = "a/{image}"\n[images.api]\ntarget = "b"\npull = false\nno-cache = false\nnetwork = "none"\n'
        'shm-size = "2m"\nregistry-path = "b/{image}"\n[images.b]\n'
    )
    api, other = options(text).images

    assert [api.target, api.pull, api.no_cache, api.network, api.shm_size, api.registry_path] == [
        "b",
        False,
        False,
        "none",
        "2m",
        "b/{image}",
    ]
    assert [other.target, other.pull, other.network, other.registry_path] == ["a", True, "host", "a/{image}"]


def test_an_image_of_which_nothing_is_said_has_provenance_and_nothing_else():
    image = only(options("[images.api]\n"))

    assert image.attest == ("type=provenance,mode=min",)
    assert [image.target, image.network, image.shm_size, image.cache_from, image.cache_to, image.registry_path] == [
        None
    ] * 6
    assert [image.secret, image.ssh, image.test, image.depends_on] == [()] * 4
    assert [dict(table) for table in (image.args, image.labels, image.annotations, image.contexts)] == [{}] * 4
    assert [image.pull, image.no_cache] == [False, False]


@pytest.mark.parametrize(
    "given",
    [("linux/amd64,linux/arm64",), ("linux/amd64", "linux/arm64"), (" linux/x86_64 , linux/aarch64", "linux/amd64")],
)
def test_platforms_may_be_joined_or_repeated_and_count_once(given: tuple[str, ...]):
    flags = options(flags=Flags(platforms=given))
    environ = options(environ={"CI_DOCKER_IMAGE": "api", "CI_DOCKER_PLATFORM": ",".join(given)})

    for found in (flags, environ):
        assert [str(platform) for platform in only(found).platforms.value] == ["linux/amd64", "linux/arm64"]


def test_platforms_of_the_file_count_once():
    assert len(only(options('[images.api]\nplatforms = ["linux/arm64", "linux/aarch64"]\n')).platforms.value) == 1


def test_the_order_of_keys_means_nothing():
    one = '[images.api]\ntarget = "a"\nargs = { A = 1, B = 2 }\ncontexts = { x = "infra", y = "docs" }\n'
    other = '[images.api]\ncontexts = { y = "docs", x = "infra" }\nargs = { B = 2, A = 1 }\ntarget = "a"\n'

    assert repr(options(one)) == repr(options(other))


# What is wrong.


@pytest.mark.parametrize(
    ("flags", "finding"),
    [
        (Flags(images=("",)), "--image: '' is not an image's name."),
        (Flags(images=("api,",)), "--image: '' is not an image's name."),
        (Flags(images=("-x",)), "--image: '-x' is not an image's name."),
        (
            Flags(images=("wroker",)),
            "--image: there is no image 'wroker'. Did you mean 'worker'? Known: api, worker, base,",
        ),
        (Flags(images=("nobody",)), "--image: there is no image 'nobody'. Known: api, worker, base, services, all."),
        (Flags(platforms=("",)), "--platform: '' is not a platform."),
        (Flags(platforms=("linux/amd64,",)), "--platform: '' is not a platform."),
        (Flags(platforms=("amd64",)), "--platform: 'amd64' is not a platform. Give os/architecture"),
        (Flags(version=""), "--version: '' is not a value. Give one, or leave it out."),
        (Flags(domain=""), "--domain: '' is not a registry's address."),
        (Flags(domain="https://x"), "--domain: 'https://x' is not a registry's address."),
        (Flags(repository=""), "--repository: '' is not a repository. Give OWNER/NAME"),
        (Flags(builder="-x"), "--builder: '-x' is not a name."),
        (Flags(tags=("latest",)), "--tag: 'latest' has a meaning of its own as a tag."),
        (Flags(tags=("a" * 40 + "-x",)), "--tag: 'aaaa"),
        (Flags(tags=("",)), "--tag: '' is not a tag."),
    ],
)
def test_a_flag_that_is_wrong_is_one_finding_that_names_it(flags: Flags, finding: str):
    (found,) = findings(THREE, flags)

    assert found.startswith(finding)


@pytest.mark.parametrize(
    ("environ", "finding"),
    [
        ({"CI_DOCKER_IMAGE": "-x"}, "CI_DOCKER_IMAGE: '-x' is not an image's name."),
        ({"CI_DOCKER_IMAGE": "api", "CI_DOCKERFILE": "../x"}, "CI_DOCKERFILE: '../x' leads out of the repository."),
        ({"CI_DOCKER_IMAGE": "api", "CI_DOCKERFILE": "-x"}, "CI_DOCKERFILE: '-x' is not a path."),
        ({"CI_DOCKER_IMAGE": "api", "CI_DOCKER_CONTEXT": "/"}, "CI_DOCKER_CONTEXT: '/' leads out of the repository."),
        (
            {"CI_DOCKER_IMAGE": "api", "CI_DOCKER_PLATFORM": "linux/amd64,x"},
            "CI_DOCKER_PLATFORM: 'x' is not a platform.",
        ),
        (
            {"CI_DOCKER_IMAGE": "services", "CI_DOCKERFILE": "x"},
            "CI_DOCKERFILE: is for one image. CI_DOCKER_IMAGE names the",
        ),
        ({"DOMAIN": "https://ghcr.io"}, "DOMAIN: 'https://ghcr.io' is not a registry's address."),
        ({"GITHUB_REPO_REF": "x"}, "GITHUB_REPO_REF: 'x' is not a repository."),
        ({"LATEST_BRANCH": "a..b"}, "LATEST_BRANCH: 'a..b' is not a branch."),
        ({"ATOMI_PLATFORM": "a b"}, "ATOMI_PLATFORM: 'a b' is not a name."),
        ({"ATOMI_SERVICE": "a/b"}, "ATOMI_SERVICE: 'a/b' is not a name."),
        ({"CI_DOCKER_IMAGE": "api,worker"}, "CI_DOCKER_IMAGE: 'api,worker' is not an image's name."),
        ({"BUILDX_BUILDER": "a b"}, "BUILDX_BUILDER: 'a b' is not a name."),
    ],
)
def test_a_variable_that_is_wrong_is_one_finding_that_names_it(environ: dict[str, str], finding: str):
    (found,) = findings(THREE, environ=environ)

    assert found.startswith(finding)


def test_everything_that_is_wrong_comes_out_at_once():
    found = findings(THREE, Flags(images=("x",), platforms=("y",), domain="-"), {"GITHUB_REPO_REF": "z"})

    assert [text.partition(":")[0] for text in found] == ["--image", "--platform", "--domain", "GITHUB_REPO_REF"]


def test_a_tag_that_the_files_rules_give_a_meaning_is_refused():
    text = '[tags]\nsemver = ["{major}"]\nsha-length = 7\n[images.api]\n'

    assert len(findings(text, Flags(tags=("1", "abcdef0-x", "nightly")))) == 2


def test_no_image_at_all_is_an_error_that_shows_how_to_list_one():
    with pytest.raises(ConfigError, match=r"^there is no image to build\. List one in build\.toml, as below") as caught:
        options("")

    example = "\n".join(caught.value.details)
    assert list(parse(example).images) == ["api"]
    assert len(caught.value.details) == 5


def test_no_image_and_a_wrong_flag_is_told_by_the_flag():
    assert findings("", Flags(domain="-"))[0].startswith("--domain: ")


# Registries.


TWO = '[images.api]\n[[registry]]\ndomain = "one.example"\n[[registry]]\ndomain = "two.example"\npath = "x/{image}"\ninsecure = true\n'


def test_every_registry_is_there_in_the_order_of_the_file():
    found = options(TWO).registries

    assert [str(entry.registry.value) for entry in found] == ["one.example", "two.example"]
    assert [entry.path for entry in found] == ["{repository}/{image}", "x/{image}"]
    assert [entry.insecure for entry in found] == [False, True]
    assert [entry.registry.origin for entry in found] == ["[registry] domain", "[[registry]] 2 domain"]


def test_only_the_first_registry_has_the_seeds_credentials():
    assert [(entry.username_env, entry.password_env) for entry in options(TWO).registries] == [
        ("DOCKER_USER", "DOCKER_PASSWORD"),
        (None, None),
    ]


def test_credentials_that_the_file_names_win():
    named = 'username-env = "A"\npassword-env = "B"\n'
    text = TWO + named

    assert [entry.username_env for entry in options(text).registries] == ["DOCKER_USER", "A"]
    assert [entry.password_env for entry in options("[images.api]\n[registry]\n" + named).registries] == ["B"]


def test_flag_and_variable_replace_the_first_registrys_domain_alone():
    for found in (options(TWO, Flags(domain="x.example")), options(TWO, environ={"DOMAIN": "x.example"})):
        assert [str(entry.registry.value) for entry in found.registries] == ["x.example", "two.example"]


def test_a_domain_that_makes_two_registries_one_is_a_finding():
    text = TWO.replace('path = "x/{image}"\n', "")

    assert findings(text, environ={"DOMAIN": "two.example"}) == [
        "DOMAIN: two.example is a registry of this run already, with the same path. Give each registry once."
    ]


SAME = """
[images.api]
[[registry]]
domain = "one.example"
[[registry]]
domain = "two.example"
[[registry]]
domain = "one.example"
path = "mirror/{image}"
"""
NAMED = 'username-env = "A"\npassword-env = "B"\n'


def accounts(text: str) -> list[tuple[str | None, str | None]]:
    return [(entry.username_env, entry.password_env) for entry in options(text).registries]


def test_entries_of_one_registry_share_the_credentials_of_the_first():
    seeds = ("DOCKER_USER", "DOCKER_PASSWORD")

    assert accounts(SAME) == [seeds, (None, None), seeds]
    assert accounts(SAME.replace("[[registry]]\n", "[[registry]]\n" + NAMED, 1)) == [
        ("A", "B"),
        (None, None),
        ("A", "B"),
    ]
    assert accounts(SAME + NAMED) == [seeds, (None, None), ("A", "B")]


def test_further_entries_of_one_registry_share_what_the_first_of_them_says():
    text = TWO + NAMED + '[[registry]]\ndomain = "TWO.example"\ninsecure = true\n'

    assert accounts(text) == [("DOCKER_USER", "DOCKER_PASSWORD"), ("A", "B"), ("A", "B")]


def test_entries_of_one_registry_that_disagree_about_plain_http_are_a_finding():
    assert findings(SAME + "insecure = true\n") == [
        (
            "[[registry]] 3 insecure: one.example has plain http here, and TLS in an entry above. "
            "Give every entry of one registry the same insecure."
        )
    ]
    assert findings(SAME.replace("[[registry]]\n", "[[registry]]\ninsecure = true\n", 1)) == [
        (
            "[[registry]] 3 insecure: one.example has TLS here, and plain http in an entry above. "
            "Give every entry of one registry the same insecure."
        )
    ]


GITLAB = {
    "GITLAB_CI": "true",
    "CI_REGISTRY": "registry.gitlab.example:5005",
    "CI_REGISTRY_IMAGE": "registry.gitlab.example:5005/Group/project",
}


OWN = """
[images.api]
[registry]
domain = "one.example"
insecure = true
username-env = "A"
password-env = "B"
"""


@pytest.mark.parametrize(("flags", "environ"), [(Flags(domain="x.example"), {}), (NONE, {"DOMAIN": "x.example"})])
def test_what_the_file_says_of_its_registry_is_not_for_another(flags: Flags, environ: dict[str, str]):
    for text in (OWN, OWN.replace('domain = "one.example"\n', "")):
        (found,) = options(text, flags, environ).registries

        assert (found.insecure, found.username_env, found.password_env) == (False, "DOCKER_USER", "DOCKER_PASSWORD")


@pytest.mark.parametrize("environ", [{}, {"DOMAIN": "ONE.example"}, GITLAB])
def test_what_the_file_says_of_its_registry_holds_whoever_names_it(environ: dict[str, str]):
    (found,) = options(OWN, environ=environ).registries

    assert (found.insecure, found.username_env, found.password_env) == (True, "A", "B")


def test_what_the_file_says_of_a_further_registry_holds_where_that_becomes_the_first():
    text = TWO + 'username-env = "A"\npassword-env = "B"\n'
    found = options(text, Flags(domain="two.example")).registries

    assert [(entry.insecure, entry.username_env, entry.password_env) for entry in found] == [(True, "A", "B")] * 2


def test_on_gitlab_images_go_to_gitlabs_registry_with_its_credentials():
    (found,) = options("[images.api]\n", environ=GITLAB).registries

    assert shown(found.registry) == ("registry.gitlab.example:5005", Source.ENVIRONMENT, "CI_REGISTRY")
    assert found.path == "group/project/{image}"
    assert (found.username_env, found.password_env) == ("CI_REGISTRY_USER", "CI_REGISTRY_PASSWORD")


@pytest.mark.parametrize(
    ("text", "flags", "environ", "domain"),
    [
        ("[images.api]\n", Flags(domain="flag.example"), GITLAB, "flag.example"),
        ("[images.api]\n", NONE, {**GITLAB, "DOMAIN": "variable.example"}, "variable.example"),
        (FILE, NONE, GITLAB, "file.example"),
        ("[images.api]\n", NONE, {**GITLAB, "CI_REGISTRY": ""}, "ghcr.io"),
        ("[images.api]\n", NONE, {**GITLAB, "GITLAB_CI": ""}, "ghcr.io"),
    ],
)
def test_gitlabs_registry_is_for_those_who_name_none(text: str, flags: Flags, environ: dict[str, str], domain: str):
    (found,) = options(text, flags, environ).registries

    assert (str(found.registry.value), found.path) == (domain, "{repository}/{image}")
    assert found.username_env == "DOCKER_USER"


def test_docker_user_wins_over_gitlabs_login():
    (found,) = options("[images.api]\n", environ={**GITLAB, "DOCKER_USER": "me"}).registries

    assert (found.username_env, found.password_env) == ("DOCKER_USER", "DOCKER_PASSWORD")
    assert found.path == "group/project/{image}"


def test_a_path_and_credentials_of_the_file_hold_on_gitlab():
    text = '[images.api]\n[registry]\npath = "fixed/{image}"\nusername-env = "A"\npassword-env = "B"\n'
    (found,) = options(text, environ=GITLAB).registries

    assert (found.path, found.username_env, found.password_env) == ("fixed/{image}", "A", "B")


def test_without_gitlabs_image_path_the_usual_one_holds():
    (found,) = options("[images.api]\n", environ={**GITLAB, "CI_REGISTRY_IMAGE": ""}).registries

    assert found.path == "{repository}/{image}"


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"CI_REGISTRY": "https://x"}, "CI_REGISTRY: 'https://x' is not a registry's address."),
        (
            {"CI_REGISTRY_IMAGE": "other.example/a/b"},
            "CI_REGISTRY_IMAGE: 'other.example/a/b' is not in registry.gitlab",
        ),
        ({"CI_REGISTRY_IMAGE": "registry.gitlab.example:5005/-"}, "CI_REGISTRY_IMAGE: '-' is not a repository path"),
    ],
)
def test_what_gitlab_says_is_checked(changes: dict[str, str], finding: str):
    (found,) = findings("[images.api]\n", environ=GITLAB | changes)

    assert found.startswith(finding)


def test_registries_are_known_also_where_no_image_is():
    (found,) = resolve_registries(BuildFile(), Flags(domain="x.example"), {})

    assert str(found.registry.value) == "x.example"
    with pytest.raises(FindingsError, match="1 error"):
        resolve_registries(BuildFile(), Flags(domain="-"), {})


# A part of a run, and the runners of platforms.


def test_a_part_leaves_the_images_as_build_toml_says_them():
    found = options(flags=Flags(part="linux/riscv64"))

    assert (only(found).platforms.origin, str(found.part)) == ("[images.api] platforms", "linux/riscv64")


def test_a_part_that_no_image_is_for_is_a_finding():
    (found,) = findings(flags=Flags(part="linux/amd64"))

    assert found == "--platform: no image of this run is built for linux/amd64. Give one of: linux/riscv64."


def test_a_part_is_a_platform_in_any_spelling():
    assert str(options("[images.api]\n", Flags(part="linux/aarch64")).part) == "linux/arm64"
    assert "is not a platform" in findings(flags=Flags(part="linux/amd64,linux/arm64"))[0]


def test_runners_are_labels_by_platform():
    text = '[images.api]\n[runners]\n"linux/aarch64" = "a b"\n"linux/s390x" = ["self-hosted", "z"]\n'

    found = {str(platform): labels for platform, labels in options(text).runners.items()}

    assert found == {"linux/arm64": ("a b",), "linux/s390x": ("self-hosted", "z")}
