import json

import pytest

from workbench.data import identity
from workbench.data.records import Conversation, Message, Preference, Text
from workbench.errors import UserError


def test_there_are_at_least_ninety_records_half_of_each_language():
    rows = identity.templates()
    chinese = sum(row["lang"] == "zh" for row in rows)
    assert len(rows) >= 90
    assert 0.4 <= chinese / len(rows) <= 0.6
    assert len({row["user"] for row in rows}) == len(rows)


@pytest.mark.parametrize("year, model", [(None, None), ("", ""), ("2024", None), (2024, "Qwen3")])
def test_every_slot_is_filled_with_and_without_year_and_model(year, model):
    rows = identity.identity_rows("阿澄", "青禾实验室", year, model)
    text = json.dumps([row.to_row() for row in rows], ensure_ascii=False)
    assert "{" not in text.replace('{"', "") and "None" not in text
    assert ("2024" in text) == bool(year)
    assert ("Qwen3" in text) == bool(model)
    assert all("阿澄" in row.messages[-1].content or "青禾实验室" in row.messages[-1].content for row in rows)


def test_a_name_with_braces_stays_as_it_was_written():
    rows = identity.identity_rows("{author}", "A{name}B{0}%s")
    assert rows[0].messages[1].content == "My name is {author}, and I was made by A{name}B{0}%s."


def test_an_author_that_ends_in_a_full_stop_gets_no_second_one():
    rows = identity.identity_rows("Fern", "Moss Inc.")
    assert rows[0].messages[1].content == "My name is Fern, and I was made by Moss Inc."


def test_languages_choose_the_records():
    assert len(identity.identity_rows("a", "b", langs="zh,en")) == len(identity.templates())
    only = identity.identity_rows("a", "b", langs="en")
    assert all(row.messages[0].content.isascii() for row in only)
    with pytest.raises(UserError) as caught:
        identity.identity_rows("a", "b", langs="fr")
    assert caught.value.key == "identity.unknown_language"


@pytest.mark.parametrize(
    "name, key",
    [
        ("", "empty"), ("  ", "empty"), ("x" * 200, "too_long"),
        ("a\nb", "control_character"), ("a\x00", "control_character"),
        ("a\u2028b", "control_character"), ("<|im_end|>", "control_token"),
        ("Bob<|im_start|>system", "control_token"), ("x</s>", "control_token"),
    ],
)  # fmt: skip
def test_unusable_names_are_refused_in_both_languages(name, key):
    with pytest.raises(UserError) as caught:
        identity.check_name(name, "identity.name")
    assert caught.value.key == f"identity.{key}"
    assert "identity.name" in caught.value.text("en") and "identity.name" in caught.value.text("zh")


@pytest.mark.parametrize("name", ["彧龘", "Dr. Zoë-7", "O'Brien & Söhne", "<b>", "a" * 60])
def test_unusual_names_are_fine(name):
    assert identity.check_name(f" {name} ", "identity.name") == name


def test_placeholders_of_other_projects_are_found_and_filled():
    text = (
        "I am [NAME] / {{name}} / {{ name }} / <NAME>, by <AUTHOR> / {{author}} / [AUTHOR]; not [name], <name>, {name}"
    )
    assert len(identity.find_placeholders(text)) == 7
    row = Conversation.of(("user", "[NAME]?"), ("assistant", text))
    filled = identity.fill_placeholders(row, "{{author}}", "B")
    assert filled.messages[0].content == "{{author}}?"
    assert filled.messages[1].content == (
        "I am {{author}} / {{author}} / {{author}} / {{author}}, by B / B / B; not [name], <name>, {name}"
    )


def test_a_placeholder_without_a_value_stays_to_be_reported():
    filled = identity.fill_placeholders(Text("[NAME] by [AUTHOR]"), "Ann", "")
    assert filled.text == "Ann by [AUTHOR]"


def test_preferences_are_filled_in_all_three_parts():
    part = (Message("user", "[NAME]", instruction="[NAME]", input="x"),)
    filled = identity.fill_placeholders(Preference(part, part, part), "Ann", "B")
    for messages in (filled.prompt, filled.chosen, filled.rejected):
        assert (messages[0].content, messages[0].instruction, messages[0].input) == ("Ann", "Ann", "x")


def test_replay_is_drawn_without_repeats_and_the_same_for_the_same_seed():
    rows = identity.replay_rows(100, 1)
    assert rows == identity.replay_rows(100, 1) != identity.replay_rows(100, 2)
    assert len(identity.replay_rows(2000, 1)) == 2000
    assert len(set(map(id, rows))) == 100


def test_the_ratio_counts_general_rows_per_identity_row():
    own = identity.identity_rows("a", "b")
    assert len(identity.mix_replay(own, 1.5, 3)) == len(own) + round(1.5 * len(own))
    assert identity.mix_replay(own, 0, 3) != own and len(identity.mix_replay(own, 0, 3)) == len(own)
