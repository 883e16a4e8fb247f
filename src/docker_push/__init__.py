"""Build, tag and safely publish a repository's container images."""

from __future__ import annotations

__all__: list[str] = []
