"""Rendered conversations, a module tree of the base and a spec -> a trainer of its method (supervised fine-tuning)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch.nn.functional import cross_entropy, pad
from transformers import PrinterCallback, TrainerCallback, set_seed
from trl import SFTTrainer

from workbench.data.render import Rendered
from workbench.errors import UserError
from workbench.models.building import BUILDING
from workbench.specs import Spec
from workbench.stages import methods
from workbench.stages.arguments import arguments
from workbench.stages.batches import IGNORED, ByLength, Collator, Layout, count_tokens
from workbench.stages.methods.method import Method
from workbench.stages.packing import packs
from workbench.stages.random_state import preserved
from workbench.stages.saving import WholeCheckpoints
from workbench.stages.watch import Watch


def build(
    spec: Spec,
    model: Any,
    tokenizer: Any,
    rows: Sequence[Rendered],
    run_dir: Path,
    callbacks: Sequence[TrainerCallback] = (),
    held_out: Sequence[Rendered] = (),
    method: Method | None = None,
) -> SftTrainer:
    """A trainer of what the spec's method puts on `model`, a module tree of its own (`Method.tree`).

    The seed decides the method's first weights, the order of the rows and the dropout. Building it resets the
    process's accelerator state, so only the one thread that trains may.
    """
    method = method or methods.of(spec)
    device, dtype = next(model.parameters()).device, model.dtype
    routers = _routers(model, spec)
    _check_lengths(model, spec, [*rows, *held_out])
    set_seed(spec.training.seed)
    learning = method.put_on(model, tokenizer, rows)
    if method.learns_head:  # TRL refuses this for the sake of its fused head, which is not used then
        learning.get_output_embeddings = lambda: None
    learned = {name: value.data for name, value in learning.named_parameters() if value.requires_grad}
    with BUILDING:
        trainer = SftTrainer(
            model=learning,
            args=arguments(spec, run_dir, device, dtype, evaluates=bool(held_out)),
            train_dataset=_dataset(rows, spec.data.max_length if spec.packs else None),
            eval_dataset=_dataset(held_out) if held_out else None,
            processing_class=tokenizer,
            data_collator=Collator(_pad_token(tokenizer)),
            callbacks=[*method.callbacks(learning), *callbacks],
        )
    # Over a rounded base TRL turns what learns into bfloat16, which loses LoftQ's beginning and small steps, and does
    # not match what only stands beside it (VeRA's projections, LoRA-FA's A).
    for name, value in learning.named_parameters():
        if value.requires_grad and value.dtype != learned[name].dtype:
            value.data = learned[name]
    learning.__dict__.pop("get_output_embeddings", None)
    for name, value in routers.items():  # TRL writes the knob there, and a whole model would be saved with it
        setattr(bare(learning).config.get_text_config(), name, value)
    trainer.method = method
    trainer.remove_callback(PrinterCallback)  # stdout belongs to the caller
    trainer.keep_boundaries()
    noisy = spec.training.neftune_noise_alpha > 0  # how much depends on the width of a batch
    if spec.packs:
        trainer.lay_packs()
    elif device.type == "cpu" and method.rows_may_touch and not noisy:
        trainer.lay_flat_if_exact()
    return trainer


class SftTrainer(WholeCheckpoints, SFTTrainer):
    """SFTTrainer whose loss on a CPU computes logits only where there is something to learn.

    TRL's fused head saves gigabytes of logits on a GPU and is kept there; on a CPU it costs about 45 % more time per
    step than this plain forward. Losses agree within 1e-6 (tests/stages/test_sft.py).
    """

    tokens_seen = 0  # in this session, padding left out
    layout_note = ""  # for the log

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.watch = Watch()
        self.evaluated = _Mean()
        self._balances = self.aux_loss_enabled

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        rows = inputs.pop("rows", None)
        self.aux_loss_enabled = self._balances and self.model.training  # what is evaluated is the cross entropy alone
        if not self.model.training:
            count = int((inputs["labels"][:, 1:] != IGNORED).sum())
            loss = self._loss(model, inputs, return_outputs, max(count, 1))
            self.evaluated.add(loss[0] if return_outputs else loss, count)
            return loss
        self.tokens_seen += count_tokens(inputs)
        self.watch.begin(self.state.global_step + 1, rows)
        loss = self._loss(model, inputs, return_outputs, num_items_in_batch)
        self.watch.end(loss.detach())
        return loss

    def _loss(self, model, inputs, return_outputs, num_items_in_batch):
        weights = inputs.pop("weights", None)
        if inputs["input_ids"].device.type != "cpu" and weights is None and not self.method.learns_head:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if return_outputs:
            raise ValueError("the outputs hold logits of trained positions only; ask for the loss alone")
        balance: list[torch.Tensor] = []
        asked = (balance,) if self.aux_loss_enabled else ()
        per_token, chosen = trained_losses(model, inputs, *asked)
        # TRL weights the evaluation too; ours stays comparable with other runs'.
        if self.args.loss_type == "dft" and self.model.training:
            per_token = per_token * torch.exp(-per_token.detach())
        if weights is not None:
            per_token = per_token * pad(weights[:, 1:], (0, 1))[chosen]
        loss = per_token.sum() / (num_items_in_batch or max(int(chosen.sum()), 1))
        for uneven in balance:
            # As TRL does it: a mean of each micro-batch, so each counts for its part of the step.
            parts = self.current_gradient_accumulation_steps if num_items_in_batch is not None else 1
            loss = loss + self.router_aux_loss_coef * uneven / parts
        return loss

    def training_step(self, model, inputs, num_items_in_batch=None):
        loss = super().training_step(model, inputs, num_items_in_batch)
        extra = self.method.extra_loss(self.model)
        if extra is not None:  # its gradient only: the curve shows the cross entropy
            self.accelerator.backward(extra / self.current_gradient_accumulation_steps)
        return loss

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Any:
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        seed = self.args.seed if self.args.data_seed is None else self.args.data_seed
        batch_size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return ByLength(list(self.train_dataset["length"]), batch_size, seed)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        return 0  # counting the parameters anew costs a millisecond a step, and nobody reads the number

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        with preserved():  # an evaluation alone would change the training curve
            return super().evaluate(*args, **kwargs)

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """The loss is the mean over all tokens that take loss: the Trainer's mean of its batches' means would weigh
        the tokens of a batch with few of them more, and change with the batch size."""
        self.evaluated = _Mean()
        output = super().evaluation_loop(*args, **kwargs)
        sums = torch.tensor([self.evaluated.total, self.evaluated.count], device=self.args.device)
        total, count = self.accelerator.reduce(sums, "sum").tolist()  # of all processes
        output.metrics["eval_loss"] = total / max(count, 1)
        return output

    def lay_flat_if_exact(self) -> None:
        """Lay rows end to end where that is cheaper, if this architecture then computes the same."""
        same = self._flat_is_exact()
        self.layout_note = "rows lie end to end where that is less work" if same else "rows are padded side by side"
        if same:
            self.data_collator = Collator(self.data_collator.pad_token_id, Layout.of(bare(self.model)))

    def lay_packs(self) -> None:
        """Packed rows, if this architecture keeps them apart. Raises UserError if it would mix them."""
        if not self._flat_is_exact():
            raise UserError("training.packing_mixes", path="data.packing", kind=self.model.config.model_type)
        self.data_collator = Collator(self.data_collator.pad_token_id, packed=True)
        documents = sum(map(len, self.train_dataset["rows"]))
        self.layout_note = f"{documents} rows packed into {len(self.train_dataset)}"

    def _flat_is_exact(self) -> bool:
        """Whether rows laid end to end cost what padded ones cost: tried on rows."""
        rows = [_first_document(self.train_dataset[index]) for index in range(min(2, len(self.train_dataset)))]
        padded = Collator(self.data_collator.pad_token_id)
        flat = Collator(padded.pad_token_id, packed=True)
        was_training, device = self.model.training, next(self.model.parameters()).device
        tolerance = 1e-4 if self.model.dtype == torch.float32 else 5e-2
        self.model.eval()
        try:
            with torch.no_grad():
                batches = [collate([*rows, rows[0]]) for collate in (padded, flat)]
                losses = [
                    trained_losses(self.model, {name: value.to(device) for name, value in batch.items()})[0]
                    for batch in batches
                ]
            return losses[0].shape == losses[1].shape and torch.allclose(*losses, atol=tolerance, rtol=tolerance)
        except (TypeError, ValueError):  # an architecture that takes no position_ids
            return False
        finally:
            self.model.train(was_training)


class _Mean:
    """Losses that are means of batches -> their sum and the tokens in it."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, loss: torch.Tensor, count: int) -> None:
        self.total += float(loss.detach()) * count
        self.count += count


