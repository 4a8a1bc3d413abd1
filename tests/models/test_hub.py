"""models/hub.py and models/sources.py: what a model is called -> one set of frozen weights, or a sentence."""

import json
import random
import threading

import numpy
import pytest
import torch

from workbench.errors import UserError
from workbench.models.hub import Hub
from workbench.specs.model import ModelSection


def section(path, **knobs) -> ModelSection:
    return ModelSection(path=str(path), device="cpu", **knobs)


def refusal(path, **knobs) -> UserError:
    with pytest.raises(UserError) as caught:
        Hub().load(section(path, **knobs))
    assert "Traceback" not in caught.value.text("en") and caught.value.text("zh")
    return caught.value


@pytest.fixture
def copy_of(tiny_model, tmp_path):
    """A copy of a tiny model's folder that a test may spoil."""
    import shutil

    return shutil.copytree(tiny_model("qwen3"), tmp_path / "copy")


def test_a_local_folder_is_loaded_frozen_in_eval_mode_and_float32_on_a_cpu(tiny_model):
    base = Hub().load(section(tiny_model("qwen3")))
    assert base.dtype == torch.float32 and base.device == torch.device("cpu") and base.name == "qwen3"
    assert not base.model.training
    assert not any(parameter.requires_grad for parameter in base.model.parameters())
    assert base.memory_bytes == sum(p.numel() * 4 for p in base.model.parameters()) + sum(
        b.numel() * b.element_size() for b in base.model.buffers()
    )


def test_many_threads_that_ask_at_once_get_one_model(tiny_model):
    hub, found, wanted = Hub(), [], section(tiny_model("llama"))
    threads = [threading.Thread(target=lambda: found.append(hub.load(wanted))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6 and len({id(base.model) for base in found}) == 1


def test_another_precision_is_another_model(tiny_model):
    hub = Hub()
    first = hub.load(section(tiny_model("qwen3")))
    second = hub.load(section(tiny_model("qwen3"), dtype="bfloat16"))
    assert second.dtype == torch.bfloat16 and first.model is not second.model and len(hub.resident()) == 2


def test_loading_draws_on_no_global_generator(tiny_model):
    before = torch.get_rng_state(), random.getstate(), numpy.random.get_state()[1].tolist()
    Hub().load(section(tiny_model("qwen3")))
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), numpy.random.get_state()[1].tolist())


def test_a_tokenizer_comes_without_the_weights(tiny_model):
    hub = Hub()
    assert hub.tokenizer(section(tiny_model("qwen3"))).encode("你好")
    assert hub.resident() == []


def test_unload_forgets_the_model(tiny_model):
    import weakref

    hub = Hub()
    base = hub.load(section(tiny_model("qwen3")))
    watched = weakref.ref(base.model)
    hub.unload(base.key)
    del base
    assert watched() is None and hub.resident() == []


def test_a_path_that_does_not_exist_names_its_neighbours(tiny_model):
    error = refusal(tiny_model("qwen3").parent / "qwem3")
    assert error.key == "hub.no_such_path" and str(tiny_model("qwen3")) in error.text("en")


def test_a_hub_name_without_network_says_what_to_do():
    error = refusal("nobody/no-such-model")
    assert error.key == "hub.no_network" and "HF_ENDPOINT" in error.text("en")


def test_a_file_is_no_model(tiny_model):
    assert refusal(tiny_model("qwen3") / "config.json").key == "hub.is_a_file"


def test_an_adapter_folder_is_no_model(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    assert refusal(tmp_path).key == "hub.is_an_adapter"


def test_an_empty_folder_is_no_model(tmp_path):
    assert refusal(tmp_path).key == "hub.no_config"


def test_pickled_weights_are_refused_and_never_opened(copy_of, tmp_path):
    (copy_of / "model.safetensors").rename(copy_of / "pytorch_model.bin")
    error = refusal(copy_of)
    assert error.key == "hub.pickle" and error.params["file"] == "pytorch_model.bin"


def test_a_folder_without_weights_is_refused(copy_of):
    (copy_of / "model.safetensors").unlink()
    assert refusal(copy_of).key == "hub.no_weights"


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_weights_that_are_cut_off_are_refused(copy_of, keep):
    file = copy_of / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    assert refusal(copy_of).key == "hub.broken_weights"


def test_a_shard_that_is_missing_is_named(copy_of):
    (copy_of / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-2.safetensors"}}))
    assert refusal(copy_of).params["file"] == "model-2.safetensors"


def test_a_model_with_a_missing_tensor_is_refused_instead_of_filled_with_noise(copy_of):
    from safetensors.torch import load_file, save_file

    tensors = load_file(copy_of / "model.safetensors")
    tensors.pop("model.layers.1.mlp.up_proj.weight")
    save_file(tensors, copy_of / "model.safetensors", metadata={"format": "pt"})
    error = refusal(copy_of)
    assert error.key == "hub.missing_weights" and "layers.1.mlp.up_proj" in error.text("en")


def test_remote_code_runs_only_with_the_knob(copy_of, tmp_path):
    (copy_of / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    config = json.loads((copy_of / "config.json").read_text())
    auto_map = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
    config |= {"model_type": "elsewhere", "auto_map": auto_map}
    (copy_of / "config.json").write_text(json.dumps(config))
    assert refusal(copy_of).key == "hub.remote_code"
    assert not (tmp_path / "ran").exists()


def test_the_first_chatglm_is_told_its_successor_and_the_way_to_its_recipe(copy_of):
    config = json.loads((copy_of / "config.json").read_text())
    auto_map = {"AutoConfig": "configuration_chatglm.ChatGLMConfig"}
    (copy_of / "config.json").write_text(json.dumps(config | {"model_type": "chatglm", "auto_map": auto_map}))
    error = refusal(copy_of)
    assert error.key == "hub.chatglm"
    assert all(word in error.text("zh") for word in ("GLM-4", "data.template=chatglm_6b", "adapter.type=prefix"))


def test_an_unknown_architecture_is_named_as_such(copy_of):
    config = json.loads((copy_of / "config.json").read_text())
    (copy_of / "config.json").write_text(json.dumps(config | {"model_type": "nonesuch"}))
    assert refusal(copy_of).key == "hub.unknown_architecture"


def test_a_device_that_is_not_there_is_refused_with_those_that_are(tiny_model):
    with pytest.raises(UserError) as caught:
        Hub().load(ModelSection(path=str(tiny_model("qwen3")), device="xpu:3"))
    assert caught.value.key == "hub.no_device" and "cpu" in caught.value.text("en")
