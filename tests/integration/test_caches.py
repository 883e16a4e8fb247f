"""Caches across runners and trust levels, with the real BuildKit, a real registry, a real S3 server and real folders."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cache_service import CacheService, cache_service, token
from fresh_builder import Events, fresh_builder
from s3_server import ACCESS, S3Server, s3_server
from scratch import Ran, Scratch

pytestmark = pytest.mark.engine

BACKENDS = ("registry", "gha", "s3", "local")
DOCKERFILE = "FROM busybox:1.37\nCOPY data /data\nRUN date +%s%N > /built\nRUN cat /data > /copy\n"
LPSM = {"ATOMI_PLATFORM": "sulfoxide", "ATOMI_SERVICE": "hydrogen"}


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def github() -> Iterator[CacheService]:
    with cache_service() as service:
        yield service


@dataclass
class Case:
    """A repository whose cache is kept by one backend, and what is kept there."""

    scratch: Scratch
    backend: str
    folder: Path
    s3: S3Server
    github: CacheService
    events: Events
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def table(self) -> str:
        if self.backend == "s3":
            return self.s3.table(self.scratch.repository.lower())
        path = f'path = "{self.folder}"\n' if self.backend == "local" else ""
        return f'[cache]\nbackend = "{self.backend}"\n{path}'

    def write(self, table: str | None = None) -> None:
        table = self.table if table is None else table
        image = '[images.api]\nplatforms = ["linux/amd64"]\n'
        self.scratch.write({"Dockerfile": DOCKERFILE, "data": "one\n", "build.toml": f"{image}{table}"})
        self.scratch.commit_all()

    def kept(self) -> set[str]:
        """Return the names of the caches that are kept, as somebody else's program lists them."""
        if self.backend == "registry":
            return self.scratch.tags("api-cache")
        if self.backend == "gha":
            return self.github.indexes
        if self.backend == "s3":
            return {key.rpartition("/")[2] for key in self.s3.keys(f"{self.scratch.repository.lower()}/manifests/")}
        return {index.parent.name for index in self.folder.glob("*/index.json")}

    def content(self) -> object:
        """Return everything that is kept, to compare."""
        if self.backend == "registry":
            return {tag: self.scratch.digest("api-cache", tag) for tag in self.kept()}
        if self.backend == "gha":
            return dict(self.github.entries)
        if self.backend == "s3":
            return self.s3.keys(f"{self.scratch.repository.lower()}/")
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def push(
        self, builder: str | None = None, ref: str = "refs/heads/main", flags: tuple[str, ...] = (), **environ: str
    ) -> Ran:
        """Publish as GitHub does for a push to a branch, on a builder; nothing of an earlier run is adopted."""
        chosen = ["--builder", builder] if builder else []
        run = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "push",
            "GITHUB_REF": ref,
            "GITHUB_SHA": self.scratch.commit,
            "GITHUB_REPOSITORY": self.scratch.repository,
        }
        access = {**ACCESS, **self.github.environ(ref, "refs/heads/main"), **LPSM}
        said = ["--rebuild", "--allow-older", *chosen, *flags]
        return self.scratch.tool("push", "--domain", self.scratch.registry, *said, **{**run, **access, **environ})

    def pull_request(self, builder: str, head: str, **environ: str) -> Ran:
        """Build as GitHub does for a pull request whose head is in the repository ``head``."""
        event = self.scratch.root.parent / "event.json"
        base = {"repo": {"full_name": self.scratch.repository}}
        said = {
            "number": 12,
            "head": {"sha": self.scratch.commit, "ref": "main", "repo": {"full_name": head}},
            "base": base,
        }
        event.write_text(json.dumps({"number": 12, "pull_request": said}))
        run = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(event), "GITHUB_HEAD_REF": "main"}
        return self.push(builder, "refs/pull/12/merge", (), **{**run, **environ})


