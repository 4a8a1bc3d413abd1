"""chat/engine.py: columns answered side by side, each by its own model and nobody else's."""

import json
import random
import shutil
import threading
import time

import numpy
import pytest
import torch
from safetensors.torch import load_file

from tests.chat.conftest import section
from workbench.chat.engine import Engine
from workbench.chat.prompts import fit, messages
from workbench.errors import UserError
from workbench.models.adapters import AdapterRef, attach
from workbench.models.generate import Sampling, generate
from workbench.models.hub import Hub
from workbench.models.trees import tree
from workbench.specs.model import ModelSection

LONG = {"max_tokens": 24}


def finals(deltas):
    """column -> its last delta; checks that each column ends exactly once and no text shrinks."""
    last, texts = {}, {}
    for delta in deltas:
        assert delta.column not in last, "news after the end"
        if not delta.done:
            assert delta.tokens > texts.get(delta.column, 0)
            texts[delta.column] = delta.tokens
        else:
            last[delta.column] = delta
    return last


def alone(model_folder, adapter_folder, prompt, max_tokens=24):
    """The answer of one adapter, computed without the engine."""
    base = Hub().load(section(model_folder))
    own = tree(base.model)
    if adapter_folder is not None:
        own, _ = attach(own, AdapterRef("x", adapter_folder))
    return said(base, own, prompt, max_tokens)


def said(base, own, prompt, max_tokens=24):
    ids, _ = fit(messages(prompt), base.tokenizer, 256, max_tokens)
    answer = generate(own, base.tokenizer, [ids], sampling=Sampling(max_tokens=max_tokens))[0]
    return base.tokenizer.decode(answer, skip_special_tokens=True).strip()


def test_each_column_answers_as_its_model_alone(engine, make_run, tiny_model):
    model = tiny_model("qwen3")
    one = make_run("one", model, checkpoints=(5,), r=4)
    two = make_run("two", model, r=8, target_modules=["q_proj", "down_proj"])
    columns = ["one", "base", "two", "one/checkpoint-5"]
    folders = [one / "adapter", None, two / "adapter", one / "checkpoint-5"]
    last = finals(engine.compare("Who are you?", columns, LONG, section(model)))
    wanted = [alone(model, folder, "Who are you?") for folder in folders]
    assert [last[place].text for place in range(4)] == wanted
    assert len(set(wanted)) == 4
    assert all(delta.error is None and delta.finish in ("stop", "length") for delta in last.values())


def test_a_batch_of_prompts_gives_each_its_own_answer_in_every_column(engine, make_run, tiny_model):
    model = tiny_model("qwen3")
    folder = make_run("one", model) / "adapter"
    prompts = ["Who are you?", "你是谁？", ["a", "b", "and now?"]]
    answers = engine.answer(prompts, ["base", "one"], LONG, section(model))
    assert answers == [[alone(model, None, prompt), alone(model, folder, prompt)] for prompt in prompts]


def test_columns_may_have_histories_of_their_own(engine, make_run, tiny_model):
    model = tiny_model("qwen3")
    make_run("one", model)
    histories = [["hi", "I am the base", "who?"], ["hi", "I am one", "who?"]]
    last = finals(engine.compare(histories, ["base", "base"], LONG, section(model)))
    assert [last[0].text, last[1].text] == [alone(model, None, history) for history in histories]
    with pytest.raises(UserError, match="2 conversations for 3 columns"):
        engine.compare(histories, ["base"] * 3, LONG, section(model))


def test_the_base_column_never_carries_an_adapter(engine, make_run, tiny_model):
    model = tiny_model("qwen3")
    make_run("one", model)
    base = engine.hub.load(section(model))
    ids = torch.arange(12)[None]
    with torch.no_grad():
        before = base.model(ids).logits
    wanted = alone(model, None, "hi")
    for columns in (["base"], ["one"], ["base", "one"], ["one", "base"], ["base"]):
        last = finals(engine.compare("hi", columns, LONG, section(model)))
        for place, name in enumerate(columns):
            assert (last[place].text == wanted) == (name == "base")
    with torch.no_grad():
        assert torch.equal(base.model(ids).logits, before)