def _routers(model: Any, spec: Spec) -> dict[str, Any]:
    """What a mixture of experts says of its routers. Raises UserError where there are none to be balanced."""
    config = model.config.get_text_config()
    found = {
        name: getattr(config, name)
        for name in ("output_router_logits", "router_aux_loss_coef")
        if hasattr(config, name)
    }
    if spec.training.router_aux_loss_coef and "output_router_logits" not in found:
        raise UserError("training.no_routers", path="training.router_aux_loss_coef", kind=model.config.model_type)
    return found


def _check_lengths(model: Any, spec: Spec, rows: Sequence[Rendered]) -> None:
    """Raises UserError for rows longer than the positions that a model has learned (GPT-2); others go on counting."""
    known = [name for name, part in model.named_modules() if isinstance(part, torch.nn.Embedding)]
    if not any(re.search(r"wpe$|position", name) for name in known):
        return
    before = spec.adapter.num_virtual_tokens if spec.adapter.type in ("prefix", "prompt", "p_tuning") else 0
    limit = model.config.max_position_embeddings - before
    longest = max(len(row.input_ids) for row in rows)
    if longest > limit:
        raise UserError(
            "training.rows_too_long", path="data.max_length", longest=longest, limit=limit, kind=model.config.model_type
        )


def _first_document(row: dict[str, Any]) -> dict[str, Any]:
    length = (row.get("lengths") or [len(row["input_ids"])])[0]
    return {name: row[name][:length] for name in ("input_ids", "labels")}


