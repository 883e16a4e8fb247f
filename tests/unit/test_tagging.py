from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from docker_push.config import TagsTable
from docker_push.context import Context, Event
from docker_push.errors import ConfigError
from docker_push.references import Tag
from docker_push.slugs import LENGTH, slug
from docker_push.tagging import PlannedTag, SkippedTag, TagKind, TagPlan, is_reserved, plan_tags
from docker_push.tagging.model import part
from docker_push.versions import Version
from examples_of import COMMIT, CONTEXT
from strategies import branches, contexts, versions

SHA_256 = "a" * 64
LAPTOP = replace(CONTEXT, event=Event.LOCAL, ci="local")
DIRTY = replace(LAPTOP, dirty=True)
PULL_REQUEST = replace(CONTEXT, event=Event.PULL_REQUEST, pull_request=12, branch="main")
QUEUE = replace(CONTEXT, event=Event.MERGE_QUEUE, branch="gh-readonly-queue/main/pr-104-x")
RESERVED = [
    *("latest", "Latest", "v1.2.3", "V1.2.3", "1.2.3", "v1.2.3-rc.1", "1.2.3-fix", "v1.2.3_b", "v1.2.3/fix"),
    *("pr-12", "PR/12", COMMIT, f"{COMMIT}-main"),
]
ORDINARY = [
    *("main", "feature/A_b", "release/2.x", "v1", "1.2", "pr-x", "pr-12-fix", "latest-2", "deadbeef", "facade-fix"),
    *("v01.2.3", "1.2.3.4", "v1.2.3-01", "0" * 39, "0" * 41, "_", "a" * 63),
]


def tagged(
    context: Context,
    rules: TagsTable | None = None,
    *,
    version: str | None = None,
    extra: tuple[str, ...] = (),
    published: tuple[str, ...] | None = (),
    allow_dirty: bool = False,
) -> TagPlan:
    return plan_tags(
        context, rules or TagsTable(), version=version, extra=extra, published=published, allow_dirty=allow_dirty
    )


def names(plan: TagPlan) -> list[str]:
    return [str(tag.tag) for tag in plan.tags]


def why(plan: TagPlan, name: str) -> str:
    return next(tag.why for tag in plan.tags if str(tag.tag) == name)


def skipped(plan: TagPlan, kind: TagKind) -> list[str]:
    return [tag.why for tag in plan.skipped if tag.kind is kind]


def on(branch: str, **changes: object) -> Context:
    return replace(CONTEXT, branch=branch, **changes)  # type: ignore[arg-type]


def pushed(tag: str) -> Context:
    return replace(CONTEXT, event=Event.TAG, tag=tag, branch=None)


# branches


def test_the_default_branch_gets_commit_branch_and_latest_last():
    plan = tagged(CONTEXT)

    assert names(plan) == [f"{COMMIT}-main", "main", "latest"]
    assert [tag.moves for tag in plan.tags] == [False, True, True]
    assert [tag.why for tag in plan.tags] == [
        "commit of branch main",
        "branch main",
        "branch main is the default branch",
    ]
    assert [(tag.kind, tag.why) for tag in plan.skipped] == [(TagKind.SEMVER, "no version was given")]


def test_another_branch_gets_no_latest_and_the_plan_says_why():
    plan = tagged(on("feature/A_b"))

    assert names(plan) == [f"{COMMIT}-feature-a_b", "feature-a_b"]
    assert skipped(plan, TagKind.LATEST) == ["branch feature/A_b is not the default branch main"]


def test_a_version_comes_after_what_moves_and_before_latest():
    plan = tagged(CONTEXT, TagsTable(semver=("{major}", "{major}.{minor}")), version="v1.2.3", extra=("nightly",))

    assert names(plan) == [f"{COMMIT}-main", "main", "nightly", "1", "1.2", "v1.2.3", "latest"]
    assert [tag.moves for tag in plan.tags] == [False, True, True, True, True, False, True]
    assert why(plan, "v1.2.3") == "version v1.2.3, published once"


@pytest.mark.parametrize("length", [6, 12, 40, 64])
def test_the_commit_is_whole_unless_sha_length_says_otherwise(length: int):
    assert names(tagged(CONTEXT, TagsTable(sha_length=length)))[0] == f"{COMMIT[:length]}-main"


