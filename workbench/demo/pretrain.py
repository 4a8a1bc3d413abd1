"""A seed and a number of steps -> the embedded model, trained from scratch on the generated corpus.

Every conversation is seen once: step after step draws new ones, so that the position in the corpus is the step number
and a stopped build goes on where it stood.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from workbench.demo import mixture
from workbench.demo import tokenizer as tokenizers

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

BATCH = 64
POOL = 32  # batches sorted by length together: short ones pad little
LONGEST = 320  # tokens; a longer conversation is cut
# Shapes are rounded up: oneDNN compiles and keeps a kernel for every new one, which cost more than the padding does.
ROUND_LENGTH, ROUND_TOKENS = 16, 512
AT_ONCE = 4096  # tokens computed together: long batches go through in parts, or they would want gigabytes
# Everything but answers counts a tenth: one token in five is drawn, at half weight. The same in the mean as a weight of
# 0.1 on all of them, without the logits of the other four.
QUESTION_SHARE, QUESTION_WEIGHT = 0.2, 0.5
TOKENIZER_ROWS = 40_000
MUON_RATE, ADAM_RATE = 0.02, 3e-3
WARMUP = 60
REPORT_EVERY = 20  # steps


@dataclass(frozen=True, slots=True)
class Progress:
    step: int
    steps: int
    loss: float
    tokens_per_second: float
    seconds_left: float


def new_model(vocabulary: int) -> Qwen3ForCausalLM:
    """The Qwen3 architecture at 3.9 million parameters, fresh weights, fp32."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=vocabulary,
            hidden_size=256,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=64,
            intermediate_size=704,
            max_position_embeddings=1024,
            rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
            tie_word_embeddings=True,
            use_cache=True,
            pad_token_id=0,
            bos_token_id=None,
            eos_token_id=2,
            attn_implementation="eager",  # rows this short: a third faster than sdpa on a CPU, backward included
        )
    )


