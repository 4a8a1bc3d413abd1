"""How a source is read where the detection is overridden: the same options for page, endpoint and command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import UserError

_NAMES = ("from", "encoding", "map", "repair")


@dataclass(frozen=True, slots=True)
class Reading:
    """source: a format's slug. mapping: (role, column) pairs. repairs: names of data/repairs.py."""

    source: str | None = None
    encoding: str | None = None
    mapping: tuple[tuple[str, str], ...] = ()
    repairs: tuple[str, ...] = ()

    @classmethod
    def of(cls, options: Mapping[str, Any], others: Sequence[str] = ()) -> Reading:
        """Options as clients write them: from, encoding, map (an object), repair (a list of names).

        Raises UserError for a name that is neither one of these nor one of `others`.
        """
        for name in options:
            if name not in (*_NAMES, *others):
                raise UserError("ui.unknown_option", value=name, known=", ".join((*others, *_NAMES)))
        mapping, repairs = options.get("map") or {}, options.get("repair") or ()
        if not isinstance(mapping, Mapping):
            raise UserError("data.bad_mapping", value=str(mapping)[:60], roles="{role: column}")
        if isinstance(repairs, str):
            repairs = [repairs]
        pairs = tuple((str(role), str(column)) for role, column in mapping.items())
        return cls(options.get("from") or None, options.get("encoding") or None, pairs, tuple(map(str, repairs)))

    @property
    def arguments(self) -> dict[str, Any]:
        """For `iter_records`, `inspect` and `convert`."""
        return {"source": self.source, "mapping": dict(self.mapping) or None, "encoding": self.encoding,
                "repairs": self.repairs}  # fmt: skip
