"""Which caches a run reads and writes, for every backend and kind of run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from docker_push import bake, report
from docker_push.bake import Output
from docker_push.config import CacheTable
from docker_push.context import Event
from docker_push.facts import BuilderFacts, Facts
from docker_push.plan import Plan, PlannedImage, plan
from examples_of import AMD64, BOTH, CONTEXT, image, options

S3 = CacheTable(
    backend="s3",
    bucket="acme-cache",
    region="eu-central-1",
    prefix="ci/",
    endpoint_url="https://s3.example.com",
    use_path_style=True,
)
TABLES = {
    "registry": CacheTable(),
    "gha": CacheTable(backend="gha", scope="ci"),
    "s3": S3,
    "local": CacheTable(backend="local", path="/var/cache/images"),
}
NAME = "sulfoxide.hydrogen.api.linux-amd64_linux-arm64"
READ = {
    "registry": f"type=registry,ref=ghcr.io/atomicloud/my-service/api-cache:{NAME}",
    "gha": f"type=gha,scope=ci.{NAME}",
    "s3": "type=s3,bucket=acme-cache,region=eu-central-1,prefix=ci/,endpoint_url=https://s3.example.com"
    f",use_path_style=true,name={NAME}",
    "local": f"type=local,src=/var/cache/images/{NAME}",
}
BRANCH = replace(CONTEXT, branch="feature-a")
PULL_REQUEST = replace(CONTEXT, event=Event.PULL_REQUEST, pull_request=12, branch="main")
FORK = replace(PULL_REQUEST, trusted=False)
QUEUE = replace(CONTEXT, event=Event.MERGE_QUEUE, branch="gh-readonly-queue/main/pr-1-a")
RELEASE = replace(CONTEXT, event=Event.TAG, tag="v1.2.3", branch=None)
UNPROTECTED = replace(BRANCH, trusted=False, ci="gitlab")


def planned(backend: str, context=CONTEXT, facts: Facts | None = None) -> PlannedImage:
    return made(backend, context, facts).images[0]


def made(backend: str, context=CONTEXT, facts: Facts | None = None) -> Plan:
    return plan(options(cache=TABLES[backend]), context, facts)


@pytest.mark.parametrize("backend", TABLES)
def test_a_branch_reads_its_own_then_the_default_branch_s_and_writes_its_own(backend: str):
    found = planned(backend, BRANCH)

    assert found.cache_from == (f"{READ[backend]}.feature-a", f"{READ[backend]}.main")
    (written,) = found.cache_to
    assert written.startswith(f"{READ[backend].replace('src=', 'dest=')}.feature-a,mode=max,")
    assert written.endswith(",ignore-error=true")
    assert "read feature-a then main, write feature-a" in found.cache_why


def test_the_registry_gets_an_image_s_manifest_which_every_registry_takes():
    assert "image-manifest=true,oci-mediatypes=true" in planned("registry").cache_to[0]


@pytest.mark.parametrize("backend", TABLES)
def test_a_pull_request_writes_a_cache_that_only_its_own_runs_read(backend: str):
    (written,) = planned(backend, PULL_REQUEST).cache_to
    name = written.partition(".linux-amd64_linux-arm64.")[2].partition(",")[0]

    assert name.startswith("pr-12-")
    for other in (CONTEXT, BRANCH, QUEUE, RELEASE, UNPROTECTED, replace(PULL_REQUEST, pull_request=13)):
        assert not any(name in entry for entry in planned(backend, other).cache_from)


@pytest.mark.parametrize("backend", TABLES)
@pytest.mark.parametrize("context", [QUEUE, RELEASE], ids=["merge queue", "release"])
def test_what_no_later_run_would_read_is_not_written(backend: str, context):
    found = planned(backend, context)

    assert found.cache_from == (f"{READ[backend]}.main",)
    assert found.cache_to == ()
    assert "write none: no later run would read that of a" in found.cache_why


@pytest.mark.parametrize("backend", TABLES)
def test_a_run_that_is_not_trusted_writes_none(backend: str):
    found = planned(backend, UNPROTECTED)

    assert len(found.cache_from) == 2
    assert found.cache_to == ()
    assert "the run is not trusted" in found.cache_why


def test_a_stranger_s_run_reads_the_registry_s_cache_which_everybody_may():
    found = planned("registry", FORK)

    assert (len(found.cache_from), found.cache_to) == (2, ())


@pytest.mark.parametrize("backend", ["gha", "s3", "local"])
def test_a_stranger_s_run_has_no_other_cache(backend: str):
    """Its own build.toml names bucket, server and folder."""
    found = planned(backend, FORK, Facts(no_cache="no token"))

    assert (found.cache_from, found.cache_to) == ((), ())
    assert "a pull request from a fork has no access" in found.cache_why
    assert made(backend, FORK, Facts(no_cache="no token")).warnings == ()


@pytest.mark.parametrize("backend", TABLES)
def test_parts_never_write_over_one_another_s(backend: str):
    written = [plan(options(cache=TABLES[backend], part=part), CONTEXT).images[0].cache_to[0] for part in (*BOTH, None)]

    assert len(set(written)) == 3


@pytest.mark.parametrize("backend", TABLES)
def test_two_services_with_an_image_of_one_name_share_no_cache(backend: str):
    others = [options(cache=TABLES[backend], platform="sulfoxide", service=name) for name in ("hydrogen", "helium")]

    one, other = (plan(chosen, BRANCH).images[0] for chosen in others)

    assert not set(one.cache_from) & set(other.cache_from)
    assert one.cache_to != other.cache_to


@pytest.mark.parametrize("backend", TABLES)
def test_the_cache_is_named_after_the_repository_where_lpsm_says_nothing(backend: str):
    found = plan(options(cache=TABLES[backend], platform=None, service=None), CONTEXT).images[0]

    assert "atomicloud.my-service.api." in found.cache_from[0]


def test_less_is_kept_where_build_toml_says_so():
    found = plan(options(cache=CacheTable(mode="min")), CONTEXT).images[0]

    assert ",mode=min," in found.cache_to[0]


def test_cache_none_means_none():
    found = plan(options(cache=CacheTable(backend="none")), CONTEXT).images[0]

    assert (found.cache_from, found.cache_to) == ((), ())


@pytest.mark.parametrize("backend", TABLES)
def test_a_cache_of_one_s_own_replaces_ours(backend: str):
    own = image(cache_from=("type=gha",))

    found = plan(options(own, cache=TABLES[backend]), CONTEXT).images[0]

    assert (found.cache_from, found.cache_to, found.cache_why) == (("type=gha",), (), "as build.toml says")


def builder(driver: str, *, containerd: bool = True) -> Facts:
    return Facts(builder=BuilderFacts(name="default", driver=driver, platforms=BOTH, multi_platform=containerd))


@pytest.mark.parametrize("backend", TABLES)
def test_a_store_that_cannot_export_gets_no_cache_and_says_so(backend: str):
    found = planned(backend, facts=builder("docker", containerd=False))

    assert (found.cache_from, found.cache_to) == ((), ())
    assert "the image store of builder default cannot export a cache" in found.cache_why


def test_docker_s_own_builder_lacks_s3_and_the_plan_says_what_has_it():
    found = planned("s3", facts=builder("docker"))

    assert (found.cache_from, found.cache_to) == ((), ())
    assert "lacks the cache backend s3; another has it (docker buildx create --use)" in found.cache_why
    assert planned("s3", facts=builder("docker-container")).cache_to


@pytest.mark.parametrize("backend", ["registry", "gha", "local"])
def test_docker_s_own_builder_has_the_others(backend: str):
    assert planned(backend, facts=builder("docker")).cache_to


def test_an_environment_without_access_is_one_warning_and_no_cache():
    chosen = options(image("a"), image("b"), cache=TABLES["gha"])

    found = plan(chosen, CONTEXT, Facts(no_cache="TOKEN is not set"))

    assert [one.cache_from + one.cache_to for one in found.images] == [(), ()]
    assert found.warnings == ('no build cache, [cache] backend = "gha": TOKEN is not set',)


def test_github_s_cache_is_not_missed_on_a_laptop():
    laptop = replace(CONTEXT, ci="local", event=Event.LOCAL)

    assert made("gha", laptop, Facts(no_cache="TOKEN is not set")).warnings == ()
    assert made("local", laptop, Facts(no_cache="/x is not a folder")).warnings != ()


@pytest.mark.parametrize("backend", TABLES)
def test_the_plan_says_where_from_where_to_and_why(backend: str):
    found = made(backend, BRANCH)
    (told,) = json.loads(json.dumps(report.plan_json(found)))["images"]
    text = report.plan_text(found)

    assert [told["cache"]["from"], told["cache"]["to"]] == [
        [*found.images[0].cache_from],
        [*found.images[0].cache_to],
    ]
    assert f"  cache     {told['cache']['why']}\n" in text
    assert all(f"  reads     {entry}\n" in text for entry in found.images[0].cache_from)
    assert f"  writes    {found.images[0].cache_to[0]}" in text


@pytest.mark.parametrize("backend", TABLES)
def test_bake_is_told_what_the_plan_says(backend: str):
    found = made(backend, BRANCH)
    (batch,) = bake.batches(found, 50)

    target = bake.render(found, batch, Output.STAGE)["target"]["api"]  # type: ignore[index]

    assert target["cache-from"] == [*found.images[0].cache_from]
    assert target["cache-to"] == [*found.images[0].cache_to]


def test_a_part_s_cache_is_of_its_platform():
    (only,) = AMD64

    assert ".linux-amd64.main" in plan(options(part=only), CONTEXT).images[0].cache_from[0]
