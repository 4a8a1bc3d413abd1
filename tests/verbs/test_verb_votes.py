"""`workbench votes`: the table of the arena, and its preference rows."""

from workbench.chat import votes


def test_the_table_and_the_rows_of_the_votes(call, call_json, tmp_path):
    for winner in ("left", "left", "tie"):
        votes.record(tmp_path / "workspace", ["a", "b"], f"{winner}?", ["yes", "no"], winner)
    found = call_json("votes", "--to", "pairs")
    assert [(row["column"], row["wins"], row["ties"]) for row in found["rows"]] == [("a", 2, 1), ("b", 0, 1)]
    assert (found["votes"], found["preferences"]["path"], found["preferences"]["rows"]) == (3, "data/pairs.jsonl", 1)
    code, out, err = call("votes")
    assert code == 0 and out.splitlines()[1].split()[0] == "a" and "3 votes" in err
    assert call_json("votes", "--blind")["rows"] == []


def test_votes_without_a_pair_are_a_sentence(call):
    code, _, err = call("votes", "--to", "pairs")
    assert code == 2 and "pair" in err and len(err.splitlines()) == 1
