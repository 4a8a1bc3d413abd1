"""A file's report, statistics and rows -> escaped HTML of the data tab."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.data.suspects import masked
from workbench.ui.data import pictures
from workbench.ui.data.progress import bar_html
from workbench.ui.forms import plain
from workbench.ui.i18n import Texts
from workbench.ui.opened import summary

if TYPE_CHECKING:
    from workbench.data.load import Item
    from workbench.data.report import Report
    from workbench.ui.opened import Opened

_REASONS_SHOWN = 12
_RAW_SHOWN = 20_000  # characters of a raw row


def report_html(opened: Opened, t: Texts) -> str:
    """What a source is: format, kind, good and bad rows, why rows are bad, what is worth a look, figures.

    While it is still being read: how far that is, with the counts so far.
    """
    if opened.error is not None:
        return f'<p class="wb-problem" role="alert">{plain(t.error(opened.error))}</p>'
    report = opened.report
    if report is None:
        return f'<p class="wb-note">{plain(t("dataset.connecting"))}</p>'
    if not opened.done:
        waiting = f'<p class="wb-note">{plain(t("dataset.scanning"))}</p>{bar_html(opened.task, t)}'
        # Before the first row is counted nothing is known, and "unknown, nothing usable" would be a verdict.
        head = _head(report, t) if report.rows_good or report.rows_bad else ""
        return f'<div class="wb-report">{head}{waiting}{_reasons(report, t)}</div>'
    if not report.rows_good and not report.rows_bad:
        return f'<p class="wb-problem" role="alert">{plain(t("dataset.no_rows"))}</p>'
    cut = ""
    if not opened.view.whole:  # type: ignore[union-attr]
        cut = f'<p class="wb-problem">{plain(t("dataset.scan_stopped", rows=f"{opened.view.scanned:,}"))}</p>'  # type: ignore[union-attr]
    figures = opened.view.statistics  # type: ignore[union-attr]
    parts = [_head(report, t), cut, _repaired(report, t), _reasons(report, t), _warnings(report, t),
             _statistics(figures, t)]  # fmt: skip
    return f'<div class="wb-report">{"".join(parts)}</div>'


def _head(report: Report, t: Texts) -> str:
    kind = t(f"dataset.kinds.{report.kind or 'none'}")
    chips = [f"<b>{plain(report.format)}</b>", plain(kind), plain(report.encoding or report.container)]
    good = f'<span class="wb-good">{plain(t("dataset.good", count=f"{report.rows_good:,}"))}</span>'
    bad = f'<span class="wb-poor">{plain(t("dataset.bad", count=f"{report.rows_bad:,}"))}</span>'
    line = "".join(f"<span>{chip}</span>" for chip in chips) + good + (bad if report.rows_bad else "")
    split = ""
    if len(report.formats) > 1:
        listed = ", ".join(_show_link(f"format:{slug}", f"{slug} {count:,}") for slug, count in
                           report.formats.most_common())  # fmt: skip
        split = f'<p class="wb-note">{plain(t("dataset.formats"))}: {listed}</p>'
    return f'<div class="wb-figures wb-head">{line}</div>{split}'


def _repaired(report: Report, t: Texts) -> str:
    if not report.repaired:
        return ""
    listed = ", ".join(f"{t(f'dataset.repairs.{name}')} {count:,}" for name, count in report.repaired.most_common())
    return f'<p class="wb-note">{plain(t("dataset.repairs.done", listed=listed))}</p>'


def _reasons(report: Report, t: Texts) -> str:
    if not report.rows_bad:
        return ""
    lines = []
    for bad in report.bad[:_REASONS_SHOWN]:
        key = "dataset.at" if bad.line else "dataset.at_row"
        where, why = t(key, row=bad.row, line=bad.line), masked(bad.reason.text(t.language))
        lines.append(f"<li>{_row_link(bad.row, where)} {plain(why)}</li>")
    if report.rows_bad > len(lines):
        more = t("dataset.more", count=f"{report.rows_bad - len(lines):,}")
        lines.append(f"<li>{_show_link('bad', more)}</li>")
    return f"<h4>{plain(t('dataset.reasons'))}</h4><ul>{''.join(lines)}</ul>"


def _warnings(report: Report, t: Texts) -> str:
    title = f"<h4>{plain(t('dataset.warnings'))}</h4>"
    if not report.warnings:
        return f'{title}<p class="wb-note">{plain(t("dataset.no_warnings"))}</p>' if report.rows_good else ""
    lines = []
    for item in report.warnings:
        links = " ".join(_row_link(row, str(row)) for row in item.rows[:8])
        if item.count > 8 and item.rows:
            links += " " + _show_link(f"code:{item.code}", t("dataset.show_all"))
        lines.append(f'<li>{plain(item.text(t.language))} <span class="wb-rows">{links}</span></li>')
    return f"{title}<ul>{''.join(lines)}</ul>"


def _row_link(row: int, text: str) -> str:
    return f'<button type="button" class="wb-link" data-row="{row}">{plain(text)}</button>'


def _show_link(name: str, text: str) -> str:
    """Lists the rows of a filter."""
    return f'<button type="button" class="wb-link" data-show="{plain(name)}">{plain(text)}</button>'


def _statistics(figures: Mapping[str, Any], t: Texts) -> str:
    if not figures or not figures.get("records"):
        return ""
    head = "".join(f"<th>{plain(t(f'dataset.{name}'))}</th>" for name in ("figure", "middle", "high", "most"))
    lines = []
    for name in ("turns", "characters", "answer_characters"):
        spread = figures[name]
        cells = "".join(f'<td class="wb-num">{spread[part]:,}</td>' for part in ("p50", "p95", "max"))
        lines.append(f"<tr><td>{plain(t(f'dataset.{name}'))}</td>{cells}</tr>")
    bars = figures["histograms"]
    names = {kind: t(f"dataset.kinds.{kind}") for kind in figures["kinds"]}
    drawn = pictures.figures_html([
        pictures.histogram_svg(bars["characters"], t("dataset.characters")),
        pictures.counts_svg(bars["turns"], t("dataset.turns")),
        pictures.shares_html(figures["languages"], t("dataset.languages")),
        pictures.shares_html(figures["kinds"], t("dataset.kinds_title"), names),
    ])  # fmt: skip
    return (
        f"<h4>{plain(t('dataset.statistics'))}</h4>{drawn}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def lengths_html(figures: Mapping[str, Any], t: Texts) -> str:
    """Token lengths with the cut, and, as an error, the rows that would teach nothing."""
    if not figures["rows"] and not figures["refused_count"]:
        return f'<p class="wb-note">{plain(t("dataset.lengths.none"))}</p>'
    tokens = figures["tokens"]
    spread = t("dataset.lengths.spread", p50=f"{tokens['p50']:,}", p95=f"{tokens['p95']:,}", max=f"{tokens['max']:,}",
               sum=f"{tokens['sum']:,}")  # fmt: skip
    cut = t("dataset.lengths.cut", limit=f"{figures['max_length']:,}", count=f"{figures['truncated']:,}",
            percent=figures["truncated_percent"], lost=figures["trained_lost_percent"])  # fmt: skip
    parts = [f"<p>{plain(spread)}</p>"]
    for name in ("untrained", "refused"):
        if figures[f"{name}_count"]:
            links = " ".join(_row_link(row, str(row)) for row in figures[name][:12])
            text = t(f"dataset.lengths.{name}", count=f"{figures[f'{name}_count']:,}")
            every = _show_link(name, t("dataset.show_all"))
            parts.append(f'<p class="wb-problem" role="alert">{plain(text)} {links} {every}</p>')
    every = " " + _show_link("truncated", t("dataset.show_all")) if figures["truncated"] else ""
    drawing = pictures.histogram_svg(
        figures["histogram"], t("dataset.lengths.picture"), cutoff=float(figures["max_length"])
    )
    return f'<div class="wb-report">{"".join(parts)}<p>{plain(cut)}{every}</p>{pictures.figures_html([drawing])}</div>'


def rows_html(items: Sequence[Item], chosen: int, t: Texts, *, covered: bool = True) -> str:
    """A page of rows, each a line that can be chosen; covered: likely personal data is hidden."""
    if not items:
        return f'<p class="wb-note">{plain(t("dataset.empty_page"))}</p>'
    lines = []
    for item in items:
        mark = ' aria-selected="true"' if item.row == chosen else ""
        kind = item.record.kind if item.record is not None else ""
        label = plain(t(f"dataset.kinds.{kind}")) if kind else plain(t("dataset.part"))
        if item.reason is not None:
            label = f'<span class="wb-poor">{plain(t("dataset.bad_row"))}</span>'
        lines.append(
            f'<tr data-row="{item.row}"{mark}><td class="wb-num">{_row_link(item.row, str(item.row))}</td>'
            f'<td>{label}</td><td><div class="wb-clamp">{plain(summary(item, t, covered=covered))}</div></td></tr>'
        )
    return f'<div class="wb-runs wb-rowlist"><table class="wb-list"><tbody>{"".join(lines)}</tbody></table></div>'


def raw_html(item: Item, t: Texts, *, covered: bool = True) -> str:
    """The row as the file has it, folded away; covered: likely personal data is hidden. Nothing where a file that is
    none of rows stands for its one row."""
    value = item.value
    if value is None and item.reason is not None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)
    shown = text[:_RAW_SHOWN] + (" …" if len(text) > _RAW_SHOWN else "")
    shown = masked(shown) if covered else shown
    return f'<details class="wb-raw"><summary>{plain(t("dataset.raw"))}</summary><pre>{plain(shown)}</pre></details>'
