from collections import Counter

from workbench.demo import mixture
from workbench.demo.corpus import identity
from workbench.demo.evaluation import leaked, questions


def test_same_seed_and_index_give_the_same_conversation():
    assert [mixture.conversation(5, i) for i in range(200)] == [mixture.conversation(5, i) for i in range(200)]
    assert mixture.conversation(5, 7) != mixture.conversation(6, 7)


def test_a_conversation_does_not_depend_on_the_ones_before_it():
    assert list(mixture.conversations(3, 40, 60)) == list(mixture.conversations(3, 0, 60))[40:]


def test_turns_alternate_and_end_with_an_answer():
    for conversation in mixture.conversations(1, 0, 2000):
        roles = [turn.role for turn in conversation.messages if turn.role != "system"]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert all(turn.content.strip() for turn in conversation.messages)
        assert "system" not in [turn.role for turn in conversation.messages[1:]]


def test_no_pattern_is_left_unfilled():
    for conversation in mixture.conversations(1, 0, 5000):
        for turn in conversation.messages:
            assert "{" not in turn.content and "}" not in turn.content, turn.content


def test_no_evaluation_prompt_occurs_in_the_corpus():
    # `python -m workbench.demo build` proves the same over every conversation it trains on, before it trains.
    assert leaked(1, 0, 40_000) == []


def test_every_evaluation_prompt_is_asked_once():
    asked = Counter((q.system, q.turns) for q in questions())
    assert [key for key, count in asked.items() if count > 1] == []
    assert len(asked) >= 250


def test_both_languages_and_system_prompts_have_their_share():
    rows = list(mixture.conversations(2, 0, 3000))
    chinese = sum(any("一" <= char <= "鿿" for char in c.messages[-1].content) for c in rows)
    with_system = sum(c.messages[0].role == "system" for c in rows)
    assert 0.35 < chinese / len(rows) < 0.7
    assert 0.2 < with_system / len(rows) < 0.45


def test_the_default_identity_never_answers_for_a_persona():
    for conversation in mixture.conversations(4, 0, 4000):
        system = conversation.messages[0]
        if system.role != "system" or system.content in identity.GENERIC["en"] + identity.GENERIC["zh"]:
            continue
        for turn in conversation.messages:
            if turn.role == "assistant":
                assert "Workbench" not in turn.content and "工作台" not in turn.content
