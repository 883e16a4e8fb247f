"""What is built, as a tag may name it: the slug, kept apart from names that mean something else."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from docker_push.config import TagsTable
from docker_push.context import Context
from docker_push.references import quoted
from docker_push.slugs import LENGTH, slug
from docker_push.versions import Version

_HASH_LENGTH = 8
_COMMIT = re.compile(r"(?P<sha>[0-9a-f]{6,64})(?P<rest>-.*)?")
_COMMIT_LENGTHS = frozenset({40, 64})  # of SHA-1 and SHA-256: earlier runs may have had no other sha-length
_PULL_REQUEST = re.compile(r"pr-[0-9]+")


@dataclass(frozen=True, kw_only=True)
class Name:
    """The name of what is built, as a tag has it; ``note`` says what was done to the raw name, if anything was."""

    slug: str
    shown: str
    note: str = ""


def name_of(context: Context, rules: TagsTable) -> Name:
    """Return the name of what is built: a pull request's number, else the slug of branch or git tag.

    A slug that is empty or reserved gets a short hash of the raw name; ``slug = "unique"`` adds it to any that lost something.
    """
    if context.pull_request is not None:
        return Name(slug=f"pr-{context.pull_request}", shown=f"pull request {context.pull_request}")
    raw = context.tag if context.tag is not None else (context.branch or "")
    shown = f"{'branch' if context.tag is None else 'git tag'} {legible(raw)}"
    plain = slug(raw)
    if context.tag is not None and Version.find(raw) is not None:
        return Name(slug=plain, shown=shown)
    if not plain or is_reserved(plain, rules):
        why = f"'{plain}' has a meaning of its own" if plain else "no character of it may stand in a tag"
        return Name(slug=_hashed(plain, raw, rules), shown=shown, note=f"{shown}, with a hash: {why}")
    if rules.slug == "unique" and plain != raw:
        why = 'slug = "unique", and the slug loses something'
        return Name(slug=_hashed(plain, raw, rules), shown=shown, note=f"{shown}, with a hash: {why}")
    return Name(slug=plain, shown=shown)


def legible(raw: str) -> str:
    """Return a raw name as a sentence may hold it: as it is, or escaped where it would steer a terminal."""
    return raw if raw.isprintable() else quoted(raw)


def is_reserved(name: str, rules: TagsTable) -> bool:
    """Tell whether a tag of this name has a meaning of its own, so that no branch may bear it.

    Such are ``latest``, a version (and, where releases move them, ``1`` or ``1.2``), ``pr-N``, a commit id, and a commit tag.
    """
    patterns = [_PULL_REQUEST.fullmatch(name), *(_alias_shape(template).fullmatch(name) for template in rules.semver)]
    return name == "latest" or any(patterns) or Version.find(name) is not None or _is_commit(name, rules)


def _is_commit(name: str, rules: TagsTable) -> bool:
    """Look for the lengths that commits have here: a branch called facade-fix is no commit tag."""
    match = _COMMIT.fullmatch(name)
    if match is None:
        return False
    length = len(match["sha"])
    return length in _COMMIT_LENGTHS or (length == rules.sha_length and match["rest"] is not None)


def _alias_shape(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{[a-z]+\\\}", "[0-9]+", re.escape(template)))


def _hashed(plain: str, raw: str, rules: TagsTable) -> str:
    """Return the slug with a short hash of the raw name: no longer reserved, no longer shared.

    A hash alone does not take a version or a commit tag out of what is reserved (v1.2.3-0a1b2c3d is a prerelease), nor
    can it stand alone: a word in front does.
    """
    digest = hashlib.sha256(raw.encode("utf-8", "backslashreplace")).hexdigest()[:_HASH_LENGTH]
    room = LENGTH - _HASH_LENGTH - 1
    name = f"{plain[:room].rstrip('-')}-{digest}"
    if plain and not is_reserved(name, rules):
        return name
    front = f"branch-{plain}" if plain else "branch"
    return f"{front[:room].rstrip('-')}-{digest}"
