"""`workbench votes`: who wins in the arena and how sure that is; --to writes the preference rows."""

from __future__ import annotations

import click

from workbench.verbs.terminal import Terminal, Translate, table, verb

_COUNTS = ("votes", "wins", "losses", "ties", "both_bad")


def command(t: Translate, lang: str) -> click.Command:
    @verb(t, "votes", lang=lang)
    @click.option("--blind", is_flag=True, help=t("cli.votes.blind"))
    @click.option("--to", "name", default=None, metavar="NAME", help=t("cli.votes.to"))
    def votes(terminal: Terminal, blind: bool, name: str | None) -> None:
        from workbench.chat import preferences
        from workbench.chat import votes as cast
        from workbench.chat.standings import standings

        found = standings([row for row in cast.read(terminal.home) if not blind or row.get("blind")])
        if name is not None:
            found["preferences"] = preferences.write(terminal.home, name)
        terminal.result(found, _table(t, found["rows"]))
        if not terminal.as_json:
            terminal.note(t("cli.votes.sample", **{key: found[key] for key in ("votes", "blind", "ties", "both_bad")}))
            if name is not None:
                terminal.note(t("cli.votes.written", **found["preferences"]))

    return votes


def _table(t: Translate, rows: list[dict]) -> str:
    if not rows:
        return ""
    head = [t(f"cli.votes.head_{name}") for name in ("column", "strength", "sure", *_COUNTS)]
    return table(
        [head, *([row["column"], *_strength(row["strength"]), *(str(row[key]) for key in _COUNTS)] for row in rows)]
    )


def _strength(value: dict) -> tuple[str, str]:
    sure = "–" if value["low"] is None else f"{value['low']:.0f} … {value['high']:.0f}"
    return f"{value['value']:.0f}", sure
