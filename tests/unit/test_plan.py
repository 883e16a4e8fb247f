from __future__ import annotations

from dataclasses import replace

import pytest

from docker_push.config import TagsTable
from docker_push.context import Event
from docker_push.errors import ConfigError
from docker_push.facts import Facts, Published, RepositoryFacts
from docker_push.options import Options, Setting, Source
from docker_push.plan import Action, Plan, PlannedImage, plan
from docker_push.references import Registry, Repository
from examples_of import AMD64, BOTH, COMMIT, CONTEXT, DIGEST, OF_OTHER_CONTENT, OTHER, image, options, registry, setting

API = Repository(Registry("ghcr.io"), "atomicloud/my-service/api")


def version(text: str) -> Setting[str]:
    return Setting(text, Source.COMMAND_LINE, "--version")


def only(made: Plan) -> PlannedImage:
    assert len(made.images) == 1
    return made.images[0]


def tags(planned: PlannedImage) -> list[str]:
    return [str(tag.tag) for tag in planned.tags]


def staged(opts: Options, **changes: object) -> Facts:
    """Facts in which this very plan was staged before."""
    planned = only(plan(opts, CONTEXT))
    published = Published(digest=DIGEST, fingerprint=planned.fingerprint, platforms=BOTH, complete=True)
    return Facts(repositories={API: RepositoryFacts(commit=replace(published, **changes))})


def test_the_same_input_gives_the_same_plan():
    assert plan(options(), CONTEXT) == plan(options(), CONTEXT)


def test_on_the_default_branch_an_image_gets_commit_branch_and_latest():
    assert tags(only(plan(options(), CONTEXT))) == [f"{COMMIT}-main", "main", "latest"]


def test_a_version_is_put_before_latest():
    assert tags(only(plan(options(version=version("v1.2.3")), CONTEXT))) == [
        f"{COMMIT}-main",
        "main",
        "v1.2.3",
        "latest",
    ]


def test_the_repository_path_is_lower_case():
    assert str(only(plan(options(), CONTEXT)).repositories[0]) == "ghcr.io/atomicloud/my-service/api"


def test_every_image_goes_to_every_registry():
    both = options(registries=(registry(), registry("localhost:5000", path="{owner}/{repo}-{image}")))

    assert [str(repository) for repository in only(plan(both, CONTEXT)).repositories] == [
        "ghcr.io/atomicloud/my-service/api",
        "localhost:5000/atomicloud/my-service-api",
    ]


def test_an_image_may_have_a_path_of_its_own():
    own = options(image(registry_path="{repository}/jobs/{image}"))

    assert str(only(plan(own, CONTEXT)).repositories[0]) == "ghcr.io/atomicloud/my-service/jobs/api"


def test_a_repository_that_registries_refuse_is_an_error_with_the_way_out():
    with pytest.raises(ConfigError, match="set \\[registry\\] path"):
        plan(options(), replace(CONTEXT, repository="acme/.github"))


def test_nothing_known_means_build():
    planned = only(plan(options(), CONTEXT))

    assert (planned.action, planned.why) == (Action.BUILD, "asked for")


def test_what_is_staged_with_the_same_plan_is_adopted():
    planned = only(plan(options(), CONTEXT, staged(options())))

    assert (planned.action, planned.digest) == (Action.ADOPT, DIGEST)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"fingerprint": "another"}, "from another plan"),
        ({"fingerprint": None}, "from another plan"),
        ({"complete": False}, "not complete"),
        ({"platforms": AMD64}, "not complete"),
    ],
)
def test_what_is_not_ours_or_not_whole_is_built(changes: dict[str, object], why: str):
    planned = only(plan(options(), CONTEXT, staged(options(), **changes)))

    assert planned.action is Action.BUILD
    assert why in planned.why


def test_rebuild_adopts_nothing():
    assert only(plan(options(rebuild=True), CONTEXT, staged(options()))).action is Action.BUILD


@pytest.mark.parametrize(("ci", "action"), [("local", Action.BUILD), ("seed", Action.ADOPT), ("github", Action.ADOPT)])
def test_a_laptop_s_dirty_tree_adopts_nothing_and_in_ci_dirt_is_only_noted(ci: str, action: Action):
    dirty = replace(CONTEXT, dirty=True, ci=ci)
    made = only(plan(options(), dirty))
    facts = Facts(
        repositories={
            API: RepositoryFacts(
                commit=Published(digest=DIGEST, fingerprint=made.fingerprint, platforms=BOTH, complete=True)
            )
        }
    )

    assert only(plan(options(), dirty, facts)).action is action


def test_registries_that_hold_different_bytes_adopt_nothing():
    both = options(registries=(registry(), registry("localhost:5000")))
    made = only(plan(both, CONTEXT))
    facts = Facts(
        repositories={
            repository: RepositoryFacts(
                commit=Published(digest=digest, fingerprint=made.fingerprint, platforms=BOTH, complete=True)
            )
            for repository, digest in zip(made.repositories, (DIGEST, OTHER), strict=True)
        }
    )

    assert only(plan(both, CONTEXT, facts)).action is Action.BUILD


@pytest.mark.parametrize(
    "changed",
    OF_OTHER_CONTENT,
)
def test_whatever_changes_the_content_changes_the_fingerprint(changed):
    assert only(plan(options(changed), CONTEXT)).fingerprint != only(plan(options(), CONTEXT)).fingerprint


def test_the_order_of_platforms_changes_nothing():
    turned = image(platforms=setting(tuple(reversed(BOTH))))

    assert only(plan(options(turned), CONTEXT)).fingerprint == only(plan(options(), CONTEXT)).fingerprint


