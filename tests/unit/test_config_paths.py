from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push.config import paths
from docker_push.errors import ConfigError

DIGEST = "sha256:" + "a" * 64


def accepts(rule, text: str) -> bool:
    try:
        rule(text)
    except ConfigError:
        return False
    return True


@pytest.mark.parametrize(
    ("rule", "text", "one_spelling"),
    [
        (paths.local_path, "./infra//Dockerfile", "infra/Dockerfile"),
        (paths.local_path, "a/../b c/Ü (1).txt", "b c/Ü (1).txt"),
        (paths.local_path, ".", "."),
        (paths.local_path, "..data/x", "..data/x"),
        (paths.context, "./infra", "infra"),
        (paths.context, "https://github.com/a/b.git#main:dir", "https://github.com/a/b.git#main:dir"),
        (paths.context, "git@github.com:a/b.git", "git@github.com:a/b.git"),
        (paths.context, "ssh://git@github.com/a/b.git", "ssh://git@github.com/a/b.git"),
        (paths.named_context, "target:API", "target:api"),
        (paths.named_context, "docker-image://alpine:3.20", "docker-image://alpine:3.20"),
        (paths.named_context, f"docker-image://a.b/c@{DIGEST}", f"docker-image://a.b/c@{DIGEST}"),
        (paths.named_context, "oci-layout://./a/../b:1", "oci-layout://b:1"),
        (paths.named_context, f"oci-layout://b:1@{DIGEST}", f"oci-layout://b:1@{DIGEST}"),
        (paths.named_context, f"oci-layout://b@{DIGEST}", f"oci-layout://b@{DIGEST}"),
        (paths.named_context, "./assets", "assets"),
        (paths.agent_path, "~/.ssh/id", "~/.ssh/id"),
        (paths.agent_path, "$SSH_AUTH_SOCK", "$SSH_AUTH_SOCK"),
        (paths.context_name, "busybox:1.37", "busybox:1.37"),
    ],
)
def test_a_path_has_one_spelling(rule, text: str, one_spelling: str):
    assert rule(text) == one_spelling
    assert rule(one_spelling) == one_spelling


@pytest.mark.parametrize(
    ("rule", "texts"),
    [
        (paths.agent_path, ["", "-x", "a,b", 'a"b', "a\nb"]),
        (
            paths.local_path,
            ["", " ", " a", "a ", "..", "../a", "a/../../b", "/a", "//a", "-a", "./-a", "~", "~/a", "a\0"],
        ),
        (
            paths.local_path,
            ["a,b", 'a"b', "a'b", "a\\b", "a:b", "$a", "${a}", "a\tb", "a\u202eb", "github.com/a/b", "x/" * 600],
        ),
        (paths.local_path, ["a" * 256, "https://x", "target:x"]),
        (
            paths.context,
            ["http://x/y.git", "https://", "https://x y", "https://u@x/y", "https://u:p@x/y", "ftp://x/y"],
        ),
        (
            paths.context,
            [
                "ssh://u:p@x/y",
                "git://u:p@x/y",
                "git@x",
                "git@-x y:z",
                "target:x",
                "docker-image://x",
                "-",
                "https://x" + "y" * 1100,
            ],
        ),
        (paths.context_name, ["", "-x", "a b", "a,b", "a=b"]),
        (
            paths.named_context,
            ["", "target:", "target:-x", "docker-image://", "docker-image://-x", "docker-image://a b"],
        ),
        (
            paths.named_context,
            ["image:x", "cwd://x", "oci-layout://../x", "oci-layout:///x", "oci-layout://x:", "oci-layout://x@"],
        ),
        (paths.named_context, ["http://x", "-x", "../x"]),
    ],
)
def test_a_path_that_is_wrong_is_refused_with_what_is_allowed(rule, texts: list[str]):
    assert [text for text in texts if accepts(rule, text)] == []
    with pytest.raises(ConfigError) as caught:
        rule(texts[0])
    assert caught.value.hint.endswith((".", "..."))


@pytest.mark.parametrize("text", ["https://user:hunter2@x/y", "http://hunter2@x/y", "ssh://u:hunter2@x/y"])
def test_an_address_with_a_password_is_refused_without_showing_it(text: str):
    with pytest.raises(ConfigError) as caught:
        paths.context(text)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("assets", "assets"),
        ("oci-layout://b:1@sha256:0", "b"),
        ("oci-layout://b", "b"),
        ("target:api", None),
        ("docker-image://x", None),
        ("https://x/y", None),
        ("git@x:y", None),
    ],
)
def test_what_a_context_reads_on_this_machine_is_known(text: str, folder: str | None):
    assert paths.local_folder(text) == folder


@given(st.text())
def test_no_text_is_more_than_refused(text: str):
    for rule in (paths.local_path, paths.context, paths.context_name, paths.named_context, paths.agent_path):
        accepts(rule, text)


@given(st.text(alphabet="./-~ab\\", max_size=12))
def test_an_accepted_path_never_leads_out_and_never_looks_like_a_flag(text: str):
    if accepts(paths.local_path, text):
        path = paths.local_path(text)
        assert not path.startswith(("-", "/", "~"))
        assert ".." not in path.split("/")
