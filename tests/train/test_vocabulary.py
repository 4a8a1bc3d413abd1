"""New tokens: begun as the mean of their pieces, trained beside LoRA, reloaded, merged, asked, refused elsewhere."""

from __future__ import annotations

import pytest
import torch

from workbench.chat.engine import Engine
from workbench.data import new_tokens
from workbench.errors import UserError
from workbench.models import adapters, trees, vocabulary
from workbench.models.hub import Hub
from workbench.models.vocabulary import Vocabulary
from workbench.specs import parse
from workbench.train.session import train

WORDS = "法国的首都,today"


def logits(model, ids):
    model.eval()
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits


@pytest.fixture(params=["qwen3", "llama"], ids=["tied head", "head of its own"])
def family(request):
    return request.param


@pytest.fixture
def finished(new_run, hub, tiny_model, family):
    def make(name="words", **changes):
        values = {"model.path": str(tiny_model(family)), "vocabulary.tokens": WORDS, "training.max_steps": 3}
        run = new_run(name, **values | changes)
        state = train(run, hub=hub)
        assert state["state"] == "finished", state["reason"]
        return run

    return make


@pytest.mark.parametrize("trained", ["new", "all"])
def test_an_adapter_with_new_tokens_reloads_and_merges(finished, hub, trained):
    run = finished(**{"vocabulary.trained": trained})
    base = hub.load(run.spec().model)
    before = logits(base.model, [5, 6, 7])
    ref = adapters.locate(run.home, "words")
    own = adapters.tokenizer_of(ref.path)
    ids = own("today 法国的首都", add_special_tokens=False)["input_ids"]
    known = Vocabulary.read(ref.path)
    assert len(own) == known.size == len(base.tokenizer) + 2
    assert set(known.ids) <= set(ids)

    tuned, _ = adapters.attach(trees.private_copy(base.model), ref)
    expected = logits(tuned, ids)
    assert expected.shape[-1] == known.size
    again, _ = adapters.attach(trees.private_copy(base.model), adapters.locate(run.home, "words/checkpoint-3"))
    assert torch.equal(logits(again, ids), expected)
    merged = adapters.merged(trees.private_copy(base.model), ref)
    assert (logits(merged, ids) - expected).abs().max() < 2e-5
    begun = vocabulary.grow(trees.private_copy(base.model), known).get_input_embeddings().weight[known.ids]
    learned = merged.get_input_embeddings().weight[known.ids]
    assert not torch.allclose(begun, learned, atol=1e-3), "the embeddings have not learned"
    assert torch.equal(logits(base.model, [5, 6, 7]), before)


def test_new_rows_begin_as_the_mean_of_their_pieces(hub, tiny_model, family):
    base = hub.load(parse({"model.path": str(tiny_model(family))}).model)
    rows = base.model.get_input_embeddings().weight.shape[0]
    words = Vocabulary.of(["today", "法国"], base.tokenizer, rows)
    grown = vocabulary.grow(trees.private_copy(base.model), words)
    for table in (grown.get_input_embeddings().weight, grown.get_output_embeddings().weight):
        for token, pieces in zip(words.ids, words.pieces, strict=True):
            assert torch.allclose(table[token], table[pieces].mean(0), atol=1e-6)
    assert base.model.get_input_embeddings().weight.shape[0] == rows


def test_it_resumes_bit_for_bit_answers_and_is_trained_further(finished, new_run, hub, home, tiny_model):
    from tests.train.conftest import curve

    whole = finished()
    changes = {"model.path": str(tiny_model("qwen3")), "vocabulary.tokens": WORDS, "training.max_steps": 3}
    if whole.spec().model.path != changes["model.path"]:
        pytest.skip("once is enough")
    stopped = new_run("stopped", **changes)
    train(stopped, hub=hub, on_progress=lambda progress: progress.step == 2 and stopped.request_stop())
    assert train(stopped, hub=hub, resume=True)["state"] == "finished"
    assert curve(stopped) == curve(whole)
    engine = Engine(hub, home)
    try:
        [answers] = engine.answer(["today"], ["base", "words"], {"max_tokens": 4}, whole.spec().model)
    finally:
        engine.close()
    assert answers[0] != answers[1]
    further = finished("further", **{"vocabulary.tokens": "", "adapter.continue_from": "words"})
    assert Vocabulary.read(further.adapter_path) == Vocabulary.read(whole.adapter_path)
    stack = {"vocabulary.tokens": "", "adapter.continue_from": "words", "adapter.continue_as": "stack"}
    on_top = finished("top", **stack)
    assert (on_top.adapter_path / "below" / "vocabulary.json").is_file()
    assert len(adapters.tokenizer_of(on_top.adapter_path)) == Vocabulary.read(whole.adapter_path).size


def test_another_vocabulary_is_refused_with_both_sizes_and_the_pair_that_fits(finished, tiny_model):
    run = finished()
    other = Hub().load(parse({"model.path": str(tiny_model("qwen3", vocab_size=320))}).model)
    with pytest.raises(UserError) as caught:
        adapters.attach(trees.private_copy(other.model), adapters.locate(run.home, "words"))
    text = caught.value.text("en")
    size = Vocabulary.read(run.adapter_path).size
    assert f"trained with {size} tokens (2 its own) on a base whose embedding has {size - 2} rows" in text
    assert "this model's has 320" in text and run.spec().model.path in text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"adapter.type": "ia3"}, "ia3 cannot train the embeddings"),
        ({"adapter.init_lora_weights": "pissa"}, "Set adapter.init_lora_weights to true"),
        ({"vocabulary.tokens": "a, e"}, "None of the 2 words is a new token"),
    ],
)
def test_what_cannot_be_extended_is_refused(new_run, hub, changes, sentence):
    run = new_run(**{"vocabulary.tokens": WORDS, "training.max_steps": 1} | changes)
    state = train(run, hub=hub)
    assert state["state"] == "failed" and sentence in state["reason"]


def test_words_that_shorten_the_corpus_most_are_learned(tiny_tokenizer):
    texts = ["人工智能改变世界，人工智能很有用。"] * 5 + ["The neighbourhood and the neighbourhood."] * 4 + ["once"]
    learned = new_tokens.learned(texts, tiny_tokenizer, 3)
    assert "neighbourhood" in learned and any("人工智能" in word for word in learned)
    assert len(learned) == 3 and "once" not in new_tokens.learned(texts, tiny_tokenizer, 100)


def test_a_word_of_letters_is_not_found_inside_another(tiny_tokenizer):
    words = Vocabulary.of(["the", "法国"], tiny_tokenizer, len(tiny_tokenizer))
    own = vocabulary.extended(tiny_tokenizer, words, new_tokens.single_word)
    assert words.ids[0] not in own("there")["input_ids"] and words.ids[0] in own("on the road")["input_ids"]
    assert words.ids[1] in own("在法国人")["input_ids"]
