"""What git, forges and people come up with, for property tests."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from docker_push.context import Context, Event

_REFUSED = frozenset(" ~^:?*[\\\x7f") | {chr(code) for code in range(32)}  # git-check-ref-format(1), rule 4 and 5
_HEX = "0123456789abcdef"
_AWKWARD = (
    *("latest", "Latest", "main", "Main", "v1.2.3", "V1.2.3", "1.2.3", "v1.2.3-rc.1", "v1.2.3_b", "1", "1.2", "v1"),
    *("pr-12", "PR/12", "pr-x", "0" * 40, "A" * 40, "0" * 40 + "-main", "deadbeef", "facade-fix", "a" * 64),
    *("_", "-", "#", "--", "@-", "日本語", "é", "feature/A_b", "release/2.x", "dependabot/npm_and_yarn/x-1.2.3"),
    *("x" * 63, "x" * 64, "x" * 62 + "-y", "x" * 300, "İstanbul", "\u212a", "a..b", "refs/heads/x", "main-dirty"),
)


def is_branch(name: str) -> bool:
    """Tell whether git takes a name for a branch (git-check-ref-format(1) with --branch)."""
    parts = name.split("/")
    return (
        name not in {"", "@", "HEAD"}
        and not name.startswith("-")
        and not name.endswith(".")
        and not any(mark in name for mark in ("..", "@{"))
        and not set(name) & _REFUSED
        and not any(part == "" or part.startswith(".") or part.endswith(".lock") for part in parts)
    )


def branches() -> st.SearchStrategy[str]:
    """Names of branches, awkward ones more often than chance has them."""
    ordinary = st.text(string.ascii_letters + string.digits + "/._-#+@", min_size=1, max_size=100)
    foreign = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=100)
    joined = st.tuples(st.sampled_from(_AWKWARD), ordinary).map("".join)
    return (st.sampled_from(_AWKWARD) | ordinary | foreign | joined).filter(is_branch)


def versions() -> st.SearchStrategy[str]:
    """Versions by semver 2.0.0, with and without the v."""
    number = st.integers(0, 10**6).map(str)
    word = st.text(string.ascii_letters + "-", min_size=1, max_size=8)
    pre = st.lists(number | word, max_size=3).map(lambda parts: "-" + ".".join(parts) if parts else "")
    build = st.lists(word | number, max_size=2).map(lambda parts: "+" + ".".join(parts) if parts else "")
    core = st.tuples(number, number, number).map(".".join)
    return st.tuples(st.sampled_from(("v", "")), core, pre, build).map("".join)


def commits() -> st.SearchStrategy[str]:
    """Commit ids of SHA-1 and SHA-256 repositories."""
    return st.sampled_from((40, 64)).flatmap(lambda size: st.text(_HEX, min_size=size, max_size=size))


def repositories() -> st.SearchStrategy[str]:
    """Names of repositories as forges allow them."""
    part = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=20)
    return st.lists(part, min_size=2, max_size=4).map("/".join)


@st.composite
def contexts(draw: st.DrawFn) -> Context:
    """Contexts that can be: a tag has no branch, a pull request has a number."""
    event = draw(st.sampled_from(Event))
    commit = draw(commits())
    is_tag = event is Event.TAG
    return Context(
        repository=draw(repositories()),
        commit=commit,
        revision=commit,
        branch=None if is_tag else draw(branches()),
        slug_only=not is_tag and draw(st.booleans()),
        default_branch=draw(branches()),
        tag=draw(branches() | versions()) if is_tag else None,
        pull_request=draw(st.integers(1, 10**7)) if event is Event.PULL_REQUEST else None,
        event=event,
        trusted=draw(st.booleans()),
        dirty=draw(st.booleans()),
        ci=draw(st.sampled_from(("github", "gitlab", "seed", "local"))),
    )
