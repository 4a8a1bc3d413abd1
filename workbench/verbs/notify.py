"""`workbench notify`: who hears of a run that ends: a webhook, a command; a test message."""

from __future__ import annotations

import click

from workbench.verbs.terminal import Terminal, Translate, verb


def command(t: Translate, lang: str) -> click.Command:
    @verb(t, "notify", lang=lang)
    @click.option("--webhook", default=None, metavar="URL", help=t("cli.notify.webhook"))
    @click.option("--command", "program", default=None, metavar="COMMAND", help=t("cli.notify.command"))
    @click.option("--test", "test", is_flag=True, help=t("cli.notify.test"))
    def notify(terminal: Terminal, webhook: str | None, program: str | None, test: bool) -> None:
        from workbench import notices

        if webhook is not None:
            notices.set_webhook(terminal.home, webhook, local=True)
        if program is not None:
            notices.set_command(terminal.home, program)
        if test:
            notices.send_test(terminal.home)
        now = notices.read(terminal.home)
        shown = t("cli.notify.now", webhook=now.host or "–", command=" ".join(now.command) or "–")
        terminal.result({"webhook_host": now.host, "command": list(now.command)}, shown)

    return notify
