"""models/adapters.py: folders on disk -> refs -> adapters on a tree, or a sentence that says why not."""

import json
import shutil
import threading

import pytest
import torch

from workbench import runs
from workbench.errors import UserError
from workbench.models import adapters
from workbench.models.adapters import AdapterRef, attach, detach, find, locate
from workbench.models.hub import Hub
from workbench.models.trees import tree
from workbench.specs.model import ModelSection


def load(folder):
    return Hub().load(ModelSection(path=str(folder), device="cpu"))


def ref(folder) -> AdapterRef:
    return AdapterRef(str(folder), folder)


def refused(call, *args, **options) -> UserError:
    with pytest.raises(UserError) as caught:
        call(*args, **options)
    for language in ("en", "zh"):
        assert "{" not in caught.value.text(language)
    return caught.value


def logits(model):
    with torch.inference_mode():
        return model(input_ids=torch.arange(12)[None]).logits


# -- finding --------------------------------------------------------------------------------------------------------
def test_results_and_checkpoints_are_found_newest_first_while_the_run_goes_on(home, make_run, tiny_model):
    make_run("old", tiny_model("qwen3"), checkpoints=(5,))
    make_run("live", tiny_model("qwen3"), checkpoints=(5, 10), result=False)
    names = [found.name for found in find(home)]
    assert names == ["live/checkpoint-10", "live/checkpoint-5", "old", "old/checkpoint-5"]
    newest = find(home)[0]
    assert (newest.run, newest.step, newest.base) == ("live", 10, str(tiny_model("qwen3")))


def test_half_written_adapters_are_left_out(home, make_run, tiny_model):
    directory = make_run("run", tiny_model("qwen3"), checkpoints=(1, 2, 3, 4))
    weights = directory / "checkpoint-1" / adapters.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-10])
    (directory / "checkpoint-2" / adapters.CONFIG).write_text('{"peft_type": "LO')
    (directory / "checkpoint-3" / "trainer_state.json").unlink()
    assert {found.name for found in find(home)} == {"run", "run/checkpoint-4"}


def test_an_empty_workspace_has_none(home):
    assert find(home) == []


def test_columns_are_located_by_name_checkpoint_and_path(home, make_run, tiny_model, tmp_path):
    directory = make_run("run", tiny_model("qwen3"), checkpoints=(5,))
    assert locate(home, "base") == adapters.BASE
    assert locate(home, "run").path == directory / "adapter"
    assert locate(home, "run/checkpoint-5").step == 5
    elsewhere = shutil.copytree(directory / "adapter", tmp_path / "elsewhere")
    assert locate(home, str(elsewhere)).path == elsewhere


def test_a_path_that_leads_out_of_the_workspace_is_refused_unless_it_may(home, make_run, tiny_model, tmp_path):
    directory = make_run("run", tiny_model("qwen3"))
    elsewhere = shutil.copytree(directory / "adapter", tmp_path / "elsewhere")
    (home / "link").symlink_to(elsewhere)
    for name in (str(elsewhere), "../elsewhere", str(home / "link"), "./link"):
        assert refused(locate, home, name, foreign=False).key == "adapters.outside"
    assert locate(home, "./runs/run/adapter", foreign=False).path == directory / "adapter"


@pytest.mark.parametrize("name", ["nobody", "nobody/checkpoint-1", "..", "", "a\x00b", "x" * 500, "./nowhere", "/"])
def test_names_of_nothing_are_refused(home, make_run, tiny_model, name):
    make_run("run", tiny_model("qwen3"))
    refused(locate, home, name)


def test_an_unknown_name_gets_the_nearest(home, make_run, tiny_model):
    make_run("identity-1", tiny_model("qwen3"))
    assert "identity-1" in refused(locate, home, "identiy-1").text("en")


def test_a_run_without_a_result_yet_offers_its_checkpoints(home, make_run, tiny_model):
    make_run("early", tiny_model("qwen3"), result=False)
    assert refused(locate, home, "early").key == "adapters.nothing_yet"
    make_run("live", tiny_model("qwen3"), checkpoints=(5,), result=False)
    assert "live/checkpoint-5" in refused(locate, home, "live").text("en")


def test_pickled_adapter_weights_are_refused(home, make_run, tiny_model):
    path = make_run("run", tiny_model("qwen3")) / "adapter"
    (path / adapters.WEIGHTS).rename(path / "adapter_model.bin")
    assert refused(locate, home, str(path)).key == "adapters.pickle"


# -- attaching ------------------------------------------------------------------------------------------------------
def test_an_attached_adapter_computes_what_peft_computes(tiny_model, make_adapter, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model, folder = tiny_model("qwen3"), make_adapter(tmp_path / "train.eval", tiny_model("qwen3"))
    wanted = logits(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), folder))
    base = load(model)
    before = logits(base.model)
    own, name = attach(tree(base.model), ref(folder))
    assert "." not in name and torch.equal(logits(own), wanted)
    assert not torch.equal(wanted, before) and torch.equal(logits(base.model), before)
    assert not any(parameter.requires_grad for parameter in own.parameters())


def test_attach_takes_less_than_200_ms_of_computing(tiny_model, make_adapter, tmp_path):
    import time  # thread_time: other programs of the machine do not count

    base = load(tiny_model("qwen3", num_hidden_layers=4, hidden_size=256, intermediate_size=704, head_dim=64))
    folder = make_adapter(tmp_path / "a", base.path, r=16)
    own, _ = attach(tree(base.model), ref(folder))
    seconds = []
    for _ in range(5):
        began = time.thread_time()
        own, _ = attach(own, ref(folder))
        seconds.append(time.thread_time() - began)
    assert min(seconds) < 0.2, seconds


