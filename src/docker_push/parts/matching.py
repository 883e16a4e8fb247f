"""The parts of all runners, held against the plan of the run that puts them together; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from docker_push.errors import DockerPushError, VerificationError
from docker_push.parts.file import Part, PartImage
from docker_push.plan import Action, Plan, PlannedImage
from docker_push.record import Record
from docker_push.references import Digest, Platform, quoted

_UNMOVED = "No tag was touched."


@dataclass(frozen=True, kw_only=True)
class Matched:
    """What the parts have of the images that the plan does not adopt.

    ``parts`` is image name -> platform -> part, every platform of the plan, in its order. ``adopted`` is image name -> digest
    of the whole image that a runner found unchanged, where this run no longer does. ``missing`` is image name -> why it
    cannot be put together. ``unused`` are the images that the plan adopts although they have parts.
    """

    parts: Mapping[str, Mapping[Platform, PartImage]] = field(default_factory=dict)
    adopted: Mapping[str, Digest] = field(default_factory=dict)
    missing: Mapping[str, DockerPushError] = field(default_factory=dict)
    unused: frozenset[str] = frozenset()

    def record(self, name: str) -> Record | None:
        """Return what the whole image was made from, ``None`` where it is not known of a part."""
        return joined({str(platform): part.record for platform, part in self.parts[name].items()})


def match(plan: Plan, parts: Iterable[Part]) -> Matched:
    """Find every platform of every image that is not adopted.

    Raises VerificationError for a part that is not of this run: of another commit or plan, of an image or a platform that the run
    does not have, or one of which two files say different things.
    """
    images = {image.name: image for image in plan.images}
    pushed: dict[str, dict[Platform, tuple[PartImage, str]]] = {}
    adopted: dict[str, dict[Digest, None]] = {}
    for part in parts:
        _refuse_other_run(plan, part)
        for name, entry in part.images.items():
            _refuse_other_plan(images.get(name), name, part, entry)
            if entry.adopted:
                adopted.setdefault(name, {})[entry.digest] = None
            else:
                _refuse_doubled(pushed.setdefault(name, {}), name, part, entry)
    return _matched([image for image in plan.published if image.action is not Action.ADOPT], pushed, adopted)


def _refuse_other_run(plan: Plan, part: Part) -> None:
    image = next(iter(plan.published), None)
    ours = {"repository": plan.context.repository, "commit": plan.context.commit}
    if image is not None:  # which names the branch too, and says that a working tree has changes
        ours["tag"] = str(image.commit_tag)
    for what, wanted in ours.items():
        found = getattr(part, what)
        if found != wanted:
            hint = f"Give --part the files of this run alone. {_UNMOVED}"
            if found.endswith("-dirty") or wanted.endswith("-dirty"):
                hint = f"Commit what differs; where that is the folder of the parts, give one outside of it. {_UNMOVED}"
            raise VerificationError(f"--part {part.origin}: is of the {what} {quoted(found)}, not {wanted}", hint=hint)


def _refuse_other_plan(image: PlannedImage | None, name: str, part: Part, entry: PartImage) -> None:
    if image is None:
        hint = f"Merge with the --image and --changed-since of the jobs that staged it. {_UNMOVED}"
        raise VerificationError(f"--part {part.origin}: holds {quoted(name)}, no image of this run", hint=hint)
    if entry.plan != image.fingerprint:
        hint = f"Stage and merge with the same build.toml, flags and variables. {_UNMOVED}"
        raise VerificationError(f"image {name}: {part.origin} was staged by another plan", hint=hint)
    if not entry.adopted and part.platform not in image.platforms:
        hint = f"Its platforms are {_listed(image.platforms)}. {_UNMOVED}"
        raise VerificationError(f"image {name}: {part.origin} is for {part.platform}, which it is not for", hint=hint)


def _refuse_doubled(known: dict[Platform, tuple[PartImage, str]], name: str, part: Part, entry: PartImage) -> None:
    """Take one part of an image; a job that was run again may have said the same twice."""
    other, origin = known.setdefault(part.platform, (entry, part.origin))
    if other.digest != entry.digest:
        message = f"image {name}: {origin} and {part.origin} are both for {part.platform}, with different digests"
        raise VerificationError(message, hint=f"Take the one of the earlier job away. {_UNMOVED}")


def _matched(
    images: Sequence[PlannedImage],
    pushed: Mapping[str, Mapping[Platform, tuple[PartImage, str]]],
    adopted: Mapping[str, Mapping[Digest, None]],
) -> Matched:
    parts: dict[str, Mapping[Platform, PartImage]] = {}
    whole: dict[str, Digest] = {}
    missing: dict[str, DockerPushError] = {}
    for image in images:
        known = pushed.get(image.name, {})
        lacking = [platform for platform in image.platforms if platform not in known]
        if not lacking:
            parts[image.name] = {platform: known[platform][0] for platform in image.platforms}
        elif len(noted := adopted.get(image.name, {})) == 1:
            whole[image.name] = next(iter(noted))
        else:
            missing[image.name] = _missing(image, lacking)
    unused = frozenset(pushed.keys() - {image.name for image in images})
    return Matched(parts=parts, adopted=whole, missing=missing, unused=unused)


def _missing(image: PlannedImage, lacking: Sequence[Platform]) -> VerificationError:
    hint = (
        f"Run docker.stage --image {image.name} --platform {lacking[0]} --part FOLDER for this commit, and give its file"
        f" to docker.merge too. {_UNMOVED}"
    )
    return VerificationError(f"image {image.name}: nothing was staged for {_listed(lacking)}", hint=hint)


def joined(records: Mapping[str, Record | None]) -> Record | None:
    """Return one record of all parts, by platform; ``None`` where one of them has none.

    What differs between parts moves: nobody could tell beforehand what a build of the whole would take.
    """
    known = {platform: record for platform, record in records.items() if record is not None}
    if len(known) < len(records) or not known:
        return None
    first = next(iter(known.values()))
    moving = [record.moving for record in known.values() if record.moving]
    if any((record.key, record.settings) != (first.key, first.settings) for record in known.values()):
        moving.append("its platforms were built from different files")
    bases: dict[str, Digest] = {}
    for record in known.values():
        for name, digest in sorted(record.bases.items()):
            if bases.setdefault(name, digest) != digest:
                moving.append(f"{name} was several images within one build")
    return Record(key=first.key, settings=first.settings, bases=bases, moving="; ".join(dict.fromkeys(moving)))


def _listed(platforms: Iterable[Platform]) -> str:
    return ", ".join(map(str, platforms))
