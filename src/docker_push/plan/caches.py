"""Which build caches a run reads and writes, and why.

The entries are buildx's (``--cache-from``, ``--cache-to``; docs.docker.com/build/cache/backends). None holds a credential:
buildx adds those itself, out of its environment (docker/buildx ``build/opt.go``, ``CreateCaches``).
"""

from __future__ import annotations

from collections.abc import Callable

from docker_push import cache_names, trust
from docker_push.config import CacheTable
from docker_push.context import Context, Event
from docker_push.facts import BuilderFacts, Facts
from docker_push.options import ImageOptions, Options
from docker_push.references import Reference, Repository, Tag

Caches = tuple[tuple[str, ...], tuple[str, ...], str]

_WHERE = {"registry": "beside the image", "gha": "at GitHub", "s3": "in bucket {bucket}", "local": "in {path}"}
_IN_ENGINE = ("registry", "gha", "local")  # moby/moby daemon/internal/builder-next/controller.go


def caches(image: ImageOptions, options: Options, context: Context, repository: Repository, facts: Facts) -> Caches:
    """Return what to read, what to write, and why: read the run's own then the default branch's, write the run's own.

    A cache that cannot be written never fails the build (BuildKit's ``ignore-error``); one that cannot be read is only
    warned about by BuildKit.
    """
    if image.cache_from is not None or image.cache_to is not None:
        if context.is_fork:
            own = (repository, cache_names.repository_of(repository))
            return trust.readable_caches(image.cache_from or (), own), (), "what a pull request from a fork may read"
        return image.cache_from or (), image.cache_to or (), "as build.toml says"
    lacking = _lacking(options.cache, context, facts)
    if lacking:
        return (), (), f"none: {lacking}"
    refs = cache_names.refs(context)
    entry = _entries(image, options, context, repository)
    read = tuple(f"{entry('src', ref)}" for ref in refs.chain)
    where = _WHERE[options.cache.backend].format(bucket=options.cache.bucket, path=options.cache.path)
    readers = f"{where}: read {' then '.join(map(_shown, refs.chain))}"
    silent = _silent(context, facts)
    if silent or refs.own is None:
        return read, (), f"{readers}, write none: {silent or _unread(context)}"
    how = ",image-manifest=true,oci-mediatypes=true" if options.cache.backend == "registry" else ""
    write = f"{entry('dest', refs.own)},mode={options.cache.mode}{how},ignore-error=true"
    return read, (write,), f"{readers}, write {_shown(refs.own)}"


def _lacking(cache: CacheTable, context: Context, facts: Facts) -> str:
    """Return why there is no cache at all; empty where there is one."""
    if cache.backend == "none":
        return '[cache] backend is "none"'
    if context.is_fork and cache.backend != "registry":
        return f"a pull request from a fork has no access to a cache of backend {cache.backend}"
    return facts.no_cache or (_unable(cache, facts.builder) if facts.builder else "")


def _unable(cache: CacheTable, builder: BuilderFacts) -> str:
    if not builder.multi_platform:
        return f"the image store of builder {builder.name} cannot export a cache"
    if builder.driver == "docker" and cache.backend not in _IN_ENGINE:
        another = "another has it (docker buildx create --use)"
        return f"builder {builder.name} is Docker's own, which lacks the cache backend {cache.backend}; {another}"
    return ""


def _silent(context: Context, facts: Facts) -> str:
    """Return why a run writes no cache; empty for one that may."""
    return facts.build_only or ("" if context.trusted else "the run is not trusted")


def _unread(context: Context) -> str:
    what = "merge queue" if context.event is Event.MERGE_QUEUE else "git tag"
    return f"no later run would read that of a {what}"


def _shown(ref: str) -> str:
    kind, _, rest = ref.partition(":")
    return {"pr": f"pull request {rest}", "slug": rest}.get(kind, ref) if rest else ref


def _entries(
    image: ImageOptions, options: Options, context: Context, repository: Repository
) -> Callable[[str, str], str]:
    """Return what makes the entry of a ref's cache; ``side`` is buildx's name for a folder that is read or written."""
    cache = options.cache
    owner, _, repo = context.repository.rpartition("/")
    service = (options.platform or owner, options.service or repo)
    platforms = (options.part,) if options.part else image.platforms.value  # else parts would write over one another's

    def entry(side: str, ref: str) -> str:
        name = cache_names.name(service, image.name, platforms, ref)
        if cache.backend == "registry":
            return f"type=registry,ref={Reference(cache_names.repository_of(repository), Tag.parse(name))}"
        if cache.backend == "gha":
            return f"type=gha,scope={cache.scope}.{name}" if cache.scope else f"type=gha,scope={name}"
        if cache.backend == "local":
            return f"type=local,{side}={cache.path}/{name}"
        return f"type=s3,{_bucket(cache)},name={name}"

    return entry


def _bucket(cache: CacheTable) -> str:
    said = {"bucket": cache.bucket, "region": cache.region, "prefix": cache.prefix, "endpoint_url": cache.endpoint_url}
    fields = [f"{key}={value}" for key, value in said.items() if value]
    return ",".join([*fields, *(["use_path_style=true"] if cache.use_path_style else [])])
