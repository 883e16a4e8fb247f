"""The flags of the command line: what each says, and which tasks have them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Flag:
    """A flag of the command line: its help, and what it is when it is not given (``()``: it may be repeated).

    One that is ``positional`` has no dashes and must be given.
    """

    help: str
    default: str | bool | tuple[()] | None = None
    positional: bool = False


FLAGS: Mapping[str, Flag] = {
    "action": Flag("up, status or down", positional=True),
    "image": Flag("image or group of build.toml; repeat for several (default: all)", ()),
    "changed_since": Flag("only the images whose inputs differ from this commit, tag or branch"),
    "platform": Flag("platform to build for, instead of build.toml's; repeat for several", ()),
    "version": Flag("version to release, as in v1.2.3 or api-v1.2.3"),
    "domain": Flag("registry to use, as in ghcr.io, instead of DOMAIN and build.toml's"),
    "repository": Flag("repository, as in AtomiCloud/my-service, instead of the one that CI or git names"),
    "builder": Flag("buildx builder to use (default: BUILDX_BUILDER, else build.toml's, else docker's current one)"),
    "tag": Flag("further tag to put on the images; repeat for several", ()),
    "rebuild": Flag("build also what is already staged for this commit", default=False),
    "allow_dirty": Flag("move tags although the working tree has changes", default=False),
    "allow_older": Flag("move tags although a newer commit published them (a rollback)", default=False),
    "force": Flag("overwrite versions that are published already, and name them", default=False),
    "keep_going": Flag("publish the images that succeed although others fail", default=False),
    "require_push": Flag("fail where the run may not push, instead of only building", default=False),
    "no_preflight": Flag("build without checking first that publishing can work", default=False),
    "allow_secret_arg": Flag("build argument that looks like a secret and is none; repeat for several", ()),
    "dry_run": Flag("say what would be done, and do nothing", default=False),
    "report": Flag("file to write what happened to, as JSON"),
    "result": Flag("file to write what is published to, for a deployment (on GitHub also without the flag)"),
    "part": Flag(
        "folder for the file of a part: the one platform of --platform is staged; docker.merge reads such folders and files",
        (),
    ),
    "jobs": Flag("most jobs that there may be (default: as many as the CI takes)"),
    "format": Flag("text, json or bake; for docker.matrix text, json, github or gitlab", "text"),
    "ci": Flag(
        "github or gitlab (default: what there are files of; for ci.write else what git's origin names, else github)"
    ),
    "json": Flag("print what was found as JSON", default=False),
    "offline": Flag("plan without asking builder and registries", default=False),
    "debug": Flag("show every command that is run, and the traceback of an error", default=False),
}
SELECT = ("image", "platform", "version", "domain", "repository")
CHANGED = "changed_since"
BUILD = (
    "builder",
    "tag",
    "rebuild",
    "allow_dirty",
    "allow_older",
    "force",
    "keep_going",
    "require_push",
    "no_preflight",
    "allow_secret_arg",
)
FILES = ("report", "result")
RUN = ("dry_run", "debug")
