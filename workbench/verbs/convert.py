"""`workbench convert FILE OUT --to SCHEMA`: a data file -> another schema, prompt style and container."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.errors import UserError
from workbench.verbs.reading import reading_of, reading_options, sources_of
from workbench.verbs.terminal import Terminal, Translate, verb, writing

if TYPE_CHECKING:
    from workbench.data.report import Report


def command(t: Translate, lang: str) -> click.Command:
    from workbench.data import styles

    @verb(t, "convert", lang=lang)
    @click.argument("file", metavar="FILE")
    @click.argument("out", metavar="OUT")
    @click.option(
        "--to", "to", metavar="SCHEMA", required=True, help=t("cli.convert.to", styles=" ".join(styles.names()))
    )
    @reading_options(t)
    @click.option("--every-turn", is_flag=True, help=t("cli.convert.every_turn"))
    @click.option("--report", "report_to", metavar="R.json", default=None, help=t("cli.convert.report"))
    def convert(
        terminal: Terminal, file: str, out: str, to: str, every_turn: bool, report_to: str | None, **values: Any
    ) -> None:
        from workbench.data.convert import convert_sources

        if report_to and Path(report_to).absolute() == Path(out).absolute():
            raise UserError("cli.report_and_out", path=report_to)
        reading, found = reading_of(terminal, values), sources_of(terminal, file)
        try:
            report = convert_sources(found, reading, out, to, every_turn=every_turn, name=file)
        except UserError as error:
            if report := getattr(error, "report", None):  # no row could be written; the report says why
                _tell(terminal, report, "", report_to)
            raise
        text = t("cli.convert.done", rows=report.rows_written, path=out, bad=report.rows_bad)
        _tell(terminal, report, text, report_to)

    return convert


def _tell(terminal: Terminal, report: Report, text: str, report_to: str | None) -> None:
    document = report.to_json(terminal.lang)
    if report_to:
        from workbench.runs import write_whole

        with writing(Path(report_to)):
            write_whole(Path(report_to), json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    terminal.result(document, text)
    for name, count in document.get("repaired", {}).items() if not terminal.as_json else ():
        terminal.note(terminal.t("cli.inspect.repaired", name=name, count=count))
    for warning in document["warnings"] if not terminal.as_json else ():
        terminal.note(warning["message"])
