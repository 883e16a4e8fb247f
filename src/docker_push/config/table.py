"""What every table of build.toml is."""

from pydantic import BaseModel, ConfigDict


def kebab(name: str) -> str:
    """Return a field's name as the key of build.toml."""
    return name.replace("_", "-")


class Table(BaseModel):
    """A table of build.toml: frozen, kebab-case keys, unknown keys refused, no conversion of types."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=kebab,
        populate_by_name=True,
        regex_engine="python-re",
    )
