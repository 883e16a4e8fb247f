"""``docker.builder up``, ``status`` and ``down``: the builder that build.toml describes, by itself.

A run that builds makes it too. Nobody removes it but ``down``: its cache is what makes the next run fast.
"""

from __future__ import annotations

import shlex

from docker_push.builder import Description, listing, making, state
from docker_push.builder.state import State
from docker_push.errors import ConfigError
from docker_push.run import FILE, Run


def up(run: Run, *, dry_run: bool) -> None:
    """Make the builder or adopt the one that is there, and print its name; raises BuilderError, ConfigError."""
    description = _description(run)
    if description is None:
        return
    making.check_files(description, run.place)
    say = run.surroundings.say
    if not dry_run:
        if not making.up(run.runner, description, say):
            say(f"Builder {description.name} is there already, and is what {FILE} describes ({description.shown})")
        run.surroundings.emit(description.name)
    elif making.found(run.runner, description) is None:
        for _, argv in making.commands(description, listing.named(run.runner, description.name)):
            say(f"would run: {shlex.join(argv)}")
        say("Dry run: no builder was made.")
    else:
        say(f"Dry run: builder {description.name} is there already, and is what {FILE} describes.")


def down(run: Run, *, dry_run: bool) -> None:
    """Remove the builder of the described name, and no other, also where it is not what is described; raises BuilderError."""
    description = _description(run)
    if description is None:
        return
    say = run.surroundings.say
    if dry_run:
        say(f"Dry run: builder {description.name} was not removed.")
    elif making.down(run.runner, description.name):
        say(f"Removed builder {description.name}")
    else:
        say(f"There is no builder {description.name}")


def status(run: Run) -> State | None:
    """Look at the builder; ``None`` for a stranger's run, which has none. Raises BuilderError, ConfigError."""
    description = _description(run)
    if description is None:
        return None
    making.check_files(description, run.place)
    return state.look(run.runner, description)


def _description(run: Run) -> Description | None:
    """Return what is described; ``None`` for a stranger's run, which was told so. Raises ConfigError where there is nothing."""
    if run.description is None and not run.context.is_fork:
        hint = 'Add [builder] with driver = "docker-container" (or remote, kubernetes).'
        raise ConfigError(f"{FILE} describes no builder", hint=hint)
    return run.description