@pytest.fixture(params=BACKENDS)
def case(scratch: Scratch, tmp_path: Path, s3: S3Server, github: CacheService, request: pytest.FixtureRequest) -> Case:
    scratch.environ["BUILDX_CONFIG"] = str(tmp_path / "buildx")
    made = Case(scratch, request.param, tmp_path / "caches", s3, github, Events(scratch, tmp_path))
    made.write()
    return made


def mirror(environ: Mapping[str, str] = os.environ) -> str:
    return environ["MIRROR"]


def done(run: Ran) -> Ran:
    assert run.code == 0, run.err
    return run


def test_a_fresh_builder_with_a_filled_cache_rebuilds_nothing(case: Case):
    with fresh_builder(case.scratch, mirror()) as first:
        done(case.push(first))
    built = case.events.steps()
    layers = case.scratch.config("api", "main")["rootfs"]["diff_ids"]
    with fresh_builder(case.scratch, mirror()) as second:
        done(case.push(second))

    assert (len(built), set(built.values())) == (3, {False})
    assert case.events.steps() == dict.fromkeys(built, True)
    assert case.scratch.config("api", "main")["rootfs"]["diff_ids"] == layers
    assert case.kept() == {"sulfoxide.hydrogen.api.linux-amd64.main"}


def test_a_new_branch_is_built_with_the_default_branch_s_cache_and_keeps_its_own(case: Case):
    with fresh_builder(case.scratch, mirror()) as first:
        done(case.push(first))
    case.scratch.git("switch", "--quiet", "--create", "feature/A")
    case.scratch.push_to_origin()
    with fresh_builder(case.scratch, mirror()) as second:
        done(case.push(second, "refs/heads/feature/A"))

    assert set(case.events.steps().values()) == {True}
    own, default = sorted(case.kept())
    assert own.startswith("sulfoxide.hydrogen.api.linux-amd64.feature-a-")
    assert default == "sulfoxide.hydrogen.api.linux-amd64.main"


def test_a_pull_request_of_one_s_own_reads_the_release_cache_and_writes_only_its_own(case: Case):
    with fresh_builder(case.scratch, mirror()) as builder:
        done(case.push(builder))
        before = case.kept()
        case.scratch.write({"data": "poison\n"})
        case.scratch.commit_all(push=False)
        done(case.pull_request(builder, case.scratch.repository))

    (own,) = case.kept() - before
    assert own.startswith("sulfoxide.hydrogen.api.linux-amd64.pr-12-")
    case.scratch.git("reset", "--quiet", "--hard", "HEAD~1")
    with fresh_builder(case.scratch, mirror()) as release:
        done(case.push(release))
    assert set(case.events.steps().values()) == {True}
    assert "pr-12" not in case.events.text


def test_a_stranger_s_pull_request_writes_no_cache(case: Case):
    with fresh_builder(case.scratch, mirror()) as builder:
        done(case.push(builder))
        before = case.content()
        case.scratch.write({"data": "poison\n"})
        case.scratch.commit_all(push=False)
        run = done(case.pull_request(builder, "stranger/my-service"))

    assert "Building api" in run.err
    assert case.content() == before
    assert set(case.events.steps().values()) == {False}


def test_two_services_with_an_image_of_one_name_do_not_share_a_cache(case: Case):
    with fresh_builder(case.scratch, mirror()) as first:
        done(case.push(first))
    with fresh_builder(case.scratch, mirror()) as second:
        done(case.push(second, ATOMI_SERVICE="helium"))

    assert set(case.events.steps().values()) == {False}
    assert case.kept() == {f"sulfoxide.{service}.api.linux-amd64.main" for service in ("hydrogen", "helium")}


