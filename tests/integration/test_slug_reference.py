"""Our slugs beside those that GITHUB_REF_SLUG's own steps make, run by the shell that they are written for.

The steps (rlespinasse/slugify-value, from v1.3.2 on): lower case, the prefix ``refs/<word>/`` goes, runs of other
characters become one ``-``, leading ``-`` go, 63 characters stay, trailing ``-`` go.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys

import pytest

from docker_push.slugs import slug

# bash lower-cases where it runs Linux, tr where it runs macOS (whose bash is 3.2)
LOWER = "tr '[:upper:]' '[:lower:]'" if sys.platform == "darwin" else 'while IFS= read -r ref; do echo "${ref,,}"; done'
STEPS = (
    f"{LOWER} | sed -E 's,refs/[^/]*/,,' | sed -E 's/[^a-zA-Z0-9._-]+/-/g' | sed -E 's/^-*//'"
    " | cut -c1-63 | sed -E 's/-*$//'"
)
ODD = [
    "main",
    "feature/A_b",
    "feature/A#1",
    "Feature/a-1",
    "fix/#5-x",
    "feat/new_feature",
    "dependabot/npm_and_yarn/@types/node-20.1.0",
    "renovate/lock-file-maintenance",
    "gh-readonly-queue/main/pr-104-79f0d0a9cbf54f1a2b3c4d5e6f708192a3b4c5d6",
    "release/2.x",
    "v1.2.3+build.5",
    "user/ada@example.com/try",
    "a--b",
    "a/-b",
    "-a-",
    "a-",
    "#.hidden",
    "#..hidden",
    "日本語",
    "日本語/fix",
    "fix-日本語",
    "é-é",
    "İstanbul",
    "K-kelvin",
    "STRASSE-straße",
    'zzz";echo${IFS}"hello";#',
    "$(touch canary)",
    "refs/heads/main",
    "x/refs/heads/main",
    "a" * 62 + "/b",
    "a" * 63 + "/b",
    "a" * 61 + "//b",
    "#." + "a" * 70,
    "_",
    ".",
    "%",
]


def by_the_shell(refs: list[str]) -> list[str]:
    shell = shutil.which("bash")
    assert shell, "bash is not installed"
    given = "".join(f"{ref}\n" for ref in refs).encode()
    done = subprocess.run(
        [shell, "-c", f"set -o pipefail; {STEPS}"],
        input=given,
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )
    return done.stdout.decode().split("\n")[:-1]


def names(count: int, seed: int) -> list[str]:
    """Names as git would take them, from an alphabet of what is likely to differ."""
    chosen = random.Random(seed)  # noqa: S311 - the same names in every run
    alphabet = "abzABZ019..__--//##@+%&!(){}=,;'\"$<>éÉßŁłЖж日本🐳\u0130\u212a\u0301\u202e"
    return ["".join(chosen.choices(alphabet, k=chosen.randint(1, 90))) for _ in range(count)]


def assert_same(refs: list[str], prefix: str) -> None:
    slugs = by_the_shell([f"{prefix}{name}" for name in refs])

    assert len(slugs) == len(refs)
    differing = {
        name: (ours, theirs) for name, theirs in zip(refs, slugs, strict=True) if (ours := slug(name)) != theirs
    }
    # the one rule that is ours: a tag may not begin with a dot
    assert {name: pair for name, pair in differing.items() if pair[0] != pair[1].lstrip(".-")} == {}


@pytest.mark.parametrize("prefix", ["refs/heads/", "refs/tags/"])
def test_a_ref_s_slug_is_that_of_the_shell_s_steps(prefix: str):
    assert_same(ODD, prefix)


@pytest.mark.parametrize("seed", range(4))
def test_any_name_s_slug_is_that_of_the_shell_s_steps(seed: int):
    assert_same(names(2000, seed), "refs/heads/")


def test_a_slug_that_was_handed_over_stays_what_it_is():
    handed = by_the_shell([f"refs/heads/{name}" for name in (*ODD, *names(2000, 99))])

    assert [slug(one) for one in handed] == [one.lstrip(".-") for one in handed]
