"""Fonts, colours, own files -> theme, style sheet and <head> of every page; nothing is fetched from elsewhere."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path

import gradio as gr

from workbench.ui.i18n import Texts

_STATIC = Path(__file__).with_name("static")
_SHEETS = ("workbench", "chat", "data", "make", "runs", "arena")
CSS = "\n".join((_STATIC / f"{name}.css").read_text(encoding="utf-8") for name in _SHEETS)
# In this order: the first has what the others use, the last says that all have run.
SCRIPTS = (
    "live", "multiples", "runs", "compare", "plan", "machine", "notices", "chat", "arena", "sets", "archive",
    "words", "ready",
)  # fmt: skip
_SANS = ["system-ui", "-apple-system", "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif"]
# A falling curve.
ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><rect width='16' height='16' rx='3' fill='#0f766e'/>"
    "<path d='M3 4c3 7 5 8 10 8' stroke='white' stroke-width='2' fill='none'/></svg>"
)
_MONO = ["ui-monospace", "SF Mono", "Cascadia Mono", "Menlo", "DejaVu Sans Mono", "Noto Sans Mono CJK SC", "monospace"]


@functools.cache
def theme() -> gr.themes.Base:
    """Small text, thin lines, one accent: colour is kept for states and for what differs."""
    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="slate",
        text_size="sm",
        spacing_size="sm",
        radius_size="sm",
        font=_SANS,
        font_mono=_MONO,
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_border_width="1px",
        block_shadow="none",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        input_background_fill="white",
        input_background_fill_dark="*neutral_900",
        input_border_width="1px",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        input_border_color_focus="*primary_600",
        input_shadow="none",
        input_shadow_focus="none",
        link_text_color="*primary_700",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_500",
        block_info_text_color_dark="*neutral_400",
        block_label_text_size="*text_xs",
    )


def head(t: Texts, root_path: str, cookie: str) -> str:
    """Texts of the page's own scripts, then the scripts. The version in an address outdates a browser's copy."""
    scripts = "".join(f'<script src="{root_path}/static/{name}.js?v={_version(name)}"></script>' for name in SCRIPTS)
    return (
        f'<link rel="icon" href="{root_path}/favicon.ico" type="image/svg+xml">'
        f'<meta name="workbench-language" content="{t.language}">'
        f'<script>window.workbenchPage = {{root: "{root_path}", language: "{t.language}", cookie: "{cookie}", '
        f"texts: {t.block_json('ui.live')}, chat: {t.block_json('chat.page')}, "
        f"states: {t.block_json('states')}, gradio: {own_words(t)}}};</script>{scripts}"
    )


def own_words(t: Texts) -> str:
    """Pairs of what Gradio says in English and what this page says instead, as JSON for a <script> element."""
    english = Texts("en").block("ui.gradio")
    pairs = [[english[key], text] for key, text in t.block("ui.gradio").items() if text != english[key]]
    return json.dumps(pairs, ensure_ascii=False).replace("<", "\\u003c")


def part(kind: str, function: str, elem_id: str, given: str = "element", /, **data: str) -> gr.HTML:
    """A piece of a page that a script of static/ fills, `workbench.<function>(<given>)`; data: its data-… attributes.

    No data of a user may enter the template: Gradio would execute it. The script asks the server for it.
    """
    attributes = "".join(f' data-{name}="{value}"' for name, value in data.items())
    return gr.HTML(
        html_template=f'<div class="wb-{kind}"{attributes}></div>',
        js_on_load=mounting(function, given),
        apply_default_css=False,
        elem_id=elem_id,
    )


def mounting(function: str, given: str = "element") -> str:
    """What a component does when it is loaded: `workbench.<function>(<given>)`, once the page's own scripts have run.

    Gradio draws its components without waiting for the scripts of the head.
    """
    return (
        "(function mount() { const page = window.workbench;"
        f" if (page?.ready) page.{function}({given}); else setTimeout(mount, 25); }})()"
    )


@functools.cache
def _version(name: str) -> str:
    return hashlib.sha256((_STATIC / f"{name}.js").read_bytes()).hexdigest()[:8]
