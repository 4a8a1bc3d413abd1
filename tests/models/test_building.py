"""What swaps functions of torch for every thread happens in one thread at a time."""

from __future__ import annotations

import copy
import threading

from workbench.models import adapters
from workbench.models.building import BUILDING
from workbench.models.trees import tree
from workbench.specs import parse


def free_for_others() -> bool:
    """Whether another thread could build now."""
    answers = []

    def ask() -> None:
        answers.append(BUILDING.acquire(blocking=False))
        if answers[0]:
            BUILDING.release()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return answers[0]


def test_attaching_for_a_chat_building_for_a_training_and_loading_exclude_each_other(
    tiny_model, make_adapter, tmp_path, monkeypatch
):
    import peft
    import transformers

    from workbench.data.records import Conversation
    from workbench.data.render import render
    from workbench.models.hub import Hub
    from workbench.stages import sft
    from workbench.stages.methods import lora

    seen: dict[str, bool] = {}

    def noting(name, function):
        def noted(*given, **named):
            seen[name] = free_for_others()
            return function(*given, **named)

        return noted

    folder = tiny_model("qwen3")
    path = make_adapter(tmp_path / "adapter", folder)
    loaders = [(transformers.AutoModelForCausalLM, "from_pretrained"), (peft.PeftModel, "from_pretrained")]
    for owner, name in [*loaders, (lora, "peft_config")]:
        monkeypatch.setattr(owner, name, noting(f"{owner.__name__}.{name}", getattr(owner, name)))

    spec = parse({"model.path": str(folder), "training.max_steps": 1})
    base = Hub().load(spec.model)
    adapters.attach(tree(base.model), adapters.AdapterRef("a", path))
    row = render(Conversation.of(("user", "hi"), ("assistant", "hello")), base.tokenizer, 64)
    sft.build(spec, tree(base.model), copy.deepcopy(base.tokenizer), [row], tmp_path / "run")
    assert seen == {
        "AutoModelForCausalLM.from_pretrained": False,
        "PeftModel.from_pretrained": False,
        "workbench.stages.methods.lora.peft_config": False,
    }
    assert free_for_others()
