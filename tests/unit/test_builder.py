from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from docker_push import bake
from docker_push.bake import Output
from docker_push.builder import Baked, Builder
from docker_push.config import SshTable
from docker_push.errors import BuilderError, VerificationError
from docker_push.plan import Plan, plan
from docker_push.process import Completed
from docker_push.progress import Step
from examples_of import CONTEXT, DIGEST, image, options
from recorded_programs import Program, RecordedPrograms, completed

CONTAINERD = {"org.mobyproject.buildkit.worker.containerd.namespace": "moby"}


def builder(folder: Path, docker: Program, name: str | None = None) -> tuple[Builder, RecordedPrograms]:
    programs = RecordedPrograms(environ={}, folder=folder, programs={"docker": docker})
    return Builder(runner=programs, name=name, folder=folder), programs


def listing(*entries: dict, status: int = 0, stderr: str = "") -> Program:
    text = "\n".join(json.dumps(entry) for entry in entries)
    return lambda _argv, _input, _environ: completed(text, status=status, stderr=stderr)


def entry(name: str = "default", driver: str = "docker", *, current: bool = True, **node: object) -> dict:
    shown = {"Platforms": ["linux/amd64*", "linux/amd64/v2", "linux/arm64"], "Labels": CONTAINERD, **node}
    return {"Name": name, "Driver": driver, "Current": current, "Nodes": [shown]}


def test_the_current_builder_is_used_where_none_is_named(tmp_path: Path):
    facts = builder(tmp_path, listing(entry("other", current=False), entry()))[0].observe()

    assert (facts.name, facts.driver, [str(one) for one in facts.platforms]) == (
        "default",
        "docker",
        ["linux/amd64", "linux/amd64/v2", "linux/arm64"],
    )


def test_a_named_builder_is_used(tmp_path: Path):
    named = listing(entry(), entry("far", "remote", current=False, Labels=None))

    assert builder(tmp_path, named, "far")[0].observe().driver == "remote"


@pytest.mark.parametrize(
    ("driver", "labels", "able"), [("docker", CONTAINERD, True), ("docker", None, False), ("remote", None, True)]
)
def test_only_the_classic_image_store_holds_one_platform(tmp_path: Path, driver: str, labels: object, able: bool):
    assert builder(tmp_path, listing(entry(driver=driver, Labels=labels)))[0].observe().multi_platform is able


def test_an_unknown_builder_is_refused_with_those_that_are_known(tmp_path: Path):
    with pytest.raises(BuilderError, match=r"no builder far\. Known builders: default"):
        builder(tmp_path, listing(entry()), "far")[0].observe()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (listing(status=1, stderr="docker: 'buildx' is not a docker command."), "no buildx"),
        (listing(status=125, stderr="unknown flag: --format"), "older than"),
        (listing(status=1, stderr="Cannot connect to the Docker daemon at unix:///x"), "no Docker engine answers"),
        (listing(status=1, stderr="something else\nlast line"), "last line"),
        (listing(status=3), "exit status 3"),
        (
            listing({"Name": "default", "Current": True, "Err": "Cannot connect to the Docker daemon"}),
            "no Docker engine",
        ),
        (listing(entry(Platforms=None)), "no node that runs"),
        (
            listing(entry("far", "remote", Platforms=None, Err="dial tcp 10.0.0.1:1234: connection refused")),
            "builder far cannot be used: dial tcp",
        ),
        (
            listing(entry("box", "docker-container", Platforms=None, Err="Cannot connect to the Docker daemon")),
            "no Docker engine answers",
        ),
        (listing(), "knows no builder"),
        (lambda *_: completed("junk\n[]\nnull"), "knows no builder"),
    ],
)
def test_a_builder_that_cannot_be_used_is_one_clear_error(tmp_path: Path, program: Program, words: str):
    with pytest.raises(BuilderError, match=words):
        builder(tmp_path, program)[0].observe()


class Bakes:
    """A buildx that prints these lines, writes this metadata, and ends with this status."""

    def __init__(self, *lines: str, status: int = 0, metadata: object = None) -> None:
        self.lines, self.status, self.metadata = lines, status, metadata
        self.definition: dict = {}
        self.argv: Sequence[str] = ()

    def __call__(self, argv: Sequence[str], definition: str | None, _environ: object) -> Completed:
        self.argv, self.definition = argv, json.loads(definition or "")
        if self.metadata is not None:
            Path(argv[argv.index("--metadata-file") + 1]).write_text(json.dumps(self.metadata))
        return completed(stderr="\n".join(self.lines), status=self.status)


def two() -> Plan:
    return plan(options(image("api"), image("worker")), CONTEXT)


