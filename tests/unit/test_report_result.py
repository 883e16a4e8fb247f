"""What a run has published, as a document and as a workflow of GitHub gets it: checked by validators that are not ours."""

from __future__ import annotations

import html
import json
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest
from cmarkgfm import github_flavored_markdown_to_html as rendered
from cmarkgfm.cmark import Options as Rendering

from docker_push import report, schema
from docker_push.errors import BuildError, InterruptedRunError
from docker_push.plan import plan
from docker_push.publish import Content, Staged, State, TagOutcome
from docker_push.references import Reference
from docker_push.registry import Manifest
from docker_push.report import RunReport, Staging
from docker_push.tagging import TagKind
from examples_of import BOTH, COMMIT, CONTEXT, DIGEST, OTHER, image, options, registry

VALIDATOR = jsonschema.Draft202012Validator(schema.render_result())
HOSTILE = [
    "a | b",
    "`a` ``",
    "</code></td></table><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](https://example.com) ![x](https://example.com/x.png)",
    "https://example.com www.example.com mailto:a@example.com a@example.com @team",
    "*a* _b_ ~~c~~ # d $x$ \\| &amp; &#124;",
    "one\ntwo\r\n| three |\u2028four",
    "::error::pwn ##[error]pwn",
    "\x1b[31mred\x07",
]


def report_of(*names: str, state: State = State.MOVED, domains: tuple[str, ...] = ("ghcr.io",), **changes: Any):
    """Return the report of a run that published these images, each with all of its tags in one state."""
    chosen = options(*(image(name) for name in names), registries=tuple(registry(domain) for domain in domains))
    made = plan(chosen, CONTEXT)
    manifest = Manifest(data=b"{}", media_type="application/vnd.oci.image.index.v1+json", digest=DIGEST)
    content = {platform: Content(digest=OTHER, size=7 << 20) for platform in BOTH}
    places = [(one, repository) for one in made.published for repository in one.repositories]
    staged = [Staged(image=one, repository=place, manifest=manifest, platforms=content) for one, place in places]
    tags = [
        TagOutcome(
            image=one.name,
            reference=Reference(place, tag.tag, DIGEST),
            kind=tag.kind,
            before=OTHER,
            after=DIGEST,
            state=State.CREATED if tag.kind is TagKind.COMMIT else state,
        )
        for one, place in places
        for tag in one.tags
    ]
    return replace(report.outcome(made, Staging(digests={}), staged, tags), **changes)


def document(run: RunReport) -> dict[str, Any]:
    """Return the result as it is read from its file, after a validator has looked at it."""
    found: dict[str, Any] = json.loads(json.dumps(asdict(report.result(run))))
    VALIDATOR.validate(found)
    return found


def test_the_document_names_every_image_by_digest():
    found = document(report_of("api", "worker", domains=("ghcr.io", "localhost:5000")))

    assert found["images"]["api"] == {
        "digest": str(DIGEST),
        "references": [
            f"{domain}/atomicloud/my-service/api:{COMMIT}-main@{DIGEST}" for domain in ("ghcr.io", "localhost:5000")
        ],
        "tags": [f"{COMMIT}-main", "main", "latest"],
        "platforms": {"linux/arm64": str(OTHER), "linux/amd64": str(OTHER)},
    }
    assert {key: found[key] for key in ("schema", "repository", "commit", "version", "error")} == {
        "schema": 1,
        "repository": "AtomiCloud/my-service",
        "commit": COMMIT,
        "version": None,
        "error": None,
    }
    assert list(found["images"]) == ["api", "worker"]


@pytest.mark.parametrize("state", [State.REFUSED, State.WAITING, State.UNKNOWN])
def test_an_image_that_is_not_published_whole_is_not_in_it(state: State):
    assert document(report_of("api", state=state))["images"] == {}


def test_a_tag_that_stays_with_something_newer_in_one_registry_is_none_of_its_tags():
    run = report_of("api", domains=("ghcr.io", "localhost:5000"))
    (entry,) = run.images
    newer = replace(entry.tags[-1], state=State.SKIPPED, after=OTHER)

    found = document(replace(run, images=(replace(entry, tags=(*entry.tags[:-1], newer)),)))

    assert found["images"]["api"]["tags"] == [f"{COMMIT}-main", "main"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BuildError("image api: no", hint="Look."), 7),
        (InterruptedRunError("cancelled", hint="Again.", signal_number=15), 143),
    ],
)
def test_a_failed_run_says_why_with_the_exit_code(error: BuildError, code: int):
    found = document(report_of("api", state=State.WAITING, error=error))

    assert found["error"] == {"code": code, "message": error.message, "hint": error.hint}


def test_the_schema_refuses_what_is_no_digest_and_what_is_missing():
    found = document(report_of("api"))
    broken = [{**found, "schema": 2}, {key: value for key, value in found.items() if key != "error"}]
    broken.append(json.loads(json.dumps(found).replace("sha256:a", "sha256:A")))

    assert [VALIDATOR.is_valid(one) for one in broken] == [False, False, False]
    jsonschema.Draft202012Validator.check_schema(schema.render_result())


