"""From what differs to the images that it concerns: the pure part, with what git would say as values."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_push.changes import Difference, affected, narrowed
from docker_push.options import Flags, ImageOptions, Options
from docker_push.process import Runner
from examples_of import image, options, setting

API = image("api", context=setting("api"), dockerfile=setting("api/Dockerfile"))
WEB = image(
    "web",
    context=setting("web"),
    dockerfile=setting("infra/Dockerfile"),
    contexts={"shared": "shared", "api": "target:api"},
    depends_on=("api",),
)
BOTH = (API, WEB)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("api/Dockerfile", "api/main.py", "web/app.js", "infra/Dockerfile", "shared/lib.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n")
    (tmp_path / "api/.dockerignore").write_text("docs\n")
    return tmp_path


def difference(*paths: str, folders: tuple[str, ...] = (), moved: bool = True) -> Difference:
    return Difference(ref="before", commit="a" * 40, paths=paths, folders=folders, moved=moved)


def reasons(
    root: Path,
    *paths: str,
    now: tuple[ImageOptions, ...] = BOTH,
    then: tuple[ImageOptions, ...] | None = BOTH,
    content: Callable[[str], bytes | None] = lambda _path: None,
    folders: tuple[str, ...] = (),
) -> dict[str, str]:
    was = None if then is None else {one.name: one for one in then}
    return affected(difference(*paths, folders=folders), now, was, root, content)


@pytest.mark.parametrize(
    ("path", "concerned"),
    [
        ("api/main.py", {"api"}),
        ("api/Dockerfile", {"api"}),
        ("api/docs/x.md", set()),
        ("web/app.js", {"web"}),
        ("infra/Dockerfile", {"web"}),
        ("infra/other", set()),
        ("shared/lib.js", {"web"}),
        ("README.md", set()),
        ("apis/x", set()),
    ],
)
def test_a_path_concerns_the_images_that_are_built_from_it(root: Path, path: str, concerned: set[str]):
    found = reasons(root, path)

    assert set(found) == concerned
    assert all(path in why for why in found.values())


def test_nothing_concerns_nothing(root: Path):
    assert reasons(root) == {}


def test_a_folder_that_differs_somewhere_concerns_what_is_around_it_and_in_it(root: Path):
    assert set(reasons(root, folders=("web/vendor",))) == {"web"}
    assert set(reasons(root, folders=("api",))) == {"api"}


def test_build_toml_concerns_the_images_of_which_it_says_something_else(root: Path):
    now = (image("api", context=API.context, dockerfile=API.dockerfile, args={"A": "1"}), WEB)

    assert reasons(root, now=now) == {"api": "build.toml: args changed"}
    assert reasons(root, then=(WEB,)) == {"api": "build.toml: not in before"}
    assert set(reasons(root, then=None).values()) == {"build.toml of before cannot be read"}


def test_other_ignore_rules_are_another_context(root: Path):
    def before(path: str) -> bytes | None:
        return b"main.py\n" if path == "api/.dockerignore" else None

    assert set(reasons(root, "api/.dockerignore", content=before)) == {"api"}


def test_a_run_is_of_what_is_concerned_and_of_what_needs_it(root: Path, monkeypatch: pytest.MonkeyPatch):
    def run(*paths: str, chosen: Options | None = None) -> Options:
        module = sys.modules[narrowed.__module__]
        monkeypatch.setattr(module, "compare", lambda *_: difference(*paths))
        monkeypatch.setattr(module, "content", lambda *_: b"")
        monkeypatch.setattr(module, "images", lambda *_: {one.name: one for one in BOTH})
        runner = Runner(environ={}, folder=root)
        return narrowed(chosen or options(*BOTH), "before", Flags(), {}, root, runner)

    api = run("api/main.py")
    assert api.selected == ("api", "web")
    assert api.reasons == {
        "api": "since before: api/main.py changed",
        "web": "it needs api, which differs from before",
    }
    web = run("web/app.js")
    assert web.selected == ("web",)
    assert [one.name for one in web.images] == ["api", "web"]  # what it needs is there too
    none = run("README.md")
    assert (none.selected, none.images) == ((), ())
