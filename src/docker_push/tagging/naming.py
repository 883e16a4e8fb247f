"""What is built, as a tag may name it: the slug, kept apart from names that mean something else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from docker_push import reserved
from docker_push.config import TagsTable
from docker_push.context import Context
from docker_push.references import quoted
from docker_push.slugs import LENGTH, slug
from docker_push.versions import Version

_HASH_LENGTH = 8


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
    """Tell whether a tag of this name has a meaning of its own under ``rules``, so that no branch may bear it."""
    return reserved.is_reserved(name, rules.sha_length, rules.semver)


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
