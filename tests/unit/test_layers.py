"""The one-way flow of data, as a test: a module imports only from its left."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import docker_push

PACKAGE = Path(docker_push.__file__).parent

LAYERS = [
    {"errors"},
    {"inputs", "interruption", "printable", "references", "report_file", "secret_names"},
    {"record", "versions", "slugs"},
    {"reserved"},
    {"config", "process"},
    {"options", "git", "ancestry"},
    {"changes", "context", "remote"},
    {"facts"},
    {
        "cache_names",
        "tagging",
        "metadata",
        "selection",
        "fingerprint",
        "parallel",
        "history",
        "trust",
        "exposure",
        "environment",
        "cache_access",
    },
    {"plan"},
    {"bake", "matrix", "parts", "progress", "sources"},
    {"ci"},
    {"builder", "credentials", "engine"},
    {"registry"},
    {"failures", "forward"},
    {"publish"},
    {"readback"},
    {"image_tests", "report", "secret_scan"},
    {"told"},
    {"run", "schema"},
    {"bases", "observation", "outputs", "staging"},
    {"preflight"},
    {"publishing"},
    {"pipeline", "verification"},
    {"described_builder", "doctor", "local_build", "login", "splitting"},
    {"boundary", "byte_code", "command_line", "flags"},
    {"tasks"},
    {"program"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

ONLY_IN = {
    "subprocess": {"process"},
    "docker": {"engine"},
    "invoke": {"tasks", "boundary", "program"},
    "urllib3": {"registry"},
    "socket": {"process"},
    "pydantic": {"config", "schema"},
    "tomli": {"config"},
    "ruamel": {"ci"},
}


def modules() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if name != "__init__":
            found.setdefault(name, []).append(path)
    return found


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_every_module_has_its_layer():
    assert set(modules()) == set(LEVEL)


def test_every_module_is_in_the_page_about_them():
    page = Path(__file__).parents[2] / "docs" / "explanation" / "architecture.md"
    rows = [line.split("|")[2] for line in page.read_text("utf-8").splitlines() if line.count("|") == 4]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}

    assert set(LEVEL) - named == set()


def test_a_module_imports_only_from_its_left():
    wrong = [
        f"{name} imports {other}"
        for name, paths in modules().items()
        for path in paths
        for other in {part.split(".")[1] for part in imported(path) if part.startswith("docker_push.")}
        if (other != name and LEVEL[other] > LEVEL[name])
        or (other != name and LEVEL[other] == LEVEL[name] and name < other)
    ]

    assert wrong == []


def test_each_door_to_the_world_is_in_one_module():
    wrong = [
        f"{name} imports {library}"
        for name, paths in modules().items()
        for path in paths
        for library in {part.split(".")[0] for part in imported(path)} & set(ONLY_IN)
        if name not in ONLY_IN[library]
    ]

    assert wrong == []


def test_only_the_boundary_reads_the_environment_the_folder_and_the_clock_and_prints():
    forbidden = {
        ("os", "environ"),
        ("os", "getenv"),
        ("Path", "cwd"),
        ("os", "getcwd"),
        ("time", "time"),
        ("time", "monotonic"),
    }
    wrong = [
        f"{path.name}:{node.lineno}"
        for name, paths in modules().items()
        if name != "boundary"
        for path in paths
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in forbidden
        )
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print")
    ]

    assert wrong == []


def test_budgets_hold():
    long_modules = [
        str(path) for paths in modules().values() for path in paths if len(path.read_text().splitlines()) > 300
    ]
    long_functions = [
        f"{path.name}:{node.name}"
        for paths in modules().values()
        for path in paths
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (node.end_lineno or 0) - node.lineno >= 60
    ]

    assert (long_modules, long_functions) == ([], [])
