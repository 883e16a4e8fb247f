from __future__ import annotations

import errno
import functools
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from invoke.program import Program

import docker_push.run
from docker_push import boundary, tasks
from docker_push.errors import BuildError, ConfigError, RegistryError
from docker_push.tasks import FLAGS, ci, docker, namespace, tasks_by_name
from recorded_world import RecordedWorld


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedWorld]:
    """Give a world that the command line runs in: its doors lead to recorded programs and a registry in memory."""
    world = RecordedWorld(tmp_path).write()
    doors = functools.partial(docker_push.run.Surroundings, runner=world.runner, client=world.client)
    monkeypatch.setattr(docker_push.run, "Surroundings", doors)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOMAIN", "localhost:5000")
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield world
    for number, handler in before.items():
        signal.signal(number, handler)  # an interrupted run leaves handlers that end the process
    assert [path.name for path in tmp_path.glob("docker-push-*")] == []


def invoke(*argv: str) -> int:
    """Run the console script's program; return its exit code."""
    try:
        Program(name="docker-push", namespace=tasks_by_name()).run(["docker-push", *argv])
    except SystemExit as error:
        return int(error.code or 0)
    return 0


def test_the_tasks_are_those_of_the_design():
    assert sorted(docker.tasks) == [
        "build",
        "builder",
        "doctor",
        "list",
        "login",
        "logout",
        "matrix",
        "merge",
        "plan",
        "publish",
        "push",
        "stage",
        "tag",
        "verify",
    ]
    assert sorted(ci.tasks) == ["check", "write"]
    assert {"docker.push", "ci.check"} <= set(namespace.task_names)
    assert {"push", "ci.check"} <= set(tasks_by_name().task_names)


def test_every_flag_has_a_help_and_is_used():
    used = {argument.name for task in (*docker.tasks.values(), *ci.tasks.values()) for argument in task.get_arguments()}

    assert used == set(FLAGS)
    assert all(flag.help for flag in FLAGS.values())


def test_push_ends_with_references_on_standard_output(world: RecordedWorld, capsys: pytest.CaptureFixture[str]):
    assert invoke("push", "--image", "api", "--report", "report.json") == 0

    out, err = capsys.readouterr()
    assert out.startswith("localhost:5000/atomicloud/my-service/api:")
    assert out.count("\n") == 1
    assert "Staged and verified" in err
    assert json.loads((world.folder / "report.json").read_text())["images"][0]["digest"] in out


def test_stage_then_publish_moves_the_tags(world: RecordedWorld):
    assert invoke("stage") == 0
    assert "latest" not in world.memory.tags("atomicloud/my-service/api")

    assert invoke("publish") == 0
    assert "latest" in world.memory.tags("atomicloud/my-service/api")


def test_two_parts_and_a_merge_move_the_tags(world: RecordedWorld, capsys: pytest.CaptureFixture[str]):
    (world.folder / ".dockerignore").write_text("parts\n")
    for platform in ("linux/arm64", "linux/amd64"):
        assert invoke("stage", "--part", "parts", "--platform", platform) == 0
    assert "latest" not in world.memory.tags("atomicloud/my-service/api")
    files = sorted(str(path.relative_to(world.folder)) for path in (world.folder / "parts").iterdir())
    capsys.readouterr()

    assert invoke("merge", "--part", files[0], "--part", files[1], "--report", "report.json") == 0

    digest = world.memory.tags("atomicloud/my-service/api")["latest"]
    assert capsys.readouterr().out.endswith(f"@{digest}\n")
    assert json.loads((world.folder / "report.json").read_text())["images"][0]["digest"] == digest


def test_a_dry_run_of_a_part_makes_no_folder(world: RecordedWorld, capsys: pytest.CaptureFixture[str]):
    (world.folder / ".dockerignore").write_text("parts\n")
    assert invoke("stage", "--part", "parts", "--platform", "linux/arm64", "--dry-run") == 0

    assert "platforms linux/arm64 (" in capsys.readouterr().err
    assert not (world.folder / "parts").exists()


