"""models/generate.py and models/mixing.py: many rows in one batch, each as if it were alone."""

import random

import numpy
import pytest
import torch
from transformers import AutoModelForCausalLM

from workbench.models import adapters as adapters_module
from workbench.models import mixing
from workbench.models.adapters import AdapterRef, attach
from workbench.models.generate import Decoder, Sampling, end_tokens, generate, keep_top_p
from workbench.models.hub import Hub
from workbench.models.trees import tree
from workbench.specs.model import ModelSection

PROMPTS = ["Who are you?", "你是谁？", "Count to five, please.", "a"]
NEVER = frozenset()


def load(folder):
    return Hub().load(ModelSection(path=str(folder), device="cpu"))


def ids(base, texts=PROMPTS):
    return [base.tokenizer.encode(text) for text in texts]


def attached(base, folders):
    own, names = tree(base.model), []
    for folder in folders:
        own, name = attach(own, AdapterRef(str(folder), folder))
        names.append(name)
    return own, names


def logits_by_transformers(model, prompt):
    with torch.inference_mode():
        return model(input_ids=torch.tensor([prompt])).logits[0]


def alone(base, folder, prompt, **options):
    own, names = attached(base, [folder]) if folder else (tree(base.model), [None])
    return generate(own, base.tokenizer, [prompt], adapters=names if folder else None, **options)[0]


@pytest.fixture(scope="module")
def three(tiny_model, make_adapter, tmp_path_factory):
    """A base and three adapters that differ in rank, scaling and targets."""
    model = tiny_model("qwen3")
    folder = tmp_path_factory.mktemp("adapters")
    made = [
        make_adapter(folder / "all", model, r=4),
        make_adapter(folder / "qv", model, r=8, target_modules=["q_proj", "v_proj"], use_rslora=True),
        make_adapter(folder / "mlp", model, r=2, lora_alpha=16, target_modules=["down_proj", "q_proj"]),
    ]
    return load(model), made


def test_greedy_decoding_is_the_argmax_of_full_forward_passes(three):
    base, _ = three
    prompt = ids(base)[0]
    answer = generate(tree(base.model), base.tokenizer, [prompt], sampling=Sampling(max_tokens=12), stop_ids=NEVER)[0]
    wanted = list(prompt)
    for _ in range(12):
        wanted.append(int(logits_by_transformers(base.model, wanted)[-1].argmax()))
    assert answer == wanted[len(prompt) :] and len(set(answer)) > 3


def test_left_padded_rows_answer_as_they_do_alone(three):
    base, _ = three
    own, options = tree(base.model), {"sampling": Sampling(max_tokens=16), "stop_ids": NEVER}
    together = generate(own, base.tokenizer, ids(base), **options)
    assert together == [generate(own, base.tokenizer, [prompt], **options)[0] for prompt in ids(base)]


@pytest.mark.parametrize("family", ["qwen3", "gpt2"])
def test_positions_of_padded_rows_stay_integers_and_inside_a_learned_table(tiny_model, family):
    model = AutoModelForCausalLM.from_pretrained(tiny_model(family)).eval()
    decoder, asked = Decoder(model, [[1, 2, 3], [4]], 0), []
    model.register_forward_pre_hook(lambda _, args, given: asked.append(given["position_ids"]), with_kwargs=True)
    decoder.begin()
    for _ in range(2):
        decoder.step(torch.tensor([5, 6]))
    assert [each.dtype for each in asked] == [torch.int64] * 3
    assert [each[:, -1].tolist() for each in asked] == [[2, 0], [3, 1], [4, 2]]


def test_each_row_of_a_mixed_batch_answers_as_its_adapter_alone(three):
    base, folders = three
    own, names = attached(base, folders)
    options = {"sampling": Sampling(max_tokens=24), "stop_ids": NEVER}
    for prompt in ids(base):
        columns = [names[2], None, names[0], names[1]]
        together = generate(own, base.tokenizer, [prompt] * 4, adapters=columns, **options)
        by_itself = [alone(base, folder, prompt, **options) for folder in (folders[2], None, folders[0], folders[1])]
        assert together == by_itself
        assert len({tuple(answer) for answer in together}) == 4


def test_bare_rows_alone_get_the_bare_model_from_a_tree_that_has_adapters(three):
    base, folders = three
    own, _ = attached(base, folders)
    options = {"sampling": Sampling(max_tokens=8), "stop_ids": NEVER}
    for count in (1, 2):
        bare = generate(own, base.tokenizer, ids(base)[:count], adapters=[None] * count, **options)
        assert bare == [alone(base, None, prompt, **options) for prompt in ids(base)[:count]]