def test_detaching_one_leaves_the_other_and_the_last_leaves_the_bare_model(tiny_model, make_adapter, tmp_path):
    base = load(tiny_model("qwen3"))
    folders = [make_adapter(tmp_path / name, base.path) for name in "ab"]
    before = logits(base.model)
    own, first = attach(tree(base.model), ref(folders[0]))
    alone = logits(own)
    own, second = attach(own, ref(folders[1]))
    own = detach(own, second)
    assert torch.equal(logits(own), alone)
    own = detach(own, first)
    assert torch.equal(logits(own), before)
    own, _ = attach(own, ref(folders[0]))
    assert torch.equal(logits(own), alone)


def test_an_adapter_of_a_wider_base_is_refused_with_both_shapes(tiny_model, make_adapter, tmp_path):
    folder = make_adapter(tmp_path / "wide", tiny_model("qwen3", hidden_size=64))
    own = tree(load(tiny_model("qwen3")).model)
    error = refused(attach, own, ref(folder))
    assert error.key == "adapters.other_base" and "is 64 × 4" in error.text("en") and "needs 32 × 4" in error.text("en")
    assert not any("lora" in name for name, _ in own.named_modules())


def test_an_adapter_of_a_deeper_base_or_another_family_is_refused(tiny_model, make_adapter, tmp_path):
    own = tree(load(tiny_model("qwen3")).model)
    deep = make_adapter(tmp_path / "deep", tiny_model("qwen3", num_hidden_layers=3))
    assert "layers.2" in refused(attach, own, ref(deep)).text("en")
    other = make_adapter(tmp_path / "other", tiny_model("gpt2"))
    assert refused(attach, own, ref(other)).key == "adapters.no_such_layer"


def test_an_adapter_of_another_vocabulary_is_refused_with_both_sizes(tiny_model, make_adapter, tmp_path):
    folder = make_adapter(tmp_path / "v", tiny_model("llama", vocab_size=310), modules_to_save=["lm_head"])
    size = load(tiny_model("llama")).model.config.vocab_size
    error = refused(attach, tree(load(tiny_model("llama")).model), ref(folder))
    assert "310 × 32" in error.text("en") and f"{size} × 32" in error.text("en")


def test_a_misfit_is_refused_on_a_tree_that_already_has_an_adapter(tiny_model, make_adapter, tmp_path):
    base = load(tiny_model("qwen3"))
    good, wide = (
        make_adapter(tmp_path / "good", base.path), make_adapter(tmp_path / "w", tiny_model("qwen3", hidden_size=64))
    )  # fmt: skip
    own, _ = attach(tree(base.model), ref(good))
    before = logits(own)
    assert refused(attach, own, ref(wide)).key == "adapters.other_base"
    assert torch.equal(logits(own), before)


def test_weights_missing_in_the_file_are_named(tiny_model, make_adapter, tmp_path):
    from safetensors.torch import load_file, save_file

    base = load(tiny_model("qwen3"))
    folder = make_adapter(tmp_path / "a", base.path)
    tensors = load_file(folder / adapters.WEIGHTS)
    tensors.pop("base_model.model.model.layers.1.mlp.up_proj.lora_B.weight")
    save_file(tensors, folder / adapters.WEIGHTS)
    assert "layers.1.mlp.up_proj" in refused(attach, tree(base.model), ref(folder)).text("en")


# -- which may share a batch ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("config", "share", "writes"), [
    ({"peft_type": "LORA"}, True, False),
    ({"peft_type": "LORA", "use_rslora": True, "modules_to_save": ["lm_head"]}, True, False),
    ({"peft_type": "LORA", "trainable_token_indices": [1]}, True, False),
    ({"peft_type": "LORA", "use_dora": True}, False, False),
    ({"peft_type": "LORA", "lora_bias": True}, False, False),
    ({"peft_type": "LORA", "target_parameters": ["experts"]}, False, False),
    ({"peft_type": "LORA", "init_lora_weights": "pissa"}, False, True),
    ({"peft_type": "LORA", "init_lora_weights": "olora"}, False, True),
    ({"peft_type": "LORA", "bias": "all"}, False, True),
    ({"peft_type": "IA3"}, False, False),
    ({"peft_type": "LOHA"}, False, False),
    ({"peft_type": "PREFIX_TUNING"}, False, False),
])  # fmt: skip
def test_only_kinds_known_to_be_exact_share(config, share, writes):
    assert adapters.shareable(config) is share and adapters.changes_base(config) is writes


def test_finding_while_somebody_writes_never_fails(home, make_run, tiny_model):
    directory = make_run("run", tiny_model("qwen3"), checkpoints=(1,))
    source, stop = directory / "checkpoint-1", threading.Event()

    def write():
        step = 2
        while not stop.is_set():
            shutil.copytree(source, directory / f"checkpoint-{step}", dirs_exist_ok=True)
            shutil.rmtree(directory / f"checkpoint-{step}")
            step += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(60):
            assert {"run", "run/checkpoint-1"} <= {found.name for found in find(home)}
    finally:
        stop.set()
        writer.join()


def test_a_run_whose_spec_no_longer_parses_still_shows_its_adapter(home, make_run, tiny_model):
    directory = make_run("run", tiny_model("qwen3"))
    (directory / "spec.yaml").write_text("stage: nonesuch\n")
    (found,) = find(home)
    assert found.name == "run" and found.base == json.loads((found.path / adapters.CONFIG).read_text())[
        "base_model_name_or_path"
    ]
    assert runs.find(home, "run")
