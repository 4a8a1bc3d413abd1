"""Memory by part: what each knob changes, what it is compared with, and what would make it fit."""

import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import UserError
from workbench.memory import begun
from workbench.memory import device as devices
from workbench.memory.advice import advise
from workbench.memory.device import Device
from workbench.memory.estimate import PARTS, Estimate, Rows, estimate
from workbench.memory.learned import built_matrices
from workbench.memory.remedies import remedies
from workbench.models import anatomy
from workbench.models.vocabulary import Vocabulary
from workbench.specs import conflicts, layered, parse, to_mapping

CPU = Device("cpu", "cpu", 10 * 2**30, 16 * 2**30)
GPU = Device("cuda", "GPU", 10 * 2**30, 16 * 2**30)


def parts(device=CPU, rows=None, **knobs):
    return estimate(parse(knobs), device=device, rows=rows).parts


def test_the_parts_are_those_of_the_contract_and_sum_up():
    found = advise(parse({}), Path("."))
    assert list(found) == [
        "parts", "total_bytes", "available_bytes", "verdict", "gradient_checkpointing", "without_checkpointing_bytes",
        "remedies",
    ]  # fmt: skip
    assert tuple(found["parts"]) == PARTS
    assert found["total_bytes"] == sum(found["parts"].values())


def test_weights_follow_the_numbers_and_the_quantisation():
    count = anatomy.of_path("embedded").parameters
    assert parts()["weights"] == 4 * count
    assert parts(**{"model.dtype": "bfloat16"})["weights"] == 2 * count
    assert parts(GPU)["weights"] == 2 * count  # auto: 16 bits where the device is fast at them
    assert parts(**{"model.quantization": "nf4"})["weights"] < parts(**{"model.quantization": "int8"})["weights"]
    assert parts(**{"adapter.type": "full"})["weights"] == 8 * count  # the shared base and the copy that learns


def test_gradients_and_optimizer_follow_what_learns():
    small, large = parts(**{"adapter.r": 8}), parts(**{"adapter.r": 16})
    assert large["adapter"] == 2 * small["adapter"] == large["gradients"] == large["optimizer"] / 2
    assert parts(**{"training.optim": "sgd"})["optimizer"] == 0
    assert parts(**{"adapter.type": "full"})["adapter"] == 0


