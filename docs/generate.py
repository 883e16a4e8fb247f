"""Write the reference pages from the code: `python docs/generate.py`; with `--check` only say which are stale."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from docker_push import errors, schema
from docker_push.ci import scaffold
from docker_push.config import BuildFile
from docker_push.config.fields import Fields, keys, known, toml
from docker_push.errors import DockerPushError
from docker_push.options import Declaration, declarations
from docker_push.tasks import FLAGS, ci, docker

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
HEAD = "<!-- Generated from the code by `nox -s fresh`; do not edit. -->"

# Variables that are no options: what is being built, who pushes, where things are.
FACTS = {
    "the pattern's": {
        "DOCKER_USER": "user name for the first registry",
        "DOCKER_PASSWORD": "password or token for the first registry",
        "GITHUB_SHA": "commit that names the image, 40 or 64 hexadecimal digits",
        "GITHUB_BRANCH": "branch, or its slug",
    },
    "GitHub's": {
        "GITHUB_ACTIONS": "`true`: the run is GitHub's",
        "GITHUB_EVENT_NAME": "push, pull_request, merge_group, workflow_dispatch, ...",
        "GITHUB_EVENT_PATH": "file with the event: the pull request's head, the default branch",
        "GITHUB_HEAD_REF": "a pull request's branch",
        "GITHUB_OUTPUT": "file that gets the step's outputs: references, images, digest, reference, result",
        "GITHUB_REF": "what is being built, as in refs/heads/main or refs/tags/v1.2.3",
        "GITHUB_REF_NAME": "its short name",
        "GITHUB_REF_TYPE": "branch or tag",
        "GITHUB_REPOSITORY": "repository, where GITHUB_REPO_REF says nothing",
        "GITHUB_SERVER_URL": "where the repository's page is, for the label `source`; where its history is read with GITHUB_TOKEN",
        "GITHUB_STEP_SUMMARY": "file that gets the step's summary: a table of the images and their tags",
        "GITHUB_TOKEN": "token that may read the repository (`contents: read`): which commits are newer than this one",
        "RUNNER_TEMP": "where a run keeps its temporary files; on GitHub docker-push/docker-push.json below it has what is published",
        "ACTIONS_RUNTIME_TOKEN": "token of GitHub's cache, for backend `gha`; kept from the programs of a run that does not use it",
        "ACTIONS_RESULTS_URL": "address of GitHub's cache",
        "ACTIONS_CACHE_URL": "its address where the cache is of version 1",
        "ACTIONS_CACHE_SERVICE_V2": "`true`: the cache is of version 2; buildx reads it",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "kept from the programs of a run, unless a build asks for it as a secret",
    },
    "GitLab's": {
        "GITLAB_CI": "`true`: the run is GitLab's",
        "CI_COMMIT_BRANCH": "branch",
        "CI_COMMIT_REF_PROTECTED": "whether the ref is protected: a run on one that is not is not trusted with releases",
        "CI_COMMIT_SHA": "commit",
        "CI_COMMIT_TAG": "git tag",
        "CI_COMMIT_TIMESTAMP": "the commit's time",
        "CI_DEFAULT_BRANCH": "default branch",
        "CI_JOB_TOKEN": "token with which the repository's history is read: which commits are newer than this one",
        "CI_MERGE_REQUEST_EVENT_TYPE": "`merge_train`: a merge queue",
        "CI_MERGE_REQUEST_IID": "number of the merge request",
        "CI_MERGE_REQUEST_PROJECT_PATH": "project of the merge request; another source project is a fork",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "the merge request's branch",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "the merge request's head commit",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "project that the merge request comes from",
        "CI_PIPELINE_SOURCE": "push, web, schedule, ...",
        "CI_PROJECT_PATH": "repository",
        "CI_PROJECT_URL": "where the project's page is, for the label `source`",
        "CI_REGISTRY": "registry, where neither DOMAIN nor build.toml names one",
        "CI_REGISTRY_IMAGE": "repository path in it, below which the images go",
        "CI_REGISTRY_USER": "user name for it, where DOCKER_USER is not set",
        "CI_REGISTRY_PASSWORD": "password for it",
        "CI_DEPENDENCY_PROXY_PASSWORD": "kept from the programs of a run, unless a build asks for it as a secret",
        "CI_DEPLOY_PASSWORD": "kept from the programs of a run, unless a build asks for it as a secret",
        "CI_JOB_JWT": "kept from the programs of a run, unless a build asks for it as a secret",
        "CI_REPOSITORY_URL": "kept from the programs of a run, unless a build asks for it as a secret",
        "CI_SERVER_URL": "server that alone is sent CI_JOB_TOKEN",
        "DOCKER_PUSH_IMAGES": "said to the jobs of `docker.matrix --format gitlab`: the images of the job, with blanks between",
        "DOCKER_PUSH_PLATFORM": "said to the same jobs: the platform that the job stages",
    },
    "others'": {
        "CI": "set: `docker.login` checks the credentials and leaves nothing behind",
        "SOURCE_DATE_EPOCH": "the time in the label `created`, in seconds since 1970, instead of the commit's",
        "AWS_ACCESS_KEY_ID": "key of the bucket, for the cache backend `s3`; buildx reads it, as it does AWS_PROFILE and the like",
        "AWS_SECRET_ACCESS_KEY": "its secret",
        "AWS_SESSION_TOKEN": "its session",
        "DOCKER_CONFIG": "folder of docker's configuration (default: ~/.docker)",
        "DOCKER_AUTH_CONFIG": "docker's logins as JSON, before those in the folder",
        "HTTPS_PROXY": "proxy for https, also in lower case; loopback is never asked through one",
        "HTTP_PROXY": "proxy for plain http, also in lower case",
        "NO_PROXY": "hosts, .suffixes, addresses and CIDR blocks, with or without :PORT, that no proxy is for; * for none",
        "SSL_CERT_FILE": "file of the certificate authorities that are trusted, in place of the system's",
        "SSL_CERT_DIR": "folder of them",
        "XDG_CONFIG_HOME": "where docker/certs.d is looked for besides /etc/docker/certs.d (default: ~/.config)",
        "DOCKER_HOST": "engine to use, instead of docker's current context",
        "DOCKER_CONTEXT": "docker's context to use, instead of the current one",
        "DOCKER_TLS": "set: the engine has no socket, as docker has it",
        "DOCKER_TLS_VERIFY": "set: the same",
        "BUILDX_CONFIG": "folder of buildx's builders",
        "BUILDX_METADATA_PROVENANCE": "`disabled` for our builds unless you set it: nothing reads buildx's copy of it",
    },
}


def pages() -> dict[str, str]:
    """Return every generated page: file name -> text."""
    return {
        "build-toml.md": _page("build.toml", _build_toml()),
        "result.md": _page("The result of a run", _result()),
        "tasks.md": _page("Tasks", _tasks()),
        "variables.md": _page("Environment variables", _variables()),
        "exit-codes.md": _page("Exit codes", _exit_codes()),
    }


def _page(title: str, lines: Iterable[str]) -> str:
    return "\n".join([HEAD, "", f"# {title}", "", *lines]).rstrip() + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _build_toml() -> Iterator[str]:
    yield "The file lies at the top of the repository; every path in it is relative to it. Nothing in it is required but the"
    yield "images. Editors complete it where its first line names the schema:"
    yield ""
    yield "```toml"
    yield "#:schema https://raw.githubusercontent.com/AtomiCloud/docker-push/main/src/docker_push/build.schema.json"
    yield "[images.api]"
    yield "```"
    yield ""
    tables = known(BuildFile)
    options = {declaration.place: declaration for declaration in declarations()}
    for name, field in keys(BuildFile).items():
        path = (name, 0) if name in {"images", "registry"} else (name,)
        inner = tables.at(path)
        shown = f"[{name}.NAME]" if name == "images" else f"[{name}]"
        yield f"## `{shown}`"
        yield ""
        yield field.description or ""
        yield ""
        if not inner or name == "defaults":
            continue
        yield from _table_of(inner, f"[{'images.NAME' if name == 'images' else name}]", options)
        if name == "builder":
            yield from ("## `[[builder.nodes]]`", "", inner["nodes"].description or "", "")
            yield from _table_of(tables.at(("builder", "nodes", 0)), "[builder.nodes]", options)
    yield "## What wins"
    yield ""
    yield "A flag wins over a variable, a variable over the image's table, that over `[defaults]`, that over the built-in value."
    yield "For the repository and the default branch the file wins over the variable. The variables of one image"
    yield "(`CI_DOCKERFILE`, `CI_DOCKER_CONTEXT`, `CI_DOCKER_PLATFORM`) concern the image that `CI_DOCKER_IMAGE` names, and an"
    yield "empty variable is an unset one."
    yield ""
    rows = [
        [
            f"`{one.flag}`" if one.flag else "",
            f"`{one.variable}`" if one.variable else "",
            f"`{one.place}`" if one.place else "",
            one.description,
        ]
        for one in declarations()
        if one.flag or one.variable
    ]
    yield from _table(["flag", "variable", "build.toml", "what"], rows)


def _table_of(inner: Fields, table: str, options: Mapping[str | None, Declaration]) -> Iterator[str]:
    """Give the table of a table's keys."""
    rows = []
    for key, about in inner.items():
        place = f"{table} {key}"
        built_in = options[place].built_in if place in options else None
        example = toml(about.examples[0]) if about.examples else ""
        rows.append(
            [
                f"`{key}`",
                about.description or "",
                f"`{built_in}`" if built_in else "",
                f"`{example}`" if example else "",
            ]
        )
    yield from _table(["key", "what", "default", "example"], rows)