@pytest.mark.parametrize("branch", RESERVED)
def test_a_branch_never_bears_a_reserved_name(branch: str):
    plan = tagged(on(branch))

    assert is_reserved(slug(branch), TagsTable())
    assert not is_reserved(plan.slug, TagsTable())
    assert names(plan) == [f"{COMMIT}-{plan.slug}", plan.slug]
    assert "with a hash" in why(plan, plan.slug)
    assert len(plan.slug) <= LENGTH


@pytest.mark.parametrize("branch", ORDINARY)
def test_other_names_keep_the_slug_that_everybody_knows(branch: str):
    assert not is_reserved(slug(branch), TagsTable())
    assert tagged(on(branch)).slug == slug(branch)


def test_a_hash_is_of_the_raw_name_and_stands_behind_the_slug_where_that_is_enough():
    first, second = tagged(on("latest")).slug, tagged(on("Latest")).slug

    assert first != second
    assert first.rpartition("-")[0] == second.rpartition("-")[0] == "latest"
    assert tagged(on("v1.2.3")).slug.startswith("branch-v1.2.3-")


@pytest.mark.parametrize("mark", ["\x1b[2J", "\u202e", "\n", "\udcff"])
def test_what_a_name_holds_never_steers_a_terminal(mark: str):
    for context in (on(f"a{mark}#b"), pushed(f"a{mark}b"), on("x", default_branch=f"a{mark}b"), on(f"Ma{mark}")):
        plan = tagged(replace(context, default_branch=f"ma{mark}"), TagsTable(slug="unique"))
        said = [*(tag.why for tag in plan.tags), *(tag.why for tag in plan.skipped), *tagged(context).warnings]

        assert all(text.isprintable() for text in said)


def test_a_short_commit_s_length_is_reserved_too_but_not_alone():
    short = TagsTable(sha_length=7)

    assert is_reserved("abcdef0-main", short)
    assert not is_reserved("abcdef0", short)
    assert not is_reserved("abcdef01-main", short)
    assert is_reserved(f"{COMMIT}-main", short)


def test_where_releases_move_short_versions_no_branch_may_bear_them():
    rules = TagsTable(semver=("{major}", "{major}.{minor}"))

    assert tagged(on("1.2"), rules).slug.startswith("1.2-")
    assert tagged(on("7"), rules).slug.startswith("7-")
    assert tagged(on("1.x"), rules).slug == "1.x"


@pytest.mark.parametrize("branch", ["日本語", "###"])
def test_a_branch_of_which_nothing_is_left_is_a_hash_with_a_word_in_front(branch: str):
    plan = tagged(on(branch))

    assert plan.slug.startswith("branch-")
    assert len(plan.slug) == len("branch-") + 8
    assert f"branch {branch}, with a hash: no character of it may stand in a tag" == why(plan, plan.slug)


def test_unique_adds_a_hash_where_the_slug_loses_something_and_nowhere_else():
    unique = TagsTable(slug="unique")
    slugs = {branch: tagged(on(branch), unique).slug for branch in ("feature/a", "feature-a", "Feature/a", "x" * 70)}

    assert slugs["feature-a"] == "feature-a"
    assert len(set(slugs.values())) == 4
    assert all(len(name) <= LENGTH for name in slugs.values())
    assert 'slug = "unique"' in why(tagged(on("feature/a"), unique), slugs["feature/a"])


def test_unique_never_makes_a_commit_tag_of_a_branch():
    rules = TagsTable(slug="unique", sha_length=7)

    assert tagged(on("ABCDEF0"), rules).slug.startswith("branch-abcdef0-")


def test_the_sha_is_never_cut_for_the_branch():
    long = replace(DIRTY, commit=SHA_256, branch="x" * 63)

    assert names(tagged(long, TagsTable(sha_length=64))) == [f"{SHA_256}-{'x' * 57}-dirty"]


# the default branch


@pytest.mark.parametrize(
    ("branch", "default", "slug_only", "expected"),
    [
        ("Release/2", "Release/2", False, True),
        ("Release/2", "release-2", False, False),
        ("Main", "main", False, False),
        ("release-2", "Release/2", True, True),
        ("main", "main", True, True),
        ("other", "main", True, False),
        ("日本語", "日本語", False, True),
    ],
)
def test_the_default_branch_is_compared_by_raw_names_and_by_slugs_where_there_is_nothing_else(
    branch: str, default: str, slug_only: bool, expected: bool
):
    assert ("latest" in names(tagged(on(branch, default_branch=default, slug_only=slug_only)))) is expected


