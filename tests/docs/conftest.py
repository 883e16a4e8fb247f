"""The real parts, for every test here."""

from real_parts import *  # noqa: F403
