"""`workbench identity OUT`: a name and an author -> the very rows that the identity demo trains."""

from __future__ import annotations

import json
from pathlib import Path

import click

from workbench.verbs.terminal import Real, Terminal, Translate, verb, writing


def command(t: Translate, lang: str) -> click.Command:
    @verb(t, "identity", lang=lang)
    @click.argument("out", metavar="OUT")
    @click.option("--name", required=True, help=t("cli.identity.name"))
    @click.option("--author", required=True, help=t("cli.identity.author"))
    @click.option("--year", default="", help=t("cli.identity.year"))
    @click.option("--lang", "languages", default="zh,en", show_default=True, help=t("cli.identity.lang"))
    @click.option("--replay", type=Real(0, 20), default=1.0, show_default=True, help=t("cli.identity.replay"))
    def identity(
        terminal: Terminal, out: str, name: str, author: str, year: str, languages: str, replay: float
    ) -> None:
        from workbench.data.identity import check_name
        from workbench.data.mix import training_records
        from workbench.runs import write_whole
        from workbench.specs import parse

        check_name(name, "--name")
        check_name(author, "--author")
        boxes = {"name": name, "author": author, "year": year, "lang": languages, "replay": replay}
        records = training_records(parse({"identity": boxes}), terminal.home).records
        lines = [json.dumps(record.to_row(), ensure_ascii=False) + "\n" for record in records]
        path = Path(out)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, "".join(lines))
        terminal.result({"rows": len(lines)}, t("cli.identity.done", rows=len(lines), path=path))

    return identity