def test_one_image_has_its_own_outputs_and_several_have_none():
    one, two = document(report_of("api")), document(report_of("api", "worker"))

    found = report.outputs(one, 1, "/tmp/docker-push.json")  # noqa: S108 - only a name
    assert found["reference"] == found["references"] == f"ghcr.io/atomicloud/my-service/api:{COMMIT}-main@{DIGEST}"
    assert (found["digest"], found["result"]) == (str(DIGEST), "/tmp/docker-push.json")  # noqa: S108
    assert json.loads(found["images"])["api"]["tags"] == [f"{COMMIT}-main", "main", "latest"]
    several = report.outputs(two, 2, None)
    assert set(several) == {"references", "images"}
    assert len(several["references"].splitlines()) == 2


def test_a_run_that_published_nothing_has_outputs_that_say_so():
    assert report.outputs(document(report_of("api", state=State.WAITING)), 1, None) == {
        "references": "",
        "images": "{}",
    }


def test_one_that_is_left_of_two_images_is_not_taken_for_the_only_one():
    assert "digest" not in report.outputs(document(report_of("api")), 2, None)


def test_no_value_ends_its_output():
    text = report.outputs_text({"images": "a=b\nEOF\nforged<<EOF\nx", "result": "y"}, "unguessable")

    assert text == "images<<unguessable\na=b\nEOF\nforged<<EOF\nx\nunguessable\nresult<<unguessable\ny\nunguessable\n"


class Page(HTMLParser):
    """Read what GitHub would show of Markdown: the cells of its table, and which elements there are."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.cells: list[list[str]] = []
        self.elements: set[str] = set()
        self.feed(rendered(markdown, options=Rendering.CMARK_OPT_UNSAFE))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        if tag == "tr":
            self.cells.append([])
        elif tag in {"td", "th"}:
            self.cells[-1].append("")
        elif tag == "br":
            self.cells[-1][-1] += "\n"
        assert tag == "th" or attrs == [] or tag == "td", attrs

    def handle_data(self, data: str) -> None:
        if self.cells and self.cells[-1]:
            self.cells[-1][-1] += data.strip("\n")


ELEMENTS = {"h3", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "br", "strong", "span"}


def test_the_summary_is_a_table_of_images():
    head, row = Page(report.summary(report_of("api"))).cells

    assert head == ["image", "digest", "platforms", "tags", "how"]
    assert row[:3] == ["api", str(DIGEST), "linux/arm64 7.0 MiB\nlinux/amd64 7.0 MiB"]
    assert row[3].splitlines() == [
        "ghcr.io/atomicloud/my-service/api",
        f"{COMMIT}-main created",
        "main moved",
        "latest moved",
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_is_shown_and_never_read_as_markdown_or_html(text: str):
    run = report_of("api", "worker")
    api, worker = run.images
    refused = replace(api.tags[-1], state=State.REFUSED, why=text)
    failed = replace(worker, error=BuildError(text, hint=""), staged=(), tags=())
    run = replace(run, images=(replace(api, tags=(refused,)), failed), error=BuildError(text, hint=""))

    page = Page(report.summary(run))

    assert page.elements <= ELEMENTS, page.elements - ELEMENTS
    assert [len(row) for row in page.cells] == [5, 5, 5]
    wanted = " ".join(re.sub(r"\x1b\[31m|\x07|\u2028", "", text).split())
    assert wanted.replace("::error", ": :error").replace("##[", "# #[") in page.cells[1][3] + page.cells[2][4]


def test_no_secret_is_in_the_summary_however_it_would_be_escaped():
    run = replace(report_of("api"), error=BuildError("it said p|a_s<s", hint=""))

    text = report.summary(run, lambda said: said.replace("p|a_s<s", "***"))

    assert "p|a_s<s" not in html.unescape(text)
    assert "it said ***" in html.unescape(text)


def test_failures_come_first():
    run = report_of("api", "worker")
    failed = replace(run.images[1], error=BuildError("image worker: no", hint=""), staged=(), tags=())

    names = [row[0] for row in Page(report.summary(replace(run, images=(run.images[0], failed)))).cells]

    assert names == ["image", "worker", "api"]


def test_a_thousand_images_stay_below_github_s_limit_and_what_is_left_out_is_said():
    many, domains = [f"image{number}" for number in range(1_000)], tuple(f"registry{one}.io" for one in range(6))
    run = report_of(*many, domains=domains)

    for limit in (report.SUMMARY_LIMIT, 100_000):
        text = report.summary(run, room=limit)
        shown = len(Page(text).cells) - 1
        assert limit // 2 < len(text.encode()) <= limit
        assert f"{1_000 - shown} more images are not shown here" in text
    assert "not shown" not in report.summary(report_of(*many))


@pytest.mark.parametrize("room", [-1, 0, 100])
def test_without_room_there_is_no_summary(room: int):
    assert report.summary(report_of("api"), room=room) == ""


def test_the_words_say_what_was_built_and_what_was_adopted():
    run = report_of("api")
    (entry,) = run.images

    built = report.summary(replace(run, images=(replace(entry, attempts=2, seconds=1.25),)))
    assert Page(built).cells[1][4] == "built in 1.2 s, 2 tries"