def test_activations_and_logits_follow_the_tokens_of_a_batch():
    one, two = (parts(rows=Rows(count, 128, 0.5)) for count in (4, 8))
    assert two["activations"] == pytest.approx(2 * one["activations"], rel=1e-6)
    assert two["logits"] == 2 * one["logits"] == 2 * 12 * (4 * 128 // 2) * anatomy.of_path("embedded").vocab
    kept = parts(rows=Rows(8, 128), **{"training.gradient_checkpointing": True})["activations"]
    assert kept < parts(rows=Rows(8, 128))["activations"]
    assert parts(GPU, Rows(64, 128))["logits"] < parts(CPU, Rows(64, 128))["logits"]  # the fused head


@pytest.mark.parametrize(("needs", "verdict"), [(85, "fits"), (86, "tight"), (100, "tight"), (101, "too_big")])
def test_verdicts(needs, verdict):
    assert Estimate({"weights": needs}, 100).verdict == verdict


def test_a_model_that_is_not_here_is_told_apart_from_one_that_is_none(tmp_path):
    with pytest.raises(UserError, match="not on this machine yet"):
        estimate(parse({"model.path": "nobody/has-this"}))
    with pytest.raises(UserError, match="no config.json"):
        estimate(parse({"model.path": str(tmp_path)}))


def test_what_fits_needs_no_remedy_and_what_does_not_gets_three_that_work():
    assert advise(parse({}), Path("."))["remedies"] == []
    small = Device("cpu", "cpu", 2 * 2**30, 4 * 2**30)
    spec = parse({"training.per_device_train_batch_size": 64, "training.gradient_checkpointing": False})
    found = estimate(spec, device=small)
    assert found.verdict == "too_big"
    offered = remedies(spec, found, device=small)
    assert len(offered) == 3
    assert offered[0].overrides == {
        "training.per_device_train_batch_size": 4, "training.gradient_accumulation_steps": 16,
    }  # fmt: skip
    for remedy in offered:
        again = estimate(parse(layered(to_mapping(spec), remedy.overrides)), device=small)
        assert (
            (again.total_bytes, again.verdict) == (remedy.total_bytes, remedy.verdict) != (found.total_bytes, "too_big")
        )


def test_matrices_that_a_method_builds_in_every_step_count_whatever_the_batch():
    linears = anatomy.of_path("embedded").linears
    whole = sum(item.inputs * item.outputs for item in linears)
    squares = sum(item.inputs**2 for item in linears)
    one, two = Rows(1, 8, 1.0), Rows(2, 8, 1.0)

    def fixed(kind, **knobs):
        """What does not grow with the rows."""
        knobs |= {"adapter.type": kind, "training.gradient_checkpointing": False}
        small, large = (parts(GPU, rows, **knobs)["activations"] for rows in (one, two))
        return 2 * small - large

    assert fixed("lora") == fixed("oft") == pytest.approx(0, abs=2)
    assert fixed("lokr") - fixed("lora") >= 4 * whole - 2  # the update by which the rows are multiplied
    assert fixed("boft") - fixed("lora") >= 4 * 2 * squares - 2
    built = {name: built_matrices(parse(knobs).adapter, anatomy.of_path("embedded")) for name, knobs in {
        "lora": {}, "dora": {"adapter.use_dora": True}, "loha": {"adapter.type": "loha"}}.items()}  # fmt: skip
    assert built["lora"] == []
    assert (sum(b.kept for b in built["dora"]), sum(b.freed for b in built["dora"])) == (0, squares + 3 * whole)
    assert (sum(b.kept for b in built["loha"]), sum(b.freed for b in built["loha"])) == (whole, 3 * whole)


def test_checkpointing_that_is_left_open_is_on_only_where_it_does_not_fit_without():
    off, on = (estimate(parse({"training.gradient_checkpointing": value}), device=CPU) for value in (False, True))
    assert on.total_bytes < off.total_bytes

    def found(available, **knobs):
        device = Device("cpu", "cpu", available, 2**40)
        return estimate(parse(knobs), device=device)

    large, small = found(int(off.total_bytes / 0.84)), found(int(off.total_bytes / 0.86))
    assert (large.checkpointing, large.total_bytes, large.verdict) == (False, off.total_bytes, "fits")
    assert (small.checkpointing, small.total_bytes) == (True, on.total_bytes)
    assert small.without_checkpointing_bytes == large.without_checkpointing_bytes == off.total_bytes
    assert found(off.total_bytes // 2, **{"adapter.type": "prefix"}).checkpointing is False  # it cannot have it
    assert found(off.total_bytes // 2, **{"training.gradient_checkpointing": False}).checkpointing is False
    assert off.without_checkpointing_bytes is None  # nobody asked


def test_checkpointing_is_no_remedy_where_the_estimate_has_chosen_already():
    tiny = Device("cpu", "cpu", 700 * 2**20, 2**30)
    for value, offered in ((False, True), ("auto", False)):
        spec = parse({"training.gradient_checkpointing": value})
        changes = [remedy.overrides for remedy in remedies(spec, estimate(spec, device=tiny), device=tiny)]
        assert changes and any("training.gradient_checkpointing" in change for change in changes) is offered


def test_the_effective_batch_stays_the_same():
    small = Device("cpu", "cpu", 2 * 2**30, 4 * 2**30)
    spec = parse({"training.per_device_train_batch_size": 64, "training.gradient_accumulation_steps": 3})
    for remedy in remedies(spec, estimate(spec, device=small), device=small):
        changed = parse(layered(to_mapping(spec), remedy.overrides)).training
        assert changed.per_device_train_batch_size * changed.gradient_accumulation_steps == 192


def test_an_estimate_needs_no_torch_and_is_there_at_once():
    code = (
        "import sys, time; from pathlib import Path; from workbench.specs import parse\n"
        "from workbench.memory.advice import advise\n"
        "home = Path('.'); advise(parse({}), home)\n"
        "spent = []\n"
        "for size in (4096, 4095, 4094, 4093, 4092):\n"
        "    began = time.process_time(); advise(parse({'training.per_device_train_batch_size': size}), home)\n"
        "    spent.append(time.process_time() - began)\n"
        "print(min(spent), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, torch = done.stdout.split()
    assert torch == "False"
    assert float(seconds) < 0.15


def test_nvidias_tool_tells_name_free_memory_and_load(monkeypatch, tmp_path):
    monkeypatch.setattr(devices.shutil, "which", lambda name: "nvidia-smi")
    monkeypatch.setattr(devices, "_known", None)
    text = "NVIDIA Card, 5, 1000, 2000, 40\nOdd, Name, 100, 200, [N/A]\nSmall, [N/A], [N/A], 3\n"
    found = devices.nvidia(lambda command: text)
    assert found == [
        Device("cuda", "NVIDIA Card, 5", 1000 * 2**20, 2000 * 2**20, 0.4),
        Device("cuda", "Odd, Name", 100 * 2**20, 200 * 2**20, None),
    ]
    assert devices.chosen("cuda:1") == found[1]
    assert devices.chosen("auto") == found[0]
    assert devices.chosen("cpu").kind == "cpu"


def test_a_footprint_is_the_peak_since_it_was_asked():
    from workbench.memory.footprint import Footprint

    footprint = Footprint()
    before = footprint.lap()
    block = bytearray(200 * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    del block
    assert footprint.lap() - before > 150 * 2**20
    assert footprint.lap() - before < 100 * 2**20


def test_new_tokens_and_what_lies_below_cost_a_copy_of_the_base_and_tables_that_learn():
    model = anatomy.of_path("embedded")  # its head is its embedding
    table = 4 * model.embedding
    plain = parts()
    stacked = parts(**{"adapter.continue_from": "sft-1", "adapter.continue_as": "stack"})
    assert stacked == plain | {"weights": 2 * plain["weights"]}
    new = parts(**{"vocabulary.tokens": "one,two"})
    assert new["weights"] == 2 * plain["weights"]
    assert new["activations"] == plain["activations"] + table  # with the new rows in it, in every step
    assert new["gradients"] == plain["gradients"] + 4 * 2 * model.hidden
    whole = parts(**{"vocabulary.tokens": "one,two", "vocabulary.trained": "all"})
    assert [whole[name] - plain[name] for name in ("adapter", "gradients", "optimizer")] == [table, table, 2 * table]


def test_an_adapter_that_goes_on_brings_its_own_shape_and_its_new_tokens(make_run, tiny_model, home):
    at = str(tiny_model("qwen3"))
    folder = make_run("first", tiny_model("qwen3"), r=4, target_modules=["q_proj", "v_proj"]) / "adapter"

    def of(start, **changes):
        return estimate(parse({"model.path": at} | changes), device=CPU, start=start).parts

    small = of(None, **{"adapter.r": 4, "adapter.target_modules": "q_proj,v_proj"})
    form = {"adapter.continue_from": "first", "adapter.r": 64, "adapter.type": "loha"}
    assert of(begun.folder(parse({"model.path": at} | form), home), **form) == small
    Vocabulary(["one", "two"], [[5], [6]], 300, 300).write(folder)
    new = {"adapter.r": 4, "adapter.target_modules": "q_proj,v_proj", "vocabulary.tokens": "one,two"}
    assert of(folder, **form) == of(None, **new) != small
    on_top = form | {"adapter.continue_as": "stack"}
    assert of(folder, **on_top) == of(None, **on_top)
    assert begun.folder(parse({"adapter.continue_from": "gone"}), home) is None


def test_a_knob_that_an_adapter_does_not_follow_is_no_remedy(make_run, tiny_model, home):
    path = {"model.path": str(tiny_model("qwen3"))}
    make_run("first", tiny_model("qwen3"))
    wide = path | {"adapter.r": 1024, "training.per_device_train_batch_size": 1, "data.max_length": 128}
    device = Device("cpu", "cpu", 600 * 2**20, 2**34)
    for changes, offered in (({}, True), ({"adapter.continue_from": "first"}, False)):
        spec = parse(wide | changes)
        start = begun.folder(spec, home)
        found = remedies(spec, estimate(spec, device=device, start=start), device=device, start=start)
        assert any("adapter.r" in remedy.overrides for remedy in found) is offered


@pytest.mark.parametrize("changes", [
    {"vocabulary.tokens": "one,two"}, {"adapter.type": "bottleneck"}, {"adapter.init_lora_weights": "pissa"},
    {"adapter.continue_from": "sft-1", "adapter.continue_as": "stack"},
], ids=lambda changes: " ".join(changes.values()))  # fmt: skip
def test_what_would_be_refused_is_no_remedy(changes):
    spec = parse({"training.per_device_train_batch_size": 512, "data.max_length": 65536} | changes)
    device = Device("cuda", "cuda", 2**33, 2**33)
    found = remedies(spec, estimate(spec, device=device), device=device)
    offered = [parse(layered(to_mapping(spec), item.overrides)) for item in found]
    assert offered and not [clash for one in offered for clash in conflicts.find(one) if clash.refuses]
