"""Matches: drawn and shuffled, secret until the vote, judged once, and repeated from what the vote kept."""

import json
import random
import threading

import pytest

from workbench.chat import votes
from workbench.chat.arena import Arena, Match
from workbench.chat.engine import Delta, Engine
from workbench.chat.prompts import ChatOptions
from workbench.errors import UserError
from workbench.models.hub import Hub
from workbench.specs.model import ModelSection

SAMPLING = {"temperature": 0.9, "max_tokens": 8, "system": "Be brief."}


@pytest.fixture
def engine(home):
    made = Engine(Hub(), home, foreign=False)
    yield made
    made.close()


@pytest.fixture
def arena(home, engine):
    return Arena(home, lambda: engine, draw=random.Random(3))


def wait(match):
    """Until it is whole; the match's own thread ends then."""
    for thread in threading.enumerate():
        if thread.name == "arena match":
            thread.join(60)
    return match


def said(error):
    return str(error)


def test_a_blind_match_tells_nothing_until_its_vote_and_the_vote_repeats_the_answers(
    arena, engine, home, make_run, tiny_model
):
    model = str(tiny_model())
    for name in ("anna", "berta"):
        make_run(name, tiny_model())
    match = wait(arena.begin(["base", "anna", "berta"], "Who are you?", SAMPLING, model))
    before = match.shown(said)
    assert (before["answering"], before["columns"], before["winner"]) == (False, None, None)
    assert set(before["sides"][0]) == {"text", "done", "failed"}
    text = json.dumps({key: value for key, value in before.items() if key != "sides"})
    assert not any(name in text for name in ("base", "anna", "berta"))
    kept = match.judge(home, 1)
    after = match.shown(said)
    assert (after["columns"], after["winner"]) == (kept["columns"], 1)
    assert kept["winner"] == kept["columns"][1] and kept["blind"] is True
    again = engine.answer([kept["messages"]], kept["columns"], kept["options"], ModelSection(path=kept["model"]))
    assert again == [kept["answers"]]
    with pytest.raises(UserError) as refused:
        match.judge(home, 0)
    assert refused.value.key == "arena.voted"
    assert len(votes.read(home)) == 1


@pytest.mark.parametrize("blind", [True, False])
def test_sides_of_a_blind_match_grow_in_step_so_that_speed_tells_nothing(home, blind):
    match = Match(["quick", "slow", "lost"], (), ChatOptions(), "", blind)

    def told(*answers):
        match.answers = list(answers)
        return [(side["text"], side["done"], side["failed"]) for side in match.shown(said)["sides"]]

    quick, slow = Delta(0, "one two three", True), Delta(1, "uno")
    lost = Delta(2, "", True, UserError("columns.no_name"))
    if not blind:
        assert told(quick, slow, lost) == [("one two three", True, False), ("uno", False, False), ("", True, True)]
        return
    assert told(quick, Delta(1, ""), lost) == [("", False, False)] * 3
    assert told(quick, slow, lost) == [("one", False, False), ("uno", False, False), ("", False, False)]
    assert match.shown(said)["whole"] == 2 and match.shown(said)["in_step"] is True
    slow = Delta(1, "uno dos", True)
    assert told(quick, slow, lost) == [("one two three", True, False), ("uno dos", True, False), ("", True, True)]


def test_columns_are_drawn_and_shuffled_but_stand_in_order_when_nothing_is_secret(arena, home, make_run, tiny_model):
    model = str(tiny_model())
    for name in ("anna", "berta"):
        make_run(name, tiny_model())
    pool = ["base", "anna", "berta"]
    drawn = {tuple(wait(arena.begin(pool, "q", {"max_tokens": 1}, model)).columns) for _ in range(12)}
    assert len(drawn) > 3 and all(len(set(columns)) == 2 for columns in drawn)
    seen = wait(arena.begin(pool, "q", {"max_tokens": 1}, model, sides=3, blind=False))
    assert seen.columns == pool and seen.shown(said)["columns"] == pool
    assert seen.judge(home, "tie")["blind"] is False


def test_a_side_that_fails_names_nobody_and_cannot_be_judged(arena, home, make_run, tiny_model, monkeypatch):
    make_run("gone", tiny_model())
    monkeypatch.setattr("workbench.chat.arena._check_columns", lambda home, names: None)
    match = arena.begin(["base", "lost"], "q", {"max_tokens": 2}, str(tiny_model()))
    with pytest.raises(UserError):
        match.judge(home, 0)
    shown = wait(match).shown(said)
    assert shown["void"] and sorted(shown["columns"]) == ["base", "lost"]  # nothing is left to keep secret
    assert [side["failed"] for side in shown["sides"]].count(True) == 1
    with pytest.raises(UserError) as refused:
        match.judge(home, 0)
    assert refused.value.key == "arena.void"
    assert votes.read(home) == []


@pytest.mark.parametrize(
    ("key", "pool", "more"),
    [
        ("arena.small_pool", ["base", "base"], {}),
        ("votes.column_count", ["base", "x"], {"sides": 9}),
        ("adapters.unknown", ["base", "nobody"], {}),
        ("adapters.outside", ["base", "../../elsewhere"], {}),
        ("spec.bad_value", ["base", "anna"], {"options": {"top_p": 5}}),
        ("engine.no_question", ["base", "anna"], {"prompt": " "}),
    ],
)
def test_what_cannot_be_asked_is_refused_before_the_match(arena, make_run, tiny_model, key, pool, more):
    make_run("anna", tiny_model())
    with pytest.raises(UserError) as refused:
        arena.begin(pool, **({"prompt": "q"} | more))
    assert refused.value.key == key
    with pytest.raises(UserError):
        arena.get("unknown")