def test_nothing_that_is_shown_or_kept_holds_a_credential(case: Case):
    secrets = [ACCESS["AWS_SECRET_ACCESS_KEY"], ACCESS["AWS_SESSION_TOKEN"], token("refs/heads/main").split(".")[2]]
    shown = [
        case.scratch.tool("plan", "--offline", "--format", form, **ACCESS).out for form in ("text", "json", "bake")
    ]
    report = case.scratch.root.parent / "report.json"
    with fresh_builder(case.scratch, mirror()) as builder:
        run = done(case.push(builder, flags=("--report", str(report))))
    for entry in case.scratch.manifest("api", "main")["manifests"]:
        name = f"{case.scratch.path}/api@{entry['digest']}"
        manifest = json.loads(case.scratch.crane("manifest", name))
        blobs = [manifest["config"], *(manifest["layers"] if entry["platform"]["os"] == "unknown" else ())]
        shown += [case.scratch.crane("blob", f"{case.scratch.path}/api@{blob['digest']}") for blob in blobs]

    everything = "\n".join([*shown, run.out, run.err, case.events.text, case.events.arguments, report.read_text()])
    assert "buildx bake" in case.events.arguments
    assert [secret for secret in secrets if secret in everything] == []


def test_docker_s_own_builder_has_the_cache_or_says_what_has_it(case: Case):
    run = done(case.push())

    if case.backend == "s3":
        assert case.kept() == set()
        assert "unknown cache" not in run.err
    else:
        assert case.kept() == {"sulfoxide.hydrogen.api.linux-amd64.main"}


@pytest.mark.parametrize("case", ["gha"], indirect=True)
def test_a_step_without_github_s_token_is_built_without_a_cache_and_says_so_in_one_line(case: Case):
    run = done(case.push(ACTIONS_RUNTIME_TOKEN=""))

    (line,) = [line for line in run.err.splitlines() if "no build cache" in line]
    assert "ACTIONS_RUNTIME_TOKEN is not set; a step before has to export it" in line
    assert case.kept() == set()


@pytest.mark.parametrize("case", ["gha"], indirect=True)
@pytest.mark.parametrize("text", ["no-token", "a.e30.c"])
def test_a_token_that_is_none_fails_no_run(case: Case, text: str):
    run = done(case.push(ACTIONS_RUNTIME_TOKEN=text))

    assert "is not a token of GitHub's cache" in run.err


@pytest.mark.parametrize("case", ["gha", "s3"], indirect=True)
def test_a_cache_that_does_not_answer_fails_no_run(case: Case):
    case.github.broken = True
    if case.backend == "s3":
        case.write(case.table.replace(case.s3.url, "http://127.0.0.1:1"))
    with fresh_builder(case.scratch, mirror()) as builder:
        done(case.push(builder))

    assert case.kept() == set()
    assert set(case.events.steps().values()) == {False}


@pytest.mark.parametrize("case", ["s3"], indirect=True)
def test_a_bucket_that_is_not_there_fails_no_run(case: Case):
    case.write(case.table.replace('"acme-cache"', '"not-there"'))
    with fresh_builder(case.scratch, mirror()) as builder:
        done(case.push(builder))

    assert case.kept() == set()


@pytest.mark.parametrize("case", ["local"], indirect=True)
def test_a_folder_that_cannot_be_written_fails_no_run(case: Case):
    case.folder.write_text("a file")

    run = done(case.push())

    assert f"{case.folder} is not a folder; choose another path in [cache]" in run.err


@pytest.mark.parametrize("case", ["local"], indirect=True)
@pytest.mark.parametrize(("ignored", "code"), [("", 2), (".cache\n", 0)])
def test_a_folder_in_what_is_built_is_refused_unless_it_is_ignored(case: Case, ignored: str, code: int):
    case.write('[cache]\nbackend = "local"\npath = ".cache"\n')
    case.scratch.write({".dockerignore": f".git\n{ignored}"})
    case.scratch.commit_all()

    run = case.push()

    assert run.code == code, run.err
    assert (code == 0) == (case.scratch.root / ".cache").is_dir()
    if code:
        assert "[cache] path" in run.last or "[cache] path" in run.err