@pytest.mark.parametrize(
    "argv",
    [
        ("stage", "--part", "parts"),
        ("stage", "--part", "", "--platform", "linux/amd64"),
        ("stage", "--part", "a", "--part", "b", "--platform", "linux/amd64"),
        ("stage", "--part", "a", "--platform", "linux/amd64", "--platform", "linux/arm64"),
        ("stage", "--part", "a", "--platform", "nonsense"),
        ("merge",),
        ("merge", "--part", ""),
        ("merge", "--part", "nowhere"),
        ("merge", "--part", "nowhere", "--dry-run"),
        ("matrix", "--format", "bake"),
        ("matrix", "--jobs", "0"),
        ("matrix", "--jobs", "-1"),
        ("matrix", "--jobs", "1"),
        ("matrix", "--jobs", "9" * 10),
    ],
)
def test_what_a_split_run_is_told_wrongly_is_one_line(
    world: RecordedWorld, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]
):
    (world.folder / ".dockerignore").write_text("a\nb\nparts\nnowhere\n")
    assert invoke(*argv) == 2

    out, err = capsys.readouterr()
    assert (out, err.strip().splitlines()[-1].startswith("docker-push: ")) == ("", True)
    assert not any("bake" in argv for argv, _ in world.calls)


@pytest.mark.parametrize("form", ["text", "json", "github", "gitlab"])
def test_the_matrix_asks_neither_docker_nor_a_registry(
    world: RecordedWorld, capsys: pytest.CaptureFixture[str], form: str
):
    world.write(
        '[images.worker]\nplatforms = ["linux/amd64"]\n[images.api]\ncontexts = { base = "target:worker" }\nplatforms = ["linux/amd64"]\n'
    )

    assert invoke("matrix", "--format", form) == 0

    out = capsys.readouterr().out
    assert out.index("worker linux/amd64") < out.index("api linux/amd64")
    assert world.memory.log == []
    assert not any(argv[0] == "docker" for argv, _ in world.calls)


def test_the_matrix_is_of_the_images_that_are_asked_for(world: RecordedWorld, capsys: pytest.CaptureFixture[str]):
    world.write('[runners]\n"linux/amd64" = "mine"\n[images.api]\ncontexts = { base = "target:base" }\n[images.base]\n')

    assert invoke("matrix", "--format", "github", "--image", "api", "--platform", "linux/amd64") == 0
    asked = json.loads(capsys.readouterr().out)["include"]
    assert invoke("matrix", "--format", "github", "--version", "base-v1.2.3") == 0
    released = json.loads(capsys.readouterr().out)["include"]

    assert asked == [{"name": "api linux/amd64", "images": "api", "platform": "linux/amd64", "runner": "mine"}]
    assert {job["images"] for job in released} == {"base"}


@pytest.mark.parametrize("task", ["push", "stage", "publish", "build", "tag"])
def test_a_dry_run_does_nothing(world: RecordedWorld, capsys: pytest.CaptureFixture[str], task: str):
    assert invoke(task, "--dry-run") == 0

    assert world.memory.manifests == {}
    assert not any("bake" in argv for argv, _ in world.calls)
    assert "Dry run" in capsys.readouterr().err


def test_login_and_logout_reach_docker(world: RecordedWorld, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_USER", "me")
    monkeypatch.setenv("DOCKER_PASSWORD", "s3cret-value")

    assert invoke("login") == 0
    assert invoke("logout") == 0
    assert [argv[1] for argv, _ in world.calls] == ["login", "logout"]


def test_build_prints_the_local_names(world: RecordedWorld, capsys: pytest.CaptureFixture[str]):
    assert invoke("build") == 0
    assert capsys.readouterr().out.startswith("localhost:5000/")
    assert world.memory.manifests == {}


@pytest.mark.parametrize("flags", [(), ("--keep-going",)], ids=["stopped", "kept going"])
def test_no_secret_is_in_the_report(world: RecordedWorld, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]):
    def leave(*_: object) -> None:
        raise BuildError('image api: it said "s3cret-value"', hint="Take s3cret-value out.")

    monkeypatch.setenv("DOCKER_USER", "me")
    monkeypatch.setenv("DOCKER_PASSWORD", "s3cret-value")
    monkeypatch.setattr("docker_push.pipeline.publish.verify", leave)

    assert invoke("push", "--report", "report.json", *flags) == 7

    text = (world.folder / "report.json").read_text()
    errors = [json.loads(text)["error"], *(image.get("error") for image in json.loads(text)["images"])]
    assert "s3cret-value" not in text
    assert [error["message"] for error in errors if error] == ['image api: it said "***"'] * (2 if flags else 1)


