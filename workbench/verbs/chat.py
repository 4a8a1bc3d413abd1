"""`workbench chat`: prompts, or a conversation, answered by the base model and adapters side by side."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from workbench.errors import UserError
from workbench.verbs.reading import anchored
from workbench.verbs.terminal import Real, Terminal, Translate, Whole, existing, printable, verb

if TYPE_CHECKING:
    from workbench.chat.engine import Engine
    from workbench.chat.prompts import Prompt


def command(t: Translate, lang: str) -> click.Command:
    @verb(t, "chat", lang=lang)
    @click.option("--model", default=None, help=t("cli.chat.model"))
    @click.option("--adapter", "adapters", multiple=True, metavar="A", help=t("cli.chat.adapter"))
    @click.option("--prompt", "prompts", multiple=True, metavar="P", help=t("cli.chat.prompt"))
    @click.option("--prompts", "file", metavar="FILE", default=None, help=t("cli.chat.prompts"))
    @click.option("--system", default="", help=t("cli.chat.system"))
    @click.option("--max-tokens", type=Whole(1, 131_072), default=256, show_default=True, help=t("cli.chat.max_tokens"))
    @click.option("--temperature", type=Real(0, 10), default=0.0, show_default=True, help=t("cli.chat.temperature"))
    @click.option("--top-p", type=Real(0, 1, above=True), default=1.0, show_default=True, help=t("cli.chat.top_p"))
    @click.option("--seed", type=Whole(0, 2**53), default=0, show_default=True, help=t("cli.chat.seed"))
    def chat(
        terminal: Terminal, model: str | None, adapters: tuple[str, ...], prompts: tuple[str, ...], file: str | None,
        system: str, **sampling: Any,
    ) -> None:  # fmt: skip
        from workbench.chat.columns import base_of, check
        from workbench.chat.engine import Engine
        from workbench.models.hub import Hub
        from workbench.specs import parse

        columns = list(adapters) or ["base"]
        asked: list[Prompt] = [*prompts, *(_rows(file) if file else [])]
        for prompt in prompts:
            if not prompt.strip():
                raise UserError("cli.empty_prompt")
        for name in columns:  # before any weights are loaded
            check(terminal.home, name)
        section = parse({"model": {"path": anchored(model) if model else base_of(terminal.home, columns)}}).model
        options = {"system": system, **sampling}
        engine = Engine(Hub(), terminal.home)
        try:
            if asked or file:
                answers = engine.answer(asked, columns, options, section)
                terminal.result({"columns": columns, "answers": answers}, _text(t, columns, asked, answers))
            else:
                _converse(terminal, engine, columns, options, section)
        finally:
            engine.close()

    return chat


def _rows(file: str) -> list[Prompt]:
    from workbench.chat import prompt_sets

    try:
        return prompt_sets.rows(existing(file), file)
    except OSError as error:
        raise UserError("cli.unreadable", path=file, reason=error.strerror or str(error)) from None


def _text(t: Translate, columns: list[str], prompts: list[Prompt], answers: list[list[str]]) -> str:
    """Each prompt with the answers of all columns under it; a single column needs no name."""
    blocks = []
    for prompt, row in zip(prompts, answers, strict=True):
        last = prompt if isinstance(prompt, str) else prompt[-1]
        lines = [f"> {last if isinstance(last, str) else last['content']}"]
        for column, answer in zip(columns, row, strict=True):
            lines.append(answer if len(columns) == 1 else t("cli.chat.column", column=column, text=answer))
        blocks.append("\n".join(lines))
    return printable("\n\n".join(blocks))


def _converse(terminal: Terminal, engine: Engine, columns: list[str], options: dict[str, Any], section: Any) -> None:
    """Turn by turn; each column goes on from its own answers. One column streams, several come one below the other."""
    t = terminal.t
    terminal.note(t("cli.chat.welcome", columns=" | ".join(columns)))
    histories: list[list[dict[str, str]]] = [[] for _ in columns]
    spoken: list[dict[str, Any]] = []
    while (question := _read(terminal)) is not None:
        if question == "/clear":
            histories = [[] for _ in columns]
            terminal.note(t("cli.chat.cleared"))
            continue
        asked = [[*history, {"role": "user", "content": question}] for history in histories]
        texts = [""] * len(columns)
        try:
            for delta in engine.compare(asked, columns, options, section):
                if delta.problem is not None:
                    terminal.note(
                        t("cli.chat.column", column=columns[delta.column], text=delta.problem.text(terminal.lang))
                    )
                elif len(columns) == 1 and not terminal.as_json:
                    _print_more(texts[0], delta.text)
                texts[delta.column] = delta.text
        except KeyboardInterrupt:  # the answer so far stays; the conversation goes on
            terminal.note("")
        if not terminal.as_json:
            named = [t("cli.chat.column", column=name, text=text) for name, text in zip(columns, texts, strict=True)]
            print("" if len(columns) == 1 else printable("\n".join(named)))
        spoken.append({"prompt": question, "answers": texts})
        for history, text in zip(histories, texts, strict=True):
            if text:
                history += [{"role": "user", "content": question}, {"role": "assistant", "content": text}]
    if terminal.as_json:
        terminal.result({"columns": columns, "answers": [turn["answers"] for turn in spoken]})


def _read(terminal: Terminal) -> str | None:
    """The next question; None at the end of the input or at an empty line typed at a terminal."""
    typing = sys.stdin.isatty()
    while True:
        try:
            if typing:
                print("> ", end="", file=sys.stderr, flush=True)
            line = sys.stdin.readline()
        except KeyboardInterrupt:
            return None
        if not line or (typing and not line.strip()):
            return None
        if line.strip():
            return line.strip()


def _print_more(before: str, now: str) -> None:
    """What was added to an answer that is being streamed; it only ever grows at its end."""
    if now.startswith(before):
        sys.stdout.write(printable(now[len(before) :]))
    else:
        sys.stdout.write("\n" + printable(now))
    sys.stdout.flush()
