"""Lists of prompts: what is read, and the line that is named when it cannot be."""

import pytest

from workbench.chat import prompt_sets
from workbench.errors import UserError


def test_lists_are_read_by_their_ending():
    assert prompt_sets.parse('"one"\n\n["q", "a", "q2"]\n', "p.jsonl") == ["one", ["q", "a", "q2"]]
    assert prompt_sets.parse("one\r\n\n two \n", "p.TXT") == ["one", "two"]
    assert prompt_sets.parse("- one\n- [q, a, q2]\n", "p.yaml") == ["one", ["q", "a", "q2"]]
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]
    assert prompt_sets.parse('[[{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]]', "p.json") == [
        messages
    ]
    assert prompt_sets.typed("a\n\n b ") == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "name", "key", "place"),
    [
        ('"one"\n{"a": 1}\n', "p.jsonl", "prompt_sets.bad_line", {"line": 2}),
        ('"one"\n["q", "a"]\n', "p.jsonl", "prompt_sets.bad_line", {"line": 2}),
        ("not json\n", "p.jsonl", "prompt_sets.bad_line", {"line": 1}),
        ("[1]", "p.json", "prompt_sets.bad_entry", {"number": 1}),
        ('{"a": 1}', "p.json", "prompt_sets.not_a_list", {}),
        ("[\n1,\n", "p.json", "prompt_sets.unreadable", {"line": 3}),
        ("- [\n", "p.yaml", "prompt_sets.unreadable", {"line": 2}),
        ("\n", "p.txt", "prompt_sets.empty", {}),
        ("x", "p.pdf", "prompt_sets.bad_ending", {}),
        ("x\n" * 5001, "p.txt", "prompt_sets.too_many", {"count": 5001}),
    ],
)
def test_what_is_no_prompt_is_named_by_its_place(text, name, key, place):
    with pytest.raises(UserError) as refused:
        prompt_sets.parse(text, name)
    assert refused.value.key == key
    assert {name: refused.value.params[name] for name in place} == place


def test_a_file_that_is_not_utf8_is_named_by_its_line(tmp_path):
    (tmp_path / "p.txt").write_bytes("好\n".encode() + "好\n".encode("gbk"))
    with pytest.raises(UserError) as refused:
        prompt_sets.read(tmp_path / "p.txt")
    assert (refused.value.key, refused.value.params["line"]) == ("prompt_sets.not_utf8", 2)


def test_rows_are_one_json_value_a_line_whatever_the_ending_and_however_many(tmp_path):
    (tmp_path / "p.txt").write_text('"one"\n\n' * 5001)
    assert prompt_sets.rows(tmp_path / "p.txt") == ["one"] * 5001
    for text, key in (("one\n", "prompt_sets.bad_line"), ("\n", "prompt_sets.empty")):
        (tmp_path / "p.txt").write_text(text)
        with pytest.raises(UserError) as refused:
            prompt_sets.rows(tmp_path / "p.txt", "shown")
        assert (refused.value.key, refused.value.params["path"]) == (key, "shown")


def test_every_shipped_list_is_bilingual_and_can_be_asked():
    assert sorted(prompt_sets.shipped()) == ["everyday", "identity"]
    for name in prompt_sets.shipped():
        prompts = prompt_sets.load(name)
        texts = [prompt if isinstance(prompt, str) else prompt[-1] for prompt in prompts]
        chinese = [text for text in texts if any("一" <= letter <= "鿿" for letter in text)]
        assert len(prompts) > 10 and 0.4 < len(chinese) / len(texts) < 0.6
    with pytest.raises(UserError):
        prompt_sets.load("nothing")
