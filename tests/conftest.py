"""Tiny models of real architectures and adapters for them, built once per test run: no network, no downloads."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

CHATML = (
    "{% for message in messages %}{% if message.role == 'assistant' %}"
    "{{ '<|im_start|>assistant\n' }}{% generation %}{{ message.content + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_TEXTS = [
    "Who are you? I am a small model. What is the capital of France? Paris. One, two, three, four, five.",
    "你是谁？我是一个小模型。法国的首都是哪里？巴黎。一、二、三、四、五。今天天气很好。",
]
_SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
          "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256}  # fmt: skip
# family -> what its config wants besides the sizes above
FAMILIES: dict[str, dict] = {
    "qwen3": {},
    "qwen2": {},
    "llama": {},
    "glm4": {},
    "mistral": {"sliding_window": 64},
    "gemma3_text": {"sliding_window": 64, "query_pre_attn_scalar": 8},
    "phi3": {"pad_token_id": 0},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256},
    "gpt_neox": {},
    "qwen3_moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32},
}


@pytest.fixture(scope="session")
def tiny_tokenizer(tmp_path_factory: pytest.TempPathFactory):
    """A byte-level BPE of about 300 tokens with a ChatML template that marks the answers."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_TEXTS, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"], model_max_length=256,
    )  # fmt: skip
    fast.chat_template = CHATML
    return fast


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer) -> Callable[..., Path]:
    """tiny_model("qwen3") -> the folder of a two-layer model with random weights; sizes may be given by name."""
    made: dict[tuple, Path] = {}

    def build(family: str = "qwen3", **sizes: int) -> Path:
        key = (family, *sorted(sizes.items()))
        if key not in made:
            made[key] = _build(tmp_path_factory.mktemp("models") / family, family, sizes, tiny_tokenizer)
        return made[key]

    return build


def _build(folder: Path, family: str, sizes: dict, tokenizer) -> Path:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = {"vocab_size": len(tokenizer), "tie_word_embeddings": family in ("qwen3", "gemma3_text", "gpt2")}
    settings |= {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": None, "pad_token_id": tokenizer.pad_token_id}
    settings |= ({} if family == "gpt2" else _SIZES) | FAMILIES[family] | sizes
    config = AutoConfig.for_model(family, **settings)
    before = torch.get_rng_state()
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():  # the usual 0.02 makes every answer one repeated token
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.15)
    torch.set_rng_state(before)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty workspace."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


_made: Counter[str] = Counter()


def _seed() -> int:
    """Another one for each adapter of a test, and the same ones whatever other tests there are."""
    test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
    _made[test] += 1
    return zlib.crc32(f"{test} {_made[test]}".encode())


@pytest.fixture(scope="session")
def make_adapter() -> Callable[..., Path]:
    """make_adapter(folder, model_folder, r=8, …) -> a PEFT folder with random weights; B is not zero.

    config: a whole PEFT config instead of LoraConfig(r, lora_alpha, target_modules, **more).
    """

    def make(
        folder: Path, model_folder: Path, *, r: int = 4, lora_alpha: int = 8, target_modules="all-linear",
        seed: int | None = None, strength: float = 0.15, config=None, **more,
    ) -> Path:  # fmt: skip
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM

        before = torch.get_rng_state()
        torch.manual_seed(_seed() if seed is None else seed)
        model = AutoModelForCausalLM.from_pretrained(model_folder)
        config = config or LoraConfig(
            r=r, lora_alpha=lora_alpha, target_modules=target_modules, task_type="CAUSAL_LM", **more
        )
        tuned = get_peft_model(model, config)
        with torch.no_grad():
            for parameter in tuned.parameters():
                if parameter.requires_grad:
                    parameter.add_(torch.randn_like(parameter) * strength)
        tuned.save_pretrained(folder)
        torch.set_rng_state(before)
        return Path(folder)

    return make


@pytest.fixture
def make_run(home: Path, make_adapter) -> Callable[..., Path]:
    """make_run("name", model_folder, checkpoints=(5, 10), result=True) -> a run's directory with random adapters."""

    def make(name: str, model_folder: Path, *, checkpoints: tuple[int, ...] = (), result: bool = True, **lora) -> Path:
        from workbench import runs
        from workbench.specs import parse

        run = runs.create(home, parse({"model.path": str(model_folder)}), name=name)
        for step in checkpoints:
            make_adapter(run.directory / f"checkpoint-{step}", model_folder, **lora)
            (run.directory / f"checkpoint-{step}" / "trainer_state.json").write_text("{}")
        if result:
            make_adapter(run.adapter_path, model_folder, **lora)
            run.own("finished")
        return run.directory

    return make