def trained_losses(
    model: Any, batch: dict[str, torch.Tensor], balance: list[torch.Tensor] | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """(losses of shape (N,), mask of shape (B, T) with N true places): cross entropy where the next token takes loss.

    A hook hands the head only those positions: logits of a prompt or of padding are never computed.
    balance gets how unevenly a mixture of experts spread the tokens (Fedus et al. 2021; a scalar).
    """
    inputs = {name: value for name, value in batch.items() if name not in ("labels", "weights", "rows")}
    if balance is not None:
        inputs["output_router_logits"] = True
    targets = pad(batch["labels"][:, 1:], (0, 1), value=IGNORED)
    chosen = targets != IGNORED

    def only_chosen(_, given):  # a virtual prompt stands before the text
        hidden = given[0]
        return (hidden[:, hidden.shape[1] - chosen.shape[1] :][chosen], *given[1:])

    hook = bare(model).get_output_embeddings().register_forward_pre_hook(only_chosen)
    try:
        outputs = model(**inputs, use_cache=False)
    finally:
        hook.remove()
    if balance is not None:
        balance.append(outputs.aux_loss)
    logits = outputs.logits  # (N, vocab)
    return cross_entropy(logits.float(), targets[chosen], reduction="none"), chosen


def bare(model: Any) -> Any:
    """The model of transformers inside PEFT's wrapper, if there is one."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _dataset(rows: Sequence[Rendered], pack_length: int | None = None) -> Dataset:
    """Columns input_ids, labels, rows (which of the given ones), weights where a row has some, lengths of packed ones.

    `length` is what group_by_length sorts by.
    """
    groups = [[index] for index in range(len(rows))]
    if pack_length is not None:
        groups = packs([len(row.input_ids) for row in rows], pack_length)
    columns: dict[str, list[Any]] = {
        "input_ids": [[token for index in group for token in rows[index].input_ids] for group in groups],
        "labels": [[label for index in group for label in rows[index].labels] for group in groups],
        "rows": groups,
    }
    columns["length"] = [len(ids) for ids in columns["input_ids"]]
    if any(row.weights for row in rows):
        columns["weights"] = [_weights([rows[index] for index in group]) for group in groups]
    if pack_length is not None:
        columns["lengths"] = [[len(rows[index].input_ids) for index in group] for group in groups]
    return Dataset.from_dict(columns)


def _weights(rows: Sequence[Rendered]) -> list[float] | None:
    """None where no row asks for weights: such a batch goes the faster way."""
    if not any(row.weights for row in rows):
        return None
    return [weight for row in rows for weight in row.weights or [1.0] * len(row.input_ids)]


def _pad_token(tokenizer: Any) -> int:
    # Padding is masked everywhere, so any token can stand there.
    return tokenizer.pad_token_id if tokenizer.pad_token_id is not None else (tokenizer.eos_token_id or 0)
