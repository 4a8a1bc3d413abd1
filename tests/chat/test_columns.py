"""chat/columns.py: what a column is called -> what answers in it; mixes and strengths are exact."""

import pytest
import torch

from tests.chat.conftest import section
from workbench.chat import columns
from workbench.chat.columns import Column, Part, check, locate, parse
from workbench.chat.prompts import fit, messages
from workbench.errors import UserError


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("base", ()),
        ("one", (Part("one"),)),
        ("one/checkpoint-5", (Part("one/checkpoint-5"),)),
        ("/a/b+c", (Part("/a/b+c"),)),
        ("one@0.5", (Part("one", 0.5),)),
        ("one@-1", (Part("one", -1.0),)),
        ("one@+.5", (Part("one", 0.5),)),
        ("one@0.7+two/checkpoint-5@0.3", (Part("one", 0.7), Part("two/checkpoint-5", 0.3))),
        ("one@1 + two", (Part("one"), Part("two"))),
        ("one@now", (Part("one@now"),)),
        ("one@now@0.5+two@2", (Part("one@now", 0.5), Part("two", 2.0))),
        ("one@now+two@2", (Part("one@now"), Part("two", 2.0))),
    ],
)
def test_a_name_is_read_as_adapters_with_strengths(name, parts):
    assert parse(name) == Column(name, parts)


def test_a_live_part_names_its_run_and_a_remote_model_has_no_parts():
    assert parse("one@now").parts[0].run == "one" and parse("one").parts[0].run is None
    assert parse("remote: gpt-x+y@2 ") == Column("remote: gpt-x+y@2", (), "gpt-x+y@2")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("", "no_name"), ("  ", "no_name"), ("remote:", "no_remote_name"), ("@0.5", "bad_part"),
        ("one@11", "too_strong"), ("base@0.5", "base_in_mix"), ("one@0.5+base@1", "base_in_mix"),
    ],
)  # fmt: skip
def test_what_is_no_column_is_refused_with_a_sentence(name, key):
    with pytest.raises(UserError) as caught:
        parse(name)
    assert caught.value.key == f"columns.{key}"
    assert caught.value.text("zh") != caught.value.text("en")


def test_names_lead_to_what_is_on_disk(home, make_run, tiny_model):
    model = tiny_model("qwen3")
    run = make_run("one", model, checkpoints=(5, 10))
    make_run("young", model, checkpoints=(3,), result=False)
    assert locate(home, "base").refs == ()
    (ref, strength), (other, weight) = locate(home, "one@0.5+one/checkpoint-5@2").refs
    assert (ref.path, strength) == (run / "adapter", 0.5) and (other.step, weight) == (5, 2.0)
    assert locate(home, "one@now").refs[0][0].name == "one", "not in training: its result"
    assert locate(home, "young@now").step == 3, "nor finished: its last checkpoint"
    assert locate(home, str(model)).model == str(model), "a whole model"
    assert columns.base_of(home, ["base", "one@0.5", "young@now", "nobody"]) == str(model)
    with pytest.raises(UserError, match="outside the workspace"):
        check(home, str(model), foreign=False)
    with pytest.raises(UserError, match="no run"):
        check(home, "nobody@0.5")


def test_a_run_that_has_saved_nothing_may_still_be_asked_live(home, make_run, tiny_model):
    make_run("fresh", tiny_model("qwen3"), result=False)
    check(home, "fresh@now")
    with pytest.raises(UserError, match="has saved no adapter yet"):
        locate(home, "fresh@now")


# -- what answers -----------------------------------------------------------------------------------------------------
def tokens(engine, model, names, **options):
    """Each column's tokens."""
    found = {}
    asked = {"max_tokens": 16, "logprobs": 0} | options
    for delta in engine.compare("Who are you?", names, asked, section(model)):
        assert delta.problem is None, str(delta.problem)
        found[delta.column] = [score.token for score in delta.scored]
    return [found[number] for number in range(len(names))]


