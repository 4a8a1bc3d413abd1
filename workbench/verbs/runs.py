"""`workbench runs`: the workspace's runs, newest first, as a table or as JSON."""

from __future__ import annotations

import click

from workbench.verbs.terminal import Terminal, Translate, table, verb

_COLUMNS = ("run", "state", "step", "total_steps", "loss", "score")


def command(t: Translate, lang: str) -> click.Command:
    @verb(t, "runs", lang=lang)
    def runs(terminal: Terminal) -> None:
        from workbench.runs import every

        rows = [run.summary() for run in every(terminal.home)]
        document = [{name: row[name] for name in _COLUMNS} for row in rows]
        terminal.result(document, _table(t, document))
        if not rows and not terminal.as_json:
            terminal.note(t("cli.runs.none", path=terminal.home))

    return runs


def _table(t: Translate, rows: list[dict]) -> str:
    if not rows:
        return ""
    head = [t(f"cli.runs.{name}") for name in ("run", "state", "step", "loss", "score")]
    body = [
        [row["run"], t(f"states.{row['state']}"), f"{row['step']}/{row['total_steps']}", _number(row["loss"], ".4f"),
         _number(row["score"], ".2f")]
        for row in rows
    ]  # fmt: skip
    return table([head, *body])


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