def test_answers_draw_on_no_global_generator(engine, make_run, tiny_model):
    model = tiny_model("qwen3")
    make_run("one", model)
    torch.manual_seed(5)
    before = torch.get_rng_state(), random.getstate(), numpy.random.get_state()[1].tolist()
    options = {"temperature": 1.0, "top_p": 0.9, "max_tokens": 12, "seed": 3}
    first = finals(engine.compare("hi", ["base", "one"], options, section(model)))
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), numpy.random.get_state()[1].tolist())
    again = finals(engine.compare("hi", ["one"], options, section(model)))
    assert again[0].text == first[1].text, "alone as beside others, by the same seed"


def test_chatting_leaves_the_loss_curve_of_a_training_beside_it_as_it_was(engine, make_run, tiny_model):
    from peft import LoraConfig, get_peft_model

    model = tiny_model("qwen3")
    make_run("one", model)
    base = engine.hub.load(section(model))
    rows = torch.randint(0, 200, (4, 16), generator=torch.Generator().manual_seed(1))

    def train(between) -> list[float]:
        torch.manual_seed(0)
        tuned = get_peft_model(tree(base.model), LoraConfig(r=4, target_modules="all-linear", lora_dropout=0.2)).train()
        optimizer = torch.optim.AdamW([p for p in tuned.parameters() if p.requires_grad], lr=1e-2)
        losses = []
        for step in range(8):
            between(step)
            loss = tuned(rows, labels=rows).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        return losses

    def chat(step: int) -> None:
        make_run(f"fresh-{step}", model)  # hot-loaded, a new one each time
        columns = ["base", "one", f"fresh-{step}"]
        list(engine.compare("hi", columns, {"temperature": 1.0, "max_tokens": 6}, section(model)))

    quiet = train(lambda step: None)
    assert train(chat) == quiet
    # and at the same moment, in the other thread
    stop = threading.Event()

    def keep_asking():
        while not stop.is_set():
            list(engine.compare("hi", ["base", "one"], {"temperature": 1.0, "max_tokens": 8}, section(model)))

    asker = threading.Thread(target=keep_asking)
    asker.start()
    try:
        assert train(lambda step: None) == quiet
    finally:
        stop.set()
        asker.join()