@pytest.mark.usefixtures("world")
def test_no_secret_is_on_standard_output(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_USER", "me")
    monkeypatch.setenv("DOCKER_PASSWORD", "atomicloud")

    for argv in (("list",), ("list", "--format", "json"), ("plan", "--format", "json"), ("plan", "--format", "bake")):
        assert invoke(*argv) == 0
    for task in ("plan", "build"):
        assert invoke(task) == 0

    out = capsys.readouterr().out
    assert "atomicloud" not in out
    assert out.count("localhost:5000/***/my-service/api") >= 5


@pytest.mark.parametrize("form", ["text", "json"])
def test_list_shows_every_image(world: RecordedWorld, capsys: pytest.CaptureFixture[str], form: str):
    assert invoke("list", "--format", form) == 0
    assert "localhost:5000/atomicloud/my-service/api" in capsys.readouterr().out
    assert world.memory.log == []


@pytest.mark.parametrize("form", ["text", "json", "bake"])
def test_plan_has_three_forms(world: RecordedWorld, capsys: pytest.CaptureFixture[str], form: str):
    assert invoke("plan", "--offline", "--format", form) == 0

    out = capsys.readouterr().out
    assert "api" in out
    assert form == "text" or json.loads(out)
    assert world.memory.log == []


SECRET_ARGUMENT = '[images.api]\nargs.API_TOKEN = "x"\n'


@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["done", "dry"])
@pytest.mark.parametrize("task", ["push", "stage", "build"])
def test_what_builds_refuses_a_secret_argument_unless_told_otherwise(
    world: RecordedWorld, task: str, dry: tuple[str, ...]
):
    world.write(SECRET_ARGUMENT)

    assert invoke(task, *dry) == 2
    assert not any("bake" in argv for argv, _ in world.calls)
    assert invoke(task, *dry, "--allow-secret-arg", "API_TOKEN") == 0


@pytest.mark.parametrize("offline", [(), ("--offline",)], ids=["looking", "offline"])
def test_a_plan_shows_it(world: RecordedWorld, capsys: pytest.CaptureFixture[str], offline: tuple[str, ...]):
    world.write(SECRET_ARGUMENT)

    assert invoke("plan", *offline) == 2
    assert "args.API_TOKEN: the name is that of a secret" in capsys.readouterr().err


def test_an_argument_that_was_insisted_on_bars_no_task_that_builds_nothing(world: RecordedWorld):
    world.write(SECRET_ARGUMENT)
    assert invoke("stage", "--allow-secret-arg", "API_TOKEN") == 0

    for argv in (["publish"], ["publish", "--dry-run"], ["verify"], ["list"], ["tag", "--dry-run"], ["doctor"]):
        assert invoke(*argv) == 0, argv


@pytest.mark.parametrize("argv", [("list",), ("plan", "--offline"), ("plan", "--offline", "--format", "json")])
@pytest.mark.parametrize("broken", [{"DOCKER_USER": "me"}, {"DOCKER_AUTH_CONFIG": "{"}], ids=str)
def test_who_asks_no_registry_needs_no_credentials(
    world: RecordedWorld, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...], broken: dict[str, str]
):
    (world.folder / "config.json").write_text('{"credsStore": "missing"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(world.folder))
    for name, value in broken.items():
        monkeypatch.setenv(name, value)

    assert invoke("plan") == 3
    assert invoke(*argv) == 0


@pytest.mark.parametrize(
    "argv",
    [
        ("plan", "--format", "xml"),
        ("list", "--format", "bake"),
        ("push", "--image", ""),
        ("push", "--report", "no/such/folder/x"),
    ],
)
def test_wrong_flags_are_one_line_and_exit_2(
    world: RecordedWorld, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]
):
    assert invoke(*argv) == 2

    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("docker-push: ")
    assert world.folder.exists()


