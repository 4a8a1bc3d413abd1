"""`workbench synthesize FILE… OUT`: raw passages -> question-answer rows, written by a model or a server."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.errors import UserError
from workbench.verbs.reading import anchored
from workbench.verbs.terminal import Real, Terminal, Translate, Whole, printable, verb

if TYPE_CHECKING:
    from workbench.synthesis.authors import Author
    from workbench.synthesis.passages import Passage
    from workbench.synthesis.rows import Draft

_UNUSABLE_SHOWN = 5


def command(t: Translate, lang: str) -> click.Command:
    from workbench.synthesis.passages import LEAST, MOST
    from workbench.synthesis.rows import PAIRS_AT_MOST

    @verb(t, "synthesize", lang=lang)
    @click.argument("files", metavar="FILE…", nargs=-1, required=True)
    @click.argument("out", metavar="OUT")
    @click.option("--url", default=None, help=t("cli.synthesize.url"))
    @click.option("--model", default=None, help=t("cli.synthesize.model"))
    @click.option("--adapter", default="base", metavar="A", help=t("cli.synthesize.adapter"))
    @click.option("--key-env", "variable", metavar="NAME", default=None, help=t("cli.synthesize.key_env"))
    @click.option("--prompt", default=None, metavar="TEXT", help=t("cli.synthesize.prompt"))
    @click.option("--lang", "language", type=click.Choice(["zh", "en"]), default=lang, help=t("cli.synthesize.lang"))
    @click.option("--count", type=Whole(1, PAIRS_AT_MOST), default=1, show_default=True, help=t("cli.synthesize.count"))
    @click.option("--with-passage", is_flag=True, help=t("cli.synthesize.with_passage"))
    @click.option("--least", type=Whole(1), default=LEAST, show_default=True, help=t("cli.synthesize.least"))
    @click.option("--most", type=Whole(20), default=MOST, show_default=True, help=t("cli.synthesize.most"))
    @click.option("--limit", type=Whole(1), default=None, help=t("cli.synthesize.limit"))
    @click.option("--max-tokens", type=Whole(1, 131_072), default=512, show_default=True, help=t("cli.chat.max_tokens"))
    @click.option("--temperature", type=Real(0, 10), default=0.0, show_default=True, help=t("cli.chat.temperature"))
    def synthesize(
        terminal: Terminal, files: tuple[str, ...], out: str, prompt: str | None, language: str, count: int,
        with_passage: bool, least: int, most: int, limit: int | None, **who: Any,
    ) -> None:  # fmt: skip
        from workbench.data.writers import container, write_rows
        from workbench.synthesis import passages as documents
        from workbench.synthesis import rows

        container(out)  # a wrong ending, prompt or document is known before a model is loaded
        asked = rows.check_prompt(prompt if prompt is not None else rows.default_prompt(language))
        least, most = documents.check_lengths(least, most)
        passages = [passage for file in files for passage in documents.read(file, least=least, most=most)]
        with _author(terminal, **who) as author:
            drafts, repeated, error = _write(terminal, passages[:limit], author, asked, count)
        try:
            written = write_rows(out, rows.to_rows(drafts, with_passage=with_passage))
        except UserError as nothing:
            raise error or nothing from None
        unusable = [_unusable(draft, terminal.lang) for draft in drafts if not draft.usable]
        mended = sum(draft.mended for draft in drafts if draft.usable)
        document = {
            "passages": len(passages[:limit]), "rows": written, "repeated": repeated, "mended": mended,
            "unusable": unusable,
        }  # fmt: skip
        text = t("cli.synthesize.done", rows=written, passages=document["passages"], path=out, repeated=repeated,
                 mended=mended, unusable=len(unusable))  # fmt: skip
        terminal.result(document, text)
        for one in unusable[:_UNUSABLE_SHOWN] if not terminal.as_json else ():
            terminal.note(printable(t("cli.synthesize.unusable", **one)))
        if error is not None:
            raise error

    return synthesize


@contextmanager
def _author(
    terminal: Terminal, url: str | None, model: str | None, adapter: str, variable: str | None, max_tokens: int,
    temperature: float,
) -> Iterator[Author]:  # fmt: skip
    from workbench.synthesis import authors

    options = {"max_tokens": max_tokens, "temperature": temperature}
    if url:
        if variable and not os.environ.get(variable):
            raise UserError("cli.no_such_variable", value=variable)
        key = os.environ[variable] if variable else authors.environment_key(url)
        yield authors.Endpoint(url, model or "", key, options)
        return
    from workbench.chat.engine import Engine
    from workbench.models.adapters import base_of, locate
    from workbench.models.hub import Hub
    from workbench.specs import parse

    base = anchored(model) if model else base_of([locate(terminal.home, adapter)])
    engine = Engine(Hub(), terminal.home)
    try:
        yield authors.Resident(engine, adapter, parse({"model": {"path": base}}).model, options)
    finally:
        engine.close()


def _write(
    terminal: Terminal, passages: Sequence[Passage], author: Author, prompt: str, count: int
) -> tuple[list[Draft], int, UserError | None]:
    """The drafts, the repeated ones' number, and what ended the work early; a stop asked for by Ctrl-C ends it too."""
    from tqdm import tqdm

    from workbench.synthesis import rows

    cancel = threading.Event()
    drafts: list[Draft] = []
    repeated, error = 0, None
    interval = 0.1 if sys.stderr.isatty() else 5.0
    bar = tqdm(total=len(passages), unit=terminal.t("cli.synthesize.unit"), file=sys.stderr, mininterval=interval)
    with _stopping(terminal, cancel), bar:
        try:
            for step in rows.write(passages, author, prompt, count=count, cancel=cancel):
                drafts += step.drafts
                repeated += step.repeated
                bar.update(step.done - bar.n)
        except UserError as problem:
            error = problem
    return drafts, repeated, error


@contextmanager
def _stopping(terminal: Terminal, cancel: threading.Event) -> Iterator[None]:
    """Ctrl-C keeps the rows that are there; a second one ends the process at once."""

    def ask(number: int, frame: Any) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        terminal.note("\n" + terminal.t("cli.synthesize.stopping"))
        cancel.set()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _unusable(draft: Draft, lang: str) -> dict[str, Any]:
    from workbench.locales import translate

    reason = draft.problem.text(lang) if draft.problem else translate(lang, "synthesis.no_pair")
    return {"file": Path(draft.passage.file).name, "passage": draft.passage.number, "reason": reason,
            "reply": draft.reply[:200]}  # fmt: skip