# -- what cannot share a batch --------------------------------------------------------------------------------------
def kinds():
    from peft import (
        AdaLoraConfig,
        BOFTConfig,
        FourierFTConfig,
        HRAConfig,
        IA3Config,
        LNTuningConfig,
        LoHaConfig,
        LoKrConfig,
        LoraConfig,
        MissConfig,
        OFTConfig,
        PrefixTuningConfig,
        PromptEncoderConfig,
        PromptTuningConfig,
        RandLoraConfig,
        TrainableTokensConfig,
        VeraConfig,
    )

    targets = {"target_modules": ["q_proj", "v_proj"]}
    task = {"task_type": "CAUSAL_LM"}
    return {
        "lora": LoraConfig(r=4, **targets, **task),
        "rslora": LoraConfig(r=4, use_rslora=True, **targets, **task),
        "embedding": LoraConfig(r=4, target_modules=["q_proj", "embed_tokens"], **task),
        "whole_modules": LoraConfig(r=4, modules_to_save=["lm_head"], **targets, **task),
        "new_tokens": LoraConfig(r=4, trainable_token_indices=list(range(3, 250)), **targets, **task),
        "adalora": AdaLoraConfig(init_r=4, target_r=2, total_step=10, tinit=1, tfinal=1, **targets, **task),
        "miss": MissConfig(r=4, **targets, **task),
        "hra": HRAConfig(r=4, **targets, **task),
        "fourierft": FourierFTConfig(n_frequency=20, **targets, **task),
        "randlora": RandLoraConfig(r=4, **targets, **task),
        "tokens": TrainableTokensConfig(token_indices=list(range(3, 250)), **task),
        "dora": LoraConfig(r=4, use_dora=True, **targets, **task),
        "bias": LoraConfig(r=4, bias="all", **targets, **task),
        "lora_bias": LoraConfig(r=4, lora_bias=True, **targets, **task),
        "ia3": IA3Config(target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"], **task),
        "loha": LoHaConfig(r=4, **targets, **task),
        "lokr": LoKrConfig(r=4, **targets, **task),
        "oft": OFTConfig(r=0, oft_block_size=4, **targets, **task),
        "boft": BOFTConfig(boft_block_size=4, **targets, **task),
        "vera": VeraConfig(r=4, **targets, **task),
        "ln": LNTuningConfig(target_modules=["input_layernorm"], **task),
        "prefix": PrefixTuningConfig(num_virtual_tokens=3, **task),
        "prompt": PromptTuningConfig(num_virtual_tokens=3, **task),
        "p_tuning": PromptEncoderConfig(num_virtual_tokens=3, encoder_hidden_size=16, **task),
    }


def greedily(peft, ids, tokens=10):
    """Token by token through PEFT's own forward, without a cache: what the adapter was trained to do.

    Not `peft.generate`: with this transformers it leaves a learned prefix out.
    """
    sequence = list(ids)
    with torch.inference_mode():
        for _ in range(tokens):
            mask = torch.ones(1, len(sequence), dtype=torch.long)
            token = peft(input_ids=torch.tensor([sequence]), attention_mask=mask).logits[0, -1].argmax().item()
            if token == 2:  # <|im_end|>
                break
            sequence.append(token)
    return sequence[len(ids) :]


WEAK = ("ia3", "ln", "prefix", "prompt", "p_tuning", "fourierft", "tokens", "new_tokens", "hra", "randlora", "adalora")


@pytest.mark.parametrize(
    "kind",
    [
        "lora", "rslora", "embedding", "whole_modules", "new_tokens", "adalora", "miss", "hra", "fourierft", "randlora",
        "tokens", "dora", "bias", "lora_bias", "ia3", "loha", "lokr", "oft", "boft", "vera", "ln", "prefix", "prompt",
        "p_tuning",
    ],
)  # fmt: skip
def test_a_column_of_every_kind_answers_token_by_token_as_peft_does_alone(
    engine, home, make_run, make_adapter, tiny_model, kind
):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = tiny_model("qwen2" if kind == "bias" else "llama")
    folder = make_adapter(home / "kinds" / kind, model, config=kinds()[kind], strength=0.8 if kind in WEAK else 0.2)
    lora = make_run("lora", model) / "adapter"
    base = engine.hub.load(section(model))
    ids, _ = fit(messages("Who are you?"), base.tokenizer, 256, 10)
    with torch.no_grad():
        before = base.model(torch.tensor([ids])).logits
    columns = ["base", str(folder), "lora"]
    last = finals(engine.compare("Who are you?", columns, {"max_tokens": 10, "logprobs": 0}, section(model)))
    assert [delta.error for delta in last.values()] == [None] * 3
    peft = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), folder).eval()
    assert [score.token for score in last[1].scored] == greedily(peft, ids)
    assert last[0].text == alone(model, None, "Who are you?", 10) != last[1].text
    assert last[2].text == alone(model, lora, "Who are you?", 10)
    with torch.no_grad():
        assert torch.equal(base.model(torch.tensor([ids])).logits, before)


def test_several_prompts_to_a_virtual_prompt_are_answered_one_by_one(engine, home, make_adapter, tiny_model):
    model = tiny_model("llama")
    folder = make_adapter(home / "prefix", model, config=kinds()["prefix"], strength=0.5)
    prompts = ["Who are you?", "你是谁？今天天气很好。"]
    together = engine.answer(prompts, [str(folder)], LONG, section(model))
    assert together == [engine.answer([prompt], [str(folder)], LONG, section(model))[0] for prompt in prompts]


