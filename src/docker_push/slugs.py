"""A branch's name as a tag may bear it."""

from __future__ import annotations

import re
import string

LENGTH = 63  # rlespinasse/github-slug-action, slug-maxlength
_OUTSIDE = re.compile(r"[^a-z0-9._-]+")
# as bash's ${name,,} does it in GitHub's runners: ASCII, and the two other characters whose lower case is ASCII.
# str.lower() would make two characters of U+0130.
_LOWER = str.maketrans(string.ascii_uppercase + "\u212a\u0130", string.ascii_lowercase + "ki")


def slug(raw: str) -> str:
    """Return ``raw`` as GITHUB_REF_SLUG would write it, without a leading '.'; may be empty; slugging again changes nothing.

    The rules are those of rlespinasse/github-slug-action: lower case, runs outside ``[a-z0-9._-]`` to one ``-``, no
    ``-`` in front, cut at 63, no ``-`` at the end. A tag may not begin with '.', so that goes too, after the cut: the
    slug of what that action hands over is the slug of the raw name.
    """
    return _OUTSIDE.sub("-", raw.translate(_LOWER)).lstrip("-")[:LENGTH].rstrip("-").lstrip("-.")
