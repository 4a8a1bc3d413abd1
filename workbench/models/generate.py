"""Token ids of prompts -> token ids of answers: batched decoding that draws on private generators only."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import UserError
from workbench.models import mixing

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class Scored:
    """A token with its log-probability under the model (before temperature and top-p), and the likeliest ones."""

    token: int
    logprob: float
    likeliest: tuple[tuple[int, float], ...] = ()


# Called after every token with the answers so far and which of them are complete; lists must not be kept or changed.
OnTokens = Callable[[list[list[int]], list[bool]], None]


@dataclass(frozen=True)
class Sampling:
    """temperature 0 is greedy; one seed draws the same random numbers at the same position for every row."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 256
    seed: int = 0
    start: int = 0  # tokens of the answer that are there already: an answer that goes on meets the noise it would have


def generate(
    tree: nn.Module,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    *,
    adapters: Sequence[mixing.Who | None] | None = None,
    sampling: Sampling | Sequence[Sampling] = Sampling(),
    on_tokens: OnTokens | None = None,
    stop: Callable[[int], bool] | None = None,
    stop_ids: frozenset[int] | None = None,
    on_scored: Callable[[int, Scored], None] | None = None,
    likeliest: int = 0,
) -> list[list[int]]:
    """Answers without their end tokens, in the order of the prompts. All rows go through the model together.

    adapters: one id (or a blend of ids, or None for the bare model) per row; the tree is then a PEFT tree of shareable
        adapters.
        Without it every row gets what the tree has.
    sampling: one for all rows, or one per row.
    stop: asked before every token for each open row; a row that it stops keeps what it has.
    stop_ids: the tokens that end an answer; by default `end_tokens`.
    on_scored: told (row, Scored) for every token of an answer, with the `likeliest` tokens in its place.
    Neither the global random state nor any tensor of the tree is touched.
    """
    import torch

    if not prompts:
        return []
    order = list(range(len(prompts)))
    if adapters is not None:  # bare rows first, rows of one adapter side by side
        ranks = {name: rank for rank, name in enumerate(sorted({name for name in adapters if name}, key=str), start=1)}
        order.sort(key=lambda row: ranks.get(adapters[row], 0))
    per_row = [sampling] * len(prompts) if isinstance(sampling, Sampling) else list(sampling)
    ends = end_tokens(tree, tokenizer) if stop_ids is None else stop_ids
    answers: list[list[int]] = [[] for _ in prompts]
    done = [not prompt or per_row[row].max_tokens < 1 for row, prompt in enumerate(prompts)]
    mixed = nullcontext()
    if adapters is not None:  # also when all rows are bare: the tree's active adapter must not speak in them
        mixed = mixing.rows(tree, [adapters[row] or mixing.BARE for row in order])

    with torch.inference_mode(), mixed:
        decoder = Decoder(tree, [list(prompts[row]) or [0] for row in order], tokenizer.pad_token_id or 0)
        chooser = Chooser([per_row[row] for row in order], decoder.device)
        logits = decoder.begin()  # (rows, vocab)
        position = 0
        while True:
            tokens = chooser.choose(logits, position)
            chosen = tokens.tolist()
            scored = score(logits, tokens, likeliest) if on_scored is not None else []
            for place, row in enumerate(order):
                if done[row]:
                    continue
                if (stop is not None and stop(row)) or chosen[place] in ends:
                    done[row] = True
                    continue
                answers[row].append(chosen[place])
                if on_scored is not None:
                    on_scored(row, scored[place])
                done[row] = len(answers[row]) >= per_row[row].max_tokens
            if on_tokens is not None:
                on_tokens(answers, done)
            if all(done):
                return answers
            position += 1
            logits = decoder.step(tokens)