def test_a_model_with_experts_answers_each_column_in_its_own_tree(engine, make_run, tiny_model):
    model = tiny_model("qwen3_moe")
    folder = make_run("one", model, target_modules=["q_proj", "v_proj"]) / "adapter"
    last = finals(engine.compare("hi", ["base", "one"], LONG, section(model)))
    assert [last[0].text, last[1].text] == [alone(model, None, "hi"), alone(model, folder, "hi")]


def test_over_experts_strengths_and_mixes_are_the_exact_sum_of_the_updates(engine, make_run, tiny_model):
    model = tiny_model("qwen3_moe")
    parts = {name: make_run(name, model, r=rank, strength=0.4, target_modules=["q_proj", "v_proj"]) / "adapter"
             for name, rank in (("one", 4), ("two", 2))}  # fmt: skip
    columns = {"one@0.5": {"one": 0.5}, "one@0.7+two@-0.6": {"one": 0.7, "two": -0.6}, "two": {"two": 1.0}}
    last = finals(engine.compare("hi", ["base", *columns], LONG, section(model)))
    wanted = [alone(model, None, "hi")]
    for weights in columns.values():
        base = Hub().load(section(model))
        for name, weight in weights.items():
            add_update(base.model, parts[name], weight)
        wanted.append(said(base, base.model, "hi"))
    assert [last[column].text for column in range(4)] == wanted and len(set(wanted)) == 4


def add_update(model, folder, weight):
    """weight · scaling · B · A added to each layer, without PEFT."""
    config = json.loads((folder / "adapter_config.json").read_text())
    tensors = load_file(folder / "adapter_model.safetensors")
    for key in [key for key in tensors if ".lora_A." in key]:
        layer = model.get_submodule(key.removeprefix("base_model.model.").partition(".lora_A.")[0])
        update = tensors[key.replace(".lora_A.", ".lora_B.")] @ tensors[key]
        with torch.no_grad():
            layer.weight += weight * config["lora_alpha"] / config["r"] * update


# -- one column's trouble is not the others' ------------------------------------------------------------------------
def test_a_column_that_cannot_answer_says_why_and_the_others_go_on(engine, make_run, tiny_model):
    model = tiny_model("qwen3")
    make_run("good", model)
    make_run("wide", tiny_model("qwen3", hidden_size=64))
    gone = make_run("gone", model)
    half = make_run("half", model, checkpoints=(1,)) / "checkpoint-1" / "adapter_model.safetensors"
    columns = ["wide", "good", "gone", "nobody", "half/checkpoint-1"]
    assert finals(engine.compare("hi", columns[2:3], LONG, section(model)))[0].error is None
    shutil.rmtree(gone / "adapter")  # while loaded
    half.write_bytes(half.read_bytes()[:100])
    last = finals(engine.compare("hi", columns, LONG, section(model)))
    assert last[0].problem.key == "adapters.other_base"
    assert last[1].error is None and last[1].text == alone(model, gone.parent / "good" / "adapter", "hi")
    assert last[2].problem.key == "adapters.nothing_yet"
    assert last[3].problem.key == "adapters.unknown"
    assert last[4].problem.key == "adapters.half_written"
    assert all(delta.problem.text("zh") for place, delta in last.items() if place != 1)


def test_an_adapter_that_breaks_the_shared_tree_takes_no_other_with_it(engine, make_run, tiny_model):
    from safetensors.torch import load_file, save_file

    model = tiny_model("qwen3")
    good = make_run("good", model) / "adapter"
    weights = make_run("torn", model) / "adapter" / "adapter_model.safetensors"
    tensors = load_file(weights)
    tensors.pop("base_model.model.model.layers.1.mlp.up_proj.lora_B.weight")
    save_file(tensors, weights)
    for columns in (["good", "torn", "base"], ["good"]):
        last = finals(engine.compare("hi", columns, LONG, section(model)))
        assert last[0].text == alone(model, good, "hi")
    assert finals(engine.compare("hi", ["torn"], LONG, section(model)))[0].problem.key == "adapters.missing_weights"