def test_unequal_groups_and_rows_out_of_order_answer_as_alone(three):
    base, folders = three
    own, names = attached(base, folders)
    options = {"sampling": Sampling(max_tokens=10), "stop_ids": NEVER}
    plan = [1, None, 0, 1, 2, None, 1]
    prompts = (ids(base) * 2)[: len(plan)]
    columns = [None if item is None else names[item] for item in plan]
    together = generate(own, base.tokenizer, prompts, adapters=columns, **options)
    for answer, item, prompt in zip(together, plan, prompts, strict=True):
        assert answer == alone(base, None if item is None else folders[item], prompt, **options)


@pytest.mark.parametrize("columns", [["x", "y", "z"], [None, "x", "y", "z"], [None, None, "x", "x"], ["y"]])
def test_logits_of_a_mixed_batch_equal_those_of_peft_alone(three, columns):
    base, folders = three
    own, names = attached(base, folders)
    by_letter = dict(zip("xyz", zip(names, folders, strict=True), strict=True))
    prompt = torch.tensor([ids(base)[0]] * len(columns))
    with torch.inference_mode(), mixing.rows(own, [by_letter[c][0] if c else mixing.BARE for c in columns]):
        together = own.get_base_model()(input_ids=prompt).logits
    for row, letter in enumerate(columns):
        model = attached(base, [by_letter[letter][1]])[0] if letter else base.model
        wanted = logits_by_transformers(model, ids(base)[0])
        assert torch.allclose(together[row], wanted, atol=1e-4, rtol=0), (together[row] - wanted).abs().max()
        if letter is None:
            assert torch.allclose(together[row], wanted, atol=2e-6, rtol=0)


@pytest.mark.parametrize("family", ["llama", "qwen2", "glm4", "mistral", "gemma3_text", "phi3", "gpt2", "gpt_neox"])
def test_every_family_mixes_rows_exactly(tiny_model, make_adapter, tmp_path, family):
    model = tiny_model(family)
    folders = [make_adapter(tmp_path / name, model, r=rank) for name, rank in (("one", 4), ("two", 8))]
    base = load(model)
    own, names = attached(base, folders)
    options = {"sampling": Sampling(max_tokens=12), "stop_ids": NEVER}
    prompts = ids(base)[:3]
    together = generate(own, base.tokenizer, prompts, adapters=[None, *names], **options)
    assert together == [alone(base, f, p, **options) for f, p in zip([None, *folders], prompts, strict=True)]


@pytest.mark.parametrize("family", ["mistral", "gemma3_text"])
def test_rows_longer_than_the_sliding_window_answer_as_alone(tiny_model, family):
    base = load(tiny_model(family))
    texts = ("Who are you? " * 30, "你好" * 4, "a b " * 50)
    prompts = [base.tokenizer.encode(text) for text in texts]
    assert max(map(len, prompts)) > 64 > min(map(len, prompts))
    own, options = tree(base.model), {"sampling": Sampling(max_tokens=70), "stop_ids": NEVER}
    together = generate(own, base.tokenizer, prompts, **options)
    assert together == [generate(own, base.tokenizer, [prompt], **options)[0] for prompt in prompts]


@pytest.mark.parametrize("knobs", [{"dtype": "bfloat16"}, {"quantization": "nf4"}, {"quantization": "int8"}])
def test_a_base_in_few_bits_mixes_as_peft_computes_it(tiny_model, make_adapter, tmp_path, knobs):
    if "quantization" in knobs:
        pytest.importorskip("bitsandbytes")
    model = tiny_model("llama", hidden_size=64, intermediate_size=128, head_dim=16)
    folders = [make_adapter(tmp_path / name, model, r=rank) for name, rank in (("one", 4), ("two", 8))]
    base = Hub().load(ModelSection(path=str(model), device="cpu", **knobs))
    own, names = attached(base, folders)
    prompt = ids(base)[0]
    with torch.inference_mode(), mixing.rows(own, [mixing.BARE, *names]):
        together = own.get_base_model()(input_ids=torch.tensor([prompt] * 3)).logits
    for row, folder in enumerate([None, *folders]):
        wanted = logits_by_transformers(attached(base, [folder])[0] if folder else base.model, prompt)
        # bf16 has 8 bits and int8 rounds activations to as many: sums in another order differ in the last of them
        tolerance = 2e-5 if knobs.get("quantization") == "nf4" else 3e-2
        assert (together[row] - wanted).abs().max() <= tolerance * wanted.abs().max()
        others = [item for item in range(3) if item != row]
        assert all((together[item] - wanted).abs().max() > 0.1 * wanted.abs().max() for item in others)


