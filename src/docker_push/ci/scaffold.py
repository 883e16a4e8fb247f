"""The files that a repository without any begins with: the pattern's own, as they are shipped, and jobs for images. Pure.

The shipped files are this repository's; ``nox -s fresh`` copies them, and a test holds them equal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from docker_push.ci.reading import github
from docker_push.ci.rules.inputs import STANDARD, VERSION
from docker_push.matrix import INCLUDED

SCRIPT = "scripts/ci/docker.sh"
TEMPLATE = ".docker-push"
FOLDER = Path(__file__).parent / "shipped"
# path in a repository -> name among the shipped files; the first three are copies of this repository's own
COPIES: Mapping[str, str] = {
    github.REUSABLE: "reusable-docker.yaml",
    github.SPLIT: "reusable-docker-split.yaml",
    SCRIPT: "docker.sh",
}
SHIPPED: Mapping[str, str] = {**COPIES, INCLUDED: "gitlab-split.yml"}
CALLING = f"./{github.REUSABLE}"
_PLAIN = re.compile(r"""\$\{\{[^{}:#"'\n]*\}\}|[A-Za-z0-9][\w./-]*""")
_NO_ID = re.compile(r"[^A-Za-z0-9_-]")
CI_HEAD = """\
name: CI

on:
  push:
    branches: ["**"]
  pull_request:

permissions: {}

jobs:
"""
CD_HEAD = """\
name: CD

on:
  push:
    tags: ["v*.*.*"]

permissions: {}

jobs:
"""


@dataclass(frozen=True)
class Manner:
    """How jobs call the reusable workflow: which one, with all of their secrets or none, for which platform and service.

    ``switches`` are further inputs, which come last.
    """

    uses: str = CALLING
    secrets: bool = True
    given: Mapping[str, str] = field(default_factory=lambda: STANDARD)
    switches: Mapping[str, str] = field(default_factory=dict)


def shipped(path: str) -> str:
    """Return the text of a file of the pattern, by its path in a repository."""
    return _shipped(SHIPPED[path])


@cache
def _shipped(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def pipeline() -> str:
    """Return the text that a GitLab pipeline begins with: the template that the jobs of images extend."""
    return _shipped("gitlab-ci.yml")


def job_name(image: str, taken: Collection[str]) -> str:
    """Return the name of an image's job, ``docker-IMAGE``: letters, digits, ``-`` and ``_`` (GitHub, "jobs.<job_id>")."""
    name = f"docker-{_NO_ID.sub('-', image)}"
    number = 2
    while name in taken:
        name = f"docker-{_NO_ID.sub('-', image)}-{number}"
        number += 1
    return name


def github_job(
    name: str,
    image: str,
    permissions: Mapping[str, str],
    *,
    manner: Manner,
    version: bool = False,
    step: int = 2,
) -> list[str]:
    """Return the lines of a job that calls the reusable workflow, as the pattern has it; without indentation."""
    one, two = " " * step, " " * step * 2
    inputs = {
        **manner.given,
        "image_name": quoted_yaml(image),
        **({"version": VERSION} if version else {}),
        **manner.switches,
    }
    lines = [f"{name}:", f"{one}uses: {manner.uses}", *permission_lines(permissions, one, step)]
    if manner.secrets:  # the pattern's; the reusable workflow is the repository's own
        lines.append(f"{one}secrets: inherit # zizmor: ignore[secrets-inherit]")
    return [*lines, f"{one}with:", *(f"{two}{key}: {value}" for key, value in inputs.items())]


def permission_lines(permissions: Mapping[str, str], indent: str, step: int) -> list[str]:
    """Return the lines of a job's permissions."""
    inner = indent + " " * step
    return [f"{indent}permissions:", *(f"{inner}{scope}: {level}" for scope, level in permissions.items())]


def gitlab_job(name: str, image: str, template: Sequence[str], step: int = 2) -> list[str]:
    """Return the lines of a job that extends a template and names its image."""
    one = " " * step
    extends = template[0] if len(template) == 1 else f"[{', '.join(template)}]"
    variables = [f"{one}variables:", f"{one * 2}CI_DOCKER_IMAGE: {quoted_yaml(image)}"]
    return [f"{name}:", f"{one}extends: {extends}", *variables]


def quoted_yaml(text: str) -> str:
    """Return a text as YAML has it: in quotes where it would be read as a number, a truth value or anything else."""
    special = re.fullmatch(r"[-+.0-9_eExXoO:a-fA-F]+|(?i:null|true|false|yes|no|on|off|y|n)", text)
    is_plain = _PLAIN.fullmatch(text) and not (special and not re.fullmatch(r"[a-f]+", text))
    return text if is_plain else json.dumps(text, ensure_ascii=False)
