from __future__ import annotations

from dataclasses import replace

from docker_push import metadata
from examples_of import CONTEXT


def test_labels_leave_out_what_is_not_known():
    assert set(metadata.labels("api", replace(CONTEXT, source_url=None, created=None), {})) == {
        "org.opencontainers.image.revision",
        "org.opencontainers.image.title",
    }


def test_a_time_is_rfc_3339_in_utc():
    assert metadata.timestamp(0) == "1970-01-01T00:00:00Z"