def test_a_run_that_was_trained_again_answers_with_its_new_weights(engine, make_run, make_adapter, tiny_model):
    model = tiny_model("qwen3")
    folder = make_run("one", model) / "adapter"
    first = engine.answer(["hi"], ["one"], LONG, section(model))
    shutil.rmtree(folder)
    make_adapter(folder, model)
    second = engine.answer(["hi"], ["one"], LONG, section(model))
    assert second != first and second == [[alone(model, folder, "hi")]]


def test_more_adapters_than_stay_attached_still_answer(engine, make_run, tiny_model, monkeypatch):
    from workbench.chat import residents

    monkeypatch.setattr(residents, "SHARED_AT_MOST", 2)
    model = tiny_model("qwen3")
    folders = [make_run(f"r{number}", model) / "adapter" for number in range(4)]
    for number in (0, 1, 2, 3, 0):
        assert engine.answer(["hi"], [f"r{number}"], LONG, section(model)) == [[alone(model, folders[number], "hi")]]
    every = engine.answer(["hi"], [f"r{number}" for number in range(4)], LONG, section(model))[0]
    assert every == [alone(model, folder, "hi") for folder in folders]


def test_what_concerns_all_columns_is_raised(engine, tiny_model):
    for options, key in (
        ({"temprature": 1}, "spec.unknown_knob"), ({"temperature": -1}, "spec.bad_value"),
        ({"top_p": 0}, "spec.bad_value"), ({"max_tokens": 0}, "spec.bad_value"), ({"seed": "x"}, "spec.bad_value"),
    ):  # fmt: skip
        with pytest.raises(UserError) as caught:
            engine.compare("hi", ["base"], options, section(tiny_model("qwen3")))
        assert caught.value.key == key
    with pytest.raises(UserError, match="no model folder"):
        list(engine.compare("hi", ["base"], {}, ModelSection(path="/no/such/model")))
    with pytest.raises(UserError, match="at least one column"):
        engine.compare("hi", [], {}, None)


# -- stopping, long conversations, streaming --------------------------------------------------------------------------
def test_a_request_stops_at_its_event_and_says_so(engine, tiny_model):
    cancel = threading.Event()
    stream = engine.compare(
        "hi", ["base"], {"max_tokens": 200, "temperature": 2.0}, section(tiny_model("qwen3")), cancel=cancel
    )  # noqa: E501
    first = next(stream)
    cancel.set()
    last = first if first.done else list(stream)[-1]
    assert last.done and last.finish == "cancelled" and 0 < last.tokens < 200


def test_one_column_can_be_stopped_alone(engine, make_run, tiny_model):
    model = tiny_model("qwen3")
    make_run("one", model)
    events = [threading.Event(), threading.Event()]
    events[0].set()
    last = finals(engine.compare("hi", ["base", "one"], LONG, section(model), cancel=events))
    assert last[0].finish == "cancelled" and last[0].tokens == 0
    assert last[1].tokens > 0 and last[1].finish != "cancelled"


def test_closing_the_iterator_frees_the_engine_for_the_next_request(engine, tiny_model):
    model = section(tiny_model("qwen3"))
    stream = engine.compare("hi", ["base"], {"max_tokens": 250, "temperature": 3.0}, model)
    next(stream)
    stream.close()
    assert engine.answer(["hi"], ["base"], {"max_tokens": 2}, model)


def test_requests_of_many_threads_are_answered_each_with_its_own(engine, make_run, tiny_model):
    model = tiny_model("qwen3")
    folder = make_run("one", model) / "adapter"
    found: dict[int, list] = {}

    def ask(number: int) -> None:
        column = "one" if number % 2 else "base"
        found[number] = engine.answer([f"hi {number}"], [column], {"max_tokens": 8}, section(model))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(6):
        assert found[number] == [[alone(model, folder if number % 2 else None, f"hi {number}", 8)]]


