from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docker_push import bake
from docker_push.bake import Batch, Output
from docker_push.config import SecretTable, SshTable
from docker_push.errors import VerificationError
from docker_push.facts import Facts, Published, RepositoryFacts
from docker_push.plan import Plan, plan
from docker_push.references import Digest, Registry, Repository
from examples_of import AMD64, BOTH, CONTEXT, DIGEST, image, options, registry, setting


def made(*images, **changes) -> Plan:
    return plan(options(*images, **changes), CONTEXT)


def targets(run: Plan, output: Output = Output.STAGE) -> dict:
    (batch,) = bake.batches(run, 50)
    return bake.render(run, batch, output)["target"]


def target(*images, output: Output = Output.STAGE, **changes) -> dict:
    return next(iter(targets(made(*images, **changes), output).values()))


def test_staging_pushes_the_commit_tag_alone():
    rendered = target()

    assert rendered["tags"] == [f"ghcr.io/atomicloud/my-service/api:{CONTEXT.commit}-main"]
    assert rendered["output"] == ["type=image,push=true,store=false,oci-mediatypes=true"]


def test_one_build_goes_to_every_registry():
    rendered = target(registries=(registry(), registry("localhost:5000")))

    assert [name.split("/")[0] for name in rendered["tags"]] == ["ghcr.io", "localhost:5000"]


def test_a_part_is_pushed_by_digest_to_every_registry_and_under_no_name():
    rendered = target(registries=(registry(), registry("localhost:5000")), part=BOTH[0], output=Output.PART)

    path = "atomicloud/my-service/api"
    output = "type=image,push=true,store=false,oci-mediatypes=true,push-by-digest=true,name-canonical=true"
    assert "tags" not in rendered
    assert rendered["platforms"] == ["linux/arm64"]
    assert rendered["output"] == [f'{output},"name=ghcr.io/{path},localhost:5000/{path}"']


def test_a_part_that_needs_a_tag_has_one_of_its_own():
    rendered = target(part=BOTH[0], output=Output.TAGGED_PART)

    assert rendered["tags"] == [f"ghcr.io/atomicloud/my-service/api:{CONTEXT.commit}-main.linux-arm64"]


def test_a_part_bears_the_annotations_of_the_whole():
    whole, part = target(), target(part=BOTH[0], output=Output.PART)

    assert part["annotations"] == whole["annotations"]
    assert part["labels"] == whole["labels"]


def test_what_a_part_needs_is_built_for_its_platform_alone():
    base = image("base")
    api = image("api", contexts={"base": "target:base"}, depends_on=("base",))
    run = plan(options(base, api, selected=("api",), part=BOTH[0]), CONTEXT)

    assert {one["platforms"][0] for one in targets(run, Output.PART).values()} == {"linux/arm64"}


def test_a_local_build_is_neither_attested_nor_cached_in_a_registry():
    rendered = target(output=Output.LOAD)

    assert rendered["attest"] == ["type=provenance,disabled=true"]
    assert not {"cache-to", "cache-from", "annotations"} & set(rendered)


def test_a_check_names_nothing():
    assert "tags" not in target(output=Output.CHECK)


def test_no_attestation_is_said_aloud():
    assert target(image(attest=()))["attest"] == ["type=provenance,disabled=true"]


def test_an_sbom_alone_switches_provenance_off():
    assert target(image(attest=("type=sbom",)))["attest"] == ["type=sbom", "type=provenance,disabled=true"]


def test_annotations_are_on_the_manifests_and_the_index_the_fingerprint_on_top():
    annotations = target(image(annotations={"a": "b,c"}))["annotations"]

    assert "index,manifest:a=b,c" in annotations
    assert next(text for text in annotations if "docker-push.plan" in text).startswith("index:")


def test_without_an_index_annotations_are_on_the_manifest():
    annotations = target(image(platforms=setting(AMD64), attest=()))["annotations"]

    assert {text.split(":")[0] for text in annotations} == {"manifest"}


@pytest.mark.parametrize(
    ("context", "dockerfile", "relative"),
    [
        (".", "Dockerfile", "Dockerfile"),
        ("./infra", "./infra/Dockerfile.worker", "Dockerfile.worker"),
        ("infra", "Dockerfile", "../Dockerfile"),
        ("https://example.com/repo.git#main", "Dockerfile", "Dockerfile"),
        ("git@example.com:a/b.git", "sub/Dockerfile", "sub/Dockerfile"),
    ],
)
def test_the_dockerfile_is_relative_to_the_context_as_bake_wants_it(context: str, dockerfile: str, relative: str):
    assert target(image(context=setting(context), dockerfile=setting(dockerfile)))["dockerfile"] == relative


def test_secrets_are_named_and_never_read():
    rendered = target(image(secret=(SecretTable(id="npm", env="NPM_TOKEN"), SecretTable(id="file", src="token"))))

    assert rendered["secret"] == [{"id": "npm", "env": "NPM_TOKEN"}, {"id": "file", "src": "token"}]


def test_ssh_is_handed_over():
    assert target(image(ssh=(SshTable(), SshTable(id="k", paths=("key",)))))["ssh"] == [
        {"id": "default"},
        {"id": "k", "paths": ["key"]},
    ]


