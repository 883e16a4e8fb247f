from __future__ import annotations

import dataclasses

from docker_push.config import BuildFile
from docker_push.config.fields import known
from docker_push.options import Flags, Source, declarations
from docker_push.options.declarations import SAID

BY_PLACE = {declaration.place: declaration for declaration in declarations()}


def test_every_key_of_build_toml_is_declared_once():
    tables = known(BuildFile)
    keys = [f"[images.NAME] {key}" for key in tables.at(("images", "NAME"))]
    keys += [f"[registry] {key}" for key in tables.at(("registry", 0))]
    keys += [f"[{table}] {key}" for table in ("project", "tags", "cache", "retry") for key in tables.at((table,))]

    places = [declaration.place for declaration in declarations() if declaration.place]

    assert sorted(places) == sorted(keys)


def test_every_flag_is_declared_by_its_attribute():
    flags = {declaration.name: declaration.flag for declaration in declarations() if declaration.flag}

    assert set(flags) == {field.name for field in dataclasses.fields(Flags)}
    assert flags["images"] == "--image"


def test_the_seeds_variables_are_declared():
    variables = {declaration.variable for declaration in declarations()}

    assert {"CI_DOCKER_IMAGE", "CI_DOCKERFILE", "CI_DOCKER_CONTEXT", "CI_DOCKER_PLATFORM", "DOMAIN"} <= variables
    assert {"GITHUB_REPO_REF", "LATEST_BRANCH", "ATOMI_PLATFORM", "ATOMI_SERVICE"} <= variables


def test_names_flags_and_variables_are_unique():
    for attribute in ("name", "flag", "variable"):
        said = [getattr(declaration, attribute) for declaration in SAID if getattr(declaration, attribute)]
        assert len(said) == len(set(said))


def test_every_option_says_what_it_does():
    assert all(declaration.description.endswith(".") for declaration in declarations())


def test_what_the_file_alone_holds_is_told_with_its_built_in_value():
    assert BY_PLACE["[tags] sha-length"].built_in == "40"
    assert BY_PLACE["[registry] insecure"].built_in == "false"
    assert BY_PLACE["[registry] username-env"].built_in == '"DOCKER_USER"'
    assert BY_PLACE["[images.NAME] attest"].built_in == '["type=provenance,mode=min"]'
    assert BY_PLACE["[images.NAME] target"].built_in is None


def test_only_repository_and_default_branch_let_the_file_win_over_variables():
    first = [
        declaration.name
        for declaration in SAID
        if Source.FILE in declaration.order
        and declaration.order.index(Source.FILE) < declaration.order.index(Source.ENVIRONMENT)
    ]

    assert first == ["repository", "default_branch"]