def test_an_error_shows_its_details_above_its_line(world: RecordedWorld, capsys: pytest.CaptureFixture[str]):
    world.broken = "api"

    assert invoke("push") == 7

    assert "docker-push: image api: the build failed" in capsys.readouterr().err.strip().splitlines()[-1]


def test_debug_shows_where_it_happened_and_keeps_the_exit_code(
    world: RecordedWorld, capsys: pytest.CaptureFixture[str]
):
    world.broken = "api"

    assert invoke("push", "--debug") == 7

    err = capsys.readouterr().err
    assert "Traceback (most recent call last)" in err
    assert err.strip().splitlines()[-1].startswith("docker-push: image api: the build failed")


def test_debug_shows_no_password(
    world: RecordedWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def docker(*_: object) -> None:
        raise ValueError(f"{os.environ['DOCKER_PASSWORD']} and {os.environ['NPM_AUTH']}\n::error::x")

    monkeypatch.setenv("DOCKER_PASSWORD", "s3cret-value")
    monkeypatch.setenv("DOCKER_USER", "me")
    monkeypatch.setenv("NPM_AUTH", "an0ther-value")
    monkeypatch.setattr(world, "docker", docker)

    assert invoke("push", "--debug") == 1

    err = capsys.readouterr().err
    assert "ValueError: *** and ***" in err
    assert ("s3cret-value" in err, "an0ther-value" in err) == (False, False)
    assert not any(line.lstrip().startswith("::") for line in err.splitlines())


@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["plain", "debug"])
def test_a_folder_for_temporary_files_that_is_not_there_is_named(
    world: RecordedWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, debug: tuple[str, ...]
):
    monkeypatch.setenv("RUNNER_TEMP", str(world.folder / "nowhere"))

    assert invoke("plan", "--offline", *debug) == 2

    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("docker-push: RUNNER_TEMP: '")
    assert "Set RUNNER_TEMP to a folder that exists" in last


@pytest.mark.usefixtures("world")
def test_without_any_folder_for_temporary_files_tmpdir_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.delenv("RUNNER_TEMP")
    monkeypatch.setattr("tempfile.gettempdir", nowhere)

    assert invoke("plan", "--offline") == 2
    assert "Set TMPDIR to a folder that exists" in capsys.readouterr().err


def test_no_error_s_words_are_a_command_to_github_s_runner(
    world: RecordedWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def refused(*_: object) -> None:
        message = "ghcr.io answered 403 (DENIED: ##[add-mask]no\u202e\n::error::forged)"
        raise RegistryError(message, hint="Wait.", details=("##[error]",))

    monkeypatch.setattr(world, "git", refused)

    assert invoke("push") == 6

    err = capsys.readouterr().err
    assert "# #[add-mask]no" in err
    assert "##[" not in err
    assert "\u202e" not in err
    assert not any(line.lstrip().startswith("::") for line in err.splitlines())


def test_a_fault_of_ours_is_called_one(
    world: RecordedWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(world, "docker", lambda *_: 1 / 0)

    assert invoke("push") == 1

    assert "This is a bug" in capsys.readouterr().err
    assert invoke("push", "--debug") == 1
    assert "ZeroDivisionError: division by zero" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("can't start new thread"), OSError(errno.EMFILE, os.strerror(errno.EMFILE))],
    ids=["memory", "threads", "files"],
)
def test_what_the_machine_has_no_more_of_is_no_fault_of_ours(
    world: RecordedWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: Exception
):
    def exhausted(*_: object) -> None:
        raise error

    monkeypatch.setattr(world, "docker", exhausted)

    assert invoke("push") == 2

    err = capsys.readouterr().err
    assert "ulimit -a" in err.strip().splitlines()[-1]
    assert "This is a bug" not in err


