"""A file's report, statistics and rows -> escaped HTML of the data tab."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

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
    """What a file is: format, kind, good and bad rows, why rows are bad, what is worth a look, figures."""
    if opened.error is not None:
        return f'<p class="wb-problem" role="alert">{plain(t.error(opened.error))}</p>'
    report = opened.report
    if report is None or not opened.done:
        return f'<p class="wb-note">{plain(t("dataset.scanning", rows=len(opened.items)))}</p>'
    parts = [_head(report, t), _reasons(report, t), _warnings(report, t), _statistics(opened.statistics, t)]
    return f'<div class="wb-report">{"".join(parts)}</div>'


def _head(report: Report, t: Texts) -> str:
    kind = t(f"dataset.kinds.{report.kind or 'none'}")
    chips = [f"<b>{plain(report.format)}</b>", plain(kind), plain(report.encoding or report.container)]
    good = f'<span class="wb-good">{plain(t("dataset.good", count=f"{report.rows_good:,}"))}</span>'
    bad = f'<span class="wb-poor">{plain(t("dataset.bad", count=f"{report.rows_bad:,}"))}</span>'
    line = "".join(f"<span>{chip}</span>" for chip in chips) + good + (bad if report.rows_bad else "")
    split = ""
    if len(report.formats) > 1:
        listed = ", ".join(f"{slug} {count:,}" for slug, count in report.formats.most_common())
        split = f'<p class="wb-note">{plain(t("dataset.formats"))}: {plain(listed)}</p>'
    return f'<div class="wb-figures wb-head">{line}</div>{split}'


def _reasons(report: Report, t: Texts) -> str:
    if not report.rows_bad:
        return ""
    lines = []
    for bad in report.bad[:_REASONS_SHOWN]:
        key = "dataset.at" if bad.line else "dataset.at_row"
        where, why = t(key, row=bad.row, line=bad.line), bad.reason.text(t.language)
        lines.append(f"<li>{_row_link(bad.row, where)} {plain(why)}</li>")
    if report.rows_bad > len(lines):
        lines.append(f"<li>{plain(t('dataset.more', count=report.rows_bad - len(lines)))}</li>")
    return f"<h4>{plain(t('dataset.reasons'))}</h4><ul>{''.join(lines)}</ul>"


def _warnings(report: Report, t: Texts) -> str:
    title = f"<h4>{plain(t('dataset.warnings'))}</h4>"
    if not report.warnings:
        return f'{title}<p class="wb-note">{plain(t("dataset.no_warnings"))}</p>' if report.rows_good else ""
    lines = []
    for item in report.warnings:
        links = " ".join(_row_link(row, str(row)) for row in item.rows[:8]) + (" …" if item.count > 8 else "")
        lines.append(f'<li>{plain(item.text(t.language))} <span class="wb-rows">{links}</span></li>')
    return f"{title}<ul>{''.join(lines)}</ul>"


def _row_link(row: int, text: str) -> str:
    return f'<button type="button" class="wb-link" data-row="{row}">{plain(text)}</button>'


def _statistics(figures: Mapping[str, Any], t: Texts) -> str:
    if not figures or not figures.get("records"):
        return ""
    head = "".join(f"<th>{plain(t(f'dataset.{name}'))}</th>" for name in ("figure", "middle", "high", "most"))
    lines = []
    for name in ("turns", "characters", "answer_characters"):
        spread = figures[name]
        cells = "".join(f'<td class="wb-num">{spread[part]:,}</td>' for part in ("p50", "p95", "max"))
        lines.append(f"<tr><td>{plain(t(f'dataset.{name}'))}</td>{cells}</tr>")
    languages = ", ".join(f"{name} {count:,}" for name, count in figures["languages"].items())
    return (
        f"<h4>{plain(t('dataset.statistics'))}</h4>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
        f'<p class="wb-note">{plain(t("dataset.languages"))}: {plain(languages)}</p>'
    )


def rows_html(items: Sequence[Item], chosen: int, t: Texts) -> str:
    """A page of rows, each a line that can be chosen."""
    if not items:
        return f'<p class="wb-note">{plain(t("dataset.empty_page"))}</p>'
    lines = []
    for item in items:
        mark = ' aria-selected="true"' if item.row == chosen else ""
        kind = item.record.kind if item.record is not None else ""
        label = (
            plain(t(f"dataset.kinds.{kind}")) if kind else f'<span class="wb-poor">{plain(t("dataset.bad_row"))}</span>'
        )
        lines.append(
            f'<tr data-row="{item.row}"{mark}><td class="wb-num">{_row_link(item.row, str(item.row))}</td>'
            f"<td>{label}</td><td>{plain(summary(item))}</td></tr>"
        )
    return f'<div class="wb-runs wb-rowlist"><table class="wb-list"><tbody>{"".join(lines)}</tbody></table></div>'


def raw_html(item: Item, t: Texts) -> str:
    """The row as the file has it, folded away."""
    value = item.value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)
    shown = text[:_RAW_SHOWN] + (" …" if len(text) > _RAW_SHOWN else "")
    return f'<details class="wb-raw"><summary>{plain(t("dataset.raw"))}</summary><pre>{plain(shown)}</pre></details>'