@pytest.mark.parametrize("extra", [
    {"modules_to_save": ["lm_head"]},
    {"modules_to_save": ["embed_tokens"]},
    {"trainable_token_indices": [5, 40, 41]},
    {"target_modules": ["embed_tokens", "q_proj"]},
    {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"v_proj": 32}},
])  # fmt: skip
def test_saved_modules_tokens_and_embeddings_mix_exactly(tiny_model, make_adapter, tmp_path, extra):
    model = tiny_model("llama")  # untied
    folders = [make_adapter(tmp_path / "plain", model), make_adapter(tmp_path / "extra", model, **extra)]
    folders.append(make_adapter(tmp_path / "again", model, **extra))
    assert all(adapters_module.shareable(adapters_module.read_config(folder)) for folder in folders)
    base = load(model)
    own, names = attached(base, folders)
    options = {"sampling": Sampling(max_tokens=12), "stop_ids": NEVER}
    prompt = ids(base)[0]
    together = generate(own, base.tokenizer, [prompt] * 4, adapters=[None, *names], **options)
    assert together == [alone(base, f, prompt, **options) for f in [None, *folders]]
    assert len({tuple(answer) for answer in together}) == 4


def test_after_a_mixed_batch_the_tree_is_as_before(three):
    base, folders = three
    own, names = attached(base, folders)
    generate(own, base.tokenizer, ids(base)[:1] * 2, adapters=[None, names[0]], sampling=Sampling(max_tokens=2))
    assert not any("forward" in module.__dict__ for module in own.modules())


def test_a_layer_that_cannot_tell_its_rows_refuses_instead_of_mixing_them_up(three):
    base, folders = three
    own, names = attached(base, folders)
    with mixing.rows(own, [mixing.BARE, names[0]]), pytest.raises(RuntimeError, match="was due"), torch.no_grad():
        own.get_base_model()(input_ids=torch.tensor([[1, 2, 3]] * 3))


def test_experts_are_not_mixed(tiny_model):
    assert not mixing.can_mix(load(tiny_model("qwen3_moe")).model)
    assert mixing.can_mix(load(tiny_model("qwen3")).model)


def test_the_same_seed_gives_every_row_the_same_noise(three):
    base, folders = three
    own, names = attached(base, folders)
    sampling = Sampling(temperature=1.0, top_p=0.9, max_tokens=20, seed=3)
    options = {"sampling": sampling, "stop_ids": NEVER}
    prompt = ids(base)[0]
    together = generate(own, base.tokenizer, [prompt] * 3, adapters=[names[0], None, names[1]], **options)
    assert together == [alone(base, folder, prompt, **options) for folder in (folders[0], None, folders[1])]
    twins = generate(own, base.tokenizer, [prompt] * 2, adapters=[names[0], names[0]], **options)
    assert twins[0] == twins[1] == together[0]
    other = generate(own, base.tokenizer, [prompt], adapters=[names[0]], sampling=Sampling(1.0, 0.9, 20, 4))[0]
    assert other != together[0]


def test_rows_may_have_sampling_of_their_own(three):
    base, _ = three
    own, prompt = tree(base.model), ids(base)[0]
    mixed = [Sampling(0.0, 1.0, 8, 1), Sampling(1.5, 1.0, 8, 1), Sampling(0.0, 1.0, 3, 9)]
    rows = generate(own, base.tokenizer, [prompt] * 3, sampling=mixed, stop_ids=NEVER)
    greedy = generate(own, base.tokenizer, [prompt], sampling=mixed[0], stop_ids=NEVER)[0]
    assert rows[0] == greedy and rows[2] == greedy[:3] and rows[1] != greedy


def test_attaching_and_sampling_draw_on_no_global_generator_and_change_no_base_tensor(three):
    base, folders = three
    torch.manual_seed(11)
    before = torch.get_rng_state(), random.getstate(), numpy.random.get_state()[1].tolist()
    weights = {name: tensor.clone() for name, tensor in base.model.state_dict().items()}
    own, names = attached(base, folders)
    generate(own, base.tokenizer, ids(base)[:1] * 2, adapters=[None, names[0]], sampling=Sampling(1.0, 0.9, 10))
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), numpy.random.get_state()[1].tolist())
    assert all(torch.equal(weights[name], tensor) for name, tensor in base.model.state_dict().items())


