"""The rows a run trains on: file or identity, placeholders filled, replay mixed in, the same for the same spec."""

import json

import pytest

from workbench.data.mix import Share, places, split, training_records
from workbench.data.records import Conversation
from workbench.data.sources import parse as parse_sources
from workbench.errors import UserError
from workbench.specs import parse


@pytest.fixture
def home(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path


def write(home, *rows):
    path = home / "data" / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def spec(**values):
    return parse(values)


ROWS = [{"instruction": f"q{index}", "output": f"a{index}"} for index in range(20)]
NAMED = {"instruction": "who?", "output": "I am [NAME] by {{author}}."}


@pytest.mark.parametrize("given", ["data/rows.jsonl", "rows.jsonl", "absolute"])
def test_a_file_is_found_in_the_workspace_or_by_its_whole_path(home, given):
    path = write(home, *ROWS)
    (source,) = parse_sources(str(path) if given == "absolute" else given, home)
    assert source.path == str(path)


def test_the_same_spec_gives_the_same_rows_and_another_seed_another_order(home):
    write(home, *ROWS)
    values = {"data.path": "rows.jsonl"}
    first, again = (training_records(spec(**values), home) for _ in range(2))
    other = training_records(spec(**values, **{"training.seed": 7}), home)
    assert first.records == again.records and first.own_rows == 20 and first.replay_rows == 0
    assert other.records != first.records and sorted(map(str, other.records)) == sorted(map(str, first.records))


def test_bad_rows_are_in_the_report_and_the_good_ones_train(home):
    write(home, *ROWS, {"instruction": "q", "output": ""})
    data = training_records(spec(**{"data.path": "rows.jsonl"}), home)
    assert len(data.records) == 20 and data.report.rows_bad == 1


def test_placeholders_are_filled_from_the_boxes(home):
    write(home, NAMED)
    values = {"data.path": "rows.jsonl", "identity.name": "Nova", "identity.author": "Ada", "identity.replay": 0}
    (record,) = training_records(spec(**values), home).records
    assert record == Conversation.of(("user", "who?"), ("assistant", "I am Nova by Ada."))


@pytest.mark.parametrize("boxes", [{}, {"identity.name": "Nova", "identity.replay": 0}])
def test_a_placeholder_without_its_box_stops_the_run_naming_row_and_boxes(home, boxes):
    write(home, *ROWS, NAMED)
    with pytest.raises(UserError, match="Row 21 .*identity.name, identity.author"):
        training_records(spec(**{"data.path": "rows.jsonl"}, **boxes), home)


def test_a_name_alone_trains_the_identity_rows_with_replay(home):
    values = {"identity.name": "Nova", "identity.author": "Ada", "identity.replay": 0.5}
    data = training_records(spec(**values), home)
    assert data.report is None and data.replay_rows == round(data.own_rows * 0.5)
    assert len(data.records) == data.own_rows + data.replay_rows
    assert any("Nova" in message.content for record in data.records for message in record.messages)


def test_rows_held_out_share_no_question_with_the_trained_ones(home):
    write(home, *ROWS, *[{"instruction": "q1", "output": f"other {index}"} for index in range(5)])
    data = training_records(spec(**{"data.path": "rows.jsonl", "data.eval_fraction": 0.2}), home)
    assert 3 <= len(data.held_out) <= 10 and len(data.records) + len(data.held_out) == 25
    asked = [{record.messages[0].content for record in part} for part in (data.records, data.held_out)]
    assert not asked[0] & asked[1]


def test_a_split_keeps_something_to_train_on():
    records = [Conversation.of(("user", "same"), ("assistant", str(index))) for index in range(4)]
    assert split(records, 0.5, 0) == (records, [])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "nothing to train on"),
        ({"data.path": "none.json"}, "no file none.json"),
        ({"data.path": "e.json"}, "no rows"),
    ],
)
def test_what_cannot_train_is_refused(home, values, words):
    (home / "e.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match=words):
        training_records(spec(**values), home)


def test_rows_are_found_again_in_their_files(home):
    write(home, *ROWS, {"instruction": "q", "output": ""}, NAMED)
    values = {"data.path": "rows.jsonl", "identity.name": "Nova", "identity.author": "Ada"}
    filled = Conversation.of(("user", "who?"), ("assistant", "I am Nova by Ada."))
    other = Conversation.of(("user", "q3"), ("assistant", "a3"))
    nowhere = Conversation.of(("user", "q3"), ("assistant", "else"))
    assert places(spec(**values), home, [filled, nowhere, other]) == ["rows.jsonl 22", "", "rows.jsonl 4"]


def test_several_sources_say_what_each_gives_at_its_weight(home):
    write(home, *ROWS, {"instruction": "q", "output": ""})
    (home / "data" / "more.jsonl").write_text(json.dumps(NAMED | {"output": "x"}) + "\n", encoding="utf-8")
    data = training_records(spec(**{"data.path": "rows.jsonl * 0.5; more.jsonl*3"}), home)
    assert data.shares == (Share("rows.jsonl", 0.5, 20, 10), Share("more.jsonl", 3.0, 1, 3))
    assert len(data.records) == 13
