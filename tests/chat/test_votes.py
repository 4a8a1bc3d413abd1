"""Votes: what is kept, who is strong, which training rows come of it."""

import json

import pytest

from workbench.chat import preferences, votes
from workbench.chat.standings import standings
from workbench.errors import UserError


def record(home, winner, columns=("a", "b"), answers=("yes", "no"), prompt="q?", **more):
    return votes.record(home, columns, prompt, answers, winner, **more)


def vote(winner, *columns, blind=False):
    return {"columns": list(columns), "winner": winner, "blind": blind}


def test_a_vote_holds_what_repeats_its_answers(home):
    options = {"system": "Be brief.", "temperature": 0.5, "seed": 9, "max_tokens": 12}
    kept = record(
        home, "left", options=options, model="embedded", blind=True, finishes=["stop", "length"], steps=[None, 120]
    )
    assert votes.read(home) == [kept]
    assert kept["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "q?"}]
    wanted = {"system": "Be brief.", "temperature": 0.5, "seed": 9, "max_tokens": 12, "top_p": 1.0, "template": ""}
    assert {key: kept["options"][key] for key in wanted} == wanted
    assert (kept["columns"], kept["answers"], kept["winner"]) == (["a", "b"], ["yes", "no"], "a")
    assert (kept["model"], kept["blind"], kept["finishes"]) == ("embedded", True, ["stop", "length"])
    assert kept["weights"] == [{}, {"step": 120}]
    assert set(kept["versions"]) == {"workbench", "torch", "transformers", "peft"}


def test_a_vote_names_the_very_weights_that_answered(home, make_run, tiny_model):
    folder = make_run("tuned", tiny_model())
    first = record(home, "tie", columns=("base", "tuned"))["weights"]
    assert first[0] == {} and [len(digest) for digest in first[1]["sha256"]["tuned"]] == [64, 64]
    weights = folder / "adapter" / "adapter_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert record(home, "tie", columns=("base", "tuned"))["weights"][1] != first[1]


@pytest.mark.parametrize(("given", "kept"), [("left", "a"), ("right", "b"), ("b", "b"), ("tie", "tie"), ("both bad", "both_bad"), ("bothbad", "both_bad")])  # fmt: skip  # noqa: E501
def test_four_votes_and_a_columns_own_name(home, given, kept):
    assert record(home, given)["winner"] == kept


@pytest.mark.parametrize(
    ("key", "arguments"),
    [
        ("votes.unknown_winner", {"winner": "c"}),
        ("votes.unknown_winner", {"winner": "left", "columns": "abc", "answers": "xyz"}),
        ("votes.column_count", {"winner": "a", "columns": "a", "answers": "x"}),
        ("votes.same_column", {"winner": "a", "columns": "aa"}),
        ("votes.answer_count", {"winner": "a", "answers": ["x"]}),
        ("engine.no_question", {"winner": "a", "prompt": ["q", "a"]}),
    ],
)
def test_a_vote_that_could_not_be_read_later_is_refused_and_not_kept(home, key, arguments):
    with pytest.raises(UserError) as refused:
        record(home, **arguments)
    assert refused.value.key == key
    assert votes.read(home) == []


def test_half_a_line_of_a_crash_does_not_swallow_the_next_vote(home):
    first = record(home, "left")
    with votes.path(home).open("a") as file:
        file.write('{"columns": ["a"')
    second = record(home, "right")
    assert votes.read(home) == [first, second]


def test_wins_ties_and_pairs_are_counted_and_the_stronger_column_stands_first():
    cast = [vote("a", "a", "b", blind=True)] * 12 + [vote("b", "b", "a")] * 3
    cast += [vote("tie", "a", "b")] * 2 + [vote("both_bad", "a", "c")] + [vote("a", "a", "b", "c")]
    table = standings(cast, resamples=50)
    assert (table["votes"], table["blind"], table["ties"], table["both_bad"]) == (19, 12, 2, 1)
    assert [row["column"] for row in table["rows"]][0] == "a"
    first = table["rows"][0]
    assert {key: first[key] for key in ("votes", "wins", "losses", "ties", "both_bad")} == {
        "votes": 19, "wins": 13, "losses": 3, "ties": 2, "both_bad": 1,
    }  # fmt: skip
    assert first["win_rate"]["value"] == 13 / 16 and first["win_rate"]["decided"] == 16
    assert 0.56 < first["win_rate"]["low"] < 13 / 16 < first["win_rate"]["high"] < 0.94  # Wilson: 0.570 … 0.934
    assert first["strength"]["low"] <= first["strength"]["value"] <= first["strength"]["high"]
    assert table["pairs"] == [
        {"columns": ["a", "b"], "votes": 18, "wins": [13, 3]},
        {"columns": ["a", "c"], "votes": 2, "wins": [1, 0]},
        {"columns": ["b", "c"], "votes": 1, "wins": [0, 0]},
    ]
    assert table == standings(cast, resamples=50)


def test_strength_is_elos_scale_and_its_interval_covers_the_truth():
    """Drawn with odds of 3 to 1: 191 points apart."""
    cast = [vote("a", "a", "b")] * 300 + [vote("b", "a", "b")] * 100
    rows = {row["column"]: row["strength"] for row in standings(cast)["rows"]}
    assert rows["a"]["value"] - rows["b"]["value"] == pytest.approx(190.8, abs=1.0)
    assert rows["a"]["low"] < 1095.4 < rows["a"]["high"] < rows["a"]["low"] + 60


def test_one_vote_and_none_have_no_interval():
    assert standings([])["rows"] == []
    rows = standings([vote("a", "a", "b")])["rows"]
    assert rows[0]["strength"]["low"] is None and rows[0]["column"] == "a"
    assert standings([vote("tie", "a", "b")])["rows"][0]["win_rate"] is None


def test_a_column_that_never_lost_and_columns_that_never_met_stay_finite():
    table = standings([vote("a", "a", "b")] * 40 + [vote("c", "c", "d")] * 2, resamples=20)
    assert all(0 < row["strength"]["value"] < 3000 for row in table["rows"])


def test_votes_and_edits_become_preference_rows_and_what_is_left_out_is_counted(home):
    record(home, "left", options={"system": "S"})
    record(home, "left", options={"system": "S"})  # the same pair again
    record(home, "right", options={"system": "S"})  # somebody else disagrees
    record(home, "tie")
    record(home, "both_bad")
    record(home, "left", answers=("same", "same "))
    record(home, "left", answers=("", "no"))
    record(home, "c", columns="abc", answers=("1", "2", "3"), prompt=["x", "y", "z"])
    preferences.keep(home, "good", "1+1?", "2", instead_of="3", column="a")
    written = preferences.write(home)
    assert written == {
        "path": "data/preferences.jsonl", "rows": 5, "votes": 4, "edits": 1, "ties": 1, "both_bad": 1,
        "same_answer": 1, "empty_answer": 1, "repeated": 1, "conflicts": 1,
    }  # fmt: skip
    lines = [json.loads(line) for line in (home / written["path"]).read_text().splitlines()]
    asked = [{"role": "system", "content": "S"}, {"role": "user", "content": "q?"}]
    assert lines[0] == {
        "prompt": asked,
        "chosen": [{"role": "assistant", "content": "yes"}],
        "rejected": [{"role": "assistant", "content": "no"}],
    }
    assert [row["rejected"][0]["content"] for row in lines[2:4]] == ["1", "2"]
    assert lines[4]["chosen"] == [{"role": "assistant", "content": "2"}]
    from workbench.data.survey import inspect

    report, _ = inspect(home / written["path"])
    assert (report.kind, report.rows_good, report.rows_bad) == ("preference", 5, 0)


def test_a_good_answer_is_appended_and_files_of_another_kind_are_left_alone(home):
    assert preferences.keep(home, "good", ["q1", "a1", "q2"], "a2") == {
        "path": "data/good.jsonl",
        "rows": 1,
        "edited": False,
    }
    assert preferences.keep(home, "good.jsonl", "q", "a", instead_of="a")["rows"] == 2
    assert not preferences.edits_path(home).exists()
    first = json.loads((home / "data/good.jsonl").read_text().splitlines()[0])
    assert [(turn["role"], turn["content"]) for turn in first["messages"]] == [
        ("user", "q1"), ("assistant", "a1"), ("user", "q2"), ("assistant", "a2"),
    ]  # fmt: skip
    record(home, "left")
    for attempt in (lambda: preferences.write(home, "good"), lambda: preferences.write(home, "../x"),
                    lambda: preferences.keep(home, "good", "q", " ")):  # fmt: skip
        with pytest.raises(UserError):
            attempt()
    (home / "data/alpaca.jsonl").write_text('{"instruction": "x", "output": "y"}\n')
    with pytest.raises(UserError) as refused:
        preferences.keep(home, "alpaca", "q", "a")
    assert refused.value.key == "votes.other_kind"
    assert preferences.datasets(home) == ["good"]


def test_without_a_pair_nothing_is_written(home):
    record(home, "tie")
    with pytest.raises(UserError) as refused:
        preferences.write(home)
    assert (refused.value.key, refused.value.params["ties"]) == ("votes.no_pairs", 1)
    assert not (home / "data").exists()
