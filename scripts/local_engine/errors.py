"""The one error of these scripts."""


class EngineError(Exception):
    """Say in one line what is missing or failed, and what to do about it."""
