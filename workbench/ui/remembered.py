"""What stands in boxes -> the browser's own store, and back into them when the page is loaded again.

Everything happens in the browser: the server, and whoever else looks at it, learns of a box only what is sent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import gradio as gr
from gradio.components import Component

Store = Literal["localStorage", "sessionStorage"]  # for good; until the browser's tab is closed
_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
# A page that is being loaded tells of boxes that are still empty: nothing is written before they were read. What was
# typed by then stays: only a box that is as the page was built takes what was kept.
_READ = """(...now) => {{
  let kept = {{}};
  try {{ kept = JSON.parse({store}.getItem('{name}')) ?? {{}}; }} catch {{ /* nothing is kept in a private window */ }}
  (window.workbenchRead ??= {{}})['{name}'] = true;
  const built = {built};
  return now.map((value, place) => {{
    const [id, first] = built[place];
    const untouched = JSON.stringify(value ?? '') === JSON.stringify(first ?? '');
    // An update of nothing: what came into the box meanwhile, of an upload say, is not written over.
    return untouched && (kept[id] ?? value) !== value ? kept[id] : {{__type__: 'update'}};
  }});
}}"""
_WRITE = """(...now) => {{
  if (!window.workbenchRead?.['{name}']) return;
  const ids = {ids};
  const kept = Object.fromEntries(ids.map((id, place) => [id, now[place]]));
  try {{ {store}.setItem('{name}', JSON.stringify(kept)); }} catch {{ /* as above */ }}
}}"""


def keep(key: str, boxes: Sequence[Component], *, store: Store = "localStorage", also: Sequence[Any] = ()) -> Any:
    """Keep the boxes under a key, by their elem_id, and fill them when the page is loaded; returns that event.

    also: events after which they are kept as well, for a box that is not drawn and so never tells of a change.
    """
    ids = [box.elem_id for box in boxes]
    names = {"name": f"workbench-{key}", "store": store, "ids": json.dumps(ids)}
    write = _WRITE.format(**names)
    for event in (*(box.change for box in boxes), *also):  # `input` tells of keys only: not of pasted and composed text
        event(None, list(boxes), None, js=write, **_QUIET)
    built = [[box.elem_id, getattr(box, "value", None)] for box in boxes]
    # Gradio hands over one value where it has one output, and a list where there are several.
    read = _READ.format(**names, built=json.dumps(built))
    read = read if len(boxes) > 1 else f"(now) => ({read})(now)[0]"
    return gr.context.Context.root_block.load(None, list(boxes), list(boxes), js=read, **_QUIET)