def test_a_dependency_is_built_but_not_published():
    needs = options(
        image("base"), image("api", depends_on=("base",), contexts={"base": "target:base"}), selected=("api",)
    )
    base, api = plan(needs, CONTEXT).images

    assert (base.publish, base.action, api.publish) == (False, Action.BUILD, True)
    assert "needs it" in base.why


def test_a_dependency_of_adopted_images_alone_is_not_built():
    needs = options(
        image("base"), image("api", depends_on=("base",), contexts={"base": "target:base"}), selected=("api",)
    )
    api = plan(needs, CONTEXT).images[1]
    published = Published(digest=DIGEST, fingerprint=api.fingerprint, platforms=BOTH, complete=True)
    base, api = plan(needs, CONTEXT, Facts(repositories={API: RepositoryFacts(commit=published)})).images

    assert (base.action, api.action) == (Action.NONE, Action.ADOPT)


def test_a_dependency_s_change_changes_what_needs_it():
    def fingerprint(**changes: object) -> str:
        needs = options(image("base", **changes), image("api", depends_on=("base",)))
        return plan(needs, CONTEXT).images[1].fingerprint

    assert fingerprint() != fingerprint(args={"A": "1"})


def test_a_component_release_selects_its_image():
    both = options(image("api"), image("worker"), version=version("worker-v1.2.3"))

    assert [one.name for one in plan(both, CONTEXT).published] == ["worker"]


def test_a_component_release_of_an_image_that_is_not_asked_for_is_an_error():
    both = options(image("api"), image("worker"), selected=("api",), version=version("worker-v1.2.3"))

    with pytest.raises(ConfigError, match="worker"):
        plan(both, CONTEXT)


def test_a_git_tag_that_is_a_version_releases_it():
    pushed = replace(CONTEXT, event=Event.TAG, tag="v1.2.3", branch=None)

    assert tags(only(plan(options(), pushed))) == [f"{COMMIT}-v1.2.3", "v1.2.3"]


def test_a_git_tag_that_is_none_is_a_name_like_a_branch():
    pushed = replace(CONTEXT, event=Event.TAG, tag="nightly", branch=None)

    assert tags(only(plan(options(), pushed))) == [f"{COMMIT}-nightly", "nightly"]


def test_a_fork_s_pull_request_is_built_and_not_published():
    fork = replace(CONTEXT, event=Event.PULL_REQUEST, pull_request=12, trusted=False, branch="patch")
    planned = only(plan(options(), fork))

    assert (planned.publish, planned.cache_to) == (False, ())
    assert "fork" in planned.why


def test_tags_are_listed_only_where_the_plan_depends_on_them():
    released = options(version=version("v1.2.3"))

    assert not only(plan(released, CONTEXT)).lists_tags
    assert only(plan(replace(released, tags=TagsTable(latest="release")), CONTEXT)).lists_tags


def test_labels_are_facts_of_the_build():
    assert only(plan(options(image(labels={"org.opencontainers.image.title": "mine"})), CONTEXT)).labels == {
        "org.opencontainers.image.created": "2023-11-14T22:13:20Z",
        "org.opencontainers.image.revision": COMMIT,
        "org.opencontainers.image.source": "https://github.com/AtomiCloud/my-service",
        "org.opencontainers.image.title": "mine",
    }


def test_annotations_are_the_labels_and_the_user_s_own():
    planned = only(plan(options(image(annotations={"a": "b"})), CONTEXT))

    assert planned.annotations == {**planned.labels, "a": "b"}


@pytest.mark.parametrize(
    ("platforms", "attest", "index"),
    [
        (BOTH, (), True),
        (AMD64, ("type=sbom",), True),
        (AMD64, (), False),
        (AMD64, ("type=provenance,disabled=true",), False),
    ],
)
def test_an_index_is_written_for_platforms_or_attestations(platforms, attest, index):
    assert only(plan(options(image(platforms=setting(platforms), attest=attest)), CONTEXT)).has_index is index


OWN = "type=registry,ref=ghcr.io/atomicloud/my-service/api-cache:main"
FORK = replace(CONTEXT, event=Event.PULL_REQUEST, pull_request=12, trusted=False, branch="patch")


def test_a_stranger_s_run_reads_caches_of_its_own_repository_alone_and_writes_none():
    caches = {"cache_from": (OWN, "type=gha", "type=registry,ref=evil.example/a/b"), "cache_to": (OWN,)}

    made = plan(options(image(**caches)), FORK)

    assert (only(made).cache_from, only(made).cache_to) == ((OWN,), ())
    (warning,) = made.warnings
    assert "cache-from and cache-to of api" in warning


def test_caches_that_a_stranger_s_run_may_have_are_no_matter_for_a_warning():
    assert plan(options(image(cache_from=(OWN,))), FORK).warnings == ()


@pytest.mark.parametrize(
    ("context", "adopted"),
    [
        (".", True),
        ("https://example.com/a.git#main", False),
        ("git@example.com:a/b.git", False),
        (f"https://example.com/a.git#{COMMIT}", True),
        (f"https://example.com/a.git#{COMMIT}:folder", True),
    ],
)
def test_a_remote_context_that_may_have_moved_is_built(context: str, adopted: bool):
    opts = options(image(context=setting(context)))

    assert (only(plan(opts, CONTEXT, staged(opts))).action is Action.ADOPT) is adopted


def test_a_named_context_that_may_have_moved_is_built():
    moving = options(image(contexts={"base": "docker-image://busybox:1.37"}))
    pinned = options(image(contexts={"base": f"docker-image://busybox@{DIGEST}"}))

    assert only(plan(moving, CONTEXT, staged(moving))).action is Action.BUILD
    assert only(plan(pinned, CONTEXT, staged(pinned))).action is Action.ADOPT
