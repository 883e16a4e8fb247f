"""The scripts a newcomer runs first: quickstart, test and engine, from a path with a space in it, with real parts."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from process_list import processes
from scratch import Ran, Scratch, platforms

pytestmark = pytest.mark.engine

REPOSITORY = Path(__file__).parents[2]
BOTH = {"linux/amd64", "linux/arm64"}
_LEFT_BEHIND = shutil.ignore_patterns(".git", ".venv", ".nox", ".*_cache", ".hypothesis", "__pycache__", "dist")
_CAN_OWN = (
    os.geteuid() == 0
    and shutil.which("apt-get")
    and "ID=debian\n" in (Path("/etc/os-release").read_text() if Path("/etc/os-release").exists() else "")
)


@pytest.fixture(scope="module")
def clone(engine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """Give this repository's files in a git repository whose path has a space, with state and caches of its own."""
    root = tmp_path_factory.mktemp("scripts") / "a repository"
    shutil.copytree(REPOSITORY, root, ignore=_LEFT_BEHIND, symlinks=True)
    clone = Scratch(root, registry="")
    clone.commit_all("everything")
    pip = engine.get("PIP_CACHE_DIR") or str(Path(engine.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pip")
    clone.environ |= {
        "XDG_STATE_HOME": str(root.parent / "state"),
        "XDG_CACHE_HOME": str(root.parent / "cache"),
        "PIP_CACHE_DIR": pip,
    }
    yield clone
    clone.run("./scripts/quickstart", "--down")


def quickstart(clone: Scratch) -> str:
    """Run quickstart; the reference that it says it pushed."""
    ran = clone.run("./scripts/quickstart")
    assert ran.code == 0, ran.err
    found = re.findall(r"^Pushed:\n  (\S+)$", ran.out, re.MULTILINE)
    assert len(found) == 1, ran.out
    return found[0]


def state(clone: Scratch, name: str) -> Path:
    return Path(clone.environ["XDG_STATE_HOME"]) / "docker-push/engine" / name


def engine_run(clone: Scratch, *argv: str, **environ: str) -> Ran:
    return clone.run(sys.executable, "scripts/engine", *argv, **environ)


def engine_up(clone: Scratch, name: str, *flags: str, **environ: str) -> dict[str, str]:
    ran = engine_run(clone, "up", name, "--format", "json", *flags, **environ)
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def registry_answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/v2/", timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def test_quickstart_pushes_an_image_for_both_platforms(clone: Scratch):
    reference = quickstart(clone)

    path, _, rest = reference.partition(f"{clone.repository.lower()}/api:")
    assert path.startswith("127.0.0.1:")
    assert rest.startswith(f"{clone.commit}-main@sha256:")
    assert platforms(json.loads(clone.crane("manifest", reference))) == BOTH
    for architecture in ("amd64", "arm64"):
        config = json.loads(clone.crane("config", "--platform", f"linux/{architecture}", reference))
        assert config["architecture"] == architecture


def test_a_second_run_installs_and_starts_nothing(clone: Scratch):
    first = quickstart(clone)

    again = clone.run("./scripts/quickstart")

    assert again.code == 0, again.err
    assert f"\n  {first}\n" in again.out
    assert not re.search(r"making|installing|starting|creating|downloading", again.err)


def test_a_changed_work_tree_is_pushed_too(clone: Scratch):
    dockerfile = clone.root / "Dockerfile"
    before = dockerfile.read_text()
    dockerfile.write_text(f"{before}LABEL changed=yes\n")
    try:
        reference = quickstart(clone)
    finally:
        dockerfile.write_text(before)

    assert json.loads(clone.crane("config", reference))["config"]["Labels"]["changed"] == "yes"


def test_a_folder_without_git_is_pushed_too(clone: Scratch):
    history = clone.root / ".git"
    history.rename(clone.root.parent / "history")
    try:
        reference = quickstart(clone)
    finally:
        (clone.root.parent / "history").rename(history)

    assert re.fullmatch(r"127\.0\.0\.1:\d+/local/docker-push/api:[0-9a-f]{40}-main@sha256:[0-9a-f]{64}", reference)
    assert platforms(json.loads(clone.crane("manifest", reference))) == BOTH


def test_what_quickstart_says_about_looking_at_the_image_is_true(clone: Scratch):
    reference = quickstart(clone)
    says = clone.run("./scripts/quickstart").out
    lead = re.findall(r"^  (eval .*?)(?:  +#.*)?$", says, re.MULTILINE)
    inspect = re.findall(r"^  (docker buildx imagetools .*)$", says, re.MULTILINE)
    assert len(lead) == len(inspect) == 1, says

    look = f"set -e; {lead[0]}; {inspect[0]}; docker run --rm {reference} cat /srv/api/index.html"
    environ = {key: value for key, value in clone.environ.items() if not key.startswith(("DOCKER_", "BUILDX_"))}
    done = subprocess.run(
        ["bash", "-c", look], cwd=clone.root, env=environ, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "linux/arm64" in done.stdout
    assert '"service":"api"' in done.stdout


def test_down_leaves_nothing_twice_in_a_row(clone: Scratch):
    address = quickstart(clone).partition("/")[0]
    assert registry_answers(address)

    for _ in range(2):
        ran = clone.run("./scripts/quickstart", "--down")
        assert ran.code == 0, ran.err

    assert not registry_answers(address)
    assert not (clone.root / ".venv").exists()
    assert not Path(clone.environ["XDG_STATE_HOME"], "docker-push").exists()
    assert not Path(clone.environ["XDG_CACHE_HOME"], "docker-push").exists()
    assert clone.git("status", "--porcelain") == ""
    assert not [process for process in processes() if str(clone.root.parent) in process.command]
    listed = clone.run("docker", "ps", "--all", "--format", "{{.Names}}").out
    assert "docker-push-quickstart" not in listed


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["--help"], 0, "usage: ./scripts/quickstart [--down]"),
        (["--nonsense"], 1, "--nonsense"),
        (["--down", "now"], 1, "--help"),
    ],
)
def test_quickstart_reads_its_command_line(tmp_path: Path, argv: list[str], code: int, says: str):
    done = subprocess.run(
        [REPOSITORY / "scripts/quickstart", *argv], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == code
    assert says in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == (0 if code == 0 else 1)


@pytest.mark.parametrize("script", ["quickstart", "test"])
def test_a_machine_without_python_is_told_so_in_one_line(tmp_path: Path, script: str):
    (tmp_path / "dirname").symlink_to(shutil.which("dirname") or "")
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 1\n")  # as a Python that is too old answers
    (tmp_path / "python3").chmod(0o755)
    bash = shutil.which("bash") or ""

    done = subprocess.run(
        [bash, REPOSITORY / "scripts" / script],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"{script}: Python 3.10 or later is needed")
    assert len(done.stderr.splitlines()) == 1


def test_a_user_without_docker_and_without_root_is_told_what_to_do():
    folder = Path(tempfile.mkdtemp(prefix="docker-push-"))  # where any user may look, unlike pytest's
    try:
        folder.chmod(0o755)
        home = folder / "home"
        home.mkdir()
        home.chmod(0o777)
        shutil.copytree(REPOSITORY / "scripts", folder / "scripts", ignore=_LEFT_BEHIND)
        done = subprocess.run(
            [_system_python(), folder / "scripts/engine", "up", "nobody"],
            cwd="/",
            env={"PATH": os.defpath, "HOME": str(home), "DOCKER_HOST": f"unix://{folder}/none.sock"},
            user=65534 if os.geteuid() == 0 else None,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(folder)

    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "no Docker engine answers" in done.stderr
    assert "then try again" in done.stderr or "install and start Docker" in done.stderr


def _system_python() -> str:
    """Find a Python that another user may run too: the one of these tests may be in root's home."""
    found = shutil.which("python3", path=os.defpath + ":/usr/bin:/usr/local/bin")
    return found if found and os.geteuid() == 0 else sys.executable


def test_listing_the_checks_needs_no_engine(clone: Scratch):
    ran = clone.run("./scripts/test", "-l")

    assert ran.code == 0, ran.err
    assert {"* lint", "* tests", "* integration"} <= {line.partition(" ->")[0] for line in ran.out.splitlines()}
    assert "engine" not in ran.err


def test_the_status_of_a_check_is_passed_on_and_its_engine_taken_down(clone: Scratch):
    (clone.root.parent / "checks.py").write_text(
        "import os, nox\n\n@nox.session(venv_backend='none')\ndef reach(session):\n"
        "    print('given:', session.posargs, os.environ['REGISTRY'], flush=True)\n"
        "    session.run('docker', 'info', '--format', 'engine {{.ServerVersion}}', external=True)\n"
        "    session.error('as asked')\n"
    )

    ran = clone.run("./scripts/test", "-f", str(clone.root.parent / "checks.py"), "-s", "reach", "--", "a b")

    assert ran.code == 1
    assert re.search(r"^given: \['a b'\] 127\.0\.0\.1:\d+$", ran.out, re.MULTILINE), ran.out + ran.err
    assert "engine " in ran.out
    assert not state(clone, "test").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_check_ends_and_takes_its_engine_down(clone: Scratch, number: signal.Signals):
    clone.run("./scripts/test", "-l")  # the environment is made
    (clone.root.parent / "sleeps.py").write_text(
        "import nox, time\n\n@nox.session(venv_backend='none')\ndef sleeps(session):\n"
        "    print('asleep', flush=True)\n    time.sleep(600)\n"
    )
    with subprocess.Popen(
        ["./scripts/test", "-f", str(clone.root.parent / "sleeps.py"), "-s", "sleeps"],
        cwd=clone.root,
        env=clone.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # whoever runs these tests may ignore a signal (nohup does), and a shell cannot trap what was ignored before it
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509
    ) as running:
        assert running.stdout
        assert any("asleep" in line for line in running.stdout)
        assert state(clone, "test").exists()
        running.send_signal(number)
        try:
            running.communicate(timeout=60)
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)

    assert running.returncode not in {0, None}
    assert not state(clone, "test").exists()


def two_at_once(clone: Scratch, name: str, *flags: str, **environ: str) -> dict[str, str]:
    """Run `engine up` twice at the same time; the variables that both must give."""
    argv = [sys.executable, "scripts/engine", "up", name, "--format", "json", *flags]
    given = []
    running = [
        subprocess.Popen(
            argv, cwd=clone.root, env={**clone.environ, **environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for each in running:
        out, err = each.communicate(timeout=120)
        assert each.returncode == 0, err
        given.append(json.loads(out))
    assert given[0] == given[1]
    return given[0]


@pytest.mark.parametrize("hangs", [False, True], ids=["gone", "hanging"])
def test_a_registry_that_does_not_answer_is_replaced(clone: Scratch, hangs: bool):
    try:
        first = engine_up(clone, "heals")
        listed = engine_run(clone, "status", "heals").out
        container = re.search(r"container: (\S+)", listed)
        if container:
            clone.run("docker", *(["pause"] if hangs else ["rm", "--force"]), container[1])
        else:
            pid = int(re.findall(r"registry: process (\d+)", listed)[0])
            os.kill(pid, signal.SIGSTOP if hangs else signal.SIGKILL)

        assert two_at_once(clone, "heals") == first
        assert registry_answers(first["REGISTRY"])
        listed = engine_run(clone, "status", "heals").out
        assert len(re.findall(r"^(registry|container): ", listed, re.MULTILINE)) == 1
    finally:
        ran = engine_run(clone, "down", "heals")
    assert ran.code == 0, ran.err
    assert engine_run(clone, "status", "heals").code == 1


def engines(clone: Scratch) -> list[int]:
    return [int(pid) for pid in re.findall(r"engine: process (\d+)", engine_run(clone, "status", "own").out)]


def test_an_engine_of_its_own_heals_and_leaves_nothing(clone: Scratch, engine: dict[str, str]):
    cache = engine.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")  # nothing is downloaded a second time
    if not _CAN_OWN:
        ran = engine_run(clone, "up", "own", "--own", XDG_CACHE_HOME=cache)
        assert ran.code == 1
        assert len(ran.err.splitlines()) == 1
        return
    variables = engine_up(clone, "own", "--own", XDG_CACHE_HOME=cache)
    marker = Path(variables["DOCKER_HOST"].removeprefix("unix://")).parent.name
    try:
        assert variables["DOCKER_HOST"] != engine.get("DOCKER_HOST")
        (pid,) = engines(clone)
        os.kill(pid, signal.SIGKILL)

        assert two_at_once(clone, "own", "--own", XDG_CACHE_HOME=cache) == variables
        assert len(engines(clone)) == 1
        ran = clone.run("docker", "buildx", "build", "--quiet", "--platform", ",".join(sorted(BOTH)), ".", **variables)
        assert ran.code == 0, ran.err
    finally:
        ran = engine_run(clone, "down", "own", XDG_CACHE_HOME=cache)

    assert ran.code == 0, ran.err
    places = [Path("/proc/self/mountinfo").read_text(), *map(str, Path("/proc/sys/fs/binfmt_misc").glob("*"))]
    places += [process.command for process in processes()]
    assert not [place for place in places if marker in place or str(state(clone, "own")) in place]
    assert not state(clone, "own").exists()
    assert not (Path("/run") / marker).exists()
    assert not Path(f"/sys/class/net/dp-{marker.rpartition('-')[2]}").exists()
