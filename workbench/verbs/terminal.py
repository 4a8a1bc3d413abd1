"""Results and messages -> stdout and stderr; the options, types and help that every verb shares."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import click

from workbench.errors import UserError
from workbench.locales import translate

Translate = Callable[..., str]


def language() -> str:
    """The language of messages: WORKBENCH_LANG, then the system's locale; English when neither says Chinese."""
    for variable in ("WORKBENCH_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


@dataclass(frozen=True)
class Terminal:
    """Where a verb's answer goes: with --json one document alone on stdout; all else on stderr."""

    home: Path
    as_json: bool
    t: Translate
    lang: str
    out: TextIO  # stdout as it was before --json turned what libraries print to stderr

    def result(self, document: Any, text: str = "") -> None:
        """The verb's answer: the document with --json, otherwise the text (nothing when it is empty)."""
        if self.as_json:
            print(_json(document, self.out.encoding or "utf-8"), file=self.out, flush=True)
        elif text:
            print(text)

    def note(self, text: str) -> None:
        print(text, file=sys.stderr)


def _json(document: Any, encoding: str) -> str:
    text = json.dumps(document, ensure_ascii=False, indent=2)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:  # half a surrogate pair from somebody's data, or a terminal that is not UTF-8
        text = json.dumps(document, indent=2)
    return text


def printable(text: str) -> str:
    """Without characters that steer a terminal: a row's text could otherwise repaint the screen."""
    return "".join(c if c in "\n\t" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def verb(t: Translate, name: str, *, lang: str, **attributes: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a verb: it gets a Terminal first, then its own options. Its text is `cli.<name>.help`."""

    def wrap(function: Callable[..., Any]) -> click.Command:
        @functools.wraps(function)
        def call(home: str, as_json: bool, **values: Any) -> Any:
            terminal = Terminal(Path(home), as_json, t, lang, sys.stdout)
            # Libraries print where they like; whoever reads the document gets nothing else.
            with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
                return function(terminal, **values)

        decorated = click.option("--json", "as_json", is_flag=True, help=t("cli.json"))(call)
        decorated = click.option(
            "--home", envvar="WORKBENCH_HOME", default="workspace", show_default=True, metavar="DIR", help=t("cli.home")
        )(decorated)
        attributes.setdefault("cls", Verb)
        command = click.command(name, help=t(f"cli.{name}.help"), **attributes)(decorated)
        command.texts = t
        return command

    return wrap


class _Labels:
    """Click's help with its labels from our catalogue: click ships no translations."""

    texts: Translate

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        pieces = self.collect_usage_pieces(ctx)  # type: ignore[attr-defined]
        formatter.write_usage(ctx.command_path, " ".join(pieces), prefix=self.texts("cli.usage") + " ")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [item for item in self.get_params(ctx) if isinstance(item, click.Option)]  # type: ignore[attr-defined]
        records = [option.get_help_record(ctx) for option in options]
        with formatter.section(self.texts("cli.options")):
            formatter.write_dl([record for record in records if record])
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.help = self.texts("cli.show_help")
        return option


class Verb(_Labels, click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # the parser leaves it out, and the group would name itself
            raise


class VerbGroup(_Labels, click.Group):
    pass


class Whole(click.ParamType):
    """A whole number within bounds; a wrong one is an error that names the option, the value and the bounds."""

    name = "n"

    def __init__(self, least: int, most: int = 2**63 - 1) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        with contextlib.suppress(ValueError):
            if self.least <= int(value) <= self.most:
                return int(value)
        allowed = f"≥ {self.least}" if self.most >= 2**63 - 1 else f"{self.least} … {self.most}"
        raise _refused(param, value, allowed)


class Real(click.ParamType):
    """A number within bounds; `above` excludes the lower bound itself."""

    name = "x"

    def __init__(self, least: float, most: float, *, above: bool = False) -> None:
        self.least, self.most, self.above = least, most, above

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        with contextlib.suppress(ValueError):
            number = float(value)
            if self.least <= number <= self.most and not (self.above and number == self.least):
                return number
        low = f"> {self.least:g}" if self.above else f"{self.least:g}"
        raise _refused(param, value, f"{low} … {self.most:g}")


def _refused(param: click.Parameter | None, value: Any, allowed: str) -> UserError:
    name = param.opts[0] if param is not None else ""
    return UserError("cli.bad_number", option=name, value=str(value)[:60], allowed=allowed)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around writing a file that the user named: what the system refuses becomes a sentence with the path."""
    try:
        yield
    except OSError as error:
        raise UserError("cli.cannot_write", path=path, reason=error.strerror or str(error)) from None


def existing(path: str | Path) -> Path:
    """Raises UserError for a file that is not there, offering what lies beside it under a similar name."""
    found = Path(path)
    if not found.exists():
        raise UserError("cli.no_file", path=path, folder=found.absolute().parent)
    return found


def table(rows: list[list[str]]) -> str:
    """Columns padded to their widest cell; Chinese characters count as two places."""
    widths = [max(map(_places, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(_pad(cell, width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def _pad(cell: str, width: int) -> str:
    return cell + " " * (width - _places(cell))


def _places(text: str) -> int:
    import unicodedata

    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def byte_text(count: float) -> str:
    """1536 -> "1.5 KB" (powers of 1024)"""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"


def bound(lang: str) -> Translate:
    """`t` of a language: key and slots -> text."""
    return functools.partial(translate, lang)
