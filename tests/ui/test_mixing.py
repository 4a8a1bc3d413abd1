"""Data sets ticked beside the form: the data box keeps its weights and what was written by hand."""

import pytest

from workbench.ui.app import App, page
from workbench.ui.mixing import mixed

KNOWN = ["data/a.jsonl", "data/b.csv", "data/c.jsonl"]


@pytest.mark.parametrize(
    ("names", "text", "expected"),
    [
        (["data/a.jsonl"], "", "data/a.jsonl"),
        (["data/a.jsonl", "data/b.csv"], "data/a.jsonl * 0.5", "data/a.jsonl * 0.5; data/b.csv"),
        (["data/b.csv"], "data/a.jsonl * 0.5; data/b.csv*2", "data/b.csv*2"),
        (["data/c.jsonl"], "hf://owner/name * 3\ndata/a.jsonl", "hf://owner/name * 3; data/c.jsonl"),
        (["data/a.jsonl", "data/c.jsonl"], "a.jsonl * 2", "a.jsonl * 2; data/c.jsonl"),
        ([], "data/a.jsonl", ""),
    ],
)
def test_ticked_data_sets_stand_in_the_box_and_nothing_else_of_it_is_lost(names, text, expected):
    assert mixed(names, text, KNOWN) == expected


def test_the_box_offers_the_data_folder_as_it_is_and_ticks_what_is_named(tmp_path):
    app = App(tmp_path)
    config = page(app, "en")
    (tmp_path / "data").mkdir()
    for name in ("a.jsonl", "a.eval.jsonl", "b.csv"):  # rows held out are not offered for training
        (tmp_path / "data" / name).write_text("x")
    offer = next(fn.fn for fn in config.fns.values() if getattr(fn.fn, "__qualname__", "") == "wire.<locals>.offer")
    offered = offer("b.csv * 2; hf://owner/name")
    assert (offered["choices"], offered["value"]) == (["data/a.jsonl", "data/b.csv"], ["data/b.csv"])
    app.close()
