"""Whatever a workflow looks like: writing twice is writing once, every comment stays, and YAML reads the same as before."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from docker_push import ci
from docker_push.ci.model import Listed, Wanted
from docker_push.references import Platform

NAMES = ("api", "worker", "team/api", "a.b", "12")
PLATFORMS = (Platform("linux", "amd64"),)
USES = "./.github/workflows/⚡reusable-docker.yaml"
comments = st.sampled_from(["", " # c1", "   # c2: {x}", " # '", ' # "c3'])
CI = ".github/workflows/ci.yml"


@st.composite
def permissions(draw: st.DrawFn, indent: str) -> list[str]:
    said = draw(
        st.sampled_from(["", "{}", "{contents: read}", "write-all", "read-all", "block", "{ contents: write, }"])
    )
    if said == "block":
        return [
            f"{indent}permissions:{draw(comments)}",
            f"{indent}  contents: read{draw(comments)}",
            f"{indent}  # inner",
        ]
    return [f"{indent}permissions: {said}{draw(comments)}"] if said else []


@st.composite
def job(draw: st.DrawFn, name: str, step: int) -> list[str]:
    one, two = " " * step, " " * step * 2
    if draw(st.booleans()):
        lines = [f"{two}runs-on: x{draw(comments)}", *draw(permissions(two)), f"{two}steps:"]
        lines += [f"{two}- run: |", f"{two}    docker-push push --image {name}", f"{two}    # in the script", ""]
        return [f"{one}run-{name.replace('/', '-').replace('.', '-')}:{draw(comments)}", *lines]
    lines = [f"{two}uses: {USES}{draw(comments)}", *draw(permissions(two))]
    cancels = draw(st.sampled_from(["", "true", "false", "${{ x }}"]))
    lines += [f"{two}concurrency: {{group: a, cancel-in-progress: '{cancels}'}}"] if "$" in cancels else []
    lines += (
        [f"{two}concurrency:", f"{two}  cancel-in-progress: {cancels}{draw(comments)}"]
        if cancels in {"true", "false"}
        else []
    )
    given_inputs = draw(st.sampled_from(["block", "flow", "few"]))
    if given_inputs == "flow":
        lines += [f'{two}with: {{image_name: "{name}"}}{draw(comments)}']
    else:
        lines += [
            f"{two}with:{draw(comments)}",
            f'{two}  image_name: "{name}"{draw(comments)}',
            f"{two}  # platform: x",
        ]
        lines += [f"{two}  atomi_platform: p", f"{two}  atomi_service: s"] if given_inputs == "block" else []
    return [f"{one}docker-{name.replace('/', '-').replace('.', '_')}:{draw(comments)}", *lines]


@st.composite
def workflows(draw: st.DrawFn) -> str:
    step = draw(st.sampled_from([1, 2, 4]))
    head = [
        f"# head{draw(comments)}",
        draw(st.sampled_from(["on: push", "on: {push: {tags: [v1]}}", "on:\n  push:\n    tags: [v*]"])),
    ]
    head += draw(permissions(""))
    head += draw(st.sampled_from([[], ["concurrency: {group: b, cancel-in-progress: true} # top"]]))
    body: list[str] = [f"jobs:{draw(comments)}", f"{' ' * step}first:", f"{' ' * step * 2}runs-on: x"]
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4)):
        body += [*draw(job(name, step)), *draw(st.sampled_from([[], [""], ["# between"], [f"{' ' * step * 3}# deep"]]))]
    tail = draw(st.sampled_from([[], ["", "# tail"], ["env: {A: b}"], ["", "", "name: late # x"]]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return end.join("\n".join([*head, *body, *tail]).split("\n")) + draw(st.sampled_from(["", end]))


def wanted() -> Wanted:
    images = {
        name: Listed(name=name, line=1, dockerfile="Dockerfile", context=".", platforms=PLATFORMS) for name in NAMES
    }
    return Wanted(images=images, groups={}, runners={})


def kept(before: Any, after: Any) -> bool:
    """Tell whether all that was said is still said; values may be put right."""
    if isinstance(before, dict) and isinstance(after, dict):
        return all(key in after and kept(value, after[key]) for key, value in before.items())
    return isinstance(before, dict) <= isinstance(after, dict)


@given(workflows())
def test_writing_twice_is_writing_once_and_nothing_is_lost(text: str):
    yaml.safe_load(text)
    texts = {CI: text}

    written = ci.write(texts, wanted(), ci.Ci.GITHUB)
    after = {**texts, **written.texts}
    again = ci.write(after, wanted(), ci.Ci.GITHUB)

    assert again.texts == {}
    assert ci.mendable(after, wanted(), written.left) == 0
    assert [line.partition("#")[2] for line in text.splitlines() if line.partition("#")[2] not in after[CI]] == []
    before_jobs, after_jobs = yaml.safe_load(text)["jobs"], yaml.safe_load(after[CI])["jobs"]
    assert list(after_jobs)[: len(before_jobs)] == list(before_jobs)
    assert kept(yaml.safe_load(text), yaml.safe_load(after[CI]))
    assert not [one for one in written.left.findings if one.rule in {"image-without-job", "image-without-release"}]
    assert ("\r\n" in text) == ("\r\n" in after[CI])
    assert "\n" not in after[CI].replace("\r\n", "") or "\r\n" not in after[CI]
