"""`workbench stop RUN`: leave the run a request to save and stop."""

from __future__ import annotations

import click

from workbench.verbs.terminal import Terminal, Translate, verb


def command(t: Translate, lang: str) -> click.Command:
    @verb(t, "stop", lang=lang)
    @click.argument("run")
    def stop(terminal: Terminal, run: str) -> None:
        from workbench.runs import ACTIVE, find

        found = find(terminal.home, run)
        active = found.state()["state"] in ACTIVE
        state = found.request_stop()["state"]
        terminal.result({"run": found.name, "state": state})
        if not terminal.as_json:
            key = "cli.stop.asked" if active else "cli.stop.not_running"
            print(t(key, run=found.name, state=t(f"states.{state}")))

    return stop
