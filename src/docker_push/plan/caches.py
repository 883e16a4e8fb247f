"""Which build caches a run reads and writes, and why."""

from __future__ import annotations

from docker_push import metadata, trust
from docker_push.context import Context
from docker_push.facts import Facts
from docker_push.options import ImageOptions, Options
from docker_push.references import Repository
from docker_push.slugs import slug


def caches(
    image: ImageOptions, options: Options, context: Context, repository: Repository, branch: str, facts: Facts
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Return what to read, what to write, and why: read branch then default branch, write the branch's own.

    A cache that cannot be written never fails the build (BuildKit's ``ignore-error``); one that cannot be read is only
    warned about by BuildKit.
    """
    if image.cache_from is not None or image.cache_to is not None:
        if context.is_fork:
            own = (repository, metadata.cache_repository(repository))
            return trust.readable_caches(image.cache_from or (), own), (), "what a pull request from a fork may read"
        return image.cache_from or (), image.cache_to or (), "as build.toml says"
    if options.cache.backend == "none":
        return (), (), 'none: [cache] backend is "none"'
    owner, _, repo = context.repository.rpartition("/")
    scope = (options.platform or owner, options.service or repo)
    chain = dict.fromkeys((branch, slug(context.default_branch)))
    platforms = (options.part,) if options.part else image.platforms.value  # else parts would write over one another's
    names = [metadata.cache_reference(repository, scope, platforms, name) for name in chain if name]
    read = tuple(f"type=registry,ref={name}" for name in names)
    if not context.trusted or facts.build_only:
        return read, (), f"read only: {facts.build_only or 'the run is not trusted'}"
    if facts.builder and not facts.builder.multi_platform:
        return (), (), f"none: the image store of builder {facts.builder.name} cannot export a cache"
    write = f"type=registry,ref={names[0]},mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true"
    return read, (write,), f"read {' then '.join(chain)}, write {branch}"