def test_the_remaining_keys_keep_bake_s_names():
    rendered = target(
        image(
            pull=True,
            no_cache=True,
            network="host",
            extra_hosts={"a": "127.0.0.1"},
            shm_size="1g",
            target="runtime",
            args={"A": "1"},
        )
    )

    assert {
        key: rendered[key] for key in ("pull", "no-cache", "network", "extra-hosts", "shm-size", "target", "args")
    } == {
        "pull": True,
        "no-cache": True,
        "network": "host",
        "extra-hosts": {"a": "127.0.0.1"},
        "shm-size": "1g",
        "target": "runtime",
        "args": {"A": "1"},
    }


def test_what_is_not_said_is_left_to_bake():
    assert not {"pull", "no-cache", "network", "extra-hosts", "shm-size", "target", "args", "secret", "ssh"} & set(
        target()
    )


def test_a_dependency_is_linked_and_kept_nowhere():
    needs = made(image("base"), image("api", depends_on=("base",), contexts={"base": "target:base"}), selected=("api",))
    rendered = targets(needs)

    assert rendered["api"]["contexts"] == {"base": "target:base"}
    assert rendered["base"]["output"] == ["type=cacheonly"]


def test_an_adopted_dependency_is_read_from_the_registry():
    opts = options(image("base"), image("api", depends_on=("base",), contexts={"base": "target:base"}))
    base = plan(opts, CONTEXT).images[0]
    published = Published(digest=DIGEST, fingerprint=base.fingerprint, platforms=BOTH, complete=True)
    place = Repository(Registry("ghcr.io"), "atomicloud/my-service/base")
    run = plan(opts, CONTEXT, Facts(repositories={place: RepositoryFacts(commit=published)}))

    assert targets(run)["api"]["contexts"] == {"base": f"docker-image://{place}@{DIGEST}"}


def test_only_what_is_kept_is_asked_for():
    needs = made(image("base"), image("api", depends_on=("base",)), selected=("api",))
    (batch,) = bake.batches(needs, 50)

    assert bake.render(needs, batch, Output.STAGE)["group"] == {"default": {"targets": ["api"]}}


def test_names_that_bake_refuses_get_others():
    assert bake.target_names(made(image("a.b"), image("a/b"), image("a_b")).images) == {
        "a.b": "a_b",
        "a/b": "a_b_2",
        "a_b": "a_b_3",
    }


def test_batches_hold_the_limit_and_lose_nothing():
    run = made(*[image(f"i{number}") for number in range(7)])
    sizes = [len(batch.images) for batch in bake.batches(run, 3)]

    assert sizes == [3, 3, 1]


def test_a_batch_brings_what_its_images_need():
    base = image("base")
    run = made(base, *[image(f"i{number}", depends_on=("base",)) for number in range(4)])
    found = bake.batches(run, 3)

    assert all("base" in {one.name for one in (*batch.images, *batch.needs)} for batch in found)
    assert sorted(one.name for batch in found for one in batch.images) == ["base", "i0", "i1", "i2", "i3"]


@given(st.text())
def test_templates_are_escaped_and_nothing_else_is_touched(text: str):
    assert bake.escaped(text).replace("$${", "${").replace("%%{", "%{") == text.replace("$${", "${").replace(
        "%%{", "%{"
    )


def metadata(**entry: object) -> str:
    return json.dumps({"api": entry})


def test_the_digest_is_read_from_the_metadata_file():
    assert bake.digests(metadata(**{"containerimage.digest": str(DIGEST)}), {"api": "api"}) == {"api": DIGEST}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        metadata(),
        metadata(**{"containerimage.digest": "sha256:x"}),
        metadata(**{"containerimage.digest": 1}),
        "[" * 100_000,
    ],
)
def test_a_file_that_does_not_name_the_digest_ends_the_run(text: str):
    with pytest.raises(VerificationError):
        bake.digests(text, {"api": "api"})


json_values = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=10)
    | st.sampled_from([str(DIGEST), "sha512:" + "a" * 128, "sha256:x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["api", "worker", "containerimage.digest", "more"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(
    st.text(max_size=40)
    | st.tuples(json_values.map(json.dumps), st.integers(0, 5)).map(lambda c: c[0][: len(c[0]) - c[1]])
)
@example(text='{"api": {"containerimage.digest": "\\ud800"}, "worker": {}}')
@example(text=" " * 100_000 + "{")
def test_any_metadata_names_every_digest_or_ends_the_run_in_one_line(text: str):
    names = {"an image": "api", "b": "worker"}
    try:
        found = bake.digests(text, names)
    except VerificationError as error:
        assert str(error).isprintable()
        assert len(error.message) < 400
    else:
        assert set(found) == set(names)
        assert {Digest.parse(str(digest)) for digest in found.values()} == set(found.values())


def test_what_else_bake_writes_is_left_alone():
    text = json.dumps(
        {"api": {"containerimage.digest": str(DIGEST), "buildx.build.ref": "x"}, "buildx.build.warnings": []}
    )

    assert bake.digests(text, {"api": "api"}) == {"api": DIGEST}


def test_an_empty_run_has_no_batches():
    assert bake.batches(made(), 50)[0] == Batch(images=made().images)


def test_an_insecure_registry_is_pushed_to_over_http():
    rendered = target(registries=(registry("registry.internal:5000", insecure=True),))

    assert rendered["output"] == ["type=image,push=true,store=false,oci-mediatypes=true,registry.insecure=true"]


def test_tls_is_never_given_up_for_a_registry_that_wants_it():
    mixed = (registry("registry.internal:5000", insecure=True), registry("ghcr.io"))

    assert "insecure" not in target(registries=mixed)["output"][0]
