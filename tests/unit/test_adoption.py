"""Which images are not built: the pure decision, from facts as values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from docker_push.facts import Facts, Files, Published, RepositoryFacts
from docker_push.options import Options
from docker_push.plan import Action, Plan, PlannedImage, plan
from docker_push.record import Record
from docker_push.references import Registry, Repository
from examples_of import AMD64, BOTH, CONTEXT, DIGEST, OF_OTHER_CONTENT, OTHER, image, options, registry, setting

API = Repository(Registry("ghcr.io"), "atomicloud/my-service/api")
BASE = "docker.io/library/busybox:1.37"
FILES = {"api": Files(digest="f" * 64), "base": Files(digest="e" * 64)}
NEXT = "fedcba9876543210fedcba9876543210fedcba98"


def only(made: Plan, name: str = "api") -> PlannedImage:
    return next(one for one in made.images if one.name == name)


def published(asked: Options, commit: str = NEXT, **changes: object) -> Facts:
    """Facts in which an image of these options and files was published by another commit."""
    planned = only(plan(asked, replace(CONTEXT, commit=commit), Facts(files=FILES)))
    record = Record(key=planned.key or "", settings=planned.settings, bases={BASE: DIGEST})
    found = Published(digest=DIGEST, fingerprint=planned.fingerprint, platforms=BOTH, complete=True, record=record)
    seen = RepositoryFacts(same=replace(found, **changes), same_tag="main")
    return Facts(repositories={API: seen}, files=FILES, bases={BASE: DIGEST})


def decided(facts: Facts, asked: Options | None = None) -> tuple[Action, str]:
    found = only(plan(asked or options(), CONTEXT, facts))
    return found.action, found.why


def test_what_was_published_from_the_same_inputs_is_adopted_whatever_the_commit():
    found = only(plan(options(), CONTEXT, published(options())))

    assert (found.action, found.why, found.digest) == (Action.ADOPT, "unchanged since main", DIGEST)
    assert found.record is not None
    assert found.record.bases == {BASE: DIGEST}


def test_a_base_that_is_another_today_is_built_on():
    facts = replace(published(options()), bases={BASE: OTHER})

    assert decided(facts) == (Action.BUILD, f"{BASE} is {str(OTHER)[:19]} now, and was {str(DIGEST)[:19]}")


@pytest.mark.parametrize("bases", [{}, {BASE: None}], ids=["not-asked", "not-told"])
def test_a_base_of_which_nothing_is_known_is_built_on(bases: dict):
    action, why = decided(replace(published(options()), bases=bases))

    assert action is Action.BUILD
    assert BASE in why


@pytest.mark.parametrize(
    "changes",
    [
        {"complete": False},
        {"platforms": AMD64},
        {"record": None},
        {"record": Record(key="k", settings="s", moving="ADD of a URL")},
    ],
    ids=["not-complete", "one-platform", "no-record", "a-moving-source"],
)
def test_what_is_not_whole_or_not_known_is_built(changes: dict):
    assert decided(published(options(), **changes))[0] is Action.BUILD


def test_an_image_that_is_in_one_of_two_registries_is_built():
    both = options(registries=(registry(), registry("localhost:5000")))

    action, why = decided(published(both), both)

    assert action is Action.BUILD
    assert "in every registry" in why


def test_rebuild_is_heard():
    assert decided(published(options()), options(rebuild=True))[0] is Action.BUILD


def test_what_nobody_can_know_is_always_built_and_the_plan_says_why():
    for asked, words in (
        (image(no_cache=True), "no-cache"),
        (image(context=setting("https://example.com/a.git#main")), "example.com"),
        (image(contexts={"base": "oci-layout://layout"}), "oci-layout"),
    ):
        action, why = decided(published(options(asked)), options(asked))

        assert action is Action.BUILD
        assert why.startswith("always built: ")
        assert words in why


def test_a_named_image_is_a_base_and_not_a_moving_context():
    asked = options(image(contexts={"base": "docker-image://busybox:1.37"}))

    assert decided(published(asked), asked)[0] is Action.ADOPT


def test_a_build_only_run_adopts_nothing():
    assert decided(replace(published(options()), build_only="no credentials"))[0] is Action.BUILD


@pytest.mark.parametrize(
    ("seen", "words"),
    [(RepositoryFacts(), "nothing was published"), (RepositoryFacts(other_tag="main"), "not those of main")],
)
def test_the_reason_of_a_build_is_said(seen: RepositoryFacts, words: str):
    action, why = decided(replace(published(options()), repositories={API: seen}))

    assert action is Action.BUILD
    assert words in why


@pytest.mark.parametrize(
    "changed",
    [*OF_OTHER_CONTENT, image(test=(("true",),))],
    ids=lambda one: str([field for field, value in vars(one).items() if value != vars(image())[field]]),
)
def test_everything_that_may_change_the_image_changes_its_key(changed):
    facts = Facts(files=FILES)

    assert only(plan(options(changed), CONTEXT, facts)).key != only(plan(options(), CONTEXT, facts)).key


def test_files_change_the_key_and_the_commit_does_not():
    def key(commit: str, files: str) -> str | None:
        context = replace(CONTEXT, commit=commit, revision=commit, created=int(commit[:2], 16))
        return only(plan(options(), context, Facts(files={"api": Files(digest=files)}))).key

    assert key(NEXT, "a") == key(CONTEXT.commit, "a")
    assert key(NEXT, "a") != key(NEXT, "b")


def test_a_dependency_s_files_change_the_key_of_what_needs_it():
    asked = options(image("base"), image("api", contexts={"base": "target:base"}, depends_on=("base",)))

    def key(base: str) -> str | None:
        return only(plan(asked, CONTEXT, Facts(files={"api": Files(digest="a"), "base": Files(digest=base)}))).key

    assert key("a") != key("b")
    assert only(plan(asked, CONTEXT, Facts(files={"api": Files(digest="a")}))).key is None


def test_a_commit_tag_that_was_put_on_an_unchanged_image_is_adopted_again_whatever_its_bases_are_today():
    facts = published(options())
    (seen,) = facts.repositories.values()
    again = replace(facts, repositories={API: RepositoryFacts(commit=seen.same)}, bases={})

    assert decided(again)[0] is Action.ADOPT


def test_it_is_looked_for_under_the_tags_of_the_branch_and_of_the_default_branch():
    context = replace(CONTEXT, branch="feature/A")

    assert list(map(str, only(plan(options(), context)).earlier)) == ["feature-a", "main"]


def test_the_settings_of_a_dependency_are_a_part_of_what_is_said():
    def settings(**base: object) -> str:
        needs = image("api", contexts={"base": "target:base"}, depends_on=("base",))
        return only(plan(options(image("base", **base), needs), CONTEXT)).settings

    assert settings() == settings()
    assert settings() != settings(args={"A": "1"})


def test_why_a_base_cannot_be_told_is_said():
    facts = replace(published(options()), bases={BASE: None}, untold={BASE: "docker.io is not reached"})

    assert decided(facts)[1].endswith("still the same: docker.io is not reached")
