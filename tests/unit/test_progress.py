from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push.printable import printable
from docker_push.progress import Progress, Step, target_of

START = "2026-11-23T12:00:00.123456789Z"
END = "2026-11-23T12:00:02.623456789Z"


def vertex(digest: str = "d1", name: str = "[api 1/2] RUN make", **more: object) -> str:
    return json.dumps({"vertexes": [{"digest": digest, "name": name, **more}]})


def log(text: str, digest: str = "d1") -> str:
    return json.dumps({"logs": [{"vertex": digest, "stream": 2, "data": base64.b64encode(text.encode()).decode()}]})


def fed(*lines: str) -> tuple[Progress, list[Step]]:
    progress = Progress()
    return progress, [step for line in lines for step in progress.feed(line)]


def test_a_step_is_told_once_when_it_ends():
    _, steps = fed(
        vertex(started=START),
        vertex(started=START, completed=END),
        vertex(started=START, completed=END),
    )

    assert steps == [Step(name="[api 1/2] RUN make", cached=False, seconds=2.5, error="")]


def test_a_cached_step_is_told_as_such():
    assert fed(vertex(cached=True, started=START, completed=START))[1][0].cached


def test_the_step_that_failed_by_itself_is_the_cause():
    progress, _ = fed(
        vertex("d2", "[worker 1/2] RUN sleep", completed=END, error="context canceled"),
        log("boom\n"),
        vertex(completed=END, error="exit code: 1"),
    )

    ((step, kept),) = progress.causes()
    assert (step.error, kept) == ("exit code: 1", ("boom",))


@pytest.mark.parametrize(
    "name",
    [
        "importing cache manifest from ghcr.io/a:b",
        "[worker] importing cache manifest from ghcr.io/a:b",
        "exporting cache to registry",
    ],
)
def test_a_missing_cache_is_no_cause(name: str):
    assert fed(vertex(name=name, completed=END, error="not found"))[0].causes() == ()


def test_without_a_failed_step_what_buildx_printed_is_the_log():
    progress, _ = fed("ERROR: no builder", "", "second")

    assert tuple(progress.stray) == ("ERROR: no builder", "second")


def test_the_log_is_bounded_and_harmless():
    progress, _ = fed(*[log(f"\x1b[31mline {number}\x07\n") for number in range(100)], vertex(completed=END, error="x"))

    assert len(progress.causes()[0][1]) == 40
    assert progress.causes()[0][1][-1] == "line 99"


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("[api linux/amd64 2/3] RUN make", "api"),
        ("[api 2/3] RUN make", "api"),
        ("[api] importing cache manifest from ghcr.io/a:b", "api"),
        ("[linux/amd64 2/3] RUN make", None),
        ("[api internal] load .dockerignore", "api"),
        ("[internal] load local bake definitions", None),
        ("exporting to image", None),
        ("[api linux/amd64->arm64 build 1/3] FROM x", "api"),
    ],
)
def test_the_target_is_read_from_a_step_s_name(name: str, target: str | None):
    assert target_of(name) == target


@pytest.mark.parametrize("started", ["", "yesterday", 3, None, "2026-13-40T99:99:99Z"])
def test_a_time_that_is_none_counts_nothing(started: object):
    assert fed(vertex(started=started, completed=END))[1][0].seconds == 0.0


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda children: (
        st.lists(children)
        | st.dictionaries(
            st.sampled_from(["vertexes", "logs", "digest", "name", "vertex", "data", "completed", "error"]),
            children,
            max_size=4,
        )
    ),
    max_leaves=12,
)


event_lines = (
    st.text() | json_values.map(json.dumps) | st.binary(max_size=40).map(lambda data: data.decode("utf-8", "replace"))
)


@given(st.lists(event_lines, max_size=8))
def test_no_stream_breaks_it(lines: list[str]):
    progress, steps = fed(*lines)

    for text in (*progress.stray, *(word for step in steps for word in (step.name, step.error))):
        assert printable(text) == text


