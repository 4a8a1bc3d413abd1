"""Repairs are off until chosen, and counted when they are."""

import json

import pytest

from workbench.data.load import load
from workbench.data.records import Conversation, Message
from workbench.errors import UserError

TEXTS = {
    "literal_newline": ("one\\n二 C:\\new \\nabla", "one\n二 C:\\new \\nabla"),
    "html_entity": ("a &amp; &quot;b&quot;", 'a & "b"'),
    "edge_whitespace": ("\n a ", "a"),
    "mojibake": ("CafÃ© ，ＡＢＣ “x”", "Café ，ＡＢＣ “x”"),
    "invisible_character": ("a\u200bb", "ab"),
    "no_break_space": ("a\u00a0b", "a b"),
}


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "a.jsonl"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_mended_only_when_asked_and_counted(name, write):
    broken, mended = TEXTS[name]
    path = write("\n".join(json.dumps({"instruction": "q", "output": text}) for text in (broken, "good")))
    assert load(path).records[0] == Conversation.of(("user", "q"), ("assistant", broken))
    loaded = load(path, repairs=[name])
    assert [record.messages[1].content for record in loaded.records] == [mended, "good"]
    assert loaded.report.to_json()["repaired"] == {name: 1}


def test_the_halves_of_a_question_stay_in_step_with_the_whole(write):
    path = write(json.dumps({"instruction": "a &amp; b", "input": "c ", "output": "d"}))
    (record,) = load(path, repairs=["html_entity", "edge_whitespace"]).records
    assert record.messages[0] == Message("user", "a & b\nc", "a & b", "c")


def test_a_comma_behind_a_row_is_taken_off(write):
    path = write('{"instruction":"a","output":"b"},\n{"instruction":"c","output":"d"},\n')
    assert load(path).report.rows_bad == 2
    loaded = load(path, repairs=["trailing_comma"])
    assert (loaded.report.rows_good, loaded.report.repaired["trailing_comma"]) == (2, 2)


def test_neighbouring_turns_of_one_speaker_are_joined(write):
    turns = [("user", "a"), ("user", "b"), ("assistant", "c"), ("assistant", "d")]
    path = write(json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]}))
    assert load(path).report.rows_bad == 1
    loaded = load(path, repairs=["merge_turns"])
    assert loaded.records == [Conversation.of(("user", "a\n\nb"), ("assistant", "c\n\nd"))]


def test_an_unknown_repair_names_the_nearest(write):
    with pytest.raises(UserError, match="mojibake"):
        load(write("{}"), repairs=["mojibak"])
