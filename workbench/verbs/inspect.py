"""`workbench inspect FILE…`: format, good and bad rows with reasons, statistics and warnings of data files."""

from __future__ import annotations

from typing import Any

import click

from workbench.errors import UserError
from workbench.verbs.preview import printable
from workbench.verbs.terminal import Terminal, Translate, verb

_BAD_SHOWN = 10


def command(t: Translate, lang: str) -> click.Command:
    from workbench.data.repairs import NAMES

    @verb(t, "inspect", lang=lang)
    @click.argument("files", metavar="FILE…", nargs=-1, required=True)
    @click.option("--from", "source", metavar="SLUG", default=None, help=t("cli.inspect.source"))
    @click.option("--encoding", default=None, help=t("cli.inspect.encoding"))
    @click.option(
        "--repair", "repairs", metavar="NAME", multiple=True, help=t("cli.inspect.repair", names=" ".join(NAMES))
    )
    def inspect(
        terminal: Terminal, files: tuple[str, ...], source: str | None, encoding: str | None, repairs: tuple[str, ...]
    ) -> None:
        from workbench.data.quality import inspect as examine

        reports, errors = [], []
        for file in files:
            report, statistics = examine(file, source=source, encoding=encoding, repairs=repairs)
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
    for name, value in report["statistics"].items():
        lines.append(t("cli.inspect.statistic", name=name, value=value))
    return "\n".join(lines)
