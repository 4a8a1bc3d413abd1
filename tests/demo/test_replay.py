import json

from workbench import presets
from workbench.data import identity
from workbench.demo import evaluation, replay


def shipped():
    path = presets.root() / "replay" / "general.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_shipped_rows_are_the_generators():
    assert [row.to_row() for row in replay.rows(len(shipped()), 7)] == shipped()


def test_a_tenth_carries_a_persona_and_none_asks_who_the_default_is():
    rows = shipped()
    personas = 0
    for row in rows:
        texts = [m["content"] for m in row["messages"] if m["role"] == "assistant"]
        assert not any("Quillet" in text or "小翎" in text for text in texts)
        first = row["messages"][0]
        generic = replay.identity.GENERIC["en"] + replay.identity.GENERIC["zh"]
        personas += first["role"] == "system" and first["content"] not in generic
    assert 0.10 <= personas / len(rows) <= 0.25


def test_held_out_prompts_stand_neither_in_replay_nor_in_the_identity_records(held_out_prompts):
    seen = {evaluation.normalised(m["content"]) for row in shipped() for m in row["messages"] if m["role"] == "user"}
    seen |= {evaluation.normalised(r["user"]) for r in identity.templates()}
    assert [p for p in held_out_prompts if evaluation.normalised(p) in seen] == []


def test_held_out_prompts_do_not_occur_in_the_corpus(held_out_prompts):
    assert evaluation.leaked(1, 0, 20_000, held_out_prompts) == []
