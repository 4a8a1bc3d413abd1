"""models/live.py: copies of an adapter that is being trained, while it is being trained."""

import threading

import pytest
import torch
from peft import LoraConfig, PrefixTuningConfig, get_peft_model

from workbench.errors import UserError
from workbench.models import live as module
from workbench.models.adapters import AdapterRef, attach
from workbench.models.hub import Hub
from workbench.models.live import LiveRuns
from workbench.models.trees import tree
from workbench.specs.model import ModelSection


@pytest.fixture
def tuned(tiny_model):
    base = Hub().load(ModelSection(path=str(tiny_model("qwen3")), device="cpu"))
    model = get_peft_model(tree(base.model), LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    with torch.no_grad():
        for value in model.parameters():
            if value.requires_grad:
                value.add_(torch.randn_like(value) * 0.1)
    return base, model


def logits(model):
    with torch.inference_mode():
        return model(torch.arange(12)[None]).logits


def test_a_copy_computes_as_the_live_model_does_at_that_moment_and_stays_so(tuned):
    base, model = tuned
    runs = LiveRuns()
    with runs.published("one", model) as run:
        run.step = 7
        ref = runs.snapshot("one")
        assert (ref.name, ref.run, ref.step) == ("one@now", "one", 7)
        assert runs.snapshot("one") == ref, "no step since: the same copy"
        wanted = logits(model)
        with torch.no_grad():
            for value in model.parameters():
                value.mul_(1.5) if value.requires_grad else None
        copied, _ = attach(tree(base.model), AdapterRef("x", ref.path))
        assert torch.equal(logits(copied), wanted)
        run.step = 8
        later = runs.snapshot("one")
        assert later.path != ref.path and not ref.path.exists(), "the older copy is gone"
        copied, _ = attach(tree(base.model), AdapterRef("x", later.path))
        assert torch.equal(logits(copied), logits(model))
        assert runs.names() == {"one": 8}
    assert runs.snapshot("one") is None and runs.names() == {}
    runs.close()
    assert not later.path.exists()


def test_a_copy_waits_for_the_optimizer_and_not_for_ever(tuned, monkeypatch):
    _, model = tuned
    runs = LiveRuns()
    with runs.published("one", model) as run:
        run.writing.acquire()
        found = []
        asker = threading.Thread(target=lambda: found.append(runs.snapshot("one")))
        asker.start()
        asker.join(0.2)
        assert found == []
        run.writing.release()
        asker.join(30)
        assert found[0].step == 0
        run.step = 1
        monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.01)
        run.writing.acquire()
        with pytest.raises(UserError, match="writing its weights"):
            runs.snapshot("one")
    assert not run.writing.locked(), "a training that broke off inside a step leaves nobody waiting"
    runs.close()


def test_a_learned_prefix_is_copied_as_peft_saves_it(tiny_model, tmp_path):
    base = Hub().load(ModelSection(path=str(tiny_model("llama")), device="cpu"))
    config = PrefixTuningConfig(
        num_virtual_tokens=3, task_type="CAUSAL_LM", prefix_projection=True, encoder_hidden_size=8
    )
    model = get_peft_model(tree(base.model), config).eval()
    runs = LiveRuns()
    with runs.published("prefix", model):
        ref = runs.snapshot("prefix")
        copied, _ = attach(tree(base.model), AdapterRef("x", ref.path))
        assert torch.allclose(logits(copied), logits(model), atol=1e-5)
    runs.close()


def test_a_model_that_is_no_adapter_is_not_published(tuned):
    base, _ = tuned
    runs = LiveRuns()
    with runs.published("full", base.model):
        assert runs.snapshot("full") is None
