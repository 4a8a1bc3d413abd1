"""Rows as they go by -> the report of a file: formats, kinds, how many are good, and why each bad one is bad."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from workbench.data.records import Kind
from workbench.errors import UserError

BAD_LISTED = 10_000  # further bad rows are counted, their reasons are not kept
_MOSTLY = 0.9  # below this share of its largest format a file is called mixed


@dataclass(frozen=True, slots=True)
class Bad:
    row: int
    line: int | None
    reason: UserError
    source: str  # the row's own text, shortened


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should look at; `rows` are ordinals, at most as many as are kept."""

    code: str
    count: int
    rows: tuple[int, ...]
    params: dict[str, Any] = field(default_factory=dict)

    def text(self, language: str = "en") -> str:
        from workbench.locales import translate

        params = {name: f"{value:,}" if isinstance(value, int) else value for name, value in self.params.items()}
        return translate(language, f"warnings.{self.code}", count=f"{self.count:,}", **params)


@dataclass(slots=True)
class Report:
    """What `inspect` says of a file; grows while the rows are read."""

    encoding: str = ""
    container: str = ""
    slug: str | None = None  # of the file as a whole, when it is no data (a pointer)
    rows_good: int = 0
    rows_bad: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)  # rows changed, by repair; empty unless repairs were chosen
    offers: Counter[str] = field(default_factory=Counter)  # rows that a repair would change, were it chosen
    bad: list[Bad] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    rows_written: int = 0  # by a conversion: a preference is two judgements, two judgements are one preference

    @property
    def format(self) -> str:
        """The slug of more than nine rows of ten, else `mixed`; `unknown` when no schema knew any row."""
        if self.slug:
            return self.slug
        known = Counter({slug: count for slug, count in self.formats.items() if slug != "unknown"})
        if not known:
            return "unknown"
        slug, count = known.most_common(1)[0]
        return slug if count > _MOSTLY * known.total() else "mixed"

    @property
    def kind(self) -> Kind | None:
        """What most good rows became; None when there are none."""
        return self.kinds.most_common(1)[0][0] if self.kinds else None  # type: ignore[return-value]

    def add_bad(self, row: int, line: int | None, reason: UserError, source: str) -> None:
        self.rows_bad += 1
        if len(self.bad) < BAD_LISTED:
            self.bad.append(Bad(row, line, reason, source))

    def to_json(self, language: str = "en") -> dict[str, Any]:
        """The report of DESIGN.md section 3."""
        counted = {"repaired": self.repaired, "offers": self.offers}
        extra = {name: dict(counts) for name, counts in counted.items() if +counts}
        return {
            "format": self.format,
            "formats": dict(self.formats.most_common()),
            "kind": self.kind,
            "encoding": self.encoding,
            "rows_good": self.rows_good,
            "rows_bad": self.rows_bad,
            "bad": [{"row": bad.row, "line": bad.line, "reason": bad.reason.text(language)} for bad in self.bad],
            "warnings": [
                {"code": item.code, "count": item.count, "rows": list(item.rows), "message": item.text(language)}
                for item in self.warnings
            ],
        } | extra

    def merged(self, other: Report) -> Report:
        """The report of two sources together; row numbers stay those of each source."""
        return Report(
            self.encoding if self.encoding == other.encoding else f"{self.encoding}, {other.encoding}",
            self.container if self.container == other.container else "",
            self.slug or other.slug,
            self.rows_good + other.rows_good,
            self.rows_bad + other.rows_bad,
            self.formats + other.formats,
            self.kinds + other.kinds,
            self.repaired + other.repaired,
            self.offers + other.offers,
            (self.bad + other.bad)[:BAD_LISTED],
            self.warnings + other.warnings,
        )

    def error(self, path: object) -> UserError | None:
        """What to raise when no row can be used; None when some can."""
        if self.rows_good:
            return None
        if not self.rows_bad:
            return UserError("data.no_rows", path=path)
        first = self.bad[0]
        return UserError("data.no_good_rows", path=path, count=self.rows_bad, row=first.row, reason=first.reason)