class Decoder:
    """Left-padded prompts and a cache; about half the time per token of transformers' `generate` on a small model."""

    def __init__(self, tree: nn.Module, prompts: list[list[int]], pad_id: int) -> None:
        import torch

        self.model = tree.get_base_model() if hasattr(tree, "get_base_model") else tree
        self.device = next(self.model.parameters()).device
        longest = max(map(len, prompts))
        padding = [longest - len(prompt) for prompt in prompts]
        rows = [[pad_id] * pad + prompt for pad, prompt in zip(padding, prompts, strict=True)]
        self._ids = torch.tensor(rows, device=self.device)  # (rows, T)
        self._options: dict[str, Any] = {"use_cache": True}
        takes = inspect.signature(self.model.forward).parameters
        if "logits_to_keep" in takes:
            self._options["logits_to_keep"] = 1
        # transformers 5.24 calls it `cache`; before that, and in a model's own code, it has the older name.
        self._cache_name = "cache" if "cache" in takes else "past_key_values"
        self._takes_positions = "position_ids" in takes
        self._mask = self._positions = None
        if any(padding):  # without a mask attention takes its fast path
            self._mask = torch.tensor([[0] * pad + [1] * (longest - pad) for pad in padding], device=self.device)
            if self._takes_positions:
                self._positions = (self._mask.cumsum(-1) - 1).clamp_min(0)
        self._last_position = _last_position(self.model)
        self._cache = None
        configs = getattr(tree, "peft_config", {}).values()
        self._virtual = tree if any(config.is_prompt_learning for config in configs) else None
        if self._virtual is not None and len(prompts) > 1:
            raise ValueError("an adapter with a virtual prompt answers one row at a time")

    def begin(self) -> torch.Tensor:
        """Logits (rows, vocab) after the prompts."""
        if self._virtual is None:
            return self._forward(self._ids)
        return self._begin_after_virtual_prompt(self._virtual)

    def _begin_after_virtual_prompt(self, tree: Any) -> torch.Tensor:
        """Prefix tuning fills the cache, prompt tuning and p-tuning put embeddings before the text."""
        import torch

        kind = tree.active_peft_config.peft_type.value
        if kind == "PREFIX_TUNING":
            self._cache = tree.get_prompt(batch_size=1)
            return self._forward(self._ids)
        if kind not in ("PROMPT_TUNING", "P_TUNING"):
            raise UserError("adapters.cannot_answer", kind=kind)
        text = tree.word_embeddings(self._ids)  # (1, T, H)
        virtual = tree.get_prompt(batch_size=1).to(text.dtype)
        result = self.model(inputs_embeds=torch.cat([virtual, text], dim=1), **self._options)
        self._cache = result[self._cache_name]
        return result.logits[:, -1]

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        import torch

        if self._mask is not None:
            self._mask = torch.cat([self._mask, self._mask.new_ones(len(self._mask), 1)], dim=1)
        if self._positions is not None:
            # A row that is done goes along until the last is: it must not step off a learned table.
            self._positions = (self._positions[:, -1:] + 1).clamp_max(self._last_position)
        return self._forward(tokens[:, None])

    # -- rows that come and go, between two steps ---------------------------------------------------------------------
    @property
    def changeable(self) -> bool:
        """Whether rows may come and go: the cache holds every position of a row, and nothing else."""
        from transformers.cache_utils import DynamicLayer

        layers = getattr(self._cache, "layers", ())
        return self._virtual is None and bool(layers) and all(type(layer) is DynamicLayer for layer in layers)

    def absorb(self, other: Decoder) -> None:
        """The other's rows go on after ours; the shorter ones are padded on the left."""
        import torch

        masks = [self._whole_mask(), other._whole_mask()]
        width = max(mask.shape[1] for mask in masks)
        for mine, theirs in zip(self._cache.layers, other._cache.layers, strict=True):
            mine.keys = torch.cat([_padded(mine.keys, -2, width), _padded(theirs.keys, -2, width)])
            mine.values = torch.cat([_padded(mine.values, -2, width), _padded(theirs.values, -2, width)])
        self._set_mask(torch.cat([_padded(mask, -1, width) for mask in masks]))

    def keep(self, places: list[int]) -> None:
        """Only these rows go on, in this order; positions that none of them has are dropped."""
        import torch

        rows = torch.tensor(places, device=self.device)
        mask = self._whole_mask()[rows]
        start = int(mask.any(0).int().argmax())
        for layer in self._cache.layers:
            layer.keys, layer.values = layer.keys[rows, :, start:], layer.values[rows, :, start:]
        self._set_mask(mask[:, start:])

    def _whole_mask(self) -> torch.Tensor:
        if self._mask is not None:
            return self._mask
        keys = self._cache.layers[0].keys  # (rows, heads, T, size)
        return self._ids.new_ones(keys.shape[0], keys.shape[2])

    def _set_mask(self, mask: torch.Tensor) -> None:
        self._mask = None if bool(mask.all()) else mask
        known = self._mask is not None and self._takes_positions
        self._positions = mask.sum(-1, keepdim=True) - 1 if known else None

    def _forward(self, ids: torch.Tensor) -> torch.Tensor:
        options = dict(self._options)
        if self._mask is not None:
            options["attention_mask"] = self._mask
        if self._positions is not None:
            options["position_ids"] = self._positions
        result = self.model(input_ids=ids, **{self._cache_name: self._cache}, **options)
        self._cache = result[self._cache_name]
        return result.logits[:, -1]


def _last_position(model: nn.Module) -> int:
    """The end of a table of positions that was learned, as GPT-2's; none where positions are computed."""
    from torch import nn

    size = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    tables = (module for module in model.modules() if isinstance(module, nn.Embedding))
    learned = any(table.num_embeddings == size for table in tables)
    return size - 1 if learned else sys.maxsize  # inf would turn the positions into floats