def test_latest_never():
    plan = tagged(CONTEXT, TagsTable(latest="never"))

    assert "latest" not in names(plan)
    assert skipped(plan, TagKind.LATEST) == ['[tags] latest is "never"']


# warnings


@pytest.mark.parametrize(
    ("branch", "said"),
    [
        ("main", ""),
        ("feature/A_b", ""),
        ("feature/a#1", "branch feature/a#1 is tagged feature-a-1, as another branch may be"),
        ("x" * 64, "as another branch may be"),
        ("Main", "branch Main is tagged main, as the default branch main is"),
        ("latest", ""),
    ],
)
def test_a_slug_that_another_branch_may_have_is_warned_of(branch: str, said: str):
    warnings = tagged(on(branch)).warnings

    assert len(warnings) == bool(said)
    assert all(said in text and 'slug = "unique"' in text for text in warnings)


def test_unique_has_nothing_to_warn_of_but_a_slug_that_is_all_there_is():
    unique = TagsTable(slug="unique")

    assert tagged(on("feature/a#1"), unique).warnings == ()
    assert "nothing but this slug is known" in tagged(on("feature-a-1", slug_only=True), unique).warnings[0]
    assert tagged(on("feature-a-1", slug_only=True)).warnings == ()


@pytest.mark.parametrize("context", [PULL_REQUEST, QUEUE, pushed("v1.2.3"), pushed("a#b")])
def test_what_is_no_branch_warns_of_no_other_branch(context: Context):
    assert tagged(context).warnings == ()


def test_notes_of_the_context_are_warnings_of_the_plan():
    assert tagged(replace(CONTEXT, notes=("look here",))).warnings == ("look here",)


# pull requests, merge queues


def test_a_pull_request_is_pr_n_and_never_latest_also_from_the_default_branch():
    for rules in (TagsTable(), TagsTable(latest="release")):
        plan = tagged(PULL_REQUEST, rules, version="v1.2.3")

        assert names(plan) == [f"{COMMIT}-pr-12", "pr-12", "v1.2.3"]
        assert skipped(plan, TagKind.LATEST) == ["a pull request is never latest"]
        assert plan.build_only is None


def test_build_toml_s_further_tags_are_not_for_pull_requests():
    plan = tagged(PULL_REQUEST, TagsTable(extra=("edge",)), extra=("edge", "preview"))

    assert names(plan) == [f"{COMMIT}-pr-12", "pr-12", "preview"]
    assert "edge" in skipped(plan, TagKind.EXTRA)[0]


@pytest.mark.parametrize("number", [13, None])
def test_a_fork_is_built_and_gets_no_tag_that_could_be_published(number: int | None):
    fork = replace(PULL_REQUEST, trusted=False, pull_request=number)
    plan = tagged(fork, version="v1.2.3", extra=("nightly",))

    assert [tag.kind for tag in plan.tags] == [TagKind.COMMIT]
    assert {tag.kind for tag in plan.skipped} == set(TagKind) - {TagKind.COMMIT}
    assert plan.build_only is not None
    assert "fork" in plan.build_only


def test_a_ref_that_is_not_protected_is_no_fork():
    plan = tagged(replace(CONTEXT, trusted=False))

    assert (plan.build_only, names(plan)) == (None, [f"{COMMIT}-main", "main", "latest"])


def test_a_merge_queue_gets_the_commit_tag_only():
    plan = tagged(replace(QUEUE, branch="main"), version="v1.2.3", extra=("nightly",))

    assert (names(plan), plan.build_only) == ([f"{COMMIT}-main"], None)
    assert skipped(plan, TagKind.LATEST) == ["latest: a merge queue gets the commit tag only"]


# tags


@pytest.mark.parametrize("version", [None, "v1.2.3"])
def test_a_pushed_version_is_the_branch_tag_and_is_put_once(version: str | None):
    plan = tagged(pushed("v1.2.3"), version=version)

    assert names(plan) == [f"{COMMIT}-v1.2.3", "v1.2.3"]
    assert (plan.tags[1].kind, plan.tags[1].moves) == (TagKind.SEMVER, False)
    assert why(plan, "v1.2.3") == "git tag v1.2.3, published once"
    assert skipped(plan, TagKind.LATEST) == ["git tag v1.2.3 is not the default branch main"]


