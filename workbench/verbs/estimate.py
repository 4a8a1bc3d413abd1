"""`workbench estimate SPEC_OR_PRESET [section.knob=value …]`: memory by part, does it fit, what would help."""

from __future__ import annotations

from typing import Any

import click

from workbench.verbs.terminal import Terminal, Translate, byte_text, table, verb


def command(t: Translate, lang: str) -> click.Command:
    @verb(t, "estimate", lang=lang)
    @click.argument("source", metavar="SPEC_OR_PRESET")
    @click.argument("overrides", metavar="[SECTION.KNOB=VALUE]…", nargs=-1)
    def estimate(terminal: Terminal, source: str, overrides: tuple[str, ...]) -> None:
        from workbench import presets
        from workbench.memory.advice import advise
        from workbench.specs import parse_override

        spec = presets.resolve(source, dict(parse_override(text) for text in overrides), terminal.home)
        document = advise(spec, terminal.home, foreign=True)
        terminal.result(document, _text(document, t))

    return estimate


def _text(document: dict[str, Any], t: Translate) -> str:
    rows = [[t(f"ui.live.part_{name}"), byte_text(size)] for name, size in document["parts"].items()]
    rows.append([t("cli.estimate.total"), byte_text(document["total_bytes"])])
    rows.append([t("cli.estimate.available"), byte_text(document["available_bytes"])])
    lines = [table(rows), "", t(f"ui.live.verdict_{document['verdict']}")]
    if document["without_checkpointing_bytes"] is not None:
        needed = byte_text(document["without_checkpointing_bytes"])
        lines.append(t(f"ui.live.{checkpointing(document)}", needed=needed))
    for remedy in document["remedies"]:
        overrides = " ".join(f"{path}={_plain(value)}" for path, value in remedy["overrides"].items())
        lines.append(t("cli.estimate.remedy", overrides=overrides, total=byte_text(remedy["total_bytes"])))
    return "\n".join(lines)


def checkpointing(document: dict[str, Any]) -> str:
    """Which sentence tells what gradient checkpointing was left to: the last part of its key."""
    if document["gradient_checkpointing"]:
        return "checkpointing_on"
    fits = document["verdict"] == "fits"
    return "checkpointing_off" if fits else "checkpointing_useless"


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
