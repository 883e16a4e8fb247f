"""Which images have a job, and which jobs have no image. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from docker_push import matrix
from docker_push.ci.model import MOVING, Ci, Finding, Job, Level, Listed, Publish, Read, Said, Wanted, at
from docker_push.config.findings import listed, nearest
from docker_push.errors import ConfigError
from docker_push.references import Platform, quoted


def findings(ci: Ci, read: Read, wanted: Wanted) -> Iterator[Finding]:
    """Yield what is wrong between the images that are listed and those that are pushed."""
    jobs = [job for job in read.jobs if not job.called]
    for job in jobs:
        yield from _unknown(job, wanted)
        yield from _undecided(job)
    yield from _without_job(ci, jobs, wanted)
    yield from _without_release(jobs, wanted)
    yield from _without_runner(ci, jobs, wanted)


def covers(one: Publish, image: str, wanted: Wanted) -> bool:
    """Tell whether it moves the tags of an image."""
    if one.task not in MOVING:
        return False
    return one.images is None or any(image in wanted.expanded(text.text) for text in one.images)


def uncovered(jobs: Sequence[Job], wanted: Wanted) -> list[Listed]:
    """Return the images whose tags no job moves, in build.toml's order."""
    if any(job.ci is Ci.GITLAB and job.prints for job in jobs):
        return []  # the child pipeline's jobs are printed for every image
    published = [one for job in jobs for one in job.publishes]
    return [image for image in wanted.images.values() if not any(covers(one, image.name, wanted) for one in published)]


def hidden(jobs: Sequence[Job]) -> list[Said]:
    """Return what names images of jobs that move tags, and cannot be told from the files."""
    return [text for job in jobs for one in job.publishes if one.task in MOVING for text in one.undecided]


def _without_job(ci: Ci, jobs: Sequence[Job], wanted: Wanted) -> Iterator[Finding]:
    open_questions = hidden(jobs)
    for image in uncovered(jobs, wanted):
        if open_questions:
            problem = f"whether a job on {_shown(ci)} pushes the image {image.name} is not decided"
            first = open_questions[0]
            advice = f"{first.file}:{first.line} may be its job: {first.text} is known only when it runs."
            level = Level.NOTE
        else:
            problem = f"no job on {_shown(ci)} pushes the image {image.name}"
            advice, level = "`docker-push ci.write` adds one; remove the table if it is not to be pushed.", Level.ERROR
        yield Finding(
            file=wanted.file,
            line=image.line,
            rule="image-without-job",
            problem=problem,
            advice=advice,
            level=level,
            image=image.name,
        )


def _without_release(jobs: Sequence[Job], wanted: Wanted) -> Iterator[Finding]:
    """Yield the images that a workflow for tags leaves out though it releases others."""
    files = dict.fromkeys(job.file for job in jobs if job.released and job.is_moving_tags)
    for file in files:
        inside = [job for job in jobs if job.file == file]
        if hidden(inside):
            continue
        elsewhere = {image.name for image in uncovered(jobs, wanted)}
        for image in uncovered(inside, wanted):
            if image.name not in elsewhere and not _released_elsewhere(image.name, file, jobs, wanted):
                yield Finding(
                    file=file,
                    line=inside[0].line,
                    rule="image-without-release",
                    problem=f"the image {image.name} is not released with the others",
                    advice="`docker-push ci.write` adds its job, with `version`.",
                    level=Level.WARNING,
                    image=image.name,
                )


def _released_elsewhere(image: str, file: str, jobs: Sequence[Job], wanted: Wanted) -> bool:
    others = [job for job in jobs if job.released and job.file != file]
    return any(covers(one, image, wanted) for job in others for one in job.publishes)


def _unknown(job: Job, wanted: Wanted) -> Iterator[Finding]:
    if not wanted.exists:
        return
    known = (*wanted.images, *wanted.groups)
    for one in job.publishes:
        for text in one.images or ():
            if text.text.lower() in known:
                continue
            alone = "dockerfile" in one.inputs
            guess = nearest(text.text, known)
            advice = "It is built from the job's inputs alone; list it in build.toml, so that `docker-push push` builds it too."
            wrong = f"{guess} Known: {listed(known)}. List it as [images.NAME], or remove the job."
            problem = f"job {job.name} is for the image {quoted(text.text)}, which build.toml does not list"
            level = Level.WARNING if alone else Level.ERROR
            yield at(text, "unknown-image", problem, advice if alone else wrong.strip(), job, level)


def _undecided(job: Job) -> Iterator[Finding]:
    for text in dict.fromkeys(text for one in job.publishes if one.task in MOVING for text in one.undecided):
        problem = f"job {job.name}: which image it pushes is known only when it runs ({text.text})"
        advice = "It is not compared with build.toml; name the image to have it checked."
        yield at(text, "undecided", problem, advice, job, Level.NOTE)


def _without_runner(ci: Ci, jobs: Sequence[Job], wanted: Wanted) -> Iterator[Finding]:
    """Yield the platforms of a split run that nobody builds."""
    staged = [one for job in jobs for one in job.publishes if one.task == "stage" and one.part]
    printed = list(wanted.images.values()) if any(job.prints for job in jobs) else _split(jobs, wanted)
    if printed:
        for platform, image in _platforms(printed).items():
            try:
                matrix.jobs({image.name: (platform,)}, wanted.runners, matrix.Form(ci.value))
            except ConfigError as error:
                yield _nobody(image, error.message, error.hint, wanted)
    elif staged and all("platform" in one.inputs and one.inputs["platform"].is_decided for one in staged):
        built = {text.strip() for one in staged for text in one.inputs["platform"].text.split(",")}
        for platform, image in _platforms(wanted.images.values()).items():
            if str(platform) not in built:
                problem = f"no job stages {platform}, which the image {image.name} is for"
                yield _nobody(image, problem, "Add a job that stages it, or take it out of platforms.", wanted)


def _split(jobs: Sequence[Job], wanted: Wanted) -> list[Listed]:
    """Return the images whose jobs call the workflow that splits them by platform."""
    texts = [text for job in jobs if job.call and job.call.splits for one in job.publishes for text in one.images or ()]
    return [wanted.images[text.text.lower()] for text in texts if text.text.lower() in wanted.images]


def _platforms(images: Iterable[Listed]) -> dict[Platform, Listed]:
    found: dict[Platform, Listed] = {}
    for image in images:
        for platform in image.platforms:
            found.setdefault(platform, image)
    return found


def _nobody(image: Listed, problem: str, advice: str, wanted: Wanted) -> Finding:
    return Finding(
        file=wanted.file,
        line=image.line,
        rule="platform-without-runner",
        problem=problem,
        advice=advice,
        image=image.name,
    )


def _shown(ci: Ci) -> str:
    return {Ci.GITHUB: "GitHub", Ci.GITLAB: "GitLab"}[ci]
