"""`workbench ui`: serve the page until interrupted; `python webui.py` is the same."""

from __future__ import annotations

import click

from workbench.locales import LANGUAGES
from workbench.verbs.terminal import Terminal, Translate, Whole, verb


def command(t: Translate, lang: str) -> click.Command:
    @verb(t, "ui", lang=lang)
    @click.option("--host", default="127.0.0.1", show_default=True, help=t("cli.ui.host"))
    @click.option("--port", type=Whole(0, 65535), default=7860, show_default=True, help=t("cli.ui.port"))
    @click.option("--lang", "page_language", type=click.Choice(LANGUAGES), default=None, help=t("cli.ui.lang"))
    @click.option("--auth", metavar="USER:PASSWORD", envvar="WORKBENCH_AUTH", default=None, help=t("cli.ui.auth"))
    @click.option("--allowed-host", "allowed_hosts", metavar="HOST", multiple=True, help=t("cli.ui.allowed_host"))
    @click.option("--root-path", default="", metavar="PREFIX", help=t("cli.ui.root_path"))
    def ui(
        terminal: Terminal, host: str, port: int, page_language: str | None, auth: str | None,
        allowed_hosts: tuple[str, ...], root_path: str,
    ) -> None:  # fmt: skip
        from workbench.ui.app import serve

        serve(host, port, page_language, terminal.home, auth, allowed_hosts, root_path)

    return ui
