"""`workbench identity OUT`: a name and an author -> the very rows that the identity demo trains."""

from __future__ import annotations

import click

from workbench.verbs.terminal import Real, Terminal, Translate, verb


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
        from workbench.data.writers import container, write_rows
        from workbench.specs import parse

        check_name(name, "--name")
        check_name(author, "--author")
        container(out)  # a wrong ending is known at once
        boxes = {"name": name, "author": author, "year": year, "lang": languages, "replay": replay}
        records = training_records(parse({"identity": boxes}), terminal.home).records
        rows = write_rows(out, (record.to_row() for record in records))
        terminal.result({"rows": rows}, t("cli.identity.done", rows=rows, path=out))

    return identity