def run(folder: Path, bakes: Bakes, made: Plan, output: Output = Output.STAGE) -> tuple[Baked, list[Step]]:
    steps: list[Step] = []
    (batch,) = bake.batches(made, 50)
    return builder(folder, bakes, "far")[0].bake(made, batch, output, steps.append), steps


def vertex(name: str, **more: object) -> str:
    return json.dumps({"vertexes": [{"digest": name, "name": name, "completed": "2026-01-01T00:00:00Z", **more}]})


def test_what_was_pushed_is_read_from_a_fresh_metadata_file(tmp_path: Path):
    (tmp_path / "metadata.json").write_text('{"api": {"containerimage.digest": "stale"}}')
    names = {name: {"containerimage.digest": str(DIGEST)} for name in ("api", "worker")}

    baked, steps = run(tmp_path, Bakes(vertex("[api 1/1] RUN x"), metadata=names), two())

    assert baked.digests == {"api": DIGEST, "worker": DIGEST}
    assert [step.name for step in steps] == ["[api 1/1] RUN x"]


def test_a_stale_metadata_file_is_never_read(tmp_path: Path):
    (tmp_path / "metadata.json").write_text(
        json.dumps({name: {"containerimage.digest": str(DIGEST)} for name in ("api", "worker")})
    )

    with pytest.raises(VerificationError):
        run(tmp_path, Bakes(), two())


def test_nothing_is_read_where_nothing_is_pushed(tmp_path: Path):
    assert run(tmp_path, Bakes(), two(), Output.CHECK)[0].digests == {}


def test_the_failed_step_names_its_image_and_brings_its_log(tmp_path: Path):
    log = json.dumps({"logs": [{"vertex": "[worker 2/2] RUN make", "data": "Ym9vbQo="}]})

    baked, _ = run(tmp_path, Bakes(log, vertex("[worker 2/2] RUN make", error="exit code: 2"), status=1), two())

    (failed,) = baked.failed
    assert (baked.ok, failed.image, failed.step.error, failed.log) == (False, "worker", "exit code: 2", ("boom",))


def test_what_buildx_prints_beside_its_events_is_kept(tmp_path: Path):
    baked, _ = run(tmp_path, Bakes("ERROR: no such thing", "", status=1), two())

    assert (baked.failed, baked.stray) == ((), ("ERROR: no such thing",))


def test_a_lone_image_is_meant_where_buildx_names_no_target(tmp_path: Path):
    event = vertex("exporting to image", error="failed to push localhost/api:x: denied")

    baked, _ = run(tmp_path, Bakes(event, status=1), plan(options(), CONTEXT))

    assert [failed.image for failed in baked.failed] == ["api"]


def test_the_builder_is_named_and_entitlements_are_given_where_asked_for(tmp_path: Path):
    bakes = Bakes()
    made = plan(options(image(network="host", ssh=(SshTable(),), platforms=image().platforms)), CONTEXT)

    run(tmp_path, bakes, made, Output.LOAD)

    assert list(bakes.argv[bakes.argv.index("--builder") :])[:2] == ["--builder", "far"]
    assert [bakes.argv[index + 1] for index, word in enumerate(bakes.argv) if word == "--allow"] == [
        "network.host",
        "ssh",
    ]


def test_nothing_is_allowed_that_was_not_asked_for(tmp_path: Path):
    bakes = Bakes()

    run(tmp_path, bakes, plan(options(image(platforms=image().platforms)), CONTEXT), Output.CHECK)

    assert "--allow" not in bakes.argv


def test_a_builder_that_was_never_used_is_started(tmp_path: Path):
    started: list[str] = []

    def docker(argv: Sequence[str], _input: str | None, _environ: object) -> Completed:
        if argv[2] == "inspect":
            started.append(argv[-1])
            return completed()
        asleep = {"Platforms": None, "Labels": None, "Status": "inactive"}
        awake = {"Status": "running"}
        return completed(json.dumps(entry("far", "docker-container", **(awake if started else asleep))))

    facts = builder(tmp_path, docker, "far")[0].observe()

    assert (started, str(facts.platforms[0])) == (["far"], "linux/amd64")


def test_a_builder_that_does_not_start_is_one_clear_error(tmp_path: Path):
    def docker(argv: Sequence[str], _input: str | None, _environ: object) -> Completed:
        if argv[2] == "inspect":
            return completed(status=1, stderr="ERROR: no such image")
        return completed(json.dumps(entry("far", "docker-container", Platforms=None, Status="inactive")))

    with pytest.raises(BuilderError, match="no such image"):
        builder(tmp_path, docker, "far")[0].observe()
