from __future__ import annotations

import pytest

from docker_push import trust
from docker_push.config import SecretTable, SshTable
from docker_push.errors import FindingsError
from docker_push.references import Registry, Repository
from examples_of import image, options, setting

OWN = (Repository(Registry("ghcr.io"), "acme/shop/api"), Repository(Registry("ghcr.io"), "acme/shop/api-cache"))


def where(name: str, *keys: str) -> str:
    return f"[images.{name}] {'.'.join(keys)}"


def refused(**changes: object) -> list[str]:
    try:
        trust.refuse(options(image(**changes)), where)
    except FindingsError as error:
        return [finding.where for finding in error.findings]
    return []


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"context": setting("https://example.com/a.git")}, "context"),
        ({"context": setting("git@example.com:a/b.git")}, "context"),
        ({"context": setting("ssh://git@example.com/a.git")}, "context"),
        ({"contexts": {"base": "https://example.com/a.tar.gz"}}, "contexts.base"),
        ({"contexts": {"base": "git://example.com/a.git"}}, "contexts.base"),
        ({"secret": (SecretTable(id="npm", env="NPM_TOKEN"),)}, "secret"),
        ({"ssh": (SshTable(),)}, "ssh"),
        ({"network": "host"}, "network"),
    ],
)
def test_what_a_stranger_s_change_may_not_ask_for_is_refused(changes: dict, place: str):
    assert refused(**changes) == [f"[images.api] {place}"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"context": setting("infra")},
        {"contexts": {"base": "target:other", "busybox": "docker-image://quay.io/a/busybox:1", "files": "files"}},
        {"contexts": {"layout": "oci-layout://layout"}},
        {"network": "none"},
        {"network": "default"},
    ],
)
def test_an_ordinary_build_is_a_stranger_s_too(changes: dict):
    assert refused(**changes) == []


def test_the_way_out_is_a_maintainer_s():
    with pytest.raises(FindingsError) as caught:
        trust.refuse(options(image(network="host", ssh=(SshTable(),))), where)

    assert len(caught.value.findings) == 2
    for finding in caught.value.findings:
        assert "pull request from a fork" in finding.problem
        assert "push the branch to the repository itself" in finding.allowed


def test_the_environment_of_a_stranger_s_run_holds_no_credential():
    kept = {"PATH": "/bin", "HOME": "/root", "SSH_AUTH_SOCK": "/agent", "DOCKER_HOST": "unix:///s", "CI": "true"}
    hidden = {
        "DOCKER_PASSWORD": "a-password",
        "GITHUB_TOKEN": "gh-t0ken-value",
        "CI_JOB_TOKEN": "gl-t0ken-value",
        "CI_JOB_JWT_V2": "eyJ",
        "CI_REPOSITORY_URL": "https://gitlab-ci-token:gl-t0ken-value@gitlab.example/a.git",
        "ACTIONS_RUNTIME_TOKEN": "x",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "y",
        "DOCKER_AUTH_CONFIG": "{}",
        "QUAY_LOGIN": "z",
    }

    assert trust.environ({**kept, **hidden}, {"QUAY_LOGIN"}) == kept


def test_a_short_or_empty_credential_hides_nothing_else():
    assert trust.environ({"A_TOKEN": "", "B_TOKEN": "bin", "PATH": "/bin"}, ()) == {"PATH": "/bin"}


def test_what_leads_to_a_key_of_amazon_s_is_gone_and_where_it_points_hides_nothing_else():
    kept = {"DOCKER_HOST": "tcp://builds.eu-central-1.example:2376", "SSL_CERT_FILE": "/etc/ssl/authorities.pem"}
    hidden = {
        "AWS_REGION": "eu-central-1",
        "AWS_CA_BUNDLE": "/etc/ssl/authorities.pem",
        "AWS_PROFILE": "releases",
        "AWS_SECRET_ACCESS_KEY": "a-key-of-amazon",
        "TF_VAR_amazon": "a-key-of-amazon",
    }

    assert trust.environ({**kept, **hidden}, ()) == kept


@pytest.mark.parametrize(
    ("entry", "readable"),
    [
        ("type=registry,ref=ghcr.io/acme/shop/api-cache:main", True),
        ("ref=ghcr.io/acme/shop/api:main,type=registry", True),
        ("ghcr.io/acme/shop/api:main", True),
        ("type=registry,ref=ghcr.io/acme/shop/api-cache-2:main", False),
        ("type=registry,ref=evil.example/acme/shop/api:main", False),
        ("type=registry,ref=not a reference", False),
        ("type=registry", False),
        ("type=local,src=/etc", False),
        ("type=gha", False),
        ("type=s3,bucket=b", False),
        ("type=inline", False),
    ],
)
def test_a_stranger_s_run_reads_caches_of_its_own_repository_alone(entry: str, readable: bool):
    assert trust.readable_caches((entry,), OWN) == ((entry,) if readable else ())
