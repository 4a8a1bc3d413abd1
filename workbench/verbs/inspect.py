"""`workbench inspect FILE…`: format, good and bad rows with reasons, statistics and warnings of data files."""

from __future__ import annotations

from typing import Any

import click

from workbench.errors import UserError
from workbench.verbs.reading import reading_of, reading_options, seeing_of, seeing_options, sources_of, tokenizer_of
from workbench.verbs.terminal import Terminal, Translate, printable, verb

_BAD_SHOWN = 10


def command(t: Translate, lang: str) -> click.Command:
    @verb(t, "inspect", lang=lang)
    @click.argument("files", metavar="FILE…", nargs=-1, required=True)
    @reading_options(t)
    @seeing_options(t, model=None, max_length=None)
    def inspect(terminal: Terminal, files: tuple[str, ...], **values: Any) -> None:
        from workbench.data.survey import inspect as examine

        reading, seeing = reading_of(terminal, values), seeing_of(values)
        tokenizer = tokenizer_of(seeing)
        reports, errors = [], []
        for file in files:
            report, statistics = examine(sources_of(terminal, file), reading, seeing=seeing, tokenizer=tokenizer)
            reports.append({"file": file, **report.to_json(terminal.lang), "statistics": statistics})
            errors.append(report.error(file))
        shown = "\n\n".join(_text(report, t) for report in reports)
        document = {name: value for name, value in reports[0].items() if name != "file"}
        terminal.result(document if len(reports) == 1 else reports, printable(shown))
        if all(errors):
            raise errors[0] or UserError("data.no_rows", path=files[0])

    return inspect


def _text(report: dict[str, Any], t: Translate) -> str:
    lines = [
        t("cli.inspect.head", path=report["file"], format=report["format"], kind=report["kind"] or "–",
          encoding=report["encoding"] or "–"),
        t("cli.inspect.counts", good=report["rows_good"], bad=report["rows_bad"]),
    ]  # fmt: skip
    if len(report["formats"]) > 1:
        split = ", ".join(f"{slug} {count}" for slug, count in report["formats"].items())
        lines.append(t("cli.inspect.mixed", formats=split))
    for bad in report["bad"][:_BAD_SHOWN]:
        lines.append(t("cli.inspect.bad_row", row=bad["row"], line=bad["line"] or "–", reason=bad["reason"]))
    if report["rows_bad"] > _BAD_SHOWN:
        lines.append(t("cli.inspect.more", count=report["rows_bad"] - _BAD_SHOWN))
    for name, count in report.get("repaired", {}).items():
        lines.append(t("cli.inspect.repaired", name=name, count=count))
    for warning in report["warnings"]:
        rows = ", ".join(map(str, warning["rows"][:5])) + (" …" if warning["count"] > 5 else "")
        lines.append(t("cli.inspect.warning", message=warning["message"], rows=rows))
    for name, count in report.get("offers", {}).items():
        lines.append(t("cli.inspect.offer", name=name, count=count))
    for name, value in report["statistics"].items():
        if name not in ("histograms", "tokens"):
            told = ", ".join(f"{part} {number}" for part, number in value.items()) if isinstance(value, dict) else value
            lines.append(t("cli.inspect.statistic", name=name, value=told))
    if tokens := report["statistics"].get("tokens"):
        lines += _tokens(tokens, t)
    return "\n".join(lines)


def _tokens(figures: dict[str, Any], t: Translate) -> list[str]:
    """Token lengths as the page says them, and the rows that would teach nothing."""
    if not figures["rows"] and not figures["refused_count"]:
        return [t("dataset.lengths.none")]
    lines = [t("dataset.lengths.spread", **figures["tokens"])] if figures["rows"] else []
    if figures["rows"]:
        lines.append(t("dataset.lengths.cut", limit=figures["max_length"], count=figures["truncated"],
                       percent=figures["truncated_percent"], lost=figures["trained_lost_percent"]))  # fmt: skip
    for name in ("untrained", "refused"):
        if count := figures[f"{name}_count"]:
            rows = ", ".join(map(str, figures[name][:12])) + (" …" if count > 12 else "")
            lines.append(f"{t(f'dataset.lengths.{name}', count=count)} {rows}")
    return lines