def test_a_conversation_that_outgrows_the_window_is_cut_and_said_so(engine, tiny_model):
    turns = [text for number in range(30) for text in (f"question number {number}", "an answer")] + ["the last"]
    last = finals(engine.compare(turns, ["base"], {"max_tokens": 10}, section(tiny_model("qwen3"))))
    assert last[0].cut > 0 and last[0].error is None and last[0].tokens > 0
    last = finals(engine.compare("word " * 600, ["base"], {}, section(tiny_model("qwen3"))))
    assert last[0].problem.key == "engine.too_long"


def test_text_comes_about_ten_times_a_second_and_never_with_half_a_character(engine, tiny_model, monkeypatch):
    from workbench.chat import engine as module

    monkeypatch.setattr(module, "UPDATE_SECONDS", 0.0)
    options = {"max_tokens": 60, "temperature": 3.0}
    began = time.time()
    deltas = list(engine.compare("你好", ["base"], options, section(tiny_model("qwen3"))))
    times = [delta.when for delta in deltas]
    assert began <= times[0] and times == sorted(times) and times[-1] <= time.time()
    assert len(deltas) > 20 and not any(delta.text.endswith("\ufffd") for delta in deltas[:-1])
    monkeypatch.setattr(module, "UPDATE_SECONDS", 3600.0)
    deltas = list(engine.compare("你好", ["base"], options, section(tiny_model("qwen3"))))
    assert len(deltas) == 2 and deltas[0].tokens == 1, "the first token at once, the end at once, nothing between"
    assert deltas[1].seconds >= deltas[1].first_seconds > 0


def test_columns_list_the_base_and_what_is_on_disk(engine, make_run, tiny_model):
    assert [column["name"] for column in engine.columns()] == ["base"]
    make_run("live", tiny_model("qwen3"), checkpoints=(5,), result=False)
    assert [column["name"] for column in engine.columns()] == ["base", "live/checkpoint-5"]


def test_unload_drops_the_weights_and_the_next_question_loads_them_again(engine, make_run, tiny_model):
    import weakref

    model = section(tiny_model("qwen3"))
    make_run("one", tiny_model("qwen3"))
    before = engine.answer(["hi"], ["base", "one"], LONG, model)
    watched = weakref.ref(engine.hub.load(model).model.model.embed_tokens.weight)
    assert engine.resident()[0]["memory_bytes"] > 0
    engine.unload(model)
    assert engine.resident() == [] and watched() is None
    assert engine.answer(["hi"], ["base", "one"], LONG, model) == before


def test_a_closed_engine_says_so(home, tiny_model):
    engine = Engine(Hub(), home)
    engine.answer(["hi"], ["base"], {"max_tokens": 1}, section(tiny_model("qwen3")))
    engine.close()
    engine.close()
    with pytest.raises(UserError, match="was closed"):
        engine.answer(["hi"], ["base"], {}, section(tiny_model("qwen3")))


def test_a_model_can_be_had_ready_before_anybody_asks(engine, tiny_model):
    seen = []
    engine.load(section(tiny_model("qwen3")), progress=seen.append)
    assert (seen[0], seen[-1], sorted(seen)) == (0.0, 1.0, seen)
    assert engine.resident()[0]["name"] == "qwen3"
    with pytest.raises(UserError):
        engine.load(ModelSection(path="/no/such/model"))


def test_an_adapter_with_another_vocabulary_says_so_and_the_others_go_on(
    engine, home, make_adapter, make_run, tiny_model
):
    from peft import LoraConfig

    config = LoraConfig(r=4, target_modules=["q_proj"], modules_to_save=["lm_head"], task_type="CAUSAL_LM")
    other = make_adapter(home / "other", tiny_model("llama", vocab_size=320), config=config)
    model = tiny_model("llama")
    make_run("good", model)
    last = finals(engine.compare("hi", [str(other), "good"], LONG, section(model)))
    assert last[0].problem.key == "adapters.other_base" and "320" in str(last[0].problem)
    assert last[1].error is None and last[1].tokens > 0
