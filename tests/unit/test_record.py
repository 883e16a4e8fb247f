"""The record of what an image was made from: written by us, read as anybody may have written it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_push.record import Record, parse
from examples_of import DIGEST, OTHER

RECORD = Record(key="k", settings="s", bases={"docker.io/library/busybox:1.37": DIGEST, "a:1": OTHER}, moving="m")


@pytest.mark.parametrize("record", [RECORD, Record(key="k", settings="s")])
def test_what_is_written_is_read(record: Record):
    assert parse(record.text()) == record


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[]",
        "{}",
        '{"key": 1, "settings": "s"}',
        '{"key": "k"}',
        '{"key": "k", "settings": "s", "bases": []}',
        '{"key": "k", "settings": "s", "bases": {"a": "b"}}',
        '{"key": "k", "settings": "s", "bases": {"a": 1}}',
        '{"key": "k", "settings": "s", "moving": 1}',
        '{"key": "k", "settings": "s", "moving": "' + "m" * 70_000 + '"}',
        "[" * 10_000,
    ],
)
def test_what_is_no_record_is_none(text: str | None):
    assert parse(text) is None


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_whatever_stands_there_never_ends_a_run(text: str):
    assert parse(text) is None or isinstance(parse(text), Record)