def optimizers(model: Qwen3ForCausalLM) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings and norms."""
    import torch

    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.01, momentum=0.95),
        torch.optim.AdamW(rest, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def rate(step: int, steps: int) -> float:
    """Warm up, stay, then fall linearly to 2 % over the second half."""
    if step < WARMUP:
        return (step + 1) / WARMUP
    half = steps * 0.45
    return 1.0 if step < half else max(0.02, (steps - step) / (steps - half))


def batches(seed: int, first: int, steps: int, tokenizer: PreTrainedTokenizerFast) -> Iterator[tuple[Any, Any]]:
    """Yield (ids, weights) of steps first … steps-1: ids (B, T) int64, weights (B, T) of the loss on each token."""
    import torch

    assistant = tokenizer.convert_tokens_to_ids("assistant")
    start, end = tokenizer.convert_tokens_to_ids([tokenizers.START, tokenizers.END])
    for pool in range(first // POOL, (steps + POOL - 1) // POOL):
        begin = pool * POOL * BATCH
        texts = [tokenizers.as_text(c) for c in mixture.conversations(seed, begin, begin + POOL * BATCH)]
        rows = sorted((e.ids[:LONGEST] for e in tokenizer.backend_tokenizer.encode_batch(texts)), key=len)
        groups = [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)]
        rng = Random(f"{seed}/pool/{pool}")
        rng.shuffle(groups)
        for number, group in enumerate(groups):
            # One more than a multiple: the last token is only predicted, never read.
            longest = -(-(max(map(len, group)) - 1) // ROUND_LENGTH) * ROUND_LENGTH + 1
            ids = torch.zeros(len(group), longest, dtype=torch.long)
            weights = torch.zeros(len(group), longest)
            for i, row in enumerate(group):
                ids[i, : len(row)] = torch.tensor(row)
                weights[i, : len(row)] = torch.tensor(_weights(rng, row, start, end, assistant))
            if first <= pool * POOL + number < steps:
                yield ids, weights


def _weights(rng: Random, row: list[int], start: int, end: int, assistant: int) -> list[float]:
    """1 on an answer and the token that ends it, QUESTION_WEIGHT on some of the rest, 0 where no loss is taken."""
    out, answering, since = [], False, 0
    for i, token in enumerate(row):
        elsewhere = QUESTION_WEIGHT if rng.random() < QUESTION_SHARE else 0.0
        out.append(1.0 if answering and i >= since else elsewhere)
        if token == start:
            answering = i + 1 < len(row) and row[i + 1] == assistant
            since = i + 3  # after <|im_start|>, the role, the line break
        elif token == end:
            answering = False
    return out


def backward(model: Qwen3ForCausalLM, ids: torch.Tensor, weights: torch.Tensor) -> float:
    """Add the gradients of one batch, ids and weights (B, T); returns the weighted mean loss."""
    import torch
    import torch.nn.functional as F

    whole = weights[:, 1:].sum()  # token 1 of each part is set to weight 0 below: a thousandth of the sum
    rows = max(1, AT_ONCE // ids.shape[1])
    total = 0.0
    for part, weight in zip(ids.split(rows), weights[:, 1:].split(rows), strict=True):
        weight = weight.flatten()
        weight[0] = 0.0
        chosen = weight.nonzero().squeeze(1)
        spare = -len(chosen) % ROUND_TOKENS
        chosen = torch.cat([chosen, chosen.new_zeros(spare)])  # token 0 opens a conversation, its weight is set to 0
        with torch.autocast("cpu", dtype=torch.bfloat16):
            # Padding stands on the right and takes no loss: the causal mask alone keeps it apart.
            hidden = model.model(input_ids=part[:, :-1], use_cache=False).last_hidden_state  # (B, T-1, 256)
            logits = model.lm_head(hidden.flatten(0, 1)[chosen])  # (tokens with loss, vocab)
        losses = F.cross_entropy(logits.float(), part[:, 1:].flatten()[chosen], reduction="none")
        loss = (losses * weight[chosen]).sum() / whole
        loss.backward()
        total += loss.item()
    return total


def save_checkpoint(
    folder: Path, step: int, seed: int, model: Qwen3ForCausalLM, parts: list[torch.optim.Optimizer]
) -> None:
    """Weights and optimizer state as safetensors, replaced in one rename so that a crash leaves the old one."""
    from safetensors.torch import save_file

    tensors = {f"model/{name}": p.detach() for name, p in model.named_parameters()}
    for number, part in enumerate(parts):
        for index, state in part.state_dict()["state"].items():
            for key, value in state.items():
                tensors[f"optimizer/{number}/{index}/{key}"] = value
    temporary = folder / "checkpoint.tmp"
    save_file(
        {name: t.contiguous().clone() for name, t in tensors.items()},
        temporary,
        metadata={"step": str(step), "seed": str(seed)},
    )
    os.replace(temporary, folder / "checkpoint.safetensors")


def load_checkpoint(folder: Path, model: Qwen3ForCausalLM, parts: list[torch.optim.Optimizer]) -> tuple[int, int]:
    """Put a saved state back; returns its (step, seed)."""
    import torch
    from safetensors import safe_open

    with safe_open(folder / "checkpoint.safetensors", "pt") as file:
        metadata = file.metadata()
        parameters = dict(model.named_parameters())
        states: list[dict[int, dict[str, Any]]] = [{} for _ in parts]
        for name in file.keys():  # noqa: SIM118 - safe_open is no mapping
            kind, rest = name.split("/", 1)
            if kind == "model":
                with torch.no_grad():
                    parameters[rest].copy_(file.get_tensor(name))
            else:
                number, index, key = rest.split("/")
                states[int(number)].setdefault(int(index), {})[key] = file.get_tensor(name)
    for part, state in zip(parts, states, strict=True):
        part.load_state_dict(part.state_dict() | {"state": state})
    return int(metadata["step"]), int(metadata["seed"])


def build(
    out: Path,
    *,
    seed: int = 1,
    steps: int = 3000,
    resume: bool = False,
    save_every: int = 250,
    start: Path | None = None,
    rate_scale: float = 1.0,
    report: Callable[[Progress], None] = lambda progress: None,
    finish: Callable[[int], None] = lambda step: None,
) -> Path:
    """Train tokenizer and model into `out`; `finish(step)` is called after the model was written.

    With resume, a checkpoint in `out` is continued with its own seed; the conversations after it are the same ones
    that an undisturbed build would have seen. start: the folder of an earlier model to train further, with its
    tokenizer; rate_scale: both learning rates are multiplied by it.
    """
    import torch
    from transformers import AutoTokenizer

    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    if resume and (out / "checkpoint.safetensors").is_file():
        tokenizer = AutoTokenizer.from_pretrained(out)
    else:
        resume = False
        if start:
            tokenizer = AutoTokenizer.from_pretrained(start)
        else:
            tokenizer = tokenizers.train(mixture.conversations(seed, 0, TOKENIZER_ROWS))
        tokenizer.save_pretrained(out)
    model = new_model(len(tokenizer))
    if start and not resume:
        load_weights(start, model)
    parts = optimizers(model)
    step = 0
    if resume:
        step, seed = load_checkpoint(out, model, parts)
    base_rates = [rate_scale * part.defaults["lr"] for part in parts]
    model.train()
    started, first, tokens, smooth = time.monotonic(), step, 0, None
    for ids, weights in batches(seed, step, steps, tokenizer):
        for part, base in zip(parts, base_rates, strict=True):
            for group in part.param_groups:
                group["lr"] = base * rate(step, steps)
        loss = backward(model, ids, weights)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for part in parts:
            part.step()
            part.zero_grad(set_to_none=True)
        step += 1
        tokens += int((ids > 0).sum())
        smooth = loss if smooth is None else 0.95 * smooth + 0.05 * loss
        seconds = time.monotonic() - started
        if step % REPORT_EVERY == 0 or step == steps:
            report(Progress(step, steps, smooth, tokens / seconds, seconds / (step - first) * (steps - step)))
        if step % save_every == 0 and step < steps:
            save_checkpoint(out, step, seed, model, parts)
    save_model(model, out)
    (out / "checkpoint.safetensors").unlink(missing_ok=True)
    finish(step)
    return out


def load_weights(folder: Path, model: Qwen3ForCausalLM) -> None:
    """Put the weights of a finished model into a fresh one."""
    from safetensors.torch import load_file

    tensors = load_file(folder / "model.safetensors")
    model.load_state_dict(tensors, strict=False)  # lm_head is tied: saved once
    missing = {name for name, _ in model.named_parameters()} - set(tensors)
    if missing:
        raise ValueError(f"{folder}: no weights for {sorted(missing)[0]}")


def save_model(model: Qwen3ForCausalLM, out: Path) -> None:
    """Write config, bf16 weights and greedy generation settings."""
    import torch
    from transformers import GenerationConfig

    model.eval().to(torch.bfloat16)
    model.config.dtype = torch.bfloat16
    model.generation_config = GenerationConfig(do_sample=False, max_new_tokens=128, pad_token_id=0, eos_token_id=2)
    model.save_pretrained(out)


def write_progress(progress: Progress) -> str:
    """One line for the terminal."""
    return json.dumps(
        {
            "step": progress.step,
            "steps": progress.steps,
            "loss": round(progress.loss, 4),
            "tokens_per_second": round(progress.tokens_per_second),
            "seconds_left": round(progress.seconds_left),
        }
    )
