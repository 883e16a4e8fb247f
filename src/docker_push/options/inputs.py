"""What the places where an option may be said do say, and which of them wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from docker_push.config import BuildFile
from docker_push.errors import ConfigError, Finding, FindingsError
from docker_push.options.declarations import BY_NAME, IMAGES, Declaration
from docker_push.options.model import Flags, Setting, Source

SPOKEN = (Source.COMMAND_LINE, Source.ENVIRONMENT)  # what nobody has checked before


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Everything that says options; the keys of ``findings`` are what is wrong with it, in the order it was found."""

    file: BuildFile
    flags: Flags
    environ: Mapping[str, str]
    findings: dict[Finding, None] = field(default_factory=dict)

    def variable(self, name: str) -> str | None:
        """Return a variable's value; an empty one is an unset one."""
        return self.environ.get(name, "").strip() or None

    @property
    def named_image(self) -> str | None:
        """Return the image that CI_DOCKER_IMAGE names: the seed's other variables are for it alone."""
        return (self.variable("CI_DOCKER_IMAGE") or "").lower() or None

    def one(self, name: str, image: str | None = None) -> Setting[str] | None:
        """Return the setting of an option with one value: the winner's, of those that the grammar accepts."""
        found = self.several(name, image)
        return Setting(found.value[0], found.source, found.origin) if found else None

    def several(self, name: str, image: str | None = None) -> Setting[tuple[str, ...]] | None:
        """Return the setting of an option with several values, without repetitions."""
        declaration = BY_NAME[name]
        for source in declaration.order:
            said = self._said(declaration, source, image)
            origin = _origin(declaration, source, image) if said else ""
            values = self.checked(declaration, origin, said) if source in SPOKEN else said
            if values:
                return Setting(tuple(dict.fromkeys(values)), source, origin)
        return None

    def check_flag(self, name: str) -> None:
        """Check what the command line says of an option, also where nothing will read it."""
        declaration = BY_NAME[name]
        self.checked(declaration, declaration.flag or "", self._said(declaration, Source.COMMAND_LINE, None))

    def checked(self, declaration: Declaration, origin: str, said: tuple[str, ...]) -> tuple[str, ...]:
        """Return values by their grammar; those that break it become findings."""
        return tuple(value for text in said for value in self._ruled(declaration, origin, text))

    def refuse(self, where: str, problem: str, allowed: str) -> None:
        """Add a finding, once."""
        self.findings.setdefault(Finding(where=where, problem=problem, allowed=allowed))

    def settle(self) -> None:
        """Raise FindingsError with everything that was refused, if anything was."""
        if self.findings:
            raise FindingsError("options of the run", tuple(self.findings))

    def _ruled(self, declaration: Declaration, origin: str, text: str) -> Iterator[str]:
        try:
            yield declaration.rule(text)
        except ConfigError as error:
            self.refuse(origin, error.message, error.hint)

    def _said(self, declaration: Declaration, source: Source, image: str | None) -> tuple[str, ...]:
        found: object = None
        if source is Source.COMMAND_LINE and declaration.flag:
            found = getattr(self.flags, declaration.name)
        elif source is Source.ENVIRONMENT and declaration.variable:
            applies = declaration.table != IMAGES or (image is not None and image == self.named_image)
            found = self.variable(declaration.variable) if applies else None
        elif source is Source.BUILT_IN:
            found = declaration.built_in
        elif declaration.table is not None:
            found = self._in_file(declaration, source, image)
        return _split(found, declaration.separator)

    def _in_file(self, declaration: Declaration, source: Source, image: str | None) -> object:
        table: object = None
        if declaration.table == IMAGES:
            tables = {Source.IMAGE: self.file.images.get(image or ""), Source.DEFAULTS: self.file.defaults}
            table = tables.get(source)
        elif source is Source.FILE:
            table = getattr(self.file, declaration.table or "")
            table = table[0] if isinstance(table, tuple) else table
        return getattr(table, declaration.attribute, None)


def _split(said: object, separator: str | None) -> tuple[str, ...]:
    """Return what was said as values; nothing for what was not said."""
    if said is None:
        return ()
    texts = (said,) if isinstance(said, str) else tuple(said) if isinstance(said, tuple) else ()
    if separator is None:
        return texts
    return tuple(part.strip() for text in texts for part in text.split(separator))


def _origin(declaration: Declaration, source: Source, image: str | None) -> str:
    if source is Source.COMMAND_LINE:
        return declaration.flag or ""
    if source is Source.ENVIRONMENT:
        return declaration.variable or ""
    if source is Source.IMAGE:
        return f"[images.{image}] {declaration.key}"
    if source is Source.DEFAULTS:
        return f"[defaults] {declaration.key}"
    return "built-in" if source is Source.BUILT_IN else declaration.place or ""