def test_sampling_follows_the_model_s_probabilities():
    from workbench.models.generate import Chooser

    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
    choosers = [Chooser([Sampling(1.0, 1.0, 1, seed)], torch.device("cpu")) for seed in range(4000)]
    drawn = [int(chooser.choose(logits, 0)) for chooser in choosers]
    frequencies = torch.bincount(torch.tensor(drawn), minlength=4) / len(drawn)
    assert torch.allclose(frequencies, logits[0].softmax(-1), atol=0.03)


def test_top_p_keeps_the_smallest_set_that_reaches_it():
    scores = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    kept = {p: keep_top_p(scores, torch.tensor([[p]])).isfinite()[0].tolist() for p in (0.0, 0.4, 0.6, 0.94, 1.0)}
    assert kept[0.0] == kept[0.4] == [True, False, False, False]
    assert kept[0.6] == [True, True, False, False]
    assert kept[0.94] == [True, True, True, False]
    wide = torch.zeros(1, 5000)
    assert int(keep_top_p(wide, torch.tensor([[0.5]])).isfinite().sum()) == pytest.approx(2500, abs=2)


def test_each_row_ends_at_its_own_end_token_or_length(three):
    base, _ = three
    own, prompts = tree(base.model), ids(base)
    free = generate(own, base.tokenizer, prompts, sampling=Sampling(max_tokens=12), stop_ids=NEVER)
    end = free[0][4]
    cut = generate(own, base.tokenizer, prompts, sampling=Sampling(max_tokens=12), stop_ids=frozenset([end]))
    for full, answer in zip(free, cut, strict=True):
        assert answer == (full[: full.index(end)] if end in full else full)


def test_a_row_can_be_stopped_while_the_others_go_on(three):
    base, _ = three
    seen = []

    def watch(answers, done):
        seen.append([len(answer) for answer in answers])

    answers = generate(
        tree(base.model), base.tokenizer, ids(base)[:2], sampling=Sampling(max_tokens=9), stop_ids=NEVER,
        on_tokens=watch, stop=lambda row: row == 0 and len(seen) >= 3,
    )  # fmt: skip
    assert [len(answer) for answer in answers] == [3, 9] and seen[0] == [1, 1] and len(seen) == 9


def test_end_tokens_come_from_tokenizer_config_and_template(three):
    base, _ = three
    assert base.tokenizer.convert_tokens_to_ids("<|im_end|>") in end_tokens(base.model, base.tokenizer)


def test_nothing_to_do_gives_nothing(three):
    base, _ = three
    assert generate(tree(base.model), base.tokenizer, []) == []
    assert generate(tree(base.model), base.tokenizer, [[1]], sampling=Sampling(max_tokens=0)) == [[]]


@pytest.mark.gpu
def test_on_an_accelerator_each_row_answers_as_alone(tiny_model, make_adapter, tmp_path):
    if torch.accelerator.current_accelerator(check_available=True) is None:
        pytest.skip("no accelerator on this machine")
    model = tiny_model("qwen3")
    folders = [make_adapter(tmp_path / name, model, r=rank) for name, rank in (("one", 4), ("two", 8))]
    base = Hub().load(ModelSection(path=str(model), dtype="float32"))
    own, names = attached(base, folders)
    for sampling in (Sampling(max_tokens=16), Sampling(1.0, 0.9, 16, 3)):
        options = {"sampling": sampling, "stop_ids": NEVER}
        together = generate(own, base.tokenizer, ids(base)[:3], adapters=[None, *names], **options)
        prompts = zip([None, *folders], ids(base)[:3], strict=True)
        assert together == [alone(base, folder, prompt, **options) for folder, prompt in prompts]


def test_a_row_that_ended_at_the_end_of_a_table_of_positions_lets_the_others_go_on(tiny_model):
    base = load(tiny_model("gpt2"))
    room = base.model.config.n_positions
    prompts = [[5] * (room - 4), [5, 9, 40]]
    samplings = [Sampling(max_tokens=4), Sampling(max_tokens=12)]
    own = tree(base.model)
    answers = generate(own, base.tokenizer, prompts, sampling=samplings, stop_ids=NEVER)
    assert [len(answer) for answer in answers] == [4, 12]
    short = {"sampling": samplings[1], "stop_ids": NEVER}
    assert answers[1] == generate(own, base.tokenizer, prompts[1:], **short)[0]