def test_a_version_in_the_seed_s_branch_is_a_tag_push():
    found = tagged(on("v1.2.3-build.5", slug_only=True), version="v1.2.3+build.5")

    assert names(found) == [f"{COMMIT}-v1.2.3-build.5", "v1.2.3_build.5"]


def test_a_version_given_in_another_form_is_published_in_that_form():
    assert names(tagged(pushed("v1.2.3"), version="1.2.3")) == [f"{COMMIT}-v1.2.3", "1.2.3"]


def test_a_pushed_version_and_another_that_was_given_are_two_versions():
    plan = tagged(pushed("v1.2.3"), version="v1.3.0")

    assert names(plan) == [f"{COMMIT}-v1.2.3", "v1.2.3", "v1.3.0"]
    assert [tag.moves for tag in plan.tags] == [False, False, False]


@pytest.mark.parametrize("tag", ["api/v1.2.3", "api-v1.2.3", "api@v1.2.3"])
def test_a_component_s_release_is_its_version(tag: str):
    assert names(tagged(pushed(tag), version="v1.2.3")) == [f"{COMMIT}-api-v1.2.3", "v1.2.3"]


def test_a_git_tag_that_is_no_version_is_like_a_branch():
    plan = tagged(pushed("Nightly"), version="v1.2.3")

    assert names(plan) == [f"{COMMIT}-nightly", "nightly", "v1.2.3"]
    assert why(plan, "nightly") == "git tag Nightly"


def test_a_git_tag_that_is_nearly_a_version_or_latest_is_hashed_as_a_branch_is():
    assert tagged(pushed("V1.2.3")).slug.startswith("branch-v1.2.3-")
    assert tagged(pushed("latest")).slug.startswith("latest-")


# versions


@pytest.mark.parametrize("version", ["1.2", "v1.2.3.4", "latest", "v01.2.3", "v1.2.3; rm -rf /"])
def test_what_is_no_version_is_refused(version: str):
    with pytest.raises(ConfigError, match="is not a version"):
        tagged(CONTEXT, version=version)


@pytest.mark.parametrize(
    ("version", "published", "expected"),
    [
        ("v1.2.3", (), True),
        ("v1.2.3", ("v1.2.3", "v1.2.2", "main", "v2.0.0-rc.1"), True),
        ("v1.2.3", ("v1.2.4",), False),
        ("v1.2.3", ("1.10.0",), False),
        ("v1.2.3", ("v1.2.4_build",), False),
        ("v1.2.3-rc.1", (), False),
        ("v1.2.3", None, True),
        (None, (), False),
    ],
)
def test_latest_by_release_is_the_highest_stable_version(
    version: str | None, published: tuple[str, ...] | None, expected: bool
):
    plan = tagged(on("hotfix"), TagsTable(latest="release"), version=version, published=published)

    assert ("latest" in names(plan)) is expected
    assert len(skipped(plan, TagKind.LATEST)) == (not expected)


def test_what_cannot_be_known_offline_is_said():
    plan = tagged(CONTEXT, TagsTable(latest="release", semver=("{major}",)), version="v1.2.3", published=None)

    assert "without asking the registry" in why(plan, "latest")
    assert "without asking the registry" in why(plan, "1")


def test_latest_by_release_follows_a_pushed_version():
    assert names(tagged(pushed("v1.2.3"), TagsTable(latest="release")))[-1] == "latest"


@pytest.mark.parametrize(
    ("version", "published", "expected"),
    [
        ("v1.2.3", ("v2.0.0", "v1.1.9", "v1.2.4-rc.1"), ["1", "1.2"]),
        ("v1.2.3", ("v1.3.0",), ["1.2"]),
        ("v1.2.3", ("v1.2.10",), []),
        ("v1.2.3-rc.1", (), []),
        ("v1.2.3", ("v1.2.3",), ["1", "1.2"]),
    ],
)
def test_an_alias_moves_for_the_highest_version_of_its_line(
    version: str, published: tuple[str, ...], expected: list[str]
):
    rules = TagsTable(semver=("{major}", "{major}.{minor}"))
    plan = tagged(CONTEXT, rules, version=version, published=published)

    assert [name for name in names(plan) if name in {"1", "1.2"}] == expected
    assert len(skipped(plan, TagKind.SEMVER)) == 2 - len(expected)


# further tags