def _tasks() -> Iterator[str]:
    yield "With Invoke a task is `invoke docker.NAME`, with the console script `docker-push NAME`; those of the CI's files are"
    yield "`invoke ci.NAME` and `docker-push ci.NAME`. Flags may stand in any order,"
    yield "and several tasks after one another, each with its own flags."
    yield ""
    tasks = {name: docker.tasks[name] for name in sorted(docker.tasks)}
    tasks |= {f"ci.{name}": ci.tasks[name] for name in sorted(ci.tasks)}
    for name, task in tasks.items():
        yield f"## `{name}`"
        yield ""
        yield (task.__doc__ or "").strip()
        yield ""
        arguments = sorted(task.get_arguments(), key=lambda argument: argument.name)
        yield from _table(
            ["flag", "what"],
            # not the argument's own help: Invoke hands that out once, to whoever asks first
            [[f"`{_flag(one.name)}`", FLAGS[one.name].help] for one in arguments],
        )


def _flag(name: str) -> str:
    shown = name.replace("_", "-")
    return shown.upper() if FLAGS[name].positional else f"--{shown}"


def _variables() -> Iterator[str]:
    yield "An empty variable is an unset one."
    yield ""
    yield "## Options"
    yield ""
    rows = [
        [f"`{one.variable}`", one.description, f"`{one.built_in}`" if one.built_in else ""]
        for one in declarations()
        if one.variable
    ]
    yield from _table(["variable", "what", "default"], rows)
    for whose, names in FACTS.items():
        yield f"## What {whose} say"
        yield ""
        yield from _table(["variable", "what"], [[f"`{name}`", about] for name, about in names.items()])


