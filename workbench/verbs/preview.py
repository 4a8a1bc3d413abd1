"""`workbench preview FILE`: one row as the model sees it, text and tokens, with what takes loss marked."""

from __future__ import annotations

from typing import Any

import click

from workbench.verbs.reading import reading_of, reading_options, seeing_of, seeing_options, sources_of, tokenizer_of
from workbench.verbs.terminal import Terminal, Translate, Whole, printable, verb


def command(t: Translate, lang: str) -> click.Command:
    @verb(t, "preview", lang=lang)
    @click.argument("file", metavar="FILE")
    @seeing_options(t, model="embedded", max_length=1024)
    @click.option("--row", type=Whole(1), default=1, show_default=True, help=t("cli.preview.row"))
    @reading_options(t)
    def preview(terminal: Terminal, file: str, row: int, **values: Any) -> None:
        from workbench.data.render import preview as paint
        from workbench.data.survey import item_of

        reading, seeing = reading_of(terminal, values), seeing_of(values)
        assert seeing is not None  # there are defaults
        # before the tokenizer: a wrong row is known at once
        item = item_of(sources_of(terminal, file), reading, row, file)
        document = paint(item.record, tokenizer_of(seeing), seeing.max_length, template=seeing.template, row=row)
        shown = [_text(document | {"row": row}, seeing.max_length, t)]
        if other := document.get("rejected"):
            names = [t(f"dataset.columns.{side}") for side in ("chosen", "rejected")]
            both = zip(names, (*shown, _text(other | {"row": row}, seeing.max_length, t)), strict=True)
            shown = [f"— {name} —\n{text}" for name, text in both]
        terminal.result(document, "\n\n".join(shown))

    return preview


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
