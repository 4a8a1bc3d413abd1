"""Conversations in files: whole or not at all, found by their words, made into rows without touching a file."""

import json

import pytest

from workbench.chat import kept
from workbench.data.load import iter_records
from workbench.errors import UserError

KEY = "0123456789abcdef"


def turn(question, after=None, shown=True, **answers):
    said = {name: {"text": text, "done": True} if isinstance(text, str) else text for name, text in answers.items()}
    return {"after": after, "shown": shown, "question": question, "time": 1.0, "tries": 0, "answers": said}


def conversation(*turns, key=KEY, **more):
    return {"id": key, "title": "", "created": 1.0, "changed": 2.0, "columns": ["base"], "options": {},
            "overrides": {}, "turns": list(turns)} | more  # fmt: skip


def refusal(action, *values, **more):
    with pytest.raises(UserError) as caught:
        action(*values, **more)
    return caught.value.key


def test_a_conversation_comes_back_as_it_was_saved(tmp_path):
    talk = conversation(turn("谁?", base="Quillet"), turn("sure?", 0, base="yes", tuned="no"), title="names")
    kept.save(tmp_path, talk)
    assert kept.load(tmp_path, KEY) == talk
    assert [file.name for file in kept.folder(tmp_path).iterdir()] == [f"{KEY}.json"]


@pytest.mark.parametrize("key", ["../../etc/passwd", "short", "a" * 65, "with/slash-here", "with.dot.here", None, 7])
def test_an_id_is_a_plain_name(tmp_path, key):
    assert refusal(kept.load, tmp_path, key) == "kept.bad_id"
    assert refusal(kept.delete, tmp_path, key) == "kept.bad_id"
    assert refusal(kept.save, tmp_path, conversation(key=key)) == "kept.bad_id"


def test_the_title_is_the_first_question_unless_it_was_named(tmp_path):
    kept.save(tmp_path, conversation(turn("who\nare  you?"), turn("and then?", 0)))
    assert kept.title_of(kept.load(tmp_path, KEY)) == "who are you?"
    kept.rename(tmp_path, KEY, "  my \n name ")
    assert kept.title_of(kept.load(tmp_path, KEY)) == "my name"
    kept.rename(tmp_path, KEY, "")
    assert kept.title_of(kept.load(tmp_path, KEY)) == "who are you?"
    assert kept.title_of(conversation(turn("x" * 100))) == "x" * 79 + "…"
    assert refusal(kept.rename, tmp_path, KEY, "x" * 121) == "kept.long_title"


def test_only_the_shown_branches_are_the_path():
    talk = conversation(turn("a"), turn("b", shown=False), turn("a2", 0, shown=False), turn("a3", 0), turn("b2", 1))
    assert [each["question"] for each in kept.shown(talk)] == ["a", "a3"]


def test_all_words_must_occur_somewhere_and_the_place_is_shown(tmp_path):
    kept.save(tmp_path, conversation(turn("capital of France?", base="It is Paris, of course."), changed=1.0))
    other = conversation(turn("Größe?", base="<b>big</b>"), key="other-conversation", title="Sizes", changed=5.0)
    kept.save(tmp_path, other)
    assert [row["id"] for row in kept.search(tmp_path)["rows"]] == ["other-conversation", KEY]
    (row,) = kept.search(tmp_path, "FRANCE paris")["rows"]
    assert row == {"id": KEY, "title": "capital of France?", "named": False, "created": 1.0, "changed": 1.0, "turns": 1,
                   "columns": ["base"], "found": "It is Paris, of course."}  # fmt: skip
    assert [row["id"] for row in kept.search(tmp_path, "GRÖSSE sizes")["rows"]] == ["other-conversation"]
    assert kept.search(tmp_path, "France big") == {"rows": [], "total": 0, "broken": []}
    assert kept.search(tmp_path, at_most=1)["total"] == 2


BROKEN = [
    conversation(turn("a", after=0)), conversation({"after": None}), conversation("turn"), conversation(id="x"),
    conversation(turn("a", base={"text": 3})), conversation(turn("a") | {"answers": []}), [], "x", 3,
]  # fmt: skip


@pytest.mark.parametrize("text", ["", "{", *map(json.dumps, BROKEN)])
def test_a_broken_file_is_left_out_and_named(tmp_path, text):
    kept.save(tmp_path, conversation(turn("good"), key="good-conversation"))
    kept.path(tmp_path, KEY).write_text(text)
    found = kept.search(tmp_path)
    assert ([row["title"] for row in found["rows"]], found["broken"]) == (["good"], [f"{KEY}.json"])
    assert refusal(kept.load, tmp_path, KEY) == "kept.broken"
    kept.set_aside(tmp_path, KEY)
    assert refusal(kept.load, tmp_path, KEY) == "kept.gone"
    assert kept.search(tmp_path)["broken"] == [f"{KEY}.broken"]


def test_deleting_removes_the_file(tmp_path):
    kept.save(tmp_path, conversation(turn("a")))
    kept.delete(tmp_path, KEY)
    assert kept.search(tmp_path)["total"] == 0
    assert refusal(kept.delete, tmp_path, KEY) == "kept.gone"


def three(home):
    failed = {"text": "", "done": True, "error": "no such adapter"}
    first = conversation(turn("q1", base="a1", tuned="b1"), turn("q2", 0, base="a2", tuned=failed),
                         options={"system": " Be brief. "})  # fmt: skip
    kept.save(home, first)
    kept.save(home, conversation(turn("q3", base="a3"), key="second-conversation"))
    return [KEY, "second-conversation"]


def test_one_columns_answers_become_rows_that_the_data_reader_takes(tmp_path):
    keys = three(tmp_path)
    made = kept.export(tmp_path, keys, "base", "mine")
    assert made == {"path": "data/mine.jsonl", "rows": 2, "turns": 3, "left_out_turns": 0, "left_out": 0}
    made = kept.export(tmp_path, keys, "tuned", "theirs", "sharegpt")
    assert made == {"path": "data/theirs.jsonl", "rows": 1, "turns": 1, "left_out_turns": 1, "left_out": 1}
    (row,) = map(json.loads, (tmp_path / "data" / "theirs.jsonl").read_text().splitlines())
    said = [("system", "Be brief."), ("human", "q1"), ("gpt", "b1")]
    assert row == {"conversations": [{"from": who, "value": text} for who, text in said]}
    records = [item.record for item in iter_records(tmp_path / "data" / "mine.jsonl")]
    assert [[(turn.role, turn.content) for turn in record.messages] for record in records] == [
        [("system", "Be brief."), ("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2")],
        [("user", "q3"), ("assistant", "a3")],
    ]


def test_an_export_never_replaces_a_file_and_leaves_none_behind_when_refused(tmp_path):
    keys = three(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.jsonl").write_text("precious\n")
    assert refusal(kept.export, tmp_path, keys, "base", "mine") == "kept.exists"
    assert refusal(kept.export, tmp_path, keys, "base", "../out") == "votes.bad_dataset"
    assert refusal(kept.export, tmp_path, keys, "base", "new", "alpaca") == "kept.bad_format"
    assert refusal(kept.export, tmp_path, keys, "nobody", "new") == "kept.no_answers"
    assert [(file.name, file.read_text()) for file in (tmp_path / "data").iterdir()] == [("mine.jsonl", "precious\n")]