def _result() -> Iterator[str]:
    yield "`--result FILE` writes what a run has published, for a deployment to pin by digest. On GitHub a run without the flag"
    yield "writes it to `$RUNNER_TEMP/docker-push/docker-push.json`, and the step's output `result` names it. The file is written whole"
    yield "or not at all; that of an earlier run is removed before anything else is done. `--report FILE` has everything else."
    yield ""
    yield "The schema is [result.schema.json](../../src/docker_push/result.schema.json), which the package holds too."
    yield ""
    described: Mapping[str, Any] = schema.render_result()
    yield from _table(["key", "what"], _keys(described))
    for name, title in (("ResultImage", "`images.NAME`"), ("ResultError", "`error`")):
        yield f"## {title}"
        yield ""
        yield described["$defs"][name]["description"]
        yield ""
        yield from _table(["key", "what"], _keys(described["$defs"][name]))


def _keys(described: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    for key, about in described["properties"].items():
        yield [f"`{key}`", about["description"]]


def _exit_codes() -> Iterator[str]:
    yield "The last line on standard error says the cause and the next step; the exit code says the class."
    yield ""
    rows = [["0", "", "done"]]
    rows += [
        [str(kind.exit_code), f"`{kind.__name__}`", kind.meaning] for kind in _classes() if "meaning" in vars(kind)
    ]
    interrupted = f"`{errors.InterruptedRunError.__name__}`"
    rows += [
        ["129", interrupted, "The same, where the signal was SIGHUP: the terminal was closed."],
        ["143", interrupted, "The same, where the signal was SIGTERM, as a CI sends it to a cancelled job."],
    ]
    yield from _table(["code", "class", "what"], rows)


def _classes() -> list[type[DockerPushError]]:
    found, waiting = [], [DockerPushError]
    while waiting:
        kind = waiting.pop(0)
        found.append(kind)
        waiting += kind.__subclasses__()
    return sorted(found, key=lambda kind: kind.exit_code)


def main() -> int:
    """Write what is stale, or with ``--check`` only name it; return the exit code."""
    wanted = {REFERENCE / name: text for name, text in pages().items()}
    wanted[ROOT / "src" / "docker_push" / schema.FILE] = schema.text()
    wanted[ROOT / "src" / "docker_push" / schema.RESULT_FILE] = schema.text(schema.render_result())
    wanted |= {scaffold.FOLDER / name: (ROOT / path).read_text("utf-8") for path, name in scaffold.COPIES.items()}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], "utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
