"""How a source is read where the detection is overridden, and how a model sees it: the same options for page, endpoint
and command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.data import sources
from workbench.errors import UserError

if TYPE_CHECKING:
    from workbench.data.sources import Source

NAMES = ("from", "encoding", "map", "repair")
_ALSO = {"repairs": "repair"}  # as `convert` has called it


@dataclass(frozen=True, slots=True)
class Reading:
    """source: a format's slug. mapping: (role, column) pairs. repairs: names of data/repairs.py."""

    source: str | None = None
    encoding: str | None = None
    mapping: tuple[tuple[str, str], ...] = ()
    repairs: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: Mapping[str, Any], others: Sequence[str] = (), home: Path | str | None = None) -> Reading:
        """Options as clients write them: from, encoding, map (an object, ["role=column"], or the name of a mapping kept
        in the workspace), repair (a list of names).

        Raises UserError for a name that is neither one of these nor one of `others`, and for a mapping that is none.
        """
        if not isinstance(options, Mapping):
            raise UserError(
                "spec.bad_value", path="options", value=str(options)[:60], allowed=", ".join((*others, *NAMES))
            )
        options = {_ALSO.get(name, name): value for name, value in options.items()}
        for name in options:
            if name not in (*NAMES, *others):
                raise UserError("ui.unknown_option", value=name, known=", ".join((*others, *NAMES)))
        repairs = options.get("repair") or ()
        if isinstance(repairs, str):
            repairs = [repairs]
        pairs = _pairs(options.get("map") or {}, home)
        return cls(options.get("from") or None, options.get("encoding") or None, pairs, tuple(map(str, repairs)))

    def over(self, found: Sequence[Source]) -> Reading:
        """With the mapping that the sources are named with (`table.csv@name`), where none is given here."""
        return self if self.mapping else replace(self, mapping=sources.mapping_of(found))

    @property
    def arguments(self) -> dict[str, Any]:
        """For `iter_records` and `convert`."""
        return self.converting | {"encoding": self.encoding}

    @property
    def converting(self) -> dict[str, Any]:
        """For `Scan` and `convert` once the rows are open."""
        return {"source": self.source, "mapping": dict(self.mapping) or None, "repairs": self.repairs}


def _pairs(given: Any, home: Path | str | None) -> tuple[tuple[str, str], ...]:
    from workbench.data import mapping

    if isinstance(given, str):
        given = [given]
    if isinstance(given, Mapping):
        return tuple((str(role), str(column)) for role, column in given.items())
    if not isinstance(given, Iterable):
        raise UserError("data.bad_mapping", value=str(given)[:60], roles=", ".join(mapping.ROLES))
    given = [str(part) for part in given]
    if len(given) == 1 and "=" not in given[0] and home is not None:
        return sources.kept_mapping(given[0], home)
    return tuple(mapping.parse(given).items())


@dataclass(frozen=True, slots=True)
class Seeing:
    """What rows are rendered with. model: the section of a spec. template: a style's name, None is the model's own."""

    model: Any
    template: str | None
    max_length: int

    NAMES = ("model", "template", "max_length")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Seeing:
        """model, template, max_length as clients write them. Raises UserError for a length out of bounds."""
        from workbench.specs import parse

        values = {"model.path": str(options.get("model") or "").strip() or "embedded"}
        if options.get("max_length"):
            values["data.max_length"] = options["max_length"]
        spec = parse(values)
        return cls(spec.model, options.get("template") or None, spec.data.max_length)

    @classmethod
    def asked(cls, options: Mapping[str, Any]) -> Seeing | None:
        """The same where any of it is given; None where nothing of a model is asked."""
        return cls.of(options) if any(options.get(name) for name in cls.NAMES) else None
