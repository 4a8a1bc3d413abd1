"""Token figures of a file, and what training and evaluation rows share."""

from workbench.data.lengths import measure
from workbench.data.load import Item
from workbench.data.overlap import overlapping
from workbench.data.reading import Seeing
from workbench.data.records import Conversation, Message
from workbench.data.render import render


def figures(talks, first, tokenizer, limit):
    items = [Item(row, None, talk, None, None, None) for row, talk in enumerate(talks, first)]
    return measure(items, tokenizer, Seeing(None, None, limit)).statistics()


def test_figures_count_whole_rows_and_what_the_cut_costs(byte_tokenizer):
    talks = [Conversation.of(("user", "q"), ("assistant", "word " * count)) for count in (1, 2, 60)]
    talks.append(Conversation((Message("user", "q"), Message("assistant", "a", weight=0.0))))
    lengths = [len(render(talk, byte_tokenizer, 10_000).input_ids) for talk in talks[:3]]
    limit = lengths[1]
    found = figures(talks, 5, byte_tokenizer, limit)
    assert found["tokens"]["max"] == lengths[2] and found["rows"] == 4
    assert (found["truncated"], found["truncated_percent"]) == (1, 25.0)
    assert found["untrained"] == [8] and found["refused"] == []
    assert 0 < found["trained_lost_percent"] < 100
    assert sum(part["count"] for part in found["histogram"]) == 4


def test_a_row_whose_answer_lies_behind_the_cut_is_listed(byte_tokenizer):
    talk = Conversation.of(("user", "long " * 50), ("assistant", "a"))
    found = figures([talk], 3, byte_tokenizer, 20)
    assert found["untrained"] == [3] and found["trained_lost_percent"] == 100.0


def test_shared_prompts_and_passages_are_found():
    passage = "the old bridge over the river was built by hand from stones of the nearby hill"
    held = [Conversation.of(("user", "Capital of France?"), ("assistant", "Paris")),
            Conversation.of(("user", "tell"), ("assistant", passage))]  # fmt: skip
    trained = [
        (1, Conversation.of(("user", "capital of france"), ("assistant", "It is Paris"))),
        (2, Conversation.of(("user", "say"), ("assistant", f"Once {passage} long ago"))),
        (3, Conversation.of(("user", "say"), ("assistant", "something else"))),
    ]
    assert overlapping(trained, held) == [(1, "same_prompt"), (2, "shared_passage")]


def test_chinese_passages_count_by_character():
    passage = "青禾实验室在海边的小城里训练了一个会说话的模型"
    held = [Conversation.of(("user", "讲"), ("assistant", passage))]
    assert overlapping([(1, Conversation.of(("user", "说"), ("assistant", "听说" + passage[3:])))], held)
