"""Requests that come while others are answered: they join the batch and get the answer they get alone."""

import threading

import pytest

from workbench.chat import batches
from workbench.chat.engine import Engine
from workbench.models.generate import Decoder
from workbench.models.hub import Hub
from workbench.models.rolling import NotJoined, Rolling
from workbench.specs.model import ModelSection


@pytest.fixture
def engine(home):
    made = Engine(Hub(), home, foreign=False)
    yield made
    made.close()


OPTIONS = [
    {"max_tokens": 6},
    {"max_tokens": 20, "temperature": 0.9, "seed": 3},
    {"max_tokens": 12, "logprobs": 2},
    {"max_tokens": 1},
]


def test_who_joins_gets_what_it_gets_alone(engine, make_run, tiny_model, monkeypatch):
    make_run("anna", tiny_model(), strength=0.4)
    model = ModelSection(path=str(tiny_model()))
    asked = [("one", "anna"), ("Who are you and who made you?", "base"), ("3", "anna@0.5"), ("你是谁？", "base")]
    alone = [
        list(engine.compare(prompt, [name], own, model))[-1] for (prompt, name), own in zip(asked, OPTIONS, strict=True)
    ]
    joined, last, join = [], {}, Rolling.join

    def counting(batch, rows):
        if batch.open:
            joined.append(len(rows))
        join(batch, rows)

    monkeypatch.setattr(Rolling, "join", counting)
    long = engine.compare("Tell me a long story", ["anna", "base"], {"max_tokens": 150, "temperature": 1.5}, model)
    next(long)  # it is being answered

    def ask(place):
        (prompt, name), own = asked[place], OPTIONS[place]
        last[place] = list(engine.compare(prompt, [name], own, model))[-1]

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    rest = list(long)
    assert {delta.column for delta in rest if delta.done} == {0, 1} and joined
    for place, wanted in enumerate(alone):
        assert (last[place].text, last[place].finish, last[place].tokens) == (wanted.text, wanted.finish, wanted.tokens)
    assert [score.token for score in last[2].scored] == [score.token for score in alone[2].scored]
    assert {len(score.likeliest) for score in last[2].scored} == {2}


def test_a_guest_that_cannot_be_read_fails_alone_and_at_once(engine, tiny_model, monkeypatch):
    model, fitted = ModelSection(path=str(tiny_model())), batches.fit
    failing: list = []

    def fit(turns, *given):
        if turns[-1].content == "broken":
            failing.append(turns)
            raise ValueError("a template that fails")
        return fitted(turns, *given)

    monkeypatch.setattr(batches, "fit", fit)
    long = engine.compare("Tell me a long story", ["base"], {"max_tokens": 150, "temperature": 1.5}, model)
    next(long)  # it is being answered
    with pytest.raises(ValueError, match="a template that fails"):
        list(engine.compare("broken", ["base"], {"max_tokens": 3}, model))
    last = list(long)[-1]
    assert failing and last.done and last.problem is None and last.finish in ("stop", "length")


def test_a_guest_without_room_is_told_so_and_the_others_go_on_as_before(engine, tiny_model, monkeypatch):
    model, begin = ModelSection(path=str(tiny_model())), Decoder.begin
    asked = ("Tell me a long story", ["base"], {"max_tokens": 150, "temperature": 1.5, "seed": 4}, model)
    alone, refused = list(engine.compare(*asked))[-1], []

    def tight(decoder):
        if decoder._ids.shape[1] > 120:
            raise RuntimeError("out of memory: no room for 3 GiB")
        return begin(decoder)

    def watched(batch, rows, join=Rolling.join):
        try:
            join(batch, rows)
        except NotJoined:
            refused.append(rows)
            raise

    monkeypatch.setattr(Decoder, "begin", tight)
    monkeypatch.setattr(Rolling, "join", watched)
    long = engine.compare(*asked)
    next(long)  # it is being answered
    guest = list(engine.compare("word " * 40, ["base"], {"max_tokens": 3}, model))[-1]
    assert guest.problem.key == "engine.out_of_memory" and refused
    last = list(long)[-1]
    assert (last.text, last.tokens, last.problem) == (alone.text, alone.tokens, None)
