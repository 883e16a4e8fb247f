"""How hard the property tests try: a few examples in every run, many in `nox -s coverage`."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("quick", max_examples=20, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("quick")
