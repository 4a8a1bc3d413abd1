"""Histograms and shares -> small inline SVG and HTML; every number and name is escaped here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.ui.forms import plain

_WIDE, _HIGH, _FOOT = 260, 54, 12  # of the drawing, in its own units
_SHARES = 8  # further names are one


def histogram_svg(bins: Sequence[Mapping[str, float]], label: str, *, cutoff: float | None = None) -> str:
    """Bars of {"from", "to", "count"}; a dashed line at the cutoff, and what lies behind it in the colour of loss."""
    if not bins:
        return ""
    top = max(item["count"] for item in bins) or 1
    low, high = bins[0]["from"], max(bins[-1]["to"], cutoff or 0)
    scale = _WIDE / ((high - low) or 1)
    parts = []
    for item in bins:
        if not item["count"]:
            continue
        left, right = (item["from"] - low) * scale, (item["to"] - low) * scale
        tall = max(1.0, (_HIGH - 2) * item["count"] / top)
        kind = ' class="cut"' if cutoff is not None and item["from"] >= cutoff else ""
        title = plain(f"{item['from']:,.0f} – {item['to']:,.0f}: {item['count']:,}")
        parts.append(
            f'<rect{kind} x="{left:.1f}" y="{_HIGH - tall:.1f}" width="{max(0.8, right - left - 0.6):.1f}" '
            f'height="{tall:.1f}"><title>{title}</title></rect>'
        )
    if cutoff is not None:
        at = min(_WIDE - 0.5, (cutoff - low) * scale)
        parts.append(f'<line class="cutoff" x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{_HIGH}"/>')
    parts.append(f'<text x="0" y="{_HIGH + _FOOT - 2}">{plain(f"{low:,.0f}")}</text>')
    parts.append(f'<text x="{_WIDE}" y="{_HIGH + _FOOT - 2}" text-anchor="end">{plain(f"{high:,.0f}")}</text>')
    return _figure(label, f'<svg viewBox="0 0 {_WIDE} {_HIGH + _FOOT}" role="img">{"".join(parts)}</svg>')


def counts_svg(bins: Sequence[Mapping[str, int]], label: str) -> str:
    """Bars of {"value", "count"}: whole numbers that are few."""
    spread = [{"from": item["value"] - 0.5, "to": item["value"] + 0.5, "count": item["count"]} for item in bins]
    if not spread:
        return ""
    top = max(item["count"] for item in spread)
    wide = _WIDE / max(6, len(spread))
    parts = []
    for place, item in enumerate(bins):
        tall = max(1.0, (_HIGH - 2) * item["count"] / top)
        title = plain(f"{item['value']}: {item['count']:,}")
        middle = (place + 0.5) * wide
        parts.append(
            f'<rect x="{place * wide:.1f}" y="{_HIGH - tall:.1f}" width="{wide - 1.5:.1f}" height="{tall:.1f}">'
            f'<title>{title}</title></rect><text x="{middle:.1f}" y="{_HIGH + _FOOT - 2}" text-anchor="middle">'
            f"{item['value']}</text>"
        )
    return _figure(label, f'<svg viewBox="0 0 {_WIDE} {_HIGH + _FOOT}" role="img">{"".join(parts)}</svg>')


def shares_html(counts: Mapping[str, int], label: str, names: Mapping[str, str] | None = None) -> str:
    """One bar cut into shares, and the names with their parts below it."""
    total = sum(counts.values())
    if not total:
        return ""
    ranked = sorted(counts.items(), key=lambda pair: -pair[1])
    shown = ranked[:_SHARES]
    if rest := sum(count for _, count in ranked[_SHARES:]):
        shown.append(("…", rest))
    bars, listed = [], []
    for place, (name, count) in enumerate(shown):
        text = plain((names or {}).get(name, name))
        title = plain(f"{(names or {}).get(name, name)}: {count:,}")
        bars.append(f'<i class="s{place}" style="flex:{count}" title="{title}"></i>')
        listed.append(f'<span><i class="s{place}"></i>{text} {plain(_percent(count / total))}</span>')
    return _figure(label, f'<div class="wb-shares">{"".join(bars)}</div><div class="wb-keys">{"".join(listed)}</div>')


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 or not share else "< 1 %"


def _figure(label: str, drawing: str) -> str:
    return f'<figure class="wb-picture"><figcaption>{plain(label)}</figcaption>{drawing}</figure>'


def figures_html(pictures: Sequence[Any]) -> str:
    """Pictures side by side."""
    return f'<div class="wb-pictures">{"".join(pictures)}</div>' if any(pictures) else ""
