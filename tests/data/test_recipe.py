"""Steps that make a data set out of others, and make it again."""

import json

import pytest

from workbench.data.load import load
from workbench.data.recipe import prepare, save
from workbench.errors import UserError


@pytest.fixture
def home(tmp_path):
    (tmp_path / "data").mkdir()
    rows = [{"instruction": f"q{index}", "output": f"a{index} &amp; more"} for index in range(10)]
    rows += [{"instruction": "Q3!", "output": "a3 &AMP; more"}]
    (tmp_path / "data" / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return tmp_path


TAKE = {"step": "take", "path": "rows.jsonl"}


def asked(state) -> list[str]:
    return [record.messages[0].content for record in state.records]


def test_steps_are_done_in_order_and_rows_keep_their_names(home):
    steps = [TAKE, {"step": "shuffle", "seed": 1}, {"step": "delete", "rows": [1, 2]}, {"step": "deduplicate"},
             {"step": "edit", "row": 5, "value": {"instruction": "new", "output": "x"}},
             {"step": "repair", "names": ["html_entity"]}, {"step": "cap", "count": 4}]  # fmt: skip
    state = prepare(steps, home)
    assert [entry[1:] for entry in state.done] == [(0, 11), (11, 11), (11, 9), (9, 8), (8, 8), (8, 8), (8, 4)]
    names = dict(zip(state.ids, asked(state), strict=True))
    expected = {row: "new" if row == 5 else f"q{row - 1}" if row < 11 else "Q3!" for row in names}
    assert names == expected
    assert all(record.messages[1].content in ("x",) or " & more" in record.messages[1].content.lower()
               for record in state.records)  # fmt: skip


def test_a_saved_recipe_gives_the_same_bytes_again(home):
    steps = [TAKE, {"step": "shuffle", "seed": 3}, {"step": "split", "fraction": 0.3, "seed": 5}]
    written = save(steps, "mine", home)
    first = (home / "data" / "mine.jsonl").read_bytes(), (home / "data" / "mine.eval.jsonl").read_bytes()
    kept = json.loads((home / "data" / "mine.recipe.json").read_text(encoding="utf-8"))
    assert save(kept["steps"], "mine", home) == written == {"rows": 8, "held_out": 3}
    assert first == ((home / "data" / "mine.jsonl").read_bytes(), (home / "data" / "mine.eval.jsonl").read_bytes())
    assert len(load(home / "data" / "mine.jsonl").records) == 8
    save(steps[:2], "mine", home)
    assert not (home / "data" / "mine.eval.jsonl").exists()  # nothing is held out any more
    assert len(load(home / "data" / "mine.jsonl").records) == 11


def test_a_split_of_repeated_rows_leaks_none(home):
    state = prepare([TAKE | {"path": "rows.jsonl * 3"}, {"step": "split", "fraction": 0.3, "seed": 0}], home)
    held = {record.messages[0].content for record in state.held_out}
    assert held and not held & set(asked(state)) and len(state.records) + len(state.held_out) == 33


@pytest.mark.parametrize(
    ("steps", "words"),
    [([{"step": "tak"}], "Nearest: take"), ([TAKE, {"step": "delete", "rows": [99]}], "row 99 is not there"),
     ([TAKE, {"step": "cap", "count": 0}], "at least 1"), ([TAKE, {"step": "shuffle"}], "Step 2"),
     ([TAKE, {"step": "edit", "row": 1, "value": {"instruction": "x", "output": ""}}], "Row 1 cannot become"),
     ([TAKE, {"step": "edit", "row": 1, "value": {"no": "x"}}], "no known format"),
     (["take"], "no step"), ([], "No row is left")],
)  # fmt: skip
def test_a_step_that_cannot_be_done_is_named(home, steps, words):
    with pytest.raises(UserError, match=words):
        save(steps, "mine", home)
    assert not (home / "data" / "mine.jsonl").exists()