def by_peft(model_folder, folders, weights, ids, count=16):
    """Greedy tokens of PEFT's own weighted sum."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    tree = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model_folder), folders[0], adapter_name="a0")
    for number, folder in enumerate(folders[1:], start=1):
        tree.load_adapter(folder, f"a{number}")
    names = [f"a{number}" for number in range(len(folders))]
    tree.add_weighted_adapter(names, weights, "sum", combination_type="cat")
    tree.set_adapter("sum")
    sequence = list(ids)
    with torch.inference_mode():
        for _ in range(count):
            token = tree(input_ids=torch.tensor([sequence])).logits[0, -1].argmax().item()
            if token == 2:
                break
            sequence.append(token)
    return sequence[len(ids) :]


def test_strengths_and_mixes_are_pefts_weighted_sum_token_by_token(engine, make_run, tiny_model):
    model = tiny_model("qwen3")
    one = make_run("one", model, r=4) / "adapter"
    two = make_run("two", model, r=8, target_modules=["q_proj", "down_proj"], use_rslora=True) / "adapter"
    base = engine.hub.load(section(model))
    ids, _ = fit(messages("Who are you?"), base.tokenizer, 256, 16)
    names = ["base", "one", "one@0.5", "one@0.7+two@-0.3", "two@1+one@1", "one@0", "one@1"]
    found = tokens(engine, model, names)
    assert found[2] == by_peft(model, [one], [0.5], ids)
    assert found[3] == by_peft(model, [one, two], [0.7, -0.3], ids)
    # The order is ours: PEFT scales the sum wrongly when the first of its adapters is rsLoRA.
    assert found[4] == by_peft(model, [one, two], [1.0, 1.0], ids)
    assert found[5] == found[0] and found[6] == found[1]
    assert len({tuple(row) for row in found[:5]}) == 5, "all differ"
    for name, together in zip(names, found, strict=True):
        assert tokens(engine, model, [name]) == [together], "alone as beside the others"


def test_kinds_that_are_no_plain_sum_are_refused_at_a_strength_and_the_others_go_on(
    engine, home, make_run, make_adapter, tiny_model
):
    from peft import IA3Config, LoraConfig

    model = tiny_model("llama")
    task = {"task_type": "CAUSAL_LM", "target_modules": ["q_proj", "v_proj"]}
    configs = {
        "ia3": IA3Config(feedforward_modules=[], **task),
        "dora": LoraConfig(r=4, use_dora=True, **task),
        "whole": LoraConfig(r=4, modules_to_save=["lm_head"], **task),
        "embedding": LoraConfig(r=4, **task | {"target_modules": ["q_proj", "embed_tokens"]}),
    }
    folders = {name: make_adapter(home / "kinds" / name, model, config=config) for name, config in configs.items()}
    make_run("one", model)
    names = ["one@0.5", *(f"{folder}@0.5" for folder in folders.values()), f"one@0.5+{folders['ia3']}@0.5"]
    last = {d.column: d for d in engine.compare("hi", names, {"max_tokens": 4}, section(model)) if d.done}
    assert last[0].problem is None and last[0].tokens > 0
    said = [str(last[number].problem) for number in range(1, len(names))]
    assert all("neither weakened nor mixed" in text for text in said)
    kinds = [last[number].problem.params["kind"] for number in range(1, len(names))]
    assert kinds == ["IA3", "DoRA", "LoRA + modules_to_save", "LoRA + embeddings", "IA3"]


def test_a_whole_model_is_a_column_beside_the_base_and_adapters(engine, make_run, tiny_model):
    model, other = tiny_model("qwen3"), tiny_model("llama")
    make_run("one", model)
    found = tokens(engine, model, ["base", str(other), "one"])
    assert found[1] == tokens(engine, other, ["base"])[0]
    assert [found[0], found[2]] == tokens(engine, model, ["base", "one"])


def test_eight_columns_answer_in_one_request_with_options_of_their_own(engine, make_run, tiny_model):
    model = tiny_model("qwen3")
    make_run("one", model)
    names = ["base", "one", "one@0.5", "base", "one@2", "base", "one", "one@-1"]
    common = {"max_tokens": 12, "logprobs": 0, "temperature": 1.0, "seed": 3}
    options = [common] * 7 + [common | {"temperature": 0.0, "max_tokens": 5}]
    found = {}
    for delta in engine.compare("hi", names, options, section(model)):
        found[delta.column] = [score.token for score in delta.scored]
    assert found[0] == found[3] == found[5] and found[1] == found[6], "the same random numbers at every position"
    assert len(found[7]) <= 5 and found[7] == tokens_of(engine, model, "one@-1", options[7])
    with pytest.raises(UserError, match="7 sets of options for 8 columns"):
        engine.compare("hi", names, options[:7], section(model))


def tokens_of(engine, model, name, options):
    return [score.token for score in list(engine.compare("hi", [name], options, section(model)))[-1].scored]


def test_prompts_are_counted_as_they_are_answered_and_a_failing_column_is_told(engine, make_run, tiny_model):
    model = tiny_model("qwen3")
    make_run("one", model)
    told = []
    prompts = ["hi", "Who are you?", "word " * 600]
    answers = engine.answer(
        prompts, ["base", "nobody", "one"], {"max_tokens": 4}, section(model),
        on_answer=lambda prompt, column, delta: told.append((prompt, column, delta.problem and delta.problem.key)),
    )  # fmt: skip
    assert sorted(told, key=str) == sorted(
        [(0, 0, None), (1, 0, None), (0, 2, None), (1, 2, None), (2, 0, "engine.too_long"), (2, 2, "engine.too_long")]
        + [(number, 1, "adapters.unknown") for number in range(3)],
        key=str,
    )
    assert answers[0][1] == "" and answers[0][0] != "" and answers[2] == ["", "", ""]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_answer_goes_on_as_if_it_had_never_been_cut_off(engine, make_run, tiny_model, temperature):
    model = tiny_model("qwen3")
    make_run("one", model)
    options = {"temperature": temperature, "seed": 4, "logprobs": 0}
    whole = {d.column: d for d in engine.compare("hi", ["base", "one"], options | {"max_tokens": 14}, section(model))}
    begun = [tuple(score.token for score in whole[number].scored[:6]) for number in (0, 1)]
    rest = {
        d.column: d
        for d in engine.compare("hi", ["base", "one"], options | {"max_tokens": 8}, section(model), begun=begun)
    }  # noqa: E501
    for number in (0, 1):
        assert rest[number].text == whole[number].text
        tokens_after = [score.token for score in whole[number].scored[6:]]
        assert [score.token for score in rest[number].scored] == tokens_after
    last = list(engine.compare("hi", ["base"], options | {"max_tokens": 1}, section(model), begun=["I am"]))[-1]
    assert last.text.startswith("I am") and last.tokens == 1