def _padded(tensor: torch.Tensor, dimension: int, width: int) -> torch.Tensor:
    """Zeros before what there is along a dimension."""
    import torch

    missing = width - tensor.shape[dimension]
    if not missing:
        return tensor
    shape = list(tensor.shape)
    shape[dimension] = missing
    return torch.cat([tensor.new_zeros(shape), tensor], dim=dimension)


def score(logits: torch.Tensor, tokens: torch.Tensor, likeliest: int) -> list[Scored]:
    logprobs = logits.float().log_softmax(-1)  # (rows, vocab)
    of_chosen = logprobs.gather(-1, tokens[:, None])[:, 0].tolist()
    best = logprobs.topk(min(likeliest, logprobs.shape[-1]), dim=-1)
    tops = [tuple(zip(*pair, strict=True)) for pair in zip(best.indices.tolist(), best.values.tolist(), strict=True)]
    return [Scored(*row) for row in zip(tokens.tolist(), of_chosen, tops, strict=True)]


class Chooser:
    """Next tokens from logits: temperature, then top-p, then the largest after adding Gumbel noise (= sampling)."""

    def __init__(self, samplings: list[Sampling], device: torch.device) -> None:
        import torch

        self._device = device
        self._seeds = [item.seed for item in samplings]
        self._starts = [item.start for item in samplings]
        self._greedy = all(item.temperature <= 0 for item in samplings)
        temperatures = [item.temperature if item.temperature > 0 else 1.0 for item in samplings]
        self._temperature = torch.tensor(temperatures, device=device)[:, None]
        self._loud = torch.tensor([float(item.temperature > 0) for item in samplings], device=device)[:, None]
        # A greedy row in a batch that samples: top_p 0 leaves it its best token.
        self._top_p = torch.tensor(
            [item.top_p if item.temperature > 0 else 0.0 for item in samplings], device=device
        )[:, None]  # fmt: skip
        self._cut = any(item.top_p < 1 or item.temperature <= 0 for item in samplings)

    def choose(self, logits: torch.Tensor, position: int) -> torch.Tensor:
        """logits (rows, vocab) -> tokens (rows,)"""
        if self._greedy:
            return logits.argmax(-1)
        scores = logits.float() / self._temperature
        if self._cut:
            scores = keep_top_p(scores, self._top_p)
        return (scores + self._noise(position, scores.shape[-1]) * self._loud).argmax(-1)

    def _noise(self, position: int, vocabulary: int) -> torch.Tensor:
        """Gumbel noise by (seed, position), drawn on the CPU so that every device sees the same."""
        import torch

        drawn = {}
        places = [(seed, start + position) for seed, start in zip(self._seeds, self._starts, strict=True)]
        for seed, place in places:
            if (seed, place) not in drawn:
                generator = torch.Generator().manual_seed((seed * 1_000_003 + place) % 2**63)
                uniform = torch.rand(vocabulary, generator=generator).clamp_(1e-9, 1 - 1e-7)
                drawn[seed, place] = -torch.log(-torch.log(uniform))
        return torch.stack([drawn[place] for place in places]).to(self._device)


def keep_top_p(scores: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Scores with −inf outside the smallest set of best tokens whose probabilities reach top_p (rows, 1).

    The best token is always kept. Ties at the edge fall as the sort puts them.
    """
    import torch

    probabilities = scores.softmax(-1)
    width = min(512, scores.shape[-1])
    best, places = probabilities.topk(width, dim=-1)
    before = best.cumsum(-1) - best  # what stands before each token
    if width < scores.shape[-1] and bool(((before[:, -1:] + best[:, -1:]) < top_p).any()):
        best, places = probabilities.sort(dim=-1, descending=True)  # a flat distribution: look at all of it
        before = best.cumsum(-1) - best
    keep = before < top_p
    keep[:, 0] = True
    kept = torch.full_like(scores, float("-inf"))
    return kept.scatter(-1, places, scores.gather(-1, places).masked_fill(~keep, float("-inf")))


def end_tokens(tree: nn.Module, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer: the tokenizer's, the generation config's, and what the chat template writes."""
    model = tree.get_base_model() if hasattr(tree, "get_base_model") else tree
    found = {tokenizer.eos_token_id}
    configured = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    found |= set(configured) if isinstance(configured, list) else {configured}
    # Tuned base models end their turns with the template's token, which neither of the two may name.
    for name in ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|return|>", "<|user|>"):
        found.add(tokenizer.get_added_vocab().get(name))
    return frozenset(found - {None})