RECORDED = "\n".join(
    [
        vertex(started=START),
        "ERROR: no events at all — «näh»",
        log("\x1b[31mboom ☃\x1b[0m\n::error::forged\n"),
        log("half a character: ")[:-3] + "4oI=" + '"}]}',
        json.dumps({"statuses": [{"id": "x"}], "warnings": None, "vertexes": {}, "logs": [7], "later": {"a": [1]}}),
        vertex("d2", "[worker 1/2] RUN sleep", completed=END, error="context canceled"),
        vertex(completed=END, error="exit code: 1"),
        vertex(completed=END, error="exit code: 1"),
    ]
).encode()


@pytest.mark.parametrize("width", [1, 7, 50])
def test_a_stream_cut_at_any_byte_gives_what_is_whole_of_it(width: int):
    """Programs die in the middle of a line; what came before it is still told."""
    whole, ended = fed(*RECORDED.decode().splitlines())
    for end in range(0, len(RECORDED), width):
        progress, steps = fed(*RECORDED[:end].decode("utf-8", "replace").splitlines())

        assert steps == ended[: len(steps)]
        assert len(progress.causes()) <= len(whole.causes())


def test_unknown_fields_and_a_second_end_change_nothing():
    more = vertex(completed=END, error="exit code: 1", inputs=["d0"], progressGroup={"id": "g"}, weight=3)

    progress, steps = fed(more, more, vertex(completed=END, error="another"), json.dumps({"unheard": [more]}))

    assert [step.error for step in steps] == ["exit code: 1"]
    assert [step for step, _ in progress.causes()] == steps


def test_what_is_kept_of_a_stream_without_end_is_bounded(monkeypatch: pytest.MonkeyPatch):
    for name, most in (("_STEPS", 30), ("_LOGS", 10), ("_CAUSES", 5)):
        monkeypatch.setattr(f"docker_push.progress.{name}", most)

    def size(rounds: int) -> int:
        progress = Progress()
        for number in range(rounds):
            digest = f"d{number:04}"
            error = "" if number % 2 else "exit code: 1"
            for line in (log("y\n" * 100, digest), vertex(digest, completed=END, error=error), f"stray {number:04}"):
                list(progress.feed(line))
        return len(repr(progress))

    assert size(400) == size(200)


def test_a_line_without_end_is_cut():
    long = "x" * 1_000_000

    progress, (step,) = fed(long, log(long), vertex(name=long, completed=END, error=long))

    assert len(repr(progress)) < 100_000
    assert len(step.error) > 1000  # a registry's words are read from it


def test_a_step_that_fails_late_has_its_log_although_many_others_logged_before():
    lines = [log(f"of {number}", f"d{number}") for number in range(2000)]
    failed = vertex("d1999", completed=END, error="exit code: 1")

    ((_, kept),) = fed(*lines, failed)[0].causes()

    assert kept == ("of 1999",)


def test_a_line_that_came_in_pieces_is_one():
    pieces = [log("begin s3cr"), log("other", digest="d2"), log("et end\r\nrest: \xe4"), log("::error::")]
    progress, _ = fed(*pieces, vertex(completed=END, error="x"))

    ((_, lines),) = progress.causes()
    assert lines == ("begin s3cret end", "rest: \xe4::error::")


def test_the_two_streams_of_a_step_are_not_mixed_within_a_line():
    def of(stream: int, text: str) -> str:
        data = base64.b64encode(text.encode()).decode()
        return json.dumps({"logs": [{"vertex": "d1", "stream": stream, "data": data}]})

    progress, _ = fed(of(1, "out-"), of(2, "err-"), of(1, "1\n"), of(2, "2\n"), vertex(completed=END, error="x"))

    assert progress.causes()[0][1] == ("out-1", "err-2")


def test_a_line_without_an_end_is_not_kept_for_ever():
    progress, _ = fed(*[log("x" * 1000) for _ in range(200)], vertex(completed=END, error="x"))

    assert len(progress.causes()[0][1]) > 1
