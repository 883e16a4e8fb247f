"""Planning by what the world holds: files, builder, registries, base images, and whether the run may push at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from docker_push import bases, cache_access, credentials, fingerprint, publish
from docker_push import plan as planning
from docker_push.bases import EngineHosts
from docker_push.errors import BuilderError
from docker_push.facts import BuilderFacts, Facts, Files
from docker_push.parallel import in_parallel
from docker_push.parts import refuse_in_context
from docker_push.plan import Action, Plan, PlannedImage
from docker_push.run import Run


def make_plan(
    run: Run,
    *,
    look: bool,
    build: bool = True,
    joins: bool = False,
    build_only: str | None = None,
    engine: Callable[[], EngineHosts] = EngineHosts,
) -> Plan:
    """Plan the run; with ``look`` by what registries hold now and, where it may ``build``, what the builder can do.

    A first plan without facts tells which names to look for; it never differs from the second in the commit tag. A run
    that ``joins`` what others built is planned as one that builds, and needs no builder.
    ``build_only`` is why nothing may be pushed, ``engine`` is as in ``decided``.
    """
    draft = planning.plan(run.options, run.context, Facts(build_only=build_only, no_cache=_no_cache(run)))
    if not look:
        return draft
    draft = keyed(run, draft) if build or joins else draft
    facts = draft.facts

    def registries() -> Facts:
        seen = publish.observe(draft, run.clients, children=build) if draft.published else {}
        return replace(facts, repositories=seen)

    def builder() -> Facts:
        return replace(facts, builder=run.builder.observe())

    looks: list[Callable[[], Facts]] = [registries, *([builder] if build else [])]
    seen = in_parallel(lambda look: look(), looks)
    plan = decided(run, draft, replace(seen[0], builder=seen[-1].builder), engine)
    if plan.facts.builder:
        refuse_unable(plan, plan.facts.builder)
    return plan.as_joined() if joins else plan


def _no_cache(run: Run) -> str:
    """Return why the cache of [cache] cannot be used here; raises ConfigError for a folder that would change what is built."""
    cache, world = run.options.cache, run.surroundings
    if cache.path:
        refuse_in_context(run.root / cache.path, run.root, run.options.images, run.contexts, "[cache] path")
    return cache_access.lacking(cache, world.environ, run.root, world.wall())


def keyed(run: Run, draft: Plan) -> Plan:
    """Return the plan with a key of the inputs of each image that may be published; raises ConfigError for files that cannot be read."""
    if not draft.published or draft.facts.files:
        return draft
    files = {image.name: _files(run, image) for image in draft.images if not fingerprint.unkeyed(image.options)}
    return planning.plan(run.options, run.context, replace(draft.facts, files=files))


def _files(run: Run, image: PlannedImage) -> Files:
    """Look at an image's Dockerfile and at every file of its contexts; what is fetched is pinned, and said."""
    options = image.options
    folders = [run.contexts.named(text) for text in options.contexts.values() if not _is_elsewhere(text)]
    digests = [folder.digest for folder in folders]
    if not _is_elsewhere(options.context.value):
        local = run.contexts.local(options.dockerfile.value, options.context.value)
        folders.append(local)
        digests += [local.digest, local.dockerfile or "", _epoch(run, options.dockerfile.value)]
    return Files(
        digest=fingerprint.of_files(digests),
        number=sum(folder.files for folder in folders),
        size=sum(folder.size for folder in folders),
        holds_git=any(folder.holds_git for folder in folders),
    )


def _epoch(run: Run, dockerfile: str) -> str:
    """Return SOURCE_DATE_EPOCH where a Dockerfile may use it: buildx passes it on as an argument."""
    epoch = run.surroundings.environ.get("SOURCE_DATE_EPOCH", "")
    return epoch if epoch and b"SOURCE_DATE_EPOCH" in (run.root / dockerfile).read_bytes() else ""


def _is_elsewhere(context: str) -> bool:
    return context.startswith("target:") or fingerprint.REMOTE.match(context) is not None


def decided(run: Run, draft: Plan, facts: Facts, engine: Callable[[], EngineHosts]) -> Plan:
    """Plan by what was observed, after asking what the bases are today of images that might stay as they are.

    ``engine`` gives what the engine says of registries; it is asked where that matters, and counts for the engine's own
    builder.
    """
    names = sorted(_bases(facts))
    if not names:
        return draft if facts == draft.facts else planning.plan(run.options, run.context, facts)
    hosts = engine()
    if not builds_in_engine(run):
        if hosts.mirrors and facts.builder is None and not run.builder.description:  # that is never the engine's own
            facts = replace(facts, builder=_builder(run))
        hosts = hosts if facts.builder and facts.builder.driver == "docker" else EngineHosts()
    asked = bases.Bases(bases.connector(run, hosts), clock=run.surroundings.clock, hosts=hosts)
    try:
        known = asked.resolve(names)
    finally:
        asked.close()
    return planning.plan(run.options, run.context, replace(facts, bases=known, untold=asked.reasons))


def builds_in_engine(run: Run) -> bool:
    """Tell whether the run's builder can only be an engine's own: buildx keeps a file of every other (``store/store.go``)."""
    if run.builder.description:
        return False
    environ, folder = run.runner.environ, run.runner.folder
    config = folder / (environ.get("BUILDX_CONFIG") or credentials.docker_folder(environ, folder) / "buildx")
    try:
        return not any((config / "instances").iterdir())
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _builder(run: Run) -> BuilderFacts | None:
    """Return the builder whose mirrors are meant; one that cannot be used fails where it is needed, and no earlier."""
    try:
        return run.builder.observe()
    except BuilderError:
        return None


def _bases(facts: Facts) -> set[str]:
    records = [seen.same.record for seen in facts.repositories.values() if seen.same and seen.same.record]
    return {name for record in records if not record.moving for name in record.bases}


def refuse_unable(plan: Plan, builder: BuilderFacts) -> None:
    """Raise BuilderError where the builder's image store cannot hold what is asked."""
    for image in (image for image in plan.images if image.action is Action.BUILD):
        if error := unable(image, builder):
            raise error


def unable(image: PlannedImage, builder: BuilderFacts) -> BuilderError | None:
    """Return why the builder cannot build the image, or its image store not hold it; ``None`` where they can; pure.

    A platform that the builder does not list is no reason: an image without RUN steps, or one that is cross-compiled, needs
    no emulation. The plan warns of it.
    """
    if error := _absent(image, builder):
        return error
    if not image.has_index or builder.multi_platform:
        return None
    store = f"the image store of builder {builder.name} holds neither several platforms nor attestations"
    hint = (
        "Turn on Docker's containerd image store, or run: docker buildx create --use"
        " (with one platform, attest = [] does as well)."
    )
    return BuilderError(f"image {image.name}: {store}", hint=hint)


def _absent(image: PlannedImage, builder: BuilderFacts) -> BuilderError | None:
    """Return the error of a platform whose node does not answer; another node that lists it does not take it over."""
    lost = next((one for one in image.platforms if one in builder.absent), None)
    if lost is None:
        return None
    message = (
        f"image {image.name}: the node of builder {builder.name} for {lost} does not answer: {builder.absent[lost]}"
    )
    return BuilderError(message, hint="See `docker-push builder status`; start buildkitd there, or mend the way to it.")
