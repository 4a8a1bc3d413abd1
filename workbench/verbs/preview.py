"""`workbench preview FILE`: one row as the model sees it, text and tokens, with what takes loss marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.errors import UserError
from workbench.verbs.terminal import Terminal, Translate, Whole, verb


def command(t: Translate, lang: str) -> click.Command:
    @verb(t, "preview", lang=lang)
    @click.argument("file", metavar="FILE")
    @click.option("--model", default="embedded", show_default=True, help=t("cli.preview.model"))
    @click.option("--template", default=None, help=t("cli.preview.template"))
    @click.option("--row", type=Whole(1), default=1, show_default=True, help=t("cli.preview.row"))
    @click.option("--max-length", type=Whole(8), default=1024, show_default=True, help=t("cli.preview.max_length"))
    def preview(terminal: Terminal, file: str, model: str, template: str | None, row: int, max_length: int) -> None:
        from workbench.data.render import preview as paint

        record = record_of_row(file, row)  # before the tokenizer: a wrong row is known at once
        document = paint(record, _tokenizer(model), max_length, template=template or None, row=row)
        terminal.result(document, _text(document, max_length, t))

    return preview


def record_of_row(file: str, row: int) -> Any:
    """The record of the file's row-th row. Raises UserError for a row that is bad or not there."""
    from workbench.data.load import iter_records

    count = 0
    for item in iter_records(file):
        count = max(count, item.row)
        if item.row != row:
            continue
        if item.record is None:
            raise UserError("cli.bad_row", path=file, row=row, reason=item.reason)
        return item.record
    if not count:
        raise UserError("data.no_rows", path=file)
    raise UserError("cli.row_out_of_range", path=file, count=count, row=row)


def _tokenizer(model: str) -> Any:
    from workbench.models.hub import Hub
    from workbench.specs import parse

    return Hub().tokenizer(parse({"model": {"path": str(anchored(model))}}).model)


def anchored(model: str) -> str:
    """A folder beside the caller as its whole path; `embedded` and hub names as they are."""
    return str(Path(model).resolve()) if model != "embedded" and Path(model).is_dir() else model


def _text(document: dict[str, Any], limit: int, t: Translate) -> str:
    """The row's text with ⟦…⟧ around what takes loss, control characters shown."""
    pieces, inside = [], False
    for token in document["tokens"]:
        if token["trained"] != inside:
            pieces.append("⟦" if token["trained"] else "⟧")
            inside = token["trained"]
        pieces.append(token["text"])
    trained = sum(token["trained"] for token in document["tokens"])
    summary = t("cli.preview.summary", row=document["row"], count=len(document["tokens"]), trained=trained)
    notes = [summary, t("cli.preview.legend")] + [t("cli.preview.cut", limit=limit)] * document["truncated"]
    return printable("".join(pieces) + "⟧" * inside) + "\n\n" + " · ".join(notes)


def printable(text: str) -> str:
    """Without characters that steer a terminal: a row's text could otherwise repaint the screen."""
    return "".join(c if c in "\n\t" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)
