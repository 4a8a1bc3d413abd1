"""Arguments -> a verb -> an exit code: 0 done, 2 wrong input (one line on stderr), 1 a defect or a run that failed."""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from workbench import __version__
from workbench.errors import UserError, WorkbenchError, nearest
from workbench.verbs.terminal import Translate, VerbGroup, bound, language

# In the order of a first visit. Modules are imported when their verb is asked for (or for the list of all).
VERBS = (
    "ui", "identity", "synthesize", "inspect", "convert", "preview", "train", "estimate", "sweep", "runs", "stop",
    "notify", "chat", "votes", "doctor", "bench",
)  # fmt: skip


class Workbench(VerbGroup):
    """The verbs, found by name; a mistyped one gets the nearest."""

    def __init__(self, t: Translate, lang: str) -> None:
        super().__init__("workbench", help=t("cli.help"), invoke_without_command=True, callback=self.welcome)
        self.texts, self.lang = t, lang
        shown = click.Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help=t("cli.version")
        )
        self.params.append(shown)

    @staticmethod
    @click.pass_context
    def welcome(ctx: click.Context) -> None:
        if ctx.invoked_subcommand is None:
            click.echo(ctx.get_help())

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        return import_module(f"workbench.verbs.{name}").command(self.texts, self.lang)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args[0] not in VERBS:
            raise UserError("cli.unknown_verb", value=args[0][:60], nearest=nearest(args[0], VERBS))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, self.texts(f"cli.{name}.short")) for name in self.list_commands(ctx)]
        with formatter.section(self.texts("cli.verbs")):
            formatter.write_dl(rows)


def _version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"workbench {__version__}")
        ctx.exit()


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    code = run(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # or the interpreter complains at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code. Whatever goes wrong is one line on stderr."""
    lang = language()
    t = bound(lang)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if not os.environ.get("WORKBENCH_DEBUG"):
        warnings.filterwarnings("ignore", category=FutureWarning)  # between libraries, not for the reader
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it misses optional kernels whenever peft is imported
    try:
        code = Workbench(t, lang).main(args=arguments, prog_name="workbench", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except UserError as error:
        return _say(error.text(lang), 2)
    except WorkbenchError as error:
        return _say(error.text(lang), 1)
    except click.ClickException as error:
        return _say(_usage(error).text(lang), 2)
    except (click.Abort, KeyboardInterrupt):
        return _say(t("cli.interrupted"), 130)
    except (
        BrokenPipeError,
        SystemExit,
    ):  # `workbench runs | head` has seen enough; click turns the first into the second
        return 0
    except OSError as error:
        if error.filename is None or error.errno not in _REFUSED:
            return _defect(error, lang)
        wrong = UserError("cli.refused_by_system", path=error.filename, reason=error.strerror)
        return _say(wrong.text(lang), 1 if error.errno == errno.ENOSPC else 2)
    except Exception as error:
        return _defect(error, lang)


# What a system says about places that the user chose, such as --home; other OSErrors are ours.
_REFUSED = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOSPC,
}  # fmt: skip


def _say(text: str, code: int) -> int:
    print(" ".join(text.split()), file=sys.stderr)
    return code


def _defect(error: Exception, lang: str) -> int:
    """Our fault: name the place in the code; the traceback on request, since most readers cannot use it."""
    if os.environ.get("WORKBENCH_DEBUG"):
        traceback.print_exception(error, file=sys.stderr)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    what = f"{type(error).__name__}: {error}"[:500]
    return _say(WorkbenchError("cli.defect", what=what, place=place).text(lang), 1)


def _usage(error: click.ClickException) -> UserError:
    """Click's own refusals in our words and the user's language."""
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else "workbench"
    match error:
        case click.NoSuchOption():
            known = [option for parameter in ctx.command.get_params(ctx) for option in parameter.opts] if ctx else []
            known = [option for option in known if option.startswith("--")]
            return UserError(
                "cli.no_such_option", verb=path, option=error.option_name, nearest=nearest(error.option_name, known)
            )
        case click.MissingParameter():
            return UserError("cli.missing", verb=path, what=_parameter(error.param, ctx))
        case click.BadOptionUsage():
            return UserError("cli.option_without_value", verb=path, option=error.option_name)
        case _:
            return UserError("cli.usage_error", verb=path, reason=error.format_message().rstrip("."))


def _parameter(parameter: click.Parameter | None, ctx: click.Context | None) -> str:
    if parameter is None:
        return ""
    if isinstance(parameter, click.Argument):
        return parameter.make_metavar(ctx) if ctx else parameter.human_readable_name
    return parameter.opts[0]
