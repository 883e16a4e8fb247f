"""A branch's name as a tag may bear it."""

from __future__ import annotations

import re
import string

LENGTH = 63  # rlespinasse/github-slug-action, slug-maxlength
_OUTSIDE = re.compile(r"[^a-z0-9._-]+")
# of ASCII alone: str.lower() would turn the Kelvin sign into a k, where the rules know only a character outside a-z
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def slug(raw: str) -> str:
    """Return ``raw`` as GITHUB_REF_SLUG would write it, without a leading '.'; may be empty; slugging again changes nothing.

    The rules are those of rlespinasse/github-slug-action: lower case, runs outside ``[a-z0-9._-]`` to one ``-``, no
    ``-`` in front, cut at 63, no ``-`` at the end. A tag may not begin with '.', so that goes too.
    """
    return _OUTSIDE.sub("-", raw.translate(_LOWER)).lstrip("-.")[:LENGTH].rstrip("-")