@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["plain", "debug"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_has_its_own_exit_code(
    world: RecordedWorld,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    code: int,
    debug: tuple[str, ...],
):
    monkeypatch.setattr(world, "git", lambda *_: os.kill(os.getpid(), number))
    assert invoke("push", *debug) == code

    err = capsys.readouterr().err
    assert "goes on where this one stopped" in err
    assert err.count("docker-push: ") == 1


@pytest.mark.usefixtures("world")
def test_a_run_without_a_signal_leaves_the_handlers_as_they_were():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    assert invoke("list") == 0

    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_terminal_is_asked_and_a_pipe_is_not(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert boundary.ask("Name", secret=False) is None

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: f"typed {question}")
    monkeypatch.setattr("getpass.getpass", lambda question: f"hidden {question}")
    assert (boundary.ask("Name", secret=False), boundary.ask("Password", secret=True)) == (
        "typed Name: ",
        "hidden Password: ",
    )


def test_what_is_public_is_there():
    assert all(hasattr(tasks, name) for name in tasks.__all__)


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_built(world: RecordedWorld):
    assert invoke("push", "--report", "no/such/folder/x.json") == 2

    assert (world.calls, world.memory.manifests) == ([], {})


def test_outputs_that_cannot_be_written_end_a_run_that_has_moved_its_tags(
    world: RecordedWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    unwritten = [
        ConfigError(f"{name}: cannot be written", hint="Make room.") for name in ("--result x", "GITHUB_OUTPUT")
    ]
    monkeypatch.setattr("docker_push.outputs.leave", lambda *_: unwritten)

    assert invoke("push") == 2

    out, err = capsys.readouterr()
    assert "latest" in world.memory.tags("atomicloud/my-service/api")
    assert out.startswith("localhost:5000/atomicloud/my-service/api:")
    assert "  | GITHUB_OUTPUT: cannot be written. Make room." in err
    assert err.splitlines()[-1] == "docker-push: --result x: cannot be written. Make room."


def test_a_dry_run_takes_no_result_away(world: RecordedWorld):
    (world.folder / "result.json").write_text("{}")

    assert invoke("push", "--dry-run", "--result", "result.json") == 0

    assert (world.folder / "result.json").read_text() == "{}"


def test_verify_reads_back_what_was_pushed_and_starts_no_docker(
    world: RecordedWorld, capsys: pytest.CaptureFixture[str]
):
    assert invoke("push") == 0
    pushed = capsys.readouterr().out
    world.calls.clear()

    assert invoke("verify") == 0

    assert capsys.readouterr().out == pushed
    assert {argv[0] for argv, _ in world.calls} <= {"git"}


def test_verify_names_what_differs_in_a_table_and_in_json(world: RecordedWorld, capsys: pytest.CaptureFixture[str]):
    assert invoke("push") == 0
    path = "atomicloud/my-service/api"
    del world.memory.manifests[path, "main"]
    other = world.memory.put_index(path, (), "latest")
    capsys.readouterr()

    assert invoke("verify", "--json") == 8

    out, err = capsys.readouterr()
    (one,) = json.loads(out)["images"]
    assert [each["what"] for each in one["differences"]] == ["tag main", "tag latest"]
    assert (one["verified"], one["differences"][1]["found"]) == (False, str(other))
    *rows, last = err.strip().splitlines()
    assert [row.split()[1:3] for row in rows if row.startswith("  | api")] == [["api", "localhost:5000"]] * 2
    assert "no such tag" in err
    assert last.startswith(
        f"docker-push: image api: localhost:5000/{path} is not what the plan says: tag main: no such tag"
    )
    assert "Run docker.push for this commit" in last


def test_verify_before_anything_is_published_is_no_success(world: RecordedWorld, capsys: pytest.CaptureFixture[str]):
    assert invoke("verify") == 8
    assert capsys.readouterr().out == ""
    assert world.memory.manifests == {}