@pytest.mark.parametrize("name", ["latest", "v1.2.3", "pr-1", f"{COMMIT}-x", "a b", "", "-x", "x" * 129])
def test_a_further_tag_has_a_name_of_its_own(name: str):
    with pytest.raises(ConfigError, match="cannot be a further tag"):
        tagged(CONTEXT, extra=(name,))


def test_one_tag_of_two_kinds_is_put_once_and_said():
    plan = tagged(on("nightly"), extra=("nightly", "edge", "edge"))

    assert names(plan) == [f"{COMMIT}-nightly", "nightly", "edge"]
    assert skipped(plan, TagKind.EXTRA) == [
        "nightly: it is the branch tag already",
        "edge: it is the extra tag already",
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_kinds_the_one_that_never_moves_is_put(turned: bool):
    fixed = PlannedTag(tag=Tag("x"), kind=TagKind.SEMVER, moves=False, why="fixed")
    moving = PlannedTag(tag=Tag("x"), kind=TagKind.EXTRA, moves=True, why="moving")
    kept, gone = part([moving, fixed] if turned else [fixed, moving], "")

    assert kept == (fixed,)
    assert gone == (SkippedTag(kind=TagKind.EXTRA, why="x: it is the semver tag already"),)


# a laptop


def test_changes_on_a_laptop_move_nothing_and_release_nothing():
    plan = tagged(DIRTY, version="v1.2.3", extra=("nightly",))

    assert names(plan) == [f"{COMMIT}-main-dirty"]
    assert plan.tags[0].moves  # the next changes of the same commit go there too
    assert len(plan.skipped) == 4
    assert all("--allow-dirty" in tag.why for tag in plan.skipped)


def test_allow_dirty_allows_it():
    plan = tagged(DIRTY, version="v1.2.3", allow_dirty=True)

    assert names(plan) == [f"{COMMIT}-main-dirty", "main", "v1.2.3", "latest"]


@pytest.mark.parametrize("ci", ["github", "gitlab", "seed"])
def test_changes_in_ci_change_no_tag(ci: str):
    assert names(tagged(replace(DIRTY, ci=ci))) == names(tagged(CONTEXT))


def test_a_clean_laptop_is_like_ci():
    assert names(tagged(LAPTOP)) == names(tagged(CONTEXT))


# whatever comes

RULES = st.builds(
    TagsTable,
    sha_length=st.integers(6, 64),
    latest=st.sampled_from(("default-branch", "release", "never")),
    slug=st.sampled_from(("github", "unique")),
    semver=st.lists(st.sampled_from(("{major}", "{major}.{minor}")), unique=True).map(tuple),
)


@given(contexts(), RULES, st.none() | versions(), st.none() | st.lists(versions()).map(tuple), st.booleans())
def test_every_plan_keeps_the_rules(
    context: Context, rules: TagsTable, version: str | None, published: tuple[str, ...] | None, allow_dirty: bool
):
    plan = tagged(context, rules, version=version, published=published, allow_dirty=allow_dirty)

    assert plan == tagged(context, rules, version=version, published=published, allow_dirty=allow_dirty)
    assert all(Tag.is_valid(name) for name in names(plan))
    assert len(set(names(plan))) == len(plan.tags)
    assert plan.tags[0].kind is TagKind.COMMIT
    assert names(plan)[0].startswith(context.commit[: rules.sha_length] + "-")
    assert "latest" not in names(plan)[:-1]
    assert all(not tag.moves for tag in plan.tags if Version.find(str(tag.tag)))
    assert all(is_reserved(str(tag.tag), rules) for tag in plan.tags if not tag.moves)
    if context.is_fork or context.event is Event.MERGE_QUEUE:
        assert len(plan.tags) == 1
    if context.event is Event.PULL_REQUEST:
        assert "latest" not in names(plan)


@given(branches(), RULES)
def test_no_branch_ever_bears_a_reserved_name(branch: str, rules: TagsTable):
    plan = tagged(on(branch, default_branch="a default of its own"), rules)
    (name,) = (str(tag.tag) for tag in plan.tags[1:])

    assert not is_reserved(name, rules)
    assert len(name) <= LENGTH


@given(branches(), branches())
def test_unique_slugs_are_unique(first: str, second: str):
    assume(first != second)
    unique = TagsTable(slug="unique")

    assert tagged(on(first), unique).slug != tagged(on(second), unique).slug
